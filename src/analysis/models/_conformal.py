"""Intervals that hold what they promise: a learned distribution moved by what it missed lately.

Question. A model gives quantiles of the log ratio of later to present value. By how much must they be
moved so that one tenth of new items lies below the lower one and one tenth above the upper?

Formula. Conformalized quantile regression per age and quarter of predicted size (Mondrian): each bound is
moved by the conformal quantile of how far items it had not learned from lay beyond it, the middle by the
median of what it missed at that age (a quarter's own is mostly noise). The usual error of an age is the
median absolute percentage error of the middle there. All this is of items that were read again. With the
chance that an item is over (``forecast``) its growth is none: the levels told are those of the mixture
(``_point``). Where that chance is a tenth or more, the interval begins at no growth, and ends where it holds
four fifths. The single number is told by the rule that erred least on all items, over or not, as a mean over
ages of relative gains: a level at or below the median, or the number most likely to lie within the
usual error.

Assumptions. New items are like these; a cell of fewer than 40 takes its age's margins.

Sources. Y. Romano, E. Patterson, E. Candes: Conformalized quantile regression, NeurIPS 2019, algorithm
1; V. Vovk: Conditional validity of inductive conformal predictors, ACML 2012 (Mondrian).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.models._point import level, likeliest

CELL = 40
"""Fewest calibration items in a cell; below, the age's own margins hold."""
MANY = 300
"""Items of an age from which its error says which rule to take."""
RULES = (0.35, 0.375, 0.4, 0.425, 0.45, 0.475, 0.5, np.nan)
"""The level the single number may be; missing: the number most likely to lie within the usual error."""
MARGINS = ["horizon", "age", "above", "lower", "middle", "upper", "error", "rule", "items"]


def calibrate(
    horizon: str,
    levels: dict[float, np.ndarray],
    logs: np.ndarray,
    target: np.ndarray,
    age: np.ndarray,
    over: np.ndarray,
    on: np.ndarray,
) -> list[list[Any]]:
    """Rows of the margins table, from items a model did not learn from.

    Parameters
    ----------
    levels
        Level to predicted log ratio of what goes on, per item.
    logs
        log(1 + present value), per item.
    target
        What the log ratio turned out to be.
    age
        Seconds, one of a few ages at which the items were looked at.
    over
        The predicted chance that an item is over.
    on
        Whether an item was read again.
    """
    size = logs + levels[0.5]
    rows = []
    for at in np.unique(age):
        mine = on & (age == at)
        if mine.sum() < CELL:
            continue
        error = float(np.median(_off(levels[0.5], logs, target)[mine]))
        middle = float(np.median((target - levels[0.5])[mine]))
        # many sizes can be equal (zeros): such quarters are one cell
        edges: np.ndarray = (
            np.unique(np.quantile(size[mine], [0.25, 0.5, 0.75])) if mine.sum() >= 4 * CELL else np.empty(0)
        )
        cell = np.searchsorted(edges, size, side="right")
        for k, above in enumerate([-np.inf, *edges]):
            part = mine & (cell == k)
            part = part if part.sum() >= CELL else mine
            margins = (
                _reach(levels[0.1][part] - target[part], 0.9),
                middle,
                _reach(target[part] - levels[0.9][part], 0.9),
            )
            rows.append([horizon, at, float(above), *margins, error, int(part.sum())])
    usual = {row[1]: row[6] for row in rows}
    rule = _rule(usual, levels, logs, target, age, over)
    return [[*row, rule, items] for *row, items in rows]


def _reach(scores: np.ndarray, level: float) -> float:
    """The conformal quantile: the score that a new one stays under with at least the level's chance."""
    n = len(scores)
    return float(np.sort(scores)[min(int(np.ceil((n + 1) * level)), n) - 1])


def _off(point: np.ndarray, logs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Absolute percentage errors; below a truth of 1 the errors themselves."""
    truth = np.expm1(logs + target)
    return np.asarray(np.abs(np.expm1(logs + point) - truth) / np.maximum(truth, 1.0))


def _point(levels: dict[float, np.ndarray], rule: float, error: np.ndarray, over: np.ndarray) -> np.ndarray:
    """The single number's log ratio by a rule."""
    return likeliest(levels, error, over) if np.isnan(rule) else level(levels, rule, over)


def _rule(
    usual: dict[float, float],
    levels: dict[float, np.ndarray],
    logs: np.ndarray,
    target: np.ndarray,
    age: np.ndarray,
    over: np.ndarray,
) -> float:
    """The rule that erred least, as a mean over ages (with their usual error) of gains on the median."""
    gains = []
    for at, error in usual.items():
        mine = age == at
        if mine.sum() >= MANY:
            here = {name: points[mine] for name, points in levels.items()}
            told = (_point(here, rule, np.full(mine.sum(), error), over[mine]) for rule in RULES)
            errors = np.array([np.median(_off(point, logs[mine], target[mine])) for point in told])
            if errors.min() > 0:
                gains.append(np.log(errors / errors[RULES.index(0.5)]))
    return RULES[int(np.argmin(np.mean(gains, axis=0)))] if gains else 0.5


def adjust(
    cells: pd.DataFrame, levels: dict[float, np.ndarray], logs: np.ndarray, age: np.ndarray, over: np.ndarray
) -> dict[str, np.ndarray]:
    """Calibrated log ratios of the nearest age's cell that holds the predicted size."""
    ages = np.sort(cells["age"].unique())
    nearest = ages[np.abs(np.log(age)[:, None] - np.log(ages)[None, :]).argmin(1)]
    size = logs + levels[0.5]
    shift = np.zeros((len(age), 4))
    for at in np.unique(nearest):
        part = cells[cells["age"] == at].sort_values("above")
        mine = nearest == at
        row = np.searchsorted(part["above"].to_numpy(), size[mine], side="right") - 1
        shift[mine] = part[["lower", "middle", "upper", "error"]].to_numpy(float)[row]
    middle = levels[0.5] + shift[:, 1]
    moved = {name: points + shift[:, 1] for name, points in levels.items()} | {
        0.1: np.minimum(levels[0.1] - shift[:, 0], middle),
        0.9: np.maximum(levels[0.9] + shift[:, 2], middle),
    }
    low, middle = (level(moved, at, over) for at in (0.1, 0.5))
    high = level(moved, np.where(over >= 0.1, 0.8, 0.9), over)
    # levels as they were learned: margins buy coverage, and say nothing of where most of the truth lies
    point = _point(levels, float(cells["rule"].iloc[0]), shift[:, 3], over)
    return {"forecast": np.clip(point, low, high), "q10": low, "q50": middle, "q90": high}
