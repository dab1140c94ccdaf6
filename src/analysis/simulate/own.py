"""What the publisher of the made-up world did itself: one account used well, one used badly.

On Mastodon a business account talks: it posts now and then, mostly about other things, is answered by a
circle of people of whom some come back, and answers many of them. On Reddit a private account hands the
same link to four communities within the hour, and posts little else; nobody comes by that. The pages
that carry the links were looked at too. All of it is drawn apart from the rest of the world, so that the
rest is what it was without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.simulate.behaviour import BEHAVIOURS
from analysis.simulate.look import Watch
from analysis.urls import content_id, site

COMMUNITIES = ("boats", "harbours", "maritime", "sailing")
OWN_LINK, ANSWERED, BACK, CIRCLE = 0.25, 0.4, 0.6, 14
"""On Mastodon: own links among own posts, posts that are answered, answers that are answered back, and the
people who do the answering."""
FOLLOWED = {"hackernews": 1.0, "digg": 0.5, "lobsters": 0.0}
"""Of the pages looked at, how many carry a link that search engines may follow; Reddit lets none be seen."""
BARRED = "robots.txt does not allow it"


@dataclass
class Own:
    """The rows: columns of content, events and readings; and facts (fact, platform, value, note)."""

    content: list[dict[str, object]] = field(default_factory=list)
    events: list[dict[str, object]] = field(default_factory=list)
    readings: list[dict[str, object]] = field(default_factory=list)
    facts: list[tuple[str, str, float, str]] = field(default_factory=list)


def own(watch: Watch, seed: int) -> Own:
    """The publisher's own acts and what was seen of its links."""
    rng, out = np.random.default_rng([seed, 7]), Own()
    _networker(watch, rng, out)
    _spammer(watch, rng, out)
    _pages(watch, rng, out)
    return out


def _networker(watch: Watch, rng: np.random.Generator, out: Own) -> None:
    hours = np.sort(rng.uniform(0, watch.hours - 30, max(watch.hours // 48, 12)))
    circle = [f"{rng.integers(0, 2**63):016x}" for _ in range(CIRCLE)]
    linked = answered = back = heard = 0
    for number, hour in enumerate(hours):
        native = str(88_000_000 + number)
        pieces = np.flatnonzero(watch.published < hour - 6)
        mine = len(pieces) > 0 and rng.uniform() < OWN_LINK
        key = (
            str(watch.ids[rng.choice(pieces)])
            if mine
            else _elsewhere(out, f"https://mastodon.example/@tide/{native}")
        )
        linked += mine
        _act(out, watch, "mastodon", native, key, "status", hour, "own posts business")
        _reading(out, watch, "mastodon", native, key, "words", hour, float(rng.integers(6, 60)))
        if rng.uniform() >= ANSWERED:
            continue
        answered += 1
        for place in range(1 + int(rng.poisson(0.7))):
            reply, after = f"{native}{place}", hour + rng.uniform(0.1, 20)
            heard += 1
            _act(out, watch, "mastodon", reply, key, "reply", after, "mastodon.example",
                 actor=circle[int(rng.zipf(1.7)) % CIRCLE], parent=native)  # fmt: skip
            if rng.uniform() < BACK:
                back += 1
                _act(out, watch, "mastodon", f"{reply}1", key, "reply", after + rng.uniform(0.1, 6),
                     "own posts business", parent=reply)  # fmt: skip
    out.facts += [
        ("own links", "mastodon", linked / len(hours), f"business: {linked} of {len(hours)} own posts"),
        (
            "posts answered",
            "mastodon",
            answered / len(hours),
            f"business: {answered} of {len(hours)} own posts",
        ),
        ("answered back", "mastodon", back / max(heard, 1), f"business: {back} of {heard} answers"),
    ]


def _spammer(watch: Watch, rng: np.random.Generator, out: Own) -> None:
    begun = {
        run.piece: run.start
        for run in watch.runs
        if run.platform == "reddit" and run.start < watch.hours - 80
    }
    pieces = rng.permutation(sorted(begun))[:6]
    for place, piece in enumerate(pieces):
        hour = begun[piece] + rng.uniform(30, 70)
        for n, community in enumerate(COMMUNITIES):
            native = f"zz{place}{n}"
            _act(out, watch, "reddit", native, str(watch.ids[piece]), "submission", hour + n * 0.15,
                 "own posts private", community=community)  # fmt: skip
            _reading(out, watch, "reddit", native, str(watch.ids[piece]), "words", hour + n * 0.15, 0.0)
    for n in range(2):
        hour = rng.uniform(0, watch.hours - 30)
        key = _elsewhere(out, f"https://reddit.example/comments/zx{n}")
        _act(
            out,
            watch,
            "reddit",
            f"zx{n}",
            key,
            "submission",
            hour,
            "own posts private",
            community=COMMUNITIES[n],
        )
    for habit in ("own links", "one link in several communities", "bursts", "link-only posts"):
        out.facts.append((habit, "reddit", float(len(pieces) * len(COMMUNITIES)), "private: planted"))


def _pages(watch: Watch, rng: np.random.Generator, out: Own) -> None:
    """One page in two of those that carry a submission, looked at on the last day."""
    for run, native in zip(watch.runs, watch.native, strict=True):
        if BEHAVIOURS[run.platform].shape != "items" or rng.uniform() < 0.5:
            continue
        key, barred = str(watch.ids[run.piece]), run.platform not in FOLLOWED
        value = None if barred else float(rng.uniform() < FOLLOWED[run.platform])
        for metric, seen in (
            ("link_followed", value),
            ("link_nofollow", None if barred else 1 - (value or 0)),
        ):
            _reading(out, watch, run.platform, native, key, metric, watch.hours - 3.0, seen, "virality links")
    out.facts += [
        ("followed", platform, share, "of the pages looked at") for platform, share in FOLLOWED.items()
    ]


def _elsewhere(out: Own, url: str) -> str:
    key = content_id(url)
    out.content.append(
        {"content_id": key, "url": url, "title": None, "published_at": pd.NaT, "site": site(url)}
    )
    return key


def _act(
    out: Own, watch: Watch, platform: str, native: str, key: str, kind: str, hour: float, observer: str, *,
    actor: str | None = None, parent: str | None = None, community: str | None = None,
) -> None:  # fmt: skip
    at = watch.at(hour)[0]
    out.events.append(
        {"event_id": f"{platform}:{native}", "content_id": key, "platform": platform, "kind": kind,
         "occurred_at": at, "observed_at": at + pd.Timedelta(minutes=20), "actor": actor, "audience": np.nan,
         "parent_id": f"{platform}:{parent}" if parent else None, "community": community,
         "observer": observer, "source": watch.source}
    )  # fmt: skip


def _reading(
    out: Own, watch: Watch, platform: str, native: str, key: str, metric: str, hour: float,
    value: float | None, observer: str = "own posts",
) -> None:  # fmt: skip
    out.readings.append(
        {"platform": platform, "item_id": native, "metric": metric, "observed_at": watch.at(hour + 0.5)[0],
         "observer": observer, "content_id": key, "value": np.nan if value is None else value,
         "status": "blocked" if value is None else "observed", "reason": BARRED if value is None else None,
         "source": watch.source}
    )  # fmt: skip
