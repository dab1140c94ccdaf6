"""What a check says: passed, failed, or cannot say; in a sentence and a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import pandas as pd

from analysis.display import AS_IT_IS, table_html

ANSWERS = {True: "passed", False: "failed", None: "cannot say"}


@dataclass(frozen=True)
class Check:
    """One check's answer. ``passed`` is None when there is not enough data to say."""

    name: str
    passed: bool | None
    sentence: str
    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def _repr_html_(self) -> str:
        body = table_html(self.table) if len(self.table) else ""
        return (
            f'<div class="check {ANSWERS[self.passed].replace(" ", "-")} {AS_IT_IS}">'
            f"<strong>{escape(self.name)}: {ANSWERS[self.passed]}.</strong> "
            f"{escape(self.sentence)}{body}</div>"
        )
