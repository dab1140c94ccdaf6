"""What happens in the made-up world: pieces are published, shared and visited.

Time is an hourly grid. Acts of sharing come in bursts, one a submission; they follow the platform's
rise and fade and its users' day. Visits are drawn hour by hour: an ordinary rate with the site's
daily and weekly rhythm, plus, for each burst, its shares convolved with the platform's memory. So
the truth is known before anybody looks: which visits a platform really sent, and from when to when
a planted episode lasted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.simulate.behaviour import BEHAVIOURS, PLANTED, Behaviour

HOUR = pd.Timedelta(hours=1)
EDGE = 0.05
"""A planted spike lasts while the visits expected from it are at least this part of their peak."""
SITE_ZONE_H = -5
NEWS = 3
"""Pieces that are as new at the end of the window as what an outlook is asked of."""
# The site's own rhythm, by local hour and by weekday (Monday first), each with mean 1.
DAY = np.array([.35, .25, .2, .2, .25, .4, .65, .95, 1.2, 1.35, 1.4, 1.4, 1.45, 1.4, 1.35, 1.3, 1.25, 1.2,
                1.25, 1.45, 1.6, 1.5, 1.1, .7])  # fmt: skip
DAY = DAY / DAY.mean()
WEEK = np.array([1.1, 1.12, 1.1, 1.05, 1.0, 0.78, 0.85])
WEEK = WEEK / WEEK.mean()
OWN = {"search": 0.5, "direct": 0.35, "other": 0.15}
"""Where ordinary visits come from."""


@dataclass(frozen=True)
class Burst:
    """One run of sharing of one piece on one platform: its start (hours into the window), the acts
    expected, the episode it belongs to (-1: ordinary sharing) and the acts drawn, hour by hour."""

    piece: int
    platform: str
    start: float
    size: float
    episode: int
    acts: np.ndarray
    expected: np.ndarray


def local(begin: pd.Timestamp, hours: int, zone_h: int) -> tuple[np.ndarray, np.ndarray]:
    """Hour of day and weekday on a clock ``zone_h`` ahead of UTC, for each hour of the window."""
    at = int(begin.timestamp()) // 3600 + np.arange(hours) + zone_h
    return at % 24, (at // 24 + 3) % 7  # 1970-01-01 was a Thursday


def rhythm(begin: pd.Timestamp, hours: int, zone_h: int, office: bool = False) -> np.ndarray:
    """Relative activity of people on that clock, mean about 1."""
    hour, weekday = local(begin, hours, zone_h)
    level = DAY[hour] * WEEK[weekday]
    if office:
        level = level * np.where((hour >= 8) & (hour < 19) & (weekday < 5), 1.5, 0.3)
    return level


def pulse(start: float, rise_h: float, fade_h: float, hours: int) -> np.ndarray:
    """A rise from ``start`` and a fade that halves every ``fade_h`` hours; sums to about 1."""
    age = np.arange(hours) + 0.5 - start
    age = np.where(age > 0, age, np.inf)
    shape = np.exp(-np.log(2) * age / fade_h) * (1 - np.exp(-age / rise_h))
    grid = np.arange(0.5, 40 * fade_h + 1)
    return shape / (np.exp(-np.log(2) * grid / fade_h) * (1 - np.exp(-grid / rise_h))).sum()


def memory(platform: Behaviour, hours: int) -> np.ndarray:
    """How the visits an act of sharing brings spread over the hours after it; sums to 1."""
    age = np.arange(hours) + 0.5
    rise = 1 - np.exp(-age / platform.delay_h)
    if platform.tail == "power":
        fade = (1 + age / platform.memory_h) ** -2.2
    else:
        fade = np.exp(-np.log(2) * age / platform.memory_h)
    return rise * fade / (rise * fade).sum()


def follow(acts: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Expected visits for each hour: the acts convolved with the kernel."""
    out = np.zeros(len(acts))
    for hour in np.flatnonzero(acts):
        out[hour:] += acts[hour] * kernel[: len(acts) - hour]
    return out


def publication(rng: np.random.Generator, pieces: int, hours: int) -> np.ndarray:
    """When each piece was published, in hours into the window; a third of them before it began."""
    before = np.arange(pieces) % 3 == 0
    spread = np.linspace(0.04, 0.8, pieces)[rng.permutation(pieces)]
    early = -rng.uniform(24 * 5, 24 * 60, pieces)
    day = np.floor(np.where(before, early, spread * hours) / 24) * 24
    return day + rng.integers(13, 20, pieces) + np.round(rng.uniform(0, 1, pieces), 2)


def news(rng: np.random.Generator, hours: int) -> np.ndarray:
    """When the newest pieces were published: in the last four days, so something rises at the end."""
    return hours - np.sort(rng.uniform(30, 90, NEWS))[::-1]


def bursts(
    rng: np.random.Generator, published: np.ndarray, begin: pd.Timestamp, hours: int, *, planted: bool = True
) -> list[Burst]:
    """Every run of sharing: the planted episodes and what each piece gets anyway."""
    out = []
    order = list(rng.permutation(len(published)))
    # the last month shows the two greatest
    for place, part in zip(range(len(order)), (0.78, 0.7), strict=False):
        late = min(order[place:], key=lambda piece: abs(published[piece] - part * hours))
        order.remove(late)
        order.insert(place, late)
    clock = {name: rhythm(begin, hours, b.zone_h, b.office) for name, b in BEHAVIOURS.items()}

    def add(piece: int, name: str, start: float, size: float, episode: int) -> None:
        if not 0 <= start < hours - 24:
            return
        behaviour = BEHAVIOURS[name]
        expected = size * pulse(start, behaviour.rise_h, behaviour.fade_h, hours) * clock[name]
        # hour-to-hour noise beyond Poisson: people copy what they have just seen
        acts = rng.poisson(expected * rng.gamma(6, 1 / 6, hours))
        # a submission nobody followed is still there; a link nobody passed on is nowhere
        if acts.sum() or behaviour.shape == "items":
            out.append(Burst(piece, name, start, size, episode, acts, expected))

    episode = 0
    for piece, episodes in zip(order, PLANTED if planted else (), strict=False):
        first = max(published[piece] + rng.uniform(2, 120), 24.0 * 3)
        room = hours - 24 * 8 - first
        starts = first + np.array([0.0, room * 0.6])[: len(episodes)]
        if published[piece] < 0 and room > 0:  # an old piece is discovered on any day
            starts = starts + rng.uniform(0, room * 0.4)
        for start, parts in zip(starts, episodes, strict=True):
            scale = rng.lognormal(0, 0.15)
            for name, after, size in parts:
                add(int(piece), name, start + after * rng.uniform(0.8, 1.25), size * scale, episode)
            episode += 1
    for piece, moment in enumerate(published):
        for name, behaviour in BEHAVIOURS.items():
            if rng.uniform() < 0.92:
                base = moment if moment > 0 else rng.uniform(0, hours * 0.7)
                size = behaviour.ordinary * rng.lognormal(0, 0.6)
                add(piece, name, base + rng.exponential(20) + 0.5, size, -1)
    return out


@dataclass(frozen=True)
class Visits:
    """Visits drawn: of each piece from each source, hour by hour, as the site's counter sees them.

    ``seen``, ``sent``: (source, piece) to hourly counts, by referrer and in truth. ``expected``:
    (episode, piece, platform) to the visits expected from it; ``planted``: the same, as drawn.
    """

    seen: dict[tuple[str, int], np.ndarray]
    sent: dict[tuple[str, int], np.ndarray]
    expected: dict[tuple[int, int, str], np.ndarray]
    planted: dict[tuple[int, int, str], np.ndarray]


def visits(
    rng: np.random.Generator, runs: list[Burst], published: np.ndarray, begin: pd.Timestamp, hours: int
) -> Visits:
    """Draw every visit."""
    site = rhythm(begin, hours, SITE_ZONE_H) * rng.gamma(60, 1 / 60, hours)
    found = Visits({}, {}, {}, {})
    for piece, moment in enumerate(published):
        level = 5 * rng.lognormal(0, 0.5)
        age = np.arange(hours) - np.floor(moment)
        # a piece is found a little more often as search engines come to know it
        rate = np.where(age >= 0, level * site * (1 - 0.25 * np.exp(-np.maximum(age, 0) / 240)), 0)
        for source, part in OWN.items():
            drawn = rng.poisson(part * rate * rng.gamma(25, 1 / 25, hours))
            found.seen[source, piece] = drawn
            found.sent[source, piece] = drawn.copy()
    kernels = {name: memory(behaviour, hours) for name, behaviour in BEHAVIOURS.items()}
    for run in runs:
        behaviour = BEHAVIOURS[run.platform]
        each = behaviour.visits * (1.0 if run.episode >= 0 else behaviour.unseen)
        arrived = rng.poisson(each * follow(run.acts, kernels[run.platform]))
        hidden = rng.binomial(arrived, behaviour.dark)
        pair = run.platform, run.piece
        nothing = np.zeros(hours, dtype=np.int64)
        found.sent[pair] = found.sent.get(pair, nothing) + arrived
        found.seen[pair] = found.seen.get(pair, nothing) + arrived - hidden
        found.seen["direct", run.piece] = found.seen["direct", run.piece] + hidden
        if run.episode >= 0:
            key = run.episode, run.piece, run.platform
            found.expected[key] = each * follow(run.expected, kernels[run.platform])
            found.planted[key] = arrived
    return found


def spike(expected: np.ndarray) -> tuple[int, int, int, float]:
    """Onset, peak, last hour and half-life (hours from peak) of an expected course of visits."""
    peak = int(expected.argmax())
    on = np.flatnonzero(expected >= EDGE * expected[peak])
    below = np.flatnonzero(expected[peak:] <= expected[peak] / 2)
    return int(on[0]), peak, int(on[-1]), float(below[0]) if len(below) else float("nan")
