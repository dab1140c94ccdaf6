"""What stands over all runs: contents, feed, manifest; deterministic, and rewritten only where it changed."""

import hashlib
import json
import re
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from analysis.cli import app
from analysis.errors import UserError
from analysis.reports.record import Record
from analysis.reports.site import Site
from tests.reports.test_site import FAILED, publish

ATOM = "{http://www.w3.org/2005/Atom}"
SEA = {"content_id": "00000000000000aa", "url": "https://s.example/sea", "title": "The <b>sea</b> wall"}
TIDE = {"content_id": "00000000000000bb", "url": "javascript:alert(1)", "title": ""}
MANY = [{"name": "top", "value": "3", "given": True, "note": ""}]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site", "https://reports.example/all/", "Europe/Berlin")
    site.prepare()
    return site


def filled(site: Site) -> list[Record]:
    """Three runs and a failed one."""
    return [
        publish(site, 1, contents=[SEA]),
        publish(site, 2, contents=[SEA, TIDE], parameters=MANY, data_as_of="2026-01-02 00:00 UTC"),
        publish(site, 3, contents=[SEA], data_as_of="2026-01-03 00:00 UTC"),
        publish(site, 4, status="failed", error=FAILED, id="overview-000000000009-failed"),
    ]


def states(site: Site) -> dict[str, tuple[int, int]]:
    files = [path for path in site.folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {
        str(path.relative_to(site.folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files
    }


def contents(site: Site) -> dict[str, bytes]:
    return {name: (site.folder / name).read_bytes() for name in states(site)}


def test_a_content_has_a_page_that_links_the_newest_of_each_report_that_speaks_of_it(site: Site) -> None:
    first, second, third, _ = filled(site)
    page = (site.folder / "contents" / f"{SEA['content_id']}.html").read_text()
    assert "<h1>The &lt;b&gt;sea&lt;/b&gt; wall</h1>" in page
    assert 'href="https://s.example/sea"' in page
    assert page.index(third.id) < page.index(second.id)
    assert first.id not in page
    assert "1 earlier run of the same stands in" in page
    other = (site.folder / "contents" / f"{TIDE['content_id']}.html").read_text()
    assert 'href="javascript' not in other
    listed = (site.folder / "contents" / "index.html").read_text()
    assert f'href="{SEA["content_id"]}.html"' in listed
    assert "contents/index.html" in site.index.read_text()


def test_a_content_no_run_speaks_of_any_more_has_no_page(site: Site) -> None:
    filled(site)
    second = site.runs / "overview-000000000002"
    for path in second.iterdir():
        path.unlink()
    second.rmdir()
    site.build()
    pages = {path.name for path in (site.folder / "contents").iterdir()}
    assert pages == {"index.html", f"{SEA['content_id']}.html"}


def test_the_index_shows_the_newest_and_the_history_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.reports.index.SHOWN", 2)
    filled(site)
    index, history = site.index.read_text(), (site.folder / "history.html").read_text()
    assert index.count("<tr>") == 1 + 2
    assert history.count("<tr>") == 1 + 4
    assert "The newest 2 of 4 runs" in index


def test_the_feed_has_what_rfc_4287_asks_for(site: Site) -> None:
    published = filled(site)[:3]
    root = ElementTree.fromstring((site.folder / "feed.xml").read_bytes())
    assert root.tag == f"{ATOM}feed"
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(ATOM + name)) == 1, name
        assert stamp.fullmatch(element.findtext(f"{ATOM}updated") or "")
        assert re.match(r"urn:uuid:[0-9a-f-]{36}$", element.findtext(f"{ATOM}id") or "")
        links = element.findall(f"{ATOM}link")
        assert [link.get("rel") for link in links].count("alternate") == 1
        assert all((link.get("href") or "").startswith("https://reports.example/all/") for link in links)
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    assert root.find(f"{ATOM}link[@rel='self']") is not None
    entries = root.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}updated") for entry in entries] == [r.finished for r in published[::-1]]
    assert root.findtext(f"{ATOM}updated") == published[-1].finished
    assert len({element.text for element in root.iter(f"{ATOM}id")}) == 4
    assert entries[1].findtext(f"{ATOM}title") == "What went <viral> (top 3)"
    assert entries[0].find(f"{ATOM}summary").get("type") == "text"  # type: ignore[union-attr]


def test_entries_keep_their_ids_when_the_site_moves_and_links_may_be_relative(
    site: Site, tmp_path: Path
) -> None:
    filled(site)
    moved = Site(site.folder)
    ids = [e.text for e in ElementTree.parse(site.folder / "feed.xml").iter(f"{ATOM}id")]
    moved.build()
    root = ElementTree.parse(site.folder / "feed.xml").getroot()
    assert [e.text for e in root.iter(f"{ATOM}id")][1:] == ids[1:]
    assert all(":" not in (link.get("href") or "") for link in root.iter(f"{ATOM}link"))
    empty = Site(tmp_path / "empty")
    empty.build()
    assert ElementTree.parse(empty.folder / "feed.xml").getroot().findtext(f"{ATOM}updated")
    assert "There are none yet" in empty.index.read_text()


def test_the_feed_holds_no_character_that_xml_forbids(site: Site) -> None:
    publish(site, 1, summary="a\x00b\x0bc\ufffed <&> ]]>")
    root = ElementTree.fromstring((site.folder / "feed.xml").read_bytes())
    assert root.findtext(f"{ATOM}entry/{ATOM}summary") == "found: abcd <&> ]]>"


def test_the_manifest_has_every_file_with_its_hash_and_every_run_with_its_inputs(site: Site) -> None:
    runs = filled(site)
    told = json.loads((site.folder / "manifest.json").read_text())
    there = {name for name in states(site) if not name.startswith(".") and name != "manifest.json"}
    assert set(told["files"]) == there
    for name, file in told["files"].items():
        data = (site.folder / name).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest()), name
    assert [run["id"] for run in told["runs"]] == [run.id for run in runs[::-1]]
    assert [run["status"] for run in told["runs"]] == ["failed", "ok", "ok", "ok"]
    for run in told["runs"]:
        assert {f"runs/{run['id']}/{name}" for name in run["files"]} <= there
        assert run["inputs"]["fingerprint"] == "0"
    assert told["runs"][2]["contents"] == [SEA["content_id"], TIDE["content_id"]]
    assert told["runs"][1]["previous"] == runs[0].id
    assert told["entries"][-1] == "index.html"
    assert set(told["entries"]) <= there
    assert told["address"] == "https://reports.example/all/"


def test_nothing_is_rewritten_that_has_not_changed(site: Site) -> None:
    filled(site)
    before = states(site)
    assert Site(site.folder, site.address, site.zone).build() == 0
    assert states(site) == before
    publish(site, 5, report="story", contents=[TIDE], id="story-000000000005")
    after = states(site)
    rewritten = {name for name in before if after[name] != before[name]}
    own = f"contents/{TIDE['content_id']}.html"
    assert rewritten == {
        "contents/index.html",
        "feed.xml",
        "history.html",
        "index.html",
        "manifest.json",
        own,
    }


def test_the_same_runs_make_the_same_site_anywhere(site: Site, tmp_path: Path) -> None:
    filled(site)
    other = Site(tmp_path / "deeper" / "other", site.address, site.zone)
    other.prepare()
    filled(other)
    assert contents(site) == contents(other)


def test_only_what_is_declared_to_tell_of_time_depends_on_when_it_was_made(
    site: Site, tmp_path: Path
) -> None:
    other = Site(tmp_path / "later", site.address, site.zone)
    other.prepare()
    for place, day in ((site, "2026-01-01"), (other, "2026-05-05")):
        for number in (1, 2):
            when = f"{day}T00:0{number}:00.000+00:00"
            kept = {"contents": [SEA], "data_as_of": f"2026-01-0{number} 00:00 UTC"}
            publish(place, number, finished=when, checked=when, started=when, seconds=float(number), **kept)
    here, there = contents(site), contents(other)
    told = json.loads(here["manifest.json"])["telling_time"]
    differ = {name for name in here if here[name] != there[name]}
    assert "index.html" in differ
    assert all(name == "manifest.json" or any(fnmatch(name, p) for p in told) for name in differ)
    assert set(here) == set(there)


def test_the_settings_reach_the_site_or_are_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRALITY_SITE", str(tmp_path / "site"))
    monkeypatch.setenv("VIRALITY_SITE_ZONE", "Europe/Berlin")
    monkeypatch.setenv("VIRALITY_SITE_ADDRESS", "https://reports.example/all")
    done = CliRunner().invoke(app, ["site"])
    assert done.exit_code == 0
    assert "0 runs" in done.output
    assert "https://reports.example/all/index.html" in (tmp_path / "site" / "feed.xml").read_text()
    assert 'data-zone="Europe/Berlin"' in (tmp_path / "site" / "index.html").read_text()
    for name, value in (
        ("ZONE", "Berlin"),
        ("ZONE", "../etc"),
        ("ADDRESS", "reports"),
        ("ADDRESS", "ftp://x"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(f"VIRALITY_SITE_{name}", value)
            with pytest.raises(UserError, match=f"{re.escape(repr(value))}.*VIRALITY_SITE_{name}"):
                Site.open()
