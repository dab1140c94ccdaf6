"""Exports of every platform: what one row becomes, and that damage and disorder change nothing else."""

import csv
import io
import json
import os
import random
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.actors import actor_hash
from analysis.errors import UserError
from analysis.platforms import modules
from analysis.platforms.exports import csv_rows, epoch, number, numeric_date, read_text
from analysis.tables import TABLES, conform
from analysis.urls import canonical

FIXTURES = Path(__file__).parent / "fixtures"
MADE = datetime(2026, 10, 1, tzinfo=UTC)
CSVS = [
    ("raindrop", "csv", "raindrop.csv"),
    ("pocket", "csv", "pocket.csv"),
    ("instapaper", "csv", "instapaper.csv"),
    ("twitter", "analytics", "twitter_posts_old.csv"),
    ("twitter", "analytics", "twitter_posts_new.csv"),
    ("twitter", "analytics", "twitter_days.csv"),
    ("facebook", "insights", "facebook_posts_en.csv"),
    ("facebook", "insights", "facebook_posts_de.csv"),
    ("facebook", "insights", "facebook_posts_days.csv"),
    ("facebook", "insights", "facebook_page.csv"),
    ("stumbleupon", "discover", "stumbleupon.csv"),
    ("digg", "votes", "digg_votes.csv"),
    ("myspace", "placements", "myspace.csv"),
]
OTHERS = [
    ("pinboard", "json", "pinboard.json"),
    ("delicious", "netscape", "delicious.htm"),
    ("pinboard", "netscape", "delicious.htm"),
    ("raindrop", "netscape", "delicious.htm"),
    ("twitter", "archive", "tweets.js"),
    ("digg", "stories", "digg_stories.json"),
]


def run(platform, form, path, made=MADE, **options):
    return list(modules()[platform].IMPORTS[form](Path(path), observed_at=made, **options))


def fixture(platform, form, name, **options):
    return run(platform, form, FIXTURES / name, **options)


@cache
def whole(platform, form, name):
    """What the whole fixture puts into a store."""
    return stored(fixture(platform, form, name))


def rows(batches, table):
    return [row for batch in batches for row in getattr(batch, table).to_dict("records")]


def aside(batches):
    return [row["reason"] for row in rows(batches, "set_aside")]


def stored(*imports):
    """What a store holds after these imports, table by table: each key once, the first wins."""
    out = {}
    for name, table in TABLES.items():
        frames = [getattr(batch, name) for batches in imports for batch in batches]
        frames = [frame for frame in frames if len(frame)]
        if not frames:
            continue
        frame = pd.concat(frames, ignore_index=True).drop_duplicates(list(table.key))
        # a file's name is part of its source, and what fell can only be told beside what it fell from
        frame = frame.drop(columns=[c for c in ("source", "reason") if c in frame])
        out[name] = frame.sort_values(list(table.key)).reset_index(drop=True)
    return out


def same(one, two):
    assert one.keys() == two.keys()
    for name in one:
        pd.testing.assert_frame_equal(one[name], two[name])


# -- what rows become ---------------------------------------------------------------------------


@pytest.mark.parametrize(("platform", "form", "name"), CSVS + OTHERS)
def test_every_row_conforms_and_is_counted(platform, form, name):
    batches = fixture(platform, form, name)
    for batch in batches:
        for table in TABLES.values():
            conform(getattr(batch, table.name), table)
        used = set(batch.origins[""])
        for table in ("events", "readings", "intervals"):
            assert len(batch.origins[table]) == len(getattr(batch, table))
            assert set(batch.origins[table]) <= used
    metrics = {row["metric"] for table in ("readings", "intervals") for row in rows(batches, table)}
    card = modules()[platform].CARD
    for metric in metrics:
        assert card.metric(metric).definition
    kinds = {row["kind"] for row in rows(batches, "events")}
    assert kinds <= {metric.name for metric in card.metrics if metric.shape == "event"} | {"private_bookmark"}


def test_pinboard():
    batches = fixture("pinboard", "json", "pinboard.json")
    events = rows(batches, "events")
    assert [e["kind"] for e in events] == ["bookmark", "private_bookmark", "bookmark"]
    assert [e["occurred_at"] for e in events] == [
        datetime(2019, 5, 7, 12, tzinfo=UTC),
        datetime(2020, 1, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2021, 6, 1, 8, 30, tzinfo=UTC),
    ]
    assert events[0]["community"] == "news,weekly"
    assert {e["observed_at"] for e in events} == {MADE}
    assert [c["title"] for c in rows(batches, "content")] == [
        "First, saved",
        "Second",
        'Third {braces} "quoted"',
    ]
    assert "private note" not in str(batches)


def test_raindrop_keeps_its_own_id():
    batches = fixture("raindrop", "csv", "raindrop.csv")
    assert [e["event_id"] for e in rows(batches, "events")] == [
        "raindrop:101",
        "raindrop:102",
        "raindrop:103",
    ]
    assert rows(batches, "events")[2]["occurred_at"] == datetime(2022, 3, 3, 12, tzinfo=UTC)


def test_reading_lists_are_private_and_keep_no_words():
    for platform, name in (("pocket", "pocket.csv"), ("instapaper", "instapaper.csv")):
        batches = fixture(platform, "csv", name)
        events = rows(batches, "events")
        assert {e["kind"] for e in events} == {"private_bookmark"}
        assert [int(e["occurred_at"].timestamp()) for e in events] == [1400000000, 1500000000, 1600000000]
        assert "words of the article" not in str([b.content.to_dict() for b in batches])
    titles = [c["title"] for c in rows(fixture("pocket", "csv", "pocket.csv"), "content")]
    assert titles[0] == "First"
    assert pd.isna(titles[1])  # Pocket writes the URL where it knows no title


def test_netscape():
    batches = fixture("delicious", "netscape", "delicious.htm")
    events, content = rows(batches, "events"), rows(batches, "content")
    assert [c["url"] for c in content] == [
        canonical("https://example.com/a?x=1&y=2"), "https://example.org/b", "https://example.net/c",
    ]  # fmt: skip
    assert content[0]["title"] == "First & best"
    assert [e["kind"] for e in events] == ["bookmark", "private_bookmark", "bookmark"]
    assert events[2]["occurred_at"] == datetime(2018, 4, 17, 20, 16, 34, 943160, tzinfo=UTC)
    assert len(aside(batches)) == 2


@pytest.mark.parametrize(
    ("name", "marks", "set_aside"),
    [("chromium_nested", 18, 0), ("delicious", 5, 0), ("delicious_sanitize", 2, 0), ("firefox_nested", 21, 3),
     ("google_bookmarks_nested", 6, 0), ("netscape_extended", 1, 0), ("scuttle", 4, 0), ("shaarli", 5, 1)],
)  # fmt: skip
def test_every_recorded_netscape_file(shared, name, marks, set_aside):
    path = shared / f"payloads/bookmarks/netscape/{name}.htm"
    batches = run("delicious", "netscape", path)
    assert (len(rows(batches, "events")), len(aside(batches))) == (marks, set_aside)
    # every address a bookmark line of the file names, in the file's order, beside what has no web address
    text = path.read_text(errors="replace")
    assert text.upper().count("<DT><A") == marks + set_aside
    years = {e["occurred_at"].year for e in rows(batches, "events")}
    assert min(years) >= 2004
    assert max(years) <= 2020


def test_tweets_js(tmp_path):
    batches = fixture("twitter", "archive", "tweets.js")
    events = {e["event_id"].removeprefix("twitter:13418"): e for e in rows(batches, "events")}
    assert {key[-3:]: e["kind"] for key, e in events.items()} == {
        "001": "submission", "1#2": "submission", "002": "repost", "003": "reply", "004": "quote",
    }  # fmt: skip
    first = next(e for e in rows(batches, "events") if e["event_id"].endswith("0001"))
    assert first["occurred_at"] == datetime(2020, 12, 23, 17, 12, 8, tzinfo=UTC)
    reply = next(e for e in rows(batches, "events") if e["kind"] == "reply")
    assert reply["parent_id"] == "twitter:1341700000000000009"
    readings = {(r["item_id"][-1], r["metric"]): r["value"] for r in rows(batches, "readings")}
    assert readings == {
        ("1", "likes"): 12, ("1", "retweets"): 3, ("3", "likes"): 1, ("3", "retweets"): 0,
        ("4", "likes"): 7, ("4", "retweets"): 2,
        # of a post's words only their number is kept: links, names and hashtags are none
        ("1", "words"): 5, ("3", "words"): 2, ("4", "words"): 1,
    }  # fmt: skip
    assert [g["item_id"] for g in rows(batches, "gone")] == ["1341800000000000005"]
    assert "Words" not in str([b.events.to_dict() for b in batches])


def test_an_archive_says_when_it_was_made(tmp_path):
    (tmp_path / "tweets.js").write_text((FIXTURES / "tweets.js").read_text())
    manifest = {"archiveInfo": {"sizeBytes": "1", "generationDate": "2021-02-03T04:05:06.000Z"}}
    (tmp_path / "manifest.js").write_text(f"window.__THAR_CONFIG = {json.dumps(manifest)}")
    batches = run("twitter", "archive", tmp_path / "tweets.js", made=None)
    assert {r["observed_at"] for r in rows(batches, "readings")} == {
        datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC)
    }


def test_twitter_analytics_old_new_and_by_day():
    old = {
        (r["item_id"][-1], r["metric"]): r
        for r in rows(fixture("twitter", "analytics", "twitter_posts_old.csv"), "readings")
    }
    assert old["1", "impressions"]["value"] == 1200
    assert old["4", "url_clicks"]["status"] == "suppressed"  # "-" is not 0
    assert pd.isna(old["4", "url_clicks"]["value"])
    new = {
        (r["item_id"][-1], r["metric"]): r["value"]
        for r in rows(fixture("twitter", "analytics", "twitter_posts_new.csv"), "readings")
    }
    assert (new["1", "impressions"], new["1", "retweets"], new["1", "follows"]) == (1234, 5, 1)
    days = rows(
        fixture("twitter", "analytics", "twitter_days.csv", account="https://x.com/madeup"), "intervals"
    )
    bins = {(r["start"].day, r["metric"]): r for r in days}
    assert bins[30, "account_impressions"]["value"] == 1500
    assert bins[30, "account_impressions"]["end"] - bins[30, "account_impressions"]["start"] == pd.Timedelta(
        "1D"
    )
    assert bins[1, "account_unfollows"]["status"] == "suppressed"
    assert not any(r["partial"] for r in days)
    today = run(
        "twitter", "analytics", FIXTURES / "twitter_days.csv", made=datetime(2024, 12, 1, 15, tzinfo=UTC)
    )
    assert {r["start"].day for r in rows(today, "intervals") if r["partial"]} == {1}


def test_facebook_speaks_english_german_and_swedish(tmp_path):
    english = rows(fixture("facebook", "insights", "facebook_posts_en.csv"), "readings")
    values = {(r["item_id"][-1], r["metric"]): r["value"] for r in english}
    assert values["1", "reach"] == 1520
    assert values["2", "reach"] == 12300
    assert values["1", "engagements"] == 33
    assert {r["status"] for r in english if r["item_id"][-1] == "2" and r["metric"] == "link_clicks"} == {
        "suppressed"
    }
    german = fixture("facebook", "insights", "facebook_posts_de.csv")
    for r in rows(german, "readings"):
        assert values[r["item_id"][-1], r["metric"]] == r["value"]
    # 24.04. can only be a day first, so 05.01. is one too; 23:30 in California is the next day in UTC
    published = {c["published_at"] for c in rows(german, "content")}
    assert published == {datetime(2024, 4, 24, 16, 15, tzinfo=UTC), datetime(2024, 1, 6, 7, 30, tzinfo=UTC)}
    english_dates = rows(fixture("facebook", "insights", "facebook_posts_en.csv"), "content")
    assert {c["published_at"] for c in english_dates} == published
    berlin = fixture("facebook", "insights", "facebook_posts_de.csv", zone="Europe/Berlin")
    assert datetime(2024, 4, 24, 7, 15, tzinfo=UTC) in {c["published_at"] for c in rows(berlin, "content")}
    assert "Worte" not in str([b.content.to_dict() for b in german])


def test_facebook_by_day_is_an_interval_not_a_total():
    batches = fixture("facebook", "insights", "facebook_posts_days.csv")
    assert rows(batches, "readings") == []
    bins = {(r["start"].day, r["metric"]): r for r in rows(batches, "intervals")}
    assert bins[13, "daily_reach"]["value"] == 400
    assert bins[13, "daily_reach"]["start"] == datetime(2026, 2, 13, 8, tzinfo=UTC)  # midnight in California
    assert bins[15, "daily_reach"]["status"] == "suppressed"


def test_facebook_page_days_know_summer_time():
    batches = fixture("facebook", "insights", "facebook_page.csv", account="https://www.facebook.com/madeup")
    spans = {r["end"] - r["start"] for r in rows(batches, "intervals")}
    assert spans == {pd.Timedelta("23h"), pd.Timedelta("24h"), pd.Timedelta("25h")}
    likes = {r["observed_at"]: r["value"] for r in rows(batches, "readings") if r["metric"] == "page_likes"}
    assert likes[datetime(2014, 3, 10, 7, tzinfo=UTC)] == 5120
    assert aside(batches) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_facebook_in_other_bytes(tmp_path, encoding):
    text = (FIXTURES / "facebook_posts_de.csv").read_text()
    path = tmp_path / "facebook_posts_de.csv"
    path.write_bytes(text.encode(encoding))
    same(
        stored(run("facebook", "insights", path)),
        stored(fixture("facebook", "insights", "facebook_posts_de.csv")),
    )


def test_facebook_with_a_broken_byte_in_a_title(tmp_path):
    raw = (
        (FIXTURES / "facebook_posts_de.csv").read_bytes().replace(b"Gr\xc3\xb6\xc3\x9fere", b"Gr\xf6\xc3ere")
    )
    path = tmp_path / "x.csv"
    path.write_bytes(raw)
    same(
        stored(run("facebook", "insights", path)),
        stored(fixture("facebook", "insights", "facebook_posts_de.csv")),
    )


def test_an_id_that_a_spreadsheet_rounded_is_set_aside(tmp_path):
    text = (FIXTURES / "facebook_posts_en.csv").read_text().replace("122100000000000001", "1.221E+17")
    (tmp_path / "x.csv").write_text(text)
    batches = run("facebook", "insights", tmp_path / "x.csv")
    assert "spreadsheet" in aside(batches)[0]
    assert {r["item_id"][-1] for r in rows(batches, "readings")} == {"2"}


def test_stumbleupon_keeps_and_marks_what_fell():
    readings = rows(fixture("stumbleupon", "discover", "stumbleupon.csv"), "readings")
    views = [
        (r["value"], r["reason"]) for r in readings if r["item_id"] == "AAAA_1" and r["metric"] == "views"
    ]
    assert [value for value, _ in views] == [9197, 9500, 310]
    assert "lower than 9,500 on 2010-01-10" in views[2][1]
    assert {r["status"] for r in readings} == {"observed"}
    assert "member-one" not in str(readings)


def test_every_archived_stumbleupon_reading(shared):
    path = shared / "payloads/stumbleupon/discover_2009_2012.csv.gz"
    batches = run("stumbleupon", "discover", path)
    read = pd.read_csv(path, dtype=str)
    assert len(read) == 9467
    readings = pd.concat([b.readings for b in batches])
    assert len(readings) == 2 * 9467
    assert aside(batches) == []
    assert sum(len(b.origins[""]) for b in batches) == 9467
    for metric, column in (("views", "view_count"), ("reviews", "review_count")):
        mine = (
            readings[readings["metric"] == metric].set_index(["item_id", "observed_at"])["value"].sort_index()
        )
        times = pd.to_datetime(read["date"], format="%Y%m%d%H%M%S", utc=True).astype("datetime64[us, UTC]")
        theirs = pd.Series(read[column].astype(float).to_numpy(), index=[read["id"], times]).sort_index()
        assert (mine.to_numpy() == theirs.to_numpy()).all()
        assert list(mine.index) == list(theirs.index)
        fell = theirs.groupby(level=0).diff() < 0
        marked = readings[(readings["metric"] == metric) & readings["reason"].notna()]
        assert len(marked) == fell.sum()
        assert (marked["status"] == "observed").all()
    assert (readings["reason"].notna() & (readings["metric"] == "views")).sum() == 336


def test_digg_story():
    batches = fixture("digg", "stories", "digg_stories.json")
    (event,) = rows(batches, "events")
    assert event["occurred_at"] == datetime.fromtimestamp(1307448316, UTC)
    assert event["community"] == "science"
    assert event["actor"] == actor_hash("digg", "member-one")
    readings = {(r["item_id"][-4:], r["metric"]): r for r in rows(batches, "readings")}
    assert {k: r["value"] for k, r in readings.items()} == {
        ("aaaa", "diggs"): 412,
        ("aaaa", "comments"): 33,
        ("bbbb", "diggs"): 0,
    }
    assert {r["observed_at"] for r in readings.values()} == {datetime.fromtimestamp(1307457296, UTC)}


def test_the_recorded_digg_story(shared):
    path = shared / "payloads/digg/legacy_story_getinfo_2011_partial.json"
    batches = run("digg", "stories", path)
    (story,) = json.loads(path.read_text())["stories"]
    (reading,) = rows(batches, "readings")
    assert (reading["item_id"], reading["value"]) == (story["story_id"], story["diggs"])
    assert rows(batches, "content")[0]["title"] == story["title"]
    assert rows(batches, "events") == []  # it states no submit_date, so no time is made up


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("headed", [True, False])
def test_digg_votes_in_any_order(tmp_path, order, headed):
    lines = [line.split(",") for line in (FIXTURES / "digg_votes.csv").read_text().splitlines()]
    lines = lines if headed else lines[1:]
    (tmp_path / "votes.csv").write_text("\n".join(",".join(line[i] for i in order) for line in lines))
    batches = run("digg", "votes", tmp_path / "votes.csv")
    same(stored(batches), stored(fixture("digg", "votes", "digg_votes.csv")))
    assert len(rows(batches, "events")) == 3
    assert "member-one" not in str([b.events.to_dict() for b in batches])


def test_myspace_placements():
    events = rows(fixture("myspace", "placements", "myspace.csv"), "events")
    assert [e["occurred_at"] for e in events] == [
        datetime(2007, 3, 1, tzinfo=UTC),
        datetime(2007, 3, 2, 9, 30, tzinfo=UTC),
        datetime(2008, 11, 5, 9, tzinfo=UTC),
    ]
    assert events[0]["audience"] == 120
    assert pd.isna(events[1]["audience"])


# -- disorder and damage ------------------------------------------------------------------------


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize(("platform", "form", "name"), CSVS)
def test_shuffled_repeated_or_cut_rows_import_to_the_same_once(tmp_path, platform, form, name, seed):
    """Rows in any order, some twice, in two files: the store is the same as from the whole file."""
    chance = random.Random(seed)
    text = (FIXTURES / name).read_text()
    delimiter = ";" if text.splitlines()[0].count(";") > 3 else ","
    head, *lines = csv.reader(io.StringIO(text), delimiter=delimiter)
    lines += chance.choices(lines, k=chance.randint(0, 4))
    chance.shuffle(lines)
    cut = chance.randint(0, len(lines))
    parts = []
    for number_, part in enumerate((lines[:cut], lines[cut:])):
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter).writerows([head, *part])
        path = tmp_path / f"{number_}.csv"
        path.write_text(out.getvalue())
        parts.append(run(platform, form, path))
    same(stored(*parts), whole(platform, form, name))


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0.05, 0.999))
@pytest.mark.parametrize(("platform", "form", "name"), OTHERS + CSVS)
def test_a_file_cut_anywhere_loses_only_its_last_row(tmp_path, platform, form, name, where):
    """What a cut file still gives is what the whole file gives, and the rest comes with the whole one."""
    text = (FIXTURES / name).read_text()
    cut = text[: int(len(text) * where)]
    if name.endswith(".csv") and not cut.endswith("\n"):
        counts = [len(cells) for _, cells in csv_rows(cut) if not isinstance(cells, str)]
        if len(counts) > 1 and counts[-1] == counts[0]:
            cut = cut[: cut.rfind("\n") + 1]  # cut within its last cell a row is whole: nobody can tell
    path = tmp_path / name
    path.write_text(cut)
    rest = fixture(platform, form, name)
    try:
        part = run(platform, form, path)
    except UserError:
        part = []  # not even its header is left
    same(stored(part, rest), whole(platform, form, name))


@pytest.mark.parametrize(("platform", "form", "name"), [c for c in CSVS if c[0] not in ("digg",)])
def test_rows_cut_in_half_are_set_aside(tmp_path, platform, form, name):
    text = (FIXTURES / name).read_text()
    head, *lines = csv_rows_text(text)
    path = tmp_path / name
    path.write_text(head + "".join(line[: len(line) // 3].replace('"', "") + "\n" for line in lines))
    batches = run(platform, form, path)
    assert all(len(getattr(b, table)) == 0 for b in batches for table in ("events", "readings", "intervals"))
    assert aside(batches)


def csv_rows_text(text):
    """The rows of a CSV as text, a row over several lines as one."""
    out = []
    for line in text.splitlines(keepends=True):
        if out and sum(row.count('"') for row in out[-1:]) % 2:
            out[-1] += line
        else:
            out.append(line)
    return out


def test_a_lost_quote_costs_one_row(tmp_path):
    lines = (FIXTURES / "pocket.csv").read_text().splitlines()
    lines.insert(2, '"never closed,https://example.com/lost,1400000001,,unread')
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    batches = run("pocket", "csv", tmp_path / "x.csv")
    same(stored(batches), stored(fixture("pocket", "csv", "pocket.csv")))
    assert len(aside(batches)) == 1
    assert rows(batches, "set_aside")[0]["line"] == 3


def test_a_second_header_in_the_middle_is_no_row(tmp_path):
    text = (FIXTURES / "pocket.csv").read_text()
    (tmp_path / "x.csv").write_text(text + text)
    batches = run("pocket", "csv", tmp_path / "x.csv")
    assert aside(batches) == []
    same(stored(batches), stored(fixture("pocket", "csv", "pocket.csv")))


@pytest.mark.parametrize(("platform", "form", "name"), CSVS + OTHERS)
def test_another_file_is_refused_or_gives_nothing(tmp_path, platform, form, name):
    (tmp_path / "x").write_text("<html>not an export</html>\n" * 3)
    try:
        batches, said = run(platform, form, tmp_path / "x"), ""
    except UserError as error:
        batches, said = [], str(error)
    assert batches == []
    assert not said or "x is no" in said


def test_the_same_download_on_the_same_day_says_the_same(tmp_path):
    """Without a date of its own an export was made on the day it was written, not at the second."""
    for name, hour in (("one", 3), ("two", 21)):
        path = tmp_path / f"{name}.csv"
        path.write_text((FIXTURES / "facebook_posts_en.csv").read_text())
        at = datetime(2024, 6, 1, hour, tzinfo=UTC).timestamp()
        os.utime(path, (at, at))
    one, two = (stored(run("facebook", "insights", tmp_path / f"{n}.csv", made=None)) for n in ("one", "two"))
    same(one, two)
    assert set(one["readings"]["observed_at"]) == {datetime(2024, 6, 1, tzinfo=UTC)}


# -- the small parts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,234", 1234), ("1.234", 1234), ("12.0", 12), ("1 234", 1234), ("1\u202f234", 1234), ("0", 0),
     ("", None),
          ("-", None), ("N/A", None), ("3,5", 3.5), ("12%", 0.12), ("-5", -5), ("1,234,567", 1234567)],
)  # fmt: skip
def test_numbers_as_people_write_them(text, value):
    assert number(text) == (pytest.approx(value) if value is not None else None)


@pytest.mark.parametrize("text", ["x", "1,2,3", "nan!", "inf", "1e999", "12abc"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError, match=r".+"):
        number(text)


def test_epochs_by_their_size():
    earliest = datetime(2000, 1, 1, tzinfo=UTC)
    at = datetime(2018, 1, 9, 16, 34, 57, tzinfo=UTC)
    for text in ("1515515697", "1515515697000", "1515515697000000", "13159989297000000"):
        assert epoch(text, earliest=earliest) == at
    for text in ("151551569", "nan", "99999999999"):
        with pytest.raises(ValueError, match=r".+"):
            epoch(text, earliest=earliest)


@pytest.mark.parametrize(
    ("text", "first_is_day", "at"),
    [("04/24/2024 09:15", False, (2024, 4, 24, 9, 15)), ("24.04.2024 09:15", True, (2024, 4, 24, 9, 15)),
     ("12/31/14 3:05 PM", False, (2014, 12, 31, 15, 5)), ("12/31/14 12:05 am", False, (2014, 12, 31, 0, 5)),
     ("2026-07-03 19:30:00", False, (2026, 7, 3, 19, 30)), ("4/24/2022", False, (2022, 4, 24))],
)  # fmt: skip
def test_dates_in_numbers(text, first_is_day, at):
    assert numeric_date(text, first_is_day=first_is_day) == datetime(*at)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(alphabet='ab,"\n\r ;é', max_size=6), min_size=2, max_size=4), min_size=1, max_size=6
    )
)
def test_what_csv_wrote_is_read(lines):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(lines)
    found = [cells for _, cells in csv_rows(out.getvalue())]
    if all(line[0].count(";") == 0 and "," not in "".join(line) for line in lines):
        wanted = [line for line in lines if any(cell.strip() for cell in line)]
        assert [cells for cells in found if not isinstance(cells, str)] == wanted or ";" in out.getvalue()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300))
@pytest.mark.parametrize(("platform", "form"), sorted({(p, f) for p, f, _ in CSVS + OTHERS}))
def test_no_bytes_break_an_importer(tmp_path, platform, form, raw):
    path = tmp_path / "x"
    path.write_bytes(raw)
    read_text(path) if raw[:2] != b"\x1f\x8b" else None
    try:
        for batch in run(platform, form, path):
            assert batch.events.empty
    except UserError:
        pass
