"""A release: the site as its manifest names it, and proof that the files are what the manifest says."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.reports.manifest import FORMAT, NAME
from analysis.reports.record import RECORD
from analysis.reports.site import Site

Read = Callable[[str], bytes]
"""Path to bytes of a file of the release."""
_BACKWARDS = re.compile(r"(^|/)\.\.?(/|$)|^/|//|\\|[\x00-\x1f]")


@dataclass(frozen=True)
class Release:
    """What a manifest says.

    id : the digest of the manifest; equal sites are the same release
    manifest : its bytes
    files : path to SHA-256 of every file, the manifest's own among them
    sizes : path to bytes
    changing : patterns of files that are rewritten under their name; all others never are
    entries : files by which readers come in; they are switched last, in this order
    runs : each run's ``id``, ``status`` and ``files``
    """

    id: str
    manifest: bytes
    files: dict[str, str]
    sizes: dict[str, int]
    changing: tuple[str, ...]
    entries: tuple[str, ...]
    runs: tuple[dict[str, Any], ...]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(fnmatch.translate(one) for one in (*self.changing, NAME)))

    def changes(self, path: str) -> bool:
        """Whether the file is rewritten under its name as runs are added."""
        return self._pattern.fullmatch(path) is not None

    def rank(self, path: str) -> tuple[int, int]:
        """When a file is switched: what pages show, pages, the entries one by one, the manifest last."""
        if path == NAME:
            return 3, 0
        if path in self.entries:
            return 2, self.entries.index(path)
        return (1 if path.endswith(".html") else 0), 0


def parse(data: bytes, where: str) -> Release:
    """The release in the bytes of a manifest.

    Raises
    ------
    UserError
        For bytes that are no manifest, or one of another form.
    """
    try:
        said = json.loads(data)
        if said["format"] != FORMAT:
            raise ValueError(f"its format is {said['format']!r}, not {FORMAT!r}")
        digest = hashlib.sha256(data).hexdigest()
        files = {path: str(entry["sha256"]) for path, entry in said["files"].items()} | {NAME: digest}
        sizes = {path: int(entry["bytes"]) for path, entry in said["files"].items()} | {NAME: len(data)}
        runs, entries = tuple(said["runs"]), tuple(said["entries"])
        astray = next((path for path in files if _BACKWARDS.search(path)), None)
        if astray is not None:
            raise ValueError(f"it names {astray!r}, which leads out of the site")
        return Release(digest[:12], data, files, sizes, tuple(said["changing"]), entries, runs)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the manifest {where} cannot be read ({error}); `virality site` builds it") from None


def take(folder: Path) -> tuple[Release, Read]:
    """The release that a built site is, held against its files.

    What changes is read at once, under the site's lock: reports made while an upload goes on do not disturb
    it. What never changes is read, and held against its digest, when it is sent.

    Raises
    ------
    UserError
        When the site is not what its manifest says, or a run in it is not what its own record says.
    """
    place = folder / NAME
    if not place.is_file():
        raise UserError(f"there is no built site in {folder}; `virality report` or `virality site` makes it")
    with Site(folder).locked():
        release = parse(place.read_bytes(), str(place))
        wrong = [path for path, size in release.sizes.items() if _size(folder / path) != size]
        if wrong:
            raise _astray(folder, wrong)
        held = {path: _checked(folder, path, release) for path in release.files if release.changes(path)}
    _whole(release, held)
    return release, lambda path: held[path] if path in held else _checked(folder, path, release)


def _checked(folder: Path, path: str, release: Release) -> bytes:
    try:
        data = (folder / path).read_bytes()
    except OSError:
        raise _astray(folder, [path]) from None
    if hashlib.sha256(data).hexdigest() != release.files[path]:
        raise _astray(folder, [path])
    return data


def _whole(release: Release, held: dict[str, bytes]) -> None:
    """Every run has the files it needs, and is told as what it is: a failed one is never told as good."""
    missing = [path for path in release.entries if path not in release.files]
    for run in release.runs:
        home = f"runs/{run['id']}/"
        missing += [home + name for name in {*run["files"], "index.html"} if home + name not in release.files]
        record = json.loads(held.get(home + RECORD, b"{}"))
        if record.get("status") != run["status"]:
            raise UserError(
                f"run {run['id']} stands in the manifest as {run['status']}, in its own record as "
                f"{record.get('status', 'nothing')}; nothing was published; `virality site` builds both anew"
            )
    if missing:
        raise UserError(
            f"the site's manifest does not name {missing[0]}"
            + (f" and {len(missing) - 1:,} more that it needs" if len(missing) > 1 else ", which it needs")
            + "; nothing was published; `virality site` builds it anew"
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _astray(folder: Path, paths: list[str]) -> UserError:
    more = f" (and {len(paths) - 1:,} more)" if len(paths) > 1 else ""
    return UserError(
        f"{folder / paths[0]}{more} is not what {NAME} says; readers keep what they have. `virality site` "
        "builds the manifest anew, `virality report --again` a page that was damaged"
    )
