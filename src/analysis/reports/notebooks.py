"""The reports there are: the notebooks of a folder, each with its title and its parameters."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import UserError
from analysis.reports.parameters import Parameter, read

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# Whoever opens the site wants to know what happened, then what will, then why; the bench is a tool.
FIRST, LAST = ("overview", "outlook", "story", "exposure", "platforms"), ("explore",)


@dataclass(frozen=True)
class Report:
    """A notebook seen as a report.

    name : the file's stem
    digest : the file's SHA-256
    modules : of ours, that it imports
    """

    name: str
    path: Path
    title: str
    parameters: tuple[Parameter, ...]
    digest: str
    modules: tuple[str, ...] = ()


def order(name: str) -> tuple[int, str]:
    """Where a report stands among the others: a reader's first question first, the bench last."""
    place = FIRST.index(name) if name in FIRST else len(FIRST) + (name in LAST)
    return place, name


def names(folder: Path) -> list[str]:
    """The names of the notebooks in the folder, in the order readers want them."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder of notebooks; choose another with VIRALITY_NOTEBOOKS")
    found = (path.stem for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    return sorted(found, key=order)


def load(folder: Path, name: str) -> Report:
    """The report of that name.

    Raises
    ------
    UserError
        When there is none (the known ones and the nearest are named), or when the file is no
        notebook, or its parameters cell is not what it should be.
    """
    known = names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ";"
        raise UserError(f"no report {name!r} in {folder}{meant} there are: {', '.join(known) or 'none'}")
    if not NAME.fullmatch(name):
        raise UserError(f"{name}.ipynb cannot be a report: its name may hold letters, digits, - and _ only")
    path = folder / f"{name}.ipynb"
    raw = path.read_bytes()
    try:
        cells = json.loads(raw)["cells"]
        sources = [
            (cell["cell_type"], _text(cell), cell.get("metadata", {}).get("tags", [])) for cell in cells
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is not a notebook: expected the JSON that Jupyter writes") from None
    title = next(
        (m[1].strip() for kind, text, _ in sources if kind == "markdown" and (m := _TITLE.search(text))), name
    )
    contract = next((text for kind, text, tags in sources if kind == "code" and "parameters" in tags), "")
    ours = sorted({found for kind, text, _ in sources if kind == "code" for found in _IMPORT.findall(text)})
    return Report(name, path, title, read(contract, name), hashlib.sha256(raw).hexdigest(), tuple(ours))


_TITLE = re.compile(r"^# +(.+?)\s*#*$", re.M)
_IMPORT = re.compile(r"^(?:from|import) +(analysis(?:\.\w+)*)", re.M)


def _text(cell: dict) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
