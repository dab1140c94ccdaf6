"""Reports share a parent and nothing else: what one does to itself, the others never see."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.reports import process
from analysis.reports.run import Options, make

Writer = Callable[..., Path]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
MANY = 24

# What a well-behaved report sees of the world: the same whoever runs beside it.
WITNESS = (
    "# A witness",
    "import builtins, json, os, sys, threading\nimport numpy as np, pandas as pd, plotly.io as pio\n"
    "from analysis.charts import style",
    "print(json.dumps({\n"
    "    'environment': {k: v for k, v in sorted(os.environ.items())\n"
    "                    if k in ('PLOTLY_RENDERER', 'TZ', 'HOSTILE', 'VIRALITY_STORE')},\n"
    "    'folder': os.path.basename(os.getcwd()), 'rows': pd.options.display.max_rows,\n"
    "    'sum': float(pd.Series([1, 2]).sum()), 'len': len([1, 2]), 'threads': threading.active_count(),\n"
    "    'hostile': sorted(n for n in sys.modules if 'hostile' in n), 'template': pio.templates.default,\n"
    "    'colours': style.COLOURS[0], 'limit': sys.getrecursionlimit(), 'umask': os.umask(0o22),\n"
    "    'names': sorted(n for n in dir() if 'hostile' in n),\n"
    "}))",
)
HOSTILE = {
    "changes_the_world": (
        "import builtins, os, sys, types, json\nimport numpy as np, pandas as pd, plotly.io as pio\n"
        "from analysis.charts import style\n"
        "os.environ.update(HOSTILE='yes', TZ='Asia/Tokyo', VIRALITY_STORE='/nowhere')\n"
        "os.chdir('/')\npd.options.display.max_rows = 1\nstyle.COLOURS = ('red',)\n"
        "pd.Series.sum = lambda self: 42\nsys.modules['hostile'] = types.ModuleType('hostile')\n"
        "pio.templates.default = 'plotly_dark'\nsys.setrecursionlimit(300)\nos.umask(0o77)\n"
        "hostile = 1\n'changed'",
    ),
    "breaks_python": (
        "import builtins, json\n"
        "json.dumps = lambda *a, **k: 'hostile'\nbuiltins.sorted = builtins.len = None",
    ),
    "kills_itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",),
    "crashes": ("import ctypes\nctypes.string_at(0)",),
    "leaves_at_once": ("import os\nos._exit(0)",),
    "eats_memory": (
        "import resource\nused = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))\n"
        "eaten = []\nwhile True: eaten.append(bytearray(2**26))",
    ),
    "runs_for_ever": ("while True: pass",),
    "holds_on": (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)",
    ),
    "shouts_on_every_descriptor": (
        "import os\n"
        "for number in range(1, 64):\n"
        '    try: os.write(number, b\'{"outcome": {"done": true}}\\n{"status": 0}\\n\' * 3)\n'
        "    except OSError: pass\n",
        "raise SystemError('after all')",
    ),
    "leaves_threads_and_programs_behind": (
        "import subprocess, threading, time\n"
        "left = subprocess.Popen(['sleep', '600'])\nopen('left', 'w').write(str(left.pid))\n"
        "threading.Thread(target=lambda: time.sleep(600)).start()\n'done'",
    ),
}


def records(project: Path) -> dict[str, dict]:
    found = [json.loads(path.read_text()) for path in (project / "reports/site/runs").glob("*/record.json")]
    return {record["report"]: record for record in found}


def seen(project: Path, record: dict) -> dict:
    """What a witness printed."""
    cells = json.loads((project / "reports/site/runs" / record["id"] / "notebook.ipynb").read_text())["cells"]
    return json.loads("".join(cells[-1]["outputs"][0]["text"]))


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "kernels"])
def test_the_others_never_see_it(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch, forks: bool
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    if not forks:  # as where a process cannot be forked: the worst of them, each with a kernel of its own
        monkeypatch.setattr(process, "CAN_FORK", False)
        monkeypatch.setattr("analysis.reports.run.CAN_FORK", False)
    chosen = list(HOSTILE) if forks else ["changes_the_world", "kills_itself"]
    for number, name in enumerate(chosen):
        write(name, "# Hostile", *HOSTILE[name])
        write(f"witness_{number}", *WITNESS)
    order = [one for number, name in enumerate(chosen) for one in (name, f"witness_{number}")]
    done = make(
        order, [], options=Options(cell_timeout=5 if forks else 60, timeout=90), say=lambda line: None
    )
    found = records(project)
    assert set(found) == set(order)
    witnesses = [seen(project, found[name]) for name in order if name.startswith("witness")]
    assert all(one == witnesses[0] for one in witnesses)
    assert "HOSTILE" not in witnesses[0]["environment"]
    assert witnesses[0]["hostile"] == witnesses[0]["names"] == []
    assert witnesses[0]["sum"] == 3
    failed = {record.report: (record.error or {})["message"] for record in done.failed}
    expected = {
        "breaks_python": "the kernel died",
        "kills_itself": "the kernel died",
        "crashes": "the kernel died",
        "leaves_at_once": "the kernel died",
        "eats_memory": "MemoryError",
        "runs_for_ever": "--cell-timeout",
        "holds_on": "--cell-timeout",
        "shouts_on_every_descriptor": "SystemError",
    }
    assert set(failed) == set(expected) & set(chosen)
    for name, message in failed.items():
        assert expected[name] in message, (name, message)
    page = (project / "reports/site/runs" / found["changes_the_world"]["id"] / "index.html").read_text()
    assert "changed" in page
    if forks:
        left = int((project / "notebooks/left").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(left, 0)


def test_whoever_is_struck_by_the_end_of_the_parent_is_run_again(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    write(
        "kills_the_parent",
        "# Kills",
        "import os, signal, time\nfrom pathlib import Path\n"
        "while not Path('slow').exists(): time.sleep(0.05)\n"
        "if not Path('killed').exists():\n"
        "    Path('killed').touch()\n    os.kill(os.getppid(), signal.SIGKILL)\n    time.sleep(60)",
    )
    write(
        "slow", "# Slow", "from pathlib import Path\nimport time\nPath('slow').touch()\ntime.sleep(1)\n'here'"
    )
    write("later", "# Later", "'here too'")
    done = make(["kills_the_parent", "slow", "later"], [], say=lambda line: None)
    assert (project / "notebooks/killed").exists()
    assert not done.failed


def test_many_reports_on_every_core_and_none_is_lost(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    write(
        "numbered",
        "# Numbered",
        "#parameters\nnumber: int = 0  # which of them",
        "import time\nfrom analysis.reports.process import message\nfrom pathlib import Path\n"
        "Path('running', str(number)).touch()\n"
        "together = len(list(Path('running').iterdir()))\n"
        "time.sleep(0.02)\nPath('running', str(number)).unlink()\nprint(number, together)",
    )
    (project / "notebooks/running").mkdir()
    words = [f"number={number}" for number in range(MANY)]
    done = make(["numbered"], words, options=Options(workers=64), say=lambda line: None)
    assert not done.failed
    assert len({record.id for record in done.records}) == MANY
    printed = []
    for record in done.records:
        path = project / "reports/site/runs" / record.id / "notebook.ipynb"
        printed.append(
            [int(word) for word in json.loads(path.read_text())["cells"][-1]["outputs"][0]["text"][0].split()]
        )
    assert sorted(number for number, _ in printed) == list(range(MANY))
    assert max(together for _, together in printed) <= (os.cpu_count() or 1)
    index = (project / "reports/site/index.html").read_text() + (
        project / "reports/site/history.html"
    ).read_text()
    assert all(record.id in index for record in done.records)
    again = make(["numbered"], words, say=lambda line: None)
    assert again.current == {record.id for record in done.records}
