"""A store in memory that shows every state between two writes, and publishing in a process that is killed."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_PRELOAD = ["analysis.publish", "analysis.publish.s3", "analysis.publish.targets", "s3fs", "botocore.session"]


class Killed(BaseException):
    """What kills a publish in the middle: nothing catches it."""


class Memory:
    """A store whose writes come one by one, in any order where the caller asks for several at a time.

    ``seen`` is called after each; ``die_at`` is the number of the write or removal before which it is killed.
    """

    where = "memory"

    def __init__(self, seed: int = 0) -> None:
        self.files: dict[str, bytes] = {}
        self.random = random.Random(seed)
        self.seen: Callable[[], None] = lambda: None
        self.die_at, self.writes = -1, 0

    def _step(self) -> None:
        self.writes += 1
        if self.writes == self.die_at:
            raise Killed

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def put(self, paths: Iterable[str], read: Callable[[str], bytes | None]) -> int:
        sent, several = 0, list(paths)
        self.random.shuffle(several)
        for path in several:
            data = read(path)
            if data is not None:
                self._step()
                self.files[path] = data
                sent += len(data)
                self.seen()
        return sent

    def folders(self, path: str) -> list[str]:
        inside = [name[len(path) + 1 :] for name in self.files if name.startswith(f"{path}/")]
        return sorted({name.partition("/")[0] for name in inside if "/" in name})

    def names(self, path: str) -> list[str]:
        return [name for name in self.files if name.startswith(f"{path}/")]

    def remove(self, paths: Iterable[str]) -> None:
        for path in list(paths):
            self._step()
            self.files.pop(path, None)
            self.seen()


def _publish(target: str, site: Path, here: Path, environment: dict[str, str], ready) -> None:
    from analysis import publish

    os.chdir(here)
    os.environ.clear()
    os.environ.update(environment)
    ready.set()
    publish.publish(target, site=site, say=lambda line: None)


def killed(target: str, site: Path, after: float) -> bool:
    """Publish in a process of its own, killed (-9) so many seconds after it began; whether it was in time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    ready = context.Event()
    process = context.Process(target=_publish, args=(target, site, Path.cwd(), dict(os.environ), ready))
    process.start()
    ready.wait(60)
    time.sleep(after)
    process.kill()
    process.join(60)
    return process.exitcode == -9
