"""Who came, from where: visits per share, and the dark part of direct visits.

Question: how many visits does one share on a platform bring, and how much of what looks direct was
shared out of sight?

Visits per share. For a content i and a platform, V_i visits were counted and S_i shares (events) seen.
The platform's rate is R = sum V / sum S over contents with both observed. Contents differ far more than
Poisson counts do, so the interval of R comes from a bootstrap over contents (seeded, 2,000 resamples,
percentiles); below five contents it is a Poisson interval of sum V, widened by the dispersion, and with
one content there is none: how contents differ is not known then. The interval of one content is the
Poisson interval of V_i (Garwood 1936) over S_i, its half-widths
multiplied by sqrt(phi), with phi = max(1, Pearson chi-square of V_i against R S_i, over n - 1).

Dark social. A direct visit (no referrer, no tag) that lands on a deep page, one that is not the site's
root, is dark when such visits move with the shares of that page: y_t = b w_t + beta x_t, where y are
hourly direct landings, w the site's usual hours (direct visits of all its other pages, by hour of day,
mean 1), and x_t = sum over shares s <= t of exp(-(t - s) / tau). b and beta are at least 0, fitted by
Poisson likelihood (EM), tau is the best of 1, 3, 6, 12 and 24 hours. The dark part is beta sum x. Its
interval comes from a quasi-Poisson standard error, with the dispersion of the residuals and their
autocorrelation over six hours; it is found when the lower bound is above 0.

It abstains when a page has fewer than 48 observed hours, fewer than 10 direct visits, or no share; a
platform without shares has no rate: unknown, not 0. Assumptions: hourly counts are as complete as
their rows say (partial hours are left out), shares outside the store cannot be seen, and another cause
that follows the shares within hours (a newsletter of the same day) counts as dark social. A baseline
that moves for its own reasons at the hour of a share misleads it.

Source: Madrigal, "Dark Social" (The Atlantic, 2012) for the notion; McCullagh and Nelder, Generalized
Linear Models (1989), chapters 6 and 9, for quasi-likelihood; Garwood, Biometrika 28 (1936).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.models._echo import TAUS, echo
from analysis.models.alike import total
from analysis.models.counters import latest
from analysis.models.overview import name, names
from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card

VERSION = "exposure 1.0"
SHARES = ("submission", "repost", "quote", "bookmark", "pin", "post", "status", "mention", "upload")
LEAST_HOURS, LEAST_VISITS, LEAST_CONTENTS, RESAMPLES = 48, 10, 5, 2000
HOUR = pd.Timedelta(hours=1)
LEVEL = 1.959964  # two-sided 95 %
PER_SHARE = [
    "content_id", "platform", "shares", "visits", "per_share", "low", "high", "unknown_hours", "reason",
]  # fmt: skip
DARK = ["content_id", "direct", "dark", "low", "high", "share_of_direct", "tau_hours", "verdict", "reason"]


def raw_and_cleaned(intervals: pd.DataFrame, by: list[str], count: str = "visits") -> pd.DataFrame:
    """Raw, each removed part, and what is kept, by the columns of ``by``: raw = kept + the parts.

    Parameters
    ----------
    intervals : exposure intervals, each bin once (``counters.latest``)
    by : columns such as platform or start
    count : visits or pageviews

    Returns
    -------
    One row a group: the ``by`` columns, raw, removed.<rule> for every rule that removed any, kept.
    """
    ours = intervals[(intervals["metric"] == count) | intervals["metric"].str.startswith(f"{count}.removed.")]
    wide = ours.pivot_table(index=by, columns="metric", values="value", aggfunc=lambda v: v.sum(min_count=1))
    removed = sorted(name for name in wide.columns if name != count)
    out = pd.DataFrame(index=wide.index)
    parts = [*removed, *([count] if count in wide else [])]
    out["raw"] = wide[parts].sum(axis=1, min_count=1)
    for column in removed:
        out[column.removeprefix(f"{count}.")] = wide[column].fillna(0.0)
    out["kept"] = wide[count].fillna(0.0) if count in wide else 0.0
    return out.reset_index()


def matched(intervals: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Visits on pages that somebody shared, and on pages that no event names: matched, visits, pages."""
    rows = latest(intervals[intervals["metric"] == "visits"])
    shared = rows["content_id"].isin(events["content_id"])
    names = shared.map({True: "pages that were shared", False: "pages that no share names"})
    out = (
        rows.assign(matched=names)
        .groupby("matched")
        .agg(visits=("value", lambda v: v.sum(min_count=1)), pages=("content_id", "nunique"))
    )
    out = out.reindex(["pages that were shared", "pages that no share names"])
    out["pages"] = out["pages"].fillna(0).astype(int)
    if len(rows):  # where something was counted, no such page is no visit
        out.loc[out["pages"] == 0, "visits"] = 0.0
    return out.reset_index()


def visits_per_share(
    intervals: pd.DataFrame, events: pd.DataFrame, seed: int = 0, cards: Mapping[str, Card] | None = None
) -> Result:
    """How many visits one share brings, by content and platform, and by platform.

    Parameters
    ----------
    intervals : exposure intervals of one observer (metric visits), by where visits came from
    events : events; those of a kind in ``SHARES`` are shares
    seed : of the bootstrap over contents
    cards : the platforms' cards, for their names in the summary

    Returns
    -------
    Result whose table has ``PER_SHARE``: visits per share (missing where no share was seen) with a 95 %
    interval; ``extra["platforms"]``: platform, contents, shares, visits, per_share, low, high, reason.
    """
    shares = events[events["kind"].isin(SHARES)].groupby(["content_id", "platform"]).size().rename("shares")
    rows = latest(
        intervals[(intervals["metric"] == "visits") & intervals["platform"].isin(events["platform"])]
    )
    group = rows.groupby(["content_id", "platform"])["value"]
    summed = total(rows, ["content_id", "platform"]).set_index(["content_id", "platform"])["value"]
    counted = pd.DataFrame({"visits": summed, "unknown_hours": group.agg(lambda v: v.isna().sum())})
    table = counted.join(shares, how="outer").reset_index()
    table["shares"] = table["shares"].fillna(0).astype(int)
    table["unknown_hours"] = table["unknown_hours"].fillna(0).astype(int)
    rng = np.random.default_rng(seed)
    platforms, parts = [], []
    for platform, part in table.groupby("platform", sort=True):
        part = part.copy()
        use = part[(part["shares"] > 0) & part["visits"].notna()]
        whole, phi = _rate(use, rng)
        platforms.append({"platform": platform, **whole})
        low, high = _garwood(part["visits"].to_numpy(float), phi)
        divisor = part["shares"].where(part["shares"] > 0).to_numpy(float)
        part["per_share"] = part["visits"] / divisor
        part["low"], part["high"] = low / divisor, high / divisor
        part["reason"] = np.where(
            part["shares"] == 0,
            "no share was seen",
            np.where(part["visits"].isna(), "its visits were not counted", ""),
        )
        parts.append(part)
    found = pd.concat(parts, ignore_index=True)[PER_SHARE] if parts else pd.DataFrame(columns=PER_SHARE)
    rates = pd.DataFrame(
        platforms, columns=["platform", "contents", "shares", "visits", "per_share", "low", "high", "reason"]
    )
    known = rates[rates["low"].notna()].sort_values("per_share", ascending=False)
    verdict: Verdict = "found" if len(known) else "inconclusive"
    reason = "" if len(known) else "no platform has two contents with both shares and counted visits"
    said = [
        f"one share on {name(row.platform, cards or {})} brought {_number(row.per_share)} visits "
        f"({_number(row.low)} to {_number(row.high)}; {row.shares:,} shares of {row.contents:,} contents)"
        for row in known.itertuples()
    ]
    summary = f"By platform: {'; '.join(said)}." if said else f"Visits per share are not known: {reason}."
    enough = Check(
        "contents per platform",
        bool((known["contents"] >= LEAST_CONTENTS).all()) if len(known) else None,
        f"A bootstrap needs {LEAST_CONTENTS} contents a platform; with fewer the interval rests on counts.",
        known[["platform", "contents"]].replace({"platform": names(cards or {})}),
    )
    return Result(found, verdict, reason, summary, (enough,), VERSION, {"seed": seed}, {"platforms": rates})


def _rate(use: pd.DataFrame, rng: np.random.Generator) -> tuple[dict[str, Any], float]:
    """A platform's visits per share with its interval, and how much wider than Poisson contents scatter."""
    out: dict[str, Any] = {
        "contents": len(use),
        "shares": int(use["shares"].sum()),
        "visits": use["visits"].sum(min_count=1),
    }
    none = {"per_share": np.nan, "low": np.nan, "high": np.nan}
    if not len(use):
        return out | none | {"reason": "no content has both shares and counted visits"}, 1.0
    visits, shares = use["visits"].to_numpy(float), use["shares"].to_numpy(float)
    rate = visits.sum() / shares.sum()
    expected = rate * shares
    spread = ((visits - expected) ** 2 / np.maximum(expected, 1e-9)).sum() / max(len(use) - 1, 1)
    phi = max(1.0, spread) if len(use) > 1 and rate > 0 else 1.0
    if len(use) >= LEAST_CONTENTS:
        pick = rng.integers(0, len(use), (RESAMPLES, len(use)))
        low, high = np.quantile(visits[pick].sum(axis=1) / shares[pick].sum(axis=1), [0.025, 0.975])
        why = ""
    elif len(use) == 1:
        low, high, why = np.nan, np.nan, "one content only: how contents differ is not known"
    else:
        low, high = (bound[0] / shares.sum() for bound in _garwood(np.array([visits.sum()]), phi))
        why = f"only {len(use)} contents: a Poisson interval, widened by their scatter"
    return out | {"per_share": rate, "low": low, "high": high, "reason": why}, phi


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _garwood(counts: np.ndarray, phi: float) -> tuple[np.ndarray, np.ndarray]:
    """Garwood's exact Poisson interval, its half-widths times the root of the dispersion."""
    from scipy.special import chdtri

    with np.errstate(invalid="ignore"):
        low = np.where(counts > 0, chdtri(2 * np.maximum(counts, 1e-9), 0.975) / 2, 0.0)
        high = chdtri(2 * counts + 2, 0.025) / 2
    low, high = counts - (counts - low) * np.sqrt(phi), counts + (high - counts) * np.sqrt(phi)
    return np.where(np.isnan(counts), np.nan, np.maximum(low, 0.0)), high


def dark_social(intervals: pd.DataFrame, events: pd.DataFrame, roots: list[str]) -> Result:
    """How much of the direct landings on deep pages moves with their shares.

    Parameters
    ----------
    intervals : exposure intervals of one observer: metric visits, platform direct, hourly
    events : shares, as for ``visits_per_share``
    roots : content_ids of root pages, where direct visits are nothing unusual

    Returns
    -------
    Result whose table has ``DARK``: direct visits, the dark part with its 95 % interval, and the verdict of
    each content; ``extra["hours"]``: content_id, start, dark, where it was found.
    """
    rows = latest(intervals[(intervals["metric"] == "visits") & (intervals["platform"] == "direct")])
    rows = rows.assign(value=rows["value"].mask(rows["partial"]))
    rows = rows[rows["end"] - rows["start"] == HOUR]
    deep = rows[~rows["content_id"].isin(roots)]
    shared = events[events["kind"].isin(SHARES)]
    hour = rows["start"].dt.hour
    by_hour = rows.groupby([rows["content_id"], hour])["value"].agg(["sum", "count"])
    site = by_hour.groupby(level=1).sum()
    out, hours = [], []
    for content, part in deep.groupby("content_id"):
        part = part.dropna(subset=["value"]).sort_values("start")
        mine = by_hour.loc[content].reindex(site.index, fill_value=0)
        usual = ((site["sum"] - mine["sum"] + 0.5) / (site["count"] - mine["count"] + 1)).to_dict()
        row, dark = _dark(part, shared.loc[shared["content_id"] == content, "occurred_at"], usual)
        out.append({"content_id": content, **row})
        if row["verdict"] == "found":
            hours.append(
                pd.DataFrame({"content_id": content, "start": part["start"].to_numpy(), "dark": dark})
            )
    table = pd.DataFrame(out, columns=DARK).sort_values(
        ["dark", "direct"], ascending=False, na_position="last", ignore_index=True
    )
    judged, found = table[table["verdict"] != "inconclusive"], table[table["verdict"] == "found"]
    verdict: Verdict = "found" if len(found) else "nothing" if len(judged) else "inconclusive"
    reason = "" if len(judged) else "no deep page has enough direct visits, observed hours and a share"
    if len(found):
        summary = (
            f"On {len(found)} of {len(judged)} pages direct visits move with shares: about "
            f"{found['dark'].sum():,.0f} of "
            f"their {found['direct'].sum():,.0f} direct visits are dark social, shared out of sight."
        )
    elif len(judged):
        summary = f"On none of {len(judged)} pages do direct visits move with shares."
    else:
        summary = f"Dark social cannot be told: {reason}."
    none = pd.DataFrame(columns=["content_id", "start", "dark"])
    extra = {"hours": pd.concat(hours, ignore_index=True) if hours else none}
    return Result(table, verdict, reason, summary, (), VERSION, {"taus_hours": TAUS}, extra)


def _dark(
    part: pd.DataFrame, shares: pd.Series, usual: dict[int, float]
) -> tuple[dict[str, Any], np.ndarray]:
    """One page's row, and its dark visits hour by hour."""
    y = part["value"].to_numpy(float)
    direct = float(y.sum())
    hour = part["start"].to_numpy("M8[s]").astype(np.int64) / 3600
    when = np.sort(shares.to_numpy("M8[s]").astype(np.int64)) / 3600
    when = when[(when >= hour[0]) & (when < hour[-1] + 1)] if len(hour) else when[:0]
    for short, why in (
        (len(y) < LEAST_HOURS, f"fewer than {LEAST_HOURS} observed hours"),
        (direct < LEAST_VISITS, f"fewer than {LEAST_VISITS} direct visits"),
        (not len(when), "no share in the observed hours"),
    ):
        if short:
            return {"direct": direct, "verdict": "inconclusive", "reason": why}, np.zeros(0)
    found = echo(y, np.array([usual[at] for at in part["start"].dt.hour]), hour, when)
    dark, wide = round(float(found.beta * found.x.sum()), 3), LEVEL * found.error * found.x.sum()
    low, high = max(0.0, dark - wide), min(direct, dark + wide)
    row = {"direct": direct, "dark": dark, "low": low, "high": high, "share_of_direct": dark / direct,
           "tau_hours": found.tau, "verdict": "found" if low > 0 else "nothing", "reason": ""}  # fmt: skip
    return row, found.beta * found.x
