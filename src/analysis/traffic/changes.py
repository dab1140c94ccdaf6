"""What changed, as rows for the store: of pages, of the site itself, and of hours in which nobody came."""
# mypy: disable-error-code="call-arg, arg-type"

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.traffic import tabulate
from analysis.traffic.exposure import ALL, DIRECT
from analysis.traffic.ledger import Ledger
from analysis.traffic.strings import DIRECT_NUMBER, Classified, Strings
from analysis.traffic.visits import Cells
from analysis.traffic.walk import COLUMNS, VISITS
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


def changed(
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


def late_rows(
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


def root_rows(
    book: Ledger, hours: list[int], strings: Strings, partial_hours: set[int], stamp: Stamp
) -> pa.Table:
    """The site's own rows of these hours."""
    counts = np.array([book.hours[hour] for hour in hours], np.int64).reshape(-1, 8)
    partial = np.isin(hours, list(partial_hours))
    return tabulate.totals(hours, counts, partial, strings.root.content_id, HOURLY, stamp)


def quiet_rows(
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
