"""Platforms side by side: what each sent, a panel each, and how long what it sends lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.charts import style
from analysis.platforms.card import Card, LifeEvent

PANEL = 104
"""Height of a panel, in pixels."""
OWN_SCALE = "each in its own unit, on its own scale: heights do not compare"


def sent(table: pd.DataFrame, cards: Mapping[str, Card], level: float = 0.9) -> go.Figure:
    """Visits by platform with their intervals: counted by one site, so one scale.

    Parameters
    ----------
    table
        Rows of kind platform or group of ``attribution.attribution``: platform, visits, low, high, stated.
    cards
        Platform name to its card.
    level
        Of the intervals.
    """
    heading = "Visits each platform sent"
    rows = table[table["visits"].notna()].sort_values("visits") if len(table) else table
    if rows.empty:
        return style.nothing(heading, "No platform's visits are known.", "No platform's visits are known.")
    names = [_title(one, cards) for one in rows["platform"]]
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=rows["visits"],
            y=names,
            mode="markers",
            name="estimate, those without a referrer included",
            marker={"size": 9, "color": style.COLOURS[0], "symbol": "circle"},
            error_x={"type": "data", "symmetric": False, "array": rows["high"] - rows["visits"],
                     "arrayminus": rows["visits"] - rows["low"], "thickness": 2, "width": 5},
            hovertemplate="%{y}: %{x:,.0f} visits<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=rows["stated"],
            y=names,
            mode="markers",
            name="stated by the referrer",
            marker={"size": 9, "color": style.WARM, "symbol": "line-ns-open", "line": {"width": 2}},
            hovertemplate="%{y}: %{x:,.0f} stated by the referrer<extra></extra>",
        )
    )
    figure.update_xaxes(title="visits", rangemode="tozero")
    described = "; ".join(
        f"{label} {row.visits:,.0f} ({row.low:,.0f} to {row.high:,.0f})"
        for label, row in zip(names[::-1], list(rows.itertuples())[::-1], strict=True)
    )
    description = f"Visits by platform with {level:.0%} intervals: {described}."
    height = 130 + 28 * len(rows)
    return style.finish(figure, heading, f"with {level:.0%} intervals, on one scale", description, height)


def panels(
    series: pd.DataFrame,
    cards: Mapping[str, Card],
    *,
    unit: str = "",
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
) -> go.Figure:
    """One panel a platform, day by day.

    Parameters
    ----------
    series
        platform, start, end, value (missing where unknown), and metric where each platform has its own.
    cards
        Platform name to its card.
    unit
        What is counted on every platform alike: all panels share one scale then. Empty: each platform's
        own metric on a scale of its own, which its panel names.
    since, until
        The period the panels show; by default that of the series.
    """
    heading = (
        f"{unit.capitalize()} a day, platform by platform" if unit else "Each platform's own counter, by day"
    )
    if series["value"].notna().sum() == 0:
        why = f"No {unit or 'counter'} is known in this period."
        return style.nothing(heading, why, why)
    order = series.groupby("platform")["value"].sum().sort_values(ascending=False) if unit else None
    names = list(order.index) if order is not None else sorted(series["platform"].unique())
    first, last = since or series["start"].min(), until or series["end"].max()
    titles, told = [], []
    for one in names:
        part = series[series["platform"] == one]
        what = unit or _unit(one, str(part["metric"].iloc[0]), cards)
        title = _title(one, cards)
        titles.append(title if unit else f"{title}: {style.label(what)}")
        top = part.loc[part["value"].idxmax()] if part["value"].notna().any() else None
        told.append(f"{title} at most {top['value']:,.0f} {what} on {top['start']:%Y-%m-%d}"
                    if top is not None else f"{title} unknown")  # fmt: skip
    rows = len(names)
    gap = min(0.3 / max(rows - 1, 1), 0.06)
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=gap)
    figure.update_annotations(font={"size": 12}, x=0, xanchor="left")
    looks, marked = style.looks(names), list[str]()
    greatest = float(series["value"].max()) * 1.05
    unknown = False
    for row, one in enumerate(names, 1):
        part = series[series["platform"] == one].sort_values("start")
        width = (part["end"] - part["start"]).iloc[0]
        figure.add_trace(
            go.Bar(x=part["start"] + width / 2, y=part["value"], width=width.total_seconds() * 1000,
                   marker={"color": looks[one].colour, "line": {"width": 0}}, showlegend=False,
                   hovertemplate="%{x|%d %b}: %{y:,.0f}<extra>" + titles[row - 1] + "</extra>"),
            row=row, col=1,
        )  # fmt: skip
        top = greatest if unit else max(float(part["value"].max()) * 1.05, 1.0)
        low = min(float(part["value"].min()), 0.0)
        gaps = style.runs(part["start"], part["end"], part["value"].isna())
        style.hatch(figure, gaps, top, row=row, col=1)
        unknown = unknown or bool(gaps)
        figure.update_yaxes(range=[low * 1.05, top], nticks=4, row=row, col=1)
        marked += _events_of_life(figure, style.life(cards, [one]), first, last, row)
    if unknown:
        style.key_to_hatching(figure)
    figure.update_xaxes(range=[first, last])
    figure.update_layout(bargap=0)
    scale = "one scale, as all are counted alike" if unit else OWN_SCALE
    description = (
        f"{heading}, from {style.when(first)} to {style.when(last)}; {scale}. {'; '.join(told)}."
        + (" Unknown days are hatched." if unknown else "")
        + (f" Marked: {'; '.join(marked)}." if marked else "")
    )
    height = 100 + PANEL * rows
    out = style.finish(figure, heading, scale, description, height)
    # above the first panel's title
    return out.update_layout(legend_y=1 + 22 / height)


def _events_of_life(
    figure: go.Figure, life: Iterable[LifeEvent], first: pd.Timestamp, last: pd.Timestamp, row: int
) -> list[str]:
    """A panel is too low for words: it gets the line and its date, the description says what happened."""
    drawn = []
    for event in life:
        moment = pd.Timestamp(event.on, tz="UTC")
        if first <= moment <= last:
            figure.add_vline(
                x=moment, line={"dash": "dot", "width": 1.5, "color": style.QUIET}, row=row, col=1
            )
            axis = "" if row == 1 else row
            figure.add_annotation(
                x=moment, y=1, yref=f"y{axis} domain", xref=f"x{axis}", text=f"{moment:%d %b %Y}",
                showarrow=False, xanchor="left", yanchor="top", font={"size": 11},
            )  # fmt: skip
            drawn.append(f"{moment:%Y-%m-%d}: {event.what}")
    return drawn


def lasting(come: pd.DataFrame, cards: Mapping[str, Card], hours: int = 72) -> go.Figure:
    """How soon what a share brings has come: part of its visits by hours after it, on one scale.

    Parameters
    ----------
    come
        As ``expectation.come_in`` gives it: platform, hours, come, half_hours.
    cards
        Platform name to its card.
    hours
        How far to draw.
    """
    heading = "How long what a share brings goes on"
    if come.empty:
        return style.nothing(heading, "No platform's course is known.", "No platform's course is known.")
    figure, told = go.Figure(), []
    looks = style.looks(come["platform"])
    for one, part in come[come["hours"] <= hours].groupby("platform"):
        look, title = looks[str(one)], _title(str(one), cards)
        figure.add_trace(
            go.Scatter(
                x=part["hours"],
                y=part["come"],
                mode="lines+markers",
                name=title,
                line={"color": look.colour, "dash": look.dash, "width": 2},
                marker={"symbol": look.symbol, "size": 6, "maxdisplayed": 8},
                hovertemplate="%{y:.0%} within %{x:,.0f} hours<extra>" + title + "</extra>",
            )
        )
        told.append(f"{title} half within {part['half_hours'].iloc[0]:,.0f} hours")
    figure.update_yaxes(title="part of its visits", tickformat=".0%", range=[0, 1.02])
    figure.update_xaxes(title="hours after the share", range=[0, hours])
    description = (
        f"Part of the visits a share brings that has come so many hours after it: {'; '.join(told)}."
    )
    return style.finish(figure, heading, "the same measure, so one scale", description, 420)


def _title(platform: str, cards: Mapping[str, Card]) -> str:
    names = [cards[one].title if one in cards else one for one in platform.split(" + ")]
    return style.label(" + ".join(names))


def _unit(platform: str, metric: str, cards: Mapping[str, Card]) -> str:
    known = {one.name: one.unit for one in cards[platform].metrics} if platform in cards else {}
    unit, called = known.get(metric, ""), metric.replace("_", " ")
    return called if unit in ("", called) else f"{called}, in {unit}"
