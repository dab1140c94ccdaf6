"""``virality report`` on the sample world, beside plain papermill and nbconvert on the same notebooks.

``python -m benchmarks.bench_report [--rounds 7] [--reports NAME ...]`` prints tables and writes
docs/figures/report.md. Both ways run in turn in every round; the figures are medians. The peer runs its two
commands one notebook after another, as published, and makes pages without pictures, numbers, index or policy.
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

from playwright.sync_api import sync_playwright

from analysis.reports import pictures
from analysis.store import Store

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
FIGURES = ROOT / "docs" / "figures" / "report.md"
MANY = 50
KINDS = {  # of pages, by where they stand on the site
    "a report's page, the largest": "runs/*/index.html",
    "what changed": "runs/*/changes.html",
    "index": "index.html",
    "history": "history.html",
    "a content's page": "contents/?*.html",
    "pictures of one report, the largest": "runs/*/*.svg",
    "plotly.js, once for the site": "assets/plotly*.js",
    "all other assets": "assets/report*",
}
PAINT = (
    "performance.getEntriesByType('paint').find(entry => entry.name === 'first-contentful-paint')?.startTime"
)


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """How long a command takes; a failing one ends the benchmark."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return time.perf_counter() - began


def ours(environment: dict[str, str], names: list[str]) -> dict[str, float]:
    """One build of all from nothing, one more when nothing is stale, and one report alone."""
    command = [str(BIN / "virality"), "report", *names, "--again"]
    took = seconds(command, environment)
    return {
        "all reports, s": took,
        "one after another, s a report": took / len(names),
        "pages a minute": 60 * len(names) / took,
        "one report alone (overview), s": seconds([*command[:2], "overview", "--again"], environment),
        "again when nothing is stale, s": seconds(command[:-1], environment),
    }


def peer(environment: dict[str, str], notebooks: list[Path], place: Path) -> dict[str, float]:
    """``papermill`` and then ``jupyter nbconvert``, notebook by notebook."""
    took = {}
    for path in notebooks:
        run = place / path.name
        command = [str(BIN / "papermill"), str(path), str(run), "-k", "python3", "--cwd", str(path.parent)]
        convert = ["nbconvert", "--to", "html", "--no-input", "--output", f"{path.stem}.html", str(run)]
        took[path.stem] = seconds(command, environment) + seconds(
            [str(BIN / "jupyter"), *convert], environment
        )
    every = sum(took.values())
    return {
        "all reports, s": every,
        "one after another, s a report": every / len(took),
        "pages a minute": 60 * len(took) / every,
        "one report alone (overview), s": took.get("overview", float("nan")),
    }


def many(environment: dict[str, str], urls: list[str]) -> dict[str, float]:
    """Fifty reports: the story and the bench of each of 25 contents, every core busy."""
    half = [word for url in urls[: MANY // 2] for word in ("-p", f"url={url}")]
    took = sum(
        seconds([str(BIN / "virality"), "report", name, *half], environment) for name in ("story", "explore")
    )
    records = Path(environment["VIRALITY_SITE"]).glob("runs/*/record.json")
    done = sum(json.loads(path.read_text())["status"] == "ok" for path in records)
    if done != MANY:
        sys.exit(f"{MANY - done} of {MANY} reports were lost")
    return {f"{MANY} reports, s": took, f"pages a minute over {MANY}": 60 * MANY / took}


def paints(mine: list[Path], theirs: list[Path]) -> tuple[float, float, float]:
    """Milliseconds to the first paint of our pages and the peer's, and until ours have drawn all charts."""
    first: dict[bool, list[float]] = {True: [], False: []}
    drawn = []
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=pictures.browser(), args=["--no-sandbox"])
        for own, page_path in [
            (own, path)
            for pair in zip(mine, theirs, strict=True)
            for own, path in zip((True, False), pair, strict=True)
        ]:
            page = program.new_context(offline=True).new_page()
            page.goto(page_path.as_uri())
            page.wait_for_function(f"{PAINT} !== undefined")
            first[own].append(page.evaluate(PAINT))
            if own:
                page.wait_for_selector("html[data-drawn]", state="attached")
                drawn.append(page.evaluate("performance.now()"))
            page.close()
        program.close()
    return statistics.median(first[True]), statistics.median(first[False]), statistics.median(drawn)


def sizes(site: Path) -> dict[str, float]:
    """Kilobytes by kind of page."""
    found = {}
    for kind, pattern in KINDS.items():
        files = list(site.glob(pattern))
        if "pictures" in kind:
            weights = [
                sum(f.stat().st_size for f in folder.glob("*.svg")) for folder in {f.parent for f in files}
            ]
        else:
            weights = [file.stat().st_size for file in files]
        found[kind] = (sum(weights) if "all other" in kind else max(weights, default=0)) / 1000
    return found


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--reports", nargs="*", help="by default all")
    asked = options.parse_args()
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    notebooks = [path for path in notebooks if not asked.reports or path.stem in asked.reports]
    names = [path.stem for path in notebooks]
    mine: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        environment = os.environ | {
            "VIRALITY_STORE": str(place / "store"),
            "VIRALITY_SITE": str(place / "warm"),
            "PLOTLY_RENDERER": "notebook",  # what draws a chart in nbconvert's page
            "OMP_NUM_THREADS": "1",
        }
        seconds([str(BIN / "virality"), "simulate"], environment)
        seconds([str(BIN / "virality"), "report", *names], environment)  # numba compiles once a machine
        urls = sorted(Store.open(place / "store").read("content")["url"])
        for number in range(asked.rounds):
            site = place / f"site{number}"
            measured = ours(environment | {"VIRALITY_SITE": str(site)}, names)
            theirs.append(peer(environment, notebooks, place))
            blind = {"VIRALITY_SITE": str(place / f"bare{number}"), "BROWSER_PATH": "/nonexistent/chromium"}
            without = seconds([str(BIN / "virality"), "report", *names], environment | blind)
            measured["all reports on a machine without a Chromium, s"] = without
            measured |= many(environment | {"VIRALITY_SITE": str(place / f"many{number}")}, urls)
            pages = [next(site.glob(f"runs/{name}-*/index.html")) for name in names]
            measured["first paint, ms"], theirs[-1]["first paint, ms"], measured["all charts drawn, ms"] = (
                paints(pages, [place / f"{name}.html" for name in names])
            )
            mine.append(measured)
            print(f"round {number + 1} of {asked.rounds}", file=sys.stderr)
        weights = sizes(site)
        heavy = max((place / f"{name}.html").stat().st_size for name in names) / 1000
    write(mine, theirs, weights, heavy, names)


def write(
    mine: list[dict[str, float]],
    theirs: list[dict[str, float]],
    weights: dict[str, float],
    heavy: float,
    names: list[str],
) -> None:
    """The tables, on the screen and as Markdown."""
    rows = []
    for name in mine[0]:
        we = statistics.median(one[name] for one in mine)
        they = statistics.median(one[name] for one in theirs) if name in theirs[0] else None
        ratios = [b[name] / a[name] for a, b in zip(mine, theirs, strict=True) if they]
        factor = statistics.median(ratios) if ratios else None
        if factor and "a minute" in name:
            factor = 1 / factor  # more is better
        better = f"{factor:.1f} ×" if factor else ""
        rows.append((name, f"{we:,.1f}", f"{they:,.1f}" if they else "", better))
    head = ("", "virality report", "papermill + nbconvert", "better by")
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---", "---:", "---:", "---:"), *rows)]
    bytes_head = ("kind of page", "virality, kB", "nbconvert, kB")
    kinds = [
        (kind, f"{weight:,.1f}", f"{heavy:,.1f}" if "a report's page" in kind else "")
        for kind, weight in weights.items()
    ]
    more = ["| " + " | ".join(row) + " |" for row in (bytes_head, ("---", "---:", "---:"), *kinds)]
    how = f"{', '.join(names)}: medians of {len(mine)} rounds, taken in turn, {os.cpu_count()} cores"
    load = f"load {os.getloadavg()[2]:.1f} in the last quarter of an hour"
    when = f"Python {sys.version.split()[0]}, {datetime.now(UTC):%Y-%m-%d}"
    notes = (
        "The two commands run one after another for each notebook; each of the peer's pages holds plotly.js\n"
        "and has neither pictures nor numbers behind its charts. Outputs are equal, cell by cell:\n"
        f"`tests/reports/test_same.py`. The {MANY} reports are the story and the bench of 25 contents each."
    )
    text = f"# Reports on the sample world\n\n{how}, {when}, {load}.\n\n" + "\n".join(lines)
    text += f"\n\n{notes}\n\n" + "\n".join(more) + "\n"
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
