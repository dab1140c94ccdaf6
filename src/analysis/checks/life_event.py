"""Did the platform itself change?"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence

NAME = "platform life event"
DAY = pd.Timedelta(days=1)


def check(evidence: Evidence) -> Check:
    """False when a stretch begins within a day of a dated event; None when none were given."""
    if not len(evidence.life):
        return Check(NAME, None, "No dated events of the platform were given.")
    bad, what = [], ""
    for stretch in evidence.stretches:
        onset = pd.Timestamp(int(evidence.t[stretch.onset]), unit="us")
        for event in evidence.life:
            on, words = _dated(event)
            if on - DAY <= onset < on + 2 * DAY:
                bad.append(stretch)
                what = f"{on:%Y-%m-%d}: {words}"
                break
    if bad:
        sentence = (
            f"What stands out at {evidence.when(bad[0].onset)} begins with a change of the platform ({what})."
        )
        return Check(NAME, False, sentence, evidence.table(bad))
    return Check(NAME, True, "Nothing that stands out begins with a dated change of the platform.")


def _dated(event: Any) -> tuple[pd.Timestamp, str]:
    """A card's LifeEvent, or anything with ``on`` and ``what``, or a pair of them."""
    on, what = (event.on, event.what) if hasattr(event, "on") else (event[0], event[1])
    at = pd.Timestamp(on)
    return (at.tz_convert("UTC").tz_localize(None) if at.tzinfo else at), str(what)
