"""JupyterLab itself: every shipped notebook run in a browser, on a world whose titles bite.

In the lab an injected script would hold the analyst's token. So nothing that our displays, tables, cards or
charts show may run, and all of them have to come out whole.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4
from playwright.sync_api import Browser, Page, sync_playwright

from analysis.reports import pictures
from analysis.simulate.seen import world
from analysis.store import Store

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
PATIENCE = 90_000  # milliseconds; a kernel on a busy machine
TITLES = (
    "<script>window.pwned=1</script>",
    '<img src=x onerror="window.pwned=1">',
    "<svg onload=window.pwned=1>",
    '<a href="javascript:window.pwned=1">log in</a>',
    "</script><script>window.pwned=1</script>",
    "{{ 7*7 }} {% raw %} ${7*7} $\\href{javascript:window.pwned=1}{x}$",
    "\u202eright to left\u202c",
    "<b>bold</b><span style='font-size:90px'>big</span><br><a href='https://evil.example'>here</a>",
    "[x](javascript:window.pwned=1) ![y](https://evil.example/x.png) `z`",
    "\"'><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "=HYPERLINK(1)",
    "$\\href{javascript:window.pwned=1}{x}$ from $5 to $6",
    "T" * 10_000,
)
DISPLAYS = """
import pandas as pd, plotly.graph_objects as go
from dataclasses import replace
from IPython.display import display
from analysis.charts import style
from analysis.checks.check import Check
from analysis.display import about, say, show
from analysis.models.result import Result
from analysis.platforms import cards
from analysis.store import Store

contents = Store.open().read("content")
titles = contents["title"].tolist()
frame = pd.DataFrame({"title": titles, titles[0]: range(len(titles))}, index=pd.Index(titles, name=titles[1]))
check = Check(titles[0], None, titles[1], frame)
display(Result(frame, "inconclusive", titles[0], titles[9], (check,), titles[1], {}))
display(check, show(frame, titles[1]), say(*titles), frame, about(contents), frame[titles[0]])
known = cards()
display(replace(known["reddit"], **{name: titles[1] for name, value in vars(known["reddit"]).items()
                                    if isinstance(value, str)}))
print(*titles)
labels = [style.label(title) for title in titles]
figure = go.Figure(go.Bar(x=labels, y=frame[titles[0]], name=labels[3], hovertext=labels, text=labels))
figure.add_scatter(x=labels, y=frame[titles[0]], name=labels[0], customdata=titles)
figure.update_layout(title=labels[3] + labels[1], xaxis_title=labels[7])
figure.add_annotation(text=labels[3], x=0, y=5)
figure
"""
OPEN = """async path => {
  const app = window.jupyterapp;
  const panel = await app.commands.execute("docmanager:open", {path, factory: "Notebook"});
  window.panel = panel;
  await panel.context.ready;
  await panel.sessionContext.ready;
  for (let n = 0; n < 900 && panel.sessionContext.session?.kernel?.status !== "idle"; n++)
    await new Promise(done => setTimeout(done, 100));
  return panel.sessionContext.session?.kernel?.status;
}"""
RUN = """async () => {
  await window.jupyterapp.commands.execute("notebook:run-all-cells");
  const cells = window.panel.content.model.sharedModel.toJSON().cells;
  return cells.filter(cell => cell.cell_type === "code");
}"""
CLOSE = """async () => {
  await window.panel.sessionContext.shutdown();
  window.panel.dispose();
}"""
DRAWN = """count => {
  const plots = [...window.panel.node.querySelectorAll(".js-plotly-plot")];
  return plots.length === count && plots.every(plot => plot.querySelector(".main-svg"));
}"""
SHARING = """buttons => buttons.map(button => button.dataset.title)
             .filter(title => /share|cloud|send|upload/i.test(title))"""
PLOTLY = "application/vnd.plotly.v1+json"


@dataclass
class Lab:
    """A page of JupyterLab, and what was heard from it."""

    page: Page
    home: str
    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def run(self, name: str) -> list[dict[str, Any]]:
        """Open a notebook in a kernel of its own and run all; its code cells."""
        self.console.clear()
        self.elsewhere.clear()
        assert self.page.evaluate(OPEN, f"{name}.ipynb") == "idle"
        cells: list[dict[str, Any]] = self.page.evaluate(RUN)
        return cells

    def is_clean(self) -> None:
        """Assert that nothing ran that should not, nobody complained, and nothing left the machine."""
        assert self.page.evaluate("window.pwned") is None
        assert self.console == []
        assert self.elsewhere == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose every title bites, and the notebooks."""
    if pictures.browser() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    folder = tmp_path_factory.mktemp("lab")
    made = world(0, 90, 30)
    store = Store.open(folder / "store")
    title = [TITLES[number % len(TITLES)] for number in range(len(made.content))]
    community = [TITLES[number % len(TITLES)][:200] for number in range(len(made.events))]
    store.append("content", made.content.assign(title=title))
    store.append("events", made.events.assign(community=community))
    store.append("readings", made.readings)
    store.append("intervals", made.intervals)
    (folder / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        (folder / "notebooks" / path.name).write_bytes(path.read_bytes())
    cells = [v4.new_markdown_cell("# Displays"), v4.new_code_cell(DISPLAYS)]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), folder / "notebooks/displays.ipynb"
    )
    return folder


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """JupyterLab on a free loopback port, with a token; stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    folders = {
        f"JUPYTER{name}": str(place / "jupyter" / name.strip("_").lower())
        for name in ("_CONFIG_DIR", "_DATA_DIR", "_RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR")
    }
    # kernels answer at sockets here, and a socket's path is short: a worker's folder would be too deep
    runtime = tempfile.mkdtemp(prefix="lab-")
    folders["JUPYTER_RUNTIME_DIR"] = runtime
    settings = place / "jupyter" / "lab_settings_dir"
    for name, chosen in {
        "notebook-extension/tracker": {"windowingMode": "none"},  # or cells out of sight are not there
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(chosen))
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": place / "notebooks",
        "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": True,
        "LabApp.news_url": None,
        "KernelManager.transport": "ipc",
    }
    known = {
        name: value for name, value in os.environ.items() if not name.startswith(("VIRALITY_", "PYTEST"))
    }
    with open(place / "server", "w") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", *(f"--{n}={v}" for n, v in options.items())],
            env=known | folders | {"VIRALITY_STORE": str(place / "store")},
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
        )
    home = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            try:
                urllib.request.urlopen(f"{home}api/status?token={token}", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail((place / "server").read_text()[-2000:])
                time.sleep(0.1)
        yield f"{home}lab?token={token}&reset"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=pictures.browser(), args=["--no-sandbox"])
        yield program
        program.close()


@pytest.fixture(scope="module")
def lab(address: str, browser: Browser) -> Iterator[Lab]:
    """The lab, opened."""
    context = browser.new_context(viewport={"width": 1280, "height": 1600})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    opened = Lab(page, address.partition("lab?")[0])
    page.on("console", lambda said: opened.console.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: opened.console.append(str(error)))
    page.on("dialog", lambda dialog: opened.console.append(dialog.message))
    ours = (opened.home, opened.home.replace("http", "ws"), "data:", "blob:")
    page.on(
        "request",
        lambda request: None if request.url.startswith(ours) else opened.elsewhere.append(request.url),
    )
    page.goto(address)
    page.wait_for_function("window.jupyterapp && window.jupyterapp.restored")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    yield opened
    context.close()


@pytest.mark.parametrize("name", [*NOTEBOOKS, "displays"])
def test_a_notebook_runs_and_shows_its_charts_and_nothing_of_a_title_runs(lab: Lab, name: str) -> None:
    cells = lab.run(name)
    try:
        outputs = [output for cell in cells for output in cell["outputs"]]
        failed = [output for output in outputs if output["output_type"] == "error"]
        assert not failed, failed[0]["evalue"]
        assert all(cell["execution_count"] for cell in cells)
        figures = sum(PLOTLY in output.get("data", {}) for output in outputs)
        assert figures > 0
        lab.page.wait_for_function(DRAWN, arg=figures)
        panel = lab.page.locator(".jp-NotebookPanel:visible")
        assert lab.page.locator("[data-title]").evaluate_all(SHARING) == []
        assert panel.locator(".jp-OutputArea a[href^='javascript' i], .jp-OutputArea iframe").count() == 0
        assert (
            panel.locator(".jp-OutputArea script, .jp-OutputArea [onerror], .jp-OutputArea [onload]").count()
            == 0
        )
        aligned = panel.locator("table.data td:not(.number)").evaluate_all(
            "cells => cells.map(cell => getComputedStyle(cell).textAlign)"
        )
        assert set(aligned) <= {"left"}  # a notebook may have no table on this world
        assert panel.locator(".jp-OutputArea mjx-container, .js-plotly-plot svg a").count() == 0
        lab.is_clean()
    finally:
        lab.page.evaluate(CLOSE)
