"""Cells of counts as rows of the intervals table, millions at a time: Arrow, never row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from analysis.traffic.exposure import ALL

if TYPE_CHECKING:
    import pyarrow as pa

HOUR_US = 3600 * 1_000_000
PART = 300_000


def rows(
    hour: np.ndarray,
    content: tuple[list[str], np.ndarray],
    platform: tuple[list[str], np.ndarray],
    metric: tuple[list[str], np.ndarray],
    value: np.ndarray,
    partial: np.ndarray,
    observed_us: int,
    observer: str,
    source: str,
) -> pa.Table:
    """Interval rows of one hour each; texts are given as distinct values and numbers into them."""
    import pyarrow as pa

    count = len(hour)
    start = hour.astype(np.int64) * HOUR_US
    time = pa.timestamp("us", "UTC")

    def text(values: tuple[list[str], np.ndarray]) -> pa.Array:
        return pa.array(values[0], pa.string()).take(pa.array(values[1]))

    return pa.table(
        {
            "platform": text(platform),
            "content_id": text(content),
            "metric": text(metric),
            "start": pa.array(start).cast(time),
            "end": pa.array(start + HOUR_US).cast(time),
            "observed_at": pa.array(np.full(count, observed_us)).cast(time),
            "observer": pa.repeat(observer, count),
            "value": pa.array(value.astype(float)),
            "status": pa.repeat("observed", count),
            "reason": pa.nulls(count, pa.string()),
            "partial": pa.array(partial.astype(bool)),
            "source": pa.repeat(source, count),
        }
    )


def cells(
    hour: np.ndarray,
    page: np.ndarray,
    source: np.ndarray,
    counts: np.ndarray,
    written: np.ndarray,
    partial: np.ndarray,
    ids: list[str],
    sources: list[str],
    columns: tuple[str, ...],
    stamp: tuple[int, str, str],
) -> Iterator[pa.Table]:
    """A row for each cell and column that is to be written (``written``, of the shape of ``counts``).

    Tables of at most ``PART`` rows, each made when it is asked for.
    """
    columns_of, cells_of = np.nonzero(written.T)  # by metric, then as the cells come: what compresses best
    for at in range(0, len(cells_of), PART):
        column, cell = columns_of[at : at + PART], cells_of[at : at + PART]
        yield rows(
            hour[cell],
            (ids, page[cell]),
            (sources, source[cell]),
            (list(columns), column),
            counts[cell, column],
            partial[cell],
            *stamp,
        )


def totals(
    hours: list[int],
    counts: np.ndarray,
    partial: np.ndarray,
    root: str,
    names: tuple[str, ...],
    stamp: tuple[int, str, str],
) -> pa.Table:
    """The site's own rows: every hour that was read, 0 included."""
    metric, at = np.divmod(np.arange(len(hours) * len(names)), max(len(hours), 1))
    none = np.zeros(len(at), np.int64)
    hour = np.array(hours, np.int64)
    return rows(
        hour[at],
        ([root], none),
        ([ALL], none),
        (list(names), metric),
        counts[at, metric] if len(at) else none,
        partial[at] if len(at) else none,
        *stamp,
    )
