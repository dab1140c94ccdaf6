"""Roles: what is measured covers the truth, what is too little is not said, nothing becomes one score."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from analysis.models.expectation import come_in, expectation, next_range
from analysis.models.gains import gains
from analysis.models.own import own_acts
from analysis.models.result import Result
from analysis.models.roles import busiest, ratio_interval, roles
from analysis.platforms import cards
from analysis.simulate import END
from tests.models.made_posts import flows
from tests.models.worlds import made as sample_world

CARDS = cards()
DAY = pd.Timestamp("2025-01-01", tz="UTC")


@pytest.fixture(scope="module")
def sample():
    made = sample_world()
    ours = made.content.loc[made.content["site"] == "tidewater-review.example", "content_id"]
    visits = made.intervals[made.intervals["metric"] == "visits"]
    own = own_acts(made.events, ours, made.readings)
    looked = made.readings[made.readings["metric"] == "link_followed"]
    result = roles(visits, made.events, own, looked, CARDS, date(2018, 3, 31))
    return made, result, result.table.set_index(["platform", "measure"])


def test_networking_measures_what_was_planted(sample):
    made, _, table = sample
    told = made.truth.query("platform == 'mastodon'").set_index("fact")["value"]
    answered = table.loc[("mastodon", "posts answered")]
    assert answered["value"] == told["posts answered"]
    assert answered["low"] < told["posts answered"] < answered["high"]
    assert answered["account"] == "business"
    none = table.loc[("reddit", "posts answered")]
    assert (none["seen"], none["low"]) == (0, 0)


def test_what_is_shared_of_other_sites_is_no_reach(sample):
    made, _, table = sample
    assert (
        table.loc[("mastodon", "reach"), "of"] <= (made.content["site"] == "tidewater-review.example").sum()
    )


def test_links_say_what_the_card_says_and_what_was_seen(sample):
    _, _, table = sample
    assert table.loc[("digg", "links by its card"), "says"].startswith("nofollow since 2009")
    assert table.loc[("hackernews", "links seen followed"), "says"] == "followed"
    assert table.loc[("lobsters", "links seen followed"), "says"] == "not followed"
    reddit = table.loc[("reddit", "links seen followed")]
    assert np.isnan(reddit["value"])
    assert "could not be seen" in reddit["reason"]


def test_where_there_is_too_little_nothing_is_said(sample):
    _, result, table = sample
    short = result.table[result.table["reason"].str.startswith("not enough data")]
    assert len(short)
    assert short[["value", "low", "high"]].isna().all(axis=None)
    assert np.isnan(table.loc[("stumbleupon", "busiest day"), "value"])


def test_a_flash_and_a_tail_are_told_apart():
    hours = pd.date_range(DAY, periods=40 * 24, freq="h")
    parts = []
    for platform, half in (("digg", 4.0), ("stumbleupon", 200.0)):
        for content in range(5):
            value = np.round(500 * np.exp(-np.log(2) * np.arange(len(hours)) / half))
            parts.append(pd.DataFrame({"platform": platform, "content_id": f"c{content}", "start": hours,
                                       "value": value * (content + 1)}))  # fmt: skip
    visits = pd.concat(parts).assign(
        end=lambda frame: frame["start"] + pd.Timedelta(hours=1), metric="visits", observer="log",
        observed_at=DAY + pd.Timedelta(days=60), partial=False, status="observed",
    )  # fmt: skip
    events = pd.DataFrame({"event_id": ["digg:1"], "content_id": "c0", "platform": "digg",
                           "kind": "submission", "parent_id": None, "actor": None})  # fmt: skip
    none = pd.DataFrame(columns=["platform", "account", "kind", "post", "parent_id", "at"])
    looked = pd.DataFrame(columns=["platform", "item_id", "observed_at", "value", "status"])
    table = roles(visits, events, none, looked, CARDS, date(2025, 3, 1)).table
    says = table[table["measure"] == "busiest day"].set_index("platform")["says"]
    assert says.to_dict() == {"digg": "flash", "stumbleupon": "tail"}
    kinds = pd.Series({"c0": "essay"})
    apart = roles(visits, events, none, looked, CARDS, date(2025, 3, 1), kinds=kinds).table
    assert set(apart["content_kind"]) == {"all content", "essay"}


def test_the_busiest_day_is_found_wherever_it_begins():
    start = pd.Series(DAY + pd.to_timedelta([0, 30, 40, 53, 54, 90], unit="h"))
    begin, held = busiest(start, np.array([5.0, 4, 4, 4, 1, 5]))
    assert (begin, held) == (DAY + pd.Timedelta(hours=30), 12.0)


def test_the_interval_of_a_ratio_covers_it():
    inside = 0
    for seed in range(120):
        part, whole = flows(seed, 8, 0.7)
        low, high = ratio_interval(part, whole)
        inside += low <= 0.7 <= high
    assert 0.82 <= inside / 120 <= 0.98


def made_result(each):
    named = pd.DataFrame(
        {"platform": ["digg"], "kind": ["platform"], "half_life_hours": [2.0], "course": ["flash"]}
    )
    return Result(named, "found", "", "", (), "m", {}, {"contents": each})


def test_the_next_piece_is_expected_between_what_earlier_ones_got(sample):
    _, good_for, _ = sample
    each = pd.DataFrame({"content_id": [f"c{i}" for i in range(19)], "platform": "digg", "shares": 1,
                         "visits": np.arange(19.0)})  # fmt: skip
    out = expectation(made_result(each), good_for, 30, CARDS).table.set_index("platform")
    digg = out.loc["digg"]
    assert (digg["visits"], digg["low"], digg["high"], digg["chance"]) == (9, 1, 17, 0.8)
    assert digg["lasts"] == "halves in 2.0 hours, flash"
    assert "nofollow" in digg["links"]
    few = expectation(made_result(each.head(4)), good_for, 30, CARDS).table.set_index("platform").loc["digg"]
    assert np.isnan(few["visits"])
    assert few["evidence"].startswith("missing: 4 contents")


def test_the_range_for_the_next_piece_holds_it_as_often_as_it_says():
    rng, inside, chance = np.random.default_rng(1), 0, []
    for _ in range(1000):
        drawn = rng.lognormal(4, 2, 13)
        row = next_range(np.sort(drawn[:12]))
        inside += row["low"] <= drawn[12] <= row["high"]
        chance.append(row["chance"])
    assert inside / 1000 == pytest.approx(np.mean(chance), abs=0.03)


def test_what_a_share_brings_comes_in_to_the_whole():
    out = come_in(pd.DataFrame({"platform": "digg", "hours": [0, 1, 2], "part": [0.2, 0.6, 0.2]}))
    assert out["come"].tolist() == pytest.approx([0.2, 0.8, 1.0])
    assert out["half_hours"].unique().tolist() == [2]


def test_gains_add_up_to_the_counter_and_say_what_is_unknown():
    found = pd.DataFrame(
        {"platform": "digg", "metric": "diggs", "item_id": ["a", "a", "a", "b"], "content_id": "c",
         "born": DAY,
         "born_known": [True, True, True, False], "value": [5.0, 9.0, 8.0, 100.0],
         "at": DAY + pd.to_timedelta([1, 2, 80, 3], unit="h")}
    )  # fmt: skip
    lost = pd.DataFrame({"platform": ["digg"], "metric": ["diggs"], "at": [DAY + pd.Timedelta(hours=30)]})
    out = gains(found, DAY, END + pd.Timedelta(days=9000), CARDS, lost)
    assert out["value"].tolist()[0] == 9.0
    assert np.isnan(out["value"].iloc[1])
    assert out["value"].tolist()[2:] == [0.0, -1.0]
    assert gains(found.iloc[:0], DAY, END, CARDS).empty
