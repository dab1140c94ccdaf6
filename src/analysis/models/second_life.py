"""A content's later spikes: its second life.

Question. Did attention come back after it had gone?

Formula. Of the rises that ``spikes.find`` called, each after the first is a second life; its size is told
as a share of the first one's excess, and the quiet time between them from the end of one to the onset of
the next. A bump on a tail is not one: ``spikes.find`` counts a stretch close behind a rise twice as high
to that rise.

Abstains when the spikes themselves are inconclusive.

Source. The definition is this project's own; the phenomenon is described in Cheng, Adamic, Kleinberg &
Leskovec, "Do Cascades Recur?", WWW 2016.
"""

from __future__ import annotations

import pandas as pd

from analysis.models.result import Result

VERSION = "second life 1.0"
COLUMNS = ["onset", "peak", "quiet_hours", "excess", "share_of_first"]


def find(found: Result) -> Result:
    """The later lives among the spikes of ``spikes.find``.

    Returns
    -------
    Result
        table, a row a later rise: onset, peak (UTC), quiet_hours (since the rise before it was over),
        excess (counts), share_of_first (its excess over the first rise's).
    """
    if found.verdict == "inconclusive":
        empty = pd.DataFrame(columns=COLUMNS)
        return Result(empty, "inconclusive", found.reason, f"No verdict: {found.reason}", (), VERSION, {})
    rises = found.table[found.table["direction"] == "rise"].reset_index(drop=True)
    later = rises.iloc[1:]
    quiet = (
        later["onset"].reset_index(drop=True) - rises["end"].iloc[:-1].reset_index(drop=True)
    ).dt.total_seconds()
    table = pd.DataFrame(
        {
            "onset": later["onset"].reset_index(drop=True),
            "peak": later["peak"].reset_index(drop=True),
            "quiet_hours": quiet / 3600.0,
            "excess": later["excess"].reset_index(drop=True),
            "share_of_first": later["excess"].reset_index(drop=True) / rises["excess"].iloc[0]
            if len(later)
            else [],
        }
    )
    if table.empty:
        return Result(table, "nothing", "", "Attention did not come back.", (), VERSION, {})
    top = table.loc[table["excess"].idxmax()]
    summary = (
        f"Attention came back {len(table)} time{'s' if len(table) > 1 else ''}; the largest, from "
        f"{top['onset']:%Y-%m-%d %H:%M} UTC, brought {top['share_of_first']:.0%} of what the first had."
    )
    return Result(table, "found", "", summary, (), VERSION, {})
