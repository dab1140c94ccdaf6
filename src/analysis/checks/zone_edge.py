"""Is a rise or drop only the clock being put forward or back?

Bins cut by local time hold two hours of counts, or none, when the clocks change; and a daily rhythm
learnt in one zone and read in another moves by whole hours.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.checks.evidence import HOUR, Evidence, Stretch

NAME = "zone or daylight-saving edge"
DAY = 24 * HOUR
LONGEST = 3  # buckets an edge can fill


@cache
def changes(zone: str, first: int, last: int) -> tuple[int, ...]:
    """When a zone's clocks changed between two years, microseconds since 1970 UTC."""
    hours = pd.date_range(f"{first}-01-01", f"{last + 1}-01-01", freq="h", tz="UTC")
    local = hours.tz_convert(zone).tz_localize(None).asi8 // {"s": 1, "us": 10**6, "ns": 10**9}[hours.unit]
    utc = hours.asi8 // {"s": 1, "us": 10**6, "ns": 10**9}[hours.unit]
    edge = np.flatnonzero(np.diff(local - utc)) + 1
    return tuple(int(x) * 10**6 for x in utc[edge])


def check(evidence: Evidence) -> Check:
    """False when a short rise or drop lies on a change of clocks, or vanishes with the rhythm moved."""
    if evidence.cadence > 3 * HOUR:
        return Check(NAME, None, "Buckets of more than three hours do not show an edge of an hour.")
    bad = [s for s in evidence.stretches if _on_edge(evidence, s)]
    how = "lies on a change of clocks and holds twice an hour, or none"
    if not bad:
        bad, how = _moved(evidence), "vanishes when the daily rhythm is moved by whole hours"
    if bad:
        sentence = (
            f"What stands out at {evidence.when(bad[0].onset)} {how}: give the zone the counts were cut in "
            f"(it was taken to be {evidence.zone})."
        )
        return Check(NAME, False, sentence, evidence.table(bad))
    return Check(NAME, True, "Nothing that stands out is explained by clocks being changed.")


def _on_edge(evidence: Evidence, stretch: Stretch) -> bool:
    if (stretch.end - stretch.onset + 1) * evidence.cadence > LONGEST * HOUR:
        return False
    years = [pd.Timestamp(int(evidence.t[i]), unit="us").year for i in (stretch.onset, stretch.end)]
    zones = ("Europe/Berlin", "America/New_York") if evidence.zone == "UTC" else (evidence.zone,)
    use = evidence.inside(stretch)
    ratio = evidence.y[use].sum() / max(evidence.mu[use].sum(), 1e-9)
    looks_like = 1.5 <= ratio <= 2.7 if stretch.sign > 0 else ratio <= 0.2
    # In local bins mistaken for UTC the edge shows at the local hour of the change.
    near = 3 * HOUR
    for zone in zones:
        for edge in changes(zone, years[0], years[1]):
            for place in (edge, edge + _offset(zone, edge)):
                if looks_like and evidence.t[stretch.onset] - near <= place <= evidence.t[stretch.end] + near:
                    return True
    return False


def _offset(zone: str, at: int) -> int:
    local = pd.Timestamp(at, unit="us", tz="UTC").tz_convert(zone)
    return int(local.utcoffset().total_seconds()) * 10**6


def _moved(evidence: Evidence) -> list[Stretch]:
    """Several short stretches that a baseline moved by one to three hours explains."""
    short = [s for s in evidence.stretches if (s.end - s.onset + 1) * evidence.cadence <= 6 * HOUR]
    if len(short) < 3 or len(short) < len(evidence.stretches):
        return []
    for hours in (1, -1, 2, -2, 3, -3):
        shift = round(hours * HOUR / evidence.cadence)
        mu, sd = np.roll(evidence.mu, shift), np.roll(evidence.sd, shift)
        left = []
        for stretch in short:
            use = evidence.inside(stretch)
            gap = (evidence.y[use] - mu[use]).sum()
            left.append(abs(gap) / np.sqrt((sd[use] ** 2).sum()))
        if max(left) < 3.0:
            return short
    return []
