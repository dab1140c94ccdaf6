"""Log lines from bytes: one pass over a buffer, no Python object a line.

A format is a program: fields and the literal text that ends each. Strings that recur (targets,
referrers, agents) become small numbers at once, so that each is decoded and classified once. An
address becomes a salted daily hash while it is still in the buffer and goes nowhere else.

Strings are told apart by a 64-bit hash with a secret multiplier: among ten million distinct ones two
are confused with probability under 1 in 100,000.
"""
# ruff: noqa: F401
# mypy: disable-error-code="call-arg, arg-type"

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from analysis.traffic.hashes import rehash
from analysis.traffic.kernel import (
    ADDRESS,
    AGENT,
    ALL_LINES,
    ASSET,
    BAD,
    CLF_TIME,
    CLOCK,
    DATE,
    EMPTY,
    ENDS,
    EPOCH,
    EPOCH_MS,
    ERROR,
    FIELDS,
    HOST,
    ISO_TIME,
    LONG,
    LONGEST,
    MALFORMED,
    METHOD,
    METHOD_OTHER,
    NEWLINES,
    PATH,
    QUARTER,
    QUERY,
    QUOTES,
    REFERRER,
    REQUEST,
    SKIP,
    SLASHES,
    START,
    STATUS,
    TARGET,
    VIEWS,
    _scan,
)


def reason(code: int) -> str:
    """A refusal in words."""
    if code >= BAD:
        return f"{FIELDS[code - BAD]} is not what the format says"
    if code >= ENDS:
        return f"ends before the end of {FIELDS[code - ENDS]}"
    return {
        LONG: f"longer than {LONGEST:,} bytes",
        EMPTY: "empty",
        START: "does not start as the format says",
    }[code]


@dataclass(frozen=True)
class Program:
    """A compiled format: field codes, and for each the bytes that end it.

    ``lead`` stands before the first field; the last terminator may be empty (the line's end).
    ``tab`` says that fields are percent-encoded W3C text in which ``-`` is missing.
    """

    name: str
    codes: np.ndarray
    literals: np.ndarray
    offsets: np.ndarray
    lead: np.ndarray
    naive: bool
    encoded: bool = False


def program(
    name: str, lead: bytes, fields: list[tuple[int, bytes]], naive: bool = False, encoded: bool = False
) -> Program:
    """The program of these fields, each with the bytes that end it."""
    ends = [end for _, end in fields]
    offsets = np.concatenate([[0], np.cumsum([len(end) for end in ends])]).astype(np.int64)
    return Program(
        name,
        np.array([code for code, _ in fields], np.int64),
        np.frombuffer(b"".join(ends) or b"\0", np.uint8).copy(),
        offsets,
        np.frombuffer(lead or b"", np.uint8).copy(),
        naive,
        encoded,
    )


class Interned:
    """Distinct strings of one kind, numbered in the order they came; an open-addressing table of hashes."""

    def __init__(self) -> None:
        self.keys = np.zeros(1 << 12, np.uint64)
        self.ids = np.full(1 << 12, -1, np.int32)
        self.strings: list[tuple[bytes, bytes, bytes]] = []

    def grow(self) -> None:
        """Four times the room."""
        keys, ids = self.keys, self.ids
        self.keys = np.zeros(len(keys) * 4, np.uint64)
        self.ids = np.full(len(keys) * 4, -1, np.int32)
        rehash(keys, ids, self.keys, self.ids)


@dataclass
class Lines:
    """What a buffer held: its page views, and counts of all its lines.

    time : of page views, seconds since 1970 (naive local ones where the format has no offset)
    runs : quarter of an hour (since 1970), then lines, refused, other methods, malformed, assets in a run
        of lines of that quarter, and the page views among them before new assets were known
    run : of page views, which run they stand in
    first, last : earliest and latest time of any line, -1 for none
    bad : line, code, reason and bytes of each refused line
    """

    time: np.ndarray
    visitor: np.ndarray
    target: np.ndarray
    referrer: np.ndarray
    agent: np.ndarray
    runs: np.ndarray
    run: np.ndarray
    first: int = -1
    last: int = -1
    parsed: int = 0
    bad: list[tuple[int, int, str, bytes]] = field(default_factory=list)
    lines: int = 0


class Scanner:
    """Reads buffers of one format; its tables of strings grow with what it meets. One a thread.

    ``is_asset`` says of a request target whether it is none of the pages: asked once of each.
    """

    def __init__(self, salts: np.ndarray, multiplier: int, is_asset: Callable[[bytes], bool]) -> None:
        self.salts, self.multiplier, self.is_asset = salts, np.uint64(multiplier), is_asset
        self.targets, self.referrers, self.agents = Interned(), Interned(), Interned()
        self.assets = np.zeros(0, bool)
        room = 1 << 16
        self._out = (
            np.empty(room, np.int64),
            np.empty(room, np.uint64),
            np.empty(room, np.int32),
            np.empty(room, np.int32),
            np.empty(room, np.int32),
        )
        self._runs = np.empty((1 << 10, 7), np.int64)
        self._new = (
            np.empty((1 << 14, 6), np.int64),
            np.empty((1 << 14, 2), np.int64),
            np.empty((1 << 14, 2), np.int64),
        )
        self._bad = np.empty((1 << 12, 4), np.int64)

    def scan(self, data: bytes | memoryview, how: Program) -> list[Lines]:
        """The buffer's lines; it must end where a line ends."""
        buf = np.frombuffer(data, np.uint8)
        pos, stop, out = 0, len(buf), []
        tables = (self.targets, self.referrers, self.agents)
        while pos < stop:
            args: list = []
            for table in tables:
                args += [table.keys, table.ids, len(table.strings)]
            pos, n, nbad, lines, nt, nr, na, nrun, parsed, first, last = _scan(
                buf,
                pos,
                stop,
                how.codes,
                how.literals,
                how.offsets,
                how.lead,
                how.naive,
                self.salts,
                self.multiplier,
                *args,
                *self._out,
                self._runs,
                self.assets,
                *self._new,
                self._bad,
                LONGEST,
            )
            for a, b, c, d, e, f in self._new[0][:nt].tolist():
                self.targets.strings.append((bytes(data[a:b]), bytes(data[c:d]), bytes(data[e:f])))
            for table, new, count in ((self.referrers, self._new[1], nr), (self.agents, self._new[2], na)):
                table.strings += [(bytes(data[a:b]), b"", b"") for a, b in new[:count].tolist()]
            for table in tables:
                if len(table.strings) * 2 >= len(table.keys) - 2:
                    table.grow()
            time, *rest = (column[:n] for column in self._out)
            runs = self._runs[:nrun].copy()
            if nt:  # the first line of each new target came through: whether it is an asset was not known
                fresh = np.fromiter(
                    (self.is_asset(target) for target, _, _ in self.targets.strings[-nt:]), bool, nt
                )
                self.assets = np.concatenate([self.assets, fresh])
            view = ~self.assets[rest[1]]
            run = np.repeat(np.arange(nrun), runs[:, VIEWS])
            np.add.at(runs, (run[~view], ASSET), 1)
            bad = [
                (line, code, reason(code), bytes(data[a:b])) for line, code, a, b in self._bad[:nbad].tolist()
            ]
            out.append(
                Lines(
                    time[view],
                    *(c[view] for c in rest),
                    runs,
                    run[view],
                    int(first),
                    int(last),
                    parsed,
                    bad,
                    lines,
                )
            )
        return out
