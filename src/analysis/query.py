"""DuckDB over a table's Parquet files: conditions of a read, and which rows of a batch are new."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.tables import Table

T = TypeVar("T")
READ_ATTEMPTS = 5
TIMES = {"published_at", "occurred_at", "observed_at", "start", "end", "made_at", "due"}


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory."""
    return duckdb.connect()


class Database:
    """DuckDB over the store's tables, each a view that is brought up to date before every query.

    ``sql`` and ``execute`` are DuckDB's own, and so is all else: ``register``, ``table``, ``close``. A frame
    of the caller can be named in a query as if it were a table.

    Parameters
    ----------
    versions : gives each table's version as it now is
    view : gives the select that a table is at its present version
    """

    def __init__(self, versions: Callable[[], dict[str, int]], view: Callable[[str], str]) -> None:
        self.connection = connect()
        self.connection.execute("set python_scan_all_frames = true")
        self._versions, self._view = versions, view
        self._seen: dict[str, int] = {}

    def sql(self, query: str, params: Any = None) -> duckdb.DuckDBPyRelation:
        """The answer to a query, ``.df()`` of which is a frame; it is kept as it was when it was asked."""

        def ask() -> duckdb.DuckDBPyRelation:
            self._refresh()
            return self.connection.sql(query, params=params).materialize()

        return self._while_files_move(ask)

    def execute(self, query: str, params: Any = None) -> duckdb.DuckDBPyConnection:
        """Run a query; ``fetchall``, ``fetchone`` or ``df`` give its answer."""

        def ask() -> duckdb.DuckDBPyConnection:
            self._refresh()
            return self.connection.execute(query, params)

        return self._while_files_move(ask)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *dir(self.connection)]

    def _refresh(self) -> None:
        now = self._versions()
        for name, version in now.items():
            if self._seen.get(name) != version:
                self.connection.execute(f"create or replace view {name} as {self._view(name)}")
                self._seen[name] = version

    def _while_files_move(self, ask: Callable[[], T]) -> T:
        def again() -> T:
            try:
                return ask()
            except Exception:
                self._seen.clear()
                raise

        return while_files_move(again)


def select_nothing(columns: pa.Schema, selected: list[str]) -> str:
    """A select of the columns without a row, for a table that does not exist yet."""
    kinds = {pa.string(): "varchar", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean"}
    nulls = (
        f"null::{kinds.get(field.type, 'timestamptz' if pa.types.is_timestamp(field.type) else 'varchar')} "
        f'as "{field.name}"'
        for field in columns
    )
    return f"select {', '.join(selected)} from (select {', '.join(nulls)}) where false"


def while_files_move(query: Callable[[], T]) -> T:
    """Read again when a purge removed the files between their listing and their opening."""
    for _ in range(READ_ATTEMPTS):
        try:
            return query()
        except Exception as error:
            if not files_moved(error):
                raise
    return query()


def files_moved(error: Exception) -> bool:
    """Whether the error says that a file that was listed is no longer there."""
    return any(words in str(error) for words in ("No such file", "No files found", "not found"))


@cache
def _searcher(process: int) -> duckdb.DuckDBPyConnection:
    """The DuckDB that looks keys up: opening one takes as long as the search in a chunk of an import.

    One a process: a forked child can neither use its parent's, whose threads it lacks, nor close it.
    """
    return connect()


def quoted(files: list[str]) -> str:
    """File names as an SQL list."""
    return "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]"


def moment(value: Any) -> Any:
    """A time as DuckDB takes it: zoned; one without a zone is UTC."""
    time = pd.Timestamp(value)
    time = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
    return time.to_pydatetime()


def _plain(value: Any) -> Any:
    return moment(value) if isinstance(value, pd.Timestamp) or hasattr(value, "isoformat") else value


def conditions(where: dict[str, Any]) -> tuple[list[str], list[Any]]:
    """``column=value``, ``[values]`` or ``slice(low, high)`` as SQL clauses and their values."""
    clauses: list[str] = []
    values: list[Any] = []
    for name, wanted in where.items():
        if isinstance(wanted, slice):
            for bound, sign in ((wanted.start, ">="), (wanted.stop, "<")):
                if bound is not None:
                    clauses.append(f'"{name}" {sign} ?')
                    values.append(moment(bound) if name in TIMES else bound)
        elif isinstance(wanted, (list, tuple, set, pd.Series)):
            clauses.append(
                f'list_contains(?, "{name}")' if len(wanted) < 8 else f'"{name}" in (select unnest(?))'
            )
            values.append([_plain(value) for value in wanted])
        else:
            clauses.append(f'"{name}" = ?')
            values.append(_plain(wanted))
    return clauses, values


def new_rows(table: Table, rows: pa.Table, files: list[str]) -> np.ndarray:
    """Positions of the first row of each key that is in none of the files, in order."""
    first = _first_of_each(rows, table.key)
    if not files:
        return first
    batch = rows.select(table.key)
    batch = batch if len(first) == rows.num_rows else batch.take(pa.array(first))
    connection = _searcher(os.getpid()).cursor()
    connection.register("batch", batch.append_column("position", pa.array(first)))
    # Equal keys are equal in time as well: Parquet's statistics let DuckDB skip other times.
    span = ""
    if table.known_at in table.key:
        low, high = (end.isoformat() for end in _span(rows[table.known_at]))
        span = f" where {table.known_at} between timestamptz '{low}' and timestamptz '{high}'"
    key = ", ".join(f'"{name}"' for name in table.key)
    known = f"select {key} from read_parquet({quoted(files)}){span}"
    match = " and ".join(f'batch."{name}" = known."{name}"' for name in table.key)
    sql = f"select position from batch anti join ({known}) known on {match} order by position"
    return connection.sql(sql).to_arrow_table()["position"].to_numpy()


def better_contents(rows: pa.Table, files: list[str]) -> pa.Table:
    """The contents whose title or publication time the files lack and the rows know."""
    rows = rows.take(pa.array(_first_of_each(rows, ("content_id",))))
    connection = _searcher(os.getpid()).cursor()
    connection.register("batch", rows)
    lacking = " or ".join(
        f"(known.{name} is null and batch.{name} is not null)" for name in ("title", "published_at")
    )
    known = f"read_parquet({quoted(files)}) known on batch.content_id = known.content_id"
    better = connection.sql(f"select batch.* from batch join {known} where {lacking}").to_arrow_table()
    return better.cast(rows.schema)


def _first_of_each(rows: pa.Table, key: tuple[str, ...]) -> np.ndarray:
    """Positions of the first row of each key.

    Every column becomes the numbers of its distinct values and the key one number made of them:
    several times quicker than grouping by five texts, and exact.
    """
    codes = np.zeros(rows.num_rows, dtype=np.int64)
    size = 1
    for name in key:
        coded = rows[name].combine_chunks().dictionary_encode()
        many = max(1, len(coded.dictionary))
        if size * many >= 2**62:
            codes, distinct = pd.factorize(codes)
            size = len(distinct)
        codes = codes * many + coded.indices.to_numpy(zero_copy_only=False)
        size *= many
    return np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())


def _span(times: pa.ChunkedArray) -> tuple[Any, Any]:
    ends = pc.min_max(times).as_py()
    return ends["min"], ends["max"]
