"""CSV and its like as chunks of text columns.

Arrow's parser reads half a million rows in 0.4 s and in constant memory. Where it gives up, on a quote
that never closes or on bytes that are no text, a slower one goes on from the same line: it loses the one
line that is broken and nothing after it.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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

# Arrow keeps 32 blocks read ahead.
BLOCK = 1 << 18
# A quoted cell may span lines, but a quote left open would swallow the file.
MOST_LINES = 200
MOST_CHARACTERS = 1 << 20


def dialect_of(file: File, tabs: bool) -> dict[str, Any]:
    """How the file separates and quotes, in the csv module's words."""
    delimiter = file.delimiter or ("\t" if tabs else ",")
    quoting = csv.QUOTE_MINIMAL if file.quote else csv.QUOTE_NONE
    return {"delimiter": delimiter, "quotechar": file.quote or None, "quoting": quoting}


def read(path: Path, file: File, wanted: list[str], names: list[str], tabs: bool) -> Iterator[Chunk]:
    """The wanted ones of the file's columns."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pcsv

    dialect = dialect_of(file, tabs)
    first = file.skip_lines + (1 if file.header else 0)
    refused: list[tuple[int, str]] = []

    def refuse(row: Any) -> str:
        refused.append((row.number, row.text))
        return "skip"

    position = first + 1  # the parser's number of the next row: a cell's own line breaks do not count
    line = first + 1
    try:
        with (
            _undecodable_told_by_us(),
            pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None) as stream,
        ):
            reader = pcsv.open_csv(
                stream,
                read_options=pcsv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    column_names=names,
                    skip_rows=first,
                    encoding=file.encoding,
                ),
                parse_options=pcsv.ParseOptions(
                    delimiter=dialect["delimiter"],
                    quote_char=file.quote or False,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=refuse,
                ),
                convert_options=pcsv.ConvertOptions(
                    check_utf8=False,
                    strings_can_be_null=False,
                    column_types=dict.fromkeys(names, pa.binary()),
                ),
            )
            for batch in reader:
                table = pa.Table.from_batches([batch])
                rows = table.num_rows
                breaks = np.zeros(rows, dtype=np.int64)  # in every column, wanted or not
                for column in batch.columns:
                    if (np.frombuffer(column.buffers()[2] or b"", np.uint8) == ord("\n")).any():
                        breaks += pc.count_substring(column, "\n").to_numpy()
                # the parser reads ahead: what it refused may lie behind these rows
                ours = 0
                while ours < len(refused) and refused[ours][0] < position + rows + ours:
                    ours += 1
                lines, position, line, broken = _numbered(rows, breaks, refused[:ours], position, line)
                del refused[:ours]
                chunk = _as_text(table.select(wanted), lines)
                for at, text in broken:
                    _mend(chunk, at, text, names, wanted, dialect)
                yield chunk
            if refused:
                chunk = Chunk(text_table([], names, wanted), np.array([], dtype=np.int64))
                for at, text in _numbered(0, np.zeros(0, np.int64), refused, position, line)[3]:
                    _mend(chunk, at, text, names, wanted, dialect)
                yield chunk
    except (pa.ArrowInvalid, *BROKEN) as error:
        if "Empty CSV" in str(error):
            return
        # Also for a file that is cut short: what stands before the cut was not handed on yet.
        yield from _read_slowly(path, file, names, wanted, dialect, line)


@contextmanager
def _undecodable_told_by_us() -> Iterator[None]:
    """Keep Arrow's callback from printing a traceback for a row that is no UTF-8: we read it again."""
    before = sys.unraisablehook

    def told(problem: Any) -> None:
        if not isinstance(problem.exc_value, UnicodeDecodeError):
            before(problem)

    sys.unraisablehook = told
    try:
        yield
    finally:
        sys.unraisablehook = before


def _numbered(
    rows: int, breaks: np.ndarray, refused: list[tuple[int, str]], position: int, line: int
) -> tuple[np.ndarray, int, int, list[tuple[int, str]]]:
    """The line of every row, and of every refused one, from the parser's row numbers."""
    missing = np.array([number for number, _ in refused], dtype=np.int64)
    total = rows + len(missing)
    is_row = np.ones(total, dtype=bool)
    is_row[missing - position] = False
    height = np.ones(total, dtype=np.int64)
    height[is_row] += breaks
    height[~is_row] += np.array([text.count("\n") for _, text in refused], dtype=np.int64)
    starts: np.ndarray = line + np.cumsum(height) - height
    broken = list(zip(starts[~is_row].tolist(), (text for _, text in refused), strict=True))
    return starts[is_row], position + total, line + int(height.sum()), broken


def _as_text(table: pa.Table, lines: np.ndarray) -> Chunk:
    """Binary columns as text; rows that are no UTF-8 are refused."""
    import pyarrow as pa

    try:
        return Chunk(table.cast(pa.schema([(name, pa.string()) for name in table.column_names])), lines)
    except pa.ArrowInvalid:
        pass
    bad = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        for index, cell in enumerate(column.to_pylist()):
            try:
                cell.decode()
            except UnicodeDecodeError:
                bad[index] = True
    refused = []
    for at in np.flatnonzero(bad).tolist():
        row = {
            name: table[name][at].as_py().decode("utf-8", "backslashreplace") for name in table.column_names
        }
        refused.append((int(lines[at]), "it is not UTF-8", json.dumps(row, ensure_ascii=False)))
    good = table.filter(pa.array(~bad))
    text = good.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    return Chunk(text, lines[~bad], refused)


def _mend(
    chunk: Chunk, at: int, text: str, names: list[str], wanted: list[str], dialect: dict[str, Any]
) -> None:
    """Refuse a row of the wrong width, but keep whole rows that a quote left open in it had swallowed."""
    lines = list(enumerate(text.split("\n"), start=at))
    good, lines_of_good, refused = _parsed(iter(lines), len(names), dialect)
    chunk.refused += refused
    if good:
        import pyarrow as pa

        extra = text_table(good, names, wanted)
        chunk.table = pa.concat_tables([chunk.table, extra])
        chunk.lines = np.concatenate([chunk.lines, np.array(lines_of_good, dtype=np.int64)])


def _read_slowly(
    path: Path, file: File, names: list[str], wanted: list[str], dialect: dict[str, Any], line: int
) -> Iterator[Chunk]:
    broken: list[Exception] = []
    with opened_file(path) as opened:
        text = io.TextIOWrapper(opened, encoding=file.encoding, errors="surrogateescape", newline="\n")
        numbered = enumerate((row.rstrip("\r\n") for row in until_broken(text, broken)), start=1)
        left = islice(numbered, line - 1, None)
        pushed: list[tuple[int, str]] = []
        while True:
            good, lines, refused = _parsed(left, len(names), dialect, pushed, ROWS)
            if not good and not refused and not pushed:
                break
            yield Chunk(text_table(good, names, wanted), np.array(lines, dtype=np.int64), refused)
    if broken:
        raise broken[0]


def _parsed(
    lines: Iterator[tuple[int, str]],
    width: int,
    dialect: dict[str, Any],
    pushed: list[tuple[int, str]] | None = None,
    most: int | None = None,
) -> tuple[list[list[str]], list[int], list[tuple[int, str, str]]]:
    """Rows of the right width with their lines, and lines refused; ``pushed`` holds lines read too far.

    A record ends where its quotes are even. When it does not end, or ends with the wrong width, its
    first line alone is refused and reading goes on with the second.
    """
    pushed = [] if pushed is None else pushed
    good: list[list[str]] = []
    at: list[int] = []
    refused: list[tuple[int, str, str]] = []
    quote = dialect["quotechar"]
    while most is None or len(good) + len(refused) < most:
        record = [pushed.pop() if pushed else next(lines, None)]
        if record[0] is None:
            break
        number, text = record[0]
        if not text.strip():
            continue
        quotes = text.count(quote) if quote else 0
        size = len(text)
        while quotes % 2 and len(record) < MOST_LINES and size < MOST_CHARACTERS:
            following = pushed.pop() if pushed else next(lines, None)
            if following is None:
                break
            record.append(following)
            quotes += following[1].count(quote)
            size += len(following[1])
        whole = "\n".join(row[1] for row in record if row)
        reason = ""
        if quotes % 2:
            reason = "it opens a quote that is not closed"
        elif undecodable(whole):
            reason = "it is not UTF-8"
        else:
            try:
                cells = next(csv.reader(io.StringIO(whole, newline="\n"), **dialect), [])
            except csv.Error as error:
                cells, reason = [], f"it is no CSV ({error})"
            if not reason and len(cells) != width:
                reason = f"it has {len(cells)} columns, expected {width}"
        if reason:
            refused.append(
                (number, reason, text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
            )
            pushed.extend(row for row in reversed(record[1:]) if row)
        else:
            good.append(cells)
            at.append(number)
    return good, at, refused
