"""Boosted trees as plain arrays: learned by scikit-learn, kept without pickles, read by one small loop.

Question. How can a learned model be stored beside the data so that loading it can run nothing?

Formula. scikit-learn's histogram gradient boosting grows the trees: for a level of the target by quantile
loss, for the chance of a target that is 0 or 1 by log loss (they tell its log odds). Their nodes are copied
into flat arrays: at a node, a value at or below the threshold goes left, a missing one where
training sent it, and the sum of the leaves reached plus the baseline is the prediction.

Assumptions. Numeric features, one output: equal to scikit-learn's own prediction, of a chance to its
decision function, and tests hold that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

SMALL = 20_000
"""Rows up to which trees are small, and grown one after the other."""


@dataclass(frozen=True)
class Trees:
    """An ensemble: ``roots`` are indexes into the node arrays, ``base`` is added to the sum of leaves."""

    base: float
    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The prediction of each row of features."""
        out = np.empty(len(rows))
        _walk(
            np.ascontiguousarray(rows, dtype=np.float64), self.base, self.roots, self.feature, self.threshold,
            self.left, self.right, self.missing_left, self.value, out,
        )  # fmt: skip
        return out

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file has to hold."""
        return {name: np.asarray(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Trees:
        """The ensemble that ``arrays`` gave."""
        return cls(
            base=float(arrays["base"]), **{k: arrays[k] for k in cls.__dataclass_fields__ if k != "base"}
        )


def learn(
    rows: np.ndarray,
    asked: Sequence[tuple[np.ndarray, float | None]],
    seed: int,
    step: Callable[[int, int], None] | None = None,
) -> list[Trees]:
    """Trees for each (target, level), learned from the rows where the target is known; no level: the chance.

    A processor grows an ensemble: several at one wait for each other at every split, and on a busy machine
    for very long. ``step`` is told how many of how many are done.
    """
    from joblib import Parallel, delayed

    large = any(np.isfinite(target).sum() > SMALL for target, _ in asked)
    grown = Parallel(n_jobs=-1 if large else 1, return_as="generator")(
        delayed(_of_known)(rows, target, level, seed) for target, level in asked
    )
    out = []
    for trees in grown:
        out.append(trees)
        if step is not None:
            step(len(out), len(asked))
    return out


def _of_known(rows: np.ndarray, target: np.ndarray, level: float | None, seed: int) -> Trees:
    known = np.isfinite(target)
    # small pasts get small trees: a leaf of about a thousandth of the rows, never under 20
    large = known.sum() > SMALL
    smallest = int(np.clip(known.sum() / 1000, 20, 100))
    return grow(rows[known], target[known], level, 300 if large else 120, 31 if large else 15, smallest, seed)


def grow(
    rows: np.ndarray,
    target: np.ndarray,
    level: float | None,
    iterations: int,
    leaves: int,
    smallest: int,
    seed: int,
) -> Trees:
    """Trees for a quantile ``level`` of the target given features; without one, for the log odds of a 1.

    ``leaves`` is a tree's size and ``smallest`` the fewest rows in a leaf; a fifth of the features is
    drawn at each split, which makes the trees unlike each other.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    # scikit-learn cannot bin a column that is missing throughout; a constant one is never split on
    rows = np.where(np.isnan(rows).all(axis=0), 0.0, rows)
    kind = (
        HistGradientBoostingClassifier()
        if level is None
        else HistGradientBoostingRegressor(loss="quantile", quantile=level)
    )
    model = kind.set_params(
        max_iter=iterations, learning_rate=0.05, max_leaf_nodes=leaves, min_samples_leaf=smallest,
        l2_regularization=1.0, max_features=0.2, early_stopping=False, random_state=seed,
    )  # fmt: skip
    with threadpool_limits(1, "openmp"):
        model.fit(rows, target)
    nodes = [stage[0].nodes for stage in model._predictors]
    shift = np.r_[0, np.cumsum([len(n) for n in nodes])]
    every = np.concatenate(nodes)
    move = np.repeat(shift[:-1], [len(n) for n in nodes])
    leaf = every["is_leaf"].astype(bool)
    return Trees(
        base=float(np.ravel(model._baseline_prediction)[0]),
        roots=shift[:-1].astype(np.int32),
        feature=np.where(leaf, -1, every["feature_idx"]).astype(np.int16),
        threshold=every["num_threshold"].astype(np.float64),
        left=(every["left"] + move).astype(np.int32),
        right=(every["right"] + move).astype(np.int32),
        missing_left=every["missing_go_to_left"].astype(np.uint8),
        value=every["value"].astype(np.float64),
    )


@njit(cache=True)
def _walk(rows, base, roots, feature, threshold, left, right, missing_left, value, out):  # type: ignore[no-untyped-def]
    for r in range(rows.shape[0]):
        total = base
        for root in roots:
            node = root
            while feature[node] >= 0:
                x = rows[r, feature[node]]
                if np.isnan(x):
                    node = left[node] if missing_left[node] else right[node]
                elif x <= threshold[node]:
                    node = left[node]
                else:
                    node = right[node]
            total += value[node]
        out[r] = total
