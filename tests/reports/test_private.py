"""What names this machine stays on it, however a report ends."""

import getpass
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.reports import private
from analysis.reports.run import Options, make
from analysis.schedule import problems

if TYPE_CHECKING:
    from built_site import Built

Writer = Callable[..., Path]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
HERE = Path(__file__).resolve().parents[2]
USER = "quentin-the-analyst"
HUSH = "hush-hush-41"

WARNS = (
    "# Warns",
    "import os, sys, warnings\nfrom pathlib import Path\nimport pandas as pd",
    "warnings.warn(f'read from {Path.cwd()}')\nprint(Path.home() / 'x', sys.prefix, file=sys.stderr)\n"
    "print(Path.cwd(), sys.executable)\nPath.home() / 'notes'",
    "file, key = str(Path.cwd() / 'a.csv'), os.environ['A_TOKEN']\n"
    "pd.DataFrame({'file': [file], 'page': ['/blog/tmp/post'], 'key': [key]})",
    "figure = {'data': [{'type': 'bar', 'x': [file], 'y': [1]}], 'layout': {}}\n"
    "display({'application/vnd.plotly.v1+json': figure}, raw=True)",
)
FAILING = {
    "reads_nothing": ("import pandas as pd, pathlib", "pd.read_csv(pathlib.Path.home() / 'no' / 'such.csv')"),
    "reads_elsewhere": ("open('/usr/share/our clients/names.csv')",),
    "chains": (
        "import os\ntry:\n    open(os.getcwd() + '/none')\nexcept OSError as error:\n"
        f"    raise RuntimeError(f'{{os.environ[\"WHERE\"]}} for {USER}') from error",
    ),
    "warns_first": (
        "import warnings, sys\nwarnings.warn(sys.prefix)\nprint(sys.path)",
        "import os\nraise KeyError(os.getcwd())",
    ),
    "speaks_code": ("def broken(:",),
    "names_a_file": (f"path = {str(HERE / 'data')!r}\nraise ValueError(path)",),
    "dies": (
        "import os, sys, pathlib\nprint(pathlib.Path.home() / 'x', file=sys.stderr)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    ),
    "leaves": ("import os\nos.write(2, f'lost in {os.getcwd()}'.encode())\nos._exit(3)",),
    "lasts": ("import os\nprint(os.getcwd(), os.environ['WHERE'])", "while True: pass"),
    "cannot_be_shown": (
        "class Shown:\n    def _repr_html_(self): raise OSError(__import__('os').getcwd())\n"
        "    def __repr__(self): raise OSError(__import__('os').getcwd())\nShown()",
    ),
}


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "kernels"])
def test_no_byte_of_a_site_names_the_machine(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch, forks: bool
) -> None:
    home = project / "homes" / USER
    home.mkdir(parents=True)
    for name, value in (
        ("HOME", str(home)),
        ("A_TOKEN", HUSH),
        ("WHERE", "the-secret-room"),
        ("LOGNAME", USER),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    if not forks:
        for room in ("process", "run"):
            monkeypatch.setattr(f"analysis.reports.{room}.CAN_FORK", False)
    chosen = dict(FAILING) if forks else {name: FAILING[name] for name in ("reads_nothing", "dies")}
    for name, cells in chosen.items():
        write(name, f"# {name}", *cells)
    write("warns", *WARNS)
    (project / "notebooks/broken.ipynb").write_text("{")
    done = make([], [], everything=True, options=Options(cell_timeout=20, timeout=60), say=lambda line: None)
    assert {record.report for record in done.failed} == {*chosen, "broken"}, done.failed
    site = project / "reports/site"
    assert _naming(site, project, USER, HUSH, "the-secret-room", "our clients", "ipykernel_") == []
    page = next(site.glob("runs/warns-*/index.html")).read_text()
    assert "./notebooks/a.csv" in page
    assert "/blog/tmp/post" in page  # a website's path is no file's
    # what readers lose is kept beside the site, and the page says where
    for record in done.failed:
        kept = project / f"reports/failures/{record.id}"
        assert f"<code>failures/{record.id}</code>" in (site / f"runs/{record.id}/index.html").read_text()
        assert (record.error or {})["message"]
        assert f"virality report {record.report}" in (kept / "error.txt").read_text()
        assert record.report == "broken" or "cells" in (kept / "notebook.ipynb").read_text()
    whole = next((project / "reports/failures").glob("reads_nothing-*/error.txt")).read_text()
    assert "Traceback (most recent call last)" in whole
    assert str(home / "no/such.csv") in whole
    told = next(record for record in done.failed if record.report == "reads_nothing").error or {}
    assert told["message"].endswith("No such file or directory: '~/no/such.csv'")
    assert "pd.read_csv" in told["source"]


def _naming(site: Path, *names: str | Path) -> list[tuple[str, str]]:
    """Files of the site and what in them names the machine."""
    return [
        (str(path.relative_to(site)), str(name))
        for path in site.rglob("*")
        if path.is_file()
        for name in (HERE, sys.prefix, Path.home(), *names)
        if str(name).encode() in path.read_bytes()
    ]


def test_nor_does_the_site_of_the_shipped_notebooks(built: "Built") -> None:
    assert _naming(built.folder, built.folder) == []


@pytest.mark.usefixtures("kept_parent")
def test_mended_or_thinned_out_its_failure_is_forgotten(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    write("perhaps", "# Perhaps", "from pathlib import Path\nPath('there').read_text()")
    record = make(["perhaps"], [], say=lambda line: None).records[0]
    kept = project / f"reports/failures/{record.id}"
    assert record.status == "failed"
    assert kept.exists()
    (project / "notebooks/there").write_text("yes")
    assert make(["perhaps"], [], say=lambda line: None).records[0].status == "ok"
    assert not kept.exists()


def test_a_failure_that_cannot_be_kept_is_published_all_the_same(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    (project / "reports").mkdir()
    (project / "reports/failures").write_text("in the way")
    write("fails", "# Fails", "1 / 0")
    said: list[str] = []
    record = make(["fails"], [], say=said.append).records[0]
    assert (project / f"reports/site/runs/{record.id}/index.html").exists()
    assert any("could not be kept" in line for line in said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/srv/app/data/x.csv", "./data/x.csv"),
        ("/srv/app", "."),
        ("file:///srv/app/x", "file://./x"),
        ("'/srv/app/x'", "'./x'"),
        ("a\\n/srv/app/x", "a\\n./x"),
        ("\x1b[32m/srv/app/x\x1b[0m", "\x1b[32m./x\x1b[0m"),
        ("/srv/app/.venv/lib/a.py:3", "python/lib/a.py:3"),
        ("/srv/apple/x", "/srv/apple/x"),
        ("https://a.example/srv/app/x", "https://a.example/srv/app/x"),
        ("/usr/bin", "/usr/bin"),
    ],
)
def test_of_an_output_known_folders_are_taken(text: str, said: str) -> None:
    assert private.in_output(text, {"/srv/app": ".", "/srv/app/.venv": "python"}) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no /usr/share/x y", "no …/x y"),
        ("no '/usr/our share/x y'", "no '…/x y'"),
        ("no https://a.example/usr/share/x", "no https://a.example/usr/share/x"),
        ("no /nonesuch/share", "no /nonesuch/share"),
        ("rooms: the-secret-room.", "rooms: (WHERE)."),
        (f"{USER} may not", "(user) may not"),
        (f"{USER}x may", f"{USER}x may"),
    ],
)
def test_of_an_error_every_path_is_taken(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: USER)
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHERE", "the-secret-room")
    assert private.in_error(text, private.places()) == said


def test_the_index_tells_why_a_report_is_missing_without_naming_folders(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    why = f"the reports folder {project}/reports/site cannot be written"
    one = problems.Problem("failed", "report overview", datetime.now(UTC), why)
    monkeypatch.setattr(problems, "problems", lambda *rest: [one])
    problems.leave_notices(None, None, project / "reports/site", datetime.now(UTC))  # type: ignore[arg-type]
    told = json.loads((project / "reports/site/.schedule/notices.json").read_text())
    assert told[0]["why"] == "the reports folder ./reports/site cannot be written"
