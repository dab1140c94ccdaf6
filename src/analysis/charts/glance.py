"""A period at a glance: its contents, when each platform took them up, and their spikes."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from analysis.charts import style
from analysis.models.result import Result
from analysis.platforms.card import Card

ALL = "all"
"""The platform of a spike in all of a content's visits."""
ROW = 46
"""Pixels a content takes."""
LANES = 0.3
"""Part of a row over which its platforms are spread."""
UP, DOWN, TITLE = 0.24, 0.38, 0.26
"""How far marks and hatching reach above and below a row's line, and where its title stands above it."""


def glance(
    result: Result,
    titles: Mapping[str, str],
    since: pd.Timestamp,
    until: pd.Timestamp,
    cards: Mapping[str, Card] | None = None,
    visits: pd.DataFrame | None = None,
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
        Platform name to its card, for names and dated changes.
    visits
        start, end, value of the contents' exposure: where all of it is unknown, no spike can be seen.
    """
    cards = cards or {}
    heading = f"What stood out, {since:%d %b %Y} to {until - pd.Timedelta(seconds=1):%d %b %Y}"
    table, marks, spikes = result.extra["order"], result.extra["marks"], result.extra["spikes"]
    if table.empty:
        return style.nothing(
            heading, "Nothing stood out in this period.", f"Nothing is drawn: {result.summary}"
        )
    rows = {key: number for number, key in enumerate(table["content_id"], start=1)}
    figure = go.Figure()
    bars = spikes[spikes["content_id"].isin(rows)]
    shown = marks[marks["content_id"].isin(rows)]
    looks = style.looks(shown["platform"])
    _bars(figure, bars[bars["platform"] == ALL], rows, 0.0, style.WARM, "spike of visits", since, until)
    many = shown["platform"].nunique()
    for number, (name, part) in enumerate(shown.groupby("platform")):
        look = looks[name]
        part = part.assign(out=part["stood_out"].fillna(False).astype(bool))
        part = part.sort_values("out", ascending=False)  # the legend takes the looks of the first
        out = part["out"]
        # a lane a platform, so that marks of one moment do not hide each other
        lane = (number / (many - 1) - 0.5) * LANES if many > 1 else 0.0
        own = bars[bars["platform"] == name]
        _bars(figure, own, rows, lane, look.colour, f"its rise on {_name(name, cards)}", since, until)
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
            y=number - TITLE,
            yanchor="bottom",
            showarrow=False,
        )
    figure.update_yaxes(
        range=[len(rows) + 0.5, 0.2],
        tickvals=list(rows.values()),
        ticktext=[titles.get(key, key) for key in rows],  # not shown: what the table of numbers calls a row
        showticklabels=False,
        showgrid=True,
    )
    gaps = _gaps(visits, since, until)
    for number in rows.values():
        style.hatch(figure, gaps, number + DOWN, number - UP)
    if gaps:
        style.key_to_hatching(figure)
    notes = style.events_of_life(figure, style.life(cards, shown["platform"]), since, until)
    edge = (until - since) * 0.015
    figure.update_xaxes(range=[since - edge, until + edge])
    return style.finish(
        figure,
        heading,
        "when each platform took it up; filled: it stood out there, open: not; bars: spikes, tick: peak",
        _told(table, shown, bars, titles, cards)
        + (f" Visits unknown in {style.stretches(len(gaps))}, hatched." if gaps else "")
        + (f" Marked: {'; '.join(notes)}." if notes else ""),
        140 + ROW * len(rows),
    )


def _gaps(
    visits: pd.DataFrame | None, since: pd.Timestamp, until: pd.Timestamp
) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Stretches of the period in which no visit of any content is known."""
    if visits is None or visits.empty:
        return []
    inside = visits[(visits["start"] >= since) & (visits["start"] < until)]
    total = inside.groupby("start", as_index=False).agg(end=("end", "max"), value=("value", "count"))
    return style.runs(total["start"], total["end"], total["value"] == 0)


def _bars(
    figure: go.Figure,
    spikes: pd.DataFrame,
    rows: Mapping[str, int],
    lane: float,
    colour: str,
    called: str,
    since: pd.Timestamp,
    until: pd.Timestamp,
) -> None:
    """Spikes of one kind: a bar from onset to end, a tick at the peak."""
    if spikes.empty:
        return
    x, y = [], []
    for row in spikes.itertuples():
        x += [max(row.onset, since), until if pd.isna(row.end) else min(row.end, until), None]
        y += [rows[row.content_id] + lane] * 2 + [None]
    wide = 12 if colour == style.WARM and not lane else 5
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", name=called, hoverinfo="skip", opacity=0.35,
                   showlegend=wide > 5, line={"color": colour, "width": wide})
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(x=spikes["peak"], y=[rows[key] + lane for key in spikes["content_id"]], mode="markers",
                   name=f"peak of {called}", customdata=spikes["words"].map(style.label), showlegend=False,
                   marker={"symbol": "line-ns", "size": wide + 3, "line": {"width": 2.5, "color": colour}},
                   hovertemplate="%{x|%d %b %H:%M} UTC<br>%{customdata}<extra>peak</extra>")
    )  # fmt: skip


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
        had = f"; {many} spike{'s' if many > 1 else ''}" if many else ""
        told.append(f"{number}. {titles.get(key, key)}: {where}{had}.")
    return " ".join(told)
