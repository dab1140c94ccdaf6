"""How frames show themselves as HTML: small, classed, and always escaped.

In JupyterLab an injected script would hold the analyst's token, so no text goes out unescaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

UNKNOWN = "unknown"
# Beside their HTML, results and contents show themselves to machines: a page's record is made of these.
RESULT = "application/vnd.virality.result+json"
CONTENTS = "application/vnd.virality.contents+json"
LONGEST = 200
NUMBER = ' class="number"'
# JupyterLab typesets $...$ in any output: two prices in a title would vanish, and \href make a link of them.
AS_IT_IS = "mathjax_ignore"
# JupyterLab sets tables to the right, words as well, and knows nothing of verdicts. The colours are those of
# its theme. A page has a style sheet of its own, and drops this one.
DRESS = (
    "<style>"
    ".data :is(th,td):not(.number),.data caption{text-align:left}"
    ".data :is(th,td){vertical-align:top}"
    ".data td.number{white-space:nowrap}"
    ".data caption{font-weight:600;padding:.5em 0}"
    ".result>.verdict,.result>.verdict+p,.check{border-left:4px solid var(--jp-border-color1,#888);"
    "margin:0;padding:.25em .75em}"
    ".result>.verdict.found,.result>.verdict.found+p{border-color:var(--jp-success-color1,#0c6144)}"
    ".result>.verdict.inconclusive,.result>.verdict.inconclusive+p,.check.cannot-say"
    "{border-color:var(--jp-warn-color1,#b36b00)}"
    ".check.failed{border-color:var(--jp-error-color1,#9d2412)}"
    ".result>.verdict+p,.result>table{margin-bottom:1em}"
    ".result>.model{color:var(--jp-ui-font-color2,#666);font-size:.85em}"
    "</style>"
)
# The same for frames that analysts show by themselves, and for what a Styler shows of a cell.
pd.options.display.html.use_mathjax = False
pd.options.styler.html.mathjax = False
pd.options.styler.format.escape = "html"


def text(value: Any) -> str:
    """A cell as a reader wants it: unknown in words, few digits, times in UTC to the minute."""
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value) or value is pd.NA:
        return UNKNOWN
    if isinstance(value, pd.Timestamp):
        zone = " UTC" if value.tzinfo is not None else ""
        return value.strftime("%Y-%m-%d %H:%M") + zone
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        digits = ",.3g" if abs(value) >= 1 else ",.2g"
        return format(value, ",.0f" if abs(value) >= 100 or value == int(value) else digits)
    if isinstance(value, int):
        return f"{value:,}"
    return short(str(value), LONGEST)


def short(words: str, longest: int) -> str:
    """The words, cut where they are longer than that."""
    return words if len(words) <= longest else words[: longest - 1].rstrip() + "…"


def table_html(frame: pd.DataFrame, caption: str = "") -> str:
    """The frame as an escaped HTML table; its index is shown when it has a name."""
    if frame.index.name or any(frame.index.names):
        frame = frame.reset_index(allow_duplicates=True)
    types = pd.api.types
    numeric = [types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind) for kind in frame.dtypes]
    head = "".join(
        f'<th scope="col"{NUMBER if number else ""}>{escape(str(name).replace("_", " "))}</th>'
        for name, number in zip(frame.columns, numeric, strict=True)
    )
    rows = []
    for row in frame.itertuples(index=False, name=None):
        cells = (
            f"<td{NUMBER}>{escape(text(v))}</td>" if number else f"<td>{escape(text(v))}</td>"
            for v, number in zip(row, numeric, strict=True)
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<table class="data {AS_IT_IS}">{title}{body}</table>'


@dataclass(frozen=True)
class Shown:
    """What a notebook cell shows: escaped HTML, and plain text where there is no HTML."""

    html: str
    plain: str

    def _repr_html_(self) -> str:
        return DRESS + self.html

    def __repr__(self) -> str:
        return self.plain


@dataclass(frozen=True)
class About:
    """The contents a notebook speaks of; on the site each has a page that links its reports."""

    contents: list[dict[str, str]]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        listed = "".join(f"<li>{escape(c['title'] or c['url'])}</li>" for c in self.contents)
        words = "Speaks of:" if listed else "Speaks of no content."
        return {
            "text/html": f'<div class="{AS_IT_IS}"><p>{words}</p>{listed and f"<ul>{listed}</ul>"}</div>',
            "text/plain": repr(self),
            CONTENTS: self.contents,
        }


def about(contents: pd.DataFrame) -> About:
    """Tell the page which contents it speaks of: content_id, url and title, as the store has them."""
    wanted = contents[["content_id", "url", "title"]].astype(object)
    rows = wanted.where(wanted.notna(), "").to_dict("records")
    return About([{name: str(value) for name, value in row.items()} for row in rows])


def say(*sentences: str) -> Shown:
    """Computed sentences as a paragraph; empty ones are left out."""
    words = " ".join(sentence.strip() for sentence in sentences if sentence.strip())
    return Shown(f'<div class="{AS_IT_IS}"><p>{escape(words)}</p></div>', words)


def show(frame: pd.DataFrame, caption: str = "") -> Shown:
    """A frame as a table, escaped, under a caption: unknown in words, few digits, times in UTC.

    A frame without rows says so. On a page the table can be sorted and downloaded.
    """
    if frame.empty:
        return say(f"{caption}: nothing." if caption else "Nothing.")
    return Shown(table_html(frame, caption), frame.to_string(index=False))
