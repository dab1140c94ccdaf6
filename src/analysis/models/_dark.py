"""Visits without a referrer apportioned to the platforms whose stated visits they move with.

direct = rhythm x level + sum over platforms of ratio x stated visits expected from its shares.

Weighted least squares (weights from the variance of counts, re-estimated), in which the ordinary visits
(``_ordinary``) are partialled out and the ratio differs between contents (``_ratios``). What is asked is not
the ratio but how many visits really came, so the error is one of prediction (``_doubt``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.models._doubt import LAGS, Noise, State, correlation, variance
from analysis.models._kernel import Course
from analysis.models._ordinary import partial, rhythm_of
from analysis.models._ratios import Mixed, mixed, scatter

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
    trial : what a placebo needs
    """

    base: np.ndarray
    parts: list[np.ndarray]
    dark: np.ndarray
    signed: np.ndarray
    error: np.ndarray
    whole: float
    alike: np.ndarray
    trial: Trial


@dataclass(frozen=True)
class Trial:
    """The least squares in which any further column can be tried.

    direct, v : direct visits and the weight of each hour, contents x hours
    rhythm : of the week, an hour of the period each
    columns : the platforms' columns without what the baseline explains of them
    """

    direct: np.ndarray
    v: np.ndarray
    rhythm: np.ndarray
    columns: np.ndarray
    mix: Mixed
    state: State


def apportion(
    direct: np.ndarray, known: np.ndarray, begin: int, stated: list[np.ndarray], courses: list[Course]
) -> Fit:
    """Fit the direct visits of a site; platforms in the order of ``courses``."""
    local, loose = zip(*(_locally(y, course) for y, course in zip(stated, courses, strict=True)), strict=True)
    columns = np.array([course.driven * f for course, f in zip(courses, local, strict=True)])
    count = len(courses)
    # stated visits that follow no share hide their referrers as often as the others do
    steady = np.array([(1.0 if c.driven.any() else 0.0) * c.background.sum(axis=1) for c in courses]).T
    totals = columns.sum(axis=2).T + steady  # contents x platforms
    learnt = np.array([not course.borrowed for course in courses])
    expected = totals.sum(axis=0)[learnt]
    rhythm, ratio, use = np.ones(direct.shape[1]), np.zeros(count), known.astype(float)
    hours = np.maximum(known.sum(axis=1), 1)
    base = np.maximum((direct.sum(axis=1) / hours)[:, None] * np.ones_like(direct), 1e-3)
    noise = Noise(0.0, np.zeros(LAGS + 1), np.zeros(LAGS + 1), 0.05)
    for number in range(ROUNDS):
        # weights from the common ratio: a content's own would weigh down what chance had lifted
        usual = base + np.tensordot(ratio, columns, 1)
        doubt = sum((ratio[p] * columns[p]) ** 2 * loose[p] for p in range(count))
        v = use / (usual + noise.alpha * usual**2 + doubt)
        rest = np.array([partial(x, v, rhythm)[0] for x in columns])
        gram = np.einsum("pit,it,qit->ipq", rest, v, columns, optimize=True)
        pull = np.einsum("pit,it,it->ip", rest, v, direct, optimize=True)
        # a ratio far below the others' may be so by chance: contents may still differ by a share of the usual
        pooled = float(ratio[learnt] @ expected) / max(float(expected.sum()), 1e-9)
        least = np.where(learnt, 0.5 * pooled, 0.02)
        mix = mixed((gram + gram.swapaxes(1, 2)) / 2, pull, noise.tau2 * np.maximum(ratio, least) ** 2)
        ratio = mix.ratio
        dark = np.einsum("ip,pit->it", mix.own, columns, optimize=True)
        base = _base(direct - dark, v, rhythm, use)
        mu = base + dark
        quiet = known & (dark < 0.05 * base)
        # what stands far above anything expected is left out, once there is something to expect
        surged = quiet & (direct - mu > 6 * np.sqrt(mu + noise.alpha * mu**2) + 2) & (number >= 1)
        use, calm = (known & ~surged).astype(float), quiet & ~surged
        rhythm = rhythm_of(direct, base / rhythm, calm.astype(float), begin)
        noise = _noise(direct - mu, calm, mu, scatter(mix, gram, pull))
    state = State(base, noise, known, courses, local, loose, steady, mix.own)
    trial = Trial(direct, v, rhythm, rest, mix, state)
    return _told(trial, columns, totals, gram.sum(axis=0))


def _locally(y: np.ndarray, course: Course) -> tuple[np.ndarray, np.ndarray]:
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


def _base(ordinary: np.ndarray, v: np.ndarray, rhythm: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Expected ordinary visits; never below a twentieth of their mean."""
    _, base = partial(ordinary, v, rhythm)
    floor = 0.05 * (ordinary.clip(0) * use).sum(axis=1) / np.maximum(use.sum(axis=1), 1) + 1e-3
    return np.maximum(base, floor[:, None])


def _noise(left: np.ndarray, calm: np.ndarray, mu: np.ndarray, tau2: float) -> Noise:
    """What is left of calm hours: their over-dispersion and correlation."""
    left = np.where(calm, left, 0.0)
    alpha = max(0.0, float((left**2 - mu * calm).sum() / max((mu**2 * calm).sum(), 1e-9)))
    return Noise(alpha, *correlation(left, calm, mu + alpha * mu**2), tau2)


def _told(trial: Trial, columns: np.ndarray, totals: np.ndarray, overall: np.ndarray) -> Fit:
    """Dark visits read off the direct ones, with their errors."""
    state, mix, count = trial.state, trial.mix, len(columns)
    readings = [
        np.einsum("iq,qit->it", mix.reading(p, totals[:, p]), trial.columns, optimize=True) * trial.v
        for p in range(count)
    ]
    signed = np.array([float((w * trial.direct).sum()) for w in readings])
    error, sums = np.zeros(count), totals.sum(axis=0)
    for _ in range(2):  # a ratio that chance made small must not make its own error small
        doubt = np.divide(error, sums, out=np.zeros(count), where=sums > 0)
        state = replace(state, own=np.sqrt(mix.own**2 + doubt**2))
        error = np.array([np.sqrt(variance(w, state, np.arange(count) == p)) for p, w in enumerate(readings)])
    whole = float(np.sqrt(variance(np.sum(readings, axis=0), state, np.ones(count, bool))))
    backgrounds = [course.background for course in state.courses]
    parts = [mix.own[:, p][:, None] * (columns[p] + backgrounds[p]) for p in range(count)]
    hidden = np.sum([mix.own[:, p][:, None] * backgrounds[p] for p in range(count)], axis=0)
    size = np.sqrt(np.maximum(np.diag(overall), 1e-12))
    return Fit(
        np.maximum(state.base - hidden, 0.0), parts, np.array([part.sum() for part in parts]), signed, error,
        whole, overall / np.outer(size, size), replace(trial, state=state),
    )  # fmt: skip


def placebo(column: np.ndarray, trial: Trial) -> float:
    """The deviate of a column that should bring nothing: its coefficient over its standard error."""
    mix, v = trial.mix, trial.v
    rest, _ = partial(column, v, trial.rhythm)
    pull = np.einsum("pit,it,it->ip", trial.columns, v, column, optimize=True)
    size = float((rest * v * column).sum())
    # out with what the platforms explain of it, in each content and over all
    fixed = mix.inverse @ np.einsum("ipq,iq->p", mix.keep, pull)
    left = pull - np.einsum("ipq,q->ip", mix.gram, fixed)
    own = fixed + mix.d * np.einsum("ipq,iq->ip", mix.keep, left)
    size -= float((own * pull).sum())
    if size <= 1e-9:
        return 0.0
    w = (rest - np.einsum("ip,pit->it", own, trial.columns, optimize=True)) * v / size
    value = float((w * trial.direct).sum())
    nobody = np.zeros(len(trial.state.courses), bool)
    return value / np.sqrt(max(variance(w, trial.state, nobody), 1e-12))
