"""The store: appends by key, as-of reads, purges; kill -9, two writers and a reader, for real."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analysis.errors import UserError
from analysis.store import MOST_FILES, Store
from analysis.tables import READINGS, Batch

T0 = pd.Timestamp("2026-01-01", tz="UTC")


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


def readings(n=4, item="1", start=0, value=1.0, **more):
    return pd.DataFrame(
        {
            "platform": "hackernews",
            "item_id": item,
            "metric": "points",
            "observed_at": T0 + pd.to_timedelta(np.arange(start, start + n), "h"),
            "observer": "me",
            "content_id": "c" + item,
            "value": value,
            "status": "observed",
            "source": "test",
        }
        | more
    )


def events(*ids, content="c1", parent=None):
    return pd.DataFrame(
        {
            "event_id": [f"reddit:{i}" for i in ids],
            "content_id": content,
            "platform": "reddit",
            "kind": "submission",
            "occurred_at": T0,
            "observed_at": T0,
            "parent_id": parent,
            "observer": "me",
            "source": "test",
        }
    )


def content(*ids, title=None, published_at=None):
    return pd.DataFrame(
        {
            "content_id": list(ids),
            "url": [f"https://example.org/{i}" for i in ids],
            "title": title,
            "published_at": published_at,
            "site": "example.org",
        }
    )


def test_an_empty_store_has_empty_tables_of_the_right_types(store):
    assert store.read("readings").dtypes.to_dict() == READINGS.dtypes
    assert store.versions() == dict.fromkeys(("content", "events", "readings", "intervals", "forecasts"), -1)
    assert store.sql().sql("select count(*) from events").fetchall() == [(0,)]


def test_appending_twice_adds_nothing(store):
    first = store.append("readings", readings())
    again = store.append("readings", readings(6, value=9.0))
    assert (first.new, first.known) == (4, 0)
    assert (again.new, again.known, again.added.tolist()) == (2, 4, [False] * 4 + [True] * 2)
    assert store.read("readings", observed_at=slice(None, T0 + pd.Timedelta("4h")))["value"].eq(1).all()
    before = store.versions()
    store.append("readings", readings(6))
    assert store.versions() == before


def test_the_first_of_equal_keys_in_one_frame_wins(store):
    rows = pa.Table.from_pandas(
        pd.concat([readings(2, value=1.0), readings(2, value=2.0)]).assign(reason=None), preserve_index=False
    )
    appended = store.append("readings", rows)
    assert (appended.new, appended.known) == (2, 2)
    assert store.read("readings")["value"].tolist() == [1.0, 1.0]


def test_what_comes_back_is_what_went_in(store):
    rows = readings(
        3,
        value=[0.0, np.nan, 2.5],
        status=["observed", "rate_limited", "observed"],
        reason=[None, "told to wait 900 s", None],
        source="täst 'quoted' \u202e",
    )
    store.append("readings", rows)
    back = store.read("readings").sort_values("observed_at").reset_index(drop=True)
    expected = rows.astype({name: READINGS.dtypes[name] for name in rows.columns})[READINGS.columns]
    pd.testing.assert_frame_equal(back, expected)


def test_reads_only_what_is_asked(store):
    store.append("readings", pd.concat([readings(5, "1"), readings(5, "2"), readings(5, "3")]))
    got = store.read(
        "readings", ["item_id", "value"], item_id=["1", "3"], observed_at=slice(T0, "2026-01-01T02:00")
    )
    assert list(got.columns) == ["item_id", "value"]
    assert sorted(got["item_id"]) == ["1", "1", "3", "3"]
    assert len(store.read("readings", item_id=[str(i) for i in range(50)])) == 15
    assert store.read("readings", item_id=[]).empty
    with pytest.raises(UserError, match="no column 'points'"):
        store.read("readings", ["points"])
    with pytest.raises(UserError, match="no table 'reading'"):
        store.read("reading")


def test_reads_as_of_a_moment(store):
    store.append("readings", readings(5))
    assert len(store.read("readings", as_of=T0 + pd.Timedelta("2h"))) == 3
    assert store.read("readings", as_of="2025-12-31").empty


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_times_are_utc_whatever_the_machine_thinks(store, zone):
    code = (
        "import sys, pandas as pd; from analysis.store import Store; s = Store.open(sys.argv[1]);"
        "print(s.read('readings', ['observed_at'], observed_at=slice('2026-01-01T03:00', None)).iloc[0, 0],"
        "s.sql().sql('select max(observed_at) from readings').fetchall()[0][0],"
        "s.append('readings', s.read('readings')).new)"
    )
    store.append("readings", readings(4))
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.path)],
        env=os.environ | {"TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "2026-01-01 03:00:00+00:00 2026-01-01 03:00:00 0"


def test_a_title_that_was_unknown_is_filled_in_and_never_replaced(store):
    store.append("content", content("a", "b", title=[None, "first"]))
    filled = store.append("content", content("a", "b", title=["later", "other"], published_at=T0))
    assert (filled.new, filled.known) == (0, 2)
    got = store.read("content").set_index("content_id")
    assert got["title"].to_dict() == {"a": "later", "b": "first"}
    assert got["published_at"].eq(T0).all()
    before = store.versions()
    store.append("content", content("a", "b", title="again"))
    assert store.versions() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": None}, "value"),
        ({"status": "failed"}, "value"),
        ({"status": "fine"}, "status"),
        ({"platform": None}, "platform"),
    ],
)
@pytest.mark.parametrize("arrow", [False, True])
def test_a_row_that_breaks_the_rules_is_refused_whole(store, change, words, arrow):
    rows = readings(3).assign(reason=None, **change).astype({"value": float})
    if arrow:
        rows = pa.Table.from_pandas(rows, preserve_index=False)
    with pytest.raises(Exception, match=words):
        store.append("readings", rows)
    assert store.read("readings").empty


def test_purge_removes_rows_and_their_files(store):
    store.append("events", events("1", "2"))
    store.append("events", events("3"))
    assert store.purge("events", pd.DataFrame({"event_id": ["reddit:1", "reddit:9"]})) == 1
    assert sorted(store.read("events")["event_id"]) == ["reddit:2", "reddit:3"]
    left = b"".join(p.read_bytes() for p in store.path.rglob("*") if p.is_file())
    assert b"reddit:1" not in left
    assert store.purge("readings", pd.DataFrame({"item_id": ["1"]})) == 0


def test_a_row_between_two_milliseconds_is_found_again(store):
    rows = readings(2, observed_at=[T0, T0 + pd.Timedelta("999999us")])
    store.append("readings", rows)
    assert store.append("readings", rows).known == 2
    assert store.append("readings", rows[1:]).known == 1
    assert store.purge("readings", rows[1:][["item_id", "observed_at"]]) == 1
    assert store.read("readings")["observed_at"].tolist() == [T0]


def test_forgetting_an_item_leaves_nothing_of_it(store):
    store.append_batch(
        Batch(
            content=pd.concat([content("c1", title="gone"), content("c2", title="stays")]),
            events=pd.concat(
                [events("1"), events("reply", parent="reddit:1"), events("2", content="c2")],
                ignore_index=True,
            ),
            readings=pd.concat(
                [readings(2, "1", platform="reddit"), readings(2, "2", platform="reddit")], ignore_index=True
            ),
        )
    )
    store.append_batch(Batch(gone=pd.DataFrame({"platform": ["reddit"], "item_id": ["1"]})))
    assert store.read("content")["content_id"].tolist() == ["c2"]
    assert store.read("events")["event_id"].tolist() == ["reddit:2"]
    assert set(store.read("readings")["item_id"]) == {"2"}


def test_many_small_appends_are_compacted(store):
    for i in range(MOST_FILES + 2):
        store.append("readings", readings(1, start=i))
    assert len(store.read("readings")) == MOST_FILES + 2
    assert len(store._files(READINGS)) < 5


WRITER = """
import os, sys
import numpy as np, pandas as pd
from analysis.store import Store
store, start, step = Store.open(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
t0 = pd.Timestamp("2026-01-01", tz="UTC")
for batch in range(start, 10_000, step):
    rows = pd.DataFrame({"platform": "x", "item_id": np.arange(2000).astype(str), "metric": "points",
        "observed_at": t0 + pd.Timedelta(batch, "h"), "observer": "me", "content_id": "c",
        "value": float(batch), "status": "observed", "source": "s"})
    new = store.append("readings", rows).new
    os.write(1, f"{batch} {new}\\n".encode())
    if len(sys.argv) > 4 and batch >= start + step * int(sys.argv[4]):
        break
"""


def writer(store, *argv):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.path), *map(str, argv)], stdout=subprocess.PIPE, text=True
    )


def test_kill_minus_nine_loses_and_tears_nothing(store):
    chance = random.Random(7)
    acknowledged, start = set(), 0
    for _ in range(5):
        process = writer(store, start, 1)
        said = process.stdout.readline()
        time.sleep(chance.uniform(0.02, 0.3))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged |= {int(line.split()[0]) for line in (said + rest).splitlines()}
        sizes = store.read("readings", ["value"]).groupby("value").size()
        assert (sizes == 2000).all()
        assert acknowledged <= set(sizes.index.astype(int))
        start = max(0, int(sizes.index.max()) - 1)  # the next writer meets what is there


def test_two_writers_of_the_same_rows_while_a_reader_reads(store):
    first, second = writer(store, 0, 1, 14), writer(store, 0, 1, 14)
    torn = 0
    while first.poll() is None or second.poll() is None:
        sizes = store.read("readings", ["value"]).groupby("value").size()
        torn += int((sizes != 2000).sum())
    outputs = [process.communicate()[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert torn == 0
    new = sum(int(line.split()[1]) for output in outputs for line in output.splitlines())
    assert new == 15 * 2000
    assert len(store.read("readings")) == 15 * 2000


def test_a_purge_while_others_read_and_write(store):
    process = writer(store, 0, 1, 10)
    while process.poll() is None:
        store.purge("readings", pd.DataFrame({"item_id": ["5"]}))
        assert set(store.read("readings", ["item_id"])["item_id"]) <= {str(i) for i in range(2000)}
    process.communicate()
    assert process.returncode == 0
    store.purge("readings", pd.DataFrame({"item_id": ["5"]}))
    assert len(store.read("readings")) == 11 * 1999


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot write to the store"):
        Store.open(tmp_path / "file" / "store").append("readings", readings())


def test_a_process_forked_after_an_append_lives(store):
    # a pool of workers for the models is forked from notebooks that have just read and written
    store.append("readings", readings(2))
    store.append("readings", readings(4))
    child = multiprocessing.get_context("fork").Process(target=len, args=([],))
    child.start()
    child.join(20)
    assert child.exitcode == 0


@pytest.mark.parametrize("name", ["a%20b", "100%25", "ä%41", "a\\b"])
def test_a_folder_that_delta_would_read_as_another_is_refused_however_it_is_named(
    tmp_path, monkeypatch, name
):
    folder = tmp_path / name
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    for path in (folder, folder / "store", tmp_path / "link", "store"):
        for door in (Store, Store.open):
            with pytest.raises(UserError, match="percent code"):
                door(path)


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "100%",
        "50% off",
        "a#b",
        "a?b=c&d",
        "café",
        "a+b",
        "it's",
        'a"b',
        "a:b",
        "~a",
        "a[1]",
        "a*b",
        "{a}",
    ],
)
def test_any_other_name_of_a_folder_holds_a_store(tmp_path, name):
    store = Store.open(tmp_path / name)
    assert store.append("readings", readings(2)).new == 2
    assert store.append("readings", readings(2)).known == 2
    assert len(store.sql().sql("select * from readings").df()) == 2
    assert store.purge("readings", pd.DataFrame({"platform": ["hackernews"]})) == 2
    assert store.read("readings").empty
    assert [path.name for path in tmp_path.iterdir()] == [name]


APPENDER = """
import sys, pandas as pd
from analysis.store import Store
from analysis.tables import READINGS, conform
store = Store.open(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(10), "s") + pd.Timedelta(number, "h")
    frame = pd.DataFrame({"item_id": [f"{number}-{n}" for n in range(10)], "observed_at": at})
    fixed = {"platform": "hackernews", "metric": "points", "content_id": f"c{number}", "observer": "me",
             "value": 1.0, "status": "observed", "source": "test"}
    store.append(READINGS, conform(frame.assign(**fixed), READINGS))
if sys.argv[4:] == ["purge"]:
    store._compact(READINGS)
    store.purge("readings", pd.DataFrame({"content_id": ["c0", "c7"]}))
"""


def test_a_kernel_stays_open_all_day_while_others_write_compact_and_purge(tmp_path):
    def others(*words):
        subprocess.run([sys.executable, "-c", APPENDER, str(tmp_path), *map(str, words)], check=True)

    store = Store.open(tmp_path)
    database = store.sql()
    early = store.sql(as_of="2026-01-01 05:30")
    count = "select count(*) from readings"
    assert database.sql(count).fetchall() == [(0,)]
    others(0, 1)
    kept = database.sql("select item_id from readings order by item_id")
    assert database.execute(count).fetchall() == [(10,)]
    others(1, 21)
    assert database.sql(count).fetchall() == [(210,)]
    assert early.sql(count).fetchall() == [(60,)]
    others(21, 21, "purge")
    # no view names a file that is gone, and no file that is gone gives its rows back
    assert database.sql(count).fetchall() == [(190,)]
    assert early.sql(count).fetchall() == [(50,)]
    assert len(store.read("readings")) == 190
    assert database.sql("select count(*) from readings where content_id in ('c0', 'c7')").fetchall() == [(0,)]
    assert len(kept.df()) == 10  # an answer stays what it was
    mine = pd.DataFrame({"content_id": ["c3"]})
    joined = database.sql("select count(*) from readings join mine using (content_id)")
    assert joined.fetchall() == [(10,)]
    assert len(mine) == 1


def test_sql_reads_again_when_a_purge_takes_its_files_meanwhile(tmp_path, monkeypatch):
    store = Store.open(tmp_path)
    subprocess.run([sys.executable, "-c", APPENDER, str(tmp_path), "0", "3"], check=True)
    database = store.sql()
    assert database.sql("select count(*) from readings").fetchall() == [(30,)]
    blind = iter([store.versions()])
    known = database._versions
    monkeypatch.setattr(database, "_versions", lambda: next(blind, None) or known())
    subprocess.run([sys.executable, "-c", APPENDER, str(tmp_path), "3", "3", "purge"], check=True)
    assert database.sql("select count(*) from readings").fetchall() == [(20,)]
