"""Tables of measures as a reader wants them: a value in its unit, its range, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.models.overview import names
from analysis.platforms.card import Card

FINE = 100
"""From here on a decimal says nothing."""
UNBROKEN = "\N{NO-BREAK SPACE}"
PLAIN = {"content_kind": "all content", "account": "unstated"}
"""What goes without saying."""


def worded(table: pd.DataFrame, cards: Mapping[str, Card]) -> pd.DataFrame:
    """The rows of ``roles`` or ``conduct`` in words, without the columns that say nothing.

    Parameters
    ----------
    table
        platform, value, low, high, seen, of, unit and any further columns.
    cards
        Platform name to its card.

    Returns
    -------
    DataFrame
        As it was, with value ("10%" for a share), range ("4% to 23%"), unit and rests_on ("3 of 29",
        "45 posts in 12 weeks") in the place of value, low, high, seen, of and unit.
    """
    rows = list(table.itertuples())
    place = int(table.columns.get_indexer(["value"])[0])
    out = table.drop(columns=["value", "low", "high", "seen", "of", "unit"]).astype(object)
    out["platform"] = out["platform"].replace(names(cards))
    for name in PLAIN.keys() & set(out.columns):
        out[name] = out[name].replace(PLAIN[name], "")
    told = {"value": [number(row.value, row.unit) for row in rows], "range": [_range(row) for row in rows],
            "unit": [row.unit for row in rows], "rests_on": [_rests_on(row) for row in rows]}  # fmt: skip
    for step, (name, words) in enumerate(told.items()):
        out.insert(place + step, name, words)
    return out.loc[:, [out[name].fillna("").ne("").any() for name in out.columns]]


def number(value: float, unit: str) -> str:
    """A value in its unit; empty where it is not known, for a reason stands beside it."""
    if value != value:
        return ""
    if unit.startswith("share of"):
        return f"{value:.0%}"
    return f"{value:,.0f}" if abs(value) >= FINE or value == int(value) else f"{value:,.2g}"


def _range(row: Any) -> str:
    low, high = number(row.low, row.unit), number(row.high, row.unit)
    return f"{low} to {high}".replace(" ", UNBROKEN) if low else ""


def _rests_on(row: Any) -> str:
    what, each, per = row.unit.partition(",")[0].partition(" a ")
    if each:
        return f"{row.seen:,.0f} {what} in {row.of:,.0f} {per}{'' if row.of == 1 else 's'}"
    return f"{row.seen:,.0f} of {row.of:,.0f}" if row.of else ""
