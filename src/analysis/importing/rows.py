"""From a query's typed rows to rows of the tables: identities, hashed people, one row for each number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from analysis.actors import actor_hash
from analysis.importing.mapping import Mapping
from analysis.importing.query import Counter
from analysis.urls import Identity, identity

if TYPE_CHECKING:
    import pyarrow as pa

# Identities of URLs met before, so that a URL read a thousand times is taken apart once.
REMEMBERED = 100_000
NO_URL = Identity("", "", "")


@dataclass
class Tables:
    """Rows for the store, table by table, and the lines of the file they came from.

    Events stand in the order of ``lines``; so do readings and intervals, once for every metric. A line
    whose cell was taken apart stands there several times.
    """

    rows: dict[str, pa.Table] = field(default_factory=dict)
    lines: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


class Shaper:
    """What turns typed rows into table rows, remembering identities and contents across chunks."""

    def __init__(self, mapping: Mapping, counters: list[Counter]) -> None:
        self.mapping = mapping
        self.counters = counters
        self._identities: dict[str, Identity] = {}
        self._titled: dict[str, bool] = {}
        self._hash = _remembering(lambda both: actor_hash(*both.split("\0", 1)))

    def shape(self, typed: pa.Table, file: str) -> tuple[Tables, list[tuple[int, str]]]:
        """Table rows of the typed rows that are sound, and line and reason of the others."""
        import pyarrow as pa
        import pyarrow.compute as pc

        refused = []
        if typed["reason"].null_count < typed.num_rows:
            bad = typed.filter(pc.is_valid(typed["reason"]))
            refused = list(zip(bad["line"].to_pylist(), bad["reason"].to_pylist(), strict=True))
            typed = typed.filter(pc.is_null(typed["reason"]))
        codes, words = _codes(typed["url"])
        known = [self._identity(word) for word in words]
        has_url = np.array([bool(found.url) for found in known], dtype=bool)[codes]
        if not has_url.all():
            for row in np.flatnonzero(~has_url):
                address = words[codes[row]]
                shown = "it has no url" if not address else f"{address[:80]!r} is no http(s) URL"
                refused.append((typed["line"][int(row)].as_py(), shown))
            typed, codes = typed.filter(pa.array(has_url)), codes[has_url]
        tables = Tables()
        if typed.num_rows:
            tables.lines = typed["line"].to_numpy()
            content_id = pa.array([found.content_id for found in known], pa.string()).take(pa.array(codes))
            source = pc.binary_join_element_wise(file, typed["line"].cast(pa.string()), ":")
            shared = {"content_id": content_id, "source": source}
            if self.mapping.table == "events":
                tables.rows["events"] = self._events(typed, shared)
            if self.counters:
                name = "intervals" if self.mapping.table == "intervals" else "readings"
                tables.rows[name] = self._numbers(typed, shared)
            content = self._content(typed, codes, known)
            if content is not None:
                tables.rows["content"] = content
        return tables, refused

    def _identity(self, url: str | None) -> Identity:
        if url is None:
            return NO_URL
        found = self._identities.get(url)
        if found is None:
            if len(self._identities) >= REMEMBERED:
                self._identities.clear()
            try:
                found = identity(url)
            except ValueError:
                found = NO_URL
            self._identities[url] = found
        return found

    def _content(self, typed: pa.Table, codes: np.ndarray, known: list[Identity]) -> pa.Table | None:
        """Content not met before in this import, or met without the title it has now."""
        import pyarrow as pa

        used, first = np.unique(codes, return_index=True)
        fresh = [
            (int(row), known[code])
            for code, row in zip(used.tolist(), first.tolist(), strict=True)
            if not self._titled.get(known[code].content_id, False)
        ]
        if not fresh:
            return None
        picked = typed.take(pa.array([row for row, _ in fresh], pa.int64()))
        titles = picked["title"].to_pylist() if self.mapping.title else [None] * len(fresh)
        published = picked["published_at"] if self.mapping.published_at else pa.nulls(len(fresh), pa.int64())
        keep: dict[str, int] = {}
        for index, ((_, found), title) in enumerate(zip(fresh, titles, strict=True)):
            before = self._titled.get(found.content_id)
            # without a column for titles there is none to wait for
            if before is None or (not before and title is not None):
                keep[found.content_id] = index
                self._titled[found.content_id] = title is not None or self.mapping.title is None
        if not keep:
            return None
        rows = pa.table(
            {
                "content_id": [found.content_id for _, found in fresh],
                "url": [found.url for _, found in fresh],
                "title": pa.array(titles, pa.string()),
                "published_at": _moments(published),
                "site": [found.site for _, found in fresh],
            }
        )
        return rows.take(pa.array(sorted(keep.values()), pa.int64()))

    def _events(self, typed: pa.Table, shared: dict[str, pa.Array]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        none = pa.nulls(typed.num_rows, pa.string())
        platform = typed["platform"]
        audience = (
            typed[f"value_{len(self.counters)}"]
            if self.mapping.audience
            else pa.nulls(len(none), pa.float64())
        )
        actor = none
        if self.mapping.actor:
            actor = _translated(pc.binary_join_element_wise(platform, typed["actor"], "\0"), self._hash)
        parent = pc.binary_join_element_wise(platform, typed["parent"], ":") if self.mapping.parent else none
        return pa.table(
            {
                "event_id": pc.binary_join_element_wise(platform, typed["item"], ":"),
                "content_id": shared["content_id"],
                "platform": platform,
                "kind": typed["kind"],
                "occurred_at": _moments(typed["time"]),
                "observed_at": _moments(self._observed(typed)),
                "actor": actor,
                "audience": audience,
                "parent_id": parent,
                "community": typed["community"] if self.mapping.community else none,
                "observer": typed["observer"],
                "source": shared["source"],
            }
        )

    def _observed(self, typed: pa.Table) -> pa.ChunkedArray:
        import pyarrow.compute as pc

        rule = self.mapping.observed_at
        if rule == "time" or rule is None:
            return typed["time"]
        return pc.add(typed["time"], self.mapping.length) if rule == "end" else typed["observed_at"]

    def _numbers(self, typed: pa.Table, shared: dict[str, pa.Array]) -> pa.Table:
        """Readings or intervals: every counter of every row."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = []
        for index, counter in enumerate(self.counters):
            rows = typed.num_rows
            when = typed["time"] if not counter.ahead else pc.add(typed["time"], counter.ahead)
            code = typed[f"code_{index}"].combine_chunks()
            statuses = pa.array(["observed", *(rule.status for rule in counter.unknown)])
            reasons = pa.array([None, *(rule.reason for rule in counter.unknown)], pa.string())
            metric = typed["metric"] if counter.name is None else pa.repeat(counter.name, rows)
            common = {"platform": typed["platform"], "metric": metric, "observer": typed["observer"]}
            value = {
                "value": typed[f"value_{index}"],
                "status": statuses.take(code),
                "reason": reasons.take(code),
                "source": shared["source"],
            }
            if self.mapping.table == "intervals":
                columns = {
                    "platform": common["platform"],
                    "content_id": shared["content_id"],
                    "metric": metric,
                    "start": _moments(when),
                    "end": _moments(pc.add(when, self.mapping.length)),
                    "observed_at": _moments(self._observed(typed)),
                    "observer": common["observer"],
                    **{name: value[name] for name in ("value", "status", "reason")},
                    "partial": pa.repeat(self.mapping.partial, rows),
                    "source": value["source"],
                }
            else:
                if self.mapping.table == "events":
                    when = self._observed(typed)
                columns = {
                    "platform": common["platform"],
                    "item_id": typed["item"],
                    "metric": metric,
                    "observed_at": _moments(when),
                    "observer": common["observer"],
                    "content_id": shared["content_id"],
                    **value,
                }
            parts.append(pa.table(columns))
        return pa.concat_tables(parts)


def _moments(microseconds: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return microseconds.cast(pa.int64()).cast(pa.timestamp("us", "UTC"))


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str | None]]:
    """The column as positions in the list of its distinct values."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return coded.indices.to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()


def _translated(column: pa.ChunkedArray, translate: Callable[[str], str]) -> pa.Array:
    import pyarrow as pa

    codes, words = _codes(column)
    return pa.array([None if word is None else translate(word) for word in words], pa.string()).take(
        pa.array(codes)
    )


def _remembering(function: Callable[[str], str]) -> Callable[[str], str]:
    from functools import lru_cache

    return lru_cache(REMEMBERED)(function)
