"""Words from a platform made harmless: one line that no header, service or client reads as anything else.

A title may hold a line break (a second header in a mail), ``@everyone`` or ``<!channel>`` (a mention that
wakes a whole company), Markdown or an address that becomes a link somebody trusts, or characters that
turn the text around it. Nothing is refused: what a client would act on is broken by a blank of no width.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import quote

LONGEST = 120
BLANKS = ("Cc", "Zl", "Zp")  # controls and line ends
GONE = ("Cf", "Cs", "Co", "Cn")  # of no width, turning the direction, or no character at all
ACTIVE = re.compile(r"([@<#`]|\](?=[(\[])|:(?=//)|(?<=www)\.)", re.IGNORECASE)
BREAK = "\u200b"


def text(value: Any, longest: int = LONGEST) -> str:
    """The words on one line, at most ``longest`` characters, with nothing in them that acts."""
    kinds = ((c, unicodedata.category(c)) for c in unicodedata.normalize("NFC", str(value)[: 4 * longest]))
    words = "".join(" " if kind in BLANKS else c for c, kind in kinds if kind not in GONE)
    words = " ".join(words.split())
    if len(words) > longest:
        words = words[: longest - 1].rstrip() + "…"
    return ACTIVE.sub(rf"\1{BREAK}", words)


def link(url: Any, longest: int = 200) -> str:
    """The address of a page, to be followed, with everything else in it encoded; words where it is none."""
    address = str(url)
    if not re.match(r"https?://[\w.-]+(:\d+)?(/|$)", address) or len(address) > longest:
        return text(address, longest)
    return quote(address, safe=":/?&=%+-._~,;")
