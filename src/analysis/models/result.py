"""What every model returns: a table, a verdict and a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

import pandas as pd

from analysis.checks.check import Check
from analysis.display import AS_IT_IS, DRESS, RESULT, table_html

Verdict = Literal["found", "nothing", "inconclusive"]


@dataclass(frozen=True)
class Result:
    """A model's answer.

    table : columns as the model's docstring defines them
    verdict : found, nothing, or inconclusive
    reason : why, in a few words; always set when inconclusive
    summary : a paragraph a stakeholder can read, computed from the table
    checks : what was checked before and after
    model : name and version, such as "spikes 1.0"
    parameters : what the model was called with
    extra : further frames a chart needs (a fitted baseline, residuals), by name
    """

    table: pd.DataFrame
    verdict: Verdict
    reason: str
    summary: str
    checks: tuple[Check, ...]
    model: str
    parameters: dict[str, Any]
    extra: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.verdict == "inconclusive" and not self.reason:
            raise ValueError("an inconclusive result must say why: reason is empty")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """For machines, beside the HTML: what a page's record keeps, so that the next one can be compared."""
        told = {"verdict": self.verdict, "reason": self.reason, "summary": self.summary, "model": self.model}
        checks = [{"name": check.name, "passed": check.passed} for check in self.checks]
        return {RESULT: told | {"checks": checks}}

    def _repr_html_(self) -> str:
        reason = f" ({escape(self.reason)})" if self.reason else ""
        table = table_html(self.table) if len(self.table) else ""
        checks = "".join(check.html for check in self.checks)
        return (
            f'{DRESS}<div class="result {AS_IT_IS}"><p class="verdict {self.verdict}">'
            f"<strong>{self.verdict}</strong>{reason}</p>"
            f'<p>{escape(self.summary)}</p>{table}{checks}<p class="model">{escape(self.model)}</p></div>'
        )
