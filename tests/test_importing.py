"""Users' own tables into the store: what a mapping may say, what is refused, and that nothing is lost."""

# ruff: noqa: E501 - a row of a table is read whole

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.errors import UserError
from analysis.importing import Counts, import_files
from analysis.importing.mapping import load
from analysis.platforms import modules
from analysis.store import Store
from analysis.urls import content_id

MAPPINGS = Path(__file__).resolve().parents[1] / "data" / "mappings"
READINGS = """
table = "readings"
platform = "hackernews"
observer = "test"
item = { column = "id" }
url = { column = "url", base = "https://news.example.org/", missing = "https://news.example.org/item?id={id}" }
title = { column = "title" }
time = { column = "when" }
[metrics.points]
column = "points"
least = 0
unknown = [{ values = ["-1", ""], status = "not_yet", reason = "not looked at" }]
[metrics.comments]
column = "comments"
[[skip]]
column = "id"
empty = true
reason = "an advertisement"
"""
EVENTS = """
table = "events"
platform = "lobsters"
observer = "test"
kind = "submission"
item = { column = "id" }
url = { column = "url" }
actor = { column = "who" }
time = { column = "when", zone = "America/New_York" }
observed_at = { value = 2021-01-01 }
[metrics.score]
column = "score"
"""
HEAD = "id,when,url,title,points,comments"
ROWS = [
    "1,2020-05-01T10:00:00Z,https://www.example.com/a?utm_source=x,A,5,1",
    "1,2020-05-01T11:00:00Z,http://example.com/a,A,7,2",
    "2,2020-05-01T10:00:00Z,item?id=2,Ask,3,",
    "3,2020-05-01T10:00:00Z,,Text,-1,0",
]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("VIRALITY_ACTOR_KEY", "k" * 40)


class Desk:
    """A store, a mapping and a file in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store.open(folder / "store")

    def write(self, name: str, data: str | bytes) -> Path:
        path = self.folder / name
        raw = data.encode() if isinstance(data, str) else data
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    def bring(
        self,
        data: str | bytes | Path,
        mapping: str = READINGS,
        table: str = "readings",
        name: str = "file.csv",
        **options,
    ) -> Counts:
        path = data if isinstance(data, Path) else self.write(name, data)
        return import_files([path], self.write("mapping.toml", mapping), table, self.store, **options)

    def aside(self) -> list[dict]:
        files = sorted((self.store.path / "set_aside").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def csv_of(*rows: str, head: str = HEAD) -> str:
    return "\n".join([head, *rows]) + "\n"


def counted(counts: Counts) -> tuple[int, int, int, int]:
    assert counts.new + counts.known + counts.set_aside == counts.rows
    return counts.rows, counts.new, counts.known, counts.set_aside


# -- what comes out ---------------------------------------------------------------------------


def test_readings_carry_what_the_mapping_says(desk):
    counts = desk.bring(csv_of(*ROWS))
    assert str(counts) == "4 rows: 4 new, 0 known, 0 set aside"
    readings = desk.store.read("readings").set_index(["item_id", "metric", "observed_at"]).sort_index()
    first = readings.loc[("1", "points", pd.Timestamp("2020-05-01T10:00Z"))]
    assert (first["value"], first["status"], first["platform"]) == (5, "observed", "hackernews")
    assert first["content_id"] == content_id("https://example.com/a")
    assert first["source"] == "file.csv:2"
    assert readings.loc["2"]["content_id"].iloc[0] == content_id("https://news.example.org/item?id=2")
    assert readings.loc["3"]["content_id"].iloc[0] == content_id("https://news.example.org/item?id=3")
    content = desk.store.read("content").set_index("url")
    assert content.loc["https://example.com/a", "title"] == "A"
    assert content.loc["https://example.com/a", "site"] == "example.com"
    assert len(content) == 3


def test_unknown_is_never_zero(desk):
    desk.bring(csv_of(*ROWS))
    readings = desk.store.read("readings").set_index(["item_id", "metric"])
    sentinel, empty = readings.loc[("3", "points")], readings.loc[("2", "comments")]
    assert pd.isna(sentinel["value"])
    assert (sentinel["status"], sentinel["reason"]) == ("not_yet", "not looked at")
    assert pd.isna(empty["value"])
    assert (empty["status"], empty["reason"]) == ("failed", "the cell is empty")
    assert readings.loc[("3", "comments"), "value"] == 0


def test_events_have_hashed_actors_zones_and_final_numbers(desk):
    data = "id,when,url,who,score\na,2020-07-01 10:00:00,https://x.org/1,ann,-3\nb,2020-07-01T10:00:00+02:00,https://x.org/2,,4\n"
    assert counted(desk.bring(data, EVENTS, "events")) == (2, 2, 0, 0)
    events = desk.store.read("events").set_index("event_id").sort_index()
    assert list(events.index) == ["lobsters:a", "lobsters:b"]
    assert events.loc["lobsters:a", "occurred_at"] == pd.Timestamp("2020-07-01T14:00Z"), "New York in summer"
    assert events.loc["lobsters:b", "occurred_at"] == pd.Timestamp("2020-07-01T08:00Z"), (
        "its own offset counts"
    )
    assert len(events.loc["lobsters:a", "actor"]) == 16
    assert pd.isna(events.loc["lobsters:b", "actor"])
    assert "ann" not in events.to_csv()
    scores = desk.store.read("readings").set_index("item_id")
    assert scores.loc["a", "value"] == -3
    assert set(scores["observed_at"]) == {pd.Timestamp("2021-01-01T00:00Z")}


def test_intervals_end_where_they_should(desk):
    mapping = """
    table = "intervals"
    platform = "twitter"
    observer = "test"
    url = { template = "https://x.invalid/{file}", file = '^(\\w+)\\.csv' }
    time = { column = "t" }
    length = "5 minutes"
    observed_at = "end"
    metrics.mentions = { column = "v" }
    """
    data = "t,v\n2020-01-01 00:00:07,3\n2020-01-01 00:05:07,\n2020-01-01 00:00:07,9\n"
    assert counted(desk.bring(data, mapping, "intervals", "aapl.csv")) == (3, 2, 1, 0)
    intervals = desk.store.read("intervals").sort_values("start")
    assert (intervals["end"] - intervals["start"] == pd.Timedelta("5min")).all()
    assert intervals["value"].tolist()[0] == 3, "of two rows with one key the first counts"
    assert intervals["status"].tolist() == ["observed", "failed"]
    assert desk.store.read("content")["url"].tolist() == ["https://x.invalid/aapl"]


def test_wide_tables_become_one_reading_a_moment(desk):
    mapping = """
    table = "readings"
    observer = "test"
    platform = { file = '^(Facebook|LinkedIn)_', values = { Facebook = "facebook", LinkedIn = "linkedin" } }
    item = { column = "ID" }
    url = { template = "https://x.invalid/{ID}" }
    time = { value = 2015-11-10T00:00:00Z }
    [metrics.shares]
    columns = 'TS(\\d+)'
    every = "20 minutes"
    unknown = [{ values = "-1", status = "not_yet", reason = "not yet observed" }]
    """
    data = "ID,TS1,TS2,TS3,Total\n7,-1,0,12,99\n"
    assert counted(desk.bring(data, mapping, name="LinkedIn_x.csv")) == (1, 1, 0, 0)
    readings = desk.store.read("readings").sort_values("observed_at")
    assert readings["platform"].unique().tolist() == ["linkedin"]
    assert readings["value"].tolist()[1:] == [0, 12]
    assert readings["status"].tolist() == ["not_yet", "observed", "observed"]
    assert readings["observed_at"].tolist()[2] == pd.Timestamp("2015-11-10T01:00Z")


def test_a_list_in_a_cell_is_taken_apart(desk):
    mapping = """
    table = "events"
    platform = "weibo"
    observer = "test"
    item = { template = "{cascade}-{user}" }
    url = { template = "https://x.invalid/{cascade}" }
    kind = { column = "part", values = { "1" = "submission" }, otherwise = "repost" }
    parent = { template = "{cascade}-{from}" }
    time = { column = "age", format = "age", origin_column = "epoch" }
    observed_at = "time"
    explode = { column = "paths", by = " ", parts = '^(?:(?:\\d+/)*(?P<from>\\d+)/)?(?P<user>\\d+):(?P<age>\\d+)$' }
    file = { format = "tsv", header = false, columns = ["cascade", "epoch", "paths"] }
    """
    data = "c\t1464739200\t1:0 1/2:60 1/2/3:30 junk\nd\t1464739200\tjunk\n"
    assert counted(desk.bring(data, mapping, "events", "x.txt")) == (2, 1, 0, 1)
    events = desk.store.read("events").set_index("event_id")
    assert events["kind"].to_dict() == {
        "weibo:c-1": "submission",
        "weibo:c-2": "repost",
        "weibo:c-3": "repost",
    }
    assert events.loc["weibo:c-3", "parent_id"] == "weibo:c-2"
    assert events.loc["weibo:c-2", "occurred_at"] == pd.Timestamp("2016-06-01T00:01Z")
    assert [row["line"] for row in desk.aside()] == [1, 2], "the part that is lost is kept too"


@pytest.mark.parametrize(
    ("number", "text", "value"),
    [
        ("thousands = ','", '"2,383,021.00"', 2383021),
        ("thousands = '.'\ndecimal = ','", '"1.234,5"', 1234.5),
        ("logarithm = true", "9.59076113897809", 14629),
        ("", "1e3", 1000),
        ("", " 42 ", 42),
    ],
)
def test_numbers_as_files_write_them(desk, number, text, value):
    mapping = READINGS.replace(
        '[metrics.comments]\ncolumn = "comments"', f'[metrics.comments]\ncolumn = "comments"\n{number}'
    )
    desk.bring(csv_of(f"1,2020-05-01,https://x.org/,T,1,{text}"), mapping)
    assert desk.store.read("readings", metric="comments")["value"].tolist() == [value]


@pytest.mark.parametrize(
    ("time", "text", "moment"),
    [
        ("format = 'epoch'", "1588327200", "2020-05-01T10:00:00Z"),
        ("format = 'epoch'\nunit = 'milliseconds'", "1588327200500", "2020-05-01T10:00:00.5Z"),
        ("format = '%Y%m%d%H%M%S'", "20200501100000", "2020-05-01T10:00:00Z"),
        ("format = '%d.%m.%Y %H:%M'\nzone = 'Europe/Berlin'", "01.05.2020 12:00", "2020-05-01T10:00:00Z"),
        ("format = 'age'\nunit = 'hours'\norigin = 2020-05-01", "10", "2020-05-01T10:00:00Z"),
        ("zone = 'Asia/Tokyo'", "2020-05-01 19:00:00", "2020-05-01T10:00:00Z"),
        ("zone = 'Asia/Tokyo'", "2020-05-01T10:00:00Z", "2020-05-01T10:00:00Z"),
        ("", "2020-05-01T05:00:00.000-05:00", "2020-05-01T10:00:00Z"),
        ("", "2020-05-01", "2020-05-01T00:00:00Z"),
    ],
)
def test_times_as_files_write_them(desk, time, text, moment):
    mapping = READINGS.replace('time = { column = "when" }', "") + f'[time]\ncolumn = "when"\n{time}\n'
    assert counted(desk.bring(csv_of(f"1,{text},https://x.org/,T,1,1"), mapping)) == (1, 1, 0, 0)
    assert set(desk.store.read("readings")["observed_at"]) == {pd.Timestamp(moment)}


# -- every form of a file says the same -------------------------------------------------------


def _forms(folder: Path) -> dict[str, bytes]:
    frame = pd.DataFrame([row.split(",") for row in ROWS], columns=HEAD.split(","))
    typed = frame.assign(
        when=pd.to_datetime(frame["when"]),
        points=frame["points"].astype("int64"),
        comments=pd.to_numeric(frame["comments"]),
    )
    typed.to_parquet(folder / "typed")
    lines = [
        json.dumps({k: (int(v) if k == "points" else v or None) for k, v in row.items()})
        for row in frame.to_dict("records")
    ]
    return {
        "a.csv": csv_of(*ROWS).encode(),
        "a.tsv": csv_of(*ROWS).replace(",", "\t").encode(),
        "a.jsonl": "\n".join(lines).encode(),
        "a.parquet": (folder / "typed").read_bytes(),
    }


@pytest.mark.parametrize("form", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_every_form_gives_the_same_rows(desk, tmp_path, form, packed):
    desk.bring(csv_of(*ROWS))
    counts = desk.bring(_forms(tmp_path)[form], name=form + packed)
    assert counted(counts) == (4, 0, 4, 0)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_byte_order_marks_and_cells_of_many_lines(desk, ending, mark):
    rows = [
        '1,2020-05-01T10:00:00Z,https://x.org/1,"two',
        'lines, ""quoted""",1,1',
        "",
        "2,bad,https://x.org/2,B,1,1",
    ]
    counts = desk.bring((mark + ending.join([HEAD, *rows]) + ending).encode())
    assert counted(counts) == (2, 1, 0, 1)
    assert desk.aside()[0]["line"] == 5, "lines are those of the file"
    assert desk.store.read("content")["title"].tolist()[0].replace("\r", "") == 'two\nlines, "quoted"'


def test_a_cell_of_many_lines_in_a_column_nobody_asked_for_still_counts_as_lines(desk):
    data = 'id,when,url,title,points,comments,note\n1,2020-05-01,https://x.org/1,A,1,1,"a\nb\nc"\n2,bad,https://x.org/2,B,1,1,\n'
    desk.bring(data)
    assert [row["line"] for row in desk.aside()] == [5]


def test_other_encodings_are_declared(desk):
    mapping = READINGS + '\n[file]\nencoding = "latin-1"\n'
    desk.bring(csv_of("1,2020-05-01,https://x.org/1,Café,1,1").encode("latin-1"), mapping)
    assert desk.store.read("content")["title"].tolist() == ["Café"]


# -- bad input --------------------------------------------------------------------------------

GOOD = "9,2020-05-01T10:00:00Z,https://example.com/good,G,5,1"
BAD = {
    "year 1": ("1,0001-01-01T00:00:00Z,https://x.org/,T,1,1", "not between 1990 and tomorrow"),
    "year 9999": ("1,9999-12-31T00:00:00Z,https://x.org/,T,1,1", "not between 1990 and tomorrow"),
    "year 99999": ("1,99999-12-31,https://x.org/,T,1,1", "cannot be read as time"),
    "no time": ("1,yesterday,https://x.org/,T,1,1", "'yesterday' cannot be read as time"),
    "a clock only": ("1,12:30,https://x.org/,T,1,1", "cannot be read as time"),
    "empty time": ("1,,https://x.org/,T,1,1", "nothing cannot be read as time"),
    "no URL": ("1,2020-05-01,mailto:a@b.c,T,1,1", "is no http(s) URL"),
    "words for a URL": ("1,2020-05-01,not a url,T,1,1", "is no http(s) URL"),
    "broken URL": ("1,2020-05-01,http://[::1,T,1,1", "is no http(s) URL"),
    "no number": ("1,2020-05-01,https://x.org/,T,many,1", "'many' is no number"),
    "infinite": ("1,2020-05-01,https://x.org/,T,inf,1", "'inf' is no number"),
    "nan": ("1,2020-05-01,https://x.org/,T,nan,1", "'nan' is no number"),
    "below": ("1,2020-05-01,https://x.org/,T,-5,1", "'-5' is below 0"),
    "an advertisement": (",2020-05-01,https://x.org/,T,1,1", "an advertisement"),
    "too few columns": ("1,2020-05-01,https://x.org/", "it has 3 columns, expected 6"),
    "too many columns": ("1,2020-05-01,https://x.org/,T,1,1,1,1", "it has 8 columns, expected 6"),
    "NUL": ("1,2020-05-01,https://x.org/,T\0,1,1", "NUL"),
    "no UTF-8": (b"1,2020-05-01,https://x.org/,\xff\xfe,1,1", "it is not UTF-8"),
    "no UTF-8, ragged": (b"1,2020-05-01,\xff\xfe", "it is not UTF-8"),
    "an open quote": ('1,2020-05-01,"https://x.org/,T,1,1', "quote"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_row_is_set_aside_with_line_and_reason_and_nothing_else_is_lost(desk, what):
    bad, reason = BAD[what]
    raw = bad if isinstance(bad, bytes) else bad.encode()
    after = GOOD.replace("9,", "10,", 1)
    counts = desk.bring(b"\n".join([HEAD.encode(), GOOD.encode(), raw, after.encode(), b""]))
    assert counted(counts) == (3, 2, 0, 1)
    assert counts.shown[0].startswith("file.csv:3: ")
    assert reason in counts.shown[0]
    kept = desk.aside()
    assert [(row["line"], row["source"]) for row in kept] == [(3, "file.csv")]
    assert reason in kept[0]["reason"]
    assert kept[0]["text"]
    assert set(desk.store.read("readings")["item_id"]) == {"9", "10"}
    assert counted(desk.bring(desk.folder / "file.csv")) == (3, 0, 2, 1), "again: nothing new"
    assert len(desk.aside()) == 1, "and what was set aside stands there once"


def test_all_bad_rows_at_once_in_one_file(desk):
    rows = [(row if isinstance(row, bytes) else row.encode()) for row, _ in BAD.values()]
    mixed = [part for row in rows for part in (row, GOOD.encode())]
    counts = desk.bring(b"\n".join([HEAD.encode(), *mixed]))
    assert counts.set_aside == len(rows)
    assert counted(counts) == (2 * len(rows), 1, len(rows) - 1, len(rows))
    assert [row["line"] for row in desk.aside()] == list(range(2, 2 * len(rows) + 2, 2)), (
        "in the file's order"
    )


def test_json_lines_that_are_none_are_set_aside(desk):
    good = dict(zip(HEAD.split(","), GOOD.split(","), strict=True))
    bad = [
        b"{",
        b"[1]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        json.dumps({**good, "title": "\ud800"}).encode(),
        b"[" * 5000,
    ]
    counts = desk.bring(b"\n".join([json.dumps(good).encode(), *bad]), name="a.jsonl")
    assert counted(counts) == (8, 1, 0, 7)
    assert [row["line"] for row in desk.aside()] == list(range(2, 9))


def test_what_is_set_aside_names_no_account(desk):
    desk.bring("id,when,url,who,score\na,never,https://x.org/1,ann_the_secret,1\n", EVENTS, "events")
    assert "ann_the_secret" not in json.dumps(desk.aside())
    assert desk.aside()[0]["text"]["id"] == "a"


def test_a_mended_file_leaves_nothing_set_aside(desk):
    desk.bring(csv_of("1,never,https://x.org/,T,1,1"))
    assert len(desk.aside()) == 1
    assert counted(desk.bring(csv_of("1,2020-05-01,https://x.org/,T,1,1"))) == (1, 1, 0, 0)
    assert desk.aside() == []


def test_an_event_after_its_observation_is_set_aside(desk):
    counts = desk.bring("id,when,url,who,score\na,2022-01-01,https://x.org/1,ann,1\n", EVENTS, "events")
    assert "after the moment it was observed" in counts.shown[0]


@pytest.mark.parametrize("data", ["", "\n", HEAD, HEAD + "\n", HEAD + "\n\n\n"])
def test_a_file_without_rows_is_no_error(desk, data):
    if not data.strip():
        with pytest.raises(UserError, match="has no column"):
            desk.bring(data)
    else:
        assert str(desk.bring(data)) == "0 rows: 0 new, 0 known, 0 set aside"


def test_a_file_that_breaks_off_says_so_and_keeps_what_came_before(desk):
    rows = [f"{n},2020-05-01,https://x.org/{random.Random(n).random()},T,1,1" for n in range(60_000)]
    path = desk.write("file.csv.gz", csv_of(*rows))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="cannot be read to its end"):
        desk.bring(path)
    assert len(desk.store.read("readings")) > 60_000


# -- refused before anything is written -------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("observer", "watcher"), "watcher: unknown key"),
        (('column = "points"', 'colum = "points"'), r"metrics.points.colum: unknown key; expected one of: .*column"),
        (('time = { column = "when" }', ""), "time: is needed"),
        (('item = { column = "id" }', ""), "needs item"),
        (('{ column = "when" }', '{ column = "when", zone = "Mars/Phobos" }'), "'Mars/Phobos' is no time zone"),
        (('{ column = "when" }', '{ column = "when", format = "age" }'), "needs its origin"),
        (('{ column = "when" }', '{ column = "when", format = "dd/mm" }'), "format 'dd/mm' is none of"),
        (('"not_yet"', '"zero"'), "'zero' is no status"),
        (('"not_yet"', '"observed"'), "'observed' is no status"),
        (("empty = true", "matches = '('"), "is no regular expression"),
        (('{ column = "id" }', '{ column = "id", value = "1" }'), "exactly one of value, column, template"),
        (('table = "readings"', 'table = "events"'), "needs kind, observed_at"),
        (('table = "readings"', 'table = "tables"'), "'events', 'readings' or 'intervals'"),
        (('table = "readings"', 'table = readings'), "is no TOML"),
        (('title = { column = "title" }', 'kind = "submission"'), "readings have no kind"),
        (('title = { column = "title" }', 'observed_at = "time"'), "the time of a reading is its time"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused_with_its_place(desk, change, told):
    mapping = READINGS.replace(*change, 1)
    assert mapping != READINGS
    with pytest.raises(UserError, match=told) as refused:
        desk.bring(csv_of(*ROWS), mapping)
    assert "mapping.toml" in str(refused.value)
    assert not desk.store.path.exists()


def test_a_missing_column_is_refused_before_any_file_is_imported(desk):
    good, bad = (
        desk.write("good.csv", csv_of(*ROWS)),
        desk.write("bad.csv", csv_of(head="id,date,url,title,points,comments")),
    )
    with pytest.raises(UserError) as refused:
        import_files([good, bad], desk.write("m.toml", READINGS), "readings", desk.store)
    told = str(refused.value)
    assert "bad.csv has no column 'when'" in told
    assert "its columns are: id, date, url, title, points, comments" in told
    assert not desk.store.path.exists()


def test_files_that_are_none_are_refused(desk):
    mapping = desk.write("m.toml", READINGS)
    for path, told in [(desk.folder / "nowhere.csv", "does not exist"), (desk.folder, "is a folder")]:
        with pytest.raises(UserError, match=told):
            import_files([path], mapping, "readings", desk.store)
    with pytest.raises(UserError, match="there is no mapping"):
        import_files([mapping], desk.folder / "none.toml", "readings", desk.store)
    with pytest.raises(UserError, match="does not say by its name what it is"):
        desk.bring("a", name="file.xls")
    with pytest.raises(UserError, match="cannot be read"):
        desk.bring(b"this is no parquet", name="file.parquet")
    with pytest.raises(UserError, match="columns of the same name: 'id'"):
        desk.bring("id,id\n1,2\n")


def test_the_verb_and_the_mapping_must_agree(desk):
    with pytest.raises(UserError, match="use `virality import readings`"):
        desk.bring(csv_of(*ROWS), table="events")


def test_a_place_that_cannot_be_written_is_said_so(desk):
    desk.store.path.write_text("a file where the store should be")
    with pytest.raises(UserError, match="VIRALITY_STORE"):
        desk.bring(csv_of(*ROWS))


def test_names_of_columns_can_be_anything(desk):
    head = 'ID,"when ""exactly""",id,LINE,reason,c0'
    mapping = """
    table = "readings"
    platform = "x"
    observer = "it's me"
    item = { column = "id" }
    url = { template = "https://x.invalid/{ID}?q={LINE}" }
    title = { column = "reason" }
    time = { column = 'when "exactly"' }
    metrics.n = { column = "c0" }
    """
    assert counted(desk.bring(csv_of("A,2020-05-01,7,a&b #1,it's; drop table,5", head=head), mapping)) == (
        1,
        1,
        0,
        0,
    )
    reading = desk.store.read("readings").iloc[0]
    assert (reading["item_id"], reading["value"], reading["observer"]) == ("7", 5, "it's me")
    assert desk.store.read("content").iloc[0]["url"] == "https://x.invalid/A?q=a%26b+%231"


def test_a_dry_run_counts_and_writes_nothing(desk):
    counts = desk.bring(csv_of(*ROWS, "5,never,https://x.org,T,1,1"), dry_run=True)
    assert counted(counts) == (5, 4, 0, 1)
    assert not desk.store.path.exists()


# -- again, halved, shuffled ------------------------------------------------------------------


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(8)), repeats=st.lists(st.integers(0, 7), max_size=6), cut=st.integers(0, 14)
)
def test_shuffled_repeated_and_halved_files_import_to_the_same_rows_once(
    tmp_path_factory, order, repeats, cut
):
    rows = [f"{n % 3},2020-05-0{n % 4 + 1}T10:00:00Z,https://x.org/{n % 3},T,{n},1" for n in range(8)]
    keys = {(row.split(",")[0], row.split(",")[1]) for row in rows}
    mixed = [rows[n] for n in [*order, *repeats]]
    whole, halves = Desk(tmp_path_factory.mktemp("whole")), Desk(tmp_path_factory.mktemp("halves"))
    counts = whole.bring(csv_of(*mixed))
    assert counted(counts) == (len(mixed), len(keys), len(mixed) - len(keys), 0)
    for part, name in ((mixed[:cut], "one.csv"), (mixed[cut:], "two.csv"), (mixed, "all.csv")):
        halves.bring(csv_of(*part), name=name)
    columns = ["item_id", "metric", "observed_at", "value", "content_id"]
    one, two = (
        desk.store.read("readings", columns).sort_values(columns[:3], ignore_index=True)
        for desk in (whole, halves)
    )
    pd.testing.assert_frame_equal(one, two)
    assert len(one) == 2 * len(keys)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.lists(
        st.sampled_from(
            [
                b"1,2020-05-01,https://x.org/a,T,1,1\n",
                b'"',
                b",",
                b"\n",
                b"\r\n",
                b"\0",
                b"\xff",
                b'""',
                b'"a\nb"',
                b"x",
            ]
        ),
        max_size=25,
    )
)
def test_no_bytes_crash_an_import_and_every_row_is_counted(tmp_path_factory, data):
    desk = Desk(tmp_path_factory.mktemp("bytes"))
    counts = desk.bring(HEAD.encode() + b"\n" + b"".join(data), dry_run=True)
    assert counts.new + counts.known + counts.set_aside == counts.rows


# -- the command ------------------------------------------------------------------------------


def virality(*words: object, store: Path) -> subprocess.CompletedProcess:
    env = {**os.environ, "VIRALITY_STORE": str(store), "VIRALITY_ACTOR_KEY": "k" * 40}
    return subprocess.run(
        [sys.executable, "-m", "analysis.cli", *map(str, words)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_ends_with_its_one_line(desk):
    file, mapping = (
        desk.write("a.csv", csv_of(*ROWS, "7,never,https://x.org,T,1,1")),
        desk.write("m.toml", READINGS),
    )
    for said in ("5 rows: 4 new, 0 known, 1 set aside", "5 rows: 0 new, 4 known, 1 set aside"):
        done = virality("import", "readings", file, "--mapping", mapping, store=desk.store.path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == said
        assert "set aside: a.csv:6: 'never' cannot be read as time" in done.stderr
    missing = virality("import", "readings", "nowhere.csv", "--mapping", mapping, store=desk.store.path)
    assert missing.returncode == 2
    assert missing.stderr.splitlines() == ["virality: nowhere.csv does not exist; expected a file"]


# -- the mappings that come with virality -----------------------------------------------------


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_mapping_is_valid_and_tells_how_to_use_it(path):
    mapping = load(path)
    text = path.read_text()
    assert f"virality import {mapping.table} " in text
    assert f"--mapping data/mappings/{path.name}" in text


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_mapping_and_the_platforms_card_agree_on_the_metrics(path):
    mapping = load(path)
    named = {mapping.platform.value, *mapping.platform.values.values()}
    for platform in named & set(modules()):
        assert set(mapping.metrics) <= {metric.name for metric in modules()[platform].CARD.metrics}


def test_the_mapping_in_the_documentation_is_valid(tmp_path):
    text = (MAPPINGS.parents[1] / "docs" / "importing.md").read_text()
    example = tmp_path / "mapping.toml"
    example.write_text(text.split("```toml\n")[1].split("```")[0])
    assert load(example).table == "readings"


SETS = {
    "hn_frontpage": ("readings", "hn_frontpage/*.csv.gz", None),
    "lobsters": ("events", "hn_lobsters_proggit/lobsters*.csv.gz", 0),
    "proggit": ("events", "hn_lobsters_proggit/proggit*.csv.gz", 0),
    "hn_frontpage_hourly": ("readings", "hn_lobsters_proggit/hn_frontpage*.csv.gz", 0),
    "uci_news_popularity": ("readings", "uci_news_popularity/*.csv.gz", 0),
    "nab_tweets": ("intervals", "nab/data/realTweets/*.csv", 0),
    "nab_series": ("readings", "nab/data/real[AK]*/*.csv", 0),
    "coortweet": ("events", "coortweet/*.csv.gz", 0),
    "reddit_top_2013": ("events", "reddit_top_2013/*.csv.gz", 0),
    "weibo_hot_search": ("readings", "weibo_hot_search/*.csv.gz", None),
    "buzzfeed_fake_news_2018": ("readings", "buzzfeed_fake_news_2018/*.csv.gz", 0),
    "uci_facebook_metrics": ("readings", "uci_facebook_metrics/*.csv", 0),
    "prophet_wikipedia": ("intervals", "prophet_wikipedia/*.csv", None),
    "retweet_cascades": ("events", "retweet_cascades/RT1*.txt", 0),
    "casflow": ("events", "casflow_sample/*.txt", 0),
    "stumbleupon": ("readings", "../payloads/stumbleupon/*.csv.gz", 0),
    "hn_effect_2014": ("intervals", "../payloads/weblogs/*.csv", 0),
}


@pytest.mark.parametrize("name", SETS)
def test_the_shipped_mappings_take_the_real_sets(shared, tmp_path, name):
    """The first few thousand lines of every set: all rows usable but those that are no content."""
    table, pattern, aside = SETS[name]
    head = []
    for path in sorted((shared / "data").glob(pattern))[:3]:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        some = tmp_path / path.name.removesuffix(".gz")
        # a thousand lines, unless a cell of many lines could be cut
        lines = raw.split(b"\n", 1000)
        some.write_bytes(raw if name == "reddit_top_2013" else b"\n".join(lines[:1000]))
        head.append(some)
    counts = import_files(
        head, MAPPINGS / f"{name}.toml", table, Store.open(tmp_path / "store"), dry_run=True
    )
    assert counts.rows > 0
    assert counts.new > 0
    if aside is not None:
        assert counts.set_aside == aside, counts.shown


def test_one_url_on_three_platforms_is_one_content(shared, tmp_path):
    """One month of all three sets, as the README's example imports it."""
    store = Store.open(tmp_path / "store")
    for name, table in (("hn_frontpage", "readings"), ("lobsters", "events"), ("proggit", "events")):
        source = next((shared / "data").glob(SETS[name][1]))
        part = tmp_path / f"{name}.csv"
        with gzip.open(source) as file:
            part.write_bytes(
                b"".join(line for n, line in enumerate(file) if n == 0 or b"2021-06-1" in line[:30])
            )
        counts = import_files([part], MAPPINGS / f"{name}.toml", table, store)
        assert counts.new > 200
        assert counts.known == 0
    events = store.read("events", ["content_id", "platform"])
    seen = pd.concat([events, store.read("readings", ["content_id", "platform"])])
    platforms = seen.groupby("content_id")["platform"].nunique()
    assert (platforms == 3).sum() >= 10
    assert (platforms == 2).sum() >= 100
    assert set(seen["content_id"]) == set(store.read("content")["content_id"])
    assert store.read("readings", platform="reddit", metric="score")["value"].median() == 0, "0 is a number"
