"""S3 and SFTP: no switch of a whole site, so files are replaced one by one, in an order that tells no lie.

At the target, beside the site itself::

    releases/history.json            what was in force, what left, what is just being replaced
    releases/<id>/manifest.json      of each release that can be gone back to
    releases/<id>/...                files of it that a later release replaced

A publish: note what will be sent; send files of new names, which no page there names yet; keep what will be
replaced; replace it, entries last; note that it is done. Killed anywhere, it is repeated: what the note names
is sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol

from analysis.errors import UserError
from analysis.publish import history
from analysis.publish.folder import Done
from analysis.publish.history import History
from analysis.publish.release import Read, Release, parse
from analysis.reports.index import INDEX
from analysis.reports.manifest import NAME

MEMORY = "releases/history.json"


class Store(Protocol):
    """Where files lie by path; a file is replaced whole or not at all."""

    where: str

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""

    def put(self, paths: Iterable[str], read: Callable[[str], bytes | None]) -> int:
        """Write files, in any order; how many bytes. Where ``read`` gives None nothing is written."""

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder."""

    def names(self, path: str) -> list[str]:
        """Paths of all files below a folder."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, also such as are not there."""


class InPlace:
    """A target that is a store of files.

    Parameters
    ----------
    store : the store
    grace : how long files that left the site stay where they were
    """

    def __init__(self, store: Store, grace: timedelta) -> None:
        self.store, self.grace = store, grace

    def publish(self, release: Release, read: Read, say: Callable[[str], object]) -> Done:
        """Send what is new, then replace what changed."""
        known = self._unfinished(self._history(), say)
        old = self._release(known.current) if known.current else None
        there = {path: entry["sha256"] for path, entry in known.left.items()} | (old.files if old else {})
        there |= dict.fromkeys(known.switching, "")  # they may be the one or the other
        wanted = [path for path, sha in release.files.items() if there.get(path) != sha]
        if not wanted and known.current == release.id and not known.switching:
            return 0, 0, len(release.files), self._clean(known)
        if not known.releases and not known.switching and self.store.read(INDEX) is not None:
            raise UserError(
                f"{self.store.where} holds a site that virality did not publish; choose another place, "
                "or remove its index.html"
            )
        under_way = replace(known, switching=tuple(sorted({*known.switching, *wanted})), to=release.id)
        self._note(under_way, known)
        seen = {*known.left, *(old.files if old else ()), *release.entries, NAME}
        # A publish killed after its index: readers have what it sent. What belongs to no run, and a run's
        # clock, may name what comes only now. What it had not sent, nobody can read yet.
        seen |= {path for path in known.switching if _names(path) and self.store.read(path) is not None}
        replaced = [path for path in wanted if path in seen]
        fresh = sorted(set(wanted) - set(replaced), key=release.rank)
        say(f"{self.store.where}: {len(fresh):,} new files, {len(replaced):,} that change")
        sent = self.store.put(fresh, read)
        self._keep(known, old, replaced)
        self._put(f"releases/{release.id}/{NAME}", release.manifest)
        self._alone(under_way)
        sent += self._replace(release, replaced, read)
        done = under_way.published(datetime.now(UTC), old, release)
        self._note(done, under_way)
        say(f"{self.store.where}: release {release.id} is whole, its index is what readers see")
        return len(wanted), sent, len(release.files) - len(wanted), self._clean(done)

    def rollback(self, say: Callable[[str], object]) -> tuple[str, Done]:
        """Replace what changed by what was kept of the release before, or of the one a publish broke off."""
        known = self._history()
        if known.switching and known.current and known.to != known.before:
            current = self._release(known.current)
            done = self._back(known, current, current, known.releases)
        elif known.before:
            done = self._back(
                known, self._release(known.current), self._release(known.before), known.releases[1:]
            )
        else:
            raise UserError(f"{self.store.where} holds no release before the one in force; nothing changed")
        now_current = self._history().current
        say(f"{self.store.where}: back at release {now_current}")
        return now_current, done

    def _unfinished(self, known: History, say: Callable[[str], object]) -> History:
        """Ends a rollback that was killed: what it was about to replace was not kept."""
        if not known.switching or known.to != known.before or not known.before:
            return known
        self.rollback(say)
        return self._history()

    def _back(
        self, known: History, current: Release, target: Release, releases: tuple[dict[str, str], ...]
    ) -> Done:
        there = {path: entry["sha256"] for path, entry in known.left.items()} | current.files
        there |= dict.fromkeys(known.switching, "")
        paths = [path for path, sha in target.files.items() if there.get(path) != sha]
        kept: dict[str, bytes] = {}
        for path in paths:
            for place in (f"releases/{target.id}/{path}", path):
                data = self.store.read(place)
                if data is not None and _sha(data) == target.files[path]:
                    kept[path] = data
                    break
            else:
                raise UserError(
                    f"{path} of release {target.id} is lost at {self.store.where}, and nothing was changed; "
                    "publish again"
                )
        under_way = replace(known, switching=tuple(sorted({*known.switching, *paths})), to=target.id)
        self._note(under_way, known)
        sent = self._replace(target, paths, kept.__getitem__, back=True)
        self._note(under_way.after(datetime.now(UTC), current, target, releases), under_way)
        return len(paths), sent, len(target.files) - len(paths), 0

    def _replace(self, release: Release, paths: list[str], read: Read, back: bool = False) -> int:
        """One rank after the other: what pages show, pages, the entries one by one, the manifest.

        On the way back the other way round: in either direction nothing is ever older than the index.
        """
        ordered = sorted(paths, key=release.rank, reverse=back)
        ranks = [list(group) for _, group in groupby(ordered, key=release.rank)]
        return sum(self.store.put(group, read) for group in ranks)

    def _keep(self, known: History, old: Release | None, paths: list[str]) -> None:
        """A copy of what will be replaced; what is there already as something else was kept before.

        A file that had left is kept for each earlier release of which no copy was kept: one of them has it.
        """
        places: dict[str, tuple[str, str]] = {}
        for path in paths:
            if old is not None and path in old.files and path != NAME:
                places[f"releases/{old.id}/{path}"] = path, old.files[path]
            elif path in known.left:
                places |= {f"releases/{one['id']}/{path}": (path, "") for one in known.releases[1:]}

        def kept(place: str) -> bytes | None:
            path, sha = places[place]
            if not sha and self.store.read(place) is not None:
                return None
            data = self.store.read(path)
            return data if data is not None and (not sha or _sha(data) == sha) else None

        self.store.put(places, kept)

    def _clean(self, known: History) -> int:
        """Remove what was kept of releases nobody can go back to, and files whose grace is over."""
        for one in {*self.store.folders("releases")} - {entry["id"] for entry in known.releases}:
            self.store.remove(self.store.names(f"releases/{one}"))
        gone = known.over(datetime.now(UTC), self.grace)
        if gone:
            # no longer relied upon before they go: a removal may be killed half-way
            doubtful = {path: {**known.left[path], "sha256": ""} for path in gone}
            self._note(noted := replace(known, left=known.left | doubtful), known)
            self.store.remove(gone)
            self._note(noted.without(gone), noted)
        return len(gone)

    def _history(self) -> History:
        return history.read(self.store.read(MEMORY), self.store.where)

    def _release(self, one: str) -> Release:
        place = f"releases/{one}/{NAME}"
        return parse(self.store.read(place) or b"", f"{self.store.where}/{place}")

    def _note(self, then: History, now: History) -> None:
        """Write what is remembered, unless somebody else wrote it meanwhile."""
        self._alone(now)
        self._put(MEMORY, then.to_json())

    def _alone(self, now: History) -> None:
        """Nobody else has written since."""
        if self._history() != now:
            raise UserError(f"somebody else publishes to {self.store.where} just now; try again later")

    def _put(self, path: str, data: bytes) -> None:
        self.store.put([path], lambda _: data)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _names(path: str) -> bool:
    """Whether a file may come to name others than when it was first sent."""
    return path.endswith("/run.js") or not path.startswith(("runs/", "assets/"))
