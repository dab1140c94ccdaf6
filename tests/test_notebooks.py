"""The notebook rules, held against every shipped notebook and the golden ones."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from analysis.reports.parameters import read

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted((ROOT / "notebooks").glob("*.ipynb"))
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.ipynb"))


@pytest.fixture(params=SHIPPED, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, 4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_shipped_notebooks_are_there():
    assert {"overview", "story", "explore"} <= {path.stem for path in SHIPPED}


def test_a_notebook_is_committed_without_outputs(notebook: nbformat.NotebookNode):
    for cell in code(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_begins_with_a_title_and_a_question(notebook: nbformat.NotebookNode):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    lines = [line for line in first.source.splitlines() if line.strip()]
    assert lines[0].startswith("# ")
    assert lines[1].endswith("?")
    assert lines[1].count("?") == 1
    headings = [
        c for c in notebook.cells[1:] if c.cell_type == "markdown" and re.search(r"^# ", c.source, re.M)
    ]
    assert not headings


def test_the_second_cell_is_the_parameter_contract(notebook: nbformat.NotebookNode):
    tagged = [n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == [1]
    parameters = read(notebook.cells[1].source, "notebook")
    assert parameters
    assert all(parameter.note for parameter in parameters)


def test_nothing_is_defined_in_a_notebook(notebook: nbformat.NotebookNode):
    forbidden = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.For | ast.While
    for cell in code(notebook):
        found = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, forbidden)]
        assert not found, cell.source


def test_no_number_is_typed_in_prose(notebook: nbformat.NotebookNode):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\d", cell.source), cell.source


def test_prose_holds_no_html(notebook: nbformat.NotebookNode):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"<[a-zA-Z/!]", cell.source), cell.source


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_notebook_holds_the_outputs_it_is_compared_with(path: Path):
    cells = code(nbformat.read(path, 4))
    assert sum(len(cell.outputs) for cell in cells) >= 3
    for cell in cells:
        assert not any(output.output_type in ("error", "stream") for output in cell.outputs)
    # the comparison must not depend on when and where it ran
    assert not re.search(r"/home/|/tmp/|0x[0-9a-f]{8}", path.read_text(encoding="utf-8"))


def test_there_is_a_golden_notebook():
    assert GOLDEN
