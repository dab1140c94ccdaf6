"""Runs are thinned by a rule; what stands for a question stays, and no link leads nowhere."""

import contextlib
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import UserError
from analysis.reports import retention
from analysis.reports.record import standing
from analysis.reports.retention import Rule, kept, thin
from analysis.reports.site import Site
from reports.test_site import BASE, FAILED

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def run(number: int, hours_ago: float, top: str = "10", **words):
    when = (NOW - timedelta(hours=hours_ago)).isoformat(timespec="milliseconds")
    asked = [{"name": "top", "value": top, "given": True, "note": ""}]
    base = replace(BASE, id=f"overview-{number:012x}", finished=when, checked=when, parameters=asked)
    return replace(base, **words)


def test_a_run_stays_when_any_line_keeps_it() -> None:
    hourly = [run(number, number) for number in range(24 * 40)]
    assert kept(hourly, Rule(newest=3), NOW) == {record.id for record in hourly[:3]}
    daily = kept(hourly, Rule(newest=0, daily=7), NOW)
    # the day that goes on, six whole ones and the last of the day a week ago
    assert daily == {hourly[0].id, *(hourly[13 + 24 * day].id for day in range(7))} - {hourly[-1].id}
    weekly = kept(hourly, Rule(newest=0, weekly=3), NOW)
    assert len(weekly) == 4
    both = kept(hourly, Rule(newest=3, daily=7, weekly=3), NOW)
    assert both == {record.id for record in hourly[:3]} | daily | weekly


def test_failures_stay_as_long_as_they_are_told() -> None:
    good, told = run(1, 10), run(2, 5, status="failed", error=FAILED)
    older, past = run(3, 6, status="failed", error=FAILED), run(4, 20, status="failed", error=FAILED)
    assert kept([good, told, older, past], Rule(), NOW) == {good.id, told.id}
    assert kept([told, older, past], Rule(), NOW) == {told.id}


runs = st.lists(
    st.tuples(st.floats(0, 2000), st.sampled_from("123"), st.booleans(), st.floats(0, 100)), max_size=40
)


@given(runs, st.integers(0, 3), st.integers(0, 9), st.integers(0, 9))
def test_what_stands_for_a_question_always_stays(made, newest: int, daily: int, weekly: int) -> None:
    records = []
    for number, (ago, top, well, checked) in enumerate(made):
        record = run(number, ago, top, status="ok" if well else "failed", error=None if well else FAILED)
        later = (datetime.fromisoformat(record.finished) + timedelta(hours=checked)).isoformat()
        records.append(replace(record, checked=later))
    records.sort(key=lambda record: (record.finished, record.id), reverse=True)
    stay = kept(records, Rule(newest, daily, weekly), NOW)
    assert stay == kept(records[::-1], Rule(newest, daily, weekly), NOW)
    for question in {record.question for record in records}:
        same = [record for record in records if record.question == question]
        assert {record.id for record in standing(same) if record} <= stay
    again = [record for record in records if record.id in stay]
    assert kept(again, Rule(newest, daily, weekly), NOW) == stay  # thinned twice is thinned once


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site", "https://reports.example/")
    site.prepare()
    for number in range(6):
        staged = site.stage("x")
        (staged / "index.html").write_text(f"page {number}")
        content = {"content_id": f"{number:016x}", "url": f"https://a.example/{number}", "title": "t"}
        site.publish(run(number, 100 - number, contents=[content]), staged)
    return site


def broken(site: Site) -> list[str]:
    """Links and names of runs and files that lead nowhere: of pages, clocks, records, feed and manifest."""
    found = []
    for page in site.folder.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#:]+)["#]', page.read_text()):
            if not (page.parent / link).exists():
                found.append(f"{page.relative_to(site.folder)}: {link}")
    for script in site.runs.glob("*/run.js"):
        newer = json.loads(script.read_text().removeprefix("window.viralityRun=").rstrip(";\n"))["newer"]
        if newer and not (site.runs / newer).exists():
            found.append(f"{script.parent.name}: {newer}")
    manifest = json.loads((site.folder / "manifest.json").read_text())
    named = [*manifest["files"], *(f"runs/{run['previous']}" for run in manifest["runs"] if run["previous"])]
    named += [f"runs/{record.previous}" for record in site.records() if record.previous]
    named += re.findall(rf'href="{site.address}([^"]+)"', (site.folder / "feed.xml").read_text())
    return found + [name for name in named if not (site.folder / name).exists()]


# to a site: a run of one of nine inputs comes out, fails or is found up to date, or runs are thinned
happens = st.lists(st.tuples(st.sampled_from("ooofct"), st.integers(0, 8), st.integers(0, 2)), max_size=20)


@settings(max_examples=25, deadline=None)
@given(happens)
def test_whatever_happened_no_link_leads_nowhere_once_runs_are_thinned(
    tmp_path_factory: pytest.TempPathFactory, happens
) -> None:
    site = Site(tmp_path_factory.mktemp("any") / "site", "https://reports.example/")
    site.prepare()
    for hour, (what, number, newest) in enumerate([*happens, ("t", 0, 1)]):
        # three questions, of which two follow each other as one series
        record = run(number, 100 - hour, ("2026-01-01", "2026-02-01", "3")[number % 3])
        content = {"content_id": f"{number % 4:016x}", "url": "https://a.example/", "title": "t"}
        if what == "t":
            thin(site, Rule(newest=newest), NOW - timedelta(hours=100 - hour))
            assert broken(site) == []
        elif what == "c":
            if known := site.find(record.id):
                site.checked(known, record.finished, 7.0)
        elif what == "f":
            failed = replace(record, id=f"{record.id}-failed", status="failed", error=FAILED)
            site.publish(failed, site.stage("x"))
        else:
            staged = site.stage("x")
            (staged / "index.html").write_text(
                f'<a href="changes.html">x</a><a href="../../contents/{content["content_id"]}.html">y</a>'
            )
            site.publish(replace(record, contents=[content]), staged)


def test_what_could_not_be_read_goes_with_its_folder(site: Site) -> None:
    words = {"status": "failed", "error": FAILED, "parameters": []}
    site.publish(run(7, 50, id="overview-unreadable-failed", **words), site.stage("x"))
    site.publish(run(8, 40, id="overview-000000000008-failed", **words), site.stage("x"))
    assert "overview-unreadable-failed" in thin(site, Rule(newest=9), NOW)
    assert not (site.runs / "overview-unreadable-failed").exists()


def test_no_link_leads_nowhere_and_the_manifest_is_right(site: Site) -> None:
    assert broken(site) == []
    gone = thin(site, Rule(newest=2), NOW)
    assert gone == [f"overview-{number:012x}" for number in range(4)]
    assert sorted(path.name for path in site.runs.iterdir()) == [f"overview-{n:012x}" for n in (4, 5)]
    assert broken(site) == []
    assert "kept no longer" in (site.runs / "overview-000000000004/changes.html").read_text()
    from analysis.publish.release import take

    take(site.folder)
    assert thin(site, Rule(newest=2), NOW) == []
    assert "overview-000000000003" not in site.index.read_text() + (site.folder / "history.html").read_text()


@pytest.mark.parametrize("step", range(1, 12))
def test_killed_anywhere_it_is_repeated(site: Site, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    done = []

    def counted(act):
        def stepped(*arguments, **words):
            done.append(1)
            if len(done) == step:
                raise Killed
            return act(*arguments, **words)

        return stepped

    monkeypatch.setattr(retention, "write", counted(retention.write))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    with contextlib.suppress(Killed):
        thin(site, Rule(newest=2), NOW)
    monkeypatch.undo()
    thin(site, Rule(newest=2), NOW)
    assert sorted(path.name for path in site.runs.iterdir()) == [f"overview-{n:012x}" for n in (4, 5)]
    assert broken(site) == []
    from analysis.publish.release import take

    take(site.folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[retention]\nnewest = -1", "whole number"),
        ("[retention]\nnewest = true", "whole number"),
        ("[retention]\nmonthly = 1", "nobody knows it"),
        ("[retention]", "says nothing"),
        ("retention = ", "TOML"),
    ],
)
def test_a_wrong_rule_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "virality.toml").write_text(text)
    with pytest.raises(UserError, match=said):
        retention.read(tmp_path / "virality.toml")


def test_without_a_rule_all_is_kept(tmp_path: Path) -> None:
    assert retention.read(tmp_path / "nothing.toml") is None
    (tmp_path / "virality.toml").write_text("[retention]\nnewest = 5\ndaily = 30\n")
    assert retention.read(tmp_path / "virality.toml") == Rule(5, 30)
