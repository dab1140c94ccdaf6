"""What the schedule remembers between runs: a small file beside the site, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER, STATE = ".schedule", "state.json"
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(days=1)


@dataclass
class Attempt:
    """A slot that is not out yet.

    tries : how often it was run and failed; what ended with the whole run (a kill) is not counted
    why, command, at : why it failed last, what repeats it, and when that was
    again : not before this is it tried again by itself
    final : the notebook itself raised an error; the same notebook would raise it again, so the slot is not
        tried again by itself, and counts as failed until somebody repeats the command or a later slot is out
    """

    slot: datetime
    tries: int = 0
    why: str = ""
    command: str = ""
    at: datetime | None = None
    again: datetime | None = None
    final: bool = False

    def failed(self, why: str, command: str, final: bool, now: datetime) -> None:
        """Note one more failure; each doubles the pause before the next try."""
        self.tries += 1
        self.why, self.command, self.final, self.at = why, command, final, now
        self.again = None if final else now + min(FIRST_PAUSE * 2 ** min(self.tries - 1, 20), LONGEST_PAUSE)

    def ripe(self, now: datetime) -> bool:
        """Whether it should be tried now."""
        if self.final:
            return False
        # a pause that seems longer than any was written by a clock that has been set back since
        return self.again is None or self.again <= now or self.again - now > LONGEST_PAUSE


@dataclass
class Standing:
    """Where an entry stands.

    settled : the newest slot that was looked at: every one up to it is out, open or skipped
    open : slots that should be out and are not
    out : the newest slot whose page is out, when it came out, and its run's id
    skipped : the newest slot that was skipped, and by which rule
    failing_since : the first failure since a page came out
    """

    settled: datetime | None = None
    open: list[Attempt] = field(default_factory=list)
    out: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, Any] = field(default_factory=dict)
    failing_since: datetime | None = None


@dataclass
class Trouble:
    """Something outside a report that is not as it should be: since when, why, and what repeats the step."""

    since: datetime
    why: str
    command: str = ""


@dataclass
class State:
    """All of it.

    run : the last run: id, pid, started, step, ended (None while it goes on, or when it was killed), status
    entries : by name
    published : target to the digest of the site's manifest that it shows
    unpublished : targets that show another site than the one that is there, since when
    troubles : by subject, such as "collect hackernews" or "publish public"
    latest : the latest moment any run has seen, to notice a clock that was set back
    """

    run: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, Standing] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    unpublished: dict[str, datetime] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    latest: datetime | None = None

    def trouble(self, subject: str, why: str, command: str, now: datetime) -> None:
        """Note a trouble; one that goes on keeps the moment it began."""
        known = self.troubles.get(subject)
        self.troubles[subject] = Trouble(known.since if known else now, why, command)

    def well(self, subject: str) -> None:
        """Note that a trouble is over."""
        self.troubles.pop(subject, None)


def load(folder: Path, mend: bool = True) -> tuple[State, str]:
    """The state of a site's schedule, and what was wrong with its file (empty when nothing was).

    ``mend`` puts a damaged file aside.
    """
    file = folder / STATE
    try:
        return _state(json.loads(file.read_text(encoding="utf-8"))), ""
    except FileNotFoundError:
        return State(), ""
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        with contextlib.suppress(OSError):
            if mend:
                os.replace(file, file.with_suffix(".damaged"))
        return (
            State(),
            f"{file} could not be read ({error}) and was begun anew; due reports are made once more",
        )


def save(state: State, folder: Path) -> None:
    """Write the state: all of it, or the file stays as it was."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{STATE}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(state), file, default=_plain, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / STATE)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _plain(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _state(words: dict[str, Any]) -> State:
    return State(
        run=dict(words["run"]),
        entries={
            name: Standing(
                _moment(row["settled"]),
                [
                    Attempt(**{**one, **{at: _moment(one[at]) for at in ("slot", "at", "again")}})
                    for one in row["open"]
                ],
                row["out"],
                row["skipped"],
                _moment(row["failing_since"]),
            )
            for name, row in words["entries"].items()
        },
        published=dict(words["published"]),
        unpublished={name: datetime.fromisoformat(since) for name, since in words["unpublished"].items()},
        troubles={
            name: Trouble(datetime.fromisoformat(one["since"]), one["why"], one["command"])
            for name, one in words["troubles"].items()
        },
        latest=_moment(words["latest"]),
    )
