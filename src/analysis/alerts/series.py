"""What is watched: series out of the store, each bin with the moment from which it was known.

A bin counts as it was first read whole: what is revised later neither raises an alarm nor takes one back.
What had been counted before the store's first look at a site was nobody's knowledge; in a replay it
stands in as if it had been read when it was over. A bin that was never read whole is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from analysis.models.counters import EXPOSURE, headline, is_exposure
from analysis.models.live import HEAD
from analysis.platforms import cards
from analysis.store import Store
from analysis.traffic.exposure import ALL

COLUMNS = ["platform", "content_id", "metric", "start", "end", "observed_at", "observer", "value", "status",
           "partial"]  # fmt: skip
MOST = 200
"""Contents watched one by one; a site's total always is."""


@dataclass(frozen=True)
class Watched:
    """One series: counts of one thing, a row a bin.

    subject : as a machine names it
    metric : visits, mentions, ...
    site : whose exposure it is; "" for a platform's own counts
    platform : who counted; "" for a site's exposure
    content_id : of which content; "" for a whole site, or what is new on it
    new : what is new on a site: all contents that are too young to know what is usual for them
    bins : start, end, value, observed_at (from when on it was known)
    sources : of a site: platform, content_id, start, end, value, observed_at; else empty
    """

    subject: str
    metric: str
    site: str
    platform: str
    content_id: str
    bins: pd.DataFrame
    sources: pd.DataFrame
    new: bool = False


def watched(store: Store, since: datetime, now: datetime) -> list[Watched]:
    """Every series that has a bin since ``since``, as known at ``now``."""
    rows = store.read("intervals", COLUMNS, as_of=pd.Timestamp(now), start=slice(since, now))
    rows = rows[rows["end"] <= pd.Timestamp(now)]
    exposure = is_exposure(rows["metric"])
    return _sites(rows[exposure], store) + _counted(rows[~exposure])


def _sites(rows: pd.DataFrame, store: Store) -> list[Watched]:
    """Each site's exposure, its total first, and its most visited contents."""
    content = store.read("content", ["content_id", "site"])
    of_site = content.set_index("content_id")["site"]
    rows = rows.assign(site=rows["content_id"].map(of_site))
    # since its first visit ever, not only those read here
    first = 'select content_id, min("start") as born from intervals where value > 0 group by content_id'
    born = store.sql().execute(first).df().set_index("content_id")["born"].dt.tz_localize("UTC")
    begun = born.groupby(born.index.map(of_site)).min()
    out = []
    for site, mine in rows.groupby("site"):
        metric = next((name for name in EXPOSURE if (mine["metric"] == name).any()), None)
        if metric is None:
            continue
        counts = mine[mine["metric"] == metric]
        observer = counts.groupby("observer")["value"].sum().sort_values().index[-1]
        hours = mine[(mine["observer"] == observer) & mine["metric"].isin([metric, f"{metric}.raw"])]
        bins, sources = _bins(hours, metric)
        if bins.empty:
            continue
        out.append(Watched(f"{metric} {site}", metric, str(site), "", "", bins, sources))
        # what was there when the data begin is of unknown age
        fresh = born[born >= begun.get(site, born.min()) + pd.Timedelta(days=1)]
        new = _new(bins, sources, fresh)
        if len(new):
            summed = _own(bins, new)
            out.append(Watched(f"{metric} {site} new", metric, str(site), "", "", summed, new, True))
        ranked = sources.groupby("content_id")["value"].sum().sort_values(ascending=False)
        parts = dict(tuple(sources.groupby("content_id")))
        for content_id in ranked.index[:MOST]:
            own = _own(bins, parts[content_id])
            subject = f"{metric} {site} {content_id}"
            out.append(Watched(subject, metric, str(site), "", content_id, own, parts[content_id]))
    return out


def _counted(rows: pd.DataFrame) -> list[Watched]:
    """What platforms counted themselves, by content: one metric a platform, as everywhere."""
    known, out = cards(), []
    for platform, mine in rows.groupby("platform"):
        metric = headline(str(platform), mine["metric"].unique(), known)
        for content_id, part in mine[mine["metric"] == metric].groupby("content_id"):
            looks = part.groupby("observer").size()
            bins, _ = _bins(part[part["observer"] == looks.idxmax()], str(metric))
            if len(bins):
                subject = f"{metric} {platform} {content_id}"
                out.append(Watched(subject, str(metric), "", str(platform), content_id, bins, bins.iloc[:0]))
    return out


def _bins(rows: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The bins of one counter as first read whole, and what they are the sum of."""
    key = ["start", "end"]
    whole = (rows["status"] == "observed") & ~rows["partial"] & (rows["observed_at"] >= rows["end"])
    first = rows[whole].groupby(key)["observed_at"].min().rename("first")
    rows = rows.join(first, on=key).dropna(subset="first")
    rows = rows[rows["observed_at"] <= rows["first"]].sort_values("observed_at")
    rows = rows.drop_duplicates(["platform", "content_id", "metric", *key], keep="last")
    lost = rows[(rows["status"] != "observed") | rows["partial"]][key].drop_duplicates()
    begun = rows["observed_at"].min()
    # counted before anybody looked: known, in a replay, when it was over
    rows["observed_at"] = rows["first"].where(rows["end"] > begun, rows["end"])
    sources = rows[(rows["metric"] == metric) & (rows["platform"] != ALL)]
    total = sources.groupby(key)["value"].sum(min_count=1)
    bins = rows.groupby(key)["observed_at"].first().to_frame().join(total)
    # a bin that was read, and in which nothing was counted
    bins["value"] = bins["value"].fillna(0.0)
    bins.loc[pd.MultiIndex.from_frame(lost).intersection(bins.index), "value"] = float("nan")
    return bins.reset_index(), sources[["platform", "content_id", *key, "value", "observed_at"]]


def _new(bins: pd.DataFrame, sources: pd.DataFrame, born: pd.Series) -> pd.DataFrame:
    """What contents brought while the model that watches them one by one is still silent about them."""
    some = sources[sources["content_id"].isin(born.index)]
    if some.empty:
        return some
    width = (bins["end"] - bins["start"]).median()
    return some[some["start"] < some["content_id"].map(born) + HEAD * width]


def _own(bins: pd.DataFrame, mine: pd.DataFrame) -> pd.DataFrame:
    """Some contents' bins: from their first on, nothing where the site was read and it was not."""
    values = mine.groupby(["start", "end"])["value"].sum(min_count=1).rename("own")
    own = bins[bins["start"] >= mine["start"].min()].join(values, on=["start", "end"])
    value = own["own"].fillna(0.0).where(own["value"].notna())
    return own.assign(value=value).drop(columns="own")
