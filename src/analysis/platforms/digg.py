"""Digg: stories voted up by readers. Nothing is left to fetch; what its old API said can be imported."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.platforms.card import Access, Card, Conduct, LifeEvent, LinkPolicy, Metric, Rule
from analysis.platforms.exports import epoch, in_batches, json_records, plain, read_text, rows_of
from analysis.platforms.rows import Rows, count
from analysis.tables import Batch

CARD = Card(
    name="digg",
    title="Digg",
    purpose=("direct exposure",),
    mechanism="Readers submitted stories and voted them up (digged); the front page showed the most popular "
    "ones to everybody. Since May 2026 it ranks news by what is engaged with on X instead.",
    links=(
        LinkPolicy("followed", None, "every story's link until September 2009 (third parties)"),
        LinkPolicy("nofollow", date(2009, 9, 2), "all but popular stories (third parties)"),
        LinkPolicy("unknown", date(2026, 1, 1), "not stated for the Digg of 2026 (unconfirmed)"),
    ),
    metrics=(
        Metric("diggs", "votes", "reading", "votes for a story, as story.getInfo gave them", "votes"),
        Metric(
            "comments", "comments", "reading", "comments on a story, as story.getInfo gave them", "comments"
        ),
        Metric("submission", "submissions", "event", "a story handed in, at its submit_date", "submissions"),
        Metric("vote", "votes", "event", "one vote for a story, at the second a vote list gives", "votes"),
    ),
    access=Access((), "free", "archived answers of the Digg API 2.0 (story.getInfo) and vote lists as CSV"),
    rules=(
        Rule("No scraping of the new site.", "house rule"),
        Rule("Voters are kept as keyed hashes only.", "house rule"),
    ),
    conduct=(
        Conduct(
            "",
            "Bots and SEO spam are why the whole site was reset on 13 March 2026; no number is named.",
            "survey of November 2026 (third parties)",
        ),
    ),
    life=(
        LifeEvent(date(2004, 12, 5), "opened"),
        LifeEvent(date(2009, 9, 2), "links become nofollow on all but popular stories (third parties)"),
        LifeEvent(
            date(2010, 8, 25),
            "version 4 replaced the site; submitting changed and many left",
            ("diggs", "vote"),
        ),
        LifeEvent(
            date(2012, 7, 31), "sold and started afresh; the old stories and the old API are gone", ("*",)
        ),
        LifeEvent(date(2026, 1, 14), "relaunch as an open beta with submissions and votes (third parties)"),
        LifeEvent(date(2026, 3, 13), "hard reset, because of bots and SEO spam (third parties)", ("*",)),
        LifeEvent(
            date(2026, 5, 1),
            "back as a news ranker over X engagement; submissions and votes gone (third parties)",
            ("*",),
        ),
    ),
    hosts=("digg.com",),
    retired="Digg has no interface and no feed today (third parties): "
    "submissions and votes ended with the 2026 reset, and the API 2.0 answers no more. There is "
    "nothing to fetch and scraping is out; answers of the old API "
    "and vote lists that were kept can be imported.",
    sources=("survey of November 2026 (third parties)", "the shape of Digg API 2.0 story.getInfo answers"),
)
EARLIEST = datetime(2004, 12, 1, tzinfo=UTC)
_STAMP = re.compile(r'"timestamp"\s*:\s*"?(\d+)')


def stories(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events and readings from answers of the Digg API 2.0: {"timestamp": ..., "stories": [...]}.

    A story gives a submission at its submit_date, and its diggs and comments as readings at the
    answer's own timestamp. What an answer does not state (an older one has no submit_date or no
    comments) gives no row. A file may hold one answer, a list of them, or one a line.
    """
    rows = rows_of(CARD.name, path, observed_at, "digg api 2.0", "stories")
    yield from in_batches(rows, _answers(rows, read_text(path)))


def _answers(rows: Rows, text: str) -> Iterator[None]:
    fallback = rows.observed_at
    # a story whose answer is cut off around it was still read when the answer says
    around = _STAMP.search(text) if '"stories"' in text else None
    for line, record in json_records(text, rows.lost):
        listed = record.get("stories")
        try:
            stamp = record.get("timestamp") or (around and around.group(1))
            if stamp is None and listed is None and '"stories"' in text:
                raise ValueError("it is cut off, so nobody knows when this story was read")
            rows.observed_at = epoch(stamp, earliest=EARLIEST) if stamp is not None else fallback
        except (ValueError, TypeError) as error:
            rows.lost(f"timestamp: {error}", "", line)
            continue
        for story in listed if isinstance(listed, list) else [record]:
            rows.begin()
            try:
                _story(rows, story)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                missing = f"no {error}" if isinstance(error, KeyError) else str(error)
                rows.aside(f"no Digg story: {missing}", "", line)
            yield


def _story(rows: Rows, story: dict[str, Any]) -> None:
    native = str(story["story_id"] if "story_id" in story else story["id"])
    stamp = story.get("submit_date", story.get("date_created"))
    submitted = epoch(stamp, earliest=EARLIEST) if stamp is not None else None
    counters = {name: count(story[name]) for name in ("diggs", "comments") if story.get(name) is not None}
    if submitted is None and not counters:
        raise KeyError("submit_date, diggs or comments")
    content = rows.content(story.get("url") or story["link"], title=story.get("title"))
    made = rows.observed_at
    if submitted is not None:
        user, topic = story.get("user"), story.get("topic")
        name = user.get("name") if isinstance(user, dict) else user
        rows.event(
            native,
            content,
            "submission",
            submitted,
            actor=_hash(name) if name else None,
            community=topic.get("short_name") or topic.get("name") if isinstance(topic, dict) else topic,
            observed_at=max(made, submitted),
        )
    for metric, value in counters.items():
        rows.reading(native, content, metric, value, observed_at=made)


def _hash(name: str) -> str:
    from analysis.actors import actor_hash

    return actor_hash(CARD.name, str(name))


VOTER = {"voter", "voter_id", "user", "user_id", "username"}
STORY = {"story", "story_id", "item", "item_id"}
MOMENT = {"epoch", "vote_date", "timestamp", "date", "time", "digg_date", "created"}


def votes(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from a vote list: voter, story and epoch a line, with a header or without.

    Without one, the column whose numbers are moments of Digg's life is the epoch, and of the other
    two the first is the voter. A story that is no URL is taken as a story on digg.com. The voter is
    hashed, also within the event's id.
    """
    rows = rows_of(CARD.name, path, observed_at, "digg votes", "votes")
    yield from in_batches(rows, _votes(rows, path))


def _votes(rows: Rows, path: Path) -> Iterator[None]:
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    order: tuple[int, int, int] | None = None
    heading: list[str] | None = None
    for cells in reader:
        line = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if order is None:
            order, headed = _order(cells, path)
            if headed:
                heading = cells
                continue
        if cells == heading:
            continue
        rows.begin()
        try:
            if len(cells) <= max(order):
                raise ValueError(f"{len(cells)} cells where voter, story and epoch were expected")
            voter, story, stamp = (cells[column].strip() for column in order)
            if not voter or not story:
                raise ValueError("a vote without its voter or its story")
            at = epoch(stamp, earliest=EARLIEST)
            url = story if story.startswith(("http://", "https://")) else f"https://digg.com/story/{story}"
            content = rows.content(url)
            actor = _hash(voter)
            key = content if url == story else story
            rows.event(
                f"{key}/{actor}", content, "vote", at, actor=actor, parent_id=f"digg:{key}",
                observed_at=max(rows.observed_at, at),
            )  # fmt: skip
        except ValueError as error:
            rows.aside(str(error), "", line)
        yield


def _order(cells: list[str], path: Path) -> tuple[tuple[int, int, int], bool]:
    """Which columns are voter, story and epoch, and whether this line is a header."""
    names = [plain(cell) for cell in cells]
    found = [
        next((i for i, name in enumerate(names) if name in known), -1) for known in (VOTER, STORY, MOMENT)
    ]
    if min(found) >= 0:
        return (found[0], found[1], found[2]), True
    moments = [i for i, cell in enumerate(cells) if _is_moment(cell)]
    others = [i for i in range(len(cells)) if i not in moments]
    if len(moments) == 1 and len(others) >= 2:
        return (others[0], others[1], moments[0]), False
    raise UserError(
        f"{path.name} is no Digg vote list: expected the columns voter, story, epoch, its first line has "
        f"{', '.join(cells)[:200]}; name the columns in a first line"
    )


def _is_moment(text: str) -> bool:
    # Digg's votes ended with the sale of July 2012; no id of a story or voter was near these numbers
    return text.strip().isdecimal() and EARLIEST.timestamp() <= int(text) < 1_350_000_000


IMPORTS = {"stories": stories, "votes": votes}
