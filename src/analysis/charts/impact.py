"""One intervention against what would have been without it."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.charts import style
from analysis.models.result import Result


def impact(result: Result, title: str, unit: str = "visits") -> go.Figure:
    """Above: counted and expected with its band; below: the effect summed up. The intervention is shaded.

    Parameters
    ----------
    result
        Of ``models.impact.impact``.
    title
        What was done, and where; escaped here.
    unit
        What is counted, in the bins of the series.
    """
    heading = f"What changed: {style.label(title)}"
    course = result.extra.get("course")
    if course is None:
        return style.nothing(heading, result.reason, f"No course is drawn: {result.reason}.")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.62, 0.38])
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    band = "rgba(125,133,144,0.22)"
    dash = {"color": style.QUIET, "width": 1.5, "dash": "dash"}
    for row, low, high, middle, name in (
        (1, "low", "high", "expected", "expected without it"),
        (2, "cumulative_low", "cumulative_high", "cumulative", "effect so far"),
    ):
        figure.add_trace(go.Scatter(x=course["start"], y=course[low], **edge), row=row, col=1)
        figure.add_trace(
            go.Scatter(x=course["start"], y=course[high], fill="tonexty", fillcolor=band, **edge),
            row=row,
            col=1,
        )
        line = dash if row == 1 else {"color": style.WARM, "width": 2}
        figure.add_trace(
            go.Scatter(x=course["start"], y=course[middle], mode="lines", name=name, line=line,
                       hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f}<extra>" + name + "</extra>"),
            row=row, col=1,
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(x=course["start"], y=course["value"], mode="lines", name="counted", connectgaps=False,
                   line={"color": style.COLOURS[0], "width": 1.8},
                   hovertemplate="%{x|%d %b %H:%M} UTC<br>%{y:,.0f}<extra>counted</extra>"),
        row=1, col=1,
    )  # fmt: skip
    during = result.table.iloc[0]
    figure.add_vrect(
        x0=during["start"],
        x1=during["end"],
        fillcolor=style.WARM,
        opacity=0.13,
        line={"width": 0},
        layer="below",
    )
    top = float(max(course["value"].max(), course["high"].max(), 1.0)) * 1.06
    ends = course["start"].shift(-1).fillna(course["start"].iloc[-1] + course["start"].diff().median())
    gaps = style.runs(course["start"], ends, course["value"].isna())
    style.hatch(figure, gaps, top, row=1, col=1)
    if gaps:
        style.key_to_hatching(figure)
    figure.update_yaxes(title=style.label(unit), row=1, col=1)
    figure.update_yaxes(title="effect", row=2, col=1)
    level = result.parameters["level"]
    told = " ".join(
        f"{str(row.period).capitalize()}: {row.observed:,.0f} counted, {row.expected:,.0f} expected, effect "
        f"{row.effect:+,.0f} ({row.low:+,.0f} to {row.high:+,.0f})."
        for row in result.table.itertuples()
    )
    gap = f" Unknown in {style.stretches(len(gaps))}, hatched." if gaps else ""
    description = f"{unit} counted and to be expected without it. {told} Verdict: {result.verdict}.{gap}"
    return style.finish(
        figure,
        heading,
        f"shaded: the intervention; band: {level:.0%} of what was to be expected",
        description,
        480,
    )
