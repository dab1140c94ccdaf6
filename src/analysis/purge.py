"""Forgetting: what a platform says is gone, one item on request, and what is kept too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from analysis import platforms
from analysis.collect.places import saved_places
from analysis.errors import UserError
from analysis.platforms.client import Connection
from analysis.platforms.contract import Ask, Unknown
from analysis.platforms.pace import Clock, Pace, state_folder
from analysis.settings import settings
from analysis.store import Store
from analysis.tables import item_of

ITEM_KINDS = ["submission", "status", "post", "pin"]


@dataclass(frozen=True)
class Purged:
    """What was forgotten of one platform: items asked about, items gone, rows too old; or why unknown."""

    platform: str
    asked: int
    gone: int
    old: int
    unknown: str = ""


def purge(
    store: Store,
    names: Iterable[str] = (),
    *,
    clock: Clock | None = None,
    tell: Callable[..., None] = lambda event, **fields: None,
    limits: bool = True,
) -> list[Purged]:
    """Ask platforms which stored items are gone and forget those; then forget what is kept too long.

    Platforms are asked when named, or when their rules demand it (``SWEEPS`` in their module).
    Rows of platforms whose card sets a retention go when they are older than that.
    """
    clock = clock or Clock()
    known = platforms.modules()
    for name in names:
        if name not in known:
            raise UserError(f"there is no platform {name!r}; there are {', '.join(known)}")
    chosen = list(names) or list(known)
    pace = Pace(state_folder() / "pace.sqlite", clock) if limits else None
    done = []
    try:
        for name in chosen:
            module = known[name]
            sweeps = "item" in getattr(module, "ASKS", ()) and (names or getattr(module, "SWEEPS", False))
            asked, gone, unknown = 0, 0, ""
            if sweeps:
                asks = _stored(store, name)
                asked = len(asks)
                desk = Connection(module.CARD, tell=tell, pace=pace, clock=clock, contact=settings().contact)
                desk.places.update(saved_places(store, name))
                try:
                    for batch in module.fetch(asks, desk) if asks else ():
                        store.append_batch(batch)
                        gone += len(batch.gone)
                except Unknown as error:
                    unknown = f"{error.status.replace('_', ' ')}: {desk.clean(error).reason}"
                finally:
                    desk.close()
                if desk.failed and not unknown:
                    unknown = f"{len(desk.failed):,} items could not be asked about"
            old = _expire(store, name, module.CARD.retention_days, clock)
            if asked or old or names:
                done.append(Purged(name, asked, gone, old, unknown))
    finally:
        if pace is not None:
            pace.close()
    return done


def forget(store: Store, platform: str, items: Iterable[str]) -> int:
    """Forget these items of a platform, whatever it says; how many rows went."""
    if platform not in platforms.modules():
        raise UserError(f"there is no platform {platform!r}; there are {', '.join(platforms.modules())}")
    frame = pd.DataFrame({"item_id": list(items)}, dtype=str)
    frame.insert(0, "platform", platform)
    return store.forget(frame)


def _stored(store: Store, platform: str) -> list[Ask]:
    """Every item of this platform in the store, as an ask."""
    readings = store.read("readings", ["item_id", "content_id"], platform=platform)
    readings = readings[readings["item_id"] != readings["content_id"]]
    events = store.read("events", ["event_id", "content_id"], platform=platform, kind=ITEM_KINDS)
    events["item_id"] = item_of(events["event_id"])
    both = pd.concat([readings, events[["item_id", "content_id"]]]).drop_duplicates("item_id")
    return [Ask("item", row.item_id, row.content_id) for row in both.sort_values("item_id").itertuples()]


def _expire(store: Store, platform: str, days: int | None, clock: Clock) -> int:
    if days is None:
        return 0
    before = pd.Timestamp(clock.now() - timedelta(days=days))
    gone = 0
    for table in ("events", "readings", "intervals"):
        old = store.read(
            table, ["platform", "observed_at"], platform=platform, observed_at=slice(None, before)
        )
        gone += store.purge(table, old) if len(old) else 0
    return gone
