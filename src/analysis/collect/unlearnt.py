"""What was asked and not learnt, as rows that say so: unknown for a reason, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from analysis.platforms.contract import Ask, Unknown
from analysis.platforms.rows import Rows
from analysis.tables import Batch


def unknown_rows(module: ModuleType, failed: Mapping[Ask, Unknown], now: datetime) -> list[Batch]:
    """A row for every metric that each of these asks would have brought.

    Readings stand at ``now``, intervals in the hour that holds it. An ask without a content (a
    community, an account) has no row: the table at the end of a collect names it.
    """
    card, tells = module.CARD, getattr(module, "TELLS", {})
    hour = now.replace(minute=0, second=0, microsecond=0)
    gathered: dict[str, Rows] = {}
    for ask, error in failed.items():
        if ask.content_id is None:
            continue
        observer = ask.observer("virality collect")
        rows = gathered.setdefault(observer, Rows(card.name, now, observer, "virality collect"))
        if ask.url:
            rows.content(ask.url)
        item = ask.value if ask.kind == "item" else ask.content_id
        why: dict[str, Any] = {"status": error.status, "reason": error.reason}
        told = tells.get(ask.kind)
        for metric in card.metrics:
            if told is not None and metric.name not in told:
                continue
            if metric.shape == "reading":
                rows.reading(item, ask.content_id, metric.name, None, **why)
            elif metric.shape == "interval" and ask.kind != "item":
                end = hour + timedelta(hours=1)
                rows.interval(ask.content_id, metric.name, hour, end, None, partial=True, **why)
    return [rows.batch() for rows in gathered.values() if len(rows)]
