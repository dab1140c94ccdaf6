"""Attribution on made-up sites whose every visit is known, and what a site-year costs.

python -m benchmarks.bench_attribution [sites, 200 unless told]
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import pandas as pd

from analysis.models.attribution import attribution
from analysis.simulate.sent import Sent, site
from benchmarks.bench_spikes import write

OURS = ["platform", "group"]


def judged(made: Sent, seed: int) -> tuple[pd.DataFrame, dict[str, object]]:
    """Each platform's (or group's) visits beside the truth; and what the fit said as a whole."""
    result = attribution(made.events, made.intervals, seed=seed)
    truth = made.truth.set_index("platform")
    rows = []
    for row in result.table[result.table["kind"].isin(OURS)].itertuples():
        members = row.platform.split(" + ")
        rows.append(
            (seed, row.platform, made.silent in members and len(members) == 1,
             truth.loc[members, "sent"].sum(),
             truth.loc[members, "dark"].sum(), row.visits, row.low, row.high, row.dark)
        )  # fmt: skip
    columns = ["seed", "platform", "silent", "sent", "hidden", "visits", "low", "high", "dark"]
    dark = result.table.set_index("platform").loc["dark social"]
    return pd.DataFrame(rows, columns=columns), {
        "verdict": result.verdict,
        "grouped": any(set(made.pair) <= set(name.split(" + ")) for _, name, *_ in rows)
        if made.pair
        else None,
        "others": sum(" + " in name and not set(name.split(" + ")) <= set(made.pair) for _, name, *_ in rows),
        "dark": dark["low"] <= truth["dark"].sum() <= dark["high"],
        "share": truth["dark"].sum() / truth["sent"].sum(),
    }


def study(count: int, **kinds: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """So many sites of one kind."""
    parts, said = [], []
    for seed in range(count):
        rows, told = judged(site(seed, **kinds), seed)  # type: ignore[arg-type]
        parts.append(rows)
        said.append(told)
    return pd.concat(parts, ignore_index=True), pd.DataFrame(said)


def line(name: str, rows: pd.DataFrame, said: pd.DataFrame) -> str:
    loud = rows[~rows["silent"]]
    off = (loud["visits"] / loud["sent"] - 1).abs()
    hidden = (loud["dark"] / loud["hidden"] - 1).abs()
    inside = (loud["low"] <= loud["sent"]) & (loud["sent"] <= loud["high"])
    quiet = rows[rows["silent"]]
    zero = f"{(quiet['low'] == 0).mean():.1%} of {len(quiet)}" if len(quiet) else "-"
    return (
        f"| {name} | {rows['seed'].nunique()} | {said['share'].quantile(0.05):.0%} to "
        f"{said['share'].quantile(0.95):.0%} | {off.median():.1%} | {off.quantile(0.9):.1%} | "
        f"{hidden.median():.1%} | "
        f"{inside.mean():.1%} of {len(loud)} | {zero} | {said['dark'].mean():.1%} | "
        f"{(said['verdict'] == 'inconclusive').mean():.1%} |"
    )


def speed(rounds: int = 3) -> str:
    """One site-year, hourly, 8 platforms, 30 contents: fit, intervals and placebos."""
    made = site(0, contents=30, days=365)
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        attribution(made.events, made.intervals)
        took.append(time.perf_counter() - start)
    return (
        f"One site-year, hourly, 8 platforms, 30 contents, {len(made.events):,} shares: fit, "
        "intervals and placebos "
        f"in {statistics.median(took):.1f} s (median of {rounds}, one process; aim: 60 s on two cores)."
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    out = [
        "| sites | number | dark share of their visits (5 to 95 %) | visits by platform off "
        "by, median | nine in ten "
        "within | dark visits off by, median | inside the 90 % interval | silent platform's "
        "interval includes 0 | dark "
        "social inside its 90 % | inconclusive |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    grouping = []
    for name, number, kinds in (
        ("8 platforms, one of them silent", count, {}),
        ("half of the referrers stripped besides", count, {"stripped": 0.5}),
        ("two platforms always shared together", count, {"pair": True}),
        ("a year, 30 contents", max(count // 10, 2), {"contents": 30, "days": 365}),
    ):
        rows, said = study(number, **kinds)
        out.append(line(name, rows, said))
        print(out[-1], flush=True)
        if kinds.get("pair"):
            grouping.append(
                f"Pairs always shared together were reported as one group on {said['grouped'].mean():.1%} of "
                f"{len(said)} sites."
            )
        else:
            grouping.append(
                f"{name}: {int(said['others'].sum())} groups on {len(said)} sites that hold no such pair."
            )
        print(grouping[-1], flush=True)
    told = (
        "The sites (`analysis.simulate.sent`) are made otherwise than the model thinks: each "
        "visit has its own "
        "lognormal, gamma or Lomax delay in continuous time and is lost at hours of sleep; "
        "shares bring lognormal or "
        "Pareto numbers of visits; the dark part differs between contents; the baseline has a "
        "rhythm that does not "
        "multiply, novelty, trends, autocorrelated noise, newsletters; some shares are "
        "unseen; the counter fails for "
        "days. Truth is what each platform really sent in the counted hours."
    )
    write("attribution", "Figures", [*out, "", *grouping, "", told, "", speed()])


if __name__ == "__main__":
    np.seterr(all="warn")
    main()
