"""One report in a process of its own: run the notebook, make the page, leave an outcome.

``python -m analysis.reports.execute JOB.json`` is started by ``process.py``, which stops it by the
clock. Progress goes to standard output as JSON lines; the outcome is a file, because after a dead
kernel the notebook that papermill leaves says that all went well.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

# jsonschema would spend a second on a grammar of IRIs in each of these processes; a notebook names none
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat  # noqa: E402
import papermill  # noqa: E402
from papermill.engines import NBClientEngine, papermill_engines  # noqa: E402
from papermill.exceptions import PapermillExecutionError  # noqa: E402
from traitlets.config import Config  # noqa: E402

from analysis.reports import clean, exporter, pictures  # noqa: E402
from analysis.reports.process import OUTCOME  # noqa: E402
from analysis.reports.record import RESULTS  # noqa: E402

NOTEBOOK = "notebook.ipynb"
PAGE = "index.html"
TRACEBACK_LINES = 40
SOCKET_LENGTH = 90  # Unix allows some 107 bytes for a socket's path


def say(**words: Any) -> None:
    """One line of progress."""
    print(json.dumps(words), flush=True)


class Engine(NBClientEngine):
    """papermill's engine over IPC, telling of each cell as it starts and ends."""

    sockets = ""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run the notebook; see papermill."""
        config = Config()
        if len(cls.sockets) < SOCKET_LENGTH:
            config.KernelManager.transport = "ipc"
            # left alone, every kernel of a folder would answer at ./kernel-ipc-1, and to each other's clients
            config.KernelManager.ip = cls.sockets
        cells = [id(cell) for cell in nb_man.nb.cells if cell.cell_type == "code"]
        start, complete = nb_man.cell_start, nb_man.cell_complete

        def started(cell: Any, cell_index: int | None = None, **rest: Any) -> None:
            start(cell, cell_index=cell_index, **rest)
            if id(cell) in cells:
                say(cell=cells.index(id(cell)) + 1, of=len(cells), source=_first_line(cell.source))

        def completed(cell: Any, cell_index: int | None = None, **rest: Any) -> None:
            complete(cell, cell_index=cell_index, **rest)
            if id(cell) in cells:
                took = cell.metadata.papermill.get("duration")
                say(done=cells.index(id(cell)) + 1, of=len(cells), seconds=took)

        nb_man.cell_start, nb_man.cell_complete = started, completed
        super().execute_managed_notebook(nb_man, kernel_name, config=config, **options)


def main(path: str) -> int:
    """Do the job the file describes; 0 when there is a page."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    _die_with(job["parent"])
    out = Path(job["out"])
    began = time.monotonic()
    outcome: dict[str, Any] = {"done": False}
    try:
        notebook = _execute(job, out)
        outcome["kernel_seconds"] = round(time.monotonic() - began, 2)
        say(stage="page")
        outcome |= _page(notebook, job, out)
        outcome["done"] = True
    except Exception as error:
        outcome["error"] = _told(error)
        _keep_what_there_is(out / NOTEBOOK)
    (out / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")
    return 0 if outcome["done"] else 1


def _execute(job: dict[str, Any], out: Path) -> Any:
    Engine.sockets = job["sockets"]
    papermill_engines.register("virality", Engine)
    notebook = papermill.execute_notebook(
        _literal(job["notebook"]),
        _literal(str(out / NOTEBOOK)),
        parameters=job["parameters"],
        engine_name="virality",
        kernel_name="python3",  # whatever kernel its author had
        language="python",
        progress_bar=False,
        start_timeout=60,
        execution_timeout=job["cell_timeout"],
        cwd=job["cwd"],
    )
    _forget_the_clock(notebook)
    nbformat.write(notebook, out / NOTEBOOK)
    return notebook


def _page(notebook: Any, job: dict[str, Any], out: Path) -> dict[str, Any]:
    plotly = Path(job["plotly"])

    def still(charts: list[exporter.Figure]) -> tuple[set[str], str]:
        return pictures.draw(charts, out, plotly)

    page, contents = exporter.render(notebook, job["page"] | {"pictures": still})
    (out / PAGE).write_text(page, encoding="utf-8")
    (out / RESULTS).write_text(contents.found.to_json(), encoding="utf-8")
    for chart in contents.charts:
        (out / f"{chart.name}.csv").write_text(chart.csv, encoding="utf-8")
    return {
        "verdict": contents.verdict,
        "summary": contents.summary,
        "contents": contents.found.contents,
        "charts": len(contents.charts),
        "warnings": contents.warnings,
    }


def _told(error: Exception) -> dict[str, Any]:
    """The error as a person needs it: what, and in which cell."""
    if isinstance(error, PapermillExecutionError):
        traceback = clean.text("\n".join(error.traceback)).splitlines()
        value = clean.text(str(error.evalue)).strip()
        return {
            "message": f"{error.ename}: {value}"[:500] if value else error.ename,
            "cell": f"cell In [{error.exec_count}]",
            "source": clean.text(error.source)[:2000],
            "traceback": "\n".join(traceback[-TRACEBACK_LINES:]),
        }
    kind = type(error).__name__
    if kind == "DeadKernelError":
        return {"message": "the kernel died (out of memory, or killed)"}
    if kind == "CellTimeoutError":
        return {"message": "a cell ran longer than --cell-timeout allows"}
    if kind == "UserError":
        return {"message": str(error)}
    return {"message": f"{kind}: {clean.text(str(error))[:500]}"}


def _forget_the_clock(notebook: Any) -> None:
    """Equal inputs make equal bytes: the times of a run stand in its record, not in the notebook."""
    notebook.metadata.pop("papermill", None)
    for index, cell in enumerate(notebook.cells):
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = f"given-{index}"


def _keep_what_there_is(path: Path) -> None:
    """A failed run's notebook, as far as it came, for whoever mends it."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError):
        path.unlink(missing_ok=True)
        return
    _forget_the_clock(notebook)
    nbformat.write(notebook, path)


def _literal(path: str) -> str:
    """The path with its braces kept from papermill, which fills ``{name}`` from the parameters."""
    return path.replace("{", "{{").replace("}", "}}")


def _first_line(source: str) -> str:
    return next((line.strip() for line in source.splitlines() if line.strip()), "")[:120]


def _die_with(parent: int) -> None:
    """End when the process that started us has ended, however it ended; the kernel follows us."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
