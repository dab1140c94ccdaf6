"""Where the visits of one content came from."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from analysis.charts import style
from analysis.platforms.card import Card

PATTERNS = ("", "/", ".", "x", "-", "+", "|", "\\")


def sources(
    counted: pd.DataFrame, title: str, cards: Mapping[str, Card] | None = None, unit: str = "visits"
) -> go.Figure:
    """Exposure stacked by where it came from: one observer and one metric, so it may be added up.

    Parameters
    ----------
    counted
        platform, start, end, value as ``models.episodes.by_source`` gives them; missing is unknown.
    title
        The content's title; escaped here.
    cards
        Platform name to its card, for names and dated changes.
    unit
        What is counted.
    """
    heading = f"Where its {style.label(unit)} came from: {style.label(title)}"
    if counted["value"].notna().sum() == 0:
        why = f"No {unit} of this content were measured."
        return style.nothing(heading, why, why)
    figure = go.Figure()
    looks = style.looks(counted["platform"])
    told = []
    width = (counted["end"] - counted["start"]).iloc[0]
    for number, (name, part) in enumerate(counted.groupby("platform", sort=False)):
        shown = style.label(cards[name].title if cards and name in cards else name)
        figure.add_trace(
            go.Bar(
                x=part["start"] + width / 2,
                y=part["value"],
                width=width.total_seconds() * 1000,
                name=shown,
                marker={
                    "color": looks[name].colour,
                    "line": {"width": 0},
                    "pattern": {"shape": PATTERNS[number % len(PATTERNS)], "size": 5, "solidity": 0.22,
                                "fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.6},
                },
                hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f}<extra>" + shown + "</extra>",
            )
        )  # fmt: skip
        told.append(f"{shown} {part['value'].sum():,.0f}")
    total = counted.groupby("start", as_index=False)["value"].sum(min_count=1)
    top = float(total["value"].max()) * 1.06
    gaps = style.runs(total["start"], total["start"] + width, total["value"].isna())
    style.hatch(figure, gaps, top)
    if gaps:
        style.key_to_hatching(figure)
    first, last = counted["start"].min(), counted["end"].max()
    notes = style.events_of_life(figure, style.life(cards, counted["platform"]), first, last)
    hours = width.total_seconds() / 3600
    per = "hour" if hours == 1 else "day" if hours == 24 else f"{hours:,.0f} hours"
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_yaxes(title=f"{style.label(unit)} per {per}", range=[0, top])
    description = (
        f"{unit} per {per} from {style.when(first)} to {style.when(last)}, "
        f"by where they came from: {', '.join(told)}."
        + (f" Unknown in {style.stretches(len(gaps))}, hatched." if gaps else "")
        + (f" Marked: {'; '.join(notes)}." if notes else "")
    )
    return style.finish(figure, heading, "by referrer, as the site's own counter saw it", description, 400)
