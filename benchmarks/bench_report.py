"""``virality report`` on the sample world, beside plain papermill and nbconvert on the same notebooks.

``python -m benchmarks.bench_report [--rounds 3] [--reports NAME ...]`` prints a table and writes
docs/figures/report.md. Both ways run in turn in every round; the figures are medians. The peer runs the
two commands one notebook after another and makes pages without charts' pictures, numbers, index or policy.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
FIGURES = ROOT / "docs" / "figures" / "report.md"


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """How long a command takes; a failing one ends the benchmark."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return time.perf_counter() - began


def ours(environment: dict[str, str], names: list[str], site: Path) -> dict[str, float]:
    """One build from nothing, one more when nothing is stale."""
    command = [str(BIN / "virality"), "report", *names, "--again"]
    took = seconds(command, environment)
    records = [json.loads(path.read_text()) for path in site.glob("runs/*/record.json")]
    pages = [record["files"]["index.html"]["bytes"] for record in records]
    asset = max(path.stat().st_size for path in (site / "assets").iterdir())
    return {
        "all reports, s": took,
        "of that in kernels (sum over reports), s": sum(record["kernel_seconds"] for record in records),
        "pages a minute": 60 * len(records) / took,
        "again when nothing is stale, s": seconds(command[:-1], environment),
        "largest page, kB": max(pages) / 1000,
        "plotly.js, once for the site, kB": asset / 1000,
    }


def peer(environment: dict[str, str], notebooks: list[Path], place: Path) -> dict[str, float]:
    """``papermill`` and then ``jupyter nbconvert``, notebook by notebook."""
    took = kernels = 0.0
    sizes = []
    for path in notebooks:
        run, page = place / path.name, place / f"{path.stem}.html"
        command = [str(BIN / "papermill"), str(path), str(run), "-k", "python3", "--cwd", str(path.parent)]
        kernels += (spent := seconds(command, environment))
        convert = ["nbconvert", "--to", "html", "--no-input", "--output", page.name, str(run)]
        took += spent + seconds([str(BIN / "jupyter"), *convert], environment)
        sizes.append(page.stat().st_size)
    return {
        "all reports, s": took,
        "of that in kernels (sum over reports), s": kernels,
        "pages a minute": 60 * len(notebooks) / took,
        "largest page, kB": max(sizes) / 1000,
    }


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--reports", nargs="*", help="by default all")
    asked = options.parse_args()
    rounds = asked.rounds
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    notebooks = [path for path in notebooks if not asked.reports or path.stem in asked.reports]
    names = [path.stem for path in notebooks]
    mine: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        environment = os.environ | {
            "VIRALITY_STORE": str(place / "store"),
            "VIRALITY_SITE": str(place / "site"),
            "PLOTLY_RENDERER": "notebook",  # what draws a chart in nbconvert's page
            "OMP_NUM_THREADS": "1",
        }
        seconds([str(BIN / "virality"), "simulate"], environment)
        for number in range(rounds):
            site = place / f"site{number}"
            mine.append(ours(environment | {"VIRALITY_SITE": str(site)}, names, site))
            theirs.append(peer(environment, notebooks, place))
            blind = {"VIRALITY_SITE": str(place / f"bare{number}"), "BROWSER_PATH": "/nonexistent/chromium"}
            bare.append(seconds([str(BIN / "virality"), "report", *names], environment | blind))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    write(mine, theirs, bare, names)


def write(
    mine: list[dict[str, float]], theirs: list[dict[str, float]], bare: list[float], names: list[str]
) -> None:
    """The table, on the screen and as Markdown."""
    rows = []
    for name in mine[0]:
        we = statistics.median(one[name] for one in mine)
        they = statistics.median(one[name] for one in theirs) if name in theirs[0] else None
        ratio = f"{we / they:.2f}" if they else ""
        rows.append((name, f"{we:,.1f}", f"{they:,.1f}" if they else "", ratio))
    rows.insert(
        1, ("all reports on a machine without a Chromium, s", f"{statistics.median(bare):,.1f}", "", "")
    )
    head = ("", "virality report", "papermill + nbconvert", "ratio")
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---", "---:", "---:", "---:"), *rows)]
    how = f"{', '.join(names)}: medians of {len(mine)} rounds, taken in turn, {os.cpu_count()} cores"
    when = f"Python {sys.version.split()[0]}, {datetime.now(UTC):%Y-%m-%d}"
    peer_note = (
        "The peer's figure for kernels is the whole of `papermill`; each of its pages holds plotly.js."
    )
    text = f"# Reports on the sample world\n\n{how}, {when}.\n\n{chr(10).join(lines)}\n\n{peer_note}\n"
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
