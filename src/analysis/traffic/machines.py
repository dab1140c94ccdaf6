"""Which visitors are machines: by the agent they name, the referrer they forge, the pace they keep.

What a rule removes is counted under the rule's name (``exposure.RULES``); nothing is deleted.
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

# A burst: more pages than a person reads. Thirty in a minute is a page every two seconds for a minute
# on end; three hundred in an hour one every twelve seconds for an hour. Landings that an outside site
# sent do not count: many people behind one address may follow one link.
BURST_SHORT = (30, 60)
BURST_LONG = (300, 3600)
_TOGETHER = 250


@cache
def _patterns() -> list[str]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    return [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA]


def crawlers(agents: list[str]) -> np.ndarray:
    """Whether each agent names itself a machine, by crawler-user-agents.

    RE2 tries hundreds of patterns in one pass; what it does not know Python's re does.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros(len(agents), bool)
    if not agents:
        return found
    text = pa.array(agents, pa.string())
    patterns = _patterns()
    for first in range(0, len(patterns), _TOGETHER):
        some = patterns[first : first + _TOGETHER]
        try:
            found |= pc.match_substring_regex(text, "|".join(some)).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            compiled = re.compile("|".join(some))
            found |= np.fromiter((compiled.search(agent) is not None for agent in agents), bool, len(agents))
    return found


@cache
def spam_hosts() -> frozenset[str]:
    """The hosts of Matomo's list of referrer spam."""
    return frozenset(json.loads((Path(__file__).with_name("data") / "spam.json").read_text("utf-8"))["hosts"])


@lru_cache(maxsize=65536)
def is_spam(host: str) -> bool:
    """Whether a referrer's host, or one above it, is in the list of referrer spam."""
    name = host.lower().removeprefix("www.")
    while name:
        if name in spam_hosts():
            return True
        name = name.partition(".")[2]
    return False
