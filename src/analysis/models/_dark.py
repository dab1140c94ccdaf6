"""Visits without a referrer apportioned to the platforms whose stated visits they move with.

direct = rhythm x level + sum over platforms of ratio x stated visits expected from its shares.

Weighted least squares (weights from the variance of counts, re-estimated), in which the level of each
content, a broken line with a knot every ten days, is partialled out by a tridiagonal solve. What is asked
is not the ratio but how many visits really came, so the interval is one of prediction: with the weights W_p
by which platform p's dark visits are read off the direct ones, estimate minus truth is
sum W_p noise of the baseline + sum over q of (W_p - [p = q]) dark visits of q, and its variance is added up
from the parts: the baseline's over-dispersion and correlation over hours and between pages, Poisson noise
of dark visits, and how the ratio differs between shares (clusters).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from analysis.models._kernel import Course
from analysis.models.grid import _MONDAY

KNOT = 240  # hours between the knots of a content's level
LAGS = 24  # hours over which the baseline's noise is taken to be correlated
LOCAL = 10.0  # stated visits after which their own course is believed over the kernel's
ROUNDS = 6


@dataclass(frozen=True)
class Fit:
    """The apportioned direct visits.

    base : expected ordinary direct visits, contents x hours
    parts : expected dark visits a platform, contents x hours each
    dark : their sums over known hours, at least 0
    signed : the same before they were held at 0, which is what intervals rest on
    error : standard deviations of dark minus the truth; whole : that of their sum
    alike : correlation of the platforms' columns once the baseline is out
    weights : what a placebo needs
    surged : hours left out because direct visits stood far above anything expected
    """

    base: np.ndarray
    parts: list[np.ndarray]
    dark: np.ndarray
    signed: np.ndarray
    error: np.ndarray
    whole: float
    alike: np.ndarray
    weights: Weights
    surged: np.ndarray


@dataclass(frozen=True)
class Weights:
    """The state in which any further column can be tried."""

    y: np.ndarray
    v: np.ndarray
    rhythm: np.ndarray
    columns: np.ndarray
    mix: Mixed
    noise: Noise
    courses: list[Course]
    local: tuple[np.ndarray, ...]
    loose: tuple[np.ndarray, ...]
    known: np.ndarray
    steady: np.ndarray
    own: np.ndarray
    base: np.ndarray


@dataclass(frozen=True)
class Noise:
    """Variance of a baseline hour = mu + alpha mu^2; correlation after k hours in a page, between pages."""

    alpha: float
    own: np.ndarray
    across: np.ndarray
    tau2: float


def partial(x: np.ndarray, v: np.ndarray, rhythm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X without what the contents' levels explain of it, and that part; a tridiagonal system a content."""
    hours = x.shape[-1]
    starts = np.arange(0, hours, KNOT)
    f = (np.arange(hours) % KNOT) / KNOT
    one, two = rhythm * (1 - f), rhythm * f
    add = np.add.reduceat
    d0, d1, off = (add(v * a, starts, axis=-1) for a in (one * one, two * two, one * two))
    knots = len(starts) + 1
    diagonal = np.zeros((*v.shape[:-1], knots))
    diagonal[..., :-1] += d0
    diagonal[..., 1:] += d1
    diagonal += 1e-6 + 1e-6 * diagonal.max(axis=-1, keepdims=True)
    rhs = np.zeros((*x.shape[:-1], knots))
    rhs[..., :-1] += add(v * x * one, starts, axis=-1)
    rhs[..., 1:] += add(v * x * two, starts, axis=-1)
    for k in range(1, knots):
        step = off[..., k - 1] / diagonal[..., k - 1]
        diagonal[..., k] = diagonal[..., k] - step * off[..., k - 1]
        rhs[..., k] = rhs[..., k] - step * rhs[..., k - 1]
    level = np.zeros_like(rhs)
    level[..., -1] = rhs[..., -1] / diagonal[..., -1]
    for k in range(knots - 2, -1, -1):
        level[..., k] = (rhs[..., k] - off[..., k] * level[..., k + 1]) / diagonal[..., k]
    part = np.repeat(level[..., :-1], KNOT, axis=-1)[..., :hours] * one
    part += np.repeat(level[..., 1:], KNOT, axis=-1)[..., :hours] * two
    return x - part, part


def locally(y: np.ndarray, course: Course) -> tuple[np.ndarray, np.ndarray]:
    """How stated visits really ran beside the kernel's course: a factor an hour, 1 where there are few;
    and the relative variance that is left in it."""
    if course.borrowed:
        return np.ones_like(y), np.full_like(y, 3 / LOCAL)
    mine = y * course.driven / np.maximum(course.driven + course.background, 1e-12)
    came, meant = mine.copy(), course.driven.copy()
    for shift in (-1, 1):
        came += np.roll(mine, shift, axis=1)
        meant += np.roll(course.driven, shift, axis=1)
    return (LOCAL + came) / (LOCAL + meant), 3 / (LOCAL + meant)


def rhythm_of(y: np.ndarray, level: np.ndarray, use: np.ndarray, begin: int) -> np.ndarray:
    """The site's hours of the week: hour of day on working days and weekends, times the day; mean 1."""
    at = begin + np.arange(y.shape[1])
    hour, day = at % 24, (at // 24 + _MONDAY) % 7
    slot = hour + 24 * (day >= 5)
    came, meant = (y * use).sum(axis=0), (level * use).sum(axis=0)
    by_slot, by_day = np.ones(48), np.ones(7)
    for _ in range(3):
        by_slot = (np.bincount(slot, came, 48) + 5) / (np.bincount(slot, meant * by_day[day], 48) + 5)
        by_day = (np.bincount(day, came, 7) + 5) / (np.bincount(day, meant * by_slot[slot], 7) + 5)
    found = by_slot[slot] * by_day[day]
    return found / found.mean()


def apportion(
    direct: np.ndarray, known: np.ndarray, begin: int, stated: list[np.ndarray], courses: list[Course]
) -> Fit:
    """Fit the direct visits of a site; platforms in the order of ``courses``."""
    local, loose = zip(*(locally(y, course) for y, course in zip(stated, courses, strict=True)), strict=True)
    columns = np.array([course.driven * f for course, f in zip(courses, local, strict=True)])
    count = len(courses)
    rhythm = np.ones(direct.shape[1])
    hours = np.maximum(known.sum(axis=1), 1)
    mu = np.maximum((direct.sum(axis=1) / hours)[:, None] * np.ones_like(direct), 1e-3)
    base, use, ratio = mu, known.astype(float), np.zeros(count)
    noise = Noise(0.0, np.zeros(LAGS + 1), np.zeros(LAGS + 1), 0.05)
    own = np.zeros((len(direct), count))
    # stated visits that follow no share hide their referrers as often as the others do
    steady = np.array([0.0 * c.background.sum(axis=1) if not c.driven.any() else c.background.sum(axis=1)
                       for c in courses]).T  # fmt: skip
    totals = columns.sum(axis=2).T + steady  # contents x platforms
    own_kernel = np.array([not course.borrowed for course in courses])
    steadily = totals.sum(axis=0)[own_kernel]
    for number in range(ROUNDS):
        # weights from the common ratio: a content's own would weigh down what chance had lifted
        usual = base + np.tensordot(ratio, columns, 1)
        v = use / (
            usual
            + noise.alpha * usual**2
            + sum((ratio[p] * columns[p]) ** 2 * loose[p] for p in range(count))
        )
        rest = np.array([partial(x, v, rhythm)[0] for x in columns])
        gram = np.einsum("pit,it,qit->ipq", rest, v, columns, optimize=True)
        pull = np.einsum("pit,it,it->ip", rest, v, direct, optimize=True)
        # a ratio far below the others' may be so by chance: contents may still differ by a share of the usual
        pooled = float(ratio[own_kernel] @ steadily) / max(float(steadily.sum()), 1e-9)
        least = np.where(own_kernel, 0.5 * pooled, 0.02)
        mix = _mixed((gram + gram.swapaxes(1, 2)) / 2, pull, noise.tau2 * np.maximum(ratio, least) ** 2)
        ratio, own = mix.ratio, mix.own
        dark = np.einsum("ip,pit->it", own, columns, optimize=True)
        _, base = partial(direct - dark, v, rhythm)
        floor = 0.05 * ((direct - dark).clip(0) * use).sum(axis=1) / np.maximum(use.sum(axis=1), 1) + 1e-3
        base = np.maximum(base, floor[:, None])
        mu = base + dark
        quiet = known & (dark < 0.05 * base)
        surged = quiet & (direct - mu > 6 * np.sqrt(mu + noise.alpha * mu**2) + 2) & (number >= 1)
        use = (known & ~surged).astype(float)
        calm = quiet & ~surged
        left = np.where(calm, direct - mu, 0.0)
        alpha = max(0.0, float((left**2 - mu * calm).sum() / max((mu**2 * calm).sum(), 1e-9)))
        rhythm = rhythm_of(direct, base / rhythm, calm.astype(float), begin)
        tau2 = _scatter(mix, gram, pull)
        noise = Noise(alpha, *_correlation(left, calm, mu + alpha * mu**2), tau2)
    weights = Weights(direct, v, rhythm, rest, mix, noise, courses, local, loose, known, steady, own, base)
    readings = [
        np.einsum("iq,qit->it", mix.reading(p, totals[:, p]), rest, optimize=True) * v for p in range(count)
    ]
    error = np.zeros(count)
    for _ in range(2):  # a ratio that chance made small must not make its own error small
        doubt = np.divide(error, totals.sum(axis=0), out=np.zeros(count), where=totals.sum(axis=0) > 0)
        weights = replace(weights, own=np.sqrt(own**2 + doubt**2))
        error = np.array(
            [np.sqrt(_variance(w, weights, base, np.arange(count) == p)) for p, w in enumerate(readings)]
        )
    signed = np.array([float((w * direct).sum()) for w in readings])
    whole = float(np.sqrt(_variance(np.sum(readings, axis=0), weights, base, np.ones(count, bool))))
    overall = gram.sum(axis=0)
    size = np.sqrt(np.maximum(np.diag(overall), 1e-12))
    parts = [own[:, p][:, None] * (columns[p] + courses[p].background) for p in range(count)]
    hidden = np.sum([own[:, p][:, None] * courses[p].background for p in range(count)], axis=0)
    base = np.maximum(base - hidden, 0.0)
    return Fit(base, parts, np.array([part.sum() for part in parts]), signed, error, whole,
               overall / np.outer(size, size), weights, surged)  # fmt: skip


@dataclass(frozen=True)
class Mixed:
    """Ratios that differ between contents: own_i = ratio + a deviation of variance d, by best prediction.

    ratio : a platform's, held at 0 or more; own : contents x platforms, likewise
    keep : (1 + G d)^-1 a content; gather : inverse of the sum of keep G; pulled : keep's complement
    """

    ratio: np.ndarray
    own: np.ndarray
    d: np.ndarray
    gram: np.ndarray
    keep: np.ndarray
    inverse: np.ndarray

    def reading(self, p: int, totals: np.ndarray) -> np.ndarray:
        """Contents x platforms: how platform p's total is read off each content's pull."""
        left = np.eye(len(self.d))[p] - self.d[p] * np.einsum("iq,iqr->ir", self.keep[:, p, :], self.gram)
        spread = np.einsum("i,ir->r", totals, left) @ self.inverse
        out = np.einsum("r,irq->iq", spread, self.keep)
        return np.asarray(out + (totals * self.d[p])[:, None] * self.keep[:, p, :])


def _mixed(gram: np.ndarray, pull: np.ndarray, d: np.ndarray) -> Mixed:
    keep = np.linalg.inv(np.eye(len(d)) + gram * d[None, None, :])
    whole = np.einsum("ipq,iqr->pr", keep, gram)
    whole = (whole + whole.T) / 2
    inverse = np.linalg.pinv(whole, rcond=1e-10, hermitian=True)
    ratio = _held(whole, np.einsum("ipq,iq->p", keep, pull))
    left = pull - np.einsum("ipq,q->ip", gram, ratio)
    own = ratio + d * np.einsum("ipq,iq->ip", keep, left)
    return Mixed(ratio, np.maximum(own, 0.0), d, gram, keep, inverse)


def _scatter(mix: Mixed, gram: np.ndarray, pull: np.ndarray) -> float:
    """How the ratio of dark to stated visits differs between contents: its relative variance, by moments."""
    left = pull - np.einsum("ipq,q->ip", gram, mix.ratio)
    noise = np.einsum("ipp->ip", gram)
    lever = (np.einsum("ipq,q->ipq", gram, mix.ratio) ** 2).sum(axis=2)
    use = (noise > 1e-9) & (lever > 1e-9) & (mix.ratio > 0)
    s, v, h = left[use] ** 2, noise[use], lever[use]
    if len(s) < 5:
        return 0.1
    free = len(s) / max(len(s) - int((mix.ratio > 0).sum()), 1)
    tau2 = mix.d.max() * 0 + 0.05
    for _ in range(20):
        w = h / np.maximum(v + h * tau2, 1e-9) ** 2
        tau2 = float(np.clip((w * (free * s - v)).sum() / max((w * h).sum(), 1e-12), 0.0, 4.0))
    return tau2


def _held(gram: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """The least-squares ratios with none below 0 (active set)."""
    use = np.ones(len(pull), bool)
    ratio = np.zeros(len(pull))
    for _ in range(len(pull)):
        ratio[:] = 0.0
        ratio[use] = np.linalg.pinv(gram[np.ix_(use, use)], hermitian=True) @ pull[use]
        below = ratio < 0
        if not below.any():
            break
        use &= ~below
    return np.maximum(ratio, 0.0)


def _correlation(error: np.ndarray, calm: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of standardised noise after 0..LAGS hours, within a page and between pages."""
    z = np.where(calm, error / np.sqrt(variance), 0.0)
    c = calm.astype(float)
    sums, counts = z.sum(axis=0), c.sum(axis=0)
    own, across = np.zeros(LAGS + 1), np.zeros(LAGS + 1)
    for k in range(LAGS + 1):
        end = z.shape[1] - k
        mine, mine_of = float((z[:, :end] * z[:, k:]).sum()), float((c[:, :end] * c[:, k:]).sum())
        both, both_of = float(sums[:end] @ sums[k:]), float(counts[:end] @ counts[k:])
        own[k] = mine / max(mine_of, 1.0)
        across[k] = (both - mine) / (both_of - mine_of) if both_of - mine_of > 100 else 0.0
    own[0] = max(own[0], 1.0)
    across[0] = max(across[0], 0.0)
    return own, across


@njit(cache=True)
def _clusters(field, content, hour, size, kernel):  # type: ignore[no-untyped-def]
    """Of each share the sum of a field along its course."""
    out = np.zeros(len(size))
    for u in range(len(size)):
        i, h = content[u], hour[u]
        total = 0.0
        for lag in range(min(len(kernel), field.shape[1] - h)):
            total += kernel[lag] * field[i, h + lag]
        out[u] = size[u] * total
    return out


def _sums(field: np.ndarray, course: Course) -> np.ndarray:
    return _clusters(np.ascontiguousarray(field), course.content, course.hour, course.size, course.kernel)


def _variance(w: np.ndarray, weights: Weights, base: np.ndarray, mine: np.ndarray) -> float:
    """Variance of estimate minus truth for reading weights w; ``mine``: platforms whose visits are meant."""
    noise = weights.noise
    spread = w * np.sqrt(base + noise.alpha * base**2)
    sums = spread.sum(axis=0)
    total = 0.0
    for k in range(LAGS + 1):
        end = w.shape[1] - k
        inside = float((spread[:, :end] * spread[:, k:]).sum())
        both = float(sums[:end] @ sums[k:])
        total += (1 if k == 0 else 2) * (noise.own[k] * inside + noise.across[k] * (both - inside))
    total = max(total, float((spread**2).sum()))
    for q, course in enumerate(weights.courses):
        off = (w - mine[q]) * weights.known
        if weights.own[:, q].any():
            field = weights.own[:, q][:, None] * weights.local[q] * course.beat
            column = weights.own[:, q][:, None] * weights.local[q] * course.driven
            total += float((off**2 * column).sum())
            moved = _sums(off * field, course)
            total += float((moved**2 * course.doubt).sum())
            steady = mine[q] * weights.own[:, q] * weights.steady[:, q]
            together = np.bincount(course.content, moved, len(steady)) - steady
            total += noise.tau2 * float((together**2).sum()) + float(steady.sum())
            total += float((off**2 * column**2 * weights.loose[q]).sum())
    return total


def placebo(column: np.ndarray, weights: Weights) -> float:
    """The deviate of a column that should bring nothing: its coefficient over its standard error."""
    rest, _ = partial(column, weights.v, weights.rhythm)
    mix = weights.mix
    pull = np.einsum("pit,it,it->ip", weights.columns, weights.v, column, optimize=True)
    size = float((rest * weights.v * column).sum())
    # out with what the platforms explain of it, in each content and over all
    fixed = mix.inverse @ np.einsum("ipq,iq->p", mix.keep, pull)
    left = pull - np.einsum("ipq,q->ip", mix.gram, fixed)
    own = fixed + mix.d * np.einsum("ipq,iq->ip", mix.keep, left)
    size -= float((own * pull).sum())
    if size <= 1e-9:
        return 0.0
    w = (rest - np.einsum("ip,pit->it", own, weights.columns, optimize=True)) * weights.v / size
    value = float((w * weights.y).sum())
    return value / np.sqrt(
        max(_variance(w, weights, weights.base, np.zeros(len(weights.courses), bool)), 1e-12)
    )
