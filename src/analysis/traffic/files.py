"""Log files as buffers of whole lines: plain, gzip and zstandard, while they are still written to.

A file is known by its first bytes, whatever its name is today: ``access.log`` is ``access.log.1``
tomorrow and ``access.log.2.gz`` the day after, and what was read of it stays read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from analysis.errors import UserError
from analysis.traffic.scan import LONGEST

CHUNK = 8 << 20
ROOM = CHUNK + LONGEST + 1
HEAD = 4096


def expand(paths: list[Path]) -> list[Path]:
    """The files, and those of the folders, each once; hidden files and empty ones are left out."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
            if not inside:
                raise UserError(f"the folder {path} holds no log files")
            found.update(dict.fromkeys(p.resolve() for p in inside))
        elif path.is_file():
            found[path.resolve()] = None
        else:
            raise UserError(f"{path} does not exist: give log files, or a folder of them")
    return [path for path in found if path.stat().st_size]


def open_log(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked; told by its first bytes, not by its name."""
    file = path.open("rb", buffering=0)
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        file.close()
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if magic == b"\x28\xb5\x2f\xfd":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=True)
    return file


def is_packed(path: Path) -> bool:
    """Whether the file is compressed: then nobody appends to it."""
    with path.open("rb") as file:
        return file.read(4) == b"\x28\xb5\x2f\xfd" or _starts_gzip(path)


def _starts_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def head_of(path: Path) -> bytes:
    """The first bytes of what the file holds."""
    try:
        with open_log(path) as file:
            return _exactly(file, HEAD)
    except (OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _exactly(file: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        part = file.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def digest(data: bytes) -> str:
    """What stands for bytes in the ledger: log lines hold addresses, so the lines themselves never do."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Reading:
    """One pass over a file from ``offset``: buffers of whole lines, and where it stopped.

    A line that is not ended yet stays for the next time (``rest``); ``overlong`` counts lines longer
    than a buffer, which are dropped while they are read; ``damaged`` says why a packed file broke off.
    """

    def __init__(self, path: Path, offset: int = 0, tail: str = "", tail_size: int = 0) -> None:
        self.path, self.offset = path, offset
        self.rest = b""
        self.overlong = 0
        self.damaged = ""
        self.tail = b""
        self._expected, self._tail_size = tail, tail_size
        self.changed = False

    def buffers(self, free: SimpleQueue[bytearray]) -> Iterator[tuple[bytearray, memoryview]]:
        """Buffers and how much of each is whole lines; whoever is done with one puts it back into ``free``.

        What the file is at the start of reading is its end. Each buffer has room for ``CHUNK`` and a line.
        """
        with open_log(self.path) as file:
            end = self.path.stat().st_size if isinstance(file, io.FileIO) else None
            if not self._skip(file):
                self.changed = True
                return
            carry = b""
            dropping = False
            while True:
                buffer = free.get()
                room = memoryview(buffer)
                have = len(carry)
                room[:have] = carry
                want = CHUNK if end is None else min(CHUNK, end - self.offset - have)
                got = self._fill(file, room[have : have + want]) if want > 0 else 0
                if not got:
                    free.put(buffer)
                    break
                have += got
                cut = buffer.rfind(b"\n", 0, have) + 1
                start = 0
                if dropping:  # inside a line that is too long
                    start = buffer.find(b"\n", 0, have) + 1
                    dropping = not start
                    start = start or have
                    cut = max(cut, start)
                elif not cut and have > LONGEST:
                    self.overlong += 1
                    dropping, start, cut = True, have, have
                carry = bytes(room[cut:have])
                self.offset += cut
                self.tail = (self.tail + bytes(room[max(0, cut - 1024) : cut]))[-1024:]
                if cut > start:
                    yield buffer, room[start:cut]
                else:
                    free.put(buffer)
            self.rest = carry

    def _fill(self, file: IO[bytes], room: memoryview) -> int:
        got = 0
        step = (
            len(room) if isinstance(file, io.FileIO) else 1 << 16
        )  # a packed file may break off at any byte
        try:
            while got < len(room):
                more = file.readinto(room[got : got + step])  # type: ignore[attr-defined]
                if not more:
                    break
                got += more
        except (OSError, EOFError, ValueError) as error:
            self.damaged = f"broken off: {error}"
        except Exception as error:
            if type(error).__name__ not in ("ZstdError", "error"):  # zstandard's and zlib's own
                raise
            self.damaged = f"broken off: {error}"
        return got

    def _skip(self, file: IO[bytes]) -> bool:
        """Go to the offset; whether what stands before it is what stood there last time."""
        if not self.offset:
            return True
        before = max(0, self.offset - self._tail_size)
        if isinstance(file, io.FileIO):
            file.seek(before)
        else:
            left = before
            while left:
                part = file.read(min(CHUNK, left))
                if not part:
                    return False
                left -= len(part)
        tail = _exactly(file, self.offset - before)
        self.tail = tail
        return digest(tail) == self._expected
