"""How an alarm is raised: windows of many lengths, a limit that noise sets, three rounds of learning."""

from __future__ import annotations

import numpy as np

from analysis.checks.evidence import Stretch
from analysis.models import _heavy, _scan, baseline
from analysis.models.baseline import Baseline, Rhythm
from analysis.models.grid import DAY, MONTH, Grid, steepness, threshold

FAR = 4.0  # the score at which the tail is compared with white noise's
SEEN = 12  # single windows above their limit, to say how heavy a tail is
SELDOM = 1000  # buckets in which noise brings one stretch that is left out of the learning


def windows(grid: Grid) -> np.ndarray:
    """Lengths of window looked through, in buckets: single ones up to two days or a week of them."""
    longest = min(max(2 * DAY / grid.cadence, 7), len(grid.t) / 4)
    steps = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 288, 384, 576]
    return np.array([step for step in steps if step <= max(longest, 1)], np.int64)


def detect(grid: Grid, zone: str, false_per_month: float) -> tuple[Baseline, list[Stretch], float, float]:
    """Baseline and alarms in three rounds, each learning from what the last one left in."""
    beat = baseline.rhythm(grid, zone)
    lengths = windows(grid)
    sure = threshold(grid.cadence, len(lengths), MONTH / grid.cadence / SELDOM / 2)
    known = grid.known
    y = np.where(known, grid.y, 0.0)
    mask = _ordinary_days(grid, beat)
    base: Baseline | None = None
    for first, cut in ((True, 2.5), (False, 4.0), (False, 6.0)):
        base = baseline.learn(grid, beat, mask, cut, base)
        found, height, tail = alarms(
            y, known.astype(float), base, mask, lengths, grid.cadence, false_per_month, first
        )
        # What is called is a matter of taste; were ordinary days left out, the rest would look too calm.
        mask = _learnable([s for s in found if s.score >= sure], beat, known, grid)
    assert base is not None
    return base, _merge(sorted(found), y - base.mu), height, tail


def _ordinary_days(grid: Grid, beat: Rhythm) -> np.ndarray:
    """1 where the first round may learn: not on days far above their neighbours and their weekday.

    With a few weeks of data one great day is much of what its weekday's factor is learnt from: the
    factor would follow it, and hide it. (A day of nothing pulls its factor down by its share at most.)
    """
    mask = np.ones(len(grid.t))
    if beat.day[0] < 0:
        return mask
    known = grid.known
    date = (grid.t - grid.t[0]) // DAY
    days = int(date[-1]) + 1  # the last ones may be unknown
    came = np.bincount(date[known], grid.y[known], minlength=days)
    seen = np.bincount(date[known], grid.width[known], minlength=days)
    weekday = np.zeros(len(came), np.int64)
    weekday[date] = beat.day
    rate = np.divide(came, seen, out=np.full(len(came), np.nan), where=seen > 0)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(rate, 7, constant_values=np.nan), 15)
    level = (
        np.nanmedian(near, axis=1)
        if not np.isnan(near).all(1).any()
        else np.full(len(rate), np.nanmedian(rate))
    )
    usual = level * seen
    far = np.log((came + 1.0) / (usual + 1.0))
    far[seen == 0] = np.nan
    for day in range(7):
        same = weekday == day
        if (~np.isnan(far[same])).sum() >= 3:
            far[same] -= np.nanmedian(far[same])
    spread = 1.4826 * np.nanmedian(np.abs(far)) + 1.0 / np.sqrt(usual + 1.0)
    out = np.nan_to_num(far / spread) > 6.0
    mask[out[date]] = 0.0
    return mask if mask[known].mean() >= 0.5 else np.ones(len(grid.t))


def _learnable(found: list[Stretch], beat: Rhythm, known: np.ndarray, grid: Grid) -> np.ndarray:
    """1 where the baseline may learn: outside the stretches and their thin tails."""
    wide, bare, often = np.ones(len(known)), np.ones(len(known)), np.zeros(len(known))
    for stretch in found:
        size = stretch.end - stretch.onset
        wide[max(stretch.onset - 1, 0) : stretch.end + 2 * size + 3] = 0.0
        bare[stretch.onset : stretch.end + 1] = 0.0
        if size * grid.cadence < DAY:
            often[stretch.onset : stretch.end + 1] = 1.0
    mask = next((m for m in (wide, bare) if m[known].mean() >= 0.3), np.ones(len(known)))
    # What stands out at the same time of most weeks is the rhythm, and must be learnt.
    place = beat.cell if beat.n_cells > 1 else beat.index
    seen = np.bincount(place[known], minlength=place.max() + 1)
    out = np.bincount(place[known], often[known], minlength=place.max() + 1)
    mask[((out > 0.5 * seen) & (seen >= 3))[place]] = 1.0
    return mask


def _merge(found: list[Stretch], gap: np.ndarray) -> list[Stretch]:
    """A stretch close behind a rise twice as high is that rise's tail, not a second one."""
    out: list[Stretch] = []
    for stretch in found:
        if out and out[-1].sign == stretch.sign:
            last = out[-1]
            near = stretch.onset - last.end - 1 <= max(1, (last.end - last.onset) // 2)
            one, two = (
                np.max(stretch_.sign * gap[stretch_.onset : stretch_.end + 1]) for stretch_ in (last, stretch)
            )
            if near and two < 0.5 * one:
                out[-1] = last._replace(end=stretch.end, score=max(last.score, stretch.score))
                continue
        out.append(stretch)
    return out


def alarms(
    y: np.ndarray, w: np.ndarray, base: Baseline, learnt: np.ndarray, lengths: np.ndarray, cadence: int,
    false_per_month: float, first: bool = False,
) -> tuple[list[Stretch], float, float]:  # fmt: skip
    """Stretches whose like this series' own noise brings as often as is allowed, rises and drops together.

    In the ``first`` round the noise may hold the spikes themselves: there, as often as white noise brings it.
    Also what a rise's score must reach for that, and how much longer its tail is than white noise's.
    """
    # A bucket the fit has seen is nearer to it than its noise; only one it has not seen adds the fit's error.
    unseen = np.where(learnt > 0, 0.0, base.rel)
    usual = np.median(base.mu[w > 0]) / base.phi
    fit_for = lengths[usual * lengths >= 5.0]
    refer = int(fit_for[0]) if len(fit_for) else int(lengths[-1])
    noise = (base.phi, base.alpha, base.c, base.rho)
    up, up_len, down, down_len, singles = _scan.scan(y, w, base.mu, unseen, *noise, lengths, refer)
    r = np.where(w > 0, (y - base.mu) / np.sqrt(base.variance), 0.0)
    steep = steepness(len(lengths))

    def over(least: float, sign: int, taken: np.ndarray) -> np.ndarray:
        side = (up, up_len) if sign > 0 else (down, down_len)
        out: np.ndarray = _scan.pick(*side, r, w, taken, least, float(sign), len(y))
        return out

    def noisy(sign: int) -> tuple[float, np.ndarray, float, float]:
        bursts = over(_heavy.BURST, sign, np.zeros(len(y), np.bool_))[:, 2]
        weight = _heavy.weigh(singles[0 if sign > 0 else 1], _heavy.histogram(bursts, steep))
        seen = float(len(bursts))
        return steep, weight, _heavy.often(seen, w.sum(), steep, 1.0), seen

    rises = falls = threshold(cadence, len(lengths), false_per_month / 2)
    tail = float("nan")
    if not first:
        rise, drop = noisy(1), noisy(-1)
        # Where counts cannot fall as far as they rise, drops leave of the rate what rises may use.
        bursts = np.exp(_heavy.log_rate(_heavy.BURST, steep)) * MONTH / cadence
        drops = min(_heavy.beyond(falls, *drop) * bursts, false_per_month / 2)
        falls = _heavy.demand(falls, *drop)
        rises = _heavy.demand(threshold(cadence, len(lengths), false_per_month - drops), *rise)
        if singles[0].sum() >= SEEN:
            tail = max((_heavy.demand(FAR, *rise) - 2.0) / (FAR - 2.0), 1.0)
    taken = np.zeros(len(y), np.bool_)
    found = [
        Stretch(int(a), int(b), sign, float(z))
        for sign, least in ((1, rises), (-1, falls))
        for a, b, z in over(least, sign, taken)
    ]
    return found, rises, tail
