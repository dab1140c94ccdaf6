"""What is asked of a report: its values, as they run and as a page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analysis.reports import private
from analysis.reports.notebooks import Report
from analysis.reports.parameters import Value, moment, plain


@dataclass(frozen=True)
class Asked:
    """One report to run: its values, and which of them were given rather than defaults."""

    report: Report
    values: dict[str, Value]
    given: set[str]

    def rows(self) -> list[dict[str, Any]]:
        """The parameters as a page shows them."""
        known = private.places()
        return [
            {
                "name": one.name,
                "value": private.in_output(_shown(self.values[one.name]), known),
                "given": one.name in self.given,
                "note": one.note,
            }
            for one in self.report.parameters
        ]


def _shown(value: Value) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{moment(value).isoformat(' ').removesuffix('+00:00').removesuffix(':00')} UTC"
    return (", ".join(value) or "none") if isinstance(value, list) else str(plain(value))
