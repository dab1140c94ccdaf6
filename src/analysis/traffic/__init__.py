"""First-party exposure, one source a file: visits that came to the publisher's own pages."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from analysis.platforms.card import Card


@cache
def modules() -> dict[str, ModuleType]:
    """Services that count visits, by name: every module here that holds a CARD, as in ``platforms``."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name == "vendor":
            continue  # a command of its own
        module = importlib.import_module(f"{__name__}.{info.name}")
        if isinstance(getattr(module, "CARD", None), Card):
            found[module.CARD.name] = module
    return dict(sorted(found.items()))
