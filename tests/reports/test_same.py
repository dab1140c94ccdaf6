"""A report's notebook comes out as plain papermill would have made it, cell by cell and byte by byte.

But for what names the machine: of that papermill keeps all, and a report nothing that is published.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from built_site import AS_FILLED, Built

from analysis.reports import private
from analysis.reports.run import make

CELL_FILE = re.compile(r"\S*/ipykernel_\d+/\d+\.py")
ODD = (
    "# Everything a cell can say",
    "#parameters\nword: str = 'plain'  # any text",
    "import sys\nprint('a')\nprint('b', end='')\nprint('to stderr', file=sys.stderr)\nprint('c')",
    "1 + 1",
    "None",
    "from IPython.display import HTML, Image, Markdown, clear_output, display\n"
    "shown = display(HTML('<b>1</b>'), display_id='k')\nprint('after')",
    "shown.update(HTML('<b>2</b>'))\n'updated above'",
    "print('gone')\nclear_output(wait=True)\nprint('kept')",
    "print('gone')\nclear_output()\nprint('kept')",
    "import base64\nImage(data=base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4"
    "2mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='))",
    "import asyncio\nawait asyncio.sleep(0)\n'awaited'",
    "!echo a shell",
    # a kernel hears what is written past Python a little later
    "import subprocess, time\nsubprocess.run(['echo', 'a program'])\ntime.sleep(1)",
    "import os\nos.write(1, b'to descriptor 1\\n')\ntime.sleep(1)",
    "import warnings\nwarnings.warn('careful')",
    "word, In[2][:5], sorted(Out)[:2], __name__, sys.path, os.path.basename(os.getcwd())",
    "%%capture caught\nprint('caught')",
    "caught.stdout",
    "display({'application/json': {1: (2, 3), 'none': None}}, raw=True)",
    # ours all import analysis, and a preloaded process has: it keeps titles out of typesetting
    "import pandas as pd, analysis.display\npd.DataFrame({'a': [1, None]})",
    "import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a'], y=[1.5]))",
    "from multiprocessing import Pool\ndef square(value): return value * value\n"
    "with Pool(2) as pool:\n    squares = pool.map(square, [1, 2, 3])\nsquares",
    "import threading\nthread = threading.Thread(target=lambda: print('from a thread'))\n"
    "thread.start()\nthread.join()",
    "import logging\nlogging.warning('logged')",
    "x = 5;",
    "get_ipython().__class__.__name__",
    "sys.stdout.write('no newline')",
    "print('é ✓ \\x1b[31mred\\x1b[0m', flush=True)",
    "{'long': list(range(100))}",
)
ENDS = {
    "raises": ("# Raises", "def inner(x):\n    return x['no such key']", "inner({})", "'never'"),
    "cannot_be_shown": (
        "# Cannot be shown",
        "class Odd:\n    def __repr__(self): raise ValueError('bad')\nOdd()",
        "1",
    ),
    "leaves": ("# Leaves", "import sys\nprint('bye')\nsys.exit(0)", "'never'"),
}


def plain(path: Path, out: Path, store: Path, *words: str) -> nbformat.NotebookNode:
    """The notebook as the ``papermill`` command runs it, whether it fails or not."""
    command = [str(Path(sys.executable).parent / "papermill"), str(path), str(out), "-k", "python3"]
    environment = os.environ | {"VIRALITY_STORE": str(store), "PYTHONHASHSEED": "0", "TZ": "UTC"}
    environment.pop("PYTEST_CURRENT_TEST", None)  # with it a kernel does not listen to what programs write
    command += ["--cwd", str(path.parent), "--no-progress-bar", *words]
    subprocess.run(command, env=environment, capture_output=True, check=False)
    return nbformat.read(out, 4)


def published(path: Path) -> nbformat.NotebookNode:
    """papermill's notebook without what names the machine."""
    private.notebook(path, private.places())
    return nbformat.read(path, 4)


def said(notebook: nbformat.NotebookNode) -> list[tuple[str, int | None, list[dict]]]:
    """Source, number and outputs of each cell; how a stream was cut into pieces is an accident of time."""
    cells = []
    for cell in notebook.cells:
        if "papermill-error-cell-tag" in cell.metadata.get("tags", []):
            continue
        outputs: list[dict] = []
        for output in json.loads(json.dumps(cell.get("outputs", []))):
            last = outputs[-1] if outputs else {}
            if output["output_type"] == "stream":
                output["text"] = CELL_FILE.sub("cell.py", output["text"])
                if (last.get("output_type"), last.get("name")) == ("stream", output["name"]):
                    last["text"] += output["text"]
                    continue
            outputs.append(output)
        streams = [output for output in outputs if output["output_type"] == "stream"]
        rest = [output for output in outputs if output["output_type"] != "stream"]
        # of two streams the kernel does not keep the order
        cells.append(
            (cell.source, cell.get("execution_count"), [*sorted(streams, key=lambda s: s["name"]), *rest])
        )
    return cells


def ours(project: Path, name: str) -> nbformat.NotebookNode:
    (path,) = (project / "reports").glob(f"*/**/{name}-*/notebook.ipynb")  # of a failed one in failures/
    return nbformat.read(path, 4)


def assert_same(mine: nbformat.NotebookNode, theirs: nbformat.NotebookNode) -> None:
    assert len(mine.cells) == len(theirs.cells)
    for one, other in zip(said(mine), said(theirs), strict=True):
        assert one == other
    for name in ("language_info", "kernelspec"):
        assert mine.metadata.get(name) == theirs.metadata.get(name)


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pictures: they are not what is compared."""
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("kept_parent")
def test_whatever_a_cell_says_is_said(project: Path, write: Callable[..., Path], blind: None) -> None:
    paths = {"odd": write("odd", *ODD)}
    paths |= {name: write(name, *cells) for name, cells in ENDS.items()}
    for path in paths.values():  # our small notebooks name no kernel
        notebook = nbformat.read(path, 4)
        notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
        nbformat.write(notebook, path)
    make(list(ENDS), [], say=lambda line: None)
    make(["odd"], ["word=given"], say=lambda line: None)

    def command(name: str) -> nbformat.NotebookNode:
        words = ["-p", "word", "given"] if name == "odd" else []
        notebook = plain(paths[name], project / f"{name}.ipynb", project, *words)
        return published(project / f"{name}.ipynb") if name in ("odd", "leaves") else notebook

    with ThreadPoolExecutor(2) as pool:
        theirs = dict(zip(paths, pool.map(command, paths), strict=True))
    for name, notebook in theirs.items():
        assert_same(ours(project, name), notebook)


COMPARED = ("explore", "outlook")
"""What displays most kinds of things, and what writes into the store; nbval runs all of them as well."""


def test_shipped_notebooks_say_the_same(tmp_path: Path, built: Built) -> None:
    place = built.folder.parent

    def command(name: str) -> nbformat.NotebookNode:
        store = shutil.copytree(place / AS_FILLED, tmp_path / name)  # a notebook may append to it
        plain(place / "notebooks" / f"{name}.ipynb", tmp_path / f"{name}.ipynb", store)
        return published(tmp_path / f"{name}.ipynb")

    with ThreadPoolExecutor(2) as pool:
        theirs = pool.map(command, COMPARED)
        for name, notebook in zip(COMPARED, theirs, strict=True):
            assert_same(nbformat.read(built.run(name) / "notebook.ipynb", 4), notebook)
