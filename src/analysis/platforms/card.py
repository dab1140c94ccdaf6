"""What a platform is: its card. Data only; reading one imports no client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd

from analysis.display import DRESS, table_html

Purpose = Literal["direct exposure", "networking", "links", "bookmarks", "archive"]
Shape = Literal["event", "reading", "interval"]


@dataclass(frozen=True)
class Metric:
    """One number a platform shows: its exact definition, unit and shape.

    ``cumulative`` says that the number counts up over an item's life (it may still be corrected
    downwards). ``kind`` is what is being counted; only metrics of one kind on one platform may be
    added up, averaged or ranked together. ``adds`` is False where even a sum of it says nothing:
    people counted once each, places in a list, states.
    """

    name: str
    unit: str
    shape: Shape
    definition: str
    kind: str
    cumulative: bool = True
    adds: bool = True


LINKS = tuple(
    Metric(name, "0 or 1", "reading", definition, name.replace("_", " "), cumulative=False, adds=False)
    for name, definition in (
        ("link_followed", "1 when a link to the content stands on the item's page and nothing tells search "
         "engines to leave it alone (rel, meta robots, X-Robots-Tag), else 0"),
        ("link_nofollow", "1 when every such link says nofollow, or the whole page does, else 0"),
        ("link_ugc", "1 when every such link says ugc (written by users), else 0"),
        ("link_sponsored", "1 when every such link says sponsored, else 0"),
        ("link_wrapped", "1 when no such link leads there directly, but through a redirect, else 0"),
    )
)  # fmt: skip
"""What `virality links` reads on the page of an item, on any platform."""

HABITS = ("own links", "one link in several communities", "bursts", "link-only posts", "repeated messages")


@dataclass(frozen=True)
class Conduct:
    """What a platform says about how it wants to be used, with where it says so.

    habit : one of ``HABITS``, or "" for all of them
    most : the number it names (a share from 0 to 1, a count); None where it names none
    """

    habit: str
    text: str
    source: str
    most: float | None = None


@dataclass(frozen=True)
class LinkPolicy:
    """The rel of outgoing links, since when (None: as far as is known always), and where it holds."""

    rel: Literal["followed", "nofollow", "ugc", "mixed", "none", "unknown"]
    since: date | None
    note: str


@dataclass(frozen=True)
class Key:
    """One thing to configure, as the environment variable VIRALITY_<PLATFORM>_<NAME>."""

    name: str
    what: str
    secret: bool = True
    required: bool = True


@dataclass(frozen=True)
class Access:
    """How a tool may read the platform: keys, cost in words, approval, and how to get one."""

    keys: tuple[Key, ...]
    cost: str
    how: str


@dataclass(frozen=True)
class Limit:
    """At most ``requests`` in ``seconds``, per ``scope``."""

    requests: int
    seconds: float
    scope: str


@dataclass(frozen=True)
class Rule:
    """Something a user or a tool must keep to, with where the platform says so."""

    text: str
    source: str


@dataclass(frozen=True)
class LifeEvent:
    """A dated change of the platform. ``breaks`` names the metrics whose series it breaks ("*": all)."""

    on: date
    what: str
    breaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """Everything the suite may assume about a platform. ``name`` is its file's name."""

    name: str
    title: str
    purpose: tuple[Purpose, ...]
    mechanism: str
    links: tuple[LinkPolicy, ...]
    metrics: tuple[Metric, ...]
    access: Access
    limits: tuple[Limit, ...] = ()
    limit_headers: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    conduct: tuple[Conduct, ...] = ()
    life: tuple[LifeEvent, ...] = ()
    hosts: tuple[str, ...] = ()
    """Hosts whose referrals come from this platform, without ``www.``."""
    retired: str | None = None
    """What is gone, and why there is nothing to fetch."""
    retention_days: int | None = None
    """How long readings may be kept; None: no limit stated."""
    sources: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        facts = pd.DataFrame(
            [
                ("purpose", ", ".join(self.purpose)),
                ("mechanism", self.mechanism),
                ("links", "; ".join(f"{link.rel}: {link.note}" for link in self.links)),
                ("access", f"{self.access.cost}. {self.access.how}"),
                ("retired", self.retired),
                ("referrers", ", ".join(self.hosts)),
                *(("rule", rule.text) for rule in self.rules),
                *(("conduct", rule.text) for rule in self.conduct),
            ],
            columns=["what", "is"],
        ).dropna()
        metrics = pd.DataFrame(
            [(m.name, m.shape, m.unit, m.definition) for m in self.metrics],
            columns=["metric", "shape", "unit", "definition"],
        )
        life = pd.DataFrame(
            [(f"{event.on}", event.what, ", ".join(event.breaks)) for event in self.life],
            columns=["on", "what", "breaks"],
        )
        tables = [table_html(facts, self.title)]
        if len(life):
            tables.append(table_html(life, f"Life of {self.title}"))
        counted = table_html(metrics, f"Metrics of {self.title}")
        tables.append(f"<details><summary>{len(metrics):,} metrics</summary>{counted}</details>")
        return f'{DRESS}<div class="card">{"".join(tables)}</div>'

    def metric(self, name: str) -> Metric:
        """The metric of that name; KeyError naming the ones there are."""
        for metric in (*self.metrics, *LINKS):
            if metric.name == name:
                return metric
        known = ", ".join(m.name for m in self.metrics) or "none"
        raise KeyError(f"{self.title} has no metric {name!r}; its card defines: {known}")

    def policy(self, on: date) -> LinkPolicy:
        """What its links were on that day, as far as the card knows."""
        known = [policy for policy in self.links if policy.since is None or policy.since <= on]
        return max(known or self.links, key=lambda policy: policy.since or date.min)
