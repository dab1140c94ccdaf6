"""Which platform sent how many visits: stated and dark apart, with intervals; and how soon they come."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from analysis.charts import style
from analysis.models.result import Result
from analysis.platforms.card import Card


def attribution(result: Result, title: str, cards: Mapping[str, Card] | None = None) -> go.Figure:
    """A bar a platform: visits its referrers state, dark ones behind a pattern, the interval as a whisker.

    Parameters
    ----------
    result
        Of ``models.attribution.attribution``.
    title
        The site; escaped here.
    cards
        Platform name to its card, for names.
    """
    heading = f"Visits by the platform that sent them: {style.label(title)}"
    rows = (
        result.table[result.table["kind"].isin(["platform", "group"])] if len(result.table) else result.table
    )
    rows = rows[rows["visits"].notna()].iloc[::-1]
    if rows.empty:
        why = result.reason or "no platform sent visits"
        return style.nothing(heading, why, f"No bar is drawn: {why}.")
    shown = [_name(one, cards) for one in rows["platform"]]
    figure = go.Figure()
    figure.add_trace(
        go.Bar(y=shown, x=rows["stated"], orientation="h", name="the referrer says so",
               marker={"color": style.COLOURS[0]}, hovertemplate="%{x:,.0f}<extra>%{y}, stated</extra>")
    )  # fmt: skip
    figure.add_trace(
        go.Bar(y=shown, x=rows["dark"], orientation="h", name="dark: no referrer, moves with its shares",
               marker={"color": style.INK, "pattern": {"shape": "x", "size": 4, "solidity": 0.35,
                                                       "fgopacity": 0.6,
                                                       "fillmode": "overlay", "fgcolor": "#ffffff"}},
               error_x={"type": "data", "symmetric": False, "array": rows["high"] - rows["visits"],
                        "arrayminus": rows["visits"] - rows["low"], "color": style.WARM,
                        "thickness": 1.6, "width": 5},
               hovertemplate="%{x:,.0f}<extra>%{y}, dark</extra>")
    )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(title="visits", rangemode="tozero")
    rest = result.table[result.table["kind"] == "rest"].set_index("platform")["visits"]
    told = "; ".join(
        f"{name} {row.visits:,.0f} ({row.low:,.0f} to {row.high:,.0f}), of them {row.stated:,.0f} stated"
        for name, row in zip(shown[::-1], rows.iloc[::-1].itertuples(), strict=True)
    )
    description = (
        f"Visits each platform sent: {told}. Beside them: elsewhere {rest['elsewhere']:,.0f}, baseline "
        f"{rest['baseline']:,.0f}, unexplained {rest['unexplained']:,.0f}. Verdict: {result.verdict}."
    )
    level = result.parameters["level"]
    return style.finish(figure, heading, f"whiskers: {level:.0%} interval", description, 130 + 34 * len(rows))


def kernels(result: Result, title: str, cards: Mapping[str, Card] | None = None, most: int = 8) -> go.Figure:
    """How a share's visits arrive: the part of them that has come by so many hours, a line a platform.

    Parameters
    ----------
    result
        Of ``models.attribution.attribution``.
    title
        The site; escaped here.
    cards
        Platform name to its card, for names.
    most
        Platforms drawn, those with most visits.
    """
    heading = f"How soon a share's visits come: {style.label(title)}"
    courses = result.extra.get("kernels")
    order = (
        []
        if courses is None
        else [one for one in result.table["platform"] if one in set(courses["platform"])]
    )
    if courses is None or not order:
        return style.nothing(
            heading, "no platform's course is known", "No line is drawn: no platform's course is known."
        )
    looks = style.looks(order)
    figure = go.Figure()
    told = []
    for one in order[:most]:
        part = courses[courses["platform"] == one]
        figure.add_trace(
            go.Scatter(x=part["hours"] + 1, y=part["come"], mode="lines", name=_name(one, cards),
                       line={"color": looks[one].colour, "dash": looks[one].dash, "width": 2},
                       hovertemplate="%{y:.0%} within %{x} hours<extra>" + _name(one, cards) + "</extra>")
        )  # fmt: skip
        told.append(f"{_name(one, cards)} {part['come'].iloc[23]:.0%}")
    figure.update_xaxes(title="hours after the share", type="log", tickvals=[1, 3, 6, 12, 24, 72, 168, 336])
    figure.update_yaxes(title="part of its visits", range=[0, 1.02], tickformat=".0%")
    description = f"Part of a share's visits that come within a day of it: {', '.join(told)}."
    return style.finish(figure, heading, "as far as referrers state it", description, 400)


def _name(platform: str, cards: Mapping[str, Card] | None) -> str:
    return " + ".join(
        style.label(cards[one].title if cards and one in cards else one) for one in platform.split(" + ")
    )
