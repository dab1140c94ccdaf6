"""What a target remembers: the releases that were in force, and the files that left the site since."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from analysis.errors import UserError
from analysis.publish.release import Release

FORMAT = "virality releases 1"
KEPT = 5  # releases that can be gone back to, the one in force among them


@dataclass(frozen=True)
class History:
    """Of one target, as it stands beside the releases in JSON.

    releases : id and ``since`` (when it came into force) of each, the one in force first
    left : path to ``since`` and ``sha256`` of files that are there, but not in the release in force; the
        digest is empty where it is not known for certain
    switching : files that a publish or a rollback is about to replace; empty: none is under way
    to : the release they become files of
    """

    releases: tuple[dict[str, str], ...] = ()
    left: dict[str, dict[str, str]] = field(default_factory=dict)
    switching: tuple[str, ...] = ()
    to: str = ""

    @property
    def current(self) -> str:
        """Id of the release in force; empty before the first."""
        return self.releases[0]["id"] if self.releases else ""

    @property
    def before(self) -> str:
        """Id of the release before it; empty where there is none."""
        return self.releases[1]["id"] if len(self.releases) > 1 else ""

    def published(self, now: datetime, old: Release | None, new: Release) -> History:
        """After ``new`` has come into force in place of ``old``."""
        first = {"id": new.id, "since": now.isoformat()}
        kept = (one for one in self.releases if one["id"] != new.id)
        return self.after(now, old, new, (first, *kept)[:KEPT])

    def after(
        self, now: datetime, old: Release | None, new: Release, releases: tuple[dict[str, str], ...]
    ) -> History:
        """With these releases, ``new`` at their head, and what it does not have of ``old`` as left."""
        known = old.files if old else {}
        left = {path: {"since": now.isoformat(), "sha256": sha} for path, sha in known.items()} | self.left
        for path in self.switching:
            left[path] = {"since": left.get(path, {}).get("since", now.isoformat()), "sha256": ""}
        return History(releases, {path: left[path] for path in sorted(left) if path not in new.files})

    def over(self, now: datetime, grace: timedelta) -> list[str]:
        """Files whose grace is over and which no release that can be gone back to may need."""
        oldest = min((datetime.fromisoformat(one["since"]) for one in self.releases), default=now)
        sinces = ((path, datetime.fromisoformat(entry["since"])) for path, entry in self.left.items())
        return [path for path, since in sinces if since + grace <= now and since <= oldest]

    def without(self, paths: Iterable[str]) -> History:
        """With these files forgotten."""
        gone = set(paths)
        return replace(self, left={path: entry for path, entry in self.left.items() if path not in gone})

    def to_json(self) -> bytes:
        """As it stands at the target."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()


def read(data: bytes | None, where: str) -> History:
    """The history in bytes; an empty one where there are none.

    Raises
    ------
    UserError
        For bytes that are none: somebody else wrote them, or a newer virality did.
    """
    if data is None:
        return History()
    try:
        said: dict[str, Any] = json.loads(data)
        if said["format"] != FORMAT:
            raise ValueError(f"its format is {said['format']!r}, not {FORMAT!r}")
        return History(tuple(said["releases"]), dict(said["left"]), tuple(said["switching"]), str(said["to"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"what {where} remembers of its releases cannot be read ({error})") from None
