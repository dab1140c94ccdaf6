"""The site of every shipped notebook on the made-up world, built once for all tests that read it."""

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat import v4
from one_parent import one_parent

from analysis import train
from analysis.reports.record import Record
from analysis.reports.run import Options, make
from analysis.reports.site import Site
from analysis.simulate import fill
from analysis.store import Store

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
ZONE, ADDRESS = "Europe/Berlin", "https://reports.example/all/"
TRAINED = pd.Timestamp("2018-03-17", tz="UTC")
# name -> report and parameters; beside every notebook with its defaults
ASKED = {
    "before": ("overview", ["since=2018-01-01", "until=2018-03-25"]),
    "whole": ("overview", ["since=2018-01-01", "until=2018-04-01"]),
    "rising": ("outlook", ["as_of=2018-03-19T12:00"]),
}
AS_FILLED = "store-as-filled"
"""Beside the site, the store before any notebook ran on it."""
PAGES = [*SHIPPED, "hostile", "whole", "rising"]
"""The pages of reports; "whole" follows "before" in its series."""
OTHERS = {
    "index": "index.html",
    "history": "history.html",
    "contents": "contents/index.html",
    "content": "contents/{content}.html",
    "changes": "runs/{whole}/changes.html",
    "failed": "runs/{fails}/index.html",
}
"""The site's other kinds of page."""
HOSTILE = """
import pandas as pd, plotly.graph_objects as go
from IPython.display import HTML, Javascript, Markdown, display
from analysis.charts import style
from analysis.display import about, say, show
from analysis.models.result import Result

TITLES = [
    "<script>window.pwned=1</script>", '<img src=x onerror="window.pwned=1">', "<svg onload=window.pwned=1>",
    '<a href="javascript:window.pwned=1">log in</a>', "</script><script>window.pwned=1</script>",
    "{{ 7*7 }} {% raw %} ${7*7}", "\\u202eright to left\\u202c",
    "<b>bold</b><span style='font-size:90px'>big</span>",
    "[x](javascript:window.pwned=1) ![y](https://evil.example/x.png)", "=HYPERLINK(1)", "T" * 10_000,
]
frame = pd.DataFrame({"title": TITLES, "count": range(len(TITLES))})
display(Result(frame, "found", TITLES[0], " ".join(TITLES), (), TITLES[1], {}))
display(show(frame, TITLES[1]), say(*TITLES), frame, frame.style, Javascript("window.pwned=1"))
display(HTML("".join(TITLES)), Markdown("# " + "\\n\\n## ".join(TITLES)))
print(*TITLES)
ids = [f"{number:016x}" for number in range(len(TITLES))]
urls = ["javascript:window.pwned=1", *TITLES[1:]]
display(about(pd.DataFrame({"content_id": ids, "url": urls, "title": TITLES})))
labels = [style.label(title) for title in TITLES]
figure = go.Figure(go.Bar(x=labels, y=frame["count"], name=TITLES[3]))
figure.add_scatter(x=TITLES, y=frame["count"], name=TITLES[0])
figure.update_layout(title=TITLES[3] + TITLES[1], xaxis_title=TITLES[7], meta={"description": TITLES[0]})
figure.add_annotation(text=TITLES[3], x=0, y=5)
figure
"""
FAILS = 'raise ValueError("<img src=x onerror=window.pwned=1>")'


@dataclass(frozen=True)
class Built:
    """The site, and the record of each page by its name."""

    site: Site
    records: dict[str, Record]

    @property
    def folder(self) -> Path:
        """Where the site is."""
        return self.site.folder

    def run(self, name: str) -> Path:
        """The folder of a report's page."""
        record = self.records[name]
        assert record.status == "ok", f"{name} made no page: {record.error}"
        return self.site.runs / record.id

    def path(self, name: str) -> str:
        """A page's path on the site."""
        if name not in OTHERS:
            return f"{self.run(name).relative_to(self.folder)}/index.html"
        ids = {name: record.id for name, record in self.records.items()}
        content = self.records["story"].contents[0]["content_id"]
        return OTHERS[name].format(content=content, **ids)

    def page(self, name: str) -> str:
        """A page's address as a file."""
        return (self.folder / self.path(name)).as_uri()


def built_in(place: Path) -> Built:
    """Build it there, or take what another worker has built."""
    known = place / "pages.json"
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            ids = {name: record.id for name, record in _build(place).items()}
            known.write_text(json.dumps(ids))
    site = Site(place / "site", ADDRESS, ZONE)
    records = {record.id: record for record in site.records()}
    return Built(site, {name: records[run_id] for name, run_id in json.loads(known.read_text()).items()})


def _build(place: Path) -> dict[str, Record]:
    notebooks = place / "notebooks"
    notebooks.mkdir()
    for name in SHIPPED:
        (notebooks / f"{name}.ipynb").write_bytes((ROOT / "notebooks" / f"{name}.ipynb").read_bytes())
    for name, code in (("hostile", HOSTILE), ("fails", FAILS)):
        cells = [v4.new_markdown_cell("# Titles that bite"), v4.new_code_cell(code)]
        nbformat.write(v4.new_notebook(cells=cells), notebooks / f"{name}.ipynb")
    with pytest.MonkeyPatch.context() as patch, one_parent():
        for name, value in (
            ("STORE", place / "store"),
            ("SITE", place / "site"),
            ("NOTEBOOKS", notebooks),
            ("SITE_ZONE", ZONE),
            ("SITE_ADDRESS", ADDRESS),
        ):
            patch.setenv(f"VIRALITY_{name}", str(value))
        fill(Store.open(), 0)
        train.train(Store.open(), TRAINED, [], 0)
        shutil.copytree(place / "store", place / AS_FILLED)
        options = Options(timeout=280)
        done = make([], [], everything=True, options=options, say=_quiet)
        records = {record.report: record for record in done.records}
        for name, (report, words) in ASKED.items():
            records[name] = make([report], words, options=options, say=_quiet).records[0]
    return records


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of a session."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-site"
    place.mkdir(exist_ok=True)
    return place


def _quiet(line: str) -> None:
    pass
