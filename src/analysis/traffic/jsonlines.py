"""Caddy's access log: one JSON object a line, read with the same answers as the scanner's."""
# mypy: disable-error-code="call-arg, arg-type"

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.traffic import scan as s

PAGE = 0
NOT_JSON, NO_REQUEST = "no JSON object", "lacks {0}"


class _Strings:
    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.strings: list[tuple[bytes, bytes, bytes]] = []

    def number(self, text: tuple[bytes, bytes, bytes]) -> int:
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.strings)
            self.strings.append(text)
        return found


class JsonScanner:
    """The scanner's twin for JSON lines; other log lines of Caddy in the same file are refused with a
    reason."""

    def __init__(self, salts: np.ndarray, is_asset: Callable[[bytes], bool]) -> None:
        self.salts, self.is_asset = salts, is_asset
        self.targets, self.referrers, self.agents = _Strings(), _Strings(), _Strings()
        self.assets = np.zeros(0, bool)

    def scan(self, data: bytes | memoryview, how: None = None) -> list[s.Lines]:
        """The buffer's lines; it must end where a line ends."""
        rows: list[tuple[int, int, int, int, int, int]] = []
        bad: list[tuple[int, int, str, bytes]] = []
        lines = bytes(data).split(b"\n")
        if lines and not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines, 1):
            try:
                if len(line) > s.LONGEST:
                    raise ValueError(s.reason(s.LONG))
                if not line.strip():
                    raise ValueError(s.reason(s.EMPTY))
                rows.append(self._row(line))
            except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
                why = NOT_JSON if isinstance(error, (json.JSONDecodeError, UnicodeError)) else str(error)
                bad.append((number, 0, why, line[:2000]))
        columns = np.array(rows, dtype=object).reshape(-1, 6).T
        kinds = (np.int64, np.int64, np.uint64, np.int32, np.int32, np.int32)
        time, kind, *rest = (column.astype(dtype) for column, dtype in zip(columns, kinds, strict=True))
        new = self.targets.strings[len(self.assets) :]
        self.assets = np.concatenate(
            [self.assets, np.array([self.is_asset(target) for target, _, _ in new], bool)]
        )
        page = kind == PAGE
        kind[page] = np.where(self.assets[rest[1][page]], s.ASSET, PAGE)
        view = kind == PAGE
        quarters, run = np.unique(time // 900, return_inverse=True)
        runs = np.zeros((len(quarters), 7), np.int64)
        runs[:, s.QUARTER] = quarters
        np.add.at(runs, (run, s.ALL_LINES), 1)
        np.add.at(runs, (run[~view], kind[~view]), 1)
        first, last = (int(time.min()), int(time.max())) if len(time) else (-1, -1)
        pages = (column[view] for column in rest)
        return [s.Lines(time[view], *pages, runs, run[view], first, last, len(rows), bad, len(lines))]

    def _row(self, line: bytes) -> tuple[int, int, int, int, int, int]:
        entry = json.loads(line)
        if not isinstance(entry, dict):
            raise ValueError(NOT_JSON)
        request = entry.get("request")
        if not isinstance(request, dict):
            raise ValueError(NO_REQUEST.format("a request"))
        time = _time(entry.get("ts", entry.get("timestamp")))
        method, uri, status = request.get("method"), request.get("uri"), entry.get("status")
        if not isinstance(status, int):
            raise ValueError(NO_REQUEST.format("a status"))
        if not method or not uri:
            return time, s.MALFORMED, 0, 0, 0, 0
        if method != "GET":
            return time, s.METHOD_OTHER, 0, 0, 0, 0
        if not (200 <= status < 300 or status == 304):
            return time, s.ERROR, 0, 0, 0, 0
        headers = {str(name).lower(): value for name, value in (request.get("headers") or {}).items()}
        agent, referrer = _header(headers, "user-agent"), _header(headers, "referer")
        address = str(
            request.get("client_ip") or request.get("remote_ip") or request.get("remote_addr") or ""
        )
        if not address:
            raise ValueError(NO_REQUEST.format("an address"))
        salt = int(self.salts[time // 86400]).to_bytes(8, "little")
        visitor = hashlib.blake2b(address.encode("utf-8", "replace") + b"\0" + agent, key=salt, digest_size=8)
        host = str(request.get("host") or "").encode("utf-8", "replace")
        return (
            time,
            PAGE,
            int.from_bytes(visitor.digest(), "little"),
            self.targets.number((str(uri).encode("utf-8", "surrogatepass"), host, b"")),
            self.referrers.number((referrer, b"", b"")),
            self.agents.number((agent, b"", b"")),
        )


def _header(headers: dict[str, Any], name: str) -> bytes:
    value = headers.get(name) or ""
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value).encode("utf-8", "replace")


def _time(value: Any) -> int:
    if isinstance(value, str):
        import pandas as pd

        moment = pd.Timestamp(value)
        if moment.tzinfo is None:
            raise ValueError("its time has no offset")
        value = moment.timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(NO_REQUEST.format("a time"))
    seconds = value / 1000 if value > 1e11 else value  # time_format unix_milli_float
    if not 0 <= seconds < 5632000000:
        raise ValueError(f"{s.FIELDS[s.CLF_TIME]} is not what the format says")
    return int(seconds)
