"""What a command and the processes of its reports say to each other: JSON, a line each, by the clock."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator
from typing import Any


class ClockError(Exception):
    """A clock ran out; ``name`` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def message(**words: Any) -> bytes:
    """One line."""
    return json.dumps(words).encode() + b"\n"


def listen(
    ends: list[socket.socket], clocks: dict[str, float]
) -> Iterator[tuple[socket.socket, dict[str, Any]]]:
    """Each line that is said at one of the ends, until the last of them is closed.

    Parameters
    ----------
    ends : where to listen; the last is the one that counts
    clocks : until when, by name, in seconds of ``time.monotonic``; may be changed between two lines

    Raises
    ------
    ClockError
        When one of the clocks runs out.
    """
    rest = dict.fromkeys(ends, b"")
    with selectors.DefaultSelector() as waiting:
        for end in ends:
            waiting.register(end, selectors.EVENT_READ)
        while True:
            name, until = min(clocks.items(), key=lambda clock: clock[1])
            ready = waiting.select(max(until - time.monotonic(), 0))
            if not ready:
                raise ClockError(name)
            # in the order given: what was said before an end comes before the news of it
            for end in [end for end in ends if any(key.fileobj is end for key, _ in ready)]:
                chunk = _heard(end)
                if not chunk and end is ends[-1]:
                    return
                if not chunk:
                    waiting.unregister(end)
                    continue
                *lines, rest[end] = (rest[end] + chunk).split(b"\n")
                for line in lines:
                    words = _parsed(line)
                    if words is not None:
                        yield end, words


def _heard(end: socket.socket) -> bytes:
    try:
        return end.recv(2**16)
    except ConnectionError:
        return b""


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The words of a line; None when it was cut off, or said by somebody else."""
    try:
        words = json.loads(line)
    except ValueError:
        return None
    return words if isinstance(words, dict) else None
