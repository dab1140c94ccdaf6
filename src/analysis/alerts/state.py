"""What has been told: one small file, written whole or not at all, so that nothing is told twice.

An episode is written down before the first word about it goes out, then once more round every message:
"trying" before it, "sent" after it. A process killed in between leaves "trying" behind: nobody can know
whether that message arrived, so it goes out again, and says that it may be a repeat. A message that is
noted as sent never goes out again.

The words of an alert are kept only until everybody has them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.alerts.alert import Alert
from analysis.errors import UserError

FORMAT = 1
NEWS = timedelta(days=7)
"""How old an alert may be and still be worth telling."""
REMEMBERED = timedelta(days=400)


@dataclass
class Episode:
    """One told (or to be told) thing.

    kind, subject, since : as the alert that opened it
    seen : when it was last seen
    sent : the addresses that took it
    trying : the addresses it was being sent to; still there when that run was killed
    held : it waited for the end of a quiet time
    open : there is somebody who does not have it yet
    at, title, body : the alert's, until everybody has it
    """

    kind: str
    subject: str
    since: datetime
    seen: datetime
    at: datetime
    title: str = ""
    body: str = ""
    sent: list[str] = field(default_factory=list)
    trying: list[str] = field(default_factory=list)
    held: bool = False
    open: bool = True

    @property
    def alert(self) -> Alert:
        """As it was said."""
        return Alert(self.kind, self.subject, self.since, self.at, self.title, self.body, self.seen)

    def close(self) -> None:
        """Everybody has it, or it is no news any more: its words are forgotten, that it was is not."""
        self.open, self.title, self.body, self.trying = False, "", "", []


class State:
    """The episodes in a file. Take one with ``State.locked``: two deliveries never hold it at once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.episodes: list[Episode] = _read(file)

    @classmethod
    @contextlib.contextmanager
    def locked(cls, file: Path) -> Iterator[State]:
        """The state, while nobody else has it; waits for who has."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for part in file.parent.glob(f"{file.stem}.*.part"):
                part.unlink()  # of a run that was killed while it wrote
            yield cls(file)

    def take(self, alert: Alert, rearm: timedelta) -> tuple[Episode, bool]:
        """The alert's episode, and whether it is a new one."""
        last = alert.last or alert.at
        # a report that came out in between and failed again is missing again: that is told at once
        calm = timedelta(0) if alert.kind in ("failed", "stale") else rearm
        for episode in self.episodes:
            same = episode.kind == alert.kind and episode.subject == alert.subject
            if same and alert.since <= episode.seen + calm and last >= episode.since - calm:
                episode.seen = max(episode.seen, last)
                return episode, False
        new = Episode(alert.kind, alert.subject, alert.since, last, alert.at, alert.title, alert.body)
        self.episodes.append(new)
        return new, True

    def save(self, now: datetime) -> None:
        """Write everything down; it is on the disk when this returns."""
        self.episodes = [one for one in self.episodes if one.open or now - one.seen < REMEMBERED]
        said = {"format": FORMAT, "episodes": [asdict(one) for one in self.episodes]}
        part = self.file.with_suffix(f".{os.getpid()}.part")
        with open(part, "w", encoding="utf-8") as out:
            json.dump(said, out, ensure_ascii=False, indent=1, default=lambda when: when.isoformat())
            out.flush()
            os.fsync(out.fileno())
        part.replace(self.file)


def _read(file: Path) -> list[Episode]:
    if not file.is_file():
        return []
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ValueError(f"format {said['format']}, expected {FORMAT}")
        return [_episode(one) for one in said["episodes"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} does not say what was told ({error}): put a good copy back, or delete it; "
            f"what happened in the last {NEWS.days} days is then told again"
        ) from error


def _episode(said: dict[str, Any]) -> Episode:
    times = {name: datetime.fromisoformat(said[name]).astimezone(UTC) for name in ("since", "seen", "at")}
    return Episode(**{**said, **times})
