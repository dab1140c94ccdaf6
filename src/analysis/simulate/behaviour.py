"""How each platform of the made-up world behaves, and what is planted there.

The numbers are invented but keep the order of magnitude in which the platforms differ: a front page
is a flash, a discovery service has a long tail, a network passes things on for days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["items", "counter", "events", "hourly", "daily", "none"]


@dataclass(frozen=True)
class Behaviour:
    """One platform of the world.

    shape : what it lets a collector see. items: dated submissions, each with counters; counter:
        one counter a URL; events: each act with its time; hourly, daily: counts it has binned
        itself; none: nothing
    rise_h, fade_h : hours in which its users' sharing rises, and in which it halves
    delay_h, memory_h : hours after a share until its visits rise, and in which they halve
    tail : memory falls exponentially, or slowly as a power of time
    visits : visits an act of sharing brings, in the mean, when the piece is seen there
    unseen : share of those visits when it is hardly seen (a submission that never reached the front
        page, a post that nobody passed on)
    dark : share of its visits that arrive without a referrer
    ordinary : acts of sharing an unremarkable piece gets, in the median
    metrics : the card's metrics, the first being the sharing itself, with their ratio to it
    zone_h : its users' clock, hours ahead of UTC
    office : used mostly in office hours
    """

    shape: Shape
    rise_h: float
    fade_h: float
    delay_h: float
    memory_h: float
    visits: float
    dark: float
    ordinary: float
    metrics: tuple[tuple[str, float], ...] = ()
    tail: Literal["exponential", "power"] = "exponential"
    unseen: float = 0.25
    kind: str = ""
    zone_h: int = -5
    office: bool = False


BEHAVIOURS: dict[str, Behaviour] = {
    "digg": Behaviour("items", 0.8, 3, 0.4, 1.2, 11, 0.15, 4, (("diggs", 1), ("comments", 0.12)),
                      unseen=0.05, kind="submission"),
    "stumbleupon": Behaviour("counter", 5, 60, 3, 30, 0.9, 0.1, 12, (("views", 1),),
                             tail="power", unseen=0.4),
    "twitter": Behaviour("hourly", 0.6, 5, 0.3, 1.5, 5, 0.45, 5, (("mentions", 1),)),
    "facebook": Behaviour("counter", 9, 15, 1.5, 5, 6, 0.25, 5,
                          (("url_shares", 1), ("url_reactions", 4.2), ("url_comments", 0.7))),
    "linkedin": Behaviour("counter", 8, 20, 2, 7, 4, 0.2, 4, (("url_shares", 1),), office=True),
    "myspace": Behaviour("none", 6, 16, 1, 4, 7, 0.2, 0.6),
    "reddit": Behaviour("items", 2.5, 6, 0.6, 2, 4, 0.2, 4, (("score", 1), ("comments", 0.2)),
                        unseen=0.1, kind="submission"),
    "hackernews": Behaviour("items", 1.2, 4, 0.4, 1.6, 24, 0.2, 2.2, (("points", 1), ("comments", 0.45)),
                            unseen=0.06, kind="submission"),
    "lobsters": Behaviour("items", 2, 9, 0.5, 3, 12, 0.3, 3, (("score", 1), ("comments", 0.3)),
                          unseen=0.2, kind="submission"),
    "mastodon": Behaviour("daily", 1.5, 10, 0.5, 3, 7, 0.6, 3, (("uses", 1), ("accounts", 0.9)),
                          kind="status"),
    "hatena": Behaviour("events", 1.2, 8, 0.5, 3, 9, 0.1, 2.2, kind="bookmark", zone_h=9),
    "tumblr": Behaviour("counter", 5, 24, 1, 8, 5, 0.3, 1, (("notes", 1),)),
}  # fmt: skip

# What is planted: episodes of one piece, each a set of (platform, hours after the first, acts of sharing).
# Pieces beyond the list get nothing but their ordinary sharing.
Episode = tuple[tuple[str, float, float], ...]
PLANTED: tuple[tuple[Episode, ...], ...] = (
    ((("hackernews", 0, 340), ("twitter", 1.5, 110), ("lobsters", 4, 42), ("reddit", 7, 420),
      ("hatena", 9, 130)),),
    ((("digg", 0, 880), ("stumbleupon", 7, 1500)),),
    ((("facebook", 0, 640), ("twitter", 6, 70)),),
    ((("stumbleupon", 0, 5200),),),
    ((("linkedin", 0, 520), ("twitter", 3, 45)),),
    ((("reddit", 0, 1700), ("digg", 8, 260), ("facebook", 10, 150)),),
    ((("mastodon", 0, 150), ("lobsters", 5, 34)),),
    ((("myspace", 0, 260), ("facebook", 14, 180)),),
    ((("lobsters", 0, 48), ("hackernews", 3, 150)), (("reddit", 0, 620), ("twitter", 2, 60))),
    ((("hatena", 0, 190), ("twitter", 4, 55)),),
    ((("twitter", 0, 210), ("tumblr", 5, 180)),),
    ((("hackernews", 0, 120),),),
)  # fmt: skip
