"""What stands over all runs, built for a site of many runs: from nothing, again, and after one more run.

``python -m benchmarks.bench_site [--runs 500 1000 2000]`` makes runs with records like real ones (20 reports,
20 contents each out of 400, ten files), prints a table and writes docs/figures/site.md. No notebook is run:
``bench_report.py`` measures those.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.reports.files import digest
from analysis.reports.record import CLOCK, RECORD, Record
from analysis.reports.site import Site

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures" / "site.md"
REPORTS, CONTENTS, EACH, FILES = 20, 400, 20, 10
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = b"<!DOCTYPE html><title>page</title>" + b"x" * 2000


def made(number: int) -> Record:
    """The record of the run of that number; each report is renewed again and again, with other dates."""
    finished = (BEGIN + timedelta(hours=number)).isoformat(timespec="milliseconds")
    report = f"report{number % REPORTS}"
    since = (BEGIN + timedelta(hours=number)).date().isoformat()
    names = ["since", "until", "site", "as_of", "show_most", "like_days"]
    parameters = [
        {
            "name": name,
            "value": since if name == "since" else "not set",
            "given": name == "since",
            "note": "n" * 60,
        }
        for name in names
    ]
    contents = [
        {
            "content_id": f"{(number * 7 + place) % CONTENTS:016x}",
            "url": f"https://site.example/{(number * 7 + place) % CONTENTS}",
            "title": f"A title of an ordinary length, number {(number * 7 + place) % CONTENTS}",
        }
        for place in range(EACH)
    ]
    inputs = {
        "versions": dict.fromkeys(("content", "events", "readings", "intervals", "forecasts"), number),
        "rows": dict.fromkeys(("content", "events", "readings", "intervals", "forecasts"), 1000 * number),
        "data_as_of": finished,
        "software": {f"library{place}": "1.2.3" for place in range(9)},
        "code": "0123456789ab",
        "commit": "0123456789ab",
        "revised": 0,
    }
    return Record(
        id=f"{report}-{number:012x}",
        report=report,
        title=f"What report number {number % REPORTS} asks",
        status="ok",
        parameters=parameters,
        started=finished,
        finished=finished,
        checked=finished,
        seconds=5.0,
        kernel_seconds=4.0,
        renew_days=7.0,
        fingerprint="f" * 64,
        notebook="0" * 64,
        data_as_of=f"{finished[:16].replace('T', ' ')} UTC",
        inputs=inputs,
        verdict="found",
        summary="Something stood out among its like. " * 12,
        contents=contents,
        files={f"figure-{place}.csv": digest(PAGE) for place in range(FILES)} | {"index.html": digest(PAGE)},
    )


def measure(runs: int) -> dict[str, float]:
    """Seconds of one site of so many runs."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "site", "https://reports.example/", "Europe/Berlin")
        site.prepare()
        for number in range(runs):
            record = made(number)
            home = site.runs / record.id
            home.mkdir()
            (home / RECORD).write_bytes(record.to_json())
            (home / CLOCK).write_bytes(b"")
            (home / "index.html").write_bytes(PAGE)
        figures = {}
        for name in ("from nothing, s", "again, s"):
            began = time.perf_counter()
            rewritten = Site(site.folder, site.address, site.zone).build()
            figures[name] = time.perf_counter() - began
        if rewritten:
            sys.exit(f"{rewritten} files were rewritten though nothing had changed")
        fresh = Site(site.folder, site.address, site.zone)
        for name in ("one more run, s", "one more in the same command, s"):
            runs += 1
            record = replace(made(runs), files={})
            staged = fresh.stage(record.id)
            (staged / "index.html").write_bytes(PAGE)
            began = time.perf_counter()
            fresh.publish(record, staged)
            figures[name] = time.perf_counter() - began
        figures["index.html, kB"] = site.index.stat().st_size / 1000
        figures["history.html, kB"] = (site.folder / "history.html").stat().st_size / 1000
        figures["manifest.json, kB"] = (site.folder / "manifest.json").stat().st_size / 1000
        return figures


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, nargs="+", default=[500, 1000, 2000])
    asked = options.parse_args().runs
    found = {runs: measure(runs) for runs in asked}
    head = ["", *(f"{runs:,} runs" for runs in asked)]
    rows = [[name, *(f"{found[runs][name]:,.2f}" for runs in asked)] for name in found[asked[0]]]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---", *["---:"] * len(asked)], *rows)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    how = (
        f"{REPORTS} reports, {EACH} of {CONTENTS} contents a run; {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}. "
        f"Peak memory {peak:,.0f} MB."
    )
    text = f"# What stands over all runs\n\n{how}\n\n{chr(10).join(lines)}\n"
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
