"""``manifest.json``: every file of the site with its hash, and every run with what it was made from."""

from __future__ import annotations

import json
from typing import Any

from analysis.reports.record import CHANGES, CLOCK, RECORD, Record

NAME = "manifest.json"
FORMAT = "virality site 1"
# Files that tell when runs were made; all others have the same bytes whenever the site is built.
TELLING_TIME = ("feed.xml", "history.html", "index.html", f"runs/*/{CLOCK}", f"runs/*/{RECORD}")
# Files that are rewritten as runs are added, or thinned out; all others never change under their name.
CHANGING = ("contents/*.html", f"runs/*/{CHANGES}", *TELLING_TIME)


def manifest(
    records: list[Record], files: dict[str, dict[str, Any]], entries: list[str], address: str
) -> bytes:
    """The site in a file that a machine reads.

    Parameters
    ----------
    records : all runs, newest first
    files : path to bytes and sha256 of every file but the manifest itself
    entries : the files by which readers come in; whoever copies the site copies them last, in this order
    address : where the site stands, or empty

    Returns
    -------
    JSON: ``format``, ``address``, ``entries``, ``telling_time`` and ``changing`` (patterns, see above),
    ``files`` and ``runs`` (newest first, each with its ``status``, its ``inputs`` and the names of its
    ``files``).
    """
    return json.dumps(
        {
            "format": FORMAT,
            "address": address,
            "entries": entries,
            "telling_time": TELLING_TIME,
            "changing": CHANGING,
            "files": dict(sorted(files.items())),
            "runs": [_run(record) for record in records],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def _run(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "report": record.report,
        "title": record.title,
        "status": record.status,
        "verdict": record.verdict,
        "parameters": record.given,
        "data_as_of": record.data_as_of,
        "finished": record.finished,
        "checked": record.checked,
        "renew_by": record.renew_by,
        "previous": record.previous,
        "contents": [content["content_id"] for content in record.contents],
        "inputs": record.inputs | {"fingerprint": record.fingerprint, "notebook": record.notebook},
        "files": sorted([*record.files, RECORD, CLOCK]),
    }
