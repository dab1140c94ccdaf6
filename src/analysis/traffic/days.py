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

from analysis.traffic import tabulate
from analysis.traffic.exposure import ALL, DIRECT
from analysis.traffic.ledger import Ledger, OpenViews
from analysis.traffic.lines import RAW_VIEWS, RAW_VISITS, UNMATCHED, Reader
from analysis.traffic.strings import DIRECT_NUMBER, INTERNAL_NUMBER, Classified, Strings
from analysis.traffic.visits import COLUMNS, VISITS, Cells, Views, count
from analysis.urls import content_id

if TYPE_CHECKING:
    import pyarrow as pa

HOURLY = (
    "requests",
    "requests.asset",
    "requests.refused",
    "requests.other_method",
    "requests.malformed",
    "requests.unmatched",
    "pageviews.raw",
    "visits.raw",
)
Stamp = tuple[int, str, str]
FOLLOWED = 24  # visits in one import
MOST_QUIET = 2_000_000  # rows that one import may spend on quiet hours


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
    changes = _changes(book, now, late, what, partial_hours, stamp)
    others = [_late(now, late, what, stored, stamp)] if late.any() else []
    before = set(book.hours)
    _add_hours(book, reader, now, late)
    hours = _hours(book, reader, partial_hours)
    others.append(_root(book, hours, strings, partial_hours, stamp))
    unsaid = [hour for hour in hours if hour not in before or hour in book.partial]
    others += _quiet(book, now, what, unsaid, partial_hours, stamp)
    book.partial = sorted(partial_hours)
    _close(book, gathered, now, what, strings, salts, partial_hours)
    pages = np.unique(now.page)
    content = pd.DataFrame(
        [what.pages[page] for page in pages.tolist()] + [strings.root], columns=["url", "content_id", "site"]
    )
    totals = dict(zip(COLUMNS, now.counts.sum(axis=0, dtype=np.int64).tolist(), strict=True))
    return Settled(content, chain(changes, others), totals)


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


def _changes(
    book: Ledger,
    now: Cells,
    late: np.ndarray,
    what: Classified,
    partial_hours: set[int],
    stamp: Stamp,
) -> Iterator[pa.Table]:
    """Rows of the cells that are new or differ from what was written when their day was last counted."""
    ids = [page.content_id for page in what.pages]
    hour, page, source, counts = (column[~late] for column in (now.hour, now.page, now.source, now.counts))
    partial = np.isin(hour, list(partial_hours))
    written = counts > 0
    before = book.cells
    if before is not None and len(before["cell_hour"]):
        urls = {identity.url: number for number, identity in enumerate(what.pages)}
        names = {name: number for number, name in enumerate(what.sources)}
        # strings of open days are in this import's lists, because their page views are
        old = pd.DataFrame(
            {
                "hour": before["cell_hour"],
                "page": np.array([urls[url] for url in before["urls"]], np.int64)[before["cell_url"]],
                "source": np.array([names.get(name, -1) for name in before["sources"]], np.int64)[
                    before["cell_source"]
                ],
                "old": np.arange(len(before["cell_hour"])),
            }
        )
        new = pd.DataFrame({"hour": hour, "page": page, "source": source, "new": np.arange(len(hour))})
        both = new.merge(old, on=["hour", "page", "source"], how="outer")
        same = both.dropna()
        i, j = same["new"].to_numpy(np.int64), same["old"].to_numpy(np.int64)
        was, was_partial = before["cell_counts"][j], before["cell_partial"][j].astype(bool)
        written[i] = (counts[i] != was) | ((was_partial != partial[i])[:, None] & written[i])
        gone = both[both["new"].isna()]["old"].to_numpy(np.int64)
        if len(gone):  # a cell that is empty now is written as 0: its old row would hold otherwise
            rows = old.set_index("old").loc[gone]
            hour = np.concatenate([hour, rows["hour"]])
            page = np.concatenate([page, rows["page"]])
            source = np.concatenate([source, rows["source"]])
            counts = np.concatenate([counts, np.zeros((len(gone), counts.shape[1]), counts.dtype)])
            written = np.concatenate([written, before["cell_counts"][gone] > 0])
            partial = np.isin(hour, list(partial_hours))
    return tabulate.cells(
        hour,
        page,
        source,
        counts,
        written,
        partial,
        ids,
        what.sources,
        COLUMNS,
        stamp,
    )


def _late(
    now: Cells,
    late: np.ndarray,
    what: Classified,
    stored: Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame],
    stamp: Stamp,
) -> pa.Table:
    """Lines of a day that was closed add to what is stored of it.

    The day's hashes are gone, so a visitor that both parts saw counts in both: at most one visit more
    for each visit under way where the parts meet.
    """
    hour, page, source, counts = (column[late] for column in (now.hour, now.page, now.source, now.counts))
    cell, column = np.nonzero(counts)
    new = pd.DataFrame(
        {
            "hour": hour[cell],
            "content_id": np.array([identity.content_id for identity in what.pages], object)[page[cell]],
            "platform": np.array(what.sources, object)[source[cell]],
            "metric": np.array(COLUMNS, object)[column],
            "value": counts[cell, column],
        }
    )
    low, high = int(hour.min()), int(hour.max()) + 1
    known = stored(
        pd.Timestamp(low * 3600, unit="s", tz="UTC"), pd.Timestamp(high * 3600, unit="s", tz="UTC")
    )
    known = known[(known["platform"] != ALL) & known["value"].notna()]
    known = known.assign(hour=known["start"].dt.as_unit("s").astype("int64") // 3600)
    key = ["hour", "content_id", "platform", "metric"]
    both = new.merge(known[[*key, "value", "partial"]], on=key, how="left", suffixes=("", "_known"))
    value = both["value"] + both["value_known"].fillna(0)
    codes = {name: pd.factorize(both[name]) for name in key[1:]}
    return tabulate.rows(
        both["hour"].to_numpy(),
        *((list(codes[n][1]), codes[n][0]) for n in ("content_id", "platform", "metric")),
        value.to_numpy(),
        both["partial"].eq(True).to_numpy(),
        *stamp,
    )


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


def _root(
    book: Ledger, hours: list[int], strings: Strings, partial_hours: set[int], stamp: Stamp
) -> pa.Table:
    counts = np.array([book.hours[hour] for hour in hours], np.int64).reshape(-1, 8)
    partial = np.isin(hours, list(partial_hours))
    return tabulate.totals(hours, counts, partial, strings.root.content_id, HOURLY, stamp)


def _quiet(
    book: Ledger,
    now: Cells,
    what: Classified,
    hours: list[int],
    partial_hours: set[int],
    stamp: Stamp,
) -> list[pa.Table]:
    """Quiet hours of followed pages as direct visits, 0.

    A model that sees one page's rows cannot see that the site's log was read: without these rows its
    quiet hours would be unknown. Followed is a page that had a visit an hour for a day, once.
    """
    visits = np.bincount(now.page, now.counts[:, VISITS], len(what.pages))
    followed = set(book.followed)
    for page in np.argsort(-visits, kind="stable").tolist():
        if visits[page] < FOLLOWED or (len(followed) + 1) * max(len(hours), 1) > MOST_QUIET:
            break
        followed.add(what.pages[page].url)
    book.followed = sorted(followed)
    if not hours or not followed:
        return []
    numbers = {page.url: number for number, page in enumerate(what.pages)}
    urls = [url for url in book.followed if url in numbers]
    pages = [
        *(numbers[url] for url in urls),
        *range(len(what.pages), len(what.pages) + len(followed) - len(urls)),
    ]
    ids = [page.content_id for page in what.pages] + [
        content_id(url) for url in book.followed if url not in numbers
    ]
    quiet = np.ones((len(ids), len(hours)), bool)
    first = np.full(len(ids), hours[0])
    if len(book.hours) == len(
        hours
    ):  # the first import: before its first visit a page may not have been there
        np.minimum.at(lowest := np.full(len(ids), hours[-1]), now.page, now.hour)
        first = lowest
    direct = (now.source == DIRECT_NUMBER) & (now.counts[:, VISITS] > 0)
    place = np.searchsorted(hours, now.hour[direct])
    there = (place < len(hours)) & (np.array(hours)[np.minimum(place, len(hours) - 1)] == now.hour[direct])
    quiet[now.page[direct][there], place[there]] = False
    quiet &= np.array(hours)[None, :] >= first[:, None]
    chosen = np.zeros(len(ids), bool)
    chosen[pages] = True
    page, at = np.nonzero(quiet & chosen[:, None])
    hour = np.array(hours, np.int64)[at]
    none = np.zeros(len(page), np.int64)
    rows = tabulate.rows(
        hour,
        (ids, page),
        ([DIRECT], none),
        (["visits"], none),
        none,
        np.isin(hour, list(partial_hours)),
        *stamp,
    )
    return [rows]


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
