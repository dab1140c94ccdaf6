"""Asking through a client of a platform's own: paced, tried again, waiting when told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from analysis.platforms.card import Limit
from analysis.platforms.contract import Session, Unknown

T = TypeVar("T")
ATTEMPTS = 3
PAUSE_SECONDS = 60.0


def patiently(
    session: Session, call: Callable[[], T], *, limits: tuple[Limit, ...] | None = None, scope: str = ""
) -> T:
    """The call's answer. ``call`` raises Unknown; one that is ``passing`` is tried again, three times in all.

    Told to slow down we wait as long as the platform says (a minute where it does not say), and every
    process of this machine with us; after a passing fault one second, then two.
    """
    for attempt in range(1, ATTEMPTS + 1):
        session.permit(limits=limits, scope=scope)
        try:
            return call()
        except Unknown as error:
            if not error.passing or attempt == ATTEMPTS:
                raise
            if error.status == "rate_limited" or error.retry_after is not None:
                seconds = PAUSE_SECONDS if error.retry_after is None else error.retry_after
                session.wait(seconds, "it asked us to wait")
            else:
                session.wait(float(attempt), f"{error.reason}; trying again")
    raise AssertionError("the last attempt returns or raises")


def passing(error: Unknown) -> Unknown:
    """The error, marked as one that may well be gone in a moment."""
    error.passing = True
    return error
