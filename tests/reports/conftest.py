"""Tiny notebooks, and a project folder of their own for reports to run in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import v4
from one_parent import one_parent

PARAMETERS = "#parameters"


def notebook(*cells: str) -> nbformat.NotebookNode:
    """A notebook: a cell that begins with # and a blank is Markdown, one with #parameters is tagged."""
    made = []
    for number, source in enumerate(cells):
        if source.startswith(PARAMETERS):
            cell = v4.new_code_cell(
                source.removeprefix(PARAMETERS).strip(), metadata={"tags": ["parameters"]}
            )
        elif source.startswith("# "):
            cell = v4.new_markdown_cell(source)
        else:
            cell = v4.new_code_cell(source)
        cell["id"] = f"cell-{number}"
        made.append(cell)
    return v4.new_notebook(cells=made)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with notebooks/, a store that is empty and a site that does not exist yet."""
    (tmp_path / "virality.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("STORE", "SITE", "NOTEBOOKS"):
        monkeypatch.delenv(f"VIRALITY_{name}", raising=False)
    return tmp_path


@pytest.fixture
def kept_parent() -> Iterator[None]:
    """One process to fork from for all the commands of a test."""
    with one_parent():
        yield


@pytest.fixture
def write(project: Path) -> Callable[..., Path]:
    """Writes a notebook of these cells into a folder of the project."""

    def _write(name: str, *cells: str, folder: str = "notebooks") -> Path:
        path = project / folder / f"{name}.ipynb"
        nbformat.write(notebook(*cells), path)
        return path

    return _write
