"""A report's trouble in the words of an alert: made by whoever runs reports."""

from __future__ import annotations

from datetime import UTC, datetime

from analysis.alerts.alert import Alert
from analysis.alerts.plain import text


def failed(report: str, since: datetime, at: datetime, why: str, repeat: str) -> Alert:
    """A report that failed.

    Parameters
    ----------
    report : its name (with its parameters, where several are scheduled)
    since : the first failure after it last came out: what fails ten times in a row is told once
    at : now, UTC
    why : the error's message
    repeat : the command that repeats it
    """
    title = f"Report failed: {text(report, 60)}"
    return Alert("failed", f"report {report}", since, at, title, f"{text(why, 300)}\nRepeat: {repeat}")


def stale(report: str, since: datetime, at: datetime, why: str, repeat: str) -> Alert:
    """A page that should have been renewed ``since`` and was not; parameters as for ``failed``."""
    title = f"Report out of date: {text(report, 60)}"
    due = f"It should have been renewed by {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    return Alert("stale", f"report {report}", since, at, title, f"{due} {text(why, 300)}\nRepeat: {repeat}")
