"""What changed since the report before, and why: two runs' records and results, laid side by side.

A function of the two runs and nothing else, so that it is the same whenever it is asked. It says what
differs; which of several causes moved a number cannot be read off two reports, and it says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.display import short
from analysis.reports.record import RESULTS, Record
from analysis.reports.results import split_model

MOST = 60  # rows of one table's changes that are listed
LONGEST = 160
UNNAMED = "–"


@dataclass(frozen=True)
class Change:
    """One thing that differs: of what kind, which thing, before and now, and what that means."""

    kind: str
    what: str
    before: str
    now: str
    note: str = ""


@dataclass(frozen=True)
class Changes:
    """What differs between two runs.

    before : the earlier run; None where there is none
    sentence : all of it in short
    why : what went into the reports: data, parameters, models, code
    answers : what came out of them: verdicts, checks, rows of tables
    """

    before: Record | None
    sentence: str
    why: list[Change]
    answers: list[Change]


def compare(before: Record | None, there: Path | None, now: Record, here: Path) -> Changes:
    """Lay a run beside the one before it.

    Parameters
    ----------
    before, now : the records
    there, here : their folders, where their results lie
    """
    if before is None or there is None:
        return Changes(None, "", [], [])
    old, new = _results(there), _results(here)
    why = [*_data(before, now), *_parameters(before, now), *_models(old, new), *_code(before, now)]
    answers = [*_verdicts(old, new), *_tables(old, new)]
    return Changes(before, _sentence(before, why, answers), why, answers)


def _results(folder: Path) -> dict[str, Any]:
    try:
        words = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a run of an older version
    return words if isinstance(words, dict) else {}


def _data(before: Record, now: Record) -> Iterator[Change]:
    if before.data_as_of != now.data_as_of:
        yield Change("data", "data as of", before.data_as_of or "no data", now.data_as_of or "no data")
    old, new = before.inputs.get("rows", {}), now.inputs.get("rows", {})
    for table in new:
        more = new[table] - old.get(table, 0)
        if more:
            note = f"{more:,} new" if more > 0 else f"{-more:,} fewer: rows were forgotten"
            yield Change("data", f"{table}, rows", f"{old.get(table, 0):,}", f"{new[table]:,}", note)
        elif before.inputs.get("versions", {}).get(table) != now.inputs.get("versions", {}).get(table):
            yield Change("data", table, "", "", "written anew, as many rows as before")
    was, revised = before.inputs.get("revised", 0), now.inputs.get("revised", 0)
    if revised != was:
        note = "counts of a bin that were later given differently; the newest one counts"
        yield Change("data", "revised counts", f"{was:,}", f"{revised:,}", note)


def _parameters(before: Record, now: Record) -> Iterator[Change]:
    old, new = ({row["name"]: row for row in record.parameters} for record in (before, now))
    for name in dict.fromkeys([*old, *new]):
        was, became = (side.get(name, {}).get("value", "not there") for side in (old, new))
        if was != became:
            yield Change("parameter", name, short(was, LONGEST), short(became, LONGEST))


def _models(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    was, became = (dict(split_model(r["model"]) for r in side.get("results", [])) for side in (old, new))
    for name in dict.fromkeys([*was, *became]):
        if was.get(name) != became.get(name):
            before, now = (short(side.get(name, "not used"), LONGEST) for side in (was, became))
            yield Change("model", name, before, now)


def _code(before: Record, now: Record) -> Iterator[Change]:
    if before.notebook != now.notebook:
        yield Change("code", "notebook", before.notebook[:12], now.notebook[:12])
    old, new = before.inputs, now.inputs
    if old.get("code") != new.get("code"):
        commits = [side.get("commit") or side.get("code") or UNNAMED for side in (old, new)]
        yield Change("code", "virality's code", *commits)
    was, became = old.get("software", {}), new.get("software", {})
    for name in dict.fromkeys([*was, *became]):
        if was.get(name) != became.get(name):
            yield Change("code", name, was.get(name, "not there"), became.get(name, "not there"))


def _verdicts(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    was, became = (_numbered(side.get("results", [])) for side in (old, new))
    for name in dict.fromkeys([*was, *became]):
        a, b = was.get(name), became.get(name)
        if a is None or b is None:
            yield Change("verdict", name, _said(a), _said(b))
            continue
        if _said(a) != _said(b):
            yield Change("verdict", name, _said(a), _said(b))
        if a["summary"] != b["summary"]:
            yield Change("in words", name, a["summary"], b["summary"])
        passed, passes = ({c["name"]: c["passed"] for c in side["checks"]} for side in (a, b))
        for check in dict.fromkeys([*passed, *passes]):
            if passed.get(check) != passes.get(check):
                yield Change("check", check, _answer(passed, check), _answer(passes, check))


def _numbered(results: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Results by their model's name without its version, numbered where a page has several of one."""
    found: dict[str, dict[str, Any]] = {}
    for result in results:
        name, _ = split_model(result["model"])
        count = sum(key.split(" (")[0] == name for key in found) + 1
        found[name if count == 1 else f"{name} ({count})"] = result
    return found


def _said(result: dict[str, Any] | None) -> str:
    if result is None:
        return "not on the page"
    return f"{result['verdict']} ({result['reason']})" if result["reason"] else str(result["verdict"])


def _answer(checks: dict[str, Any], name: str) -> str:
    words = {True: "passed", False: "failed", None: "cannot say"}
    return words[checks[name]] if name in checks else "not there"


def _tables(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    was, became = ({t["name"]: t for t in side.get("tables", [])} for side in (old, new))
    for name in dict.fromkeys([*was, *became]):
        if name not in was or name not in became:
            where = "was" if name in was else "is"
            yield Change(
                name, "the table", "", "", f"{where} on the {'earlier' if name in was else 'new'} page only"
            )
            continue
        found = list(_rows(name, was[name], became[name]))
        yield from found[:MOST]
        if len(found) > MOST:
            yield Change(name, "further rows", "", "", f"{len(found) - MOST:,} more differ")


def _rows(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    if old["columns"] != new["columns"]:
        yield Change(name, "its columns", ", ".join(old["columns"]), ", ".join(new["columns"]))
        return
    key = _key(old, new)
    was, became = ({tuple(row[i] for i in key): row for row in table["rows"]} for table in (old, new))
    for row in dict.fromkeys([*became, *was]):
        what = ", ".join(short(word, 80) for word in row)
        if row not in was or row not in became:
            yield Change(name, what, "", "", "is new" if row not in was else "is no longer listed")
            continue
        for place, column in enumerate(new["columns"]):
            a, b = was[row][place], became[row][place]
            if a != b:
                yield Change(name, f"{what}: {column}", short(a, LONGEST), short(b, LONGEST), _moved(a, b))


def _key(old: dict[str, Any], new: dict[str, Any]) -> list[int]:
    """The columns that name a row: the fewest of the first ones that tell all rows apart."""
    for count in range(1, len(new["columns"]) + 1):
        rows = [[tuple(row[:count]) for row in table["rows"]] for table in (old, new)]
        if all(len(set(side)) == len(side) for side in rows):
            return list(range(count))
    return list(range(len(new["columns"])))


def _moved(before: str, now: str) -> str:
    try:
        was, became = (float(word.replace(",", "")) for word in (before, now))
    except ValueError:
        return ""
    return f"{became - was:+,.6g}"


def _sentence(before: Record, why: list[Change], answers: list[Change]) -> str:
    kinds = {"data": "data", "parameter": "parameters", "model": "models", "code": "code"}
    causes = [word for kind, word in kinds.items() if any(change.kind == kind for change in why)]
    known = f"data as of {before.data_as_of}" if before.data_as_of else "no data"
    verdicts = [change for change in answers if change.kind == "verdict"]
    moved = sum(change.kind not in ("verdict", "in words", "check") for change in answers)
    told = [f"{change.what}: {change.before} became {change.now}" for change in verdicts[:2]]
    told = told or ["no verdict changed"]
    told.append(f"{moved:,} {'entry of a table differs' if moved == 1 else 'entries of tables differ'}")
    other = ", ".join(causes[:-1]) + " and " + causes[-1] if len(causes) > 1 else "".join(causes)
    went_in = f"what went in differently: {other or 'nothing'}"
    return f"Since the report before it ({known}) {', '.join(told)}; {went_in}."
