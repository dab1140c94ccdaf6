"""A TOML file that a user wrote, read or refused in words for people."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from analysis.errors import UserError


def read(file: Path, what: str, hint: str) -> tuple[str, dict[str, Any]]:
    """The file's text and what it says.

    Parameters
    ----------
    file : the file
    what : what it is, in a word: watchlist, schedule, mapping
    hint : what to do when there is none

    Raises
    ------
    UserError
        When there is none, it cannot be read, or it is no TOML.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"there is no {what} at {file}; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the {what} {file} cannot be read: {error}") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"the {what} {file} is no TOML: {error}") from None
