"""What names this machine stays on it: its folders, its environment, who works on it.

A page is read by people who have no business knowing any of that. Of an output only folders that are known to
be this machine's are taken, and secrets: a path of a website in somebody's table has to stay as it is. Of an
error and of warnings, which speak of files and not of content, every path is taken that could be one here.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from analysis.reports import clean
from analysis.settings import root

Places = dict[str, str]
"""A folder of this machine, and what is said instead."""

SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.I)
LONG = 8  # characters of an environment's value that cannot stand in a text by chance
NOBODY = "root"  # every machine has one
_PATH = r"(?:/[\w.@+~=-]+){2,}"
_PATHS = re.compile(rf"""(?P<quote>['"])(?P<quoted>/[^'"\n]+)(?P=quote)|(?<![\w.%+~/-]){_PATH}""")
# a folder's name begins where no word, address or number goes on; colours and escapes end in a letter
_BEFORE = r"(?P<before>\x1b\[[\d;]*m|\\[nrt]|(?<![\w.%+-]))"


def places(*folders: str | Path) -> Places:
    """The folders of this machine: the project's, Python's, one's home, the temporary one, the given ones."""
    known = {
        root(): ".",
        Path(sys.prefix): "python",
        Path.home(): "~",
        Path(tempfile.gettempdir()): "tmp",
    }
    elsewhere = (Path(one) for one in folders if os.path.isabs(one) and not Path(one).is_relative_to(root()))
    known |= {folder: folder.name for folder in elsewhere}
    both = {str(form): word for folder, word in known.items() for form in (folder, folder.resolve())}
    return {folder: word for folder, word in both.items() if folder != "/"}


def in_output(text: str, known: Places) -> str:
    """What an output says, without folders of this machine and without secrets."""
    for value, name in _environment(secrets_only=True):
        text = text.replace(value, f"({name})")
    return _folders(tuple(known)).sub(lambda found: f"{found['before']}{known[found['folder']]}", text)


def in_error(text: str, known: Places) -> str:
    """What an error or a warning says, without paths, values of the environment, and who or where it was."""
    text = in_output(clean.text(text), known)
    for value, name in _environment(secrets_only=False):
        text = text.replace(value, f"({name})")
    text = _PATHS.sub(_shortened, text)
    for word, said in _who():
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", said, text)
    return text


def notebook(path: Path, known: Places) -> None:
    """Take all of that out of an executed notebook; of errors their type and message stay."""
    book = json.loads(path.read_text(encoding="utf-8"))
    for output in [output for cell in book["cells"] for output in cell.get("outputs", [])]:
        if output["output_type"] == "error":
            output["evalue"] = in_error(output["evalue"], known)
            output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
        elif output.get("name") == "stderr":
            output["text"] = _each(output["text"], lambda text: in_error(text, known))
    book = _each(book, lambda text: in_output(text, known))
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each of its strings changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each(part, change) for part in value]
    if isinstance(value, dict):
        return {change(key): _each(part, change) for key, part in value.items()}
    return value


@cache
def _folders(folders: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(folders, key=len, reverse=True)
    return re.compile(rf"{_BEFORE}(?P<folder>{'|'.join(map(re.escape, longest_first))})(?![\w-])")


def _shortened(found: re.Match[str]) -> str:
    """Of a path that could be one of this machine, its last name; anything else as it is."""
    path, quote = found["quoted"] or found[0], found["quote"] or ""
    if not os.path.lexists("/" + path.split("/")[1]):
        return found[0]
    return f"{quote}…/{path.rstrip('/').rpartition('/')[2]}{quote}"


def _environment(secrets_only: bool) -> list[tuple[str, str]]:
    """Values of the environment and their names, the longest first."""
    found = [
        (value, name)
        for name, value in os.environ.items()
        if len(value) >= LONG and (not secrets_only or SECRET.search(name))
    ]
    return sorted(found, key=lambda one: len(one[0]), reverse=True)


def _who() -> list[tuple[str, str]]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without an entry
        user = NOBODY
    return [(socket.gethostname(), "(this machine)"), *([(user, "(user)")] if user != NOBODY else [])]
