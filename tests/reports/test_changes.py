"""What changed since the last report: each cause and each difference is named, and stays as it was said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.reports.changes import MOST, Change, compare
from analysis.reports.record import RESULTS, Record
from analysis.reports.site import Site
from tests.reports.test_site import BASE, publish

INPUTS = {
    "versions": {"events": 1, "intervals": 1},
    "rows": {"events": 10, "intervals": 20},
    "revised": 1,
    "code": "aaa",
    "commit": "c0ffee",
    "software": {"virality": "0.1.0", "pandas": "3.0"},
}
RESULT = {
    "model": "spikes 1.0",
    "verdict": "inconclusive",
    "reason": "only 12 hours",
    "summary": "Not enough.",
    "checks": [{"name": "enough history", "passed": False}],
}
TABLE = {"name": "Visits", "columns": ["source", "visits"], "rows": [["direct", "1,000"], ["digg", "5"]]}


def run(folder: Path, name: str, found: dict[str, Any], **words: Any) -> tuple[Record, Path]:
    """A run with these findings."""
    place = folder / name
    place.mkdir()
    (place / RESULTS).write_text(json.dumps(found))
    return replace(BASE, **({"id": name, "inputs": INPUTS} | words)), place


def test_each_cause_and_each_difference_is_named(tmp_path: Path) -> None:
    found = {"results": [RESULT], "tables": [TABLE]}
    before = run(tmp_path, "a", found)
    inputs = INPUTS | {
        "rows": {"events": 13, "intervals": 20},
        "versions": {"events": 2, "intervals": 2},
        "revised": 3,
        "code": "bbb",
        "commit": "beef",
        "software": {"virality": "0.1.0", "pandas": "3.1"},
    }
    result = RESULT | {
        "model": "spikes 1.1",
        "verdict": "found",
        "reason": "",
        "summary": "A spike.",
        "checks": [{"name": "enough history", "passed": True}],
    }
    table = TABLE | {"rows": [["direct", "1,200"], ["reddit", "7"]]}
    now = run(
        tmp_path,
        "b",
        {"results": [result], "tables": [table, TABLE | {"name": "More"}]},
        inputs=inputs,
        data_as_of="2026-01-08 00:00 UTC",
        notebook="1" * 64,
        parameters=[{"name": "top", "value": "3", "given": True, "note": ""}],
    )
    told = compare(*before, *now)
    assert told.why == [
        Change("data", "data as of", "2026-01-01 00:00 UTC", "2026-01-08 00:00 UTC"),
        Change("data", "events, rows", "10", "13", "3 new"),
        Change("data", "intervals", "", "", "written anew, as many rows as before"),
        Change("data", "revised counts", "1", "3", told.why[3].note),
        Change("parameter", "top", "10", "3"),
        Change("model", "spikes", "1.0", "1.1"),
        Change("code", "notebook", "0", "1" * 12),
        Change("code", "virality's code", "c0ffee", "beef"),
        Change("code", "pandas", "3.0", "3.1"),
    ]
    assert told.answers == [
        Change("verdict", "spikes", "inconclusive (only 12 hours)", "found"),
        Change("in words", "spikes", "Not enough.", "A spike."),
        Change("check", "enough history", "failed", "passed"),
        Change("Visits", "direct: visits", "1,000", "1,200", "+200"),
        Change("Visits", "reddit", "", "", "is new"),
        Change("Visits", "digg", "", "", "is no longer listed"),
        Change("More", "the table", "", "", "is on the new page only"),
    ]
    assert "spikes: inconclusive (only 12 hours) became found" in told.sentence
    assert "data, parameters, models and code" in told.sentence


def test_equal_runs_differ_in_nothing_and_the_first_has_none_before_it(tmp_path: Path) -> None:
    found = {"results": [RESULT], "tables": [TABLE]}
    one, two = run(tmp_path, "a", found), run(tmp_path, "b", found)
    told = compare(*one, *two)
    assert (told.why, told.answers) == ([], [])
    assert "what went in differently: nothing" in told.sentence
    assert compare(None, None, *two).before is None


def test_rows_are_known_by_as_many_columns_as_it_takes(tmp_path: Path) -> None:
    rows = [["digg", "reddit", "1"], ["digg", "x", "2"]]
    table = {"name": "Pairs", "columns": ["first", "then", "n"], "rows": rows}
    one = run(tmp_path, "a", {"tables": [table]})
    two = run(tmp_path, "b", {"tables": [table | {"rows": [rows[0], ["digg", "x", "3"]]}]})
    assert compare(*one, *two).answers == [Change("Pairs", "digg, x: n", "2", "3", "+1")]


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    rows = [[f"row {number}", "1"] for number in range(MOST + 5)]
    table = {"name": "Long", "columns": ["row", "n"], "rows": rows}
    one = run(tmp_path, "a", {"tables": [table]})
    two = run(tmp_path, "b", {"tables": [table | {"rows": [[name, "2"] for name, _ in rows]}]})
    answers = compare(*one, *two).answers
    assert len(answers) == MOST + 1
    assert answers[-1].note == "5 more differ"


def test_a_run_of_an_older_version_can_still_be_compared(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    told = compare(replace(BASE, inputs={}), tmp_path / "old", *run(tmp_path, "b", {"results": [RESULT]}))
    assert ("verdict", "not on the page") in [(change.kind, change.before) for change in told.answers]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.prepare()
    return site


def asked(**values: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value, "given": True, "note": ""} for name, value in values.items()]


def test_a_run_follows_the_one_that_asked_the_same_about_other_dates(site: Site) -> None:
    june = publish(site, 1, parameters=asked(since="2026-06-01", site="a.example"))
    other = publish(site, 2, parameters=asked(since="2026-06-01", site="b.example"))
    july = publish(site, 3, parameters=asked(since="2026-07-01", site="a.example"))
    assert [site.find(record.id).previous for record in (june, other, july)] == ["", "", june.id]  # type: ignore[union-attr]
    page = (site.runs / july.id / "changes.html").read_text()
    assert "2026-06-01" in page
    assert f"../{june.id}/index.html" in page
    assert "none before it" in (site.runs / june.id / "changes.html").read_text()


def test_what_was_said_of_equal_inputs_stands(site: Site) -> None:
    publish(site, 1)
    second = publish(site, 2, data_as_of="2026-01-08 00:00 UTC")
    page = (site.runs / second.id / "changes.html").read_bytes()
    publish(site, 3, data_as_of="2026-01-15 00:00 UTC")
    again = publish(site, 2, data_as_of="2026-01-08 00:00 UTC", finished="2026-02-01T00:00:00.000+00:00")
    assert again.previous == second.previous
    assert (site.runs / second.id / "changes.html").read_bytes() == page
    assert '"changed":"Since the report before it' in (site.runs / second.id / "run.js").read_text()


def test_hostile_words_stay_words(site: Site) -> None:
    publish(site, 1, title="<script>x</script>")
    second = publish(site, 2, title="<script>x</script>", data_as_of='"><img src=x onerror=y>\u202e')
    page = (site.runs / second.id / "changes.html").read_text()
    assert "<script>x" not in page
    assert "<img" not in page
    assert "\u202e" not in page
