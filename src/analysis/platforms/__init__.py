"""One platform a file. The registry finds every module here that holds a CARD."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from types import ModuleType

from analysis.errors import UserError
from analysis.platforms.card import Card


@cache
def modules() -> dict[str, ModuleType]:
    """Platform name to its module, by name. Importing one imports no client."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if isinstance(getattr(module, "CARD", None), Card):
            found[module.CARD.name] = module
    return dict(sorted(found.items()))


def cards() -> dict[str, Card]:
    """Platform name to its card."""
    return {name: module.CARD for name, module in modules().items()}


def named(name: str) -> Card:
    """The card of the platform of that name.

    Raises
    ------
    UserError
        Naming the platforms there are, and the nearest.
    """
    known = cards()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"there is no platform {name!r}; {meant}there are {', '.join(known)}")
    return known[name]
