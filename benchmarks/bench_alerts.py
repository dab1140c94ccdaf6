"""Alerts replayed: how many fired, how many were right, how late, and never the same twice.

python -m benchmarks.bench_alerts [series a kind, 200 unless told]
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.alerts import Alert, Rules
from analysis.alerts.preview import preview
from analysis.models import drop, live, mix
from analysis.models.noise import Noise
from analysis.simulate import END, fill, world
from analysis.store import Store
from benchmarks import bench_nab
from benchmarks.bench_spikes import KINDS, clock, nothing

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
WIKIPEDIA = ROOT.parent / "shared" / "data" / "prophet_wikipedia"
SIZE = 24 * 120
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
SHARES = np.array([0.4, 0.3, 0.12, 0.08, 0.05, 0.03, 0.015, 0.005])
# Play-off games of his teams, and what else the papers were full of: hurt, released, signed, records, benched
MANNING = [
    "2008-01-13", "2009-01-03", "2010-01-16", "2010-01-24", "2010-02-07", "2011-01-08", "2011-09-08",
    "2012-03-07", "2012-03-19", "2013-01-12", "2013-09-05", "2014-01-12", "2014-01-19", "2014-02-02",
    "2014-10-19", "2015-01-11", "2015-11-15", "2015-12-27", "2016-01-17", "2016-01-24", "2016-02-07",
]  # fmt: skip
SITES = (
    "{count} sites a kind, 30 contents begun one after the other over 120 days of hours; alerts a site and "
    "month of 30 contents, one asked. By its like: a content begins with what the noise of older ones showed."
)
PLANTED_NOTHING = (
    "{count} series of {days} days of hours a kind; alerts a series and month where nothing was planted."
)


def rate(find: Callable[[pd.DataFrame], object], kind: str, count: int, warm: float) -> float:
    """Alerts a series and month of planted nothing."""
    told = sum(len(find(nothing(kind, seed, SIZE)[0]).table) for seed in range(count))  # type: ignore[attr-defined]
    return told / (count * (SIZE / 24 - warm) / 30)


def site(kind: str, seed: int, contents: int = 30, days: int = 120) -> tuple[int, int, float]:
    """Rises told of contents begun one after the other, each alone and by the others; series-months."""
    begun = np.sort(np.random.default_rng([seed, 7]).integers(0, 24 * (days - 15), contents))
    noise: list[Noise] = []
    alone, together, months = 0, 0, 0.0
    for k, at in enumerate(begun):
        series = nothing(kind, 1000 * seed + k, 24 * days)[0].iloc[at:]
        alone += len(live.find(series, false_per_month=1 / contents).table)
        found = live.find(series, false_per_month=1 / contents, like=noise)
        noise.append(found.extra["noise"])
        together += len(found.table)
        months += (len(series) - live.HEAD) / 720
    return alone, together, months


def sites(count: int) -> list[str]:
    """Alerts of a whole site where nothing was planted, its contents judged alone and by their like."""
    out = ["| planted nothing | each alone | by its like |", "|---|---|---|"]
    for kind in KINDS:
        alone, together, months = np.sum([site(kind, seed) for seed in range(count)], axis=0)
        out.append(f"| {kind} | {alone / months * 30:.2f} | {together / months * 30:.2f} |")
    return out


def late(hits: list[float], count: int) -> str:
    """How many were found, and how late in the median and in nine of ten cases."""
    if not hits:
        return f"0 % of {count} | |"
    return f"{len(hits) / count:.0%} of {count} | {np.median(hits):.0f} h | {np.quantile(hits, 0.9):.0f} h"


def spike_delays(kind: str, times: float, count: int) -> list[float]:
    """Hours from a planted spike's onset to the end of the bucket that told."""
    out = []
    for seed in range(count):
        series, _, spread = nothing(kind, seed, SIZE)
        rng = np.random.default_rng([seed, 99])
        at = int(rng.integers(24 * 40, 24 * 110))
        after = np.arange(SIZE - at)
        series.loc[at:, "value"] += rng.poisson(times * spread[at] * np.exp(-after / 6.0))
        start = series["start"][at]
        table = live.find(series, false_per_month=0.1).table
        hit = table[(table["alarm"] > start) & (table["alarm"] <= start + 24 * HOUR)]
        if len(hit):
            out.append((hit["alarm"].iloc[0] - start) / HOUR)
    return out


def drop_delays(kind: str, share: float, count: int) -> list[float]:
    """Hours from a planted fall of five days to the end of the bucket that told."""
    out = []
    for seed in range(count):
        series, _, _ = nothing(kind, seed, SIZE)
        rng = np.random.default_rng([seed, 98])
        at = int(rng.integers(24 * 40, 24 * 110))
        rows = slice(at, at + 24 * 5 - 1)
        part = series.loc[rows, "value"]
        series.loc[rows, "value"] = rng.binomial(part.fillna(0).astype(int), share).astype(float)
        series.loc[rows, "value"] = series.loc[rows, "value"].where(part.notna())
        start = series["start"][at]
        table = drop.find(series, false_per_month=0.1).table
        hit = table[(table["alarm"] > start) & (table["alarm"] <= start + 5 * DAY)]
        if len(hit):
            out.append((hit["alarm"].iloc[0] - start) / HOUR)
    return out


def mixed(
    seed: int, *, visits: float, alike: float, ar: float, factor: np.ndarray | None = None
) -> pd.DataFrame:
    """180 days of visits by source, shares scattering from day to day; from day 100 on changed."""
    rng = np.random.default_rng([seed, 11])
    start = clock(180, "D")
    weekend, drift, rows = rng.normal(0, 0.3, len(SHARES)), np.zeros(len(SHARES)), []
    for i in range(len(start)):
        drift = ar * drift + rng.normal(0, 0.35, len(SHARES)) * np.sqrt(1 - ar**2)
        share = SHARES * np.exp(weekend * (start[i].weekday() >= 5) + (drift if ar else 0))
        share = share * factor if factor is not None and i >= 100 else share
        share = share / share.sum()
        rows.append(rng.multinomial(rng.poisson(visits), share if ar else rng.dirichlet(share * alike)))
    wide = pd.DataFrame(np.array(rows, float), columns=[f"source {k}" for k in range(len(SHARES))])
    long = wide.assign(start=start).melt("start", var_name="platform", value_name="value")
    return long.assign(end=long["start"] + DAY)


MIXES = {
    "400 visits a day, shares scatter": {"visits": 400, "alike": 60, "ar": 0.0},
    "40 visits a day": {"visits": 40, "alike": 60, "ar": 0.0},
    "5,000 visits a day": {"visits": 5000, "alike": 60, "ar": 0.0},
    "shares scatter twice as wide": {"visits": 400, "alike": 15, "ar": 0.0},
    "shares drift (autocorrelation .9)": {"visits": 400, "alike": 60, "ar": 0.9},
}
CHANGES = {
    "the greatest source loses half": np.array([0.5, 1, 1, 1, 1, 1, 1, 1]),
    "the greatest source loses a third": np.array([0.67, 1, 1, 1, 1, 1, 1, 1]),
    "a source of 12 % doubles": np.array([1, 1, 2.0, 1, 1, 1, 1, 1]),
    "a new source of a fifth": np.array([1, 1, 1, 1, 1, 1, 1, 50.0]),
}


def mix_lines(count: int) -> list[str]:
    out = ["| planted nothing | alerts a month, 1 asked | 0.1 asked |", "|---|---|---|"]
    for name, how in MIXES.items():
        frames = [mixed(seed, **how) for seed in range(count)]
        months = count * (180 - mix.WARM) / 30
        told = [sum(len(mix.find(f, false_per_month=r).table) for f in frames) / months for r in (1.0, 0.1)]
        out.append(f"| {name} | {told[0]:.2f} | {told[1]:.3f} |")
    said = "A change planted, 400 visits a day, 0.1 false a month: found within three weeks, and how late."
    out += ["", said, "", "| change | found | median | nine in ten |", "|---|---|---|---|"]
    for name, factor in CHANGES.items():
        days = []
        for seed in range(count):
            frame = mixed(1000 + seed, visits=400, alike=60, ar=0.0, factor=factor)
            start = frame["start"].unique()[100]
            table = mix.find(frame, false_per_month=0.1).table
            hit = table[(table["alarm"] > start) & (table["alarm"] <= start + 21 * DAY)]
            if len(hit):
                days.append((hit["alarm"].iloc[0] - start) / DAY)
        spread = f"{np.median(days):.0f} d | {np.quantile(days, 0.9):.0f} d" if days else " | "
        out.append(f"| {name} | {len(days) / count:.0%} of {count} | {spread} |")
    return out


def worlds(count: int) -> list[str]:
    """Whole made-up worlds through store and preview."""
    fired: dict[str, list[bool]] = {}
    mixes = again = episodes = heard = 0
    seconds = 0.0
    for seed in range(count):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(folder)
            fill(store, seed)
            start = time.perf_counter()
            shown = preview(store, END.to_pydatetime(), Rules())
            seconds += time.perf_counter() - start
        again += shown.again
        mixes += sum(one.alert.kind == "mix" for one in shown.told)
        for one in shown.told:
            if one.right is not None:
                fired.setdefault(one.alert.kind, []).append(one.right)
        truth = world(seed).truth
        planted = truth[(truth["fact"] == "spike") & (truth["platform"] == "all")]
        episodes += len(planted)
        heard += sum(any(_tells(one.alert, row) for one in shown.told) for row in planted.itertuples())
    out = [
        f"{count} worlds of 90 days, 30 contents, a site and its platforms' counters; one false alert a "
        f"month asked in each, so {3 * count} in all. {episodes} episodes were planted, {heard} were told; "
        f"{again} times the same was told again; {seconds / count:.1f} s a preview.",
        "",
        "| alert | fired | right |",
        "|---|---|---|",
    ]
    out += [f"| {kind} | {len(all_)} | {sum(all_)} |" for kind, all_ in sorted(fired.items())]
    return [*out, f"| mix (nobody planted one; episodes make some) | {mixes} | not judged |"]


def _tells(alert: Alert, episode: Any) -> bool:
    """Whether a spike of this content, or of its whole site, was told while the episode went on."""
    mine = episode.content_id in alert.subject or not re.search(" [0-9a-f]{16}$", alert.subject)
    begun = episode.onset - HOUR <= pd.Timestamp(alert.last) if alert.last else False
    return alert.kind == "spike" and mine and begun and pd.Timestamp(alert.since) <= episode.end


def nab() -> list[str]:
    """Labelled series: an alert is right when a labelled window was going on (for a drop: the same)."""
    out = ["| group | series | months | windows | told | spikes (in one) | drops (in one) | twice |",
           "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for group in bench_nab.GROUPS:
        windows = told = twice = 0
        months = 0.0
        counts = {"rise": [0, 0], "drop": [0, 0]}
        files = bench_nab.load(bench_nab.DATA, group)
        for _, frame, labels in files:
            series = frame.assign(
                start=pd.to_datetime(frame["start"], utc=True).astype("datetime64[us, UTC]")
            )
            spans = [(series["start"][a], series["start"][b]) for a, b in labels]
            hit = [False] * len(spans)
            months += (series["start"].max() - series["start"].min()) / DAY / 30
            for name, find in (("rise", live.find), ("drop", drop.find)):
                table = find(series[["start", "value"]], false_per_month=0.1).table
                gaps = table["alarm"].diff().dropna()
                twice += int((gaps < DAY).sum()) if name == "rise" else 0
                for row in table.itertuples():
                    inside = [a <= row.alarm and row.onset <= b for a, b in spans]
                    hit = [one or other for one, other in zip(hit, inside, strict=True)]
                    counts[name][0] += 1
                    counts[name][1] += any(inside)
            windows, told = windows + len(spans), told + sum(hit)
        shown = [f"{n} ({k})" for n, k in counts.values()]
        span = f"{group} | {len(files)} | {months:.1f} | {windows} | {told}"
        out.append(f"| {span} | {shown[0]} | {shown[1]} | {twice} |")
    return out


def wikipedia() -> list[str]:
    """Daily page views; what is known to have happened, and what was injected."""

    def read(name: str) -> pd.DataFrame:
        rows = pd.read_csv(WIKIPEDIA / name)
        rows["start"] = pd.to_datetime(rows["ds"], utc=True).astype("datetime64[us, UTC]")
        return pd.DataFrame({"start": rows["start"], "value": np.exp(rows["y"]).round()}).sort_values("start")

    out = ["| page | days | spikes | right | drops | right |", "|---|---|---|---|---|---|"]
    series = read("example_wp_log_peyton_manning.csv")
    rises = live.find(series, false_per_month=0.1).table
    known = pd.to_datetime(pd.Series(MANNING), utc=True)
    known = known[known > series["start"].iloc[live.HEAD]]
    right = sum(((known >= r.onset - 2 * DAY) & (known <= r.alarm + DAY)).any() for r in rises.itertuples())
    heard = sum(((rises["onset"] <= day + 2 * DAY) & (rises["last"] >= day)).any() for day in known)
    falls = drop.find(series, false_per_month=0.1).table
    said = f"{right} at a known event; {heard} of {len(known)} events told"
    out.append(f"| Peyton Manning | {len(series)} | {len(rises)} | {said} | {len(falls)} | unknown |")
    low, high = pd.Timestamp("2015-06-02", tz="UTC"), pd.Timestamp("2015-06-30", tz="UTC")
    for name, injected in (("example_wp_log_R", False), ("example_wp_log_R_outliers2", True)):
        series = read(f"{name}.csv")
        rises = live.find(series, false_per_month=0.1).table
        falls = drop.find(series, false_per_month=0.1).table
        said = "unknown"
        if injected:
            mine = falls[(falls["onset"] <= high) & (falls["alarm"] >= low)]
            days = ", ".join(f"{(alarm - low) / DAY:.0f}" for alarm in mine["alarm"])
            said = f"four weeks at 1 % were injected: told {len(mine)} time(s), after {days} days"
        page = name.removeprefix("example_wp_log_")
        out.append(f"| {page} | {len(series)} | {len(rises)} | unknown | {len(falls)} | {said} |")
    return out


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    begun = time.perf_counter()
    today = time.strftime("%Y-%m-%d")
    falls = [
        f"# Drops, measured {today}",
        "",
        PLANTED_NOTHING.format(count=count, days=SIZE // 24),
        "",
        "| planted nothing | 1 asked | 0.1 asked |",
        "|---|---|---|",
    ]
    for kind in KINDS:
        one, tenth = (
            rate(lambda s, r=r: drop.find(s, false_per_month=r), kind, count, drop.WARM) for r in (1.0, 0.1)
        )
        falls.append(f"| {kind} | {one:.2f} | {tenth:.3f} |")
    falls += ["", "A fall of five days planted, 0.1 false a month: found, and how late.", "",
              "| noise | falls to | found | median | nine in ten |", "|---|---|---|---|---|"]  # fmt: skip
    for kind in ("Poisson", "over-dispersed", "weekly", "autocorrelated"):
        for share in (0.0, 0.3, 0.5, 0.7):
            falls.append(f"| {kind} | {share:.0%} | {late(drop_delays(kind, share, count), count)} |")
        print(falls[-1], flush=True)
    mixes = [
        f"# Changes of the mix, measured {today}",
        "",
        f"{count // 2} sites of 180 days, eight sources.",
        "",
    ]
    mixes += mix_lines(count // 2)
    print(*mixes, sep="\n", flush=True)
    alerts = [
        f"# Alerts replayed, measured {today}",
        "",
        "A replay uses what was known at each moment alone, and tells each thing once.",
        "",
        "## Made-up worlds, from store to alert",
        "",
        *worlds(max(count // 10, 2)),
        "",
        "## Contents of one site, nothing planted",
        "",
        SITES.format(count=max(count // 10, 2)),
        "",
        *sites(max(count // 10, 2)),
        "",
        "## Spikes on made-up series",
        "",
        PLANTED_NOTHING.format(count=count, days=SIZE // 24),
        "",
        "| planted nothing | 1 asked | 0.1 asked |",
        "|---|---|---|",
    ]
    for kind in KINDS:
        one, tenth = (
            rate(lambda s, r=r: live.find(s, false_per_month=r), kind, count, 2.7) for r in (1.0, 0.1)
        )
        alerts.append(f"| {kind} | {one:.2f} | {tenth:.3f} |")
    said = "A spike planted (height in deviations of the noise, halved in 4 h), 0.1 false a month."
    head = ["| noise | height | found in a day | median | nine in ten |", "|---|---|---|---|---|"]
    alerts += ["", said, "", *head]
    for kind in ("Poisson", "over-dispersed", "weekly", "autocorrelated"):
        for times in (6.0, 12.0, 25.0):
            alerts.append(f"| {kind} | {times:g} | {late(spike_delays(kind, times, count), count)} |")
    if bench_nab.DATA.is_dir():
        said = (
            "0.1 false a month and series asked. Labels are disputed in places; an alert outside a window is "
            "not always wrong. Twice: told again within a day."
        )
        alerts += ["", "## NAB's labelled series", "", said, "", *nab()]
    if WIKIPEDIA.is_dir():
        alerts += ["", "## Page views of an encyclopaedia", "", *wikipedia()]
    alerts += ["", f"All of it took {timedelta(seconds=round(time.perf_counter() - begun))}.", ""]
    print(*alerts, sep="\n")
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name, lines in (("drop", falls), ("mix", mixes), ("alerts", alerts)):
        (FIGURES / f"{name}.md").write_text("\n".join(lines).rstrip("\n") + "\n")


if __name__ == "__main__":
    main()
