"""A log file as arrays: buffers to threads, page views kept, everything else counted by the hour."""
# mypy: disable-error-code="call-arg, arg-type"

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import tzinfo
from ipaddress import ip_address
from queue import SimpleQueue

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.traffic import scan as s
from analysis.traffic.files import ROOM, Reading
from analysis.traffic.jsonlines import JsonScanner

# columns of the counts of an hour
TOTAL, ASSET, REFUSED, OTHER_METHOD, MALFORMED, UNMATCHED, RAW_VIEWS, RAW_VISITS = range(8)
_COLUMNS = (
    (TOTAL, s.ALL_LINES),
    (ASSET, s.ASSET),
    (REFUSED, s.ERROR),
    (OTHER_METHOD, s.METHOD_OTHER),
    (MALFORMED, s.MALFORMED),
)
KEPT_BAD = 1000  # refused lines kept per file and reason; all are counted

_ASSET = re.compile(
    rb"\.(?:css|m?js|map|json|png|jpe?g|gif|svgz?|webp|avif|ico|bmp|woff2?|ttf|otf|eot|mp[34]|m4[av]|web[mp]|og[gv]|wav|"
    rb"wasm|webmanifest|xml|rss|atom|rdf|txt|gz|zip|swf)$"
    rb"|/(?:feeds?|rss|atom)(?:\.\w+)?/?$|^/(?:robots\.txt|favicon\b|\.well-known/|wp-json/|xmlrpc\.php)",
    re.I,
)
_ADDRESS = re.compile(r"(?<![\w.:])(?:[0-9a-f]*:[0-9a-f:.]+|\d{1,3}(?:\.\d{1,3}){3})(?![\w.:])", re.I)


def is_asset(target: bytes) -> bool:
    """Whether a request target is a file that pages pull in, a feed, or for machines alone."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    return _ASSET.search(path) is not None


def redacted(text: bytes) -> str:
    """A refused line without addresses: its first word, and whatever looks like one."""
    line = text[:500].decode("utf-8", "replace")
    first, space, rest = line.partition(" ")
    if "." in first or ":" in first:
        first = "(address)"
    return _ADDRESS.sub(_hidden, first + space + rest)


def _hidden(found: re.Match[str]) -> str:
    try:
        ip_address(found[0])
    except ValueError:
        return found[0]
    return "(address)"


@dataclass
class Pages:
    """Page views of one buffer; target, referrer, agent number the strings of the thread ``by``."""

    by: int
    time: np.ndarray
    visitor: np.ndarray
    target: np.ndarray
    referrer: np.ndarray
    agent: np.ndarray


@dataclass
class Bad:
    """A refused line: its number in the file, why, and what is kept of it."""

    line: int
    reason: str
    text: str


@dataclass
class FileReport:
    """What became of a file. ``skipped`` says why nothing of it was read."""

    name: str
    format: str = ""
    lines: int = 0
    parsed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    bad: list[Bad] = field(default_factory=list)
    first: int = -1
    newest: int = -1
    skipped: str = ""
    note: str = ""


class Reader:
    """Threads that read buffers, each with a scanner whose strings grow from file to file."""

    def __init__(self, salts: np.ndarray, multiplier: int, threads: int | None = None) -> None:
        self.threads = threads or min(4, os.cpu_count() or 1)
        self.scanners: list[s.Scanner | JsonScanner] = [
            s.Scanner(salts, multiplier, is_asset) for _ in range(self.threads)
        ]
        self.scanners.append(JsonScanner(salts, is_asset))
        self.pages: list[Pages] = []
        self.hours: dict[int, np.ndarray] = {}
        self.spans: list[tuple[int, int]] = []

    def read(
        self, reading: Reading, how: s.Program | None, zone: tzinfo | None, lines_before: int
    ) -> FileReport:
        """Read a file to where it is written; its page views go to ``pages``, the rest to ``hours``.

        Raises
        ------
        UserError
            When its times carry no offset and no zone is given.
        """
        if how is not None and how.naive and zone is None:
            raise UserError(
                f"the times in {reading.path.name} carry no offset: say in which zone the server wrote them, "
                "with --zone Europe/Berlin for example"
            )
        report = FileReport(reading.path.name, how.name if how else "caddy")
        clock = Zoned(zone) if how is not None and how.naive and zone is not None else None
        free: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(self.threads + 1):
            free.put(bytearray(ROOM))
        buffers = iter(reading.buffers(free))
        taking = threading.Lock()
        results: dict[int, tuple[int, list[s.Lines]]] = {}
        taken = 0

        def work(by: int) -> None:
            nonlocal taken
            while True:
                with taking:
                    buffer, lines = next(buffers, (None, None))
                    number, taken = taken, taken + 1
                if buffer is None or lines is None:
                    return
                results[number] = (by, self.scanners[by].scan(lines, how))
                free.put(buffer)

        if how is None:
            work(self.threads)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(work, range(self.threads)))
        for by, parts in (results[number] for number in sorted(results)):
            for part in parts:
                self._add(by, part, report, how, clock, lines_before)
        self._last_line(reading, how, clock, report, lines_before)
        if report.first >= 0:
            self.spans.append((report.first, report.newest))
        if reading.overlong:
            report.lines += reading.overlong
            report.refused[s.reason(s.LONG)] += reading.overlong
            report.bad.append(Bad(0, s.reason(s.LONG), "(not kept)"))
        return report

    def _last_line(
        self, reading: Reading, how: s.Program | None, clock: Zoned | None, report: FileReport, before: int
    ) -> None:
        """A last line without an end is taken when it is whole by the format; otherwise it is still being
        written."""
        if not reading.rest:
            return
        by = self.threads if how is None else 0
        parts = self.scanners[by].scan(reading.rest, how)
        if sum(part.parsed for part in parts) == 1 and (how is None or how.offsets[-1] > how.offsets[-2]):
            for part in parts:
                self._add(by, part, report, how, clock, before)
            reading.offset += len(reading.rest)
            reading.tail = (reading.tail + reading.rest)[-1024:]
        else:
            report.note = (
                f"the last line is not whole ({len(reading.rest)} bytes): it waits for the next import"
            )

    def _add(
        self,
        by: int,
        part: s.Lines,
        report: FileReport,
        how: s.Program | None,
        clock: Zoned | None,
        before: int,
    ) -> None:
        if clock is not None:
            part = clock.utc(part)
        if part.first >= 0:
            report.first = min(report.first, part.first) if report.first >= 0 else part.first
            report.newest = max(report.newest, part.last)
        for run in part.runs.tolist():
            counts = self.hours.setdefault(run[s.QUARTER] // 4, np.zeros(8, np.int64))
            for column, slot in _COLUMNS:
                counts[column] += run[slot]
        self.pages.append(Pages(by, part.time, part.visitor, part.target, part.referrer, part.agent))
        for line, _, why, text in part.bad:
            if how is not None and how.encoded and text.startswith(b"#"):
                continue  # a W3C log repeats its head after each restart
            report.refused[why] += 1
            if report.refused[why] <= KEPT_BAD:
                report.bad.append(Bad(before + report.lines + line, why, redacted(text)))
        report.lines += part.lines
        report.parsed += part.parsed


class Zoned:
    """A server's local clock as UTC, line after line of one file.

    In the hour that clocks repeat, once the file's clock has stepped back it is the second pass. A time
    that the zone's clocks skipped is refused: the log was not written in this zone.
    """

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._highest: dict[int, int] = {}
        self._second: set[int] = set()

    def utc(self, part: s.Lines) -> s.Lines:
        """The part with its times in UTC (its first and last to the quarter of an hour)."""
        local = part.runs[:, s.QUARTER] * 900
        utc, good = self._utc(local)
        runs = part.runs[good]
        runs[:, s.QUARTER] = utc[good] // 900
        view = good[part.run]
        time = (part.time + (utc - local)[part.run])[view]
        lost = int(part.runs[~good, s.ALL_LINES].sum())
        skipped = [(0, 0, f"a local time that does not exist in {self.zone}", b"")] * lost
        columns = (column[view] for column in (part.visitor, part.target, part.referrer, part.agent))
        first, last = (int(utc[good].min()), int(utc[good].max())) if good.any() else (-1, -1)
        return s.Lines(
            time,
            *columns,
            runs,
            part.run[view],
            first,
            last,
            part.parsed - lost,
            part.bad + skipped,
            part.lines,
        )

    def _utc(self, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """UTC of local times in the order of the file, and which of them exist."""
        first_pass = np.ones(len(local), bool)
        day = local // 86400
        for one in np.unique(day).tolist():
            mine = np.flatnonzero(day == one)
            highest = np.maximum.accumulate(np.concatenate([[self._highest.get(one, 0)], local[mine]]))
            back = np.logical_or.accumulate(local[mine] < highest[1:] - 900) | (one in self._second)
            first_pass[mine] = ~back
            self._highest[one] = int(highest[-1])
            if back[-1]:
                self._second.add(one)
        stamps = pd.to_datetime(local, unit="s")
        utc = stamps.tz_localize(self.zone, ambiguous=first_pass, nonexistent="NaT").tz_convert("UTC")
        good = np.asarray(~utc.isna())
        out = np.zeros(len(local), np.int64)
        out[good] = utc[good].as_unit("s").asi8
        return out, good
