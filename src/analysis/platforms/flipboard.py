"""Flipboard: a magazine of pages others flipped. Referrals are all that can be seen of it."""

from __future__ import annotations

from datetime import date

from analysis.platforms.card import Access, Card, LifeEvent, LinkPolicy, Rule

CARD = Card(
    name="flipboard",
    title="Flipboard",
    purpose=("direct exposure",),
    mechanism="Readers and editors flip pages into magazines; followers and readers of a topic see them.",
    links=(LinkPolicy("unknown", None, "unconfirmed; pages open in its app, often without a referrer"),),
    metrics=(),
    access=Access((), "free", "Nothing to configure: its visits are told by their referrer."),
    rules=(Rule("No scraping.", "Flipboard Terms of Use"),),
    life=(LifeEvent(date(2010, 7, 21), "launched"),),
    hosts=("flipboard.com", "flip.it", "share.flipboard.com", "flipboard.app"),
    retired="Flipboard has no interface that tells flips or views of a page; the visits it sends are seen by "
    "their referrer only. There is nothing to fetch.",
    sources=("survey of November 2026",),
)
