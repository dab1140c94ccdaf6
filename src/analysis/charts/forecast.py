"""How far rising items should go, and how right earlier forecasts were."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from analysis.charts import style
from analysis.models.outlook import HORIZON_NAMES
from analysis.models.result import Result
from analysis.platforms.card import Card

TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
"""Multiples marked; plotly's own logarithmic ticks write 2 for 20."""
ROW = 44
"""Pixels an item takes: its title stands above its line, for titles are long and telephones narrow."""


def outlook(
    result: Result,
    titles: Mapping[str, str],
    horizon: str = "final",
    most: int = 15,
    cards: Mapping[str, Card] | None = None,
) -> go.Figure:
    """What rising items should reach, as multiples of what they have now, with 80% intervals.

    Parameters
    ----------
    result
        Of ``models.outlook.rising``.
    titles
        content_id to a label that is safe to draw (``style.titles``).
    horizon
        Which horizon to draw: 2x, 24h, 7d or final.
    most
        How many items, the steepest of each platform first.
    cards
        Platform name to its card, for names.
    """
    made = result.extra["forecasts"]
    rows = made[made["horizon"] == horizon].head(most)
    name = HORIZON_NAMES[horizon]
    heading = f"What rising items should reach {name}"
    if rows.empty:
        why = f"No item has a forecast {name}."
        return style.nothing(heading, why, why)
    rows = rows.assign(unit=rows["value"].clip(lower=1), metric=rows["metric"].str.replace("_", " "))
    rows = rows.iloc[::-1].reset_index(drop=True)
    looks = style.looks(rows["platform"])
    places = list(range(len(rows)))
    figure = go.Figure()
    labels = [
        titles.get(content, style.label(item))
        for content, item in zip(rows["content_id"], rows["item_id"], strict=True)
    ]
    for place, title in zip(places, labels, strict=True):
        figure.add_annotation(
            text=title, x=0, xref="paper", xanchor="left",
            y=place + 0.22, yanchor="bottom", showarrow=False,
        )  # fmt: skip
    for platform, part in rows.groupby("platform", sort=True):
        look = looks[str(platform)]
        ratio = part["forecast"] / part["unit"]
        words = [
            f"{now:,.0f} {style.label(metric)} now, {point:,.0f} {name} ({low:,.0f} to {high:,.0f}); {basis}"
            for now, metric, point, low, high, basis in part[
                ["value", "metric", "forecast", "q10", "q90", "basis"]
            ].itertuples(index=False, name=None)
        ]
        figure.add_trace(
            go.Scatter(
                x=ratio,
                y=part.index,
                mode="markers",
                name=_name(str(platform), cards),
                marker={"color": look.colour, "symbol": look.symbol, "size": 10},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": (part["q90"] / part["unit"] - ratio).clip(lower=0),
                    "arrayminus": (ratio - part["q10"] / part["unit"]).clip(lower=0),
                    "color": look.colour,
                    "thickness": 2.5,
                },
                customdata=words,
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=rows["yardstick"] / rows["unit"],
            y=places,
            mode="markers",
            name="classical extrapolation",
            marker={"color": style.QUIET, "symbol": "line-ns-open", "size": 13},
            hovertemplate="classical extrapolation: %{x:.2f} times<extra></extra>",
        )
    )
    figure.add_vline(x=1, line={"color": style.QUIET, "dash": "dot", "width": 1.5})
    figure.update_yaxes(  # the labels are for the table behind the chart
        tickvals=places, ticktext=labels, showticklabels=False, range=[-0.5, len(rows) - 0.15]
    )
    figure.update_xaxes(
        type="log",
        title="times what it has now",
        tickvals=TICKS,
        ticktext=list(map(str, TICKS)),
    )
    top = rows.loc[(rows["forecast"] / rows["unit"]).idxmax()]
    description = (
        f"{len(rows)} rising items, each with its expected count {name} as a multiple of its present one and "
        f"an 80% interval. The steepest has {top['value']:,.0f} {top['metric']} on "
        f"{_name(top['platform'], cards)} and "
        f"should reach {top['forecast']:,.0f} ({top['q10']:,.0f} to {top['q90']:,.0f})."
    )
    subtitle = "marker: forecast; line: 80% interval; platforms are not compared by size"
    return style.finish(figure, heading, subtitle, description, 150 + ROW * len(rows))


def record(result: Result, cards: Mapping[str, Card] | None = None) -> go.Figure:
    """The rolling error of earlier forecasts by platform and week, the yardstick's beside it.

    ``result`` is of ``models.ledger.score``; a week without a judged forecast is a gap. ``cards`` tell what
    happened to the platforms, which breaks what was learned of them.
    """
    heading = "How far off forecasts were"
    weekly = result.extra.get("weekly", pd.DataFrame())
    if weekly.empty:
        why = "No forecast has matured yet, so no error is known."
        return style.nothing(heading, why, why)
    figure = go.Figure()
    told = []
    for platform, part in weekly.groupby("platform", sort=True):
        look = style.looks([str(platform)])[str(platform)]
        whole = part.set_index("week").asfreq("7D")  # weeks nobody judged are missing, not 0
        shown = _name(str(platform), cards)
        for column, name, dash in (
            ("error", shown, "solid"),
            ("yardstick_error", f"{shown}, classical", "dot"),
        ):
            figure.add_trace(
                go.Scatter(
                    x=whole.index,
                    y=whole[column],
                    name=name,
                    mode="lines+markers",
                    connectgaps=False,
                    line={"color": look.colour, "dash": dash, "width": 2},
                    marker={"symbol": look.symbol, "size": 7 if dash == "solid" else 4, "color": look.colour},
                    customdata=whole["judged"],
                    hovertemplate="%{x|%d %b %Y}: off by %{y:.0%}<br>%{customdata:.0f} judged<extra></extra>",
                )
            )
        last = part.iloc[-1]
        told.append(f"{shown}: off by {last['error']:.0%} in the week of {last['week']:%Y-%m-%d}")
    edge = pd.Timedelta(days=7)  # a single week keeps days on its axis, not milliseconds
    first, last = weekly["week"].min() - edge, weekly["week"].max() + edge
    figure.update_xaxes(range=[first, last], tickformat="%d %b %Y", nticks=8)
    told += style.events_of_life(figure, style.life(cards, weekly["platform"]), first, last)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", title="median error")
    subtitle = "solid: forecast; dotted: classical extrapolation of the same items; gap: nothing judged"
    return style.finish(
        figure, heading, subtitle, f"Median error by week of the forecast. {'; '.join(told)}.", 340
    )


def _name(platform: str, cards: Mapping[str, Card] | None) -> str:
    return style.label(cards[platform].title if cards and platform in cards else platform)
