"""What the made-up publisher published: titles and addresses, some of them hostile on purpose."""

from __future__ import annotations

import re
import unicodedata

SITE = "tidewater-review.example"

TITLES = (
    "The lighthouse keepers who never went home",
    "How a ferry timetable brought down a mail server",
    "A field guide to the sounds of old modems",
    "What the tide tables of 1893 still get right",
    "We measured every bench in the harbour",
    "The quiet end of the village switchboard",
    "Why our map is wrong, and why we keep it",
    "A year without a newsletter",
    'Is <script>alert("titles")</script> a headline? An archive answers',
    "Salt, rust and the mathematics of bridges",
    "The library that lends boats",
    "Nobody owns the sea wall",
    "Letters to a broken radio",
    "The bakery with the oldest web page",
    "An oral history of the fog signal",
    "How to read a dry dock",
    "Counting gulls with a borrowed camera",
    '<b>Bold</b> claims & "quoted" ones: {{ notes }} from ${a} style desk',
    "The last paper chart",
    "A small theory of queues at the fish market",
    "Eleven ways to lose a kite",
    "The clock that ran on rain",
    "Where the night bus sleeps",
    "A harbour master's spreadsheet",
    "The painter who painted one pier",
    "Ice, and other deadlines",
    "A title that does not know when to stop: " + "and then the tide came in again, " * 12,
    "\u202eRight to left\u202c and back again",
    "The museum of lost umbrellas",
    "How the causeway got its kink",
    "Notes on a rope walk",
    "A ledger of storms",
    "The signal box choir",
    "What the divers found under the old quay",
    "Grandmother's tide clock, reverse engineered",
    "The smallest newspaper on the coast",
)


def title(number: int) -> str:
    """The title of piece ``number``; beyond the list titles come again, numbered."""
    again, index = divmod(number, len(TITLES))
    return TITLES[index] if not again else f"{TITLES[index]} (part {again + 1})"


def slug(number: int) -> str:
    """The part of a piece's URL made from its title."""
    again, index = divmod(number, len(TITLES))
    plain = unicodedata.normalize("NFKD", TITLES[index]).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)[:8]
    return "-".join(words if not again else [*words, str(again + 1)])
