"""A folder of this machine: whole releases side by side, and a link that is switched by one rename.

::

    current -> releases/20260501T060000-0123456789ab     what a web server serves
    releases/<when>-<id>/                                a release, whole; equal files are one file on disk
    releases/<when>-<id>.json                            what was remembered as it came into force

The link decides: what stands beside it in ``releases`` is in force only when the link says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.errors import UserError
from analysis.publish import history
from analysis.publish.history import History
from analysis.publish.release import Read, Release, parse
from analysis.reports.manifest import NAME

Done = tuple[int, int, int, int]
"""Files sent, bytes sent, files unchanged, files removed."""


class Folder:
    """A target that is a folder; see the module for what lies in it.

    Parameters
    ----------
    folder : where it is
    grace : how long files that left the site stay where they were
    """

    def __init__(self, folder: Path, grace: timedelta) -> None:
        self.folder, self.grace = folder, grace
        self.link, self.releases = folder / "current", folder / "releases"

    def publish(self, release: Release, read: Read, say: Callable[[str], object]) -> Done:
        """Put the release together beside the one in force, then switch to it."""
        with self._alone():
            known, home = self._in_force()
            if known.current == release.id:
                return 0, 0, len(release.files), 0
            now = datetime.now(UTC)
            old = parse((home / NAME).read_bytes(), str(home / NAME)) if home else None
            then = known.published(now, old, release)
            gone = then.over(now, self.grace)
            then = then.without(gone)
            name = _name(then.releases[0])
            staged = self.releases / f".{name}"
            done = self._stage(staged, release, read, home, old, then)
            os.rename(staged, self.releases / name)
            _write(self.releases / f"{name}.json", then.to_json())
            os.sync()  # a power cut must not leave a link to what was never written
            self._switch(name)
            self._sweep(then)
            say(f"{self.folder}: switched to release {release.id}; {self.link} is what readers are served")
            return *done, len(gone)

    def rollback(self, say: Callable[[str], object]) -> tuple[str, Done]:
        """Switch to the release before."""
        with self._alone():
            known, _ = self._in_force()
            if not known.before:
                raise UserError(f"{self.folder} holds no release before the one in force; nothing changed")
            home = self.releases / _name(known.releases[1])
            if not (home / NAME).is_file():
                raise UserError(f"{home}, the release before, is not there any more; nothing changed")
            self._switch(home.name)
            say(f"{self.folder}: back at release {known.before}")
            unchanged = len(parse((home / NAME).read_bytes(), str(home / NAME)).files)
            return known.before, (0, 0, unchanged, 0)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else publishes here meanwhile; nobody else's folder is touched."""
        try:
            if self.folder.exists() and not self.releases.is_dir() and any(self.folder.iterdir()):
                raise UserError(
                    f"{self.folder} holds something else than releases of virality; publish to a new folder"
                )
            self.releases.mkdir(parents=True, exist_ok=True)
            with open(self.releases / ".lock", "w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise UserError(
                        f"somebody else publishes to {self.folder} just now; try again later"
                    ) from None
                for left in self.releases.glob(".2*"):
                    shutil.rmtree(left, ignore_errors=True)  # of a publish that was killed
                yield
        except OSError as error:
            raise UserError(
                f"{error.filename or self.folder} cannot be written ({error.strerror}); readers still have "
                "the release before, and the same command publishes again"
            ) from None

    def _in_force(self) -> tuple[History, Path | None]:
        """What is remembered by the release that the link names, and its folder."""
        if not self.link.is_symlink():
            if self.link.exists():
                raise UserError(f"{self.link} is no link of virality's; publish to a new folder")
            return History(), None
        home = self.folder / os.readlink(self.link)
        return history.read((self.releases / f"{home.name}.json").read_bytes(), str(self.folder)), home

    def _stage(
        self,
        staged: Path,
        release: Release,
        read: Read,
        home: Path | None,
        old: Release | None,
        then: History,
    ) -> tuple[int, int, int]:
        sent = files = 0
        made = {staged}
        staged.mkdir()
        for path, sha in [*release.files.items(), *((path, "") for path in then.left)]:
            target = staged / path
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            if home and not (sha and _differs(home, old, path, sha)):
                _link(home / path, target)
            elif sha:
                data = read(path)
                _write(target, data)
                files, sent = files + 1, sent + len(data)
        return files, sent, len(release.files) - files

    def _switch(self, name: str) -> None:
        beside = self.folder / ".current"
        beside.unlink(missing_ok=True)
        os.symlink(f"releases/{name}", beside)
        os.replace(beside, self.link)

    def _sweep(self, then: History) -> None:
        """Remove releases that cannot be gone back to any more."""
        kept = {_name(one) for one in then.releases}
        for path in self.releases.glob("2*"):
            if path.name.removesuffix(".json") not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _name(entry: dict[str, str]) -> str:
    """Of the folder of a release that came into force then."""
    return f"{datetime.fromisoformat(entry['since']):%Y%m%dT%H%M%S%f}-{entry['id']}"


def _differs(home: Path, old: Release | None, path: str, sha: str) -> bool:
    """Whether the release in force has no such file with these bytes."""
    if old and path in old.files:
        return old.files[path] != sha
    try:  # a file that had left and comes back
        return hashlib.sha256((home / path).read_bytes()).hexdigest() != sha
    except OSError:
        return True


def _link(there: Path, here: Path) -> None:
    """The same file under a second name; a copy where the disk knows no such thing."""
    try:
        os.link(there, here)
    except OSError:
        shutil.copyfile(there, here)


def _write(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
