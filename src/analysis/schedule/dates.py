"""Dates relative to a slot: "yesterday", "last full week" and their like as a parameter's value.

They count from the slot, in the schedule's zone, and not from the moment the run came round to it: a
report that is caught up a day late still answers the question that was due.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analysis.reports.parameters import Parameter

EXPECTED = (
    '"now", "today", "yesterday", "N days ago", "last full day", "last full week" (Monday to Sunday), '
    '"last full month", or a date such as "2026-01-31"'
)
_LAST = re.compile(r"last full (day|week|month)")
_AGO = re.compile(r"(\d{1,4}) days? ago")


def is_relative(words: Any) -> bool:
    """Whether these are words that a slot gives a meaning."""
    return isinstance(words, str) and _days(_tidy(words), date(2026, 1, 1)) is not None


def resolve(words: str, parameter: Parameter, slot: datetime, zone: ZoneInfo) -> str:
    """The value of a date or datetime parameter as its contract reads it.

    "last full ..." names a period, and a period [since, until) has two ends: a parameter called ``until`` or
    ``as_of`` gets the first day after it, every other one its first day. A day given to a ``datetime`` is
    that day's first moment in the zone.
    """
    here = slot.astimezone(zone)
    text = _tidy(words)
    if text == "now" and parameter.kind == "datetime":
        return slot.astimezone(UTC).isoformat()
    days = _days(text, here.date())
    if days is None:
        return words  # a plain date: the contract judges it
    day = days[1] if parameter.name in ("until", "as_of") else days[0]
    if parameter.kind == "date":
        return day.isoformat()
    return datetime.combine(day, time(), zone).astimezone(UTC).isoformat()


def _tidy(words: str) -> str:
    return " ".join(words.lower().split())


def _days(text: str, today: date) -> tuple[date, date] | None:
    """The first day that is meant and the first day after; the same day twice for a single date."""
    if text in ("now", "today"):
        return today, today
    if text == "yesterday":
        return (today - timedelta(days=1),) * 2
    if match := _AGO.fullmatch(text):
        return (today - timedelta(days=int(match[1])),) * 2
    match = _LAST.fullmatch(text)
    if match is None:
        return None
    if match[1] == "day":
        return today - timedelta(days=1), today
    if match[1] == "week":
        monday = today - timedelta(days=today.weekday())
        return monday - timedelta(days=7), monday
    first = today.replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), first
