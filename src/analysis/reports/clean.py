"""Whatever comes from a notebook's outputs is hostile until it has been through here.

A title on a platform may hold script tags, plotly's own HTML, or characters that turn the text
around it. Notebook outputs are cleaned to a list of harmless tags; text is escaped; a strict
Content-Security-Policy on the page stands behind both.
"""

from __future__ import annotations

import json
import re
from html import escape, unescape
from typing import Any

import mistune
import nh3

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'none'; connect-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
)

_TAGS = {
    *(
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "br",
        "hr",
        "div",
        "span",
        "blockquote",
        "pre",
        "details",
        "summary",
    ),
    *(
        "a",
        "abbr",
        "b",
        "bdi",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
    ),
    *("small", "strong", "sub", "sup", "time", "u", "var", "ul", "ol", "li", "dl", "dt", "dd"),
    *("table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("figure", "figcaption"),
}
_ATTRIBUTES = {
    "*": {"class", "lang", "dir"},
    "a": {"href", "title"},
    "abbr": {"title"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "time": {"datetime"},
}
# Controls that reorder the text after them, and those no HTML may hold. A reader loses nothing.
_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff]")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*(?:\x07|\x1b\\)")
# What plotly draws of its own HTML subset and cannot be used to imitate a page.
_PLOTLY = re.compile(r"<(?!/?(?:b|i|br|sub|sup|em|strong|extra)\s*/?>)", re.I)
_TAG = re.compile(r"<[^>]*>")


def text(value: str) -> str:
    """The text without terminal colours and without characters that turn or break what follows."""
    return _CONTROLS.sub("", _ANSI.sub("", value))


def finalize(value: Any) -> Any:
    """What a template prints: Jinja escapes it, this takes the characters that turn what follows."""
    return text(value) if type(value) is str else value


def html(value: str) -> str:
    """HTML reduced to harmless tags; tables in a region that scrolls by itself and takes the keyboard."""
    out = nh3.clean(
        text(_demote(value)),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"https", "http", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    # pandas leaves the corner of a table an empty header, which a screen reader would announce
    return re.sub(r"<th([^>]*)>\s*</th>", "<td></td>", out)


def markdown(value: str) -> tuple[str, list[tuple[int, str]]]:
    """Markdown as clean HTML (raw HTML in it is shown as text), and its headings as (level, text)."""
    renderer = _Headings(escape=True)
    parse = mistune.create_markdown(renderer=renderer, plugins=["table", "strikethrough"])
    return html(str(parse(text(value)))), renderer.headings


def without_tags(value: str) -> str:
    """Plotly's HTML subset as plain text."""
    return text(unescape(_TAG.sub("", re.sub(r"<br\s*/?>", " ", value, flags=re.I)))).strip()


def plotly(value: Any) -> Any:
    """A figure's JSON with every string reduced to the part of plotly's HTML that cannot deceive."""
    if isinstance(value, dict):
        return {key: plotly(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plotly(part) for part in value]
    if isinstance(value, str):
        return _PLOTLY.sub("&lt;", text(value))
    return value


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    out = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        out = out.replace(letter, f"\\u{ord(letter):04x}")
    return out


def cell(value: str) -> str:
    """A CSV cell that a spreadsheet will not take for a formula."""
    risky = value[:1] in ("=", "+", "-", "@", "\t", "\r") and not re.fullmatch(
        r"-?[\d.,]+(e[+-]?\d+)?", value, re.I
    )
    return f"'{value}" if risky else value


def _demote(value: str) -> str:
    return re.sub(r"<(/?)h1(?=[\s>])", r"<\1h2", value, flags=re.I)


class _Headings(mistune.HTMLRenderer):
    """Mistune's renderer, remembering the headings it met."""

    def __init__(self, escape: bool) -> None:
        super().__init__(escape=escape)
        self.headings: list[tuple[int, str]] = []

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        level = max(level, 2)
        self.headings.append((level, without_tags(text)))
        return f"<h{level}>{text}</h{level}>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return escape(text)  # a picture named by its text: pages load nothing
