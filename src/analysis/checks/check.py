"""What a check says: passed, failed, or cannot say; in a sentence and a table."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Check:
    """One check's answer. ``passed`` is None when there is not enough data to say."""

    name: str
    passed: bool | None
    sentence: str
    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def _repr_html_(self) -> str:
        from analysis.display import check_html

        return check_html(self)
