"""What an item will reach: a distribution learned from its platform's past, calibrated on the newest of it.

Question. An item has this track at this moment. What will it reach at twice its age, at 24 hours, at
7 days and in the end, and how sure is that?

Formula. Of past items at a grid of ages, of which the last look had been made lately (``growth.pairs``), two
things are learned by gradient boosting from what features.py may see. *Over*: the chance that an item will
not be read again, because it left the page it was read from; its counter is then taken to stay. *Growth*, of
those that were read again: the log ratio of later to present value (N + 1, so that 0 is a value), by quantile
loss. What an item reaches in the end is the mixture of the two. Of what it will say at an age only those tell
that are still read then: the growth is told, unless the item is more likely over than not.

The older four fifths of the past are learned from. On the newest fifth the growth is calibrated: per age
and quarter of predicted size, the lower and the upper bound are each moved until one tenth of those
items lies beyond it (conformalized quantile regression, Mondrian), and the median until half do. Then
all of the past is learned from anew; what was measured of the model that knew four fifths is kept, which
errs towards too wide. The single number ("forecast") is told by the rule that had the smallest median
absolute percentage error there: a level of the mixture at or below its median, or the number most
likely to lie within the usual error (``_point``); skewed growth makes it differ from the median.

With fewer than 300 settled items on a platform, dated acts are forecast like its past cascades
(pooled.py, "cascades": 20 at that age are enough), but for twice the age; for the rest its own growth
factors stand in ("typical"), with fewer than 10 items those of all platforms pooled ("pooled", wider).
The classical extrapolation (growth.py) always stands beside as the yardstick.

Assumptions. The near future of a platform is like its newest past. Coverage holds on average over items of
a kind, not for each; where an item is likely over, the interval is one number and holds more than it says.

Abstains for an item looked at only once, and for a horizon of which no past item tells.

Sources. Y. Romano, E. Patterson, E. Candes: Conformalized quantile regression, NeurIPS 2019, algorithm
1; V. Vovk: Conditional validity of inductive conformal predictors, ACML 2012 (Mondrian).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.models import growth, pooled
from analysis.models._conformal import CELL, MARGINS, adjust, calibrate
from analysis.models.features import features
from analysis.models.tracks import HORIZONS, Tracks
from analysis.models.trees import Trees, learn

VERSION = "forecast 1.3"
AGES = np.array([0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 18, 24, 48]) * 3600.0
ENOUGH = 300
"""Settled past items from which a platform is learned rather than pooled."""
NEWEST = 0.2
"""Share of the past, the newest, kept for calibration."""
DAY = 86_400.0
LARGEST = 2000
"""Past cascades a platform's are learned from at most, the newest."""
LEVELS = (0.1, 0.4, 0.5, 0.6, 0.9)


@dataclass(frozen=True)
class Model:
    """A trained forecast of one platform's metric.

    growth, pooled : growth factors of this platform and of all together
    heads : horizon -> level -> trees of the growth; empty where there was too little past
    over : trees of the log odds that an item is over; none where too few ever were
    margins : calibration per horizon, age and predicted size: ``above`` (log size from which a cell
        holds), what to add to each bound and the median, the usual error, the single number's rule, and
        items it rests on
    pasts : horizon -> what past cascades taught, one per age; only of dated acts
    trained : what it was trained on: until, first, items, rows, hash of the data, versions of tables
    """

    platform: str
    metric: str
    growth: pd.DataFrame
    pooled: pd.DataFrame
    names: tuple[str, ...] = ()
    heads: dict[str, dict[float, Trees]] = field(default_factory=dict)
    over: Trees | None = None
    margins: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=MARGINS))
    pasts: dict[str, tuple[pooled.Past, ...]] = field(default_factory=dict)
    trained: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name and version, as a forecast carries it."""
        until = str(self.trained.get("until", "never"))[:10]
        return f"{VERSION} {self.platform} {self.metric} to {until} ({str(self.trained.get('hash', ''))[:8]})"


def train(
    tracks: Tracks,
    platform: str,
    metric: str,
    everywhere: pd.DataFrame | None = None,
    seed: int = 0,
    versions: dict[str, int] | None = None,
    step: Callable[[int, int], None] | None = None,
) -> Model:
    """Learn a platform's forecast from everything in ``tracks``, which holds nothing after its ``until``.

    Parameters
    ----------
    tracks
        Built with ``as_of`` the cut-off: later rows are not in it, so they cannot be learned from.
    everywhere
        Growth of all platforms (``growth.pool``), for horizons of which this one's past tells nothing.
    versions
        The store's table versions, kept with the model.
    step
        Told how many of how many ensembles of trees are learned, after each.
    """
    table = growth.learn(tracks)
    item, when = growth.pairs(tracks, AGES)
    learned = _learned(tracks, item, when, seed, step) if len(item) else _Learned()
    trained = {
        "until": _iso(tracks.until),
        "first": _iso(float(tracks.first.min())) if len(tracks) else "",
        "items": len(tracks),
        "rows": learned.rows,
        "hash": _hash(tracks, seed),
        "seed": seed,
        "versions": versions or {},
    }
    empty = growth.pool([])
    return Model(
        platform, metric, table, empty if everywhere is None else everywhere, learned.names, learned.heads,
        learned.over, learned.margins, _cascades(tracks), trained,
    )  # fmt: skip


def predict(model: Model, tracks: Tracks, item: np.ndarray, when: np.ndarray, horizon: str) -> pd.DataFrame:
    """The forecast of items at moments, from what was known then.

    Returns
    -------
    DataFrame
        One row per (item, moment): value (known then); forecast (the single number), q10, q50, q90; over
        (the chance that it is, missing where it is not learned); yardstick, yardstick_q10, yardstick_q90;
        basis: learned, cascades, typical, pooled or none.
    """
    age = when - tracks.first[item]
    value = tracks.known(item, when)
    own = growth.extrapolate(model.growth, horizon, age, value)
    others = growth.extrapolate(model.pooled, horizon, age, value)
    mine = own["items"].to_numpy() > 0
    base = own.where(pd.Series(mine), others, axis=0)
    basis = np.where(mine, "typical", np.where(others["items"] > 0, "pooled", "none")).astype(object)
    out = pd.DataFrame({"value": value})
    # where growth stands in, the single number is its median: its mean may lie far up a heavy tail
    for name, source in (("forecast", "q50"), ("q10", "q10"), ("q50", "q50"), ("q90", "q90")):
        out[name] = base[source].to_numpy()
    out["over"] = np.nan
    out["yardstick"], out["yardstick_q10"], out["yardstick_q90"] = (
        base[c].to_numpy() for c in ("forecast", "q10", "q90")
    )
    if tracks.shape == "events" and model.pasts.get(horizon):
        _like_past_cascades(model.pasts[horizon], tracks, item, when, out, basis)
    # learned only for ages between those it was learned at: trees do not extrapolate
    cells = model.margins[model.margins["horizon"] == horizon]
    if horizon in model.heads and len(cells) and len(item):
        learned = (age >= cells["age"].min() * 0.75) & (age <= cells["age"].max() * 1.34)
        learned &= tracks.index(item, when) > tracks.start[item]
        if learned.any():
            matrix, names = features(tracks, item[learned], when[learned])
            matrix = _aligned(matrix, names, model.names)
            levels = {level: trees.predict(matrix) for level, trees in model.heads[horizon].items()}
            over, now = _chance(model.over, matrix), value[learned]
            ratios = adjust(cells, levels, np.log1p(now), age[learned], _weight(over, horizon))
            out.loc[learned, "over"] = over
            for name, ratio in ratios.items():  # no growth is the very number of now
                out.loc[learned, name] = np.maximum(now + (1.0 + now) * np.expm1(ratio), 0.0)
            basis[learned] = "learned"
    ahead = _ahead(tracks, item, when, horizon) & (tracks.index(item, when) > tracks.start[item])
    out.loc[~ahead, out.columns[1:]] = np.nan
    return out.assign(basis=np.where(ahead, basis, "none"))


@dataclass(frozen=True)
class _Learned:
    """What trees taught: the features' names, trees of the whole past, margins, and moments learned from."""

    names: tuple[str, ...] = ()
    heads: dict[str, dict[float, Trees]] = field(default_factory=dict)
    over: Trees | None = None
    margins: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=MARGINS))
    rows: int = 0


def _learned(
    tracks: Tracks,
    item: np.ndarray,
    when: np.ndarray,
    seed: int,
    step: Callable[[int, int], None] | None,
) -> _Learned:
    matrix, names = features(tracks, item, when)
    value, age = matrix[:, names.index("value")], np.round(when - tracks.first[item])  # seconds, as in AGES
    order = np.argsort(tracks.first, kind="stable")
    newest = np.isin(item, order[int(len(order) * (1 - NEWEST)) :])
    whole, over = {}, tracks.over(item, when)
    on = np.nan_to_num(over) == 0
    for horizon in HORIZONS:
        target = np.log1p(tracks.truth(item, when, horizon)) - value
        target[~_ahead(tracks, item, when, horizon)] = np.nan
        known = np.isfinite(target) & on
        old, new = (len(np.unique(item[known & part])) for part in (~newest, newest))
        if old + new >= ENOUGH and min(old, new) >= CELL:
            whole[horizon] = target
    growth = {horizon: np.where(on, target, np.nan) for horizon, target in whole.items()}
    asked: list[tuple[np.ndarray, float | None]] = [
        (target, level) for target in growth.values() for level in LEVELS
    ]
    ends = bool(whole) and min((over[~newest] == 1).sum(), (over[~newest] == 0).sum()) >= ENOUGH
    asked += [(over, None)] if ends else []
    older = [(np.where(newest, np.nan, target), level) for target, level in asked]
    trees = iter(learn(matrix, older + asked, seed, step))
    heads, chances = [], []
    for _ in ("older", "whole"):
        heads.append({horizon: {level: next(trees) for level in LEVELS} for horizon in whole})
        chances.append(next(trees) if ends else None)
    margins = []
    for horizon, target in whole.items():
        new = newest & np.isfinite(target)
        levels = {level: one.predict(matrix[new]) for level, one in heads[0][horizon].items()}
        chance = _weight(_chance(chances[0], matrix[new]), horizon)
        margins += calibrate(horizon, levels, value[new], target[new], age[new], chance, on[new])
    rows = max((int(np.isfinite(target).sum()) for target in whole.values()), default=0)
    return _Learned(tuple(names), heads[1], chances[1], pd.DataFrame(margins, columns=MARGINS), rows)


def _chance(over: Trees | None, matrix: np.ndarray) -> np.ndarray:
    """The chance that each item is over; missing where it was not learned."""
    return np.full(len(matrix), np.nan) if over is None else 1.0 / (1.0 + np.exp(-over.predict(matrix)))


def _weight(chance: np.ndarray, horizon: str) -> np.ndarray:
    """What the end weighs: its chance; at an age, where only what goes on has a truth, all or nothing."""
    chance = np.nan_to_num(chance)
    return chance if horizon == "final" else np.round(chance)


def _cascades(tracks: Tracks) -> dict[str, tuple[pooled.Past, ...]]:
    """What settled cascades of dated acts taught, by horizon, at every age at which enough were alive."""
    if tracks.shape != "events" or not len(tracks):
        return {}
    every = np.arange(len(tracks))
    settled = every[np.isfinite(tracks.truth(every, tracks.first, "final"))]
    ended = [pooled.of_track(tracks, k) for k in settled[np.argsort(tracks.first[settled])][-LARGEST:]]
    out = {}
    for horizon, end in (("24h", DAY), ("7d", 7 * DAY), ("final", np.inf)):
        reached = [cascade.upto(end) for cascade in ended]
        pasts = (pooled.learn(reached, age) for age in AGES if age * max(pooled.NEAR) < end)
        out[horizon] = tuple(past for past in pasts if past is not None)
    return {horizon: pasts for horizon, pasts in out.items() if pasts}


def _like_past_cascades(
    pasts: tuple[pooled.Past, ...],
    tracks: Tracks,
    item: np.ndarray,
    when: np.ndarray,
    out: pd.DataFrame,
    basis: np.ndarray,
) -> None:
    """Forecasts by past cascades of about the same age, written into ``out`` and ``basis``."""
    ages, age = np.array([past.age for past in pasts]), when - tracks.first[item]
    points = np.full((len(item), 3), np.nan)
    for row in np.flatnonzero((age >= ages.min() * pooled.NEAR[0]) & (age <= ages.max() * pooled.NEAR[-1])):
        cascade = pooled.of_track(tracks, int(item[row]))
        past = pasts[int(np.abs(np.log(ages / age[row])).argmin())]
        if cascade.count(age[row]) >= 1:
            points[row] = pooled.predict(past, cascade, age[row])
    told = np.isfinite(points[:, 1])
    # repeats, and what was repeated
    out.loc[told, ["q10", "forecast", "q50", "q90"]] = points[told][:, [0, 1, 1, 2]] + 1
    basis[told] = "cascades"


def _ahead(tracks: Tracks, item: np.ndarray, when: np.ndarray, horizon: str) -> np.ndarray:
    age = HORIZONS[horizon]
    return np.ones(len(item), dtype=bool) if age is None else when - tracks.first[item] < age


def _aligned(matrix: np.ndarray, names: list[str], wanted: tuple[str, ...]) -> np.ndarray:
    """The columns a model was learned with; one that is not measured now is missing, not 0."""
    out = np.full((len(matrix), len(wanted)), np.nan)
    at = {name: i for i, name in enumerate(names)}
    for j, name in enumerate(wanted):
        if name in at:
            out[:, j] = matrix[:, at[name]]
    return out


def _hash(tracks: Tracks, seed: int) -> str:
    digest = hashlib.sha256(
        json.dumps([VERSION, seed, list(map(str, tracks.items[:1])), tracks.until]).encode()
    )
    for array in (tracks.key, tracks.value, *[tracks.others[k] for k in sorted(tracks.others)]):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\n".join(map(str, tracks.items)).encode())
    return digest.hexdigest()


def _iso(seconds: float) -> str:
    return pd.Timestamp(seconds, unit="s", tz="UTC").isoformat() if seconds else ""
