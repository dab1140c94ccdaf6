"""What a careful collector and the site's own counter saw of the made-up world: the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.simulate import look
from analysis.simulate.behaviour import BEHAVIOURS
from analysis.simulate.own import own
from analysis.simulate.pieces import SITE, slug, title
from analysis.simulate.world import (
    HOUR,
    OWN,
    SITE_ZONE_H,
    Visits,
    bursts,
    news,
    publication,
    spike,
    visits,
)
from analysis.tables import CONTENT, EVENTS, INTERVALS, READINGS, Table, conform, empty
from analysis.urls import canonical, content_id, site

END = pd.Timestamp("2018-04-01", tz="UTC")
FEWEST = 25
"""A source that sent fewer visits to a piece is counted under "other", as real counters do."""
OUTAGES = ((0.42, 7, "the log of these hours was lost"), (0.71, 26, "the counter's script was blocked"))
"""Where in the window the site's counter failed, for how many hours, and why."""


@dataclass(frozen=True)
class World:
    """A made-up world.

    content, events, readings, intervals : the tables of the house
    truth : what really happened, a row a fact. Columns: ``fact``; ``content_id``; ``platform``
        ("all": together); ``onset``, ``peak``, ``end`` (UTC, end not included); ``value``;
        ``half_life_hours`` (from the peak); ``note``. Facts: **spike**, a planted episode in a
        piece's visits, per platform and in all (value: visits it added, as drawn; it lasts while
        the visits expected from it are at least a twentieth of their peak); **visits**, what a
        platform really sent in the window; **referred**, the part of it that still carried a
        referrer; **quiet**, a piece with no planted spike; **gap**, hours the site's counter missed; and
        what the publisher did itself (``own``): **own links**, **posts answered**, **answered back**,
        **one link in several communities**, **bursts**, **link-only posts**, **followed**
    """

    content: pd.DataFrame
    events: pd.DataFrame
    readings: pd.DataFrame
    intervals: pd.DataFrame
    truth: pd.DataFrame


def marker(seed: int, days: int, contents: int) -> str:
    """The ``source`` every row of a world carries, so that nobody takes it for real."""
    return f"simulated world 1: seed {seed}, {days} days, {contents} contents"


def world(seed: int = 0, days: int = 90, contents: int = 30) -> World:
    """A made-up world whose truth is known.

    Parameters
    ----------
    seed
        The same seed gives the same world.
    days
        Length of the window that ends at ``END``; at least 14.
    contents
        Pieces published; the first dozen archetypes of ``behaviour.PLANTED`` are given to pieces
        drawn by the seed, the rest stay quiet. ``NEWS`` more are published in the last days.

    Raises
    ------
    ValueError
        When the window is shorter than 14 days or nothing is published.
    """
    if days < 14 or contents < 1:
        raise ValueError(f"a world needs at least 14 days and 1 content, not {days} and {contents}")
    hours = days * 24
    begin = END - pd.Timedelta(days=days)
    # the newest pieces are drawn apart, so that the rest is what it was without them
    rng, late = np.random.default_rng(seed), np.random.default_rng([seed, 9])
    published = [publication(rng, contents, hours), news(late, hours)]
    shown = [
        _shown(source, moments, begin, hours, first, marker(seed, days, contents))
        for source, moments, first in zip((rng, late), published, (0, contents), strict=True)
    ]
    acts = own(shown[0].watch, seed)
    watches = [part.watch for part in shown]
    truth = [
        _truth(part.watch, part.drawn, facts) for part, facts in zip(shown, (acts.facts, []), strict=True)
    ]
    return World(
        content=_table([*(part.pieces for part in shown), pd.DataFrame(acts.content)], CONTENT),
        events=_table([*_each(look.events, watches), pd.DataFrame(acts.events)], EVENTS),
        readings=_table([*_each(look.readings, watches), pd.DataFrame(acts.readings)], READINGS),
        intervals=_table(
            [
                *_each(look.hourly, watches),
                *_each(look.daily, watches),
                *(_counted(part.watch, part.drawn) for part in shown),
            ],
            INTERVALS,
        ),
        truth=pd.concat(truth, ignore_index=True).drop_duplicates(ignore_index=True),
    )


@dataclass(frozen=True)
class _Shown:
    """Pieces drawn together, what was done with them, and how it was watched."""

    watch: look.Watch
    drawn: Visits
    pieces: pd.DataFrame


def _shown(
    rng: np.random.Generator, published: np.ndarray, begin: pd.Timestamp, hours: int, first: int, source: str
) -> _Shown:
    runs = bursts(rng, published, begin, hours, planted=first == 0)
    drawn = visits(rng, runs, published, begin, hours)
    moments = begin + pd.to_timedelta(np.round(published * 3600), unit="s")
    local = moments + pd.Timedelta(hours=SITE_ZONE_H)
    urls = [canonical(f"https://{SITE}/{at:%Y/%m}/{slug(first + number)}") for number, at in enumerate(local)]
    ids = np.array([content_id(url) for url in urls])
    pieces = pd.DataFrame(
        {
            "content_id": ids,
            "url": urls,
            "title": [title(first + number) for number in range(len(ids))],
            "published_at": moments,
            "site": [site(url) for url in urls],
        }
    )
    return _Shown(look.Watch(rng, runs, published, begin, hours, ids, source), drawn, pieces)


def _each(rows: Callable[[look.Watch], list[pd.DataFrame]], watches: list[look.Watch]) -> list[pd.DataFrame]:
    return [frame for watch in watches for frame in rows(watch)]


def _table(frames: list[pd.DataFrame], table: Table) -> pd.DataFrame:
    frames = [frame for frame in frames if len(frame)]
    return conform(pd.concat(frames, ignore_index=True), table) if frames else empty(table)


def _outages(hours: int) -> list[tuple[int, int, str]]:
    return [(int(part * hours), int(part * hours) + length, why) for part, length, why in OUTAGES]


def _counted(watch: look.Watch, drawn: Visits) -> pd.DataFrame:
    """The site's own counter: visits per hour, piece and source; fetched every midnight."""
    shown = {pair: counts.astype(float) for pair, counts in drawn.seen.items()}
    for (source, piece), counts in drawn.seen.items():
        if source in BEHAVIOURS and counts.sum() < FEWEST:
            shown["other", piece] += shown.pop((source, piece))
    names = np.array([*OWN, *BEHAVIOURS])
    parts = []
    for (source, piece), values in shown.items():
        hour = np.arange(max(0, int(watch.published[piece])), watch.hours)
        code = int(np.flatnonzero(names == source)[0])
        parts.append(
            np.column_stack([np.full(len(hour), code), np.full(len(hour), piece), hour, values[hour]])
        )
    code, piece, hour, value = np.concatenate(parts).T
    hour_index = hour.astype(np.int64)
    start = watch.begin + pd.to_timedelta(hour_index, unit="h")
    status = np.full(len(hour), "observed", dtype=object)
    reason = np.full(len(hour), None, dtype=object)
    partial = np.zeros(len(hour), dtype=bool)
    for first, last, why in _outages(watch.hours):
        lost = (hour > first) & (hour < last)
        value[lost], status[lost], reason[lost] = np.nan, "failed", why
        # the hour in which it broke was counted in part
        broken = hour == first
        value[broken], partial[broken] = np.floor(value[broken] / 2), True
    return pd.DataFrame(
        {
            "platform": pd.array(names.tolist(), dtype="str").take(code.astype(int)),
            "content_id": pd.array(watch.ids.tolist(), dtype="str").take(piece.astype(int)),
            "metric": "visits",
            "start": start,
            "end": start + HOUR,
            "observed_at": watch.begin + pd.to_timedelta((hour_index // 24 + 1) * 24, unit="h"),
            "observer": f"counter of {SITE}",
            "value": value,
            "status": status,
            "reason": reason,
            "partial": partial,
            "source": watch.source,
        }
    )


def _truth(watch: look.Watch, drawn: Visits, facts: list[tuple[str, str, float, str]]) -> pd.DataFrame:
    rows: list[dict[str, object]] = []

    def row(fact: str, piece: int | None, platform: str, value: float, note: str = "") -> dict[str, object]:
        content = None if piece is None else watch.ids[piece]
        new = {"fact": fact, "content_id": content, "platform": platform, "value": float(value), "note": note}
        rows.append(new)
        return new

    def lasting(new: dict[str, object], onset: int, peak: int, last: int) -> None:
        for name, hour in (("onset", onset), ("peak", peak), ("end", last + 1)):
            new[name] = watch.begin + hour * HOUR

    def planted(episode: int, piece: int, platform: str, expected: np.ndarray, visitors: np.ndarray) -> None:
        onset, peak, last, half = spike(expected)
        new = row("spike", piece, platform, visitors.sum(), f"episode {episode}")
        lasting(new, onset, peak, last)
        new["half_life_hours"] = half

    together: dict[tuple[int, int], list[str]] = {}
    for episode, piece, platform in drawn.expected:
        key = episode, piece, platform
        planted(episode, piece, platform, drawn.expected[key], drawn.planted[key])
        together.setdefault((episode, piece), []).append(platform)
    for (episode, piece), platforms in together.items():
        keys = [(episode, piece, platform) for platform in platforms]
        planted(
            episode,
            piece,
            "all",
            np.sum([drawn.expected[key] for key in keys], axis=0),
            np.sum([drawn.planted[key] for key in keys], axis=0),
        )
    for (source, piece), sent in drawn.sent.items():
        row("visits", piece, source, sent.sum())
        if source in BEHAVIOURS:
            row("referred", piece, source, drawn.seen[source, piece].sum())
    loud = {piece for _, piece in together}
    for piece in range(len(watch.ids)):
        if piece not in loud:
            row("quiet", piece, "all", 0)
    for first, last, why in _outages(watch.hours):
        new = row("gap", None, "all", last - first, why)
        lasting(new, first, first, last - 1)
    for fact, platform, value, note in facts:
        row(fact, None, platform, value, note)
    columns = ["fact", "content_id", "platform", "onset", "peak", "end", "value", "half_life_hours", "note"]
    frame = pd.DataFrame(rows).reindex(columns=columns)
    for name in ("onset", "peak", "end"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    frame["half_life_hours"] = frame["half_life_hours"].astype(float)
    return frame
