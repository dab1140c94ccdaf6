"""``reports/schedule.toml``: which report is due when, with which parameters, published where.

Every mistake of the file is told at once, with its line, before anything runs.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analysis import toml_file
from analysis.errors import UserError
from analysis.reports import notebooks, parameters
from analysis.reports.notebooks import Report
from analysis.schedule import dates, when
from analysis.schedule.when import When

KEYS = ("zone", "collect", "step_limit", "limit", "entry")
ENTRY_KEYS = ("name", "report", "parameters", "when", "target", "missed", "skip_after")
MISSED = ("newest", "each")
UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
STEP_LIMIT, LIMIT = timedelta(minutes=30), timedelta(hours=2)


@dataclass(frozen=True)
class Entry:
    """One line of the schedule.

    name : unique in the file; the report's name where none is given
    report : the notebook it runs
    when : its slots
    parameters : as written; relative dates get their meaning from the slot
    target : where the site is published afterwards; None: nowhere
    missed : what becomes of slots nobody ran: "newest" runs the last one, "each" runs them all
    skip_after : a slot older than this is skipped, and told; None: none is too old
    """

    name: str
    report: Report
    when: When
    parameters: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    missed: str = "newest"
    skip_after: timedelta | None = None

    @property
    def repeats(self) -> bool:
        """Whether every slot asks the same question, so that each page renews the one before."""
        return not any(dates.is_relative(value) for value in self.parameters.values())

    def words(self, slot: datetime) -> list[str]:
        """The ``name=value`` words of the report that is due at a slot."""
        kinds = {one.name: one for one in self.report.parameters}
        return [
            f"{name}={_word(value, kinds.get(name), slot, self.when.zone)}"
            for name, value in self.parameters.items()
        ]


@dataclass(frozen=True)
class Schedule:
    """A checked schedule: its file, the limits of a step and of a whole run, and its entries."""

    file: Path
    zone: ZoneInfo
    collect: bool
    step_limit: timedelta
    limit: timedelta
    entries: tuple[Entry, ...]


def read(path: str | Path, notebooks_folder: Path, targets: Collection[str]) -> Schedule:
    """The schedule in a file.

    Parameters
    ----------
    path : of the TOML file
    notebooks_folder : where the reports are; entries are held against their parameter contracts
    targets : names that can be published to

    Raises
    ------
    UserError
        One message for all mistakes: line, what stands there, what was expected.
    """
    file = Path(path)
    hint = "write one (reports/schedule.toml ships as an example) or name another with VIRALITY_SCHEDULE"
    text, data = toml_file.read(file, "schedule", hint)
    reader = _Reader(file, text, notebooks_folder, targets)
    schedule = reader.schedule(data)
    if reader.wrong:
        said = "; ".join(f"line {line}: {what}" for line, what in sorted(reader.wrong))
        many = f"has {len(reader.wrong)} mistakes" if len(reader.wrong) > 1 else "has a mistake"
        raise UserError(f"the schedule {file} {many}, and nothing was run: {said}")
    return schedule


class _Reader:
    """Checks one file; gathers what is wrong instead of stopping at it."""

    def __init__(self, file: Path, text: str, folder: Path, targets: Collection[str]) -> None:
        self.file, self.lines, self.folder, self.targets = file, text.splitlines(), folder, targets
        self.wrong: list[tuple[int, str]] = []
        headers = [n for n, line in enumerate(self.lines, 1) if re.match(r"\s*\[\[\s*entry\s*\]\]", line)]
        self.blocks = list(zip(headers, [*headers[1:], len(self.lines) + 1], strict=False))

    def schedule(self, data: dict[str, Any]) -> Schedule:
        top = (1, self.blocks[0][0] if self.blocks else len(self.lines) + 1)
        self.unknown_keys(data, KEYS, top)
        zone = self.zone(data.get("zone", "UTC"), top)
        collect = data.get("collect", True)
        if not isinstance(collect, bool):
            self.tell(top, "collect", collect, "expected true or false")
        limits = {}
        for key, usual in (("step_limit", STEP_LIMIT), ("limit", LIMIT)):
            limits[key] = self.duration(data[key], top, key) if key in data else usual
        rows = data.get("entry", [])
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            self.tell(top, "entry", "", "expected at least one [[entry]] with report and when")
            rows = []
        places = [*self.blocks, *[top] * len(rows)]  # inline tables have no header of their own
        entries = [self.entry(row, place, zone) for row, place in zip(rows, places, strict=False)]
        found = [entry for entry in entries if entry is not None]
        names = [entry.name for entry in found]
        for number, entry in enumerate(entries):
            if entry is not None and names.count(entry.name) > 1 and entry in found[1:]:
                self.tell(
                    places[number], "name", entry.name, "this name stands twice; give each its own name"
                )
        return Schedule(
            self.file,
            zone,
            bool(collect),
            limits["step_limit"] or STEP_LIMIT,
            limits["limit"] or LIMIT,
            tuple(found),
        )

    def entry(self, row: dict[str, Any], place: tuple[int, int], zone: ZoneInfo) -> Entry | None:
        before = len(self.wrong)
        self.unknown_keys(row, ENTRY_KEYS, place)
        report = self.report(row.get("report"), place)
        due = self.when(row.get("when"), place, zone)
        name = row.get("name", row.get("report"))
        if not isinstance(name, str) or not notebooks.NAME.fullmatch(name):
            if "name" in row:
                self.tell(place, "name", name, "expected letters, digits, - and _")
            name = "?"
        target = row.get("target")
        if target is not None and target not in self.targets:
            known = f"there are {', '.join(sorted(self.targets))}" if self.targets else "none is declared yet"
            self.tell(place, "target", target, f"there is no such publishing target; {known}")
        missed = row.get("missed", "newest")
        if missed not in MISSED:
            self.tell(place, "missed", missed, 'expected "newest" (run the last missed one) or "each"')
        skip = self.duration(row["skip_after"], place, "skip_after") if "skip_after" in row else None
        given = row.get("parameters", {})
        if not isinstance(given, dict):
            self.tell(place, "parameters", given, 'expected a table such as { since = "last full week" }')
            given = {}
        if report is None:
            return None
        # a wrong `when` hides no wrong parameter
        entry = Entry(name, report, due or when.parse("daily 00:00", zone), given, target, missed, skip)
        self.parameters(entry, place)
        return entry if len(self.wrong) == before else None

    def parameters(self, entry: Entry, place: tuple[int, int]) -> None:
        """Hold the entry's words against the notebook's contract, each alone and then together."""
        before = len(self.wrong)
        slot = entry.when.newest(datetime.now(UTC)) or datetime.now(UTC)
        kinds = {one.name: one for one in entry.report.parameters}
        for name, value in entry.parameters.items():
            try:
                word = f"{name}={_word(value, kinds.get(name), slot, entry.when.zone)}"
                parameters.resolve(entry.report.parameters, [word], entry.report.name)
            except (UserError, ValueError) as error:
                dated = name in kinds and kinds[name].kind in ("date", "datetime")
                more = f"; relative words are {dates.EXPECTED}" if dated else ""
                self.tell(place, name, value, f"{error}{more}")
        if len(self.wrong) == before:
            try:
                parameters.resolve(entry.report.parameters, entry.words(slot), entry.report.name)
            except UserError as error:
                self.tell(place, "parameters", "", str(error))

    def report(self, name: Any, place: tuple[int, int]) -> Report | None:
        if not isinstance(name, str) or not name:
            self.tell(place, "report", name, "expected the name of a notebook, as `virality list` shows it")
            return None
        try:
            return notebooks.load(self.folder, name)
        except UserError as error:
            self.tell(place, "report", name, str(error))
            return None

    def when(self, words: Any, place: tuple[int, int], zone: ZoneInfo) -> When | None:
        try:
            return when.parse(words if isinstance(words, str) else "", zone)
        except ValueError as error:
            self.tell(place, "when", words, str(error))
            return None

    def zone(self, name: Any, place: tuple[int, int]) -> ZoneInfo:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, TypeError, OSError):  # a folder of zones is an OSError
            self.tell(place, "zone", name, 'expected a time zone such as "Europe/Berlin" or "UTC"')
            return ZoneInfo("UTC")

    def duration(self, value: Any, place: tuple[int, int], key: str) -> timedelta | None:
        match = (
            re.fullmatch(r"\s*(\d{1,5}(?:\.\d+)?)\s*(min|h|d)\s*", value) if isinstance(value, str) else None
        )
        if match is None or float(match[1]) == 0:
            self.tell(place, key, value, 'expected a number and min, h or d, such as "30 min"')
            return None
        return float(match[1]) * UNITS[match[2]]

    def unknown_keys(self, row: dict[str, Any], known: tuple[str, ...], place: tuple[int, int]) -> None:
        for key in row:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                meant = f"did you mean {near[0]!r}? " if near else ""
                self.tell(place, key, row[key], f"no such key; {meant}There are {', '.join(known)}")

    def tell(self, place: tuple[int, int], key: str, value: Any, what: str) -> None:
        line = next(
            (
                number
                for number in range(place[0], place[1])
                if re.search(rf"(^|[\s{{,\[.\"']){re.escape(key)}[\"']?\s*(=|\])", self.lines[number - 1])
            ),
            place[0],
        )
        shown = "" if value in ("", None) else f" = {str(value)[:80]!r}"
        self.wrong.append((line, f"{key}{shown}: {what}"))


def _word(value: Any, parameter: parameters.Parameter | None, slot: datetime, zone: ZoneInfo) -> str:
    """A TOML value as the text that follows ``name=`` on a command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        if not all(isinstance(part, str) for part in value):
            raise ValueError('expected a list of texts, such as ["a", "b"]')
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, str):
        if parameter is not None and parameter.kind in ("date", "datetime"):
            return dates.resolve(value, parameter, slot, zone)
        return value
    if isinstance(value, int | float):
        return str(value)
    raise ValueError("expected a text, a number, true or false, a date or a list of texts")
