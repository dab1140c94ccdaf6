"""The four tables on disk: append by key, read as of a moment, purge.

Each table is a Delta table of Parquet files. A schedule may write while analysts read and while a
second schedule writes: a reader sees one version of a table, whole; a killed writer leaves nothing
behind but an orphaned file that no version names.

Rows are only ever added. An append looks up which keys are new against one version and commits on
top of exactly that version; when somebody else committed in between, it looks again. So a known key
is a no-op, in one process or in many.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import numpy as np
import pandas as pd

from analysis.arrow import schema, to_arrow, to_pandas
from analysis.errors import UserError
from analysis.parquet import commit
from analysis.query import (
    TIMES,
    Database,
    better_contents,
    conditions,
    connect,
    files_moved,
    moment,
    new_rows,
    quoted,
    select_nothing,
    while_files_move,
)
from analysis.settings import settings
from analysis.tables import CONTENT, STORED, TABLES, Batch, Table

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

# Below this many files a read opens each in a millisecond or so; above it we merge the small ones.
MOST_FILES = 48
ATTEMPTS = 40


@dataclass(frozen=True)
class Appended:
    """What an append did: rows ``new`` and ``known``, and which rows of the frame were ``added``."""

    new: int
    known: int
    added: np.ndarray


class Store:
    """A folder of Delta tables, one for each table of ``analysis.tables``."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        whole = self.path.resolve().as_posix()
        # Delta follows links, writes to a name such as a%20b and reads from its decoded form, a b.
        if re.search(r"%[0-9A-Fa-f]{2}|\\", whole):
            raise UserError(
                f"the path of the store's folder must hold no percent code and no backslash: {whole!r}; "
                "rename the folder, or set VIRALITY_STORE to another"
            )

    @classmethod
    def open(cls, path: str | Path | None = None) -> Store:
        """The store at ``path``, by default the one the settings name. Nothing is created yet."""
        place = str(path) if path is not None else settings().path("store")
        if "://" in place:
            raise UserError(f"the store must be a folder, not {place!r}: set VIRALITY_STORE to a path")
        return cls(place)

    # -- reading ------------------------------------------------------------------------------

    def read(
        self,
        table: Table | str,
        columns: Iterable[str] | None = None,
        as_of: pd.Timestamp | str | None = None,
        **where: Any,
    ) -> pd.DataFrame:
        """Rows of a table, only the columns and rows asked for.

        Parameters
        ----------
        table
            A table or its name.
        columns
            Which columns, in this order; all by default.
        as_of
            Only what was known at this moment: rows observed at or before it.
        where
            ``column=value``, ``column=[values]`` or ``column=slice(low, high)`` (low <= x < high,
            either may be None).
        """
        table = _table(table)
        chosen = list(columns) if columns is not None else table.columns
        for name in [*chosen, *where]:
            if name not in table.dtypes:
                raise UserError(f"{table.name} has no column {name!r}; it has: {', '.join(table.columns)}")
        clauses, values = conditions(where)
        if as_of is not None and table.known_at:
            clauses.append(f"{table.known_at} <= ?")
            values.append(moment(as_of))
        clause = f" where {' and '.join(clauses)}" if clauses else ""

        def query() -> pa.Table:
            files = self._files(table)
            if not files:
                return schema(table).empty_table().select(chosen)
            names = ", ".join(f'"{name}"' for name in chosen)
            sql = f"select {names} from read_parquet({quoted(files)}){clause}"
            return connect().sql(sql, params=values).to_arrow_table()

        return to_pandas(while_files_move(query), table)

    def sql(self, as_of: pd.Timestamp | str | None = None) -> Database:
        """SQL over the tables: a DuckDB in memory, in which every table is a view of the store.

        Each query sees each table as it is when the query runs, so a kernel may stay open all day while
        others write, compact and purge.

        Parameters
        ----------
        as_of
            Only what was known at this moment: rows observed at or before it.

        Examples
        --------
        >>> Store.open().sql().sql("select platform, count(*) from events group by all").df()
        """
        return Database(self.versions, lambda name: self._view(STORED[name], as_of))

    def _view(self, table: Table, as_of: pd.Timestamp | str | None) -> str:
        """A select of the table as it is now; times are plain and in UTC: DuckDB would show zoned ones in
        the machine's own zone."""
        files = self._files(table)
        columns = [
            f'make_timestamp(epoch_us("{name}")) as "{name}"' if name in TIMES else f'"{name}"'
            for name in table.columns
        ]
        if not files:
            return select_nothing(schema(table), columns)
        known = ""
        if as_of is not None and table.known_at:
            known = f" where {table.known_at} <= timestamptz '{moment(as_of).isoformat()}'"
        return f"select {', '.join(columns)} from read_parquet({quoted(files)}){known}"

    def versions(self) -> dict[str, int]:
        """Each table's version, -1 where it does not exist yet: what a page's provenance names."""
        found = {}
        for table in STORED.values():
            delta = self._delta(table)
            found[table.name] = -1 if delta is None else delta.version()
        return found

    # -- writing ------------------------------------------------------------------------------

    def append(self, table: Table | str, frame: pd.DataFrame | pa.Table, *, fresh: bool = False) -> Appended:
        """Add the rows whose key is not in the store yet; the first of equal keys wins.

        A content whose title or publication time was unknown gets it when a later row knows it.
        ``fresh``: the caller vouches that no key can be known, because its ``observed_at`` is a moment
        nobody else could have written; they are not looked up.
        """
        table = _table(table)
        rows = to_arrow(frame, table)
        if rows.num_rows == 0:
            return _appended(np.zeros(0, dtype=np.int64), 0)
        appended = _retry(lambda: self._append_once(table, rows, fresh), f"append to {table.name}")
        if table is CONTENT and appended.known:
            _retry(lambda: self._fill(rows), "filling in of content")
        return appended

    def append_batch(self, batch: Batch) -> dict[str, Appended]:
        """Append a batch's tables, and purge the items it says are gone."""
        done = {name: self.append(name, getattr(batch, name)) for name in TABLES}
        if len(batch.gone):
            self.forget(batch.gone)
        return done

    def purge(self, table: Table | str, keys: pd.DataFrame) -> int:
        """Delete the rows that match any row of ``keys`` (some of the table's columns), for good.

        The Parquet files that held them are removed as well, so no older version gives them back.
        """
        table = _table(table)
        keys = keys.drop_duplicates()
        for name in keys.columns:
            if name not in table.dtypes:
                raise UserError(f"{table.name} has no column {name!r}; it has: {', '.join(table.columns)}")
        if self._delta(table) is None or keys.empty:
            return 0
        import pyarrow as pa

        source = pa.Table.from_pandas(
            keys,
            schema=pa.schema([schema(table).field(name) for name in keys.columns]),
            preserve_index=False,
        )
        match = " and ".join(f"t.{name} = s.{name}" for name in keys.columns)

        def delete() -> int:
            delta = self._existing(table)
            merge = delta.merge(source, match, source_alias="s", target_alias="t")
            return int(merge.when_matched_delete().execute()["num_target_rows_deleted"])

        deleted = _retry(delete, f"purge of {table.name}")
        if deleted:
            self._existing(table).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
        return deleted

    def forget(self, items: pd.DataFrame) -> int:
        """Purge everything about items (columns platform, item_id) that their platform says are gone.

        Their events (and events that answer them), their readings, and content that nothing else
        in the store refers to.
        """
        if items.empty:
            return 0
        event_ids = items["platform"] + ":" + items["item_id"]
        touched = pd.concat(
            [
                self.read("events", ["content_id"], event_id=event_ids.tolist()),
                self.read("readings", ["content_id"], item_id=items["item_id"].tolist()),
            ]
        )["content_id"].unique()
        deleted = self.purge("events", pd.DataFrame({"event_id": event_ids}))
        deleted += self.purge("events", pd.DataFrame({"parent_id": event_ids}))
        deleted += self.purge("readings", items[["platform", "item_id"]])
        deleted += self.purge("forecasts", items[["platform", "item_id"]])
        left: set[str] = set()
        for name in ("events", "readings", "intervals"):
            left |= set(self.read(name, ["content_id"], content_id=touched.tolist())["content_id"])
        orphans = [content for content in touched if content not in left]
        return deleted + self.purge("content", pd.DataFrame({"content_id": orphans}, dtype=str))

    # -- inside -------------------------------------------------------------------------------

    def _uri(self, table: Table) -> str:
        return str(self.path / table.name)

    def _delta(self, table: Table) -> Any:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            return DeltaTable(self._uri(table))
        except TableNotFoundError:
            return None

    def _existing(self, table: Table) -> Any:
        delta = self._delta(table)
        if delta is None:
            self._create(table)
            delta = self._delta(table)
        return delta

    def _create(self, table: Table) -> None:
        from deltalake import DeltaTable

        try:
            Path(self._uri(table)).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot write to the store at {self.path} ({error.strerror}): "
                "make the folder writable or set VIRALITY_STORE to another"
            ) from error
        # Statistics of other columns would keep words of purged rows in the log.
        skipping = {"delta.dataSkippingStatsColumns": table.known_at or "content_id"}
        DeltaTable.create(self._uri(table), schema=schema(table), mode="ignore", configuration=skipping)

    def _files(self, table: Table) -> list[str]:
        delta = self._delta(table)
        return [] if delta is None else _paths(delta)

    def _append_once(self, table: Table, rows: pa.Table, fresh: bool = False) -> Appended:
        delta = self._existing(table)
        files = _paths(delta)
        new = np.arange(rows.num_rows) if fresh else new_rows(table, rows, _may_hold(delta, table, rows))
        if len(new):
            fresh_rows = rows.take(new) if len(new) < rows.num_rows else rows
            commit(delta, Path(self._uri(table)), table, fresh_rows)
        if len(new) and len(files) >= MOST_FILES:
            self._compact(table)
        return _appended(new, rows.num_rows)

    def _fill(self, rows: pa.Table) -> None:
        """Give known contents the title or publication time that was unknown until now."""
        better = better_contents(rows, self._files(CONTENT))
        if better.num_rows == 0:
            return
        self._existing(CONTENT).merge(
            better,
            "t.content_id = s.content_id",
            source_alias="s",
            target_alias="t",
        ).when_matched_update(
            {
                "title": "coalesce(t.title, s.title)",
                "published_at": "coalesce(t.published_at, s.published_at)",
            }
        ).execute()

    def _compact(self, table: Table) -> None:
        """Merge small files, and remove what killed writers left: files a week old in no version."""
        from deltalake.exceptions import CommitFailedError

        try:
            delta = self._existing(table)
            delta.optimize.compact()
            delta.vacuum(full=True, dry_run=False)
        except CommitFailedError:
            return  # somebody else changed the table meanwhile: the next append tries again


def _table(table: Table | str) -> Table:
    if isinstance(table, Table):
        return table
    if table not in STORED:
        raise UserError(f"there is no table {table!r}; the tables are: {', '.join(STORED)}")
    return STORED[table]


def _paths(delta: Any) -> list[str]:
    """The table's files as paths; Delta gives them percent-encoded."""
    return [unquote(uri) for uri in delta.file_uris()]


def _may_hold(delta: Any, table: Table, rows: pa.Table) -> list[str]:
    """The files that may hold any of the rows' keys: where the key has a time, those of its span."""
    files = _paths(delta)
    if table.known_at not in table.key or not files:
        return files
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = pc.min_max(rows[table.known_at]).as_py()
    # Delta keeps a file's ends in milliseconds
    low, high = ends["min"] - timedelta(seconds=1), ends["max"] + timedelta(seconds=1)
    actions = pa.table(delta.get_add_actions(flatten=True)).to_pydict()
    lows, highs = actions.get(f"min.{table.known_at}"), actions.get(f"max.{table.known_at}")
    if lows is None or highs is None:
        return files
    apart = {
        path.rpartition("/")[2]
        for path, first, last in zip(actions["path"], lows, highs, strict=True)
        if first is not None and last is not None and (first > high or last < low)
    }
    return [file for file in files if file.rpartition("/")[2] not in apart]


def _appended(new: np.ndarray, total: int) -> Appended:
    added = np.zeros(total, dtype=bool)
    added[new] = True
    return Appended(len(new), total - len(new), added)


def _retry(act: Callable[[], T], what: str) -> T:
    """Do it again when another writer committed first, or a purge removed the files being read."""
    from deltalake.exceptions import CommitFailedError

    for attempt in range(ATTEMPTS):
        try:
            return act()
        except Exception as error:
            if not isinstance(error, CommitFailedError) and not files_moved(error):
                raise
        # Jitter, so that two writers do not meet again.
        time.sleep(random.uniform(0, min(0.02 * 2**attempt, 0.5)))
    raise UserError(f"the {what} met another writer {ATTEMPTS} times in a row; try again when it has ended")
