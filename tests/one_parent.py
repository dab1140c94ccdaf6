"""Several commands of one test fork their reports from one process: its start takes longer than they do."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from analysis.reports import run
from analysis.reports.process import Answer, Processes


class Kept(Processes):
    """The processes of a command, whose parent stays for the next one."""

    def close(self) -> None:
        """Not yet."""


@contextmanager
def one_parent() -> Iterator[None]:
    """Keep the process that reports are forked from, of each store, to the end of the block."""
    all_kept: list[Kept] = []
    latest: dict[str, Kept] = {}

    def processes(store: str, modules: list[str], answer: Answer) -> Kept:
        if store not in latest or latest[store].stopped:
            latest[store] = Kept(store, modules, answer)
            all_kept.append(latest[store])
        latest[store].answer = answer  # pictures are drawn by the command that asks for them
        return latest[store]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "Processes", processes)
        try:
            yield
        finally:
            for one in all_kept:
                Processes.close(one)
