"""Visits of a site by where they came from, with the shares laid over them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from analysis.charts import style
from analysis.platforms.card import Card

PATTERNS = ("", "/", ".", "x", "-", "+", "|", "\\")
DARK = "dark social"


def exposure(
    bands: pd.DataFrame,
    raw: pd.DataFrame,
    shares: pd.DataFrame,
    title: str,
    cards: Mapping[str, Card] | None = None,
) -> go.Figure:
    """Cleaned visits stacked by source, raw visits as a line above them, each share as a mark.

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
    figure = go.Figure()
    if bands["value"].notna().sum() == 0:
        figure.add_annotation(text="No visits were measured.", showarrow=False)
        return style.finish(figure, heading, "", "No visits of this site were measured in the period.", 160)
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
            )
        )
        told.append(f"{shown} {part['value'].sum():,.0f}")
    total = bands.groupby("start", as_index=False)["value"].sum(min_count=1)
    top = float(max(total["value"].max(), raw["value"].max() if len(raw) else 0)) * 1.12
    if len(raw):
        figure.add_trace(
            go.Scatter(
                x=raw["start"] + width / 2,
                y=raw["value"],
                mode="lines",
                name="raw, machines too",
                line={"color": style.QUIET, "width": 1.5, "dash": "dot", "shape": "hvh"},
                hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f} raw<extra></extra>",
            )
        )
    for name, part in shares.groupby("platform"):
        shown = _name(str(name), cards)
        figure.add_trace(
            go.Scatter(
                x=part["occurred_at"],
                y=[top * 0.97] * len(part),
                mode="markers",
                name=f"shared: {shown}",
                marker={
                    "symbol": looks[name].symbol,
                    "size": 8,
                    "color": looks[name].colour,
                    "line": {"width": 1, "color": style.INK},
                },
                hovertemplate="%{x|%d %b %H:%M} UTC<extra>shared on " + shown + "</extra>",
            )
        )
    gaps = style.runs(total["start"], total["start"] + width, total["value"].isna())
    style.hatch(figure, gaps, top)
    if gaps:
        style.key_to_hatching(figure)
    first, last = bands["start"].min(), bands["end"].max()
    notes = style.events_of_life(figure, style.life(cards, bands["platform"]), first, last)
    hours = width.total_seconds() / 3600
    per = "hour" if hours == 1 else "day" if hours == 24 else f"{hours:,.0f} hours"
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_yaxes(title=f"visits per {per}", range=[0, top])
    removed = f" Raw, machines included, there were {raw['value'].sum():,.0f}." if len(raw) else ""
    description = (
        f"Visits per {per} from {style.when(first)} to {style.when(last)}, "
        f"cleaned, by "
        f"where they came from: {', '.join(told)}.{removed} {len(shares):,} shares are marked along the top."
        + (f" Unknown in {style.stretches(len(gaps))}, hatched." if gaps else "")
        + (f" Marked: {'; '.join(notes)}." if notes else "")
    )
    return style.finish(figure, heading, "cleaned; marks along the top are shares", description, 460)


def _name(platform: str, cards: Mapping[str, Card] | None) -> str:
    return style.label(cards[platform].title if cards and platform in cards else platform)
