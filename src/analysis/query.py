"""DuckDB over a table's Parquet files: conditions of a read, and which rows of a batch are new."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.tables import Table

TIMES = {"published_at", "occurred_at", "observed_at", "start", "end", "made_at", "due"}


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory."""
    return duckdb.connect()


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
