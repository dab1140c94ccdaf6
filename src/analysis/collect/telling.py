"""How a collect shows itself: lines for a person, JSON lines for a machine, and one table at the end."""

from __future__ import annotations

import json
import sys
import textwrap
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from analysis.collect import Outcome, sources
from analysis.collect.due import Due
from analysis.platforms.contract import Plan, Unknown

WIDTH = 110


class JsonLog:
    """One JSON object a line on standard output: time, event, and the event's fields."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        with self._lock:
            print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


class Progress:
    """Short lines on standard error: who is asked, who makes us wait and why, what came."""

    LONG_WAIT = 2.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, int] = {}

    def __call__(self, event: str, platform: str = "", **fields: Any) -> None:
        """Show one event, if a person wants to know."""
        line = self._line(event, platform, fields)
        if line:
            with self._lock:
                print(f"{platform:>14}  {line}", file=sys.stderr, flush=True)

    def _line(self, event: str, platform: str, fields: dict[str, Any]) -> str:
        if event == "asking":
            return "asking about " + _kinds(fields["asks"])
        if event == "waiting" and fields["seconds"] >= self.LONG_WAIT:
            return f"waiting {fields['seconds']:,.0f} s: {fields['why']}"
        if event == "retrying":
            return f"trying again: {fields['why']}"
        if event == "stored":
            rows = sum(fields["new"].values())
            before, self._rows[platform] = self._rows.get(platform, 0), rows
            return f"{rows:,} new rows so far" if rows > before else ""
        if event == "finished":
            return f"finished: {fields['answered']:,} of {fields['asked']:,} answered"
        return ""


def _kinds(counts: Mapping[str, int]) -> str:
    plural = {"community": "communities"}
    named = [f"{n:,} {k if n == 1 else plural.get(k, k + 's')}" for k, n in counts.items() if n]
    return ", ".join(named) or "nothing"


def outcome_table(outcomes: Sequence[Outcome]) -> str:
    """What came, what did not and why: a line a platform, the reasons below it."""
    lines = [("platform", "asked", "answered", "new", "known", "gone", "unknown", "requests", "dollars left")]
    notes: dict[int, list[str]] = {}
    for out in outcomes:
        dollars = f"{out.budget:.2f} → {out.budget - out.spent:.2f}" if out.budget or out.spent else "-"
        lines.append(
            (
                _title(out.platform),
                f"{out.total:,}",
                f"{out.answered:,}",
                f"{sum(out.new.values()):,}",
                f"{out.known:,}",
                f"{out.gone:,}",
                f"{sum(out.unknown.values()):,}",
                f"{out.requests:,}",
                dollars,
            )
        )
        said = notes.setdefault(len(lines) - 1, [])
        if out.note:
            said.append(out.note)
        said += [
            f"unknown: {status.replace('_', ' ')}: {reason}" + (f" ({n:,} asks)" if n > 1 else "")
            for (status, reason), n in out.unknown.most_common()
        ]
        said += [
            f"{kind} accounts: {c['answered']:,} answered, {c['unknown']:,} unknown"
            for kind, c in sorted(out.accounts.items())
        ]
        if out.set_aside:
            said.append(f"{out.set_aside:,} records could not be read and were left out")
        if out.waited >= 1:
            said.append(f"waited {out.waited:,.0f} s in all")
    return _aligned(lines, notes)


def plan_table(plans: Mapping[str, tuple[Due, Plan | Unknown]], budgets: Mapping[str, float]) -> str:
    """What a run would ask, of whom, and what it would cost."""
    lines = [("platform", "asks", "requests, at least", "dollars", "allowed")]
    notes: dict[int, list[str]] = {}
    for name, (todo, plan) in plans.items():
        allowed = f"{budgets[name]:.2f}" if name in budgets else "-"
        if isinstance(plan, Unknown):
            lines.append((_title(name), f"{len(todo.asks):,}", "-", "-", allowed))
            notes[len(lines) - 1] = [f"unknown: {plan.status.replace('_', ' ')}: {plan.reason}"]
        else:
            cost = f"{plan.dollars:.3f}" if plan.dollars else "free"
            lines.append((_title(name), f"{len(todo.asks):,}", f"{plan.requests:,}", cost, allowed))
            notes[len(lines) - 1] = list(plan.what) or ["nothing is due"]
    return _aligned(lines, notes)


def _title(name: str) -> str:
    return str(sources()[name].CARD.title)


def _aligned(lines: Sequence[Sequence[str]], notes: Mapping[int, Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = []
    for number, line in enumerate(lines):
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
        for note in notes.get(number, ()):
            out += textwrap.wrap(
                note, WIDTH, initial_indent="    ", subsequent_indent="      ", break_long_words=False
            )
    return "\n".join(out)
