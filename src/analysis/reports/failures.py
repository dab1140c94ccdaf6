"""What is known of a run that failed: in public what readers need, on this machine the whole of it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

from analysis.reports.files import write
from analysis.reports.private import Places, in_error
from analysis.reports.record import Record

ERROR = "error.txt"
SOURCE = 2000  # characters of a cell that a page shows
MESSAGE = 500


def public(error: dict[str, Any], known: Places) -> dict[str, str]:
    """Of an error what readers see: its type and message, the cell; nothing that names this machine."""
    return {
        "message": in_error(error["message"], known)[:MESSAGE],
        "cell": error.get("cell", ""),
        "source": in_error(error.get("source", ""), known)[:SOURCE],
    }


def again(record: Record) -> str:
    """The command that repeats the run."""
    given = [word for name, value in record.given.items() for word in ("-p", f"{name}={value}")]
    return shlex.join(["virality", "report", record.report, *given])


def place(site: Path, run_id: str) -> Path:
    """Where the whole of a failure is: beside the site's folder, where nothing is published."""
    return site.parent / "failures" / run_id


def keep(place: Path, record: Record, error: dict[str, Any], notebook: Path) -> None:
    """For whoever mends it: all that is known of the error, and the notebook as far as it came."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if notebook.exists():
        shutil.move(notebook, place / notebook.name)
    parts = [f"{record.report} failed, {record.finished}: {error['message']}", f"Repeat: {again(record)}"]
    if error.get("cell"):
        parts.append(f"It stopped in {error['cell']}:\n\n{error.get('source', '')}")
    parts.append(error.get("traceback") or "There is no traceback: it did not end by an error of Python's.")
    write(place / ERROR, ("\n\n".join(parts) + "\n").encode("utf-8", "replace"))
