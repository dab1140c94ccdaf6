"""A user's own tabular files into the store, by a mapping.

A row is *new* when it added at least one event, reading or interval, *known* when everything it says was
in the store already (from this file's earlier rows too), and *set aside* when it cannot be used: then it
stands with its line and the reason in a file beside the tables, and nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import UserError
from analysis.importing import files, query
from analysis.importing.aside import Aside, Counts
from analysis.importing.mapping import Mapping, load
from analysis.importing.rows import Shaper, Tables
from analysis.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Aside", "Counts", "import_files"]

# Store rows made at once: what bounds memory when every row holds 144 numbers.
CELLS = 400_000


@dataclass(frozen=True)
class _Plan:
    """One file, ready to be read."""

    path: Path
    columns: list[str]  # those to read
    counters: list[query.Counter]
    sql: str


@dataclass(frozen=True)
class _Part:
    """Some rows of a file: as text, with their lines; as the query typed them; and what was no row."""

    text: pa.Table
    lines: np.ndarray
    typed: pa.Table
    refused: list[tuple[int, str, str]]


def import_files(
    paths: list[Path],
    mapping_path: Path,
    table: str,
    store: Store,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda told: None,
) -> Counts:
    """Bring files into the store.

    Every file is found and its columns are compared with the mapping before a row is written.
    ``dry_run`` writes nothing: it counts a row that could be imported as new.

    Raises
    ------
    UserError
        When the mapping is wrong, a file is missing or lacks a column, before anything is written; or
        when a file breaks off: what came before is in the store then.
    """
    mapping = load(mapping_path)
    if mapping.table != table:
        raise UserError(
            f"{mapping_path} maps to {mapping.table}, not to {table}: use `virality import {mapping.table}`"
        )
    if not paths:
        raise UserError("no file to import was named")
    now = datetime.now(UTC)
    plans = [_plan(path, mapping, mapping_path, now) for path in paths]
    counts = Counts()
    for plan in plans:
        with Aside(plan.path, store, mapping, counts, dry_run) as aside:
            _import(plan, mapping, store, counts, aside, dry_run, progress)
    return counts


def _plan(path: Path, mapping: Mapping, mapping_path: Path, now: datetime) -> _Plan:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {what}; expected a file")
    there = files.columns(path, mapping.file)
    wanted = query.wanted(mapping)
    for column, place in wanted.items():
        if column not in there:
            raise UserError(
                f"{path} has no column {column!r}, which {mapping_path} names for {place}; "
                f"its columns are: {_listed(there)}"
            )
    counters = query.counters(mapping, there)
    if mapping.metrics and not counters:
        patterns = ", ".join(repr(metric.columns) for metric in mapping.metrics.values() if metric.columns)
        raise UserError(f"{path} has no column that matches {patterns}; its columns are: {_listed(there)}")
    columns = list(dict.fromkeys([*wanted, *(counter.column for counter in counters)])) or there[:1]
    return _Plan(path, columns, counters, query.build(mapping, counters, columns, path.name, now))


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:40]) or "none"
    return shown if len(names) <= 40 else f"{shown} and {len(names) - 40} more"


def _import(
    plan: _Plan,
    mapping: Mapping,
    store: Store,
    counts: Counts,
    aside: Aside,
    dry_run: bool,
    progress: Callable[[str], None],
) -> None:
    def count(written: Future[tuple[int, int]], lines: int) -> None:
        usable, new = written.result()
        counts.new += new
        counts.known += usable - new
        counts.set_aside += lines - usable
        progress(f"{plan.path.name}: {counts.rows:,} rows read, {counts.new:,} new")

    # One part is written while the next is shaped and a third is read: no more than three are held.
    writing: tuple[Future[tuple[int, int]], int] | None = None
    with ThreadPoolExecutor(1) as writer:
        for lines, tables in _shaped(plan, mapping, counts, aside):
            if writing is not None:
                count(*writing)
            counts.rows += lines
            writing = writer.submit(_append, tables, store, dry_run), lines
        if writing is not None:
            count(*writing)


def _shaped(plan: _Plan, mapping: Mapping, counts: Counts, aside: Aside) -> Iterator[tuple[int, Tables]]:
    """Part by part, how many rows were read and the table rows they give; the others are put aside."""
    shaper = Shaper(mapping, plan.counters)
    for part in _ahead(_parts(plan, mapping)):
        counts.rows += len(part.refused)
        counts.set_aside += len(part.refused)
        unusable: list[tuple[int, str, Any]] = list(part.refused)
        tables, unsound = shaper.shape(part.typed, plan.path.name)
        if unsound:
            place = dict(zip(part.lines.tolist(), range(len(part.lines)), strict=True))
            rows = part.text.take([place[line] for line, _ in unsound]).to_pylist()
            unusable += [(line, why, row) for (line, why), row in zip(unsound, rows, strict=True)]
        for line, reason, row in sorted(unusable, key=lambda bad: bad[0]):
            aside.put(line, reason, row)
        yield len(part.lines), tables


def _ahead(parts: Iterator[_Part]) -> Iterator[_Part]:
    """Each part, while another thread makes the next."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = reader.submit(next, parts, None)
            yield part


def _parts(plan: _Plan, mapping: Mapping) -> Iterator[_Part]:
    """The file's rows without its blank lines, typed; so many at once as memory allows."""
    import duckdb
    import pyarrow as pa

    most = max(1, CELLS // max(1, len(plan.counters)))
    connection = duckdb.connect()
    # Rows stay in the file's order (the first of equal keys wins), times are UTC whatever the machine's zone.
    connection.execute("set TimeZone = 'UTC'; set preserve_insertion_order = true; set threads = 1")
    for chunk in files.chunks(plan.path, mapping.file, plan.columns):
        text, lines = _without_blanks(chunk)
        left = chunk.refused
        for start in range(0, max(1, len(lines)), most):
            some, at = text.slice(start, most), lines[start : start + most]
            last = start + most >= len(lines)
            refused = [row for row in left if last or row[0] <= at[-1]]
            left = [row for row in left if not last and row[0] > at[-1]]
            # the file's own names would clash with the query's, and with each other but for their case
            plain = some.rename_columns([f"c{index}" for index in range(some.num_columns)])
            connection.register("chunk", plain.append_column("line", pa.array(at)))
            typed = connection.sql(plan.sql).to_arrow_table()
            connection.unregister("chunk")
            yield _Part(some, at, typed, refused)


def _without_blanks(chunk: files.Chunk) -> tuple[pa.Table, np.ndarray]:
    """Rows that hold anything, trimmed, and their lines."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # DuckDB's own trim takes as long as all the rest of the query
    trimmed = {name: pc.ascii_trim_whitespace(chunk.table[name]) for name in chunk.table.column_names}
    table, lines = pa.table(trimmed), chunk.lines
    blank = np.ones(table.num_rows, dtype=bool)
    for column in table.columns:
        if not blank.any():
            break
        blank &= pc.equal(pc.fill_null(column, ""), "").to_numpy()
    if blank.any():
        table, lines = table.filter(pa.array(~blank)), lines[~blank]
    return table, lines


def _append(tables: Tables, store: Store, dry_run: bool) -> tuple[int, int]:
    """How many input rows the tables come from, and how many of these added something to the store."""
    import pyarrow as pa

    if not len(tables.lines):
        return 0, 0
    fresh = np.zeros(len(tables.lines), dtype=bool)
    # Content first: a reader never meets an event whose content is not there.
    for name in ("content", "events", "readings", "intervals"):
        if name not in tables.rows:
            continue
        appended = None if dry_run else store.append(name, tables.rows[name])
        if name != "content":
            # a table holds its numbers one after the other: all rows' points, then all rows' comments
            added = np.ones(1, dtype=bool) if appended is None else appended.added.reshape(-1, len(fresh))
            fresh |= added.any(axis=0)
    # What was written is given back to the system: the C library would keep it.
    pa.default_memory_pool().release_unused()
    return _distinct(tables.lines), _distinct(tables.lines[fresh])


def _distinct(lines: np.ndarray) -> int:
    """How many lines, where those taken apart stand several times, together."""
    return int(np.count_nonzero(np.diff(lines, prepend=-1)))
