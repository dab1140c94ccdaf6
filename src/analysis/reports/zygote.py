"""The process that reports are forked from: it has imported what they need, and has done nothing else.

``process.py`` starts one a command, as soon as it knows what will run, and sends it the stages of its jobs
over a socket (its standard input). A fork takes milliseconds where a kernel's start and imports take
seconds, and each report still has a process of its own: what one does to itself, the others never see.

Nothing here may start a thread: a child would lack it. So no table is opened here and no query is run.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from analysis.reports import shell
from analysis.reports.lines import message

PRELOADED = (
    *("numpy", "pandas", "plotly.graph_objects", "plotly.io", "scipy.special", "scipy.optimize", "numba"),
    *("pyarrow.pandas_compat", "pandera.pandas", "deltalake", "duckdb", "psutil"),
    *("analysis.reports.execute", "analysis.reports.exporter"),
)
REGISTRIES = ("analysis.platforms", "analysis.checks")  # all their files are read when one is asked for
APPENDING = os.O_RDWR | os.O_CREAT | os.O_APPEND
DEATH_OF_PARENT = 1  # prctl's PR_SET_PDEATHSIG
MOST_EXPENDABLE = b"800"  # when memory runs out, a report goes before whoever runs reports


def main(modules: list[str]) -> None:
    """Preload, then fork a child for each stage that is asked for, until nobody can ask any more."""
    control = socket.socket(fileno=os.dup(0))
    _preload(modules)
    children: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not control:
                    _reap(*children.pop(key.fd))
                    waiting.unregister(key.fd)
                    os.close(key.fd)
                    continue
                asked, descriptors, *_ = socket.recv_fds(control, 4096, 2)
                if not asked:  # whoever started us has ended, however it ended
                    for process, _ in children.values():
                        _kill(process)
                    return
                channel, keeper = (socket.socket(fileno=one) for one in descriptors)
                process = os.fork()
                if process == 0:
                    for line in (control, keeper, *(line for _, line in children.values())):
                        line.close()  # a child has no say in how it or another ended
                    stage, job = os.fsdecode(asked).split("\0")
                    _become(stage, job, channel)
                channel.close()
                with contextlib.suppress(OSError):  # it may have been given up already
                    keeper.sendall(message(pid=process))
                handle = os.pidfd_open(process)
                children[handle] = (process, keeper)
                waiting.register(handle, selectors.EVENT_READ)


def _preload(modules: Iterable[str]) -> None:
    """Import, and do once what is slow only the first time: numba's registries, plotly's classes."""
    found = (
        f"{name}.{file.name}" for name in REGISTRIES for file in iter_modules(import_module(name).__path__)
    )
    with shell.prepare().builtin_trap:
        for name in (*PRELOADED, *modules, *found):
            with contextlib.suppress(Exception):  # whoever needs it will hear what is wrong
                import_module(name)
    import numba
    import plotly.graph_objects as go

    numba.njit(lambda x: x + 1.0)(1.0)
    figure = go.Figure([go.Scatter(x=[1], marker={"line": {"width": 1}}), go.Bar(y=[1])])
    figure.update_layout(title={"text": "", "subtitle": {"text": ""}}, yaxis={"title": ""})
    figure.add_annotation(text="").add_shape(line={"width": 1})
    figure.to_dict()
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page it looks at


def _become(stage: str, job: str, channel: socket.socket) -> None:
    """In the child: a process of its own in every respect, which does one stage and ends."""
    code = 1
    try:
        parent = os.getppid()
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(Path(job).with_name(name), APPENDING, 0o600), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_bytes(MOST_EXPENDABLE)
        import numpy as np

        from analysis.reports import execute

        np.random.seed()
        code = execute.main(stage, job, channel)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _reap(process: int, keeper: socket.socket) -> None:
    """Tell how a child ended, and end what it left running."""
    _kill(process)  # it is a zombie still, so its number is nobody else's
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(OSError), keeper:
        keeper.sendall(message(status=os.waitstatus_to_exitcode(status)))


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
