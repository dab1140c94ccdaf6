"""New page views meet those of days that are not over; what changed becomes rows, what is over is
forgotten."""
# mypy: disable-error-code="call-arg, arg-type"

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.traffic.changes import Stamp, changed, late_rows, quiet_rows, root_rows
from analysis.traffic.ledger import Ledger, OpenViews
from analysis.traffic.lines import RAW_VIEWS, RAW_VISITS, UNMATCHED, Reader
from analysis.traffic.strings import DIRECT_NUMBER, INTERNAL_NUMBER, Classified, Strings
from analysis.traffic.visits import Cells, Views, count
from analysis.traffic.walk import COLUMNS, VISITS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Settled:
    """Rows for the store, and totals of the page views that came with this import's days.

    The tables of ``intervals`` are made one by one as they are taken.
    """

    content: pd.DataFrame
    intervals: Iterator[pa.Table]
    totals: dict[str, int]


_NAMES = ("time", "visitor", "target", "referrer", "agent")


def _where(views: Views, chosen: np.ndarray) -> Views:
    return Views(*(getattr(views, name)[chosen] for name in _NAMES))


def settle(
    book: Ledger,
    reader: Reader,
    strings: Strings,
    salts: np.ndarray,
    stored: Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame],
    stamp: Stamp,
) -> Settled:
    """Count every day that has new lines, bring the ledger up to date, and say what changed."""
    gathered = _gather(book, reader, strings)
    what = strings.classify()
    lost = what.meaning.page[gathered.target] < 0
    if lost.any():
        for hour, unmatched in zip(*np.unique(gathered.time[lost] // 3600, return_counts=True), strict=True):
            reader.hours.setdefault(int(hour), np.zeros(8, np.int64))[UNMATCHED] += int(unmatched)
        gathered = _where(gathered, ~lost)
    now = count(gathered, what.meaning, DIRECT_NUMBER, INTERNAL_NUMBER, len(what.sources), reader.threads)
    late = np.isin(now.hour // 24, book.closed)
    partial_hours = {book.first // 3600, book.newest // 3600}
    cells = changed(book, now, late, what, partial_hours, stamp)
    others = [late_rows(now, late, what, stored, stamp)] if late.any() else []
    before = set(book.hours)
    _add_hours(book, reader, now, late)
    hours = _hours(book, reader, partial_hours)
    others.append(root_rows(book, hours, strings, partial_hours, stamp))
    unsaid = [hour for hour in hours if hour not in before or hour in book.partial]
    others += quiet_rows(book, now, what, unsaid, partial_hours, stamp)
    book.partial = sorted(partial_hours)
    _close(book, gathered, now, what, strings, salts, partial_hours)
    pages = np.unique(now.page)
    content = pd.DataFrame(
        [what.pages[page] for page in pages.tolist()] + [strings.root], columns=["url", "content_id", "site"]
    )
    totals = dict(zip(COLUMNS, now.counts.sum(axis=0, dtype=np.int64).tolist(), strict=True))
    return Settled(content, chain(cells, others), totals)


def _gather(book: Ledger, reader: Reader, strings: Strings) -> Views:
    """The kept page views of open days, then the new ones, all numbered alike."""
    parts: list[Views] = []
    if book.views is not None:
        kept = book.views
        parts.append(
            Views(
                kept.time,
                kept.visitor,
                strings.targets.of(kept.targets)[kept.target],
                strings.referrers.of(kept.referrers)[kept.referrer],
                strings.agents.of(kept.agents)[kept.agent],
            )
        )
    maps = [
        (
            strings.pages_of(scanner.targets.strings, scanner.assets),
            strings.referrers.of([text for text, _, _ in scanner.referrers.strings]),
            strings.agents.of([text for text, _, _ in scanner.agents.strings]),
        )
        for scanner in reader.scanners
    ]
    for page in reader.pages:
        targets, referrers, agents = maps[page.by]
        parts.append(
            Views(page.time, page.visitor, targets[page.target], referrers[page.referrer], agents[page.agent])
        )
    reader.pages = []
    if not parts:
        none = np.zeros(0, np.int64)
        return Views(none, none.astype(np.uint64), *(none.astype(np.int32) for _ in range(3)))
    return Views(*(np.concatenate([getattr(part, name) for part in parts]) for name in _NAMES))


def _add_hours(book: Ledger, reader: Reader, now: Cells, late: np.ndarray) -> None:
    """Bring the site's own counts of each hour up to date; hours between a log's lines are 0."""
    for hour, counts in reader.hours.items():
        have = np.array(book.hours.get(hour, [0] * 8), np.int64)
        book.hours[hour] = (have + counts).tolist()
    for column, slots in ((RAW_VIEWS, slice(0, VISITS)), (RAW_VISITS, slice(VISITS, VISITS + 5))):
        for chosen, again in ((late, False), (~late, True)):
            hours, at = np.unique(now.hour[chosen], return_inverse=True)
            sums = np.bincount(at, now.counts[chosen][:, slots].sum(axis=1), len(hours))
            for hour, total in zip(hours.tolist(), sums.tolist(), strict=True):
                row = book.hours.setdefault(hour, [0] * 8)
                row[column] = int(total) + (0 if again else row[column])


def _hours(book: Ledger, reader: Reader, partial_hours: set[int]) -> list[int]:
    """The hours to write: those with new lines, those between a file's lines, and those that are whole
    now."""
    hours = set(reader.hours)
    for first, last in reader.spans:
        hours.update(range(first // 3600, last // 3600 + 1))
    hours.update(set(book.partial) - partial_hours)  # not over last time, over now
    for hour in hours:
        book.hours.setdefault(hour, [0] * 8)
    return sorted(hours)


def _close(
    book: Ledger,
    gathered: Views,
    now: Cells,
    what: Classified,
    strings: Strings,
    salts: np.ndarray,
    partial_hours: set[int],
) -> None:
    """Keep what a day that is not over needs, and forget the rest with its salt."""
    days = np.unique(now.hour // 24).tolist()
    still = [day for day in days if book.is_open(day) and day not in book.closed]
    book.closed = sorted({*book.closed, *(day for day in days if day not in still)})
    today = [
        day for day in range(book.newest // 86400 - 1, book.newest // 86400 + 2) if day not in book.closed
    ]
    book.salts = {day: int(salts[day]) for day in {*still, *today} if day >= 0}
    kept = _where(gathered, np.isin(gathered.time // 86400, still))
    lists, numbers = [], []
    for column, texts in (
        (kept.target, strings.targets.texts),
        (kept.referrer, strings.referrers.texts),
        (kept.agent, strings.agents.texts),
    ):
        used, number = np.unique(column, return_inverse=True)
        lists.append([texts[i] for i in used.tolist()])
        numbers.append(number.astype(np.int32))
    book.views = OpenViews(kept.time, kept.visitor, *numbers, *lists)
    mine = np.isin(now.hour // 24, still)
    pages, page = np.unique(now.page[mine], return_inverse=True)
    book.cells = {
        "urls": [what.pages[number].url for number in pages.tolist()],
        "sources": what.sources,
        "cell_hour": now.hour[mine],
        "cell_url": page,
        "cell_source": now.source[mine],
        "cell_counts": now.counts[mine],
        "cell_partial": np.isin(now.hour[mine], list(partial_hours)),
    }
