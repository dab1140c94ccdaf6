"""Where may be published: ``[targets]`` in virality.toml, and folders of this machine.

One rule: what others read must stand in virality.toml with ``production = true``. S3 and SFTP always are
what others read; a folder is when it is declared so. Any other folder of this machine needs no declaration.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from analysis.errors import UserError
from analysis.publish.folder import Folder
from analysis.publish.inplace import InPlace
from analysis.settings import FILE, root

GRACE = timedelta(days=7)
EXPECTED = "expected a folder, s3://bucket/prefix or sftp://user@host/folder"


@dataclass(frozen=True)
class Target:
    """A line of [targets].

    name : what `virality publish` and the schedule call it
    url : a folder, s3://bucket/prefix or sftp://user@host:port/folder
    production : whether it is what others read
    grace : how long files that left the site stay where they were
    """

    name: str
    url: str
    production: bool = False
    grace: timedelta = GRACE


def declared() -> dict[str, Target]:
    """The targets of virality.toml, by name.

    Raises
    ------
    UserError
        For the first line that is wrong, with what was expected.
    """
    file = root() / FILE
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8")).get("targets", {}) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as TOML: {error}") from None
    if not isinstance(said, dict):
        raise UserError(f"targets in {file} is {said!r}; expected [targets.NAME] with a line url = ...")
    return {name: _declared(name, words) for name, words in said.items()}


def _declared(name: str, words: Any) -> Target:
    line = f"[targets.{name}] in {FILE}"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UserError(f"{line}: a target's name is of letters, digits, - and _")
    if not isinstance(words, dict) or not isinstance(words.get("url"), str) or not words["url"].strip():
        raise UserError(f"{line} has no url; {EXPECTED}")
    unknown = sorted(set(words) - {"url", "production", "grace_days"})
    if unknown:
        raise UserError(f"{line}: nobody knows {unknown[0]!r}; there are url, production and grace_days")
    production, days = words.get("production", False), words.get("grace_days", GRACE.days)
    if not isinstance(production, bool):
        raise UserError(f"{line}: production = {production!r}; expected true or false")
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= 3650:
        raise UserError(f"{line}: grace_days = {days!r}; expected a number of days from 0 to 3650")
    _secretless(words["url"], line)
    target = Target(name, words["url"], production, timedelta(days=days))
    if _remote(target.url) and not production:
        raise UserError(
            f"{line} is a place that others read, and is not declared as one; "
            "a line production = true says that it may be published to"
        )
    return target


def find(name: str, site: Path) -> Folder | InPlace:
    """The place behind a declared name, or behind a folder of this machine.

    Raises
    ------
    UserError
        For what is not declared and needs to be, and for a folder that is the site's own.
    """
    known = declared()
    if name in known:
        target = known[name]
    elif _remote(name):
        _secretless(name, "the target")
        raise UserError(
            f"{name} is not declared, and others read it; [targets.NAME] in {FILE} with url and "
            "production = true makes it a target, which is then published to by its name"
        )
    elif name.startswith((".", "~", "/", "file:")) or "/" in name:
        folder = _folder(name, Path.cwd())
        same = [one for one in known.values() if not _remote(one.url) and _folder(one.url) == folder]
        target = same[0] if same else Target(name, str(folder))
    else:
        there = f"there are {', '.join(sorted(known))}" if known else "none is declared"
        raise UserError(f"there is no target {name!r} in {FILE} ({there}); a folder is written ./{name}")
    if _remote(target.url):
        from analysis.publish.stores import connect

        return InPlace(connect(target.url), target.grace)
    folder = _folder(target.url)
    ours = site.resolve()
    if folder == ours or folder in ours.parents or ours in folder.parents:
        raise UserError(f"{folder} is, holds or lies in the site itself ({ours}); publish to another folder")
    return Folder(folder, target.grace)


def _remote(url: str) -> bool:
    return "://" in url and not url.startswith("file://")


def _folder(url: str, base: Path | None = None) -> Path:
    if url.startswith("file:"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise UserError(f"{url} is no folder of this machine; expected file:///srv/www/reports")
        return Path(unquote(parts.path)).resolve()
    return ((base or root()) / Path(url).expanduser()).resolve()


def _secretless(url: str, line: str) -> None:
    """A scheme that is known, and no password in it."""
    if not _remote(url):
        return
    parts = urlsplit(url)
    if parts.password is not None or (parts.scheme == "s3" and "@" in parts.netloc):
        raise UserError(
            f"{line}: the url holds a secret; secrets stand in the environment alone "
            "(AWS_SECRET_ACCESS_KEY, VIRALITY_SFTP_PASSWORD)"
        )
    if parts.scheme not in ("s3", "sftp") or not parts.hostname:
        raise UserError(f"{line}: {parts.scheme}://... is no place to publish to; {EXPECTED}")
    if parts.query or parts.fragment:
        raise UserError(f"{line}: a target's url has no ? and no #; {EXPECTED}")
