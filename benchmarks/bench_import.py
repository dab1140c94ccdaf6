"""Import of the Hacker News front page beside raw DuckDB and pandas: rows a second and peak memory.

python -m benchmarks.bench_import [rounds]

Every run is a process of its own, so that its peak memory is its own; all are run once in every round.
Raw DuckDB and pandas read the file and write it as one Parquet file: no canonical URL, no row for each
number, no key looked up. "The same job" is pandas making the same rows, with our canonical URLs.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared" / "data" / "hn_frontpage" / "hn_frontpage_2020-11_2021-12.csv.gz"
FIGURES = ROOT / "docs" / "figures" / "import.md"
ROWS = 549_781

DUCKDB = """
import sys, duckdb
duckdb.sql(f"copy (select * from read_csv('{sys.argv[1]}')) to '{sys.argv[2]}/out.parquet' (format parquet)")
"""
PANDAS = """
import sys, pandas as pd
pd.read_csv(sys.argv[1]).to_parquet(sys.argv[2] + "/out.parquet")
"""
SAME = """
import sys, pandas as pd
from analysis.urls import identity
frame = pd.read_csv(sys.argv[1], dtype={"item_id": str})
frame["line"] = range(2, len(frame) + 2)
frame = frame[frame["item_id"].notna()]
own = "https://news.ycombinator.com/item?id=" + frame["item_id"]
frame["url"] = frame["url"].where(frame["url"].str.match("https?:", na=False), own)
known = {url: identity(url) for url in frame["url"].unique()}
content = pd.DataFrame(list(known.values())).drop_duplicates("content_id")
content.to_parquet(sys.argv[2] + "/content.parquet")
frame["content_id"] = frame["url"].map({url: found.content_id for url, found in known.items()})
frame["observed_at"] = pd.to_datetime(frame["snapshot_utc"])
frame["source"] = "hn.csv:" + frame["line"].astype(str)
kept = ["item_id", "observed_at", "content_id", "source"]
readings = frame.melt(kept, ["points", "comments", "rank"], "metric")
readings["platform"], readings["observer"] = "hackernews", "hn_frontpage"
readings["status"] = readings["value"].notna().map({True: "observed", False: "suppressed"})
readings = readings.drop_duplicates(["platform", "item_id", "metric", "observed_at", "observer"])
readings.to_parquet(sys.argv[2] + "/readings.parquet")
"""
LAUNCH = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)
sys.exit(code)
"""


def ours() -> list[str]:
    """The command, as a user gives it."""
    mapping = str(ROOT / "data" / "mappings" / "hn_frontpage.toml")
    return [sys.executable, "-m", "analysis.cli", "import", "readings", str(SOURCE), "--mapping", mapping]


def run(command: list[str], store: str) -> tuple[float, float, float]:
    """Seconds, peak memory in MB, and seconds of processor."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, *command],
        env={**os.environ, "VIRALITY_STORE": store},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    memory, processor = map(float, done.stdout.split()[-2:])
    return seconds, memory, processor


def main(rounds: int) -> None:
    """Run all, print the table, and keep it."""
    if not SOURCE.is_file():
        print(f"skipped: {SOURCE} does not lie beside this checkout")
        return
    load = os.getloadavg()[0]
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            store = f"{folder}/store"
            runs = {
                "ours": ours(),
                "ours, again (nothing new)": ours(),
                "raw DuckDB to Parquet": [sys.executable, "-c", DUCKDB, str(SOURCE), folder],
                "pandas to Parquet": [sys.executable, "-c", PANDAS, str(SOURCE), folder],
                "pandas, the same job": [sys.executable, "-c", SAME, str(SOURCE), folder],
            }
            for name, command in runs.items():
                figures.setdefault(name, []).append(run(command, store))
                print(f"round {number + 1}: {name}: {figures[name][-1][0]:.2f} s", file=sys.stderr)
    lines = [
        "# Import of the Hacker News front page",
        "",
        f"{ROWS:,} rows (1.6 million readings), one gzipped CSV; {datetime.now(UTC):%Y-%m-%d}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}; medians of {rounds} rounds, "
        "interleaved, each run a process of its own from start to end. Load of the machine when the runs "
        f"began: {load:.1f}; above 0 they share the cores with others, which weighs most on what uses both.",
        "",
        "| | seconds | rows/s | × raw DuckDB | processor, s | peak memory, MB |",
        "|---|---|---|---|---|---|",
    ]
    base = statistics.median(seconds for seconds, _, _ in figures["raw DuckDB to Parquet"])
    for name, runs_of in figures.items():
        seconds, memory, processor = (statistics.median(values) for values in zip(*runs_of, strict=True))
        cells = [f"{seconds:.2f}", f"{ROWS / seconds:,.0f}", f"{seconds / base:.2f}", f"{processor:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {memory:.0f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
