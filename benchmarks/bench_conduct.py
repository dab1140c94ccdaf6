"""Roles and conduct: do their intervals hold the truth, and how often is a habit found that is not there?

python -m benchmarks.bench_conduct [seeds a cell, 200 unless told]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.models.conduct import conduct
from analysis.models.expectation import next_range
from analysis.models.lead import wilson
from analysis.models.roles import ratio_interval
from analysis.platforms import cards

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
BEGIN = pd.Timestamp("2025-01-01", tz="UTC")
CARDS = cards()
LIMIT = 0.5


def posts(seed: int, count: int, links: float, burst: int, habit: str = "by hand") -> pd.DataFrame:
    """An account's posts over 90 days, at its usual hours; ``burst`` more within one hour."""
    rng = np.random.default_rng([seed, count, burst])
    if habit == "by timetable":  # always at one of three times, as a scheduler posts
        hours = (
            rng.integers(0, 90, count) * 24
            + rng.choice([8.0, 12.5, 18.0], count)
            + rng.uniform(0, 0.1, count)
        )
    elif habit == "on few days":  # all of it on ten days
        hours = rng.choice(rng.integers(0, 90, 10), count) * 24 + np.clip(rng.normal(14, 3, count), 0, 23.9)
    else:
        hours = rng.integers(0, 90, count) * 24 + np.clip(rng.normal(14, 3, count), 0, 23.9)
    at = np.append(hours, 24 * 40 + 15 + rng.uniform(0, 0.95, burst))
    own = rng.uniform(size=len(at)) < links
    return pd.DataFrame(
        {"platform": "twitter", "account": "business", "post": [f"p{i}" for i in range(len(at))],
         "kind": "submission", "at": BEGIN + pd.to_timedelta(at, unit="h"), "own_link": own,
         "content_id": [f"c{i}" for i in range(len(at))], "community": None, "parent_id": None, "words": 9.0}
    ).sort_values("at", ignore_index=True)  # fmt: skip


def bursts(seeds: int) -> list[str]:
    """How often a burst is found, planted or not."""
    out = ["| posting | posts | planted in one hour | burst found |", "|---|---|---|---|"]
    for habit in ("by hand", "by timetable", "on few days"):
        for count in (20, 60, 200):
            for burst in (0, 4, 6, 8):
                found = [
                    conduct(posts(seed, count, 0.3, burst, habit), CARDS, seed=seed)
                    .table.set_index("habit").loc["bursts", "verdict"] == "found"
                    for seed in range(seeds)
                ]  # fmt: skip
                planted = f"{burst} more" if burst else "nothing"
                out.append(f"| {habit} | {count} | {planted} | {np.mean(found):.1%} |")
    return out


def limits(seeds: int) -> list[str]:
    """How often a share of own links is called above or below a limit of one half."""
    out = [
        "| posts | true share of own links | above the limit | below it | no verdict |",
        "|---|---|---|---|---|",
    ]
    for count in (10, 30, 100):
        for share in (0.2, 0.4, 0.5, 0.6, 0.8):
            said = [_said(count, share, seed) for seed in range(seeds * 10)]
            parts = [said.count(one) / len(said) for one in ("above", "below", "none")]
            out.append(f"| {count} | {share:.0%} | " + " | ".join(f"{part:.1%}" for part in parts) + " |")
    return out


def _said(count: int, share: float, seed: int) -> str:
    # the rule conduct judges by, without the frames around it
    low, high = wilson(
        int(np.random.default_rng([seed, count, int(share * 100)]).binomial(count, share)), count
    )
    return "above" if low > LIMIT else "below" if high <= LIMIT else "none"


def shares(seeds: int) -> list[str]:
    """Coverage of the 90 % interval of a share, as roles and conduct have it."""
    out = ["| of | true share | 90 % interval holds it |", "|---|---|---|"]
    for count in (5, 10, 30, 100):
        for share in (0.05, 0.2, 0.5, 0.9):
            rng = np.random.default_rng([count, int(share * 100)])
            drawn = [wilson(int(k), count) for k in rng.binomial(count, share, seeds * 10)]
            out.append(f"| {count} | {share:.0%} | {np.mean([a <= share <= b for a, b in drawn]):.1%} |")
    return out


def ratios(seeds: int) -> list[str]:
    """Coverage of the busiest day's part, over contents very unlike one another; flash and tail told."""
    out = ["| contents | true part | 90 % interval holds it | flash | tail |", "|---|---|---|---|---|"]
    for contents in (3, 5, 8, 15, 30):
        for early in (0.3, 0.5, 0.8):
            held, flash, tail = 0, 0, 0
            for seed in range(seeds):
                rng = np.random.default_rng([seed, contents, int(early * 10)])
                whole = rng.negative_binomial(2, 2 / 402, contents) + 25.0
                part = rng.binomial(whole.astype(int), rng.beta(20 * early, 20 * (1 - early), contents))
                low, high = ratio_interval(part.astype(float), whole)
                held, flash, tail = held + (low <= early <= high), flash + (low > 0.5), tail + (high < 0.5)
            rates = " | ".join(f"{one / seeds:.1%}" for one in (held, flash, tail))
            out.append(f"| {contents} | {early:.0%} | {rates} |")
    return out


def expected(seeds: int) -> list[str]:
    """How often the range for the next piece holds it."""
    out = ["| contents | visits of a content | promised | held |", "|---|---|---|---|"]
    for contents in (5, 9, 19, 40):
        for name in ("log-normal", "power law", "mostly none"):
            rng = np.random.default_rng([contents, len(name)])
            inside, promised = 0, 0.0
            for _ in range(seeds * 5):
                if name == "log-normal":
                    drawn = rng.lognormal(4, 2, contents + 1)
                elif name == "power law":
                    drawn = 10 * rng.pareto(1.1, contents + 1)
                else:
                    drawn = rng.poisson(0.2, contents + 1) + (rng.uniform(size=contents + 1) < 0.1) * 900.0
                row = next_range(np.sort(drawn[:-1]))
                inside += row["low"] <= drawn[-1] <= row["high"]
                promised = row["chance"]
            out.append(f"| {contents} | {name} | {promised:.0%} | {inside / (seeds * 5):.1%} |")
    return out


def cost() -> str:
    """Seconds for one account of a year."""
    own = posts(1, 2000, 0.4, 0)
    began = time.perf_counter()
    conduct(own, CARDS)
    return f"Conduct of one account of 2,000 posts: {time.perf_counter() - began:.2f} s, with 999 shuffles."


def main(seeds: int = 200) -> None:
    """Measure, and write docs/figures/conduct.md and docs/figures/roles.md."""
    (FIGURES / "conduct.md").write_text(
        "\n".join(
            [
                f"# Measured\n\nBy `python -m benchmarks.bench_conduct {seeds}`: {seeds} seeds a cell.\n",
                "## Bursts, planted and not\n",
                "At most 5 % may be found where nothing was planted. A timetable is no burst, nor are many "
                "posts on few days.\n",
                *bursts(seeds),
                f"\n## Own links against a limit of {LIMIT:.0%}\n",
                "At most 5 % may be called above the limit where the true share does not exceed it.\n",
                *limits(seeds),
                f"\n{cost()}",
                "",
            ]
        )
    )
    (FIGURES / "roles.md").write_text(
        "\n".join(
            [
                f"# Measured\n\nBy `python -m benchmarks.bench_conduct {seeds}`.\n",
                "## Shares of posts, people and pages\n",
                *shares(seeds),
                "\n## The busiest day's part\n",
                "Contents differ by a factor of a hundred in visits, and in how early they come.\n",
                *ratios(seeds),
                "",
            ]
        )
    )
    (FIGURES / "expectation.md").write_text(
        "\n".join(
            [
                f"# Measured\n\nBy `python -m benchmarks.bench_conduct {seeds}`.\n",
                "## The range for the next piece\n",
                *expected(seeds),
                "",
            ]
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
