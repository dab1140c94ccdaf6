"""How a careful collector looked at the platforms of the made-up world, and what it could not know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.simulate.behaviour import BEHAVIOURS
from analysis.simulate.world import Burst

# Hours after publication at which a counter is looked at.
AGES = np.array([1 / 6, 1 / 3, 2 / 3, 1, 2, 3, 6, 12, 24, 48])
WITHDRAWN = pd.Timestamp("2018-02-01", tz="UTC")
OBSERVERS = {"mastodon": "mastodon.example"}
COMMUNITIES = {
    "reddit": ("history", "programming", "todayilearned"),
    "lobsters": ("culture", "historical"),
}
FIRST_ID = {
    "hackernews": 16_050_000,
    "reddit": 7_000_000,
    "lobsters": 52_000,
    "digg": 910_000,
    "mastodon": 99_000_000,
    "hatena": 350_000_000,
}


@dataclass(frozen=True)
class Watch:
    """A world as the functions here need it."""

    rng: np.random.Generator
    runs: list[Burst]
    published: np.ndarray
    begin: pd.Timestamp
    hours: int
    ids: np.ndarray
    source: str

    def at(self, hour: np.ndarray | float) -> pd.DatetimeIndex:
        """Moments of the window, from hours into it, to the second."""
        seconds = np.round(np.atleast_1d(hour) * 3600)
        return pd.DatetimeIndex(self.begin + pd.to_timedelta(seconds, unit="s"))

    @cached_property
    def native(self) -> list[str]:
        """The platform's own id of each burst's submission, growing with time."""
        return [
            _base36(FIRST_ID.get(run.platform, 0) + int(run.start * 97) * 3 + number % 3)
            if run.platform in ("reddit", "lobsters")
            else str(FIRST_ID.get(run.platform, 0) + int(run.start * 97) * 40 + number % 40)
            for number, run in enumerate(self.runs)
        ]

    def on(self, platform: str) -> dict[int, list[Burst]]:
        """The platform's bursts, by piece."""
        found: dict[int, list[Burst]] = {}
        for run in self.runs:
            if run.platform == platform:
                found.setdefault(run.piece, []).append(run)
        return found

    def frame(self, platform: str, **columns: object) -> pd.DataFrame:
        """Rows of one platform, with its observer and the source."""
        observer = OBSERVERS.get(platform, "sample collector")
        return pd.DataFrame({"platform": platform, "observer": observer, "source": self.source, **columns})


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"


def _actor(platform: str, number: int) -> str:
    return hashlib.sha256(f"{platform}:{number}".encode()).hexdigest()[:16]


def _total(acts: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """Acts until each moment; inside an hour they come evenly."""
    return np.floor(np.interp(hour, np.arange(len(acts) + 1), np.concatenate([[0], np.cumsum(acts)])))


def events(watch: Watch) -> list[pd.DataFrame]:
    """Submissions, one a burst, where a platform has them; every act where it dates each."""
    frames = []
    for run, native in zip(watch.runs, watch.native, strict=True):
        behaviour = BEHAVIOURS[run.platform]
        if behaviour.shape == "items":
            hour = np.array([run.start])
            names = [native]
        elif behaviour.kind:
            hour = np.repeat(np.arange(watch.hours), run.acts) + watch.rng.uniform(0, 1, run.acts.sum())
            hour = np.maximum(hour, run.start)
            names = [f"{native}-{n}" for n in range(len(hour))]
        else:
            continue
        seen = np.ceil(hour + 0.02)
        actors = [_actor(run.platform, int(n)) for n in watch.rng.zipf(1.6, len(hour)) % 5000]
        places = COMMUNITIES.get(run.platform)
        audience = np.round(watch.rng.lognormal(5, 1.4, len(hour))) if run.platform == "mastodon" else np.nan
        frames.append(
            watch.frame(
                run.platform,
                event_id=[f"{run.platform}:{name}" for name in names],
                content_id=watch.ids[run.piece],
                kind=behaviour.kind,
                occurred_at=watch.at(hour).floor("min" if run.platform == "hatena" else "s"),
                observed_at=watch.at(seen),
                actor=actors,
                audience=audience,
                community=places[run.piece % len(places)] if places else None,
            )[seen <= watch.hours]
        )
    return frames


def readings(watch: Watch) -> list[pd.DataFrame]:
    """Counters, looked at at set ages; unknown with a reason where nothing could be known."""
    frames = []
    for run, native in zip(watch.runs, watch.native, strict=True):
        if BEHAVIOURS[run.platform].shape == "items":
            looks = run.start + np.concatenate([AGES, [36, 60], np.arange(72, 24 * 15, 24)])
            frames += _counters(watch, run.platform, run.piece, native, run.acts, looks)
    for name, behaviour in BEHAVIOURS.items():
        if behaviour.shape != "counter":
            continue
        shared = watch.on(name)
        for piece, moment in enumerate(watch.published):
            acts = sum((run.acts for run in shared.get(piece, [])), np.zeros(watch.hours, dtype=np.int64))
            since = max(moment, 0.0)
            looks = since + np.concatenate([AGES, np.arange(60, watch.hours, 12)])
            if name == "tumblr":  # asked once a day, in vain
                looks = since + np.arange(1, 8) * 24.0
            frames += _counters(watch, name, piece, str(watch.ids[piece]), acts, looks)
    return frames


def _counters(
    watch: Watch, platform: str, piece: int, item: str, acts: np.ndarray, looks: np.ndarray
) -> list[pd.DataFrame]:
    rng, hours = watch.rng, watch.hours
    looks = looks + rng.uniform(0, 0.07, len(looks))  # a schedule is never on the second
    looks = looks[looks <= hours]
    when = watch.at(looks)
    unknown, why = _unknown(platform, looks / 24, when)
    frames = []
    for metric, ratio in BEHAVIOURS[platform].metrics:
        value = np.floor(_total(acts, looks if ratio == 1 else looks - 0.5) * ratio * rng.uniform(0.8, 1.2))
        if ratio == 1:
            value = _total(acts, looks)
        if metric in ("points", "score", "diggs"):
            value += 1  # whoever submits it votes for it
        if metric == "score" and platform == "reddit":
            value = np.maximum(0, value + np.round(rng.normal(0, 0.012, len(value)) * value))
        if platform == "stumbleupon" and piece % 5 == 2:
            recount = 0.66 * hours
            value = value - np.where(looks >= recount, np.floor(0.08 * _total(acts, np.array([recount]))), 0)
        value[unknown != "observed"] = np.nan
        frames.append(
            watch.frame(
                platform,
                item_id=item,
                metric=metric,
                observed_at=when,
                content_id=watch.ids[piece],
                value=value,
                status=unknown,
                reason=why,
            )
        )
    return frames


def _unknown(platform: str, day: np.ndarray, when: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """For each look: its status, and why it is unknown."""
    status = np.full(len(day), "observed", dtype=object)
    reason = np.full(len(day), None, dtype=object)

    def mark(where: np.ndarray, what: str, why: str) -> None:
        status[where], reason[where] = what, why

    if platform == "linkedin":
        mark(when >= WITHDRAWN, "withdrawn", "share counts of a URL are no longer given since February 2018")
    elif platform == "tumblr":
        mark(day >= 0, "not_configured", "no key: VIRALITY_TUMBLR_API_KEY is not set")
    elif platform == "facebook":
        mark(
            (day >= 33.4) & (day < 34.8), "rate_limited", "told to wait 22 hours, longer than a run may take"
        )
    elif platform == "reddit":
        mark((day >= 61) & (day < 61.6), "failed", "answered 503 three times")
    return status, reason


def _watched(watch: Watch, runs: list[Burst], days: int) -> np.ndarray:
    """The days on which a platform is asked about a piece: from each burst on, for some days."""
    first = {int(run.start // 24) for run in runs}
    return np.array(sorted({day + n for day in first for n in range(days) if day + n < watch.hours // 24}))


def hourly(watch: Watch) -> list[pd.DataFrame]:
    """Counts the platform binned by the hour, fetched every midnight while the budget lasts."""
    frames = []
    for name in (n for n, b in BEHAVIOURS.items() if b.shape == "hourly"):
        for piece, runs in watch.on(name).items():
            acts = sum((run.acts for run in runs), np.zeros(watch.hours, dtype=np.int64))
            day = _watched(watch, runs, 8)
            spent = (watch.begin + pd.to_timedelta(day, unit="D")).day >= 26
            hour = (day[~spent][:, None] * 24 + np.arange(24)).ravel()
            common = {
                "content_id": watch.ids[piece],
                "metric": BEHAVIOURS[name].metrics[0][0],
                "partial": False,
            }
            frames.append(
                watch.frame(
                    name,
                    **common,
                    start=watch.at(hour),
                    end=watch.at(hour + 1),
                    observed_at=watch.at((hour // 24 + 1) * 24),
                    value=acts[hour].astype(float),
                    status="observed",
                    reason=None,
                )
            )
            lost = day[spent] * 24
            frames.append(
                watch.frame(
                    name,
                    **common,
                    start=watch.at(lost),
                    end=watch.at(lost + 24),
                    observed_at=watch.at(lost + 24),
                    value=np.nan,
                    status="over_budget",
                    reason="the month's budget was spent",
                )
            )
    return frames


def daily(watch: Watch) -> list[pd.DataFrame]:
    """Counts the platform binned by the day: the running day in part, the past one whole."""
    frames = []
    for name in (n for n, b in BEHAVIOURS.items() if b.shape == "daily"):
        for piece, runs in watch.on(name).items():
            acts = sum((run.acts for run in runs), np.zeros(watch.hours, dtype=np.int64))
            day = _watched(watch, runs, 7)
            for metric, ratio in BEHAVIOURS[name].metrics:
                for until, partial in ((14, True), (24, False)):
                    hour = day[:, None] * 24 + np.arange(until)
                    frames.append(
                        watch.frame(
                            name,
                            content_id=watch.ids[piece],
                            metric=metric,
                            start=watch.at(day * 24),
                            end=watch.at(day * 24 + 24),
                            observed_at=watch.at(day * 24 + until),
                            value=np.ceil(acts[hour].sum(axis=1) * ratio),
                            status="observed",
                            reason=None,
                            partial=partial,
                        )
                    )
    return frames
