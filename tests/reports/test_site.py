"""The site: newest first, failures shown, old pages told, and never half of anything."""

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.errors import UserError
from analysis.reports.notebooks import FIRST, LAST
from analysis.reports.record import Record
from analysis.reports.site import Site
from analysis.reports.telling import ending

BASE = Record(
    id="overview-000000000000",
    report="overview",
    title="What went <viral>",
    status="ok",
    parameters=[{"name": "top", "value": "10", "given": False, "note": ""}],
    started="2026-01-01T00:00:00.000+00:00",
    finished="2026-01-01T00:01:00.000+00:00",
    checked="2026-01-01T00:01:00.000+00:00",
    seconds=60.0,
    kernel_seconds=50.0,
    renew_days=7.0,
    fingerprint="0",
    notebook="0",
    data_as_of="2026-01-01 00:00 UTC",
    inputs={},
    verdict="found",
    summary='Three <b>pieces</b> "spiked".',
)
FAILED = {"message": "ValueError: no <x>", "cell": "cell In [2]", "source": "raise <x>"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.prepare()
    return site


def publish(site: Site, number: int, **words: object) -> Record:
    minute = f"2026-01-01T00:{number:02d}:00.000+00:00"
    base = replace(BASE, id=f"overview-{number:012d}", finished=minute, checked=minute)
    record = replace(base, **words)  # type: ignore[arg-type]
    staged = site.stage(record.id)
    (staged / "index.html").write_text(f"page {number}")
    return site.publish(record, staged)


def clock(site: Site, record: Record) -> dict:
    text = (site.runs / record.id / "run.js").read_text()
    return json.loads(text.removeprefix("window.viralityRun=").rstrip(";\n"))


def test_runs_stand_newest_first_and_escaped(site: Site) -> None:
    publish(site, 1, title="Older")
    publish(site, 3, title="Newest")
    publish(site, 2, title="Middle <b>")
    index = site.index.read_text()
    history = index[index.index("newest first") :]
    assert history.index("Newest") < history.index("Middle &lt;b&gt;") < history.index("Older")
    assert "Three &lt;b&gt;pieces" in index
    assert [record.title for record in site.records()] == ["Newest", "Middle <b>", "Older"]


def test_an_older_page_learns_that_there_is_a_newer_one_of_its_kind(site: Site) -> None:
    asked = [{"name": "top", "value": "3", "given": True, "note": ""}]
    old, other = publish(site, 1), publish(site, 2, parameters=asked)
    new = publish(site, 3)
    assert clock(site, old)["newer"] == new.id
    assert clock(site, other)["newer"] is None
    assert clock(site, new)["newer"] is None


def test_an_older_run_that_is_current_again_is_the_newest(site: Site) -> None:
    old, new = publish(site, 1), publish(site, 2)
    site.checked(old, "2026-01-02T00:00:00.000+00:00", 7.0)
    assert clock(site, old)["newer"] is None
    assert clock(site, new)["newer"] == old.id


def test_a_page_knows_when_it_should_be_renewed_and_that_an_attempt_failed(site: Site) -> None:
    page = publish(site, 1)
    assert clock(site, page)["renew_by"] == "2026-01-08T00:01:00+00:00"
    failed = publish(site, 2, status="failed", error=FAILED, id="overview-000000000009-failed")
    assert clock(site, page)["failed"] == failed.finished
    index = site.index.read_text()
    assert "The last attempt to renew it failed" in index
    assert "ValueError: no &lt;x&gt;" in index
    assert "raise &lt;x&gt;" in (site.runs / failed.id / "index.html").read_text()
    later = site.checked(page, "2026-01-03T00:00:00.000+00:00", 7.0)
    assert clock(site, later)["failed"] is None
    assert clock(site, later)["renew_by"] == "2026-01-10T00:00:00+00:00"


def test_a_failed_run_says_where_all_of_it_is_and_how_to_repeat_it(site: Site) -> None:
    asked = [{"name": "word", "value": "<b> c", "given": True, "note": ""}]
    record = replace(BASE, id="overview-failed", status="failed", error=FAILED, parameters=asked)
    site.publish(record, site.stage(record.id))
    page = (site.runs / record.id / "index.html").read_text()
    assert "<code>failures/overview-failed</code>" in page
    assert "virality report overview -p &#39;word=&lt;b&gt; c&#39;" in page


def given(**values: str) -> list[dict]:
    notes = {"since": "first day, UTC", "site": "such as example.org"}
    return [{"name": n, "value": v, "given": True, "note": notes[n]} for n, v in values.items()]


@pytest.mark.parametrize(
    ("kind", "parameters", "told", "command"),
    [
        ("asked", given(since="2030-01-01", site="a.example"),
         "Ask again with another value (since was 2030-01-01, expected: first day, UTC).",
         "virality report overview -p since=VALUE -p site=a.example"),
        ("asked", [], "The notebook is sound: do what the message says.", "virality report overview"),
        ("stopped", given(site="a.example"), "It ran out of time or memory",
         "virality report overview -p site=a.example"),
        ("wrong", given(site="a.example"), "Mend notebooks/overview.ipynb",
         "virality report overview -p site=a.example"),
    ],
)  # fmt: skip
def test_the_advice_fits_the_failure(
    site: Site, kind: str, parameters: list[dict], told: str, command: str
) -> None:
    message = "since=2030-01-01 comes after 2018-04-01 (the data end there)"
    error = FAILED | {"kind": kind, "message": message}
    record = replace(BASE, id="overview-failed", status="failed", error=error, parameters=parameters)
    site.publish(record, site.stage(record.id))
    page = (site.runs / record.id / "index.html").read_text()
    assert told in page
    assert f"<code>{command}</code>" in page
    assert ("Mend notebooks/" in page) == (kind == "wrong")
    assert ("raise &lt;x&gt;" in page) == (kind != "asked")  # the cell is no help where a value was wrong
    ended = ending([record], set(), site)
    assert told in ended
    assert ended.endswith(f"Then: {command}")


def test_the_index_begins_with_what_readers_ask_first_and_ends_with_the_bench(site: Site) -> None:
    for number, name in enumerate(["explore", "a_kept_chart", "platforms", "story", "overview"], start=1):
        publish(site, number, id=f"{name}-{number:012d}", report=name, title=f"Title of {name}")
    index = site.index.read_text()
    cards = index[index.index('id="latest"') : index.index('id="runs"')]
    told = re.findall(r"Title of (\w+)", cards)
    assert told == ["overview", "story", "platforms", "a_kept_chart", "explore"]
    shipped = {path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb")}
    assert {*FIRST, *LAST} == shipped


def test_a_success_replaces_the_failure_of_the_same_inputs_and_never_the_other_way(site: Site) -> None:
    publish(site, 1, status="failed", error=FAILED, id="overview-000000000001-failed")
    publish(site, 1)
    assert [record.status for record in site.records()] == ["ok"]
    publish(site, 1, status="failed", error=FAILED, id="overview-000000000001-failed")
    assert (site.runs / "overview-000000000001/index.html").read_text() == "page 1"


def test_a_page_that_lost_a_file_is_made_again(site: Site) -> None:
    record = publish(site, 1)
    assert site.find(record.id) is not None
    (site.runs / record.id / "index.html").unlink()
    assert site.find(record.id) is None
    assert site.find("overview-nothing") is None


def test_a_folder_that_is_no_run_is_passed_over(site: Site) -> None:
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"id": 1}')):
        (site.runs / name).mkdir()
        (site.runs / name / "record.json").write_text(text)
    publish(site, 1)
    assert len(site.records()) == 1


def test_assets_are_named_by_their_hash_and_written_once(site: Site) -> None:
    first = site.assets()
    times = {path.name: path.stat().st_mtime_ns for path in (site.folder / "assets").iterdir()}
    assert site.assets() == first
    assert times == {path.name: path.stat().st_mtime_ns for path in (site.folder / "assets").iterdir()}
    assert set(first.values()) == set(times)


def test_readers_never_see_half_an_index_and_no_run_is_lost(site: Site) -> None:
    publish(site, 0)
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            if not site.index.read_text().rstrip().endswith("</html>"):
                torn.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [
        threading.Thread(target=lambda n=n: [publish(site, 10 * n + i) for i in range(5)]) for n in (1, 2, 3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    assert not torn
    assert len(site.records()) == 16
    assert site.index.read_text().count("<tr>") == 17


def test_a_site_in_object_storage_is_refused_in_a_line() -> None:
    with pytest.raises(UserError, match="must be a folder"):
        Site("s3://bucket/site")
