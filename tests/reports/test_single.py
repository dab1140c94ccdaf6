"""A page in one file: everything in it, small enough to send, running only what stands in it."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from analysis.reports.files import write
from analysis.reports.record import Record
from analysis.reports.single import LARGEST, single
from analysis.reports.site import Site
from tests.reports.test_page import CONTEXT, chart, go, page
from tests.reports.test_site import BASE
from tests.reports.test_site import publish as _publish

SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.prepare()
    return site


def published(site: Site, pictures: tuple[int, ...] = (100,)) -> Record:
    """A run whose charts have pictures of so many bytes, after an earlier one."""
    _publish(site, 1, data_as_of="2025-12-25 00:00 UTC")
    charts = [chart(go.Figure(go.Bar(x=["a"], y=[1], name="<b>"))) for _ in pictures]
    told, contents = page(
        "# Title", charts, assets=site.assets(), pictures=lambda found: ({c.name for c in found}, "")
    )
    staged = site.stage("page")
    (staged / "index.html").write_text(told)
    (staged / "notebook.ipynb").write_text("{}")
    for drawn, size in zip(contents.charts, pictures, strict=True):
        (staged / f"{drawn.name}.csv").write_text(drawn.csv)
        (staged / f"{drawn.name}.svg").write_text(SVG.format("x" * size))
    record = Record(**{**BASE.__dict__, "id": "overview-000000000002", "data_as_of": CONTEXT["data_as_of"]})
    return site.publish(record, staged)


def test_it_asks_for_nothing_and_runs_only_what_stands_in_it(site: Site, tmp_path: Path) -> None:
    record = published(site)
    path = single(site, record, tmp_path)
    told = path.read_text()
    assert path.name == f"{record.id}.html"
    assert len(told.encode()) <= LARGEST
    assert not re.search(r'\s(?:src|href)="(?!data:|#|https?:|mailto:)', told)
    scripts = re.findall(r"<script>(.*?)</script>", told, re.S)
    assert len(scripts) == 4
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', told)
    assert policy is not None
    for script in scripts:
        value = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"&#39;sha256-{value}&#39;" in policy[1]
    assert "unsafe-inline" not in policy[1].partition("style-src")[0]
    assert "&#39;self&#39;" not in policy[1]
    assert "<h2>What changed: What went &lt;viral&gt;</h2>" in told
    assert 'href="#changes"' in told
    assert told.count("<h1>") == 1
    clock = next(script for script in scripts if script.startswith("window.viralityRun"))
    assert json.loads(clock.removeprefix("window.viralityRun=").rstrip(";"))["newer"] is None


def test_links_to_the_site_lead_to_its_address(site: Site, tmp_path: Path) -> None:
    record = published(site)
    told = single(Site(site.folder, "https://reports.example/"), record, tmp_path).read_text()
    assert f'href="https://reports.example/runs/{record.id}/notebook.ipynb"' in told
    assert 'href="https://reports.example/index.html"' in told
    assert 'href="https://reports.example/runs/overview-000000000001/index.html"' in told


def test_without_an_address_nothing_speaks_of_files_that_are_elsewhere(site: Site, tmp_path: Path) -> None:
    record = published(site)
    told = single(site, record, tmp_path).read_text()
    for words in ("All reports", "The executed notebook", "Every report on"):
        assert words not in told
    assert "What changed since the last report" in told
    address = "https://reports.example/"
    assert "The executed notebook" in single(Site(site.folder, address), record, tmp_path).read_text()


def test_pictures_that_are_too_large_are_left_out_and_it_is_said(site: Site, tmp_path: Path) -> None:
    record = published(site, pictures=(1000, 500_000, 2000))
    told = single(site, record, tmp_path).read_text()
    assert len(told.encode()) <= LARGEST
    assert told.count('class="picture" src="data:image/svg+xml;base64,') == 2
    assert told.count("The static picture was too large for this file") == 1
    assert told.count('download="figure-') == 3


def test_the_same_run_makes_the_same_file(site: Site, tmp_path: Path) -> None:
    record = published(site)
    one = single(site, record, tmp_path / "one").read_bytes()
    assert one == single(site, record, tmp_path / "two").read_bytes()


def test_no_script_of_ours_could_end_its_element() -> None:
    from analysis.reports.site import ASSETS, TEMPLATE

    for name in ASSETS.values():
        text = (TEMPLATE / name).read_text(encoding="utf-8").lower()
        assert "</script" not in text
        assert "<!--" not in text
        assert "</style" not in text


def test_a_file_is_written_whole_or_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    assert write(path, b"one")
    before = path.stat()
    assert not write(path, b"one")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert write(path, b"two")
    assert [p.name for p in path.parent.iterdir()] == ["file"]
