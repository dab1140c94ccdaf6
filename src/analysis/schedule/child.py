"""One command of a run, in a process that ends when the run's does, however that ended.

``python -m analysis.schedule.child PARENT WORDS...`` is ``virality WORDS...``.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time


def _die_with(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    _die_with(int(sys.argv[1]))
    sys.argv = ["virality", *sys.argv[2:]]
    # as a user calls it: the command line stands above this room, and is not imported by it
    runpy.run_module("analysis.cli", run_name="__main__")
