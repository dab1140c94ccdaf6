"""Charts as still pictures, for readers without scripts and for paper.

A Chromium on the machine draws them with the same plotly.js the page uses: one for all reports of a command,
asked by ``run.py``. Where there is none the page says so, and the numbers stand there anyway.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from analysis.reports import clean
from analysis.reports.figures import Figure

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TEMPLATE = Path(__file__).parent / "template"
SCRIPTS = ("report.js", "pictures.js")
NO_BROWSER = "there was no Chromium on the machine that made this page"
NOT_DRAWN = "the Chromium of the machine that made this page did not draw it"
# What the page of charts is asked for when it is done: each picture by its chart's name.
READ = """new Promise(done => {
  const look = () => document.body && document.body.dataset.done
    ? done(Object.fromEntries([...document.querySelectorAll("pre[id]")].map(p => [p.id, p.textContent])))
    : setTimeout(look, 10);
  look();
})"""


@cache
def browser() -> str | None:
    """The machine's Chromium, or the one that BROWSER_PATH names; None where there is none."""
    named = os.environ.get("BROWSER_PATH")
    found = (shutil.which(name) for name in ([named] if named else BROWSERS))
    return next((path for path in found if path), None)


def keep(answer: dict[str, Any], charts: Iterable[Figure], folder: Path) -> tuple[set[str], str]:
    """Write ``<name>.svg`` into the folder for each chart that was drawn.

    Parameters
    ----------
    answer : ``drawn``, each picture in base64 by its chart's name, and ``why`` there are none

    Returns
    -------
    names of the charts that have a picture, and why the others have none (empty when all have one)
    """
    wanted = {chart.name for chart in charts}
    drawn = {name: encoded for name, encoded in answer.get("drawn", {}).items() if name in wanted}
    for name, encoded in drawn.items():
        (folder / f"{name}.svg").write_bytes(_steady(base64.b64decode(encoded)))
    return set(drawn), (answer.get("why") or NOT_DRAWN) if len(drawn) < len(wanted) else ""


def page(charts: list[Figure], plotly: Path) -> str:
    """The page that draws the charts and leaves each picture in base64 in the document."""
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
    files = (plotly, *(TEMPLATE / script for script in SCRIPTS))
    scripts = "".join(f'<script src="{escape(file.as_uri())}"></script>' for file in files)
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(clean.CSP)}"></head><body>'
        f'<script type="application/json" id="charts">{data}</script>'
        f"{scripts}</body></html>"
    )


def _steady(svg: bytes) -> bytes:
    """The picture without plotly's random stamp on its ids: equal charts are equal bytes."""
    stamp = re.search(rb'id="(?:top)?defs-([0-9a-f]{6})"', svg)
    return svg.replace(stamp[1], b"000000") if stamp else svg
