"""Exports of platforms into the store: the platform's own importer reads, this counts and keeps."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analysis import platforms, traffic
from analysis.errors import UserError
from analysis.importing import Aside, Counts
from analysis.store import Store
from analysis.tables import Batch


def _modules() -> dict[str, ModuleType]:
    return {**platforms.modules(), **traffic.modules()}


def formats() -> dict[str, tuple[str, ...]]:
    """Platform to the formats of its exports that can be imported; platforms without any left out."""
    found = {name: tuple(getattr(module, "IMPORTS", ())) for name, module in _modules().items()}
    return {name: known for name, known in found.items() if known}


def import_exports(
    paths: list[Path],
    platform: str,
    form: str,
    store: Store,
    *,
    made: datetime | None = None,
    account: str | None = None,
    zone: str | None = None,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda told: None,
) -> Counts:
    """Bring a platform's own exports into the store.

    Parameters
    ----------
    made : when the exports were made; by default what the file says, else the day it was written
    account : URL of the profile or page the export is about, where the export does not say
    zone : time zone of the export's clock, where the platform has its own
    dry_run : write nothing; every row that could be imported counts as new

    Raises
    ------
    UserError
        When the platform or format is unknown, an option means nothing to it, or a file is not one.
    """
    known = formats()
    if platform not in known:
        raise UserError(
            f"there are no exports of {platform!r} to import; there are those of {', '.join(known)}"
        )
    if form not in known[platform]:
        raise UserError(f"{platform} has no format {form!r}; there are {', '.join(known[platform])}")
    importer = _modules()[platform].IMPORTS[form]
    options = {"observed_at": made, "account": account, "zone": zone}
    chosen = {name: value for name, value in options.items() if value is not None}
    taken = inspect.signature(importer).parameters
    for name in chosen:
        if name not in taken:
            raise UserError(f"the format {form} of {platform} takes no {name}; leave it out")
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise UserError(f"{zone!r} is no time zone; expected a name such as Europe/Berlin") from None
    for path in paths:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise UserError(f"{path} {what}; expected a file")
    counts = Counts()
    for path in paths:
        _import(path, importer, chosen, store, counts, dry_run, progress)
    return counts


def _import(
    path: Path,
    importer: Callable[..., Any],
    options: dict[str, Any],
    store: Store,
    counts: Counts,
    dry_run: bool,
    progress: Callable[[str], None],
) -> None:
    with Aside(path, store, None, counts, dry_run) as aside:
        for batch in importer(path, **options):
            fresh = _new_rows(batch, store, dry_run)
            refused = batch.set_aside.to_dict("records")
            for row in refused:
                line = row["line"]
                aside.put(0 if line is None or line != line else int(line), row["reason"], row["text"])
            used = len(batch.origins[""])
            counts.rows += used + len(refused)
            counts.new += fresh
            counts.known += used - fresh
            counts.set_aside += len(refused)
            progress(f"{path.name}: {counts.rows:,} rows read, {counts.new:,} new")


def _new_rows(batch: Batch, store: Store, dry_run: bool) -> int:
    """How many rows of the file brought something the store did not have."""
    if dry_run:
        return len(batch.origins[""])
    fresh = []
    appended = store.append_batch(batch)
    for name, done in appended.items():
        if name in batch.origins:
            fresh.append(batch.origins[name][done.added])
    return len(np.unique(np.concatenate(fresh)))
