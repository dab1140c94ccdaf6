"""How one content grew, platform by platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.charts import style
from analysis.models.result import Result
from analysis.platforms.card import Card

PANEL = 118
"""Pixels a panel is high."""


def growth(result: Result, title: str, cards: Mapping[str, Card] | None = None) -> go.Figure:
    """Each platform's counter over time, a panel each: unlike metrics never share an axis.

    Parameters
    ----------
    result
        Of ``models.story.story``: ``extra["counters"]`` (platform, metric, item_id, at, value),
        ``extra["late"]`` (the same, of items only looked at later), ``extra["began"]`` (platform, at)
        and ``extra["unknown"]`` (platform, start, end).
    title
        The content's title, as the platform gave it: it is escaped here.
    cards
        Platform name to its card, for units, names and dated changes.
    """
    counters, unknown, late = result.extra["counters"], result.extra["unknown"], result.extra["late"]
    began = result.extra["began"].set_index("platform")["at"]
    cards = cards or {}
    names = [*began.sort_values().index, *sorted(set(unknown["platform"]) - set(began.index))]
    heading = f"Growth by platform: {style.label(title)}"
    if not names:
        return style.nothing(
            heading, "No counter was seen.", "No counter of this content was seen on any platform."
        )
    figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=min(0.36 / len(names), 0.1),
        subplot_titles=[_panel(name, pd.concat([counters, late]), cards) for name in names],
    )
    looks = style.looks(names)
    moments = pd.concat([counters["at"], began, unknown["start"], unknown["end"]])
    first, last = moments.min(), moments.max() + (moments.max() - moments.min()) * 0.02
    told, notes = [], []
    for row, name in enumerate(names, start=1):
        part = counters[counters["platform"] == name]
        look = looks[name]
        top = max(float(part["value"].max()) if len(part) else 1.0, 1.0) * 1.08
        for number, (item, looked) in enumerate(part.groupby("item_id", sort=False)):
            figure.add_trace(
                go.Scatter(
                    x=looked["at"],
                    y=looked["value"],
                    name=f"{_name(name, cards)} {number + 1}" if number else _name(name, cards),
                    mode="lines+markers",
                    line={"color": look.colour, "width": 2, "dash": style.DASHES[number % len(style.DASHES)]},
                    marker={"symbol": look.symbol, "size": 5, "color": look.colour},
                    customdata=[style.label(str(item), 30)] * len(looked),
                    hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f}<extra>%{customdata}</extra>",
                    showlegend=False,
                ),
                row=row,
                col=1,
            )
        if name in began.index:
            _start(figure, began[name], look, row)
        spans = unknown[unknown["platform"] == name]
        style.hatch(figure, zip(spans["start"], spans["end"], strict=True), top, row=row, col=1)
        figure.update_yaxes(range=[0, top], nticks=4, showticklabels=len(part) > 0, row=row, col=1)
        life = cards[name].life if name in cards else ()
        notes += style.events_of_life(figure, life, first, last, row=row, col=1)
        after = late[late["platform"] == name]
        if part.empty and len(after):
            figure.add_annotation(
                text="; ".join(_late(item) for item in after.head(3).itertuples()),
                x=0.5, xref="x domain", y=0.5, yref="y domain", showarrow=False, row=row, col=1,
            )  # fmt: skip
        told.append(_told(name, part, after, spans, cards))
    figure.update_xaxes(range=[first, last])
    figure.update_annotations(font_size=12)
    for note in figure.layout.annotations[: len(names)]:
        note.update(x=0, xanchor="left", font={"size": 12.5})
    description = f"One panel a platform over {style.when(first)} to {style.when(last)}. " + " ".join(told)
    if notes:
        description += " Marked: " + "; ".join(notes) + "."
    hatched = "hatched: unknown" if len(unknown) else ""
    figure = style.finish(
        figure,
        heading,
        "; ".join(filter(None, ["a panel a platform, each in its own unit; ▸ where it began", hatched])),
        description,
        90 + PANEL * len(names),
    )
    figure.update_yaxes(title=None)
    return figure


def _start(figure: go.Figure, moment: pd.Timestamp, look: style.Look, row: int) -> None:
    figure.add_trace(
        go.Scatter(x=[moment], y=[0], mode="markers", showlegend=False, hoverinfo="x", name="began",
                   marker={"symbol": "triangle-right", "size": 11, "color": look.colour}, cliponaxis=False),
        row=row,
        col=1,
    )  # fmt: skip


def _late(item: Any) -> str:
    metric = style.label(item.metric.replace("_", " "))
    return f"{metric} {item.value:,.0f}, looked at only on {item.at:%d %b %Y}"


def _name(platform: str, cards: Mapping[str, Card]) -> str:
    return style.label(cards[platform].title if platform in cards else platform)


def _panel(platform: str, counters: pd.DataFrame, cards: Mapping[str, Card]) -> str:
    metric = counters.loc[counters["platform"] == platform, "metric"]
    unit = metric.iloc[0].replace("_", " ") if len(metric) else "nothing known"
    return f"<b>{_name(platform, cards)}</b>, {style.label(unit)}"


def _told(
    name: str, part: pd.DataFrame, late: pd.DataFrame, spans: pd.DataFrame, cards: Mapping[str, Card]
) -> str:
    shown = _name(name, cards)
    gap = f", unknown in {style.stretches(len(spans))}" if len(spans) else ""
    if part.empty and len(late):
        return f"{shown}: {_late(next(late.itertuples()))}."
    if part.empty:
        return f"{shown}: no counter known{gap}."
    top = part.loc[part["value"].idxmax()]
    metric = top["metric"].replace("_", " ")
    return (
        f"{shown}: {part['item_id'].nunique()} item{'s' if part['item_id'].nunique() > 1 else ''}, "
        f"highest {top['value']:,.0f} {metric} at {style.when(top['at'])}{gap}."
    )
