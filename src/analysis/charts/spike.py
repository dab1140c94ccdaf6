"""A series with what it should have been, and the spikes found in it."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go

from analysis.charts import style
from analysis.models.result import Result
from analysis.platforms.card import LifeEvent


def spike(
    result: Result,
    title: str,
    unit: str = "visits",
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    life: Iterable[LifeEvent] = (),
) -> go.Figure:
    """The observed series, the baseline with its band, each spike's onset, peak and end; unknown hatched.

    Parameters
    ----------
    result
        Of ``models.spikes.find``.
    title
        What the series is of; escaped here.
    unit
        What is counted, in the bins of the series.
    since, until
        Draw this stretch only.
    life
        Dated changes of platforms, to be marked (``style.life``).
    """
    heading = f"Spikes in {style.label(unit)}: {style.label(title)}"
    line = result.extra.get("baseline", pd.DataFrame())
    if len(line):
        line = line[_between(line["start"], since, until)].reset_index(drop=True)
    if line.empty:
        why = result.reason or "no value in this period"
        return style.nothing(heading, why, f"No series is drawn: {why}.")
    table = result.table
    stop = table["end"].fillna(line["start"].iloc[-1])  # still going on: as far as the series goes
    table = table.assign(end=stop)[
        (stop > line["start"].iloc[0]) & (table["onset"] <= line["start"].iloc[-1])
    ]
    first, last = line["start"].iloc[0], line["start"].iloc[-1]
    highest = float(max(line["value"].max(), line["high"].max(), 1.0))
    marked = [event for event in life if first <= pd.Timestamp(event.on, tz="UTC") <= last]
    # room for the words above a peak, and above those for what happened to the platforms
    top = highest * (1.12 + 0.1 * len(marked))
    figure = go.Figure()
    _band(figure, line)
    figure.add_trace(
        go.Scatter(x=line["start"], y=line["expected"], name="expected", mode="lines",
                   line={"color": style.QUIET, "width": 1.5, "dash": "dash"},
                   hovertemplate="%{y:,.1f}<extra>expected</extra>")
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(x=line["start"], y=line["value"], name="observed", mode="lines", connectgaps=False,
                   line={"color": style.COLOURS[0], "width": 1.8},
                   hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f}<extra>observed</extra>")
    )  # fmt: skip
    _spikes(figure, table, line, highest)
    step = line["start"].diff().median()
    gaps = style.runs(line["start"], line["start"] + step, line["unknown"])
    style.hatch(figure, gaps, top)
    if gaps:
        style.key_to_hatching(figure)
    notes = style.events_of_life(figure, marked, first, last)
    figure.update_yaxes(title=style.label(unit), range=[0, top], rangemode="tozero")
    figure.update_xaxes(range=[first, last + step])
    return style.finish(
        figure,
        heading,
        "band: where nine of ten ordinary values lie; shaded: a spike from onset to end",
        _told(result, table, line, gaps, notes, unit),
        430,
    )


def _between(times: pd.Series, since: pd.Timestamp | None, until: pd.Timestamp | None) -> pd.Series:
    inside = pd.Series(True, index=times.index)
    if since is not None:
        inside &= times >= since
    if until is not None:
        inside &= times < until
    return inside


def _band(figure: go.Figure, line: pd.DataFrame) -> None:
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=line["start"], y=line["low"], **edge))
    figure.add_trace(
        go.Scatter(
            x=line["start"], y=line["high"], fill="tonexty", fillcolor="rgba(125,133,144,0.22)", **edge
        )
    )


def _spikes(figure: go.Figure, table: pd.DataFrame, line: pd.DataFrame, highest: float) -> None:
    at = line.set_index("start")["value"]
    marks = (("onset", "triangle-right"), ("peak", "star"), ("end", "triangle-left"))
    for row in table.itertuples():
        figure.add_vrect(
            x0=row.onset, x1=row.end, fillcolor=style.WARM, opacity=0.13, line={"width": 0}, layer="below"
        )
    for name, symbol in marks:
        # the end is the end of the last bin, so its value stands one bin before
        places = table[name]
        heights = [at.asof(place) if place in at.index or place > at.index[0] else None for place in places]
        figure.add_trace(
            go.Scatter(x=places, y=heights, name=name, mode="markers",
                       marker={"symbol": symbol, "size": 13 if name == "peak" else 11, "color": style.WARM,
                               "line": {"width": 1, "color": "rgba(255,255,255,0.8)"}},
                       hovertemplate="%{x|%d %b %H:%M} UTC<extra>" + name + "</extra>",
                       showlegend=len(table) > 0)
        )  # fmt: skip
    for row in table.nlargest(6, "excess").itertuples():
        figure.add_annotation(
            x=row.peak,
            y=min(float(row.peak_value), highest),
            yshift=10,
            text=f"<b>{row.excess:+,.0f}</b> ({row.excess_low:+,.0f} to {row.excess_high:+,.0f})",
            showarrow=False,
            yanchor="bottom",
            font={"size": 12, "shadow": style.HALO},
        )


def _told(
    result: Result, table: pd.DataFrame, line: pd.DataFrame, gaps: list, notes: list[str], unit: str
) -> str:
    told = (
        f"{unit} from {style.when(line['start'].iloc[0])} to {style.when(line['start'].iloc[-1])}, highest "
        f"{line['value'].max():,.0f}, with the expected course and its band. Verdict: {result.verdict}."
    )
    for row in table.itertuples():
        low, high = row.excess_low, row.excess_high
        over = "still going on" if row.ongoing else f"over by {style.when(row.end)}"
        told += (
            f" A {row.direction} from {style.when(row.onset)}, greatest at {style.when(row.peak)}, {over}, "
            f"of {row.excess:+,.0f} ({low:+,.0f} to {high:+,.0f})."
        )
    if gaps:
        told += f" Unknown in {style.stretches(len(gaps))}, hatched."
    if notes:
        told += " Marked: " + "; ".join(notes) + "."
    return told
