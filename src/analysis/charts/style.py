"""What all charts share: colours, symbols and dashes, fonts and margins, labels that are safe to draw.

Every series has a colour, a symbol and a dash of its own, so that colour is never the only carrier.
The colours keep a contrast of at least 3 to 1 on white and on a dark page, and stay apart for the
common kinds of colour blindness. Backgrounds are transparent; text takes the colour of the page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape, unescape
from textwrap import wrap
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

from analysis.platforms.card import Card, LifeEvent

# plotly.js offers to upload a chart to somebody else's cloud unless told not to.
CONFIG = {"showSendToCloud": False, "plotlyServerURL": "", "displaylogo": False}
pio.renderers["plotly_mimetype"].config = CONFIG

COLOURS = ("#2e86d1", "#d9660b", "#14936b", "#c04e9b", "#8b6ee0", "#a37f00", "#dd4b52", "#0e8fa8", "#7d8590")
SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "x",
    "star",
    "hexagon",
    "triangle-down",
    "pentagon",
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
QUIET = "#7d8590"
"""For what is not data: expectations, gaps, platform events."""
WARM = COLOURS[1]
"""For what is found: spikes."""
INK = "#737b85"
"""Text where the page does not set its own: as readable on light as on dark."""
GRID = "rgba(125,133,144,0.25)"
LONGEST = 60
HEADING = 70
"""Pixels the title and subtitle take in a notebook; a page has them beside the chart and takes them off."""
HALO = ", ".join(["0 0 3px var(--ground, var(--jp-layout-color0, #fff))"] * 5)
"""Keeps words readable over hatching, in the colour of the ground: the page's, JupyterLab's, or paper's."""
NOTE = 30
"""Pixels the words of a platform's event take: two lines, as telephones are narrow."""
# The founding platforms keep their looks in every chart; others take what is left, by name.
KNOWN = (
    *("hackernews", "reddit", "lobsters", "digg", "stumbleupon", "twitter", "facebook", "linkedin"),
    *("myspace", "mastodon", "hatena", "bluesky", "tumblr", "search", "direct", "other"),
)
_CONTROLS = re.compile("[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


@dataclass(frozen=True)
class Look:
    """How one series is drawn."""

    colour: str
    symbol: str
    dash: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each name: no two of the first ninety are alike, and a known platform keeps its own."""
    found = {}
    extra = len(KNOWN)
    for name in sorted(set(names)):
        if name in KNOWN:
            number = KNOWN.index(name)
        else:
            number, extra = extra, extra + 1
        found[name] = Look(
            COLOURS[number % len(COLOURS)], SYMBOLS[number % len(SYMBOLS)], DASHES[number % len(DASHES)]
        )
    return found


def label(text: Any, longest: int = LONGEST) -> str:
    """Platform text as a chart may show it: one line, no characters that turn the text, escaped."""
    if not isinstance(text, str) or not text.strip():
        return "(no title)"
    plain = " ".join(_CONTROLS.sub(" ", unicodedata.normalize("NFC", text)).split())
    if len(plain) > longest:
        plain = plain[: longest - 1].rstrip() + "…"
    return escape(plain, quote=False)


def titles(contents: pd.DataFrame, longest: int = LONGEST) -> dict[str, str]:
    """content_id to a label: its title, or its URL where it has none."""
    shown = contents["title"].where(contents["title"].fillna("").str.strip() != "", contents["url"])
    return {key: label(text, longest) for key, text in zip(contents["content_id"], shown, strict=True)}


def nothing(title: str, words: str, description: str) -> go.Figure:
    """A chart of nothing, which says why."""
    figure = go.Figure()
    # in lines a telephone has room for
    lines = [label(line) for line in wrap(words, 44, max_lines=4, placeholder=" …")]
    figure.add_annotation(
        text="<br>".join(lines), showarrow=False, align="left",
        x=0, xref="paper", xanchor="left", y=1, yref="paper", yanchor="top",
    )  # fmt: skip
    figure = finish(figure, title, "", description, 110 + 18 * len(lines))
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def finish(figure: go.Figure, title: str, subtitle: str, description: str, height: int) -> go.Figure:
    """The shared look, the title, and what the chart shows in words (``layout.meta.description``).

    ``height`` is that of the chart without its title.
    """
    figure.update_layout(
        template="none",
        title={
            "text": title,
            "subtitle": {"text": subtitle, "font": {"size": 12}},
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "yref": "container",
            "y": 0.985,
            "yanchor": "top",
            "font": {"size": 16},
            "automargin": True,
            # names of panels stand above them, where the title would reach
            **({"pad": {"b": 26}} if figure.layout.annotations else {}),
        },
        font={"family": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif", "size": 12.5, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 8, "r": 16, "t": 30, "b": 36},
        height=height + HEADING,
        hovermode="closest",
        hoverlabel={"align": "left"},
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "xanchor": "left",
            "yref": "paper",
            "y": 1.0,
            "yanchor": "bottom",
        },
        meta={"description": unescape(description), "heading": HEADING},
    )
    figure.update_xaxes(
        gridcolor=GRID,
        linecolor=GRID,
        zeroline=False,
        showline=True,
        ticks="outside",
        tickcolor=GRID,
        automargin=True,
    )
    figure.update_yaxes(gridcolor=GRID, zeroline=False, showline=False, automargin=True, title_standoff=6)
    return figure


def hatch(
    figure: go.Figure, spans: Iterable[tuple[Any, Any]], top: float, bottom: float = 0.0, **place: Any
) -> None:
    """Unknown stretches of time as hatched areas, from ``bottom`` to ``top``: never a line at 0."""
    x: list[Any] = []
    y: list[float | None] = []
    for start, end in spans:  # None lifts the pen: many stretches are one trace
        x += [start, start, end, end, None]
        y += [bottom, top, top, bottom, None]
    if not x:
        return
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor="rgba(0,0,0,0)",
            fillpattern={"shape": "/", "fgcolor": QUIET, "bgcolor": "rgba(125,133,144,0.08)", "size": 7,
                         "solidity": 0.22},
            hoverinfo="skip",
            showlegend=False,
        ),
        **place,
    )  # fmt: skip


def key_to_hatching(figure: go.Figure) -> None:
    """An entry of the legend that says what hatching means."""
    figure.add_trace(
        go.Bar(
            x=[None],
            y=[None],
            name="unknown",
            hoverinfo="skip",
            marker={"color": "rgba(125,133,144,0.15)", "line": {"width": 0},
                    "pattern": {"shape": "/", "fgcolor": QUIET, "size": 6, "fillmode": "overlay"}},
        )
    )  # fmt: skip


def runs(times: pd.Series, ends: pd.Series, flag: pd.Series) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Stretches in which ``flag`` holds without a break, as (start, end)."""
    flagged = flag.to_numpy(dtype=bool)
    number = (flag != flag.shift()).cumsum()
    frame = pd.DataFrame({"start": times, "end": ends})[flagged].groupby(number[flagged])
    return [(part["start"].iloc[0], part["end"].iloc[-1]) for _, part in frame]


def life(cards: Mapping[str, Card] | None, platforms: Iterable[str]) -> list[LifeEvent]:
    """Dated changes of these platforms, oldest first, each with its platform's name."""
    cards = cards or {}
    found = [
        replace(event, what=f"{cards[name].title}: {event.what}")
        for name in sorted(set(platforms) & set(cards))
        for event in cards[name].life
    ]
    return sorted(found, key=lambda event: event.on)


def events_of_life(
    figure: go.Figure, life: Iterable[LifeEvent], first: Any, last: Any, **place: Any
) -> list[str]:
    """Dated changes of a platform inside the window, each a dotted line with its words; what was drawn."""
    drawn: list[str] = []
    for event in life:
        moment, words = pd.Timestamp(event.on, tz="UTC"), event.what
        if not first <= moment <= last:
            continue
        drawn.append(f"{moment:%Y-%m-%d}: {words}")
        figure.add_vline(x=moment, line={"dash": "dot", "width": 1.5, "color": QUIET}, **place)
        figure.add_annotation(
            x=moment,
            y=1,
            yref="y domain",
            text="<br>".join(
                label(line) for line in wrap(f"{moment:%d %b %Y}: {words}", 30, max_lines=2, placeholder=" …")
            ),
            showarrow=False,
            xanchor="left" if (moment - first) < (last - first) * 0.5 else "right",
            align="left",
            yanchor="top",
            yshift=-NOTE * (len(drawn) - 1),
            font={"size": 11, "shadow": HALO},
            **place,
        )
    return drawn


def when(moment: pd.Timestamp) -> str:
    """A moment as the sentences of a description have it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def stretches(count: int) -> str:
    """How many stretches, in words."""
    return "one stretch" if count == 1 else f"{count} stretches"
