"""A made-up site whose visits are known one by one: which platform sent each, referrer or not.

For trying ``models.attribution``, and made otherwise than the model thinks: every visit is drawn with a
delay of its own from a lognormal, gamma or Lomax law, in continuous time, and is lost where its hour finds
people asleep; a share brings a lognormal or Pareto number of visits; the part without a referrer differs
from content to content; the baseline has a rhythm of hour and weekday that do not multiply, a trend, the
novelty of a new page, autocorrelated noise of the whole site and of each page; surges that no share caused
come through direct; some shares are not seen; the counter fails for days. Platforms are shared on together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.traffic.exposure import ALL, DIRECT, SEARCH

BEGIN = pd.Timestamp("2017-01-01", tz="UTC")
ROOT = "root"


@dataclass(frozen=True)
class Sent:
    """What a store would hold of the site, and the truth.

    events, intervals : as the tables of the house have them
    truth : platform, sent (visits it sent in the counted hours), dark (of them without a referrer)
    silent : the platform that was shared on and sent nothing; "" where there is none
    pair : the two platforms that were always shared on together; empty where there are none
    """

    events: pd.DataFrame
    intervals: pd.DataFrame
    truth: pd.DataFrame
    silent: str
    pair: tuple[str, ...]


def site(
    seed: int,
    *,
    contents: int = 12,
    days: int = 120,
    platforms: int = 8,
    silent: bool = True,
    pair: bool = False,
    stripped: float = 0.0,
) -> Sent:
    """A site of so many contents, days and platforms.

    Parameters
    ----------
    silent : one platform is shared on and sends nothing
    pair : one platform is shared on whenever another is, within half an hour
    stripped : part of the referrers taken away besides
    """
    rng = np.random.default_rng([seed, contents, days])
    hours = days * 24
    names = [f"p{k}" for k in range(platforms)]
    born = np.sort(rng.uniform(-0.2, 0.75, contents)) * hours
    stated = {one: np.zeros((contents, hours)) for one in names}
    dark = {one: np.zeros((contents, hours)) for one in names}
    rows: list[tuple[str, int, float]] = []
    starts = _moments(rng, born, hours, names)
    if pair:
        starts[names[1]] = [(i, h + rng.uniform(0, 0.5)) for i, h in starts[names[0]]]
    awake = _awake(rng, hours)
    for number, one in enumerate(names):
        law, typical, hidden = _habits(rng)
        nothing = silent and number == platforms - 1
        without = 1 / (1 + np.exp(-(np.log(hidden / (1 - hidden)) + 0.3 * rng.standard_normal(contents))))
        for i, h in starts[one]:
            if rng.uniform() > 0.05 or number < 2:
                rows.append((one, i, h))
            if nothing:
                continue
            count = rng.poisson(min(typical * _size(rng, number), 20_000))
            at = h + law(count)
            at = at[at < hours]
            at = at[rng.uniform(size=len(at)) < awake[at.astype(int)]].astype(int)
            blind = rng.uniform(size=len(at)) < without[i]
            np.add.at(dark[one][i], at[blind], 1)
            np.add.at(stated[one][i], at[~blind], 1)
        if not nothing:  # people who follow links that nobody can date
            rate = rng.gamma(1.0, 0.006)
            stated[one] += rng.poisson(rate * (1 - without)[:, None], (contents, hours))
            dark[one] += rng.poisson(rate * without[:, None], (contents, hours))
        if stripped:
            lost = rng.binomial(stated[one].astype(int), stripped)
            stated[one] -= lost
            dark[one] += lost
    direct, search = _ordinary(rng, born, hours)
    for part in dark.values():
        direct += part
    alive = np.arange(hours)[None, :] >= np.floor(born)[:, None]
    lost = np.zeros(hours, bool)
    for _ in range(2):
        first = int(rng.uniform(0, hours - 60))
        lost[first : first + int(rng.uniform(5, 50))] = True
    known = alive & ~lost
    truth = pd.DataFrame(
        [(one, (stated[one] + dark[one])[known].sum(), dark[one][known].sum()) for one in names],
        columns=["platform", "sent", "dark"],
    )
    ids = [f"page {i}" for i in range(contents)]
    events = pd.DataFrame(rows, columns=["platform", "content", "hour"])
    events = pd.DataFrame(
        {"event_id": [f"{one}:{n}" for n, one in enumerate(events["platform"])],
         "content_id": [ids[i] for i in events["content"]], "platform": events["platform"],
         "kind": "submission",
         "occurred_at": BEGIN + pd.to_timedelta(events["hour"], unit="h"),
         "observed_at": BEGIN + pd.Timedelta(days=days)}
    )  # fmt: skip
    counted = {DIRECT: direct, SEARCH: search, **stated}
    return Sent(events, _intervals(counted, known, lost, ids, days), truth, names[-1] if silent else "",
                (names[0], names[1]) if pair else ())  # fmt: skip


def _moments(
    rng: np.random.Generator, born: np.ndarray, hours: int, names: list[str]
) -> dict[str, list[tuple[int, float]]]:
    """When each content is shared where: waves, each on several platforms within hours or days."""
    out: dict[str, list[tuple[int, float]]] = {one: [] for one in names}
    busy = rng.uniform(0.25, 0.6, len(names))
    for i, moment in enumerate(born):
        waves = 1 + rng.poisson(0.06 * hours / 24 / 7 * 3)
        room = max(moment, 0.0)
        when = [room + rng.exponential(6.0), *rng.uniform(room, hours, waves)]
        for start in when:
            for one, part in zip(names, busy, strict=True):
                if rng.uniform() < part:
                    for _ in range(1 + rng.poisson(0.4)):
                        at = start + rng.exponential(10.0)
                        if at < hours - 1:
                            out[one].append((i, float(at)))
    return out


def _habits(rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """A platform's law of delays, typical visits a share and part without a referrer."""
    kind, scale = rng.integers(3), np.exp(rng.uniform(np.log(1.0), np.log(24.0)))
    laws = (
        lambda n: rng.lognormal(np.log(scale), 0.9, n),
        lambda n: rng.gamma(1.6, scale / 1.3, n),
        lambda n: scale * 1.5 * rng.pareto(1.8, n),
    )
    return laws[kind], float(np.exp(rng.uniform(np.log(15), np.log(150)))), float(rng.uniform(0.2, 0.6))


def _size(rng: np.random.Generator, number: int) -> float:
    return float(rng.lognormal(-0.6, 1.1) if number % 2 else min(rng.pareto(1.6) * 0.6, 200))


def _awake(rng: np.random.Generator, hours: int) -> np.ndarray:
    hour = np.arange(hours) % 24
    return 0.55 + 0.45 * np.cos(2 * np.pi * (hour - rng.uniform(14, 22)) / 24)


def _ordinary(rng: np.random.Generator, born: np.ndarray, hours: int) -> tuple[np.ndarray, np.ndarray]:
    """Direct and search visits that no share caused, with surges in direct."""
    t = np.arange(hours)
    hour, day = t % 24, (t // 24 + 6) % 7
    work = np.exp(0.7 * np.sin(2 * np.pi * (hour - 9) / 24))
    free = 0.7 * np.exp(0.4 * np.sin(2 * np.pi * (hour - 14) / 24) + 0.2 * np.sin(4 * np.pi * hour / 24))
    beat = np.where(day >= 5, free, work) * np.where(day == 0, 1.1, 1.0)
    common = _wave(rng, hours, 0.1, 0.9)
    direct, search = np.zeros((2, len(born), hours))
    for i, moment in enumerate(born):
        age = t - moment
        new = 1 + rng.uniform(0, 1.5) * np.exp(-np.maximum(age, 0) / rng.uniform(100, 400))
        trend = np.exp(rng.normal(0, 0.3) * t / hours)
        rate = rng.lognormal(0.5, 0.7) * beat * new * trend * (age >= 0)
        direct[i] = rng.poisson(rate * np.exp(common + _wave(rng, hours, 0.12, 0.8)))
        search[i] = rng.poisson(1.5 * rate * np.exp(common))
        if rng.uniform() < 0.3 and moment < hours - 80:  # a newsletter
            at = int(rng.uniform(max(moment, 0), hours - 72))
            direct[i, at : at + 72] += rng.poisson(rng.uniform(5, 30) * np.exp(-np.arange(72) / 8))
    return direct, search


def _wave(rng: np.random.Generator, hours: int, deviation: float, memory: float) -> np.ndarray:
    from scipy.signal import lfilter

    return np.asarray(lfilter([deviation * np.sqrt(1 - memory**2)], [1, -memory], rng.standard_normal(hours)))


def _intervals(
    counted: dict[str, np.ndarray], known: np.ndarray, lost: np.ndarray, ids: list[str], days: int
) -> pd.DataFrame:
    """Rows as a log gives them: pages where somebody came, and every hour of the root."""
    parts = []
    for source, counts in counted.items():
        page, hour = np.nonzero((counts > 0) & known)
        parts.append(pd.DataFrame({"platform": source, "content_id": np.array(ids)[page], "metric": "visits",
                                   "hour": hour, "value": counts[page, hour]}))  # fmt: skip
    whole = np.arange(len(lost))
    parts.append(pd.DataFrame({"platform": ALL, "content_id": ROOT, "metric": "visits.raw", "hour": whole,
                               "value": np.where(lost, np.nan, 1.0)}))  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    start = BEGIN + pd.to_timedelta(rows["hour"], unit="h")
    return rows.drop(columns="hour").assign(
        start=start, end=start + pd.Timedelta(hours=1), observed_at=BEGIN + pd.Timedelta(days=days),
        observer="counter", partial=False, status=np.where(rows["value"].isna(), "failed", "observed"),
    )  # fmt: skip
