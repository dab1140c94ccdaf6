"""What is known of a run that failed: in public what readers need, on this machine the whole of it."""

from __future__ import annotations

import re
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
# Why a run made no page: it was asked what it cannot answer, it ran out of time or memory, or it is wrong.
ASKED, STOPPED, WRONG = "asked", "stopped", "wrong"


def public(error: dict[str, Any], known: Places) -> dict[str, str]:
    """Of an error what readers see: its type and message, the cell; nothing that names this machine."""
    return {
        "kind": error.get("kind", WRONG),
        "message": in_error(error["message"], known)[:MESSAGE],
        "cell": error.get("cell", ""),
        "source": in_error(error.get("source", ""), known)[:SOURCE],
    }


def again(record: Record) -> str:
    """The command that repeats the run."""
    return _command(record.report, record.given)


def advice(record: Record) -> tuple[str, str]:
    """What to do about a failure, in words, and the command that then repeats the run."""
    error = record.error or {}
    kind = error.get("kind", WRONG)
    if kind == STOPPED:
        return (
            "It ran out of time or memory: give it more (--timeout, --cell-timeout), or ask for less, "
            "such as a shorter period.",
            again(record),
        )
    if kind == WRONG:
        return f"Mend notebooks/{record.report}.ipynb (make lab).", again(record)
    given = [row for row in record.parameters if row["given"]]
    # the message names the value that was wrong; of several that were given only that one is to change
    wrong = [row for row in given if re.search(rf"\b{row['name']}\b", error["message"])] or given
    if not wrong:
        return "The notebook is sound: do what the message says.", again(record)
    told = "; ".join(f"{row['name']} was {row['value']}, expected: {row['note']}" for row in wrong)
    return (
        f"The notebook is sound: it cannot answer what it was asked. Ask again with another value ({told}).",
        _command(record.report, record.given | {row["name"]: "VALUE" for row in wrong}),
    )


def _command(report: str, given: dict[str, str]) -> str:
    words = [word for name, value in given.items() for word in ("-p", f"{name}={value}")]
    return shlex.join(["virality", "report", report, *words])


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
