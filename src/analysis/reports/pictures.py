"""Charts as still pictures, for readers without scripts and for paper.

A Chromium on the machine draws all charts of a page in one start, with the same plotly.js the page
uses. Where there is none the page says so, and the numbers stand there anyway.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from html import escape
from pathlib import Path

from analysis.reports import clean
from analysis.reports.figures import Figure

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TEMPLATE = Path(__file__).parent / "template"
SCRIPTS = ("report.js", "pictures.js")
SECONDS = 90
_DRAWN = re.compile(r'<pre id="(figure-\d+)">([A-Za-z0-9+/=]+)</pre>')


@cache
def browser() -> str | None:
    """The machine's Chromium, or the one that BROWSER_PATH names; None where there is none."""
    named = os.environ.get("BROWSER_PATH")
    found = (shutil.which(name) for name in ([named] if named else BROWSERS))
    return next((path for path in found if path), None)


def draw(charts: list[Figure], folder: Path, plotly: Path) -> tuple[set[str], str]:
    """Write ``<name>.svg`` for each chart into the folder.

    Returns
    -------
    names of the charts that have a picture, and why the others have none (empty when all have one)
    """
    if not charts:
        return set(), ""
    program = browser()
    if program is None:
        return set(), "there was no Chromium on the machine that made this page"
    with tempfile.TemporaryDirectory(prefix="virality-pictures-") as place:
        page = Path(place) / "charts.html"
        shutil.copy(plotly, Path(place) / "plotly.js")
        for script in SCRIPTS:
            shutil.copy(TEMPLATE / script, place)
        page.write_text(_page(charts), encoding="utf-8")
        drawn = dict(_DRAWN.findall(_dump(program, page, Path(place) / "profile")))
    for name, encoded in drawn.items():
        (folder / f"{name}.svg").write_bytes(_steady(base64.b64decode(encoded)))
    missing = len(charts) > len(drawn)
    return set(drawn), "the Chromium of the machine that made this page did not draw it" if missing else ""


def _page(charts: list[Figure]) -> str:
    templates: list[dict] = []
    listed = []
    for chart in charts:
        if chart.template not in templates:
            templates.append(chart.template)
        listed.append(
            chart.spec
            | {"name": chart.name, "height": chart.height, "template": templates.index(chart.template)}
        )
    data = clean.script_json({"charts": listed, "templates": templates})
    scripts = "".join(f'<script src="{script}"></script>' for script in SCRIPTS)
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(clean.CSP)}"></head><body>'
        f'<script type="application/json" id="charts">{data}</script>'
        f'<script src="plotly.js"></script>{scripts}</body></html>'
    )


def _dump(program: str, page: Path, profile: Path) -> str:
    command = [
        program,
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-extensions",
        "--disable-background-networking",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=60000",
        "--dump-dom",
        page.as_uri(),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium refuses to start as root otherwise
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=SECONDS, check=False, encoding="utf-8", errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _steady(svg: bytes) -> bytes:
    """The picture without plotly's random stamp on its ids: equal charts are equal bytes."""
    stamp = re.search(rb'id="(?:top)?defs-([0-9a-f]{6})"', svg)
    return svg.replace(stamp[1], b"000000") if stamp else svg
