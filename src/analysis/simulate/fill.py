"""Write a made-up world into a store, and never into one that holds anything else."""

from __future__ import annotations

from analysis.errors import UserError
from analysis.simulate.seen import marker, world
from analysis.store import Store

MADE_UP = "simulated world"
"""How the ``source`` of every made-up row begins."""


def fill(store: Store, seed: int = 0, days: int = 90, contents: int = 30) -> str:
    """Fill an empty store with a world; a sentence that says what was done.

    A store that was filled only in part is completed. Filling twice changes nothing.

    Raises
    ------
    UserError
        When the store holds anything but this world.
    """
    mark = marker(seed, days, contents)
    made = world(seed, days, contents)
    database = store.sql()
    found = {
        row[0]
        for name in ("events", "readings", "intervals")
        for row in database.sql(f"select distinct source from {name} limit 2").fetchall()
    }
    strange = sorted(found - {mark})
    own = set(made.content["url"])
    strange += sorted(url for (url,) in database.sql("select url from content").fetchall() if url not in own)
    if strange:
        raise UserError(
            f"the store {store.path} already holds other data ({strange[0]!r}) and was left alone: a made-up "
            "world is only written into an empty store. Name another one with VIRALITY_STORE=data/sample"
        )
    new = {
        name: store.append(name, getattr(made, name)).new
        for name in ("content", "events", "readings", "intervals")
    }
    if not any(new.values()):
        return f"{store.path} is up to date: {mark}"
    told = ", ".join(f"{count:,} {name}" for name, count in new.items())
    return f"{store.path} holds made-up data now ({mark}): {told}"
