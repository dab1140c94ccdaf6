"""Access logs as hourly exposure: which page was seen, how often, and where the visits came from.

Re-reading is safe: a file that was rotated or has grown adds only what is new. Rows are written for
what changed, with the moment of this import; of rows with one key but for ``observed_at`` the latest
holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.tables import CONTENT, conform
from analysis.traffic import formats
from analysis.traffic import ledger as ledgers
from analysis.traffic.days import settle
from analysis.traffic.files import HEAD, Reading, expand, head_of, is_packed
from analysis.traffic.lines import FileReport, Reader
from analysis.traffic.strings import Strings
from analysis.urls import Identity, identity

if TYPE_CHECKING:
    import pyarrow as pa

Stored = Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame]
"""What the store has of this observer between two moments: the latest intervals."""


@dataclass
class LogImport:
    """What an import brings: rows for content and intervals, refused lines, and an account of each file.

    The tables of ``intervals`` are made one by one as they are taken.
    """

    observer: str
    content: pd.DataFrame
    intervals: Iterator[pa.Table]
    set_aside: pd.DataFrame
    files: list[FileReport]
    totals: dict[str, int]
    fresh: bool
    """No key of ``intervals`` can be in the store: nothing was read of this site before."""


def observer_of(site: str) -> str:
    """Who counted, for the logs of a site."""
    return f"log {site_of(site).site}"


def site_of(site: str) -> Identity:
    """The site's root. UserError when it is no host or URL."""
    try:
        return identity(site if "://" in site else f"https://{site}")
    except ValueError as error:
        raise UserError(
            f"--site {site!r} is no site: give its address, such as https://example.com"
        ) from error


@contextmanager
def reading(
    paths: list[Path],
    site: str,
    observed_at: datetime,
    folder: Path,
    stored: Stored,
    format: str | None = None,
    zone: str | None = None,
    threads: int | None = None,
) -> Iterator[LogImport]:
    """Read logs; the ledger remembers it when the block that stores the rows ends without an error.

    Parameters
    ----------
    paths : files, or folders of them: plain, gzip or zstandard, in any order
    site : the site the logs are of; other hosts in them are counted as unmatched
    observed_at : the moment of this import
    folder : where the ledger is kept
    stored : asked only when lines of a day come after the day was closed
    format : a preset's name or a format string; by default each file's is found out
    zone : the zone of times that carry no offset

    Raises
    ------
    UserError
        When a file is missing, in no known format, or written in a zone nobody named.
    """
    root = site_of(site)
    clock = _zone(zone)
    how = formats.compile_format(format) if format and format != formats.W3C else None
    with ledgers.locked(folder):
        book = ledgers.load(folder)
        fresh = not book.files
        salts = np.frombuffer(os.urandom(65536 * 8), np.uint64).copy()
        for day, salt in book.salts.items():
            salts[day] = salt
        reader = Reader(salts, book.multiplier, threads)
        reports = []
        for path in expand(paths):
            reports.append(_read_file(path, book, reader, format, how, clock))
        if all(report.skipped for report in reports) and book.newest < 0:
            raise UserError(
                "none of the files holds a line: " + "; ".join(f"{r.name}: {r.skipped}" for r in reports)
            )
        strings = Strings(root)
        stamp = (pd.Timestamp(observed_at).value // 1000, f"log {root.site}", _sources(reports))
        settled = settle(book, reader, strings, salts, stored, stamp)
        yield LogImport(
            stamp[1],
            conform(settled.content, CONTENT),
            settled.intervals,
            pd.DataFrame(
                [(report.name, bad.line, bad.reason, bad.text) for report in reports for bad in report.bad],
                columns=["source", "line", "reason", "text"],
            ),
            reports,
            settled.totals,
            fresh,
        )
        ledgers.save(folder, book)


def _zone(zone: str | None) -> ZoneInfo | None:
    if zone is None:
        return None
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"--zone {zone!r} is no time zone: give one such as Europe/Berlin or UTC") from error


def _sources(reports: list[FileReport]) -> str:
    names = [report.name for report in reports if not report.skipped]
    return (
        names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more" if names else "nothing new"
    )


def _read_file(
    path: Path,
    book: ledgers.Ledger,
    reader: Reader,
    format: str | None,
    how: formats.Program | None,
    clock: ZoneInfo | None,
) -> FileReport:
    head = head_of(path)
    if not head:
        return FileReport(path.name, skipped="empty")
    known = book.find(head)
    packed = is_packed(path)
    if known and (known.ended or (not packed and path.stat().st_size == known.offset)):
        return FileReport(path.name, skipped=f"known as {known.name}, nothing new in it")
    whole = head[: head.rfind(b"\n") + 1]
    if not whole and not packed and len(head) < HEAD:
        # half a combined line may look like a whole common one
        return FileReport(path.name, skipped="its first line is not ended: it waits for the next import")
    if format is None:
        how = formats.detect(whole or head, path.name)
    elif format == formats.W3C:
        how = formats.w3c(head)
        if how is None:
            raise UserError(f"{path.name} has no #Fields: line: it is no W3C log")
    work = Reading(path, known.offset, known.tail, known.tail_size) if known else Reading(path)
    report = reader.read(work, how, clock, known.lines if known else 0)
    if work.changed:
        return FileReport(
            path.name,
            skipped=f"begins as {known.name if known else path.name} did, but what was read of "
            "it is no longer there: rewritten files are not read again",
        )
    if work.damaged:
        report.note = f"{report.note}; {work.damaged}".strip("; ")
    if not report.lines:
        report.skipped = report.note or "nothing new in it"
    if work.offset:
        ended = packed and not work.damaged
        entry = ledgers.entry(
            path.name, head, work.offset, work.tail, ended, (known.lines if known else 0) + report.lines
        )
        if known:
            book.files.remove(known)
        book.files.append(entry)
    book.newest = max(book.newest, report.newest)
    if report.first >= 0:
        book.first = min(book.first, report.first) if book.first >= 0 else report.first
    return report
