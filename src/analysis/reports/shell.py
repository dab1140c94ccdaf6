"""papermill's engine that runs a notebook's cells in this very process, with no kernel to start or to ask.

The shell is ipykernel's own, and so are the messages it sends; only its socket is missing. They go straight
to nbclient, which makes the same outputs of them that it would make of a kernel's.
"""

from __future__ import annotations

import builtins
import getpass
import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ipykernel.compiler import XCachingCompiler
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.error import StdinNotImplementedError
from jupyter_client.session import Session, json_packer, json_unpacker
from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from traitlets.config import Config

Receive = Callable[[dict[str, Any]], Any]


class Wire(Session):
    """A session without a socket: what is sent is received at once, as if it had crossed one."""

    receive: Receive = staticmethod(lambda message: None)

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *rest: Any, **more: Any) -> None:
        """Hand the message on; see jupyter_client."""
        message = msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content=content)
        self.receive(message | {"content": json_unpacker(json_packer(message["content"]))})


class Stream(io.TextIOBase):
    """Standard output or error of a cell: kept until flushed, so that two prints are one output."""

    encoding = "UTF-8"

    def __init__(self, wire: Wire, name: str, descriptor: int) -> None:
        self.wire, self.name, self.descriptor = wire, name, descriptor
        self.waiting: list[str] = []
        self.heard = os.lseek(descriptor, 0, os.SEEK_CUR) if _is_file(descriptor) else None

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """Where programs that the notebook starts write to."""
        return self.descriptor

    def write(self, text: str) -> int:
        """Keep the text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.waiting.append(text)
        return len(text)

    def flush(self) -> None:
        """Send what was kept, and what went past us into the file behind."""
        text = "".join(self.waiting) + self._beside()
        self.waiting.clear()
        if text:
            self.wire.send(None, "stream", {"name": self.name, "text": text})

    def _beside(self) -> str:
        """What C code and programs wrote into the descriptor since the last look."""
        if self.heard is None:
            return ""
        more = os.fstat(self.descriptor).st_size - self.heard
        if more <= 0:
            return ""
        raw = os.pread(self.descriptor, more, self.heard)
        self.heard += len(raw)
        return raw.decode("utf-8", "replace")


class Client(PapermillNotebookClient):
    """nbclient, with a shell in its own process where it would have a kernel."""

    def execute(self, **options: Any) -> Any:
        """Run all cells; see papermill."""
        self.reset_execution_trackers()
        self.wire = Wire()
        with _Streams(self.wire):
            self.shell = _connected(self.wire)
            self.papermill_execute_cells()
        self.nb.metadata["language_info"] = dict(IPythonKernel.language_info)
        return self.nb

    def execute_cell(self, cell: Any, cell_index: int, *rest: Any, **more: Any) -> Any:
        """Run one cell; see nbclient."""
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code" or not cell.source.strip() or self.skip_cells_with_tag in tags:
            return cell
        cell.outputs = []
        self.clear_before_next_output = False
        cell["execution_count"] = self.shell.execution_count
        self.wire.receive = lambda message: self.process_message(message, cell, cell_index)
        result = self.shell.run_cell(cell.source, store_history=True)
        sys.stdout.flush()
        sys.stderr.flush()
        error = result.error_before_exec or result.error_in_exec
        unshown = self.shell._last_traceback_during_displayhook  # its value could not be displayed
        if (error is not None or unshown) and "raises-exception" not in tags:
            told = {"ename": type(error).__name__, "evalue": str(error), "traceback": []}
            raise CellExecutionError.from_cell_and_msg(cell, told)
        return cell


class ShellEngine(NBClientEngine):
    """papermill's engine over ``Client``: for a process that runs one notebook and ends."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run the notebook; see papermill."""
        Client(nb_man, kernel_name=kernel_name).execute()


class _Streams:
    """``sys.stdout`` and ``sys.stderr`` as the notebook's, while it runs."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def __enter__(self) -> None:
        self.before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = Stream(self.wire, "stdout", 1), Stream(self.wire, "stderr", 2)

    def __exit__(self, *error: Any) -> None:
        sys.stdout, sys.stderr = self.before


def prepare() -> ZMQInteractiveShell:
    """The shell of ipykernel in a fresh namespace, keeping no history on disk; without a thread.

    It is there before pandas and others are imported, because they look whether they are in a kernel.
    """
    config = Config()
    config.HistoryManager.enabled = False
    kernel = SimpleNamespace(eventloop=None)
    return ZMQInteractiveShell.instance(config=config, compiler_class=XCachingCompiler, kernel=kernel)


def _connected(wire: Wire) -> ZMQInteractiveShell:
    """The shell, talking into the wire."""
    shell = prepare()
    ends: tuple[Any, ...] = (shell.displayhook, shell.display_pub)
    for end in ends:
        end.session = wire
    sys.path[:] = _path(sys.path[1:])
    builtins.input = getpass.getpass = _nobody_to_ask
    return shell


def _path(found: list[str]) -> list[str]:
    """Where modules are looked for, as in a kernel: the notebook's own folder after Python's."""
    others = (place for place, folder in enumerate(found) if Path(folder).name.endswith("-packages"))
    place = next(others, len(found))
    return [*found[:place], "", *found[place:]]


def _nobody_to_ask(*prompt: Any, **stream: Any) -> str:
    raise StdinNotImplementedError("a report has nobody to ask for input")


def _is_file(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
