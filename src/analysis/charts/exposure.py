"""Visits of a site by where they came from, with the shares laid over them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.charts import style
from analysis.platforms.card import Card

PATTERNS = ("", "/", ".", "x", "-", "+", "|", "\\")
DARK = "dark social"
VISITS, LANE = 340, 20
"""Pixels of the panel of visits, and of each platform's lane of shares above it."""


def exposure(
    bands: pd.DataFrame,
    raw: pd.DataFrame,
    shares: pd.DataFrame,
    title: str,
    cards: Mapping[str, Card] | None = None,
) -> go.Figure:
    """Cleaned visits stacked by source, raw visits as a line; above them a lane of shares a platform.

    Parameters
    ----------
    bands
        platform, start, end, value, as ``models.exposure_course.bands`` gives them; missing is unknown.
    raw
        start, end, value: what was there before machines were removed; may be empty.
    shares
        Events of the period: platform, occurred_at.
    title
        The site; escaped here.
    cards
        Platform name to its card, for names and dated changes.
    """
    heading = f"Visits of {style.label(title)} by where they came from"
    if bands["value"].notna().sum() == 0:
        why = "No visits of this site were measured in the period."
        return style.nothing(heading, why, why)
    lanes = LANE * shares["platform"].nunique()
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.02, row_heights=[lanes or 1, VISITS])
    looks = style.looks([*bands["platform"], *shares["platform"]])
    width = (bands["end"] - bands["start"]).iloc[0]
    told = []
    for number, (name, part) in enumerate(bands.groupby("platform", sort=False)):
        shown = _name(str(name), cards)
        dark = name == DARK
        figure.add_trace(
            go.Bar(
                x=part["start"] + width / 2,
                y=part["value"],
                width=width.total_seconds() * 1000,
                name=shown,
                marker={
                    "color": style.INK if dark else looks[name].colour,
                    "line": {"width": 0},
                    "pattern": {
                        "shape": "x" if dark else PATTERNS[number % len(PATTERNS)],
                        "size": 4 if dark else 5,
                        "solidity": 0.35 if dark else 0.22,
                        "fillmode": "overlay",
                        "fgcolor": "#ffffff",
                        "fgopacity": 0.6,
                    },
                },
                hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f}<extra>" + shown + "</extra>",
            ),
            row=2,
            col=1,
        )
        told.append(f"{shown} {part['value'].sum():,.0f}")
    total = bands.groupby("start", as_index=False)["value"].sum(min_count=1)
    top = float(max(total["value"].max(), raw["value"].max() if len(raw) else 0)) * 1.06
    if len(raw):
        figure.add_trace(
            go.Scatter(
                x=raw["start"] + width / 2,
                y=raw["value"],
                mode="lines",
                name="raw, machines too",
                line={"color": style.QUIET, "width": 1.5, "dash": "dot", "shape": "hvh"},
                hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f} raw<extra></extra>",
            ),
            row=2,
            col=1,
        )
    for name, part in sorted(shares.groupby("platform"), reverse=True):
        shown = _name(str(name), cards)
        figure.add_trace(
            go.Scatter(
                x=part["occurred_at"],
                y=[shown] * len(part),
                mode="markers",
                showlegend=False,
                marker={
                    "symbol": looks[name].symbol,
                    "size": 8,
                    "color": looks[name].colour,
                    "line": {"width": 1, "color": style.INK},
                },
                hovertemplate="%{x|%d %b %H:%M} UTC<extra>shared on " + shown + "</extra>",
            ),
            row=1,
            col=1,
        )
    gaps = style.runs(total["start"], total["start"] + width, total["value"].isna())
    style.hatch(figure, gaps, top, row=2, col=1)
    if gaps:
        style.key_to_hatching(figure)
    first, last = bands["start"].min(), bands["end"].max()
    notes = style.events_of_life(figure, style.life(cards, bands["platform"]), first, last, row=2, col=1)
    hours = width.total_seconds() / 3600
    per = "hour" if hours == 1 else "day" if hours == 24 else f"{hours:,.0f} hours"
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_yaxes(title=f"visits per {per}", range=[0, top], row=2, col=1)
    figure.update_xaxes(range=[first, last])
    removed = f" Raw, machines included, there were {raw['value'].sum():,.0f}." if len(raw) else ""
    description = (
        f"Visits per {per} from {style.when(first)} to {style.when(last)}, "
        f"cleaned, by "
        f"where they came from: {', '.join(told)}.{removed} {len(shares):,} shares are marked above."
        + (f" Unknown in {style.stretches(len(gaps))}, hatched." if gaps else "")
        + (f" Marked: {'; '.join(notes)}." if notes else "")
    )
    return style.finish(
        figure,
        heading,
        "without machines; above: when it was shared, and where",
        description,
        120 + VISITS + lanes,
    )


def _name(platform: str, cards: Mapping[str, Card] | None) -> str:
    return style.label(cards[platform].title if cards and platform in cards else platform)
