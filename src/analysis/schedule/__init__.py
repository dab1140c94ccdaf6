"""The schedule: what is due is collected, reported, published and told, with nobody watching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.alerts import Alert, Delivered
    from analysis.schedule.entries import Schedule
    from analysis.schedule.status import Status

DONE, FAILED, WRONG, BUSY = 0, 1, 2, 75
"""Exit statuses of ``virality run``: all well; something failed, and the rest was done; the schedule or a
setting is wrong, and nothing was done; another run is at it (75 is sysexits' "try again later")."""


def open_schedule() -> Schedule:
    """The schedule that the settings name, checked whole.

    Raises
    ------
    UserError
        For all mistakes of the file at once.
    """
    from analysis.schedule.entries import read
    from analysis.settings import settings

    known = settings()
    return read(known.path("schedule"), Path(known.path("notebooks")), _targets())


def go(schedule: Schedule, say: Callable[[str], None]) -> int:
    """One run of the schedule on the settings' site; its exit status.

    Raises
    ------
    BusyError
        At once, when another run is at it.
    OSError
        When not even the state can be written (a full disk); told, where alerts still can be.
    """
    from analysis.alerts import Alert
    from analysis.platforms.pace import Clock
    from analysis.schedule.commands import Commands
    from analysis.schedule.frame import Means
    from analysis.schedule.journal import alone
    from analysis.schedule.run import Run
    from analysis.schedule.state import FOLDER
    from analysis.settings import settings

    clock, site = Clock(), Path(settings().path("site"))
    try:
        with alone(site / FOLDER, clock.now()) as lock:
            return Run(schedule, site, Means(Commands(lock), _tell, clock, say))()
    except OSError as error:
        now, why = clock.now(), f"the run could not go on: {error.strerror or error}"
        with suppress(Exception):  # what alerts remember may lie on the same disk
            _tell(now, [Alert("failed", "schedule run", now, now, "Trouble: schedule run", why)])
        raise


def how_it_stands(schedule: Schedule) -> Status:
    """What ``virality status`` says of the schedule, on the settings' site, now."""
    from analysis.platforms.pace import Clock
    from analysis.schedule.status import look
    from analysis.settings import settings

    return look(schedule, Path(settings().path("site")), Clock().now())


def _tell(now: datetime, alerts: Sequence[Alert]) -> Delivered:
    from analysis.alerts import check
    from analysis.store import Store

    return check(Store.open(), now, alerts)


def _targets() -> set[str]:
    from analysis.publish.targets import declared

    return set(declared())
