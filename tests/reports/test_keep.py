"""A chart an analyst likes is one line away from a report."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from analysis.errors import UserError
from analysis.reports.keep import keep, sliced
from analysis.reports.run import make

Writer = Callable[..., Path]
BENCH = (
    "# The bench",
    "#parameters\nfrom datetime import date\n\nscale: float = 2.0  # what to multiply by\n"
    "word: str = 'unused'  # nothing the chart needs\nsince: date | None = None  # nor this",
    "import pandas as pd\nimport plotly.graph_objects as go\nfrom analysis.reports.keep import keep",
    "frame = pd.DataFrame({'a': [1.0, 2.0]})\nother = frame.sum()",
    "frame['b'] = [n * scale for n in frame['a']]",
    "print(word, since)",
    "figure = go.Figure(go.Bar(x=frame['a'], y=frame['b']))\nfigure",
    "keep('liked', 'What does the bench say?')",
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("kept_parent")
def test_a_chart_is_one_line_away_from_a_report(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    write("bench", *BENCH)
    assert not make(["bench"], [], say=lambda line: None).failed
    kept = nbformat.read(project / "notebooks/liked.ipynb", 4)
    assert kept.cells[0].source == "# Liked\n\nWhat does the bench say?"
    assert kept.cells[1].metadata.tags == ["parameters"]
    sources = [cell.source for cell in kept.cells[1:]]
    assert sources[0].splitlines()[-1] == "scale: float = 2.0  # what to multiply by"
    assert not any("word" in source or "keep(" in source for source in sources)
    record = make(["liked"], ["scale=3"], say=lambda line: None).records[0]
    assert (record.status, record.charts) == ("ok", 1)
    run = project / "reports/site/runs" / record.id
    numbers = [line.split(",")[-2:] for line in (run / "figure-1.csv").read_text().splitlines()[1:]]
    assert [[float(x), float(y)] for x, y in numbers] == [[1, 3], [2, 6]]
    # what is there is never overwritten
    again = make(["bench"], ["word=again"], say=lambda line: None).failed[0]
    assert "is there already" in (again.error or {})["message"]


def test_the_last_run_of_a_cell_counts_and_nothing_that_is_not_needed() -> None:
    cells = ["a = 1", "b = 2", "a = 3", "c = [x for x in range(a)]", "x = 9", "%magic", "d = c\nd"]
    assert sliced(cells) == ["a = 3", "c = [x for x in range(a)]", "d = c\nd"]
    branch = ["u = None", "if u is None:\n    v = 1", "v"]
    assert sliced(branch) == branch
    assert sliced(["v = 0", *branch])[0] == "v = 0"
    changed = ["f = {}", "f['k'] = 1", "len(f)"]
    assert sliced(changed) == changed
    assert sliced([]) == []


def test_outside_a_notebook_it_says_where_it_belongs() -> None:
    with pytest.raises(UserError, match="belongs into a notebook"):
        keep("x")


def test_without_a_folder_of_notebooks_it_says_where_to_name_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRALITY_NOTEBOOKS", str(project / "nowhere"))
    monkeypatch.setattr("IPython.get_ipython", object)
    with pytest.raises(UserError, match="nowhere is no folder of notebooks"):
        keep("liked")
