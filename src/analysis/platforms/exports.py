"""Reading the files people download from platforms: in any encoding, damaged or not, row by row.

An export has no key, no schema and often no date of its own. What every importer needs stands here:
text from bytes of any encoding, rows of a CSV that has lost a quote, records of a JSON that was cut
off, columns under several names, numbers and times as people write them.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import logging
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.platforms.rows import Rows
from analysis.tables import Batch

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
AT_A_TIME = 20_000
EMPTY = frozenset({"", "-", "--", "–", "—", "n/a", "na", "nan", "null", "none", "."})
_GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DOTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_COMMA = re.compile(r"[+-]?\d+,\d+")


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    # 0x81 and four others mean nothing in Windows-1252; Latin-1 knows every byte
    bad = error.object[error.start : error.end]
    try:
        return bad.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return bad.decode("latin-1"), error.end


codecs.register_error("as-windows-1252", _as_windows)


def read_text(path: Path) -> str:
    """The file's text, unzipped where it is gzipped.

    UTF-8, or UTF-16 where its mark says so; bytes that are not UTF-8 are read as Windows-1252.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; check the path") from error
    if raw[:2] == b"\x1f\x8b":
        raw = _unzipped(raw, path)
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        log.warning("%s: bytes that are not UTF-8 were read as Windows-1252", path.name)
        return raw.decode("utf-8-sig", errors="as-windows-1252")


def _unzipped(raw: bytes, path: Path) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    try:
        text = inflate.decompress(raw)
    except zlib.error as error:
        raise UserError(f"{path.name} is a damaged gzip file ({error}); download it again") from error
    if not inflate.eof:
        log.warning("%s: the gzip file is cut off; what it still holds was read", path.name)
    return text


def day_written(path: Path) -> datetime:
    """Midnight UTC of the day the file was last written: when an undated export was made, to the day.

    The day and not the second, so that a copy, or the other half of the same download, says the same.
    """
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return written.replace(hour=0, minute=0, second=0, microsecond=0)


def rows_of(platform: str, path: Path, observed_at: datetime | None, observer: str, form: str) -> Rows:
    """Rows that say they come from this file, made at ``observed_at`` (default: the day it was written)."""
    made = observed_at or day_written(path)
    return Rows(platform, made, observer, f"{platform} {form}: {path.name}")


@dataclass(frozen=True)
class Line:
    """A row of a file: the physical line it starts on, and its cells by canonical column name."""

    number: int
    cells: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells[name]

    def get(self, name: str, default: str = "") -> str:
        """The cell, or the default when the file has no such column."""
        return self.cells.get(name, default)


def csv_rows(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Line number and cells of each row; for a row whose quotes do not close, why it cannot be read.

    After such a row reading goes on at the next physical line, so that one lost quote costs one row.
    """
    lines = io.StringIO(text, newline="").readlines()
    delimiter = _delimiter(lines)
    start = 0
    while start < len(lines):
        reader = csv.reader(lines[start:], delimiter=delimiter, strict=True)
        before = 0
        try:
            for cells in reader:
                last = start + reader.line_num == len(lines) and lines[-1][-1] not in "\r\n"
                if last and len(cells) > 1 and not cells[-1]:
                    yield start + before + 1, "it breaks off behind a comma, and the file with it"
                elif any(cell.strip() for cell in cells):
                    yield start + before + 1, cells
                before = reader.line_num
            return
        except csv.Error as error:
            yield start + before + 1, f"quotes that do not close ({error})"
            start += before + 1


def _delimiter(lines: list[str]) -> str:
    head = lines[:5]
    return max(",;\t|", key=lambda mark: max((line.count(mark) for line in head), default=0))


def plain(name: str) -> str:
    """A column name without what differs between exports: case, spaces round it, quotes, a mark."""
    return " ".join(name.replace("\ufeff", "").replace("\u00a0", " ").strip(" \t\"'").casefold().split())


def table(
    path: Path,
    aliases: Mapping[str, str],
    required: Iterable[str],
    what: str,
    set_aside: Callable[..., None],
    *,
    text: str | None = None,
    dynamic: Callable[[str], str | None] = lambda name: None,
) -> Iterator[Line]:
    """The rows of a CSV under its header, each cell under its canonical name.

    Parameters
    ----------
    aliases : column name as files write it (as ``plain`` makes it) to canonical name
    required : canonical names without which this is not such a file
    what : what the file should be, for the error
    set_aside : called with (reason, text, line) for a row that cannot be read
    dynamic : a canonical name for a header that has no alias, or None

    Raises
    ------
    UserError
        When no row among the first ten holds the required columns.
    """
    rows = csv_rows(read_text(path) if text is None else text)
    needed = set(required)
    header: list[str | None] | None = None
    heading: list[str] = []
    first: list[str] = []
    seen = 0
    for number, cells in rows:
        if isinstance(cells, str):
            set_aside(cells, "", number)
            continue
        if header is None:
            first = first or cells
            names = [aliases.get(plain(cell)) or dynamic(plain(cell)) for cell in cells]
            if needed <= set(names):
                header, heading = names, cells
                ignored = [
                    c.strip() for c, name in zip(cells, names, strict=True) if name is None and c.strip()
                ]
                if ignored:
                    log.info("%s: columns not used: %s", path.name, ", ".join(ignored))
            else:
                seen += 1
                if seen >= 10:
                    break
            continue
        if cells == heading:
            continue
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(header):
            set_aside(
                f"{len(cells)} cells where the header has {len(header)}: cut off or badly quoted", "", number
            )
            continue
        yield Line(number, {n: c.strip() for n, c in zip(header, cells, strict=True) if n is not None})
    if header is None:
        raise UserError(
            f"{path.name} is no {what}: expected the columns {', '.join(sorted(needed))}, its first line has "
            f"{', '.join(cell.strip() for cell in first) or 'nothing'}; check the file and the format's name"
        )


def json_records(text: str, set_aside: Callable[..., None]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and each whole object of a JSON list, the list itself whole or cut off at either end."""
    decoder = json.JSONDecoder()
    position, line, counted, broken = 0, 1, 0, False
    while (start := text.find("{", position)) >= 0:
        line += text.count("\n", counted, start)
        counted = start
        try:
            record, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            if not broken:
                set_aside("a record that does not end: the file is cut off or damaged", "", line)
            broken, position = True, start + 1
            continue
        broken = False
        yield line, record


def number(text: str, *, whole: bool = True) -> float | None:
    """A number as people write it ("1,234", "1.234" where whole numbers are meant, "12.0"); None for none.

    Raises ValueError for anything else.
    """
    plain_text = text.replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace("’", "").strip()
    if plain_text.casefold() in EMPTY:
        return None
    if _GROUPS.fullmatch(plain_text):
        plain_text = plain_text.replace(",", "")
    elif whole and _DOTS.fullmatch(plain_text):
        plain_text = plain_text.replace(".", "")
    elif _COMMA.fullmatch(plain_text):
        plain_text = plain_text.replace(",", ".")
    percent = plain_text.endswith("%")
    value = float(plain_text.rstrip("%"))
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{text!r} is no number")
    return value / 100 if percent else value


def epoch(value: str | int | float, *, earliest: datetime) -> datetime:
    """A moment from an epoch in seconds, milliseconds or microseconds since 1970, or microseconds since 1601.

    Which one follows from its size. ValueError before ``earliest`` (a digit is missing) or after 2200.
    """
    seconds = float(value)
    size = abs(seconds)
    if size >= 1e16:
        seconds = seconds / 1e6 - 11_644_473_600  # Chromium counts from 1601
    elif size >= 1e14:
        seconds /= 1e6
    elif size >= 1e11:
        seconds /= 1e3
    if not earliest.timestamp() <= seconds < 7_258_118_400:
        raise ValueError(f"{value!r} is no time after {earliest:%Y-%m-%d}")
    return datetime.fromtimestamp(seconds, UTC)


def date_in(text: str, *formats: str) -> datetime:
    """The first format that fits, as a moment in UTC where the text has no zone of its own."""
    for form in formats:
        try:
            moment = datetime.strptime(text.strip(), form)
        except ValueError:
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    raise ValueError(f"{text!r} is no date")


_NUMERIC = re.compile(r"(\d{1,4})([/.\-])(\d{1,2})[/.\-](\d{1,4})(.*)", re.DOTALL)
_CLOCK = re.compile(r"[\s,T]*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap])?\.?m?\.?", re.IGNORECASE)


def day_first(texts: Iterable[str]) -> bool:
    """Whether dates in numbers put the day first: only when one of them can be read in no other way."""
    parts = [match.groups() for text in texts if (match := _NUMERIC.fullmatch(text.strip()))]
    firsts = [int(first) for first, *_ in parts if len(first) <= 2]
    seconds = [int(second) for first, _, second, *_ in parts if len(first) <= 2]
    return max(firsts, default=0) > 12 >= max(seconds, default=0)


def numeric_date(text: str, *, first_is_day: bool = False) -> datetime:
    """Year-month-day, or month/day/year (day first when told), with a time of day or not; without a zone."""
    match = _NUMERIC.fullmatch(text.strip())
    clock = _CLOCK.fullmatch(match.group(5)) if match and match.group(5).strip() else None
    if match is None or (match.group(5).strip() and clock is None):
        raise ValueError(f"{text!r} is no date")
    one, two, three = (int(part) for part in match.group(1, 3, 4))
    if len(match.group(1)) == 4:
        year, month, day = one, two, three
    else:
        year = three if len(match.group(4)) == 4 else 2000 + three
        # with dots the day stands first wherever dots are written
        month, day = (two, one) if first_is_day or match.group(2) == "." else (one, two)
    hour, minute, second = (int(part or 0) for part in clock.group(1, 2, 3)) if clock else (0, 0, 0)
    if clock and clock.group(4):
        hour = hour % 12 + (12 if clock.group(4).casefold() == "p" else 0)
    return datetime(year, month, day, hour, minute, second)


def bin_of(
    rows: Rows, content: str, metric: str, start: datetime, value: float | None, span: timedelta = DAY
) -> None:
    """A daily count of an export: partial when the export was made before the day was over."""
    end = start + span
    made = max(rows.observed_at, start)
    empty = {"status": "suppressed", "reason": "the export leaves it empty"} if value is None else {}
    rows.interval(content, metric, start, end, value, partial=made < end, observed_at=made, **empty)


def counter(
    rows: Rows,
    item: str,
    content: str,
    metric: str,
    value: float | None,
    not_before: datetime,
    observed_at: datetime | None = None,
) -> None:
    """A counter an export states, observed when the export was made (and not before the item existed)."""
    made = observed_at or max(rows.observed_at, not_before)
    empty = {"status": "suppressed", "reason": "the export leaves it empty"} if value is None else {}
    rows.reading(item, content, metric, value, observed_at=made, **empty)


def in_batches(rows: Rows, steps: Iterable[object]) -> Iterator[Batch]:
    """Run the steps, handing on what they gathered whenever it is much, and at the end."""
    for _ in steps:
        if len(rows) >= AT_A_TIME:
            yield rows.batch()
    if len(rows):
        yield rows.batch()
