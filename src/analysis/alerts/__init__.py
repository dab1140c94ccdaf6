"""Alerts: what is worth telling somebody at once, told once.

``watch`` looks at the store as it was known at a moment and says what stands out; ``failed`` and
``stale`` put a report's trouble into the same words; ``deliver`` tells what was not told before, through
Apprise. ``check`` is all of it with the settings of the house: what ``virality alerts`` and the end of a
scheduled run call.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.alerts.alert import KINDS, Alert, Delivered

if TYPE_CHECKING:
    from pydantic import SecretStr

    from analysis.store import Store

__all__ = ["KINDS", "Alert", "Delivered", "check", "deliver", "failed", "stale", "watch"]


def watch(store: Store, now: datetime) -> list[Alert]:
    """What fired in the last days, and would be worth telling, as known at ``now``."""
    raise NotImplementedError


def failed(report: str, since: datetime, at: datetime, why: str, repeat: str) -> Alert:
    """A report that failed: ``since`` its first failure after it last came out, ``repeat`` the command."""
    raise NotImplementedError


def stale(report: str, since: datetime, at: datetime, why: str, repeat: str) -> Alert:
    """A page that should have been renewed ``since`` and was not."""
    raise NotImplementedError


def deliver(alerts: Sequence[Alert], *, state: Path, now: datetime, urls: Sequence[SecretStr]) -> Delivered:
    """Tell what was not told before; see ``Delivered``."""
    raise NotImplementedError


def check(store: Store, now: datetime, operational: Sequence[Alert] = ()) -> Delivered:
    """Watch the store and deliver that and ``operational``, by the settings; never raises for a service.

    The end of a scheduled run: ``check(Store.open(), now, [failed("overview", ...), ...])``.
    """
    raise NotImplementedError
