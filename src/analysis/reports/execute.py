"""One report in processes of its own: one runs the notebook, another makes the page of what it left.

``process.py`` has them forked by ``zygote.py``, or starts ``python -m analysis.reports.execute`` where that
cannot be, and stops them by the clock. What they have to say goes over a socket, line by line; the outcome
as well, because after a dead kernel the notebook that papermill leaves says that all went well. The page has
a process of its own so that nothing a notebook did to its own can change how its page comes out.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

# jsonschema would spend a second on a grammar of IRIs in each of these processes; a notebook names none
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat  # noqa: E402
import papermill  # noqa: E402
from papermill.engines import NBClientEngine, papermill_engines  # noqa: E402
from papermill.exceptions import PapermillExecutionError  # noqa: E402
from traitlets.config import Config  # noqa: E402

from analysis.reports import clean, exporter, failures, pictures, private  # noqa: E402
from analysis.reports.lines import message  # noqa: E402
from analysis.reports.record import RESULTS  # noqa: E402

NOTEBOOK = "notebook.ipynb"
PAGE = "index.html"
CHARTS = "charts.html"
_CELL_FILE = re.compile(r"\S*/ipykernel_\d+/\d+\.py")  # where a warning of a notebook's own line comes from
SOCKET_LENGTH = 90  # Unix allows some 107 bytes for a socket's path


class Channel:
    """The line to whoever started us."""

    def __init__(self, ends: socket.socket) -> None:
        self.ends = ends
        self.lines = ends.makefile("rb")

    def say(self, **words: Any) -> None:
        """Tell something."""
        self.ends.sendall(message(**words))

    def ask(self, **words: Any) -> dict[str, Any]:
        """Ask for something and wait for it."""
        self.say(ask=words)
        answer: dict[str, Any] = json.loads(self.lines.readline())
        return answer


def main(stage: str, path: str, ends: socket.socket) -> int:
    """Do one stage (run or page) of the job the file describes; 0 when it is done."""
    channel = Channel(ends)
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    out = Path(job["out"])
    began = time.monotonic()
    outcome: dict[str, Any] = {"done": False}
    try:
        if stage == "run":
            _execute(job, out, channel)
            outcome["kernel_seconds"] = round(time.monotonic() - began, 2)
        else:
            outcome |= _page(job, out, Path(path).parent, channel)
        outcome["done"] = True
    except Exception as error:
        outcome["error"] = _told(error)
    channel.say(outcome=outcome)
    return 0 if outcome["done"] else 1


def _execute(job: dict[str, Any], out: Path, channel: Channel) -> None:
    """Run the notebook, with papermill."""
    papermill_engines.register("virality", _engine(job, channel))
    notebook = papermill.execute_notebook(
        _literal(job["notebook"]),
        _literal(str(out / NOTEBOOK)),
        parameters=job["parameters"],
        engine_name="virality",
        kernel_name="python3",  # whatever kernel its author had
        language="python",
        progress_bar=False,
        start_timeout=60,
        cwd=job["cwd"],
    )
    _forget_the_clock(notebook)
    nbformat.write(notebook, out / NOTEBOOK)


def _engine(job: dict[str, Any], channel: Channel) -> type[NBClientEngine]:
    """The engine papermill shall use: in this process when it was forked for that, else a kernel over IPC."""
    base: type[NBClientEngine] = NBClientEngine
    options: dict[str, Any] = {}
    if job["forked"]:
        from analysis.reports.shell import ShellEngine

        base = ShellEngine
    elif len(job["sockets"]) < SOCKET_LENGTH:
        options["config"] = config = Config()
        config.KernelManager.transport = "ipc"
        # left alone, every kernel of a folder would answer at ./kernel-ipc-1, and to each other's clients
        config.KernelManager.ip = job["sockets"]

    class Engine(base):
        """Tells of each cell as it starts and ends."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **rest: Any) -> None:
            """Run the notebook; see papermill."""
            _tell_of_cells(nb_man, channel)
            super().execute_managed_notebook(nb_man, kernel_name, **rest, **options)

    return Engine


def _tell_of_cells(manager: Any, channel: Channel) -> None:
    """Have papermill's manager of a run tell of each code cell."""
    numbers: dict[int, int] = {}
    for cell in manager.nb.cells:
        if cell.cell_type == "code":
            numbers[id(cell)] = len(numbers) + 1
    start, complete = manager.cell_start, manager.cell_complete

    def started(cell: Any, cell_index: int | None = None, **rest: Any) -> None:
        start(cell, cell_index=cell_index, **rest)
        if id(cell) in numbers:
            channel.say(cell=numbers[id(cell)], of=len(numbers), source=_first_line(cell.source))

    def completed(cell: Any, cell_index: int | None = None, **rest: Any) -> None:
        complete(cell, cell_index=cell_index, **rest)
        if id(cell) in numbers:
            took = cell.metadata.papermill.get("duration") or 0.0
            channel.say(cell_done=numbers[id(cell)], of=len(numbers), seconds=took)

    def save(**rest: Any) -> None:
        """As far as it came; papermill's own way of writing would take longer than the cells."""
        metadata = {name: value for name, value in manager.nb.metadata.items() if name != "papermill"}
        half = Path(f"{manager.output_path}.half")
        half.write_text(json.dumps(manager.nb | {"metadata": metadata}), encoding="utf-8")
        half.replace(manager.output_path)

    manager.cell_start, manager.cell_complete, manager.save = started, completed, save


def _page(job: dict[str, Any], out: Path, work: Path, channel: Channel) -> dict[str, Any]:
    """Make the page of the notebook that was run."""

    def still(charts: list[exporter.Figure]) -> tuple[set[str], str]:
        if not charts:
            return set(), ""
        (work / CHARTS).write_text(pictures.page(charts, Path(job["plotly"])), encoding="utf-8")
        return pictures.keep(channel.ask(draw=str(work / CHARTS)), charts, out)

    private.notebook(out / NOTEBOOK, job["places"])
    notebook = nbformat.read(out / NOTEBOOK, as_version=4)
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
    """The error as a person needs it: what, in which cell, and all that Python says of it."""
    if isinstance(error, PapermillExecutionError):
        value = clean.text(str(error.evalue)).strip()
        asked = error.ename == "UserError" and value  # written for people: it needs no name
        return {
            "kind": failures.ASKED if asked else failures.WRONG,
            "message": value if asked else f"{error.ename}: {value}" if value else error.ename,
            "cell": f"cell In [{error.exec_count}]",
            "source": clean.text(error.source),
            "traceback": clean.text("\n".join(error.traceback)),
        }
    kind = type(error).__name__
    if kind == "DeadKernelError":
        return {"kind": failures.STOPPED, "message": "the kernel died (out of memory, or killed)"}
    message = str(error) if kind == "UserError" else f"{kind}: {clean.text(str(error))}"
    return {"message": message, "traceback": traceback.format_exc()}


def _forget_the_clock(notebook: Any) -> None:
    """Equal inputs make equal bytes: the times of a run stand in its record, not in the notebook."""
    notebook.metadata.pop("papermill", None)
    for index, cell in enumerate(notebook.cells):
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = f"given-{index}"
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _CELL_FILE.sub("cell.py", output.text)


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
    _die_with(os.getppid())
    sys.exit(main(sys.argv[1], sys.argv[2], socket.socket(fileno=int(sys.argv[3]))))
