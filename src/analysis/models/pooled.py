"""What a cascade of reposts will reach, from the platform's past and from its own evidence.

Question. A post has been repeated this often at these moments by accounts of this size. How often in
the end?

Formula. Final size = repeats so far + exp(b0 + z b): the log of what is still to come is linear in five
standardised features at this age: log repeats so far; log repeats in the last half and in the last
quarter of the age; log of the repeats SEISMIC still expects; log growth since half the age; and in log
age. b is the maximum a posteriori over past cascades at this age, four fifths and five fourths of it,
with prior b ~ N(0, 0.8^2) and Cauchy noise of a scale learned alongside: the forecast lies where past
cascades like this one crowd, not at their mean, and one that woke late does not move it. The platform's
own memory is in the weights, whatever SEISMIC's is. Young cascades tell little, and the forecast stays
with the platform's typical rest (b0); as they age the cascade's own features take over. The 80 %
interval comes from cascades left out of the fit (jackknife+ scores, in units of the share still to come).

Assumptions. Past cascades ended at least a settling time ago and are like the new one. Audience weights
come in through SEISMIC; where more than half are unknown all count alike.

Abstains with fewer than 20 past cascades alive at that age, or without a repeat.

Sources. Q. Zhao et al., KDD 2015 (features); S. Mishra, M. Rizoiu, L. Xie: Feature driven and point
process approaches, CIKM 2016 (their hybrid); R. Barber et al.: Predictive inference with the
jackknife+, Annals of Statistics 49, 2021.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.models import seismic
from analysis.models.result import Result
from analysis.models.tracks import Tracks

VERSION = "pooled 1.2"
FEWEST = 20
SPREAD = 0.8
"""Prior standard deviation of a standardised feature's weight."""
TAILS = 1.0
"""Degrees of freedom of the noise; 1 is Cauchy's."""
NEAR = (0.8, 1.0, 1.25)
"""Multiples of an age at which past cascades are looked at: three views of each teach more than one."""
LEFT_OUT = 25
"""Up to here each past cascade is left out alone; above, a tenth at a time."""
COLUMNS = ["content_id", "age_hours", "value", "forecast", "q10", "q50", "q90", "past", "reason"]


@dataclass(frozen=True)
class Cascade:
    """Seconds since the post (0 first, sorted) and the audience of each account."""

    times: np.ndarray
    followers: np.ndarray

    def count(self, age: float) -> float:
        """Repeats up to an age, seconds."""
        return float(np.searchsorted(self.times, age, side="right")) - 1.0

    def upto(self, age: float) -> Cascade:
        """The cascade as it was at an age, seconds."""
        end = int(np.searchsorted(self.times, age, side="right"))
        return Cascade(self.times[:end], self.followers[:end])


@dataclass(frozen=True)
class Past:
    """What past cascades of one age taught: weights, the features' mean and sd, scores of those left out."""

    age: float
    weights: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    scores: np.ndarray
    name: str


def cascades(events: pd.DataFrame, as_of: pd.Timestamp | None = None) -> dict[str, Cascade]:
    """Each content's events as a cascade that starts with its first one.

    ``events``: content_id, occurred_at, observed_at, audience (people; may be missing). Rows observed or
    dated after ``as_of`` do not exist.
    """
    if as_of is not None:
        events = events[(events["observed_at"] <= as_of) & (events["occurred_at"] <= as_of)]
    events = events.sort_values(["content_id", "occurred_at"], kind="stable")
    out = {}
    for content, rows in events.groupby("content_id", sort=True):
        at = rows["occurred_at"].to_numpy("datetime64[us]").astype("int64") / 1e6
        out[str(content)] = Cascade(at - at[0], _audience(rows["audience"].to_numpy(float)))
    return out


def of_track(tracks: Tracks, item: int) -> Cascade:
    """One item's dated acts as a cascade (``tracks.from_events``)."""
    here = slice(tracks.start[item], tracks.end[item])
    return Cascade(tracks.at[here] - tracks.at[here.start], _audience(audience(tracks, item)))


def audience(tracks: Tracks, item: int) -> np.ndarray:
    """People behind each of an item's acts, missing where unknown; its track holds running sums."""
    sums = tracks.others["audience"][tracks.start[item] : tracks.end[item]]
    known = np.flatnonzero(~np.isnan(sums))
    people = np.full(len(sums), np.nan)
    people[known] = np.diff(sums[known], prepend=0.0)
    return people


def learn(
    past: Sequence[Cascade],
    age: float,
    spread: float | Sequence[float] = SPREAD,
    near: tuple[float, ...] = NEAR,
    tails: float = TAILS,
) -> Past | None:
    """Learn the rest still to come at an age (seconds) from cascades that have ended; None if too few.

    ``spread`` may be one a feature: next to nothing leaves a feature out.
    """
    alive = [c for c in past if c.count(age) >= 1]
    if len(alive) < FEWEST:
        return None
    views = [(k, age * part) for k, c in enumerate(alive) for part in near if c.count(age * part) >= 1]
    who, ages = np.array([k for k, _ in views]), np.array([at for _, at in views])
    rows = np.array([features(alive[k], at) for k, at in views])
    now = np.array([alive[k].count(at) for k, at in views])
    final = np.log1p([len(c.times) - 1.0 for c in alive])[who]
    older = np.log(ages / age)
    at_age = ages == age

    def taught(used: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mean, sd = rows[used].mean(0), rows[used].std(0) + 1e-9
        z = _standard(rows[used], older[used], mean, sd)
        return _fit(z, now[used], final[used], spread, len(near), tails), mean, sd

    weights, mean, sd = taught(np.ones(len(rows), dtype=bool))
    folds = np.arange(len(alive)) if len(alive) <= LEFT_OUT else np.arange(len(alive)) % 10
    scores = np.empty(len(alive))
    for fold in np.unique(folds):
        out = (folds == fold)[who]
        part, mean_in, sd_in = taught(~out)
        judged = out & at_age
        middle, share = _middle(part, _standard(rows[judged], older[judged], mean_in, sd_in), now[judged])
        scores[who[judged]] = (final[judged] - middle) / share
    digest = hashlib.sha256(np.ascontiguousarray(np.c_[rows, final]).tobytes()).hexdigest()[:8]
    return Past(age, weights, mean, sd, np.sort(scores), f"{VERSION} of {len(alive)} cascades ({digest})")


def predict(past: Past, cascade: Cascade, age: float | None = None) -> tuple[float, float, float]:
    """10 %, 50 % and 90 % points of the final number of repeats, from what is known at an age (seconds).

    The age should lie near ``past.age``, which stands where none is given.
    """
    age = past.age if age is None else age
    now = np.array([cascade.count(age)])
    older = np.log(np.array([age / past.age]))
    z = _standard(features(cascade, age)[None, :], older, past.mean, past.sd)
    middle, share = _middle(past.weights, z, now)
    n = len(past.scores)
    low = past.scores[max(int(np.floor((n + 1) * 0.1)) - 1, 0)]
    high = past.scores[min(int(np.ceil((n + 1) * 0.9)) - 1, n - 1)]
    points = np.maximum(middle[0] + share[0] * np.array([low, 0.0, high]), np.log1p(now[0]))
    q10, q50, q90 = np.expm1(points)
    return float(min(q10, q50)), float(q50), float(max(q90, q50))


def forecast(
    events: pd.DataFrame,
    history: pd.DataFrame,
    as_of: pd.Timestamp,
    settled_days: float = 7.0,
) -> Result:
    """Final sizes of the cascades alive at a moment.

    Parameters
    ----------
    events
        Events of one platform about the contents to forecast.
    history
        Events of the platform's past. Of it, only contents whose first event lies ``settled_days`` before
        ``as_of`` are learned from, and of those only what was known then.
    as_of
        Nothing observed later is used.

    Returns
    -------
    Result
        Table: content_id; age_hours; value (repeats so far); forecast, q10, q50, q90 (repeats in the
        end); past (cascades learned from); reason (why there is no forecast).
    """
    as_of = pd.Timestamp(as_of)
    born = history[history["observed_at"] <= as_of].groupby("content_id")["occurred_at"].min()
    old = set(born[born <= as_of - pd.Timedelta(days=settled_days)].index)
    ended = list(cascades(history[history["content_id"].isin(old)], as_of).values())
    begun = events[events["observed_at"] <= as_of].groupby("content_id")["occurred_at"].min()
    learned: dict[float, Past | None] = {}
    rows: list[list[Any]] = []
    for content, cascade in cascades(events, as_of).items():
        age = (as_of - begun[content]).total_seconds()
        value = len(cascade.times) - 1.0
        rounded = float(np.exp(np.round(np.log(max(age, 60.0)) * 10) / 10))  # ages within 5 % learn together
        if rounded not in learned:
            learned[rounded] = learn(ended, rounded)
        past = learned[rounded]
        if past is None or value < 1:
            reason = (
                f"fewer than {FEWEST} past cascades alive at this age" if past is None else "not repeated yet"
            )
            rows.append([content, age / 3600, value, np.nan, np.nan, np.nan, np.nan, 0, reason])
            continue
        q10, q50, q90 = predict(past, cascade, age)
        rows.append([content, age / 3600, value, q50, q10, q50, q90, len(past.scores), ""])
    table = pd.DataFrame(rows, columns=COLUMNS)
    known = table["forecast"].notna()
    names = sorted({p.name for p in learned.values() if p is not None})
    if not known.any():
        reason = table["reason"].iloc[0] if len(table) else "no cascade alive"
        summary = f"No cascade can be forecast: {reason}."
        return Result(table, "inconclusive", reason, summary, (), VERSION, {"as_of": as_of})
    top = table.loc[table["forecast"].idxmax()]
    summary = (
        f"{known.sum()} of {len(table)} cascades are forecast from {len(ended)} that ended. The largest, "
        f"{top['value']:,.0f} repeats at {top['age_hours']:.3g} hours, should reach {top['forecast']:,.0f} "
        f"(four in five between {top['q10']:,.0f} and {top['q90']:,.0f})."
    )
    return Result(
        table, "found", "", summary, (), "; ".join(names), {"as_of": as_of, "settled_days": settled_days}
    )


def features(cascade: Cascade, age: float) -> np.ndarray:
    """The five features at an age, from acts up to it."""
    times, followers = cascade.times, cascade.followers
    acts, quarter, half = np.searchsorted(times, [age, 0.75 * age, age / 2], side="right").astype(float)
    waiting = seismic.not_yet(times, followers, age)[1]
    return np.log(
        [
            max(acts - 1, 0.5),
            acts - half + 1,
            acts - quarter + 1,
            1 + seismic.infectiousness(times, followers, age) * waiting,
            acts / half,
        ]
    )


def _audience(people: np.ndarray) -> np.ndarray:
    known = people[~np.isnan(people)]
    if len(known) * 2 < len(people) or not known.any():
        return np.full(len(people), seismic.N_STAR)
    return np.where(np.isnan(people), np.median(known), people)


def _standard(rows: np.ndarray, older: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    # three: beyond it a feature says no more than "extreme"
    return np.c_[np.clip((rows - mean) / sd, -3.0, 3.0), older]


def _middle(weights: np.ndarray, z: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rest = np.exp(np.minimum(weights[0] + z @ weights[1:], 25.0))
    return np.log1p(now + rest), np.maximum(rest / (1 + now + rest), 0.02)


def _fit(
    z: np.ndarray,
    now: np.ndarray,
    final: np.ndarray,
    spread: float | Sequence[float],
    views: int,
    tails: float,
) -> np.ndarray:
    """The posterior's mode, by damped Gauss-Newton steps with weights of a t distribution (``tails``).

    Each cascade is seen ``views`` times and counts once.
    """
    rest = np.maximum(np.expm1(final) - now, 0.5 * np.sqrt(now))
    x = np.r_[np.median(np.log(rest)), np.zeros(z.shape[1])]
    design = np.c_[np.ones(len(z)), z]
    prior = np.r_[1e-6, np.broadcast_to(np.asarray(spread) ** -2.0, z.shape[1] - 1), 0.1]
    for _ in range(60):
        still = np.exp(np.minimum(design @ x, 25.0))
        slope = design * (still / (1 + now + still))[:, None]
        error = final - np.log1p(now + still)
        scale = max(float(np.median(np.abs(error))) * 1.4826, 0.01)
        weight = 1 / (1 + (error / scale) ** 2 / tails) / scale**2 / views
        curve = (slope * weight[:, None]).T @ slope + np.diag(prior + 1e-3)
        step = np.linalg.solve(curve, slope.T @ (weight * error) - prior * np.r_[0.0, x[1:]])
        x = x + 0.7 * step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-5:
            break
    return x
