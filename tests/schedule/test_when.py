"""When something is due: plain words, cron, both changes of the clock; and what relative dates mean then."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analysis.reports.parameters import Parameter
from analysis.schedule.dates import resolve
from analysis.schedule.when import parse

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "cron"),
    [
        ("hourly", "0 * * * *"),
        ("daily 06:00", "0 6 * * *"),
        ("Daily  6:05", "5 6 * * *"),
        ("weekdays 06:00", "0 6 * * 1-5"),
        ("weekly monday 07:00", "0 7 * * 1"),
        ("weekly Sun 07:30", "30 7 * * 0"),
        ("monthly 1 06:00", "0 6 1 * *"),
        ("*/15 8-17 * * mon-fri", "*/15 8-17 * * mon-fri"),
        ("0 6 l * *", "0 6 l * *"),
    ],
)
def test_words_and_cron(words, cron):
    assert parse(words, UTC_ZONE).cron == cron


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "daily 06:00"),
        ("daily", "expected a time of day"),
        ("daily 24:00", "no time of day"),
        ("hourly 06:00", "takes no time"),
        ("weekly someday 07:00", "no day of the week"),
        ("monthly 31 06:00", "from 1 to 28"),
        ("61 * * * *", "bad minute"),
        ("0 6 30 2 *", "bad day-of-month"),
        ("* * * * * *", "five fields"),
        ("fortnightly", "five fields"),
    ],
)
def test_what_is_no_moment_says_what_is(words, expected):
    with pytest.raises(ValueError, match=expected):
        parse(words, UTC_ZONE)


def test_a_time_that_spring_skips_is_due_when_the_gap_is_over():
    when = parse("daily 02:30", BERLIN)
    assert when.slots(utc(2026, 3, 28), utc(2026, 3, 31)) == [
        utc(2026, 3, 28, 1, 30),
        utc(2026, 3, 29, 1, 0),  # 03:00 summer time
        utc(2026, 3, 30, 0, 30),
    ]


def test_a_time_that_autumn_repeats_is_due_once_wherever_one_asks_from():
    when = parse("daily 02:30", BERLIN)
    once = [utc(2026, 10, 24, 0, 30), utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]
    assert when.slots(utc(2026, 10, 24), utc(2026, 10, 27)) == once
    for minutes in range(0, 300, 7):
        moment = utc(2026, 10, 24, 22) + timedelta(minutes=minutes)
        assert when.newest(moment) == max(
            slot for slot in [utc(2026, 10, 24, 0, 30), *once] if slot <= moment
        )
        assert when.next(moment) == min(slot for slot in once if slot > moment)


def test_every_hour_follows_the_real_hours():
    when = parse("hourly", BERLIN)
    assert len(when.slots(utc(2026, 10, 24, 22), utc(2026, 10, 25, 23))) == 25
    assert len(when.slots(utc(2026, 3, 28, 23), utc(2026, 3, 29, 22))) == 23
    assert when.period(utc(2026, 10, 24, 22)) == timedelta(hours=1)


def test_slots_are_after_and_until():
    when = parse("daily 06:00", UTC_ZONE)
    assert when.slots(utc(2026, 1, 1, 6), utc(2026, 1, 2, 6)) == [utc(2026, 1, 2, 6)]
    assert when.newest(utc(2026, 1, 1, 6)) == utc(2026, 1, 1, 6)
    assert when.next(utc(2026, 1, 1, 6)) == utc(2026, 1, 2, 6)
    assert parse("monthly 1 06:00", UTC_ZONE).period(utc(2026, 1, 15)) == timedelta(days=31)
    assert parse("0 6 29 2 *", UTC_ZONE).next(utc(2026, 1, 1)) == utc(2028, 2, 29, 6)


SLOT = utc(2026, 3, 4, 23, 30)


def value(words, name="since", kind="date", slot=SLOT, zone=BERLIN):
    return resolve(words, Parameter(name, kind, True, None, ""), slot, zone)


def test_dates_count_from_the_slot_in_the_zone():
    # it is Thursday the 5th, half past midnight, in Berlin
    assert value("today") == "2026-03-05"
    assert value("now") == "2026-03-05"
    assert value("Yesterday") == "2026-03-04"
    assert value("10 days ago") == "2026-02-23"
    assert value("today", zone=UTC_ZONE) == "2026-03-04"
    assert (value("last full day"), value("last full day", "until")) == ("2026-03-04", "2026-03-05")
    assert (value("last full week"), value("last full week", "until")) == ("2026-02-23", "2026-03-02")
    assert (value("last full month"), value("last full month", "until")) == ("2026-02-01", "2026-03-01")
    assert value("last full month", slot=utc(2026, 1, 31, 23)) == "2026-01-01"
    assert value("2026-01-31") == "2026-01-31"


def test_a_day_given_to_a_moment_begins_in_the_zone():
    assert value("now", "as_of", "datetime") == "2026-03-04T23:30:00+00:00"
    assert value("today", "as_of", "datetime") == "2026-03-04T23:00:00+00:00"
    assert value("last full week", "as_of", "datetime") == "2026-03-01T23:00:00+00:00"
    assert value("last full week", "since", "datetime") == "2026-02-22T23:00:00+00:00"
    # the day after the spring change begins in summer time
    assert value("yesterday", "since", "datetime", utc(2026, 3, 31, 5)) == "2026-03-29T22:00:00+00:00"
