"""Spikes and fades: planted truth, planted nothing, and what they cost beside MSTL.

python -m benchmarks.bench_spikes [series of planted nothing a kind, 1000 unless told]
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.models import baseline, live, shape, spikes

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
KINDS = ("Poisson", "over-dispersed", "weekly", "zero-heavy", "gapped", "autocorrelated", "heavy-tailed")
HOURS = 2160


def clock(size: int, every: str) -> pd.DatetimeIndex:
    return pd.date_range("2025-01-01", periods=size, freq=every, tz="UTC").as_unit("us")


def nothing(
    kind: str, seed: int, size: int = HOURS, every: str = "h"
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A series in which nothing happens, its expectation and the deviation of its noise."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    t = clock(size, every)
    hour, day = np.asarray(t.hour) + np.asarray(t.minute) / 60, np.asarray(t.day_of_week)
    mu = np.full(size, 20.0)
    if kind in ("weekly", "gapped"):
        mu = 20 * np.exp(0.6 * np.sin(2 * np.pi * hour / 24)) * np.where(day >= 5, 0.6, 1.1)
    if kind == "zero-heavy":
        mu = 0.1 * np.exp(0.8 * np.sin(2 * np.pi * hour / 24))
    lam, spread = mu, np.sqrt(mu)
    if kind == "over-dispersed":
        lam, spread = mu * rng.gamma(4, 0.25, size), np.sqrt(mu + mu**2 / 4)
    if kind == "heavy-tailed":
        lam, spread = mu * rng.pareto(2.5, size) * 1.5, np.sqrt(mu + 1.8 * mu**2)
    if kind == "autocorrelated":
        wave = np.zeros(size)
        step = rng.standard_normal(size) * 0.3 * 0.6
        for i in range(1, size):
            wave[i] = 0.8 * wave[i - 1] + step[i]
        lam, spread = mu * np.exp(wave), np.sqrt(mu + 0.09 * mu**2)
    y = rng.poisson(lam).astype(float)
    if kind == "gapped":
        y[rng.random(size) < 0.05] = np.nan
        hole = int(rng.integers(0, size - 48))
        y[hole : hole + 48] = np.nan
    return pd.DataFrame({"start": t, "value": y}), mu, spread


TAILS = {
    "Pareto 1.5": 1.5, "Pareto 2": 2.0, "Pareto 3": 3.0, "Pareto 5": 5.0,
    "lognormal 0.7": -0.7, "lognormal 1": -1.0, "lognormal 1.5": -1.5,
}  # fmt: skip
PASTS = {"28 days of hours": (672, "h"), "90 days of hours": (2160, "h"), "90 days": (90, "D"),
         "365 days": (365, "D")}  # fmt: skip


def tailed(kind: str, seed: int, size: int, every: str) -> pd.DataFrame:
    """A series in which nothing happens, twenty a bucket times Pareto or lognormal noise of mean 1."""
    rng, how = np.random.default_rng([seed, 3, list(TAILS).index(kind)]), TAILS[kind]
    noise = rng.pareto(how, size) * (how - 1) if how > 0 else rng.lognormal(-how * how / 2, -how, size)
    return pd.DataFrame({"start": clock(size, every), "value": rng.poisson(20 * noise).astype(float)})


def tails(count: int) -> list[str]:
    """False spikes and alerts a series and month under tails of many weights, for young and old series."""
    head = [f"{what}, {asked:g}" for what in ("spikes", "alerts") for asked in (1.0, 0.1)]
    out = [f"| noise | past | {' | '.join(head)} |", "|---|---|---|---|---|---|"]
    for kind in TAILS:
        for past, (size, every) in PASTS.items():
            months = size * pd.Timedelta(1, every) / pd.Timedelta(days=30)
            heard = months * (1 - live.HEAD / size)
            told = np.zeros((2, 2))
            for seed in range(count):
                series = tailed(kind, seed, size, every)
                for j, asked in enumerate((1.0, 0.1)):
                    told[0, j] += len(spikes.find(series, false_per_month=asked).table) / months
                    told[1, j] += len(live.find(series, false_per_month=asked).table) / heard
            shown = " | ".join(f"{rate:.2f}" for rate in (told / count).ravel())
            out.append(f"| {kind} | {past} | {shown} |")
            print(out[-1], flush=True)
    return out


def many(kind: str, count: int) -> Iterator[tuple[int, pd.DataFrame]]:
    for seed in range(count):
        yield seed, nothing(kind, seed)[0]


def silence(count: int) -> list[str]:
    """False spikes per series and month where nothing was planted."""
    out = [
        "| nothing planted | series | asked | called spikes | of them rises | inconclusive | live "
        "alarms asked 1 |",
        "|---|---|---|---|---|---|---|",
    ]
    months = HOURS / 720
    for kind in KINDS:
        for asked in (1.0, 0.1) if kind in KINDS[:2] else (1.0,):
            called = rises = doubted = alarms = 0
            for seed, result in spikes.find_many(many(kind, count), processes=2, false_per_month=asked):
                called += len(result.table)
                rises += int((result.table["direction"] == "rise").sum())
                doubted += result.verdict == "inconclusive"
                if seed < count // 5:
                    alarms += int(spikes.score(nothing(kind, seed)[0], false_per_month=1.0)["alarm"].sum())
            unit = count * months
            out.append(
                f"| {kind} | {count:,} | {asked:g} | {called / unit:.3f} | {rises / unit:.3f} | "
                f"{doubted / count:.1%} "
                f"| {alarms / max(count // 5, 1) / months:.2f} |"
            )
            print(out[-1], flush=True)
    return out


def planted(
    kind: str, seed: int, size: float, tau: float, power: bool = False
) -> tuple[pd.DataFrame, dict[str, float]]:
    series, _, spread = nothing(kind, seed)
    rng = np.random.default_rng([seed, 7])
    onset = int(rng.integers(300, 1700))
    after = np.arange(HOURS - onset)
    curve = (1 + (after + 0.5) / tau) ** -2.0 if power else np.exp(-after / tau)
    extra = np.zeros(HOURS)
    extra[onset:] = rng.poisson(size * spread[onset] * curve)
    series["value"] += extra
    half = tau * (np.sqrt(2) - 1) if power else tau * np.log(2)
    return series, {"onset": onset, "excess": float(extra[series["value"].notna()].sum()), "half_life": half}


def truth(count: int) -> tuple[list[str], list[str]]:
    """Recall, precision, place, and how often intervals hold what was planted."""
    out = [
        "| noise | peak over noise | spikes | recall | precision | onset ±1 h | peak ±1 h | excess "
        "in its 90 % | bias (sd) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    excess = {True: [0, 0], False: [0, 0]}
    fades: dict[str, list[int]] = {}
    hour = pd.Timedelta(hours=1)
    for kind in ("Poisson", "weekly", "over-dispersed", "autocorrelated"):
        for size in (1.5, 3.0, 6.0, 15.0, 60.0):
            hit = onset = peak = inside = called = total = 0
            bias = []
            for tau in (2.0, 6.0, 18.0):
                for seed in range(count):
                    power = seed % 4 == 3 and tau > 2
                    series, was = planted(kind, seed, size, tau, power)
                    table = spikes.find(series).table
                    table = table[table["direction"] == "rise"]
                    total += 1
                    called += len(table)
                    at = series["start"][was["onset"]]
                    near = table[(table["onset"] - at).abs() <= 12 * hour]
                    if not len(near):
                        continue
                    row = near.loc[near["score"].idxmax()]
                    hit += 1
                    onset += abs(row["onset"] - at) <= hour
                    peak += abs(row["peak"] - at) <= hour
                    if not power:
                        held = row["excess_low"] <= was["excess"] <= row["excess_high"]
                        inside += held
                        bias.append(
                            (row["excess"] - was["excess"]) / (row["excess_high"] - row["excess_low"]) * 3.29
                        )
                        if size >= 6:
                            excess[True][0] += held
                            excess[True][1] += 1
                    if row["half_life"] == row["half_life"] and size >= 6:
                        entry = fades.setdefault("power law" if power else "exponential", [0, 0, 0])
                        entry[0] += 1
                        entry[1] += row["half_life_low"] <= was["half_life"] <= row["half_life_high"]
                    if size >= 6:
                        fades.setdefault("power law" if power else "exponential", [0, 0, 0])[2] += 1
            least = max(hit, 1)
            out.append(
                f"| {kind} | {size:g} | {total} | {hit / total:.0%} | {hit / max(called, 1):.0%} | "
                f"{onset / least:.0%} "
                f"| {peak / least:.0%} | {inside / max(len(bias), 1):.0%} | "
                f"{np.mean(bias) if bias else np.nan:.2f} |"
            )
            print(out[-1], flush=True)
    held, of = excess[True]
    out.append("")
    out.append(
        f"Excess, all spikes of 6 and more times the noise: {held / of:.1%} of {of} inside their 90 % "
        "interval."
    )
    told = ["| planted fade | spikes | half-life told | of them inside its 90 % |", "|---|---|---|---|"]
    for name, (n, good, tried) in fades.items():
        told.append(f"| {name} | {tried} | {n / tried:.0%} | {good / max(n, 1):.1%} |")
    all_told = [sum(entry[k] for entry in fades.values()) for k in range(3)]
    told.append(
        f"| both | {all_told[2]} | {all_told[0] / all_told[2]:.0%} | {all_told[1] / all_told[0]:.1%} |"
    )
    print(*out[-1:], *told, sep="\n", flush=True)
    return out, told


def classes(count: int) -> list[str]:
    """Which class is told where one was planted."""
    planted_as = {
        shape.INSIDE: (lambda k: (1.0 + k) ** -0.6 * (k < 150), lambda k: (1.0 + k) ** -0.6 * (k < 150)),
        shape.PASSED: (lambda k: 0.0 * k, lambda k: (1.0 + k) ** -0.6 * (k < 300)),
        shape.PROMOTED: (lambda k: 0.0 * k, lambda k: (1.0 + k) ** -1.6),
    }
    out = [
        "| planted (over-dispersed noise, peak 40 times it) | told so | told sudden, not which | "
        "told otherwise | abstained |"
    ]
    out.append("|---|---|---|---|---|")
    for kind, (before, after) in planted_as.items():
        right = half = wrong = silent = 0
        for seed in range(count):
            series, _, spread = nothing("over-dispersed", seed)
            at, extra = 1000, np.zeros(HOURS)
            extra[at:] = after(np.arange(HOURS - at)) * 40 * spread[at]
            extra[:at] = before(at - np.arange(at)) * 40 * spread[at]
            series["value"] += np.random.default_rng([seed, 5]).poisson(extra)
            found = spikes.find(series)
            result = (
                shape.tell(found, spike=int(found.table["excess"].argmax())) if len(found.table) else None
            )
            if result is None or result.verdict == "inconclusive":
                silent += 1
            elif result.table["kind"][0] == kind:
                right += 1
            elif result.table["kind"][0] == shape.OUTSIDE and kind != shape.INSIDE:
                half += 1
            else:
                wrong += 1
        out.append(
            f"| {kind} | {right / count:.0%} | {half / count:.0%} | {wrong / count:.0%} | "
            f"{silent / count:.0%} |"
        )
        print(out[-1], flush=True)
    return out


def mstl(y: np.ndarray, periods: tuple[int, ...]) -> None:
    from statsmodels.tsa.seasonal import MSTL

    MSTL(y, periods=periods).fit()


def shesd(y: np.ndarray, period: int, share: float = 0.02) -> int:
    """Seasonal hybrid ESD as Hochenbaum, Vallis & Kejariwal (2017) describe it; how many stand out.

    STL's season and the median are taken off; then, ``share`` of the points at most, the one furthest from
    the median in MADs is taken out and compared with Rosner's critical value.
    """
    from scipy.stats import t as student
    from statsmodels.tsa.seasonal import STL

    left = y - STL(y, period=period, robust=True).fit().seasonal - np.median(y)
    n, out = len(left), 0
    for i in range(1, int(share * n) + 1):
        middle = np.median(left)
        far = np.abs(left - middle)
        top = int(np.argmax(far))
        score = far[top] / (1.4826 * np.median(far) + 1e-12)
        q = student.ppf(1 - 0.05 / (2 * (n - i + 1)), n - i - 1)
        if score > (n - i) * q / np.sqrt((n - i - 1 + q * q) * (n - i + 1)):
            out = i
        left = np.delete(left, top)
    return out


def speed(rounds: int = 9) -> list[str]:
    """One series beside MSTL in the same interleaved rounds; then ten thousand."""
    hourly, _ = planted("weekly", 1, 30.0, 6.0)
    again, _ = planted("weekly", 1, 30.0, 12.0)
    hourly["value"] = np.maximum(hourly["value"], again["value"])
    fine, _, _ = nothing("weekly", 2, 15_902, "5min")
    fine.loc[9000:9100, "value"] += 200
    jobs = {
        "hourly": lambda: spikes.find(hourly),
        "hourly MSTL": lambda: mstl(hourly["value"].to_numpy(), (24, 168)),
        "hourly S-H-ESD": lambda: shesd(hourly["value"].to_numpy(), 24),
        "fine": lambda: spikes.find(fine),
        "fine score": lambda: spikes.score(fine),
        "fine MSTL": lambda: mstl(fine["value"].to_numpy(), (288,)),
        "fine S-H-ESD": lambda: shesd(fine["value"].to_numpy(), 288),
    }
    long = ("fine MSTL", "fine S-H-ESD")  # tens of seconds each: once
    for name, job in jobs.items():
        if name not in long:
            job()
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name, job in jobs.items():
            if number and name in long:
                continue
            start = time.perf_counter()
            job()
            took[name].append(time.perf_counter() - start)
    ms = {name: 1e3 * statistics.median(values) for name, values in took.items()}
    out = [
        "| what | ours | aim | MSTL alone | S-H-ESD | ours / MSTL |",
        "|---|---|---|---|---|---|",
    ]
    for what, name, side, aim in (
        ("2,160 hours: baseline, spikes, decay, checks", "hourly", "hourly", "20 ms"),
        ("15,902 five-minute buckets: the same", "fine", "fine", "300 ms"),
        ("15,902 five-minute buckets: running score", "fine score", "fine", ""),
    ):
        out.append(
            f"| {what} | {ms[name]:.1f} ms | {aim} | {ms[side + ' MSTL']:.0f} ms | "
            f"{ms[side + ' S-H-ESD']:.0f} ms "
            f"| {ms[name] / ms[side + ' MSTL']:.3f} |"
        )
    base = [nothing("weekly", seed)[0] for seed in range(20)]
    peaks = []
    start = time.perf_counter()
    for number, (_, _) in enumerate(
        spikes.find_many(((k, base[k % 20]) for k in range(10_000)), processes=2), start=1
    ):
        if number in (1_000, 10_000):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    seconds = time.perf_counter() - start
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    out.append(
        f"| 10,000 series of 2,160 hours, two processes | {seconds:.0f} s; peak {peaks[0]:.0f} MB "
        "after 1,000, "
        f"{peaks[1]:.0f} MB after 10,000; workers {workers:.0f} MB | 120 s, flat | "
        f"{ms['hourly MSTL'] * 5:.0f} s (reckoned) "
        f"| {ms['hourly S-H-ESD'] * 5:.0f} s (reckoned) | {seconds / (ms['hourly MSTL'] * 5):.3f} |"
    )
    out.append("")
    out.append(
        f"Medians of {rounds} interleaved rounds (five-minute peers: once). S-H-ESD: the paper's "
        "steps with statsmodels' robust "
        "STL, 2 % of points "
        "at most; its authors' own implementation is in R and is not run here."
    )
    print(*out, sep="\n", flush=True)
    return out


def write(name: str, heading: str, lines: list[str]) -> None:
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / f"{name}.md").write_text("\n".join([f"# {heading}", "", *lines, ""]))


def expectations(count: int = 40) -> list[str]:
    """How far the baseline lies from what was planted, and its interval's coverage."""
    out = ["| series | mean error of the expectation | ordinary counts inside their 90 % |", "|---|---|---|"]
    for kind in KINDS[:5]:
        error, inside = [], []
        for seed in range(count):
            series, mu, _ = nothing(kind, seed)
            table = baseline.fit(series).table
            known = ~table["unknown"]
            error.append(float(np.mean(np.abs(table["expected"] / mu - 1))))
            inside.append(
                float(((table["value"] >= table["low"]) & (table["value"] <= table["high"]))[known].mean())
            )
        out.append(f"| {kind} | {np.mean(error):.1%} | {np.mean(inside):.1%} |")
        print(out[-1], flush=True)
    return out


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    each = max(count // 25, 4)
    day = time.strftime("%Y-%m-%d")
    cost = speed()
    lines, told = truth(each)
    quiet = silence(count)
    heavy = tails(max(count // 10, 10))
    note = "90 days of hourly counts a series; deterministic seeds; two cores shared with other work."
    write(
        "spikes",
        f"Spikes, measured {day}",
        [note, "", "False spikes per series in 30 days:", "", *quiet, ""]
        + [
            f"Tails of many weights, nothing planted, {max(count // 10, 10)} series each (1 and 0.1 asked; "
            "alerts abstain over their first 64 buckets):",
            "",
            *heavy,
            "",
        ]
        + ["Planted truth (0.1 false a month):", "", *lines, "", "Cost:", "", *cost],
    )
    write("decay", f"Half-lives of planted fades, measured {day}", [note, "", *told])
    write("shape", f"Classes planted and told, measured {day}, {each} seeds each", classes(each))
    write("baseline", f"The baseline where nothing happens, measured {day}, 40 seeds each", expectations())


if __name__ == "__main__":
    main()
