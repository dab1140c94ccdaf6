"""From the bench to a report: the cells that led to a chart become a notebook of their own."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

from nbformat import NotebookNode, v4, write

from analysis.display import Shown, say
from analysis.errors import UserError
from analysis.reports.notebooks import NAME
from analysis.reports.parameters import read
from analysis.settings import settings

CALL = re.compile(r"^\s*(?:\w+\.)?keep\(.*$", re.M)
NESTED = (ast.If, ast.For, ast.While, ast.Try, ast.With)
SCOPES = (ast.comprehension, ast.Lambda)


def keep(name: str, question: str = "") -> Shown:
    """Make a report of the chart or result just shown: a line below it is all it takes.

    The cell just run becomes the end of a new notebook, after those cells of this session that it needs and
    no others; the parameters it needs stay parameters, with the values they have now as defaults.

    Parameters
    ----------
    name
        Of the report, and of its file in ``notebooks/``: letters, digits, ``-`` and ``_``.
    question
        What the report answers, in one sentence.

    Raises
    ------
    UserError
        When there is such a notebook already, or no cell to keep.

    Examples
    --------
    >>> keep("spike_of_the_bakery", "What did the bakery's spike bring?")

    Then, in a terminal: ``virality report spike_of_the_bakery``.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise UserError("keep() belongs into a notebook, in a cell below the chart it should keep")
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot be a report: its name may hold letters, digits, - and _ only")
    path = Path(settings().path("notebooks")) / f"{name}.ipynb"
    if not path.parent.is_dir():
        raise UserError(f"{path.parent} is no folder of notebooks; choose another with VIRALITY_NOTEBOOKS")
    if path.exists():
        raise UserError(f"{path} is there already; choose another name, or delete it")
    cells = sliced([CALL.sub("", source).strip() for source in shell.history_manager.input_hist_raw[1:]])
    if not cells:
        raise UserError("there is nothing to keep yet: run the cell that draws the chart first")
    write(_notebook(name, question, cells), path)
    return say(f"{path.name} is a report now. It is published by: virality report {name}")


def sliced(sources: list[str]) -> list[str]:
    """The last cell and, in order, the earlier ones that it needs.

    A cell is needed when it binds or changes a name that a later needed one uses; of a cell that was run
    again, the last run counts. Cells that are no plain Python are left out.
    """
    chosen: list[str] = []
    needed: set[str] = set()
    for source in reversed([source for source in sources if source]):
        try:
            body = ast.parse(source).body
        except SyntaxError:
            continue
        surely, perhaps, used = _names(body)
        if not chosen or (surely | perhaps) & needed:
            chosen.append(source)
            needed = (needed - surely) | used
    return chosen[::-1]


def _names(body: list[ast.stmt]) -> tuple[set[str], set[str], set[str]]:
    """Names that statements bind, those they may bind or change, and those they use."""
    surely: set[str] = set()
    perhaps: set[str] = set()
    used: set[str] = set()
    for statement in body:
        inner = {
            name.id
            for scope in ast.walk(statement)
            if isinstance(scope, ast.comprehension)
            for name in ast.walk(scope.target)
            if isinstance(name, ast.Name)
        }
        bound = perhaps if isinstance(statement, NESTED) else surely
        for node in ast.walk(statement):
            if isinstance(node, ast.alias):
                bound.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                bound.add(node.name)
            elif isinstance(node, ast.Name) and node.id not in inner:
                if isinstance(node.ctx, ast.Load):
                    used.add(node.id)
                else:
                    bound.add(node.id)
            elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
                perhaps |= {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
    return surely, perhaps, used - set(dir(builtins))


def _notebook(name: str, question: str, cells: list[str]) -> NotebookNode:
    title = name.replace("_", " ").replace("-", " ").capitalize()
    made = [v4.new_markdown_cell(f"# {title}\n\n{question or f'What is there to see of {title.lower()}?'}")]
    used = set().union(*(_names(ast.parse(source).body)[2] for source in cells))
    contract = next((source for source in cells if _is_contract(source, name)), "")
    if contract:
        kept = _without(contract, used)
        made.append(v4.new_code_cell(kept, metadata={"tags": ["parameters"]}))
    made += [v4.new_code_cell(source) for source in cells if source != contract]
    for number, cell in enumerate(made):
        cell["id"] = f"kept-{number}"
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=made, metadata={"kernelspec": spec, "language_info": {"name": "python"}})


def _is_contract(source: str, where: str) -> bool:
    """Whether the cell is one of parameters: annotated defaults and nothing else."""
    try:
        return bool(read(source, where))
    except UserError:
        return False


def _without(contract: str, used: set[str]) -> str:
    """The parameters cell without what nothing uses."""
    lines = contract.splitlines()
    for node in ast.parse(contract).body:
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.target.id not in used
        ):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
