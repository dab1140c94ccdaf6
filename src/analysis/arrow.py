"""The four tables as Arrow: their schemas, and frames to rows and back, checked on the way in."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.tables import STATUSES, Table, conform


@cache
def schema(table: Table) -> pa.Schema:
    """The table's columns as Arrow fields."""
    kinds = {"str": pa.string(), "float64": pa.float64(), "bool": pa.bool_()}
    return pa.schema(
        [
            pa.field(name, kinds.get(str(dtype), pa.timestamp("us", "UTC")), nullable=name in table.nullable)
            for name, dtype in table.dtypes.items()
        ]
    )


def to_arrow(frame: pd.DataFrame | pa.Table, table: Table) -> pa.Table:
    """Rows as the table has them; ValueError or pandera's SchemaErrors where they break its rules."""
    if isinstance(frame, pd.DataFrame):
        frame = pa.Table.from_pandas(conform(frame, table), schema=schema(table), preserve_index=False)
    else:
        frame = frame.select(table.columns).cast(schema(table))
        _check(frame, table)
    return frame


def _check(rows: pa.Table, table: Table) -> None:
    """The tables' rules, on Arrow columns: for imports of millions of rows."""
    for field in schema(table):
        if not field.nullable and rows[field.name].null_count:
            raise ValueError(
                f"{table.name}.{field.name} must not be missing: {rows[field.name].null_count} rows"
            )
    if "status" in rows.column_names:
        strange = set(pc.unique(rows["status"]).to_pylist()) - set(STATUSES)
        if strange:
            raise ValueError(f"{table.name}.status has unknown values: {sorted(strange)}")
        observed = pc.equal(rows["status"], "observed")
        if not pc.all(pc.equal(pc.is_valid(rows["value"]), observed), min_count=0).as_py():
            raise ValueError(f"{table.name}.value must be known exactly when its status is observed")
    if table.name == "intervals" and not pc.all(pc.greater(rows["end"], rows["start"]), min_count=0).as_py():
        raise ValueError("intervals.end must be after start")


def to_pandas(rows: pa.Table, table: Table) -> pd.DataFrame:
    """Some of a table's columns as a frame with the table's types."""
    frame = rows.to_pandas()
    return frame.astype({name: table.dtypes[name] for name in frame.columns})
