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
from analysis.alerts.delivery import deliver
from analysis.alerts.operational import failed, stale
from analysis.alerts.plain import text
from analysis.alerts.rules import Rules, read
from analysis.alerts.state import NEWS

if TYPE_CHECKING:
    from analysis.store import Store

__all__ = ["KINDS", "Alert", "Delivered", "Rules", "check", "deliver", "failed", "stale", "told_in", "watch"]


def told_in(store: Store) -> Path:
    """The file that remembers what was told about this store."""
    return store.path / "alerts" / "told.json"


def watch(store: Store, now: datetime, rules: Rules | None = None) -> list[Alert]:
    """What fired in the last days, and would be worth telling, as known at ``now``."""
    from analysis.alerts.watching import alerts

    return alerts(store, now, rules or Rules(), NEWS)


def check(store: Store, now: datetime, operational: Sequence[Alert] = ()) -> Delivered:
    """Watch the store, and deliver that and ``operational``, by the settings.

    The end of a scheduled run: ``check(Store.open(), now, [failed("overview", ...), ...])``. A service that
    does not answer raises nothing, and where watching itself fails that is told as well; a UserError says
    what is wrong with the settings.
    """
    from analysis.settings import FILE, addresses, root

    rules = read(root() / FILE)
    try:
        fired = watch(store, now, rules)
    except Exception as error:  # a report's failure must be told all the same
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        why = f"{text(f'{type(error).__name__}: {error}', 300)}\nRepeat: virality alerts --preview --debug"
        fired = [Alert("failed", "alerts", today, now, "The store could not be watched", why)]
    told = told_in(store)
    return deliver([*fired, *operational], state=told, now=now, urls=addresses(), rules=rules)
