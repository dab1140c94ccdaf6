"""Publishing: the built site goes where readers are, and they see the old one or the new one, never half.

What is atomic where:

* **A folder** (``current`` is what a web server serves): a whole release is put together beside the one in
  force, then the symbolic link ``current`` is switched by one rename.
* **S3 and SFTP** know no such switch. Files of new names go first: no page there names them yet. Then what
  changed is replaced, each file whole, the pages by which readers come in last: contents, history,
  feed, index, manifest. So whoever begins at the index finds everything it names, whole, and nothing older
  than the index. An upload that breaks off before that last part has changed nothing that is visible; one
  that breaks off within it is ended by the same command, or undone by a rollback.

What left the site stays where it was for a grace, so that a reader with an old index finds its pages.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Published:
    """What came of it.

    target : the name, or the folder, as it was asked for
    release : id of the release in force now: the digest of the site's manifest
    files, sent : files and bytes that were sent
    unchanged : files that were there already
    removed : files that left the target because their grace is over
    seconds : how long it took
    """

    target: str
    release: str
    files: int
    sent: int
    unchanged: int
    removed: int
    seconds: float

    def __str__(self) -> str:
        """In a line."""
        if not self.files and not self.removed:
            return f"{self.target}: release {self.release} is there already; nothing was sent"
        gone = f", {self.removed:,} removed" if self.removed else ""
        return (
            f"{self.target}: release {self.release}, {self.files:,} files sent ({self.sent:,} bytes), "
            f"{self.unchanged:,} unchanged{gone}, {self.seconds:.1f} s"
        )


def publish(target: str, *, site: Path, say: Callable[[str], object] = print) -> Published:
    """Send the site to a target; only what changed is sent, and an equal site changes nothing.

    Parameters
    ----------
    target : a name declared in virality.toml, or a folder of this machine (a path or file://)
    site : the built site's folder
    say : hears what is done, a line at a time

    Raises
    ------
    UserError
        Nothing was sent: the target is not declared, or the site is not what its manifest says. Or the
        upload broke off: readers still have the release before; the same command goes on.
    """
    from analysis.publish.release import take
    from analysis.publish.targets import find

    began = time.monotonic()
    place = find(target, site)
    release, read = take(site)
    done = place.publish(release, read, say)
    return Published(target, release.id, *done, time.monotonic() - began)


def rollback(target: str, *, site: Path, say: Callable[[str], object] = print) -> Published:
    """Bring the release before back into force; again, and it is the one before that.

    A publish that broke off is undone first: then the release before is the one that was whole last.

    Raises
    ------
    UserError
        There is no release before, or a file of it is lost; nothing was changed then.
    """
    from analysis.publish.targets import find

    began = time.monotonic()
    release, done = find(target, site).rollback(say)
    return Published(target, release, *done, time.monotonic() - began)
