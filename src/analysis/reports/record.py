"""What is known of a run: ``record.json`` beside its page, and what follows from several of them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

RECORD, CLOCK, CHANGES, RESULTS = "record.json", "run.js", "changes.html", "results.json"
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?")


@dataclass(frozen=True)
class Record:
    """What is known of a run; ``record.json`` beside its page.

    id : the folder's name: report, digest of the inputs, and "failed" where there is no page
    status : ok or failed, from the exit code and never from the notebook
    verdict, summary : of the report's first result; empty where it has none
    parameters : name, value, given, note of each
    started, finished, checked : ISO 8601 in UTC; ``checked`` is when it was last found up to date
    renew_days : after so many days without a check the page says it is out of date; None: never
    fingerprint, notebook : digests of all inputs and of the notebook
    inputs : store versions, software, commit
    contents : content_id, url and title of each content the page speaks of
    previous, changed : id of the run before it in its series and what changed since, in a sentence; empty for
        the first; settled when it is published; the id is empty again once that run was thinned out
    error : message, cell and source of a failed run, without what names the machine (see ``failures.py``)
    files : size and SHA-256 of each file of the run that stays as it is
    """

    id: str
    report: str
    title: str
    status: str
    parameters: list[dict[str, Any]]
    started: str
    finished: str
    checked: str
    seconds: float
    kernel_seconds: float | None
    renew_days: float | None
    fingerprint: str
    notebook: str
    data_as_of: str
    inputs: dict[str, Any]
    verdict: str = ""
    summary: str = ""
    charts: int = 0
    warnings: int = 0
    contents: list[dict[str, str]] = field(default_factory=list)
    previous: str = ""
    changed: str = ""
    error: dict[str, str] | None = None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def given(self) -> dict[str, str]:
        """The parameters that are not defaults."""
        return {row["name"]: row["value"] for row in self.parameters if row["given"]}

    @property
    def renew_by(self) -> str | None:
        """When the page should be renewed at the latest."""
        if self.renew_days is None or self.status != "ok":
            return None
        return (datetime.fromisoformat(self.checked) + timedelta(days=self.renew_days)).isoformat()

    @cached_property
    def question(self) -> str:
        """What was asked: runs with the same one renew each other."""
        return json.dumps([self.report, self.given])

    @cached_property
    def series(self) -> str:
        """What is asked again and again: the question without its dates. Each run follows the one before."""
        return json.dumps([self.report, {k: _DATE.sub("date", v) for k, v in self.given.items()}])

    def to_json(self) -> bytes:
        """As it stands in ``record.json``."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False).encode()


def read(text: bytes) -> Record | None:
    """The record that the bytes hold, or None; words it does not know are passed over."""
    known = {entry.name for entry in fields(Record)}
    try:
        words = json.loads(text)
        return Record(**{name: value for name, value in words.items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return None


def standing(same: list[Record]) -> tuple[Record | None, Record | None]:
    """Of the runs that asked the same: the page that stands, and a failed attempt to renew it since."""
    newest = max((r for r in same if r.status == "ok"), key=lambda r: (r.checked, r.id), default=None)
    failures = [r for r in same if r.status == "failed" and (newest is None or r.finished > newest.checked)]
    return newest, failures[0] if failures else None


def clock(record: Record, same: list[Record]) -> dict[str, Any]:
    """What became of a run since its page was made; ``same``: all runs that asked the same."""
    newest, failure = standing(same)
    stands = newest is not None and newest.id == record.id
    return {
        "made": record.finished,
        "checked": record.checked,
        "renew_by": record.renew_by,
        "newer": newest.id if newest and not stands and newest.checked >= record.checked else None,
        "failed": failure.finished if failure and stands else None,
    }
