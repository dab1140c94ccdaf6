"""What a check says: passed, failed, or cannot say; in a sentence and a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import pandas as pd

from analysis.display import AS_IT_IS, DRESS, table_html

LONG = 5
ANSWERS = {True: "passed", False: "failed", None: "cannot say"}


@dataclass(frozen=True)
class Check:
    """One check's answer. ``passed`` is None when there is not enough data to say."""

    name: str
    passed: bool | None
    sentence: str
    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def _repr_html_(self) -> str:
        return DRESS + self.html

    @property
    def html(self) -> str:
        """The answer as escaped HTML, as a result shows it among others."""
        # a long table would bury the next check: the sentence says what it comes to
        rows = len(self.table)
        body = table_html(self.table) if rows else ""
        if rows > LONG:
            body = f"<details><summary>The {rows:,} rows behind this check</summary>{body}</details>"
        return (
            f'<div class="check {ANSWERS[self.passed].replace(" ", "-")} {AS_IT_IS}">'
            f"<strong>{escape(self.name)}: {ANSWERS[self.passed]}.</strong> "
            f"{escape(self.sentence)}{body}</div>"
        )
