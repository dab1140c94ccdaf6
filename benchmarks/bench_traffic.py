"""Five million log lines become hourly exposure in the store, beside Polars, DuckDB and GoAccess.

python -m benchmarks.bench_traffic [lines] [rounds]

Ours reads, parses, canonicalises, classifies, takes machines out, counts visits and writes raw and
cleaned intervals to a new store. The yardstick, Polars or DuckDB, only splits the same lines and counts
them by path and hour. GoAccess writes its report. Each run is a process of its own; rounds are interleaved.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.generate_log import make, write

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "figures" / "traffic.md"

OURS = """
import json, resource, sys, time
from pathlib import Path
from analysis.importing.logs import import_logs
from analysis.store import Store
log, small, folder = map(Path, sys.argv[1:])
import_logs([small], "https://blog.example", Store.open(folder / "warm"))  # loads what numba compiled once
store = Store.open(folder / "store")
start, busy = time.perf_counter(), time.process_time()
done = import_logs([log], "https://blog.example", store)
print(json.dumps([time.perf_counter() - start, time.process_time() - busy,
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, done.new]))
"""
POLARS = """
import json, resource, sys, time
import polars as pl
start, busy = time.perf_counter(), time.process_time()
lines = pl.scan_csv(sys.argv[1], has_header=False, separator=" ", quote_char='"', infer_schema=False,
                    truncate_ragged_lines=True, ignore_errors=True, new_columns=list("abcdefghij"))
found = lines.select(path=pl.col("f").str.split_exact(" ", 1).struct.field("field_1"), hour=pl.col("d").str.slice(1, 14))
rows = len(found.group_by("path", "hour").len().collect(engine="streaming"))
print(json.dumps([time.perf_counter() - start, time.process_time() - busy,
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rows]))
"""  # noqa: E501
DUCKDB = """
import json, resource, sys, time
import duckdb
start, busy = time.perf_counter(), time.process_time()
columns = ", ".join(f"'{c}': 'varchar'" for c in "abcdefghij")
rows = duckdb.sql(f'''select count(*) from (select split_part(f, ' ', 2) as path, substr(d, 2, 14) as hour, count(*)
    from read_csv('{sys.argv[1]}', delim=' ', quote='"', header=false, columns={{{columns}}}, auto_detect=false,
    strict_mode=false, ignore_errors=true) group by all)''').fetchall()[0][0]
print(json.dumps([time.perf_counter() - start, time.process_time() - busy,
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rows]))
"""  # noqa: E501


def python(code: str, *arguments: str) -> list[float]:
    """What a run prints: seconds, seconds of processor, peak MB, rows."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def goaccess(log: Path, folder: Path) -> list[float]:
    """GoAccess writes its HTML report of the same file."""
    command = [
        "goaccess",
        str(log),
        "--log-format=COMBINED",
        "-o",
        str(folder / "report.html"),
        "--no-progress",
    ]
    before, start = _children(), time.perf_counter()
    subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    return [time.perf_counter() - start, _children() - before, float("nan"), float("nan")]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and write docs/figures/traffic.md."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    runs: dict[str, list[list[float]]] = {"ours": [], "Polars": [], "DuckDB": []}
    if shutil.which("goaccess"):
        runs["GoAccess"] = []
    else:
        print("GoAccess is not installed (apt-get install goaccess): left out")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, small = folder / "access.log", folder / "small.log"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.generate_log", str(log), "--lines", str(lines)],
            cwd=ROOT,
            check=True,
        )
        write(small, make(20_000))
        load = os.getloadavg()[0]
        megabytes = log.stat().st_size / 1e6
        for number in range(rounds):
            place = folder / str(number)
            place.mkdir()
            for who in runs:
                if who == "GoAccess" and number:
                    continue  # it takes longer than all others together
                if who == "ours":
                    found = python(OURS, str(log), str(small), str(place))
                elif who == "GoAccess":
                    found = goaccess(log, place)
                else:
                    found = python(POLARS if who == "Polars" else DUCKDB, str(log))
                runs[who].append(found)
                print(f"round {number + 1}, {who}: {found[0]:.2f} s", flush=True)
            shutil.rmtree(place)
    median = {who: statistics.median(run[0] for run in found) for who, found in runs.items()}
    busy = {who: statistics.median(run[1] for run in found) for who, found in runs.items()}
    memory = {who: max(run[2] for run in found) for who, found in runs.items()}
    yardstick = min(("Polars", "DuckDB"), key=median.__getitem__)
    ours = runs["ours"][0][3]

    def ratio(figure: dict[str, float], who: str) -> str:
        return "" if who == "ours" else f"{figure['ours'] / figure[who]:.2f}"

    text = [
        f"# {lines:,} combined log lines to hourly exposure",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {megabytes:,.0f} MB made by benchmarks/generate_log.py (seed 0), medians of {rounds} "  # noqa: E501
        f"interleaved rounds on {os.cpu_count()} cores; {load:.1f} processes wanted them when the rounds began. Ours wrote "  # noqa: E501
        f"{ours:,.0f} rows. The yardstick is {yardstick}, which only splits the lines and counts them by path and hour. "  # noqa: E501
        "GoAccess ran in the first round alone. Compiling once (numba, some seconds on first use) is not in it.",  # noqa: E501
        "",
        "| | seconds | ours / theirs | seconds of processor | ours / theirs | peak MB |",
        "|---|---|---|---|---|---|",
        *(
            f"| {who} | {seconds:.2f} | {ratio(median, who)} | {busy[who]:.2f} | {ratio(busy, who)} | {memory[who]:,.0f} |".replace(  # noqa: E501
                "nan", ""
            )
            for who, seconds in median.items()
        ),
    ]
    print("\n".join(text))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(text) + "\n", "utf-8")


if __name__ == "__main__":
    main()
