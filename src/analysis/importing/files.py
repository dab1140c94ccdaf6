"""A user's file, whatever its form, as chunks of text columns."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from analysis.errors import UserError
from analysis.importing import delimited
from analysis.importing.chunk import (
    BROKEN,
    ROWS,
    Chunk,
    is_gzip,
    opened_file,
    text_table,
    undecodable,
    until_broken,
)
from analysis.importing.mapping import File

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
            ".parquet": "parquet"}  # fmt: skip


def form(path: Path, file: File) -> str:
    """The file's format: as declared, or by its name."""
    if file.format:
        return file.format
    name = path.name.lower().removesuffix(".gz")
    found = SUFFIXES.get(Path(name).suffix)
    if found is None:
        raise UserError(
            f"{path} does not say by its name what it is; expected {', '.join(SUFFIXES)} (each also .gz), "
            "or [file] format in the mapping"
        )
    return found


def columns(path: Path, file: File) -> list[str]:
    """The file's columns, read from its first lines only."""
    kind = form(path, file)
    try:
        if kind == "parquet":
            import pyarrow.parquet as pq

            with _parquet(path) as opened:
                return list(pq.ParquetFile(opened).schema_arrow.names)
        if kind == "jsonl":
            seen: dict[str, None] = {}
            with opened_file(path) as opened:
                for line in islice(opened, 1000):
                    if isinstance(record := _object(line), dict):
                        seen.update(dict.fromkeys(record))
            return list(seen)
        if not file.header:
            return file.columns
        with opened_file(path) as opened:
            for _ in range(file.skip_lines):
                opened.readline()
            first = opened.readline()
        head = first.decode(file.encoding, "replace").removeprefix("\ufeff").rstrip("\r\n")
    except (*BROKEN, _arrow_error()) as error:
        raise UserError(f"{path} cannot be read: {_short(error)}") from None
    names = next(csv.reader([head], **delimited.dialect_of(file, kind == "tsv")), [])
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(f"{path} has columns of the same name: {', '.join(map(repr, twice))}; rename one")
    return names


def chunks(path: Path, file: File, wanted: list[str]) -> Iterator[Chunk]:
    """The wanted columns of the file, some tens of thousands of rows at a time."""
    kind = form(path, file)
    some: list[Chunk] = []
    try:
        if kind == "parquet":
            reader = _read_parquet(path, wanted)
        elif kind == "jsonl":
            reader = _read_jsonl(path, wanted)
        else:
            reader = delimited.read(path, file, wanted, columns(path, file), kind == "tsv")
        for chunk in reader:
            some.append(chunk)
            if sum(len(chunk.lines) for chunk in some) >= ROWS:
                yield _joined(some)
                some = []
        if some:
            yield _joined(some)
    except BROKEN as error:
        if some:
            yield _joined(some)
        raise UserError(
            f"{path} cannot be read to its end: {_short(error)}; what came before is imported"
        ) from None


def _joined(some: list[Chunk]) -> Chunk:
    import pyarrow as pa

    refused = [row for chunk in some for row in chunk.refused]
    lines = np.concatenate([chunk.lines for chunk in some])
    return Chunk(pa.concat_tables([chunk.table for chunk in some]), lines, refused)


def _object(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _read_jsonl(path: Path, wanted: list[str]) -> Iterator[Chunk]:
    broken: list[Exception] = []
    with opened_file(path) as opened:
        numbered = enumerate(until_broken(opened, broken), start=1)
        while some := list(islice(numbered, ROWS)):
            rows: list[list[str | None]] = []
            lines: list[int] = []
            refused: list[tuple[int, str, str]] = []
            for number, line in some:
                if not line.strip():
                    continue
                record = _object(line)
                text = None if not isinstance(record, dict) else [_flat(record.get(name)) for name in wanted]
                if text is None or any(cell is not None and undecodable(cell) for cell in text):
                    refused.append(
                        (
                            number,
                            "it is no JSON object",
                            line.decode("utf-8", "backslashreplace").rstrip("\r\n"),
                        )
                    )
                else:
                    rows.append(text)
                    lines.append(number)
            yield Chunk(text_table(rows, wanted, wanted), np.array(lines, dtype=np.int64), refused)
    if broken:
        raise broken[0]


def _flat(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _read_parquet(path: Path, wanted: list[str]) -> Iterator[Chunk]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = 1
    with _parquet(path) as opened:
        for batch in pq.ParquetFile(opened).iter_batches(ROWS, columns=wanted):
            table = pa.Table.from_batches([batch]).select(wanted)
            text = pa.table({name: _column_as_text(table[name]) for name in wanted})
            lines = np.arange(start, start + table.num_rows, dtype=np.int64)
            start += table.num_rows
            yield Chunk(text, lines)


def _column_as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        zone = "Z" if column.type.tz else ""
        return pc.strftime(
            column.cast(pa.timestamp("us", column.type.tz and "UTC")), format=f"%Y-%m-%dT%H:%M:%S{zone}"
        )
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.array([_flat(cell) for cell in column.to_pylist()], pa.string())])


def _parquet(path: Path) -> BinaryIO:
    """The Parquet file, unpacked beside memory when it is gzipped: it is read from its end."""
    if not is_gzip(path):
        return open(path, "rb")
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    with gzip.open(path) as packed:
        shutil.copyfileobj(packed, unpacked)
    unpacked.seek(0)
    return unpacked


def _arrow_error() -> type[Exception]:
    import pyarrow as pa

    return pa.ArrowException


def _short(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0][:200]
