"""What every reader of files hands on: rows as text, with their lines; and how a file is opened."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
# What reading a file can end with, when it is cut short or its disk fails.
BROKEN = (OSError, EOFError, zlib.error)
# Rows handed on at once: enough for the store to be quick, few enough for little memory.
ROWS = 20_480


@dataclass
class Chunk:
    """Rows of a file: text columns, the line each began on, and what was refused as no row."""

    table: pa.Table
    lines: np.ndarray
    refused: list[tuple[int, str, str]] = field(default_factory=list)  # line, reason, text


def text_table(
    rows: list[list[str]] | list[list[str | None]], names: list[str], wanted: list[str]
) -> pa.Table:
    """The wanted ones of the named columns."""
    import pyarrow as pa

    across = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table({name: pa.array(across[names.index(name)], pa.string()) for name in wanted})


def undecodable(text: str) -> bool:
    """Whether the text holds what UTF-8 cannot say: bytes that were no text, or halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def is_gzip(path: Path) -> bool:
    """Whether the file is packed, whatever its name says."""
    with open(path, "rb") as opened:
        return opened.read(2) == b"\x1f\x8b"


def opened_file(path: Path) -> BinaryIO:
    """The file's bytes, unpacked."""
    return gzip.open(path) if is_gzip(path) else open(path, "rb")  # type: ignore[return-value]


def until_broken(lines: Iterable[T], broken: list[Exception]) -> Iterator[T]:
    """The lines up to where the file breaks off; ``broken`` then holds why."""
    try:
        yield from lines
    except BROKEN as error:
        broken.append(error)
