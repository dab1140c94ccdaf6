"""A period at a glance: its contents, when each platform took them up, and their spikes."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from analysis.charts import style
from analysis.models.result import Result
from analysis.platforms.card import Card

ROW = 46
"""Pixels a content takes."""
LANES = 0.3
"""Part of a row over which its platforms are spread."""


def glance(
    result: Result,
    titles: Mapping[str, str],
    since: pd.Timestamp,
    until: pd.Timestamp,
    cards: Mapping[str, Card] | None = None,
) -> go.Figure:
    """A row a content, in the order of the result: a mark for each platform it stood out on, a bar a spike.

    Parameters
    ----------
    result
        Of ``models.overview.overview``: ``extra["order"]`` (content_id), ``extra["marks"]``
        (content_id, platform, at, stood_out, words) and ``extra["spikes"]`` (content_id, onset, peak,
        end, words).
    titles
        content_id to a safe label, as ``style.titles`` makes them.
    since, until
        The period.
    cards
        Platform name to its card, for names.
    """
    cards = cards or {}
    heading = f"What stood out, {since:%d %b %Y} to {until - pd.Timedelta(seconds=1):%d %b %Y}"
    table, marks, spikes = result.extra["order"], result.extra["marks"], result.extra["spikes"]
    if table.empty:
        figure = go.Figure()
        figure.add_annotation(text="Nothing stood out in this period.", showarrow=False)
        return style.finish(figure, heading, "", f"Nothing is drawn: {result.summary}", 160)
    rows = {key: number for number, key in enumerate(table["content_id"], start=1)}
    figure = go.Figure()
    bars = spikes[spikes["content_id"].isin(rows)]
    x, y = [], []
    for row in bars.itertuples():
        x += [max(row.onset, since), until if pd.isna(row.end) else min(row.end, until), None]
        y += [rows[row.content_id]] * 2 + [None]
    if len(bars):
        figure.add_trace(
            go.Scatter(x=x, y=y, mode="lines", name="spike, onset to end", hoverinfo="skip",
                       line={"color": style.WARM, "width": 12}, opacity=0.35)
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(x=bars["peak"], y=[rows[key] for key in bars["content_id"]], mode="markers",
                       name="its peak", marker={"symbol": "line-ns", "size": 13,
                                                   "line": {"width": 3, "color": style.WARM}},
                       customdata=bars["words"],
                       hovertemplate="%{x|%d %b %H:%M} UTC<br>%{customdata}<extra></extra>")
        )  # fmt: skip
    shown = marks[marks["content_id"].isin(rows)]
    looks = style.looks(shown["platform"])
    many = shown["platform"].nunique()
    for number, (name, part) in enumerate(shown.groupby("platform")):
        look = looks[name]
        part = part.assign(out=part["stood_out"].fillna(False).astype(bool))
        part = part.sort_values("out", ascending=False)  # the legend takes the looks of the first
        out = part["out"]
        # a lane a platform, so that marks of one moment do not hide each other
        lane = (number / (many - 1) - 0.5) * LANES if many > 1 else 0.0
        figure.add_trace(
            go.Scatter(
                x=part["at"],
                y=[rows[key] + lane for key in part["content_id"]],
                mode="markers",
                name=_name(name, cards),
                marker={
                    "symbol": [look.symbol if good else f"{look.symbol}-open" for good in out],
                    "size": [11 if good else 8 for good in out],
                    "color": look.colour,
                    "opacity": 1,
                    "line": {"width": 1.5, "color": look.colour},
                },
                customdata=part["words"],
                hovertemplate="%{x|%d %b %H:%M} UTC<br>%{customdata}<extra></extra>",
            )
        )
    for key, number in rows.items():
        # above its row rather than beside it: titles are long and telephones narrow
        figure.add_annotation(
            text=f"<b>{number}</b>  {titles.get(key, key)}",
            x=0,
            xref="paper",
            xanchor="left",
            y=number - 0.26,
            yanchor="bottom",
            showarrow=False,
        )
    figure.update_yaxes(
        range=[len(rows) + 0.5, 0.2], tickvals=list(rows.values()), showticklabels=False, showgrid=True
    )
    edge = (until - since) * 0.015
    figure.update_xaxes(range=[since - edge, until + edge])
    return style.finish(
        figure,
        heading,
        "when each platform took it up; filled: it stood out among its like there, open: it did not",
        _told(table, shown, bars, titles, cards),
        140 + ROW * len(rows),
    )


def _name(platform: str, cards: Mapping[str, Card]) -> str:
    return style.label(cards[platform].title if platform in cards else platform)


def _told(
    table: pd.DataFrame,
    marks: pd.DataFrame,
    spikes: pd.DataFrame,
    titles: Mapping[str, str],
    cards: Mapping[str, Card],
) -> str:
    told = [f"{len(table)} contents, the one that stood out on most platforms first."]
    for number, key in enumerate(table["content_id"].head(5), start=1):
        part = marks[
            (marks["content_id"] == key) & marks["stood_out"].fillna(False).astype(bool)
        ].sort_values("at")
        where = ", ".join(
            f"{_name(row.platform, cards)} from {row.at:%d %b %H:%M}" for row in part.itertuples()
        )
        many = int((spikes["content_id"] == key).sum())
        had = f"; {many} spike{'s' if many > 1 else ''} of exposure" if many else ""
        told.append(f"{number}. {titles.get(key, key)}: {where}{had}.")
    return " ".join(told)
