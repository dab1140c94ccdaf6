"""What was already read of a site's logs, so that a file that was rotated or has grown adds only what is new.

A folder of its own beside the tables: ``ledger.json`` names each file by a hash of its first bytes and
says how far it was read; ``open.npz`` holds the page views of days that are not over, with their
visitors' daily hashes, because a visit may go on in the next hour's lines. When a day is over, its
page views, its hashes and its salt are deleted. No address is ever written.
"""
# mypy: disable-error-code="call-arg, arg-type"

from __future__ import annotations

import fcntl
import itertools
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import UserError
from analysis.traffic.files import HEAD, digest

VERSION = 1
# A day stays open this long after its end: lines come late, and a rotated file is often handed in late.
GRACE = 12 * 3600


@dataclass
class Known:
    """How far a file was read. ``head`` hashes its first ``head_size`` bytes, ``tail`` the last before
    ``offset``."""

    name: str
    head: str
    head_size: int
    offset: int
    tail: str
    tail_size: int
    ended: bool = False
    lines: int = 0


@dataclass
class OpenViews:
    """Page views of days that are not over: numbers into lists of their strings."""

    time: np.ndarray
    visitor: np.ndarray
    target: np.ndarray
    referrer: np.ndarray
    agent: np.ndarray
    targets: list[bytes]
    referrers: list[bytes]
    agents: list[bytes]


@dataclass
class Ledger:
    """One observer's state.

    closed : days (since 1970) that are over
    first, newest : the earliest and latest second that was read
    hours : what each hour of the site held, by ``lines``' columns
    followed : URLs of pages whose quiet hours are written as 0
    partial : hours that were not over, or not covered whole, when they were written
    """

    multiplier: int = field(default_factory=lambda: secrets.randbits(64) | 1)
    files: list[Known] = field(default_factory=list)
    salts: dict[int, int] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)
    newest: int = -1
    first: int = -1
    hours: dict[int, list[int]] = field(default_factory=dict)
    followed: list[str] = field(default_factory=list)
    partial: list[int] = field(default_factory=list)
    views: OpenViews | None = None
    cells: dict[str, Any] | None = None

    def find(self, head: bytes) -> Known | None:
        """The entry of the file that begins with these bytes."""
        for known in self.files:
            if known.head_size <= len(head) and digest(head[: known.head_size]) == known.head:
                return known
        return None

    def is_open(self, day: int) -> bool:
        """Whether a day may still change by itself."""
        return self.newest < (day + 1) * 86400 + GRACE


def entry(name: str, head: bytes, offset: int, tail: bytes, ended: bool, lines: int) -> Known:
    """What the ledger keeps of a file that was read up to ``offset``; only whole bytes that were read name
    it."""
    head = head[: min(HEAD, offset)]
    return Known(name, digest(head), len(head), offset, digest(tail), len(tail), ended, lines)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One import of a site at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"another import of this site's logs is running (it holds {folder / 'lock'})"
            ) from None
        yield


def load(folder: Path) -> Ledger:
    """The ledger in a folder; a new one where there is none.

    Raises
    ------
    UserError
        When it was written by another version or is damaged.
    """
    path = folder / "ledger.json"
    if not path.is_file():
        return Ledger()
    try:
        raw = json.loads(path.read_text("utf-8"))
        if raw.pop("version") != VERSION:
            raise ValueError("written by another version")
        out = Ledger(
            multiplier=raw["multiplier"],
            files=[Known(**known) for known in raw["files"]],
            salts={int(day): salt for day, salt in raw["salts"].items()},
            closed=raw["closed"],
            newest=raw["newest"],
            first=raw["first"],
            followed=raw["followed"],
            partial=raw["partial"],
            hours={int(hour): counts for hour, counts in raw["hours"].items()},
        )
        if raw["open"]:
            with np.load(folder / raw["open"]) as kept:
                strings = {
                    name: _split(kept[f"{name}_bytes"], kept[f"{name}_sizes"])
                    for name in ("targets", "referrers", "agents", "urls", "sources")
                }
                out.views = OpenViews(
                    *(kept[name] for name in ("time", "visitor", "target", "referrer", "agent")),
                    strings["targets"],
                    strings["referrers"],
                    strings["agents"],
                )
                out.cells = {
                    "urls": [url.decode() for url in strings["urls"]],
                    "sources": [source.decode() for source in strings["sources"]],
                    **{
                        name: kept[name]
                        for name in ("cell_hour", "cell_url", "cell_source", "cell_counts", "cell_partial")
                    },
                }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"the ledger {path} cannot be used ({error}): move it away to import the site's logs "
            "from the beginning; "
            "hours that are read again replace what is stored"
        ) from error
    return out


def save(folder: Path, ledger: Ledger) -> None:
    """Write the ledger: the page views first, then the file that names them, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    name = ""
    if ledger.views is not None and ledger.cells is not None:
        name = f"open-{secrets.token_hex(4)}.npz"
        arrays: dict[str, np.ndarray] = {
            key: getattr(ledger.views, key) for key in ("time", "visitor", "target", "referrer", "agent")
        }
        for key in ("targets", "referrers", "agents"):
            arrays[f"{key}_bytes"], arrays[f"{key}_sizes"] = _join(getattr(ledger.views, key))
        for key in ("urls", "sources"):
            arrays[f"{key}_bytes"], arrays[f"{key}_sizes"] = _join(
                [text.encode() for text in ledger.cells[key]]
            )
        arrays |= {key: value for key, value in ledger.cells.items() if key.startswith("cell_")}
        np.savez(folder / name, **arrays)
    raw = {
        "version": VERSION,
        "multiplier": ledger.multiplier,
        "files": [asdict(known) for known in ledger.files],
        "salts": ledger.salts,
        "closed": ledger.closed,
        "newest": ledger.newest,
        "first": ledger.first,
        "hours": ledger.hours,
        "followed": ledger.followed,
        "partial": ledger.partial,
        "open": name,
    }
    path = folder / "ledger.json"
    draft = path.with_suffix(f".{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(raw, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    for old in folder.glob("open-*.npz"):  # page views of days that are over go with them
        if old.name != name:
            old.unlink()


def _join(strings: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    return np.frombuffer(b"".join(strings), np.uint8), np.array([len(text) for text in strings], np.int64)


def _split(data: np.ndarray, sizes: np.ndarray) -> list[bytes]:
    whole, ends = data.tobytes(), np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return [whole[a:b] for a, b in itertools.pairwise(ends)]
