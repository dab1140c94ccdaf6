"""Watching: what of the store's series is out of the ordinary, as the models judge them.

Each series is judged by its past, and by what others like it had shown before it began, so what fired at a
moment is the same whether it is asked then or later: a replay of the past is one pass over it. The rate of
false alarms that is accepted in all is shared: half by what is looked for in whole sites, half by every
content and every platform's own counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from analysis.alerts import say
from analysis.alerts.alert import Alert
from analysis.alerts.rules import Rules
from analysis.alerts.series import Watched, watched
from analysis.models import drop, live, mix
from analysis.models.noise import Noise
from analysis.models.result import Result
from analysis.store import Store

HISTORY = pd.Timedelta(days=120)
"""What the models learn from: several half-lives of the longest of their memories."""


def alerts(store: Store, now: datetime, rules: Rules, period: pd.Timedelta) -> list[Alert]:
    """What fired within ``period`` before ``now``, in order of time."""
    moment = pd.Timestamp(now)
    begin = moment - period
    every = watched(store, (begin - HISTORY).to_pydatetime(), now)
    sites = [one for one in every if one.site and _wide(one) == 2]
    # A site and what is new on it are few and matter most: half is theirs, half everything else's.
    wide = 4 * len(sites)
    rate = rules.false_per_month / max(wide, 1) / 2
    narrow = rules.false_per_month / max(len(every) - wide // 2, 1) / (2 if wide else 1)
    words = say.Words.of(store, every)
    found = list(_spikes(every, rules, (narrow, rate, rate), words))
    for site in sites:
        found += [
            *_drops(site, rules, rate, words),
            *_mixes(site, rules, rate, words),
            *_missing(site, rules, moment, words),
        ]
    found = [one for one in found if one.kind in rules.kinds and begin < pd.Timestamp(one.at) <= moment]
    return sorted(found, key=lambda one: (one.at, one.key))


def _spikes(
    every: list[Watched], rules: Rules, rates: tuple[float, ...], words: say.Words
) -> Iterator[Alert]:
    """Rises of every series; what a site's total and one of its contents show is told once."""
    told: list[tuple[Watched, Alert, str]] = []
    noise: dict[tuple[str, str], list[Noise]] = {}
    # the oldest first: what their noise showed, the young are judged by
    for one in sorted(every, key=lambda one: one.bins["start"].min()):
        like = noise.setdefault((one.site, one.platform), []) if one.content_id else []
        result = live.find(
            one.bins, false_per_month=rates[_wide(one)], zone=rules.zone, least=rules.least,
            calm=rules.rearm, like=like,
        )  # fmt: skip
        like.append(result.extra["noise"])
        told += [(one, alert, leader) for alert, leader in _rises(one, result, words)]
    for one, alert, leader in told:
        # as it stood when the second one fired: nothing that came later decides it
        again = any(
            other.site == one.site
            and leader == led
            and (same.at, _wide(other)) < (alert.at, _wide(one))
            and alert.at - same.at <= rules.rearm
            for other, same, led in told
            if one.site and other is not one
        )
        if not again:
            yield alert


def _wide(one: Watched) -> int:
    """How much a series holds: a content, what is new on a site, a site. The narrowest says most."""
    return 0 if one.content_id else 1 if one.new else 2


def _rises(one: Watched, result: Result, words: say.Words) -> Iterator[tuple[Alert, str]]:
    """Spikes found in one series, and the content that brought most of each."""
    when = _known_from(one.bins)
    rows = result.extra["score"].set_index("start")
    for row in result.table.itertuples():
        at = _at(when, row.alarm)
        # what is known by the time it is told: a whole day, where days are read as a whole
        until = max(row.alarm, when.index[when <= at].max())
        until = min(until, row.last)
        seen = rows[(rows.index >= row.onset) & (rows.index < until)].dropna()
        body, leader = words.spike(one, row.onset, until, seen["value"].sum(), seen["expected"].sum())
        onset, last = row.onset.to_pydatetime(), _at(when, row.last)
        yield Alert("spike", one.subject, onset, at, f"Spike: {words.of_what(one)}", body, last), leader


def _drops(site: Watched, rules: Rules, rate: float, words: say.Words) -> Iterator[Alert]:
    result = drop.find(site.bins, false_per_month=rate, zone=rules.zone)
    when = _known_from(site.bins)
    for row in result.table.itertuples():
        at, last = _at(when, row.alarm), _at(when, row.last)
        yield Alert(
            "drop", site.subject, row.onset.to_pydatetime(), at, f"Drop: {words.of_what(site)}",
            words.drop(site, row), last,
        )  # fmt: skip


def _mixes(site: Watched, rules: Rules, rate: float, words: say.Words) -> Iterator[Alert]:
    # an hour that was read and had no visit at all is known, too
    empty = site.bins[~site.bins["start"].isin(site.sources["start"]) | site.bins["value"].isna()]
    some = site.sources["platform"].iloc[0] if len(site.sources) else ""
    rows = pd.concat([site.sources, empty.assign(platform=some)], ignore_index=True)
    result = mix.find(rows, false_per_month=rate, zone=rules.zone)
    when = _known_from(site.bins)
    for row in result.table.itertuples():
        moved = result.extra["sources"]
        body = words.mix(moved[moved["onset"] == row.onset])
        at = _at(when, row.alarm)
        yield Alert("mix", f"referrers {site.site}", row.onset.to_pydatetime(), at,
                    f"Referrers changed: {words.of_site(site)}", body)  # fmt: skip


def _missing(site: Watched, rules: Rules, now: pd.Timestamp, words: say.Words) -> Iterator[Alert]:
    """Times in which the newest bin that was known was older than it should have been."""
    bins = site.bins.dropna(subset="value").sort_values(["observed_at", "end"])
    patience = max(pd.Timedelta(hours=rules.missing_hours), 3 * (bins["end"] - bins["start"]).median())
    newest = bins["end"].cummax()
    following = bins["observed_at"].shift(-1).fillna(now)
    late = following - newest > patience
    for end, then in zip(newest[late], following[late], strict=True):
        yield Alert(
            "missing", site.subject, end.to_pydatetime(), (end + patience).to_pydatetime(),
            f"No data: {words.of_what(site)}", words.missing(site, end, patience), then.to_pydatetime(),
        )  # fmt: skip


def _known_from(bins: pd.DataFrame) -> pd.Series:
    """For the end of each bin, when it and all before it were known."""
    order = bins.sort_values("end")
    return pd.Series(order["observed_at"].cummax().to_numpy(), index=pd.DatetimeIndex(order["end"]))


def _at(when: pd.Series, moment: pd.Timestamp) -> datetime:
    """When all bins that were over at a moment were known."""
    place = int(when.index.searchsorted(moment, side="right")) - 1
    at: datetime = max(when.iloc[max(place, 0)], moment).to_pydatetime()
    return at
