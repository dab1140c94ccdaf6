"""What went viral in a period, on which platforms, with what spikes.

Question. Which content stood out among its like, where was it first, and did visits rise with it?

Formula. ``viral`` says what stood out on each platform, ``lead`` who was first, ``episodes`` which
exposure rose. This puts the three side by side, a row a content: those that stood out on most
platforms first, then those that stood out on one, by the share of their like that they beat, then
those that only show in exposure, by what was added. Nothing is summed over platforms.

Abstains when no row of the period says anything, and where its parts abstain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.errors import UserError
from analysis.models.lead import span
from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card

VERSION = "overview 1.0"


def overview(
    contents: pd.DataFrame,
    stood: Result,
    first: Result,
    rose: Result,
    grew: Result,
    cards: Mapping[str, Card],
    *,
    show: int = 20,
    note: str = "",
) -> Result:
    """The period's contents that stood out or had a spike.

    Parameters
    ----------
    contents
        content_id, url, title.
    stood, first, rose, grew
        Results of ``viral.viral``, ``lead.lead``, ``episodes.episodes`` (contents in all) and
        ``rises.rises``.
    cards
        Platform name to its card, for names.
    show
        How many contents are listed at most.
    note
        What a reader must know before anything else, such as that the data are made up.

    Returns
    -------
    Result
        ``table``: content (its title, hostile text); stood_out_on (in words); spikes (of visits and of
        counters, what each added with its interval); first_on (the platform);
        began (UTC); spread_over (until the last platform took it up, in words); url.
        ``extra["order"]``: content_id of each row.
        ``extra["marks"]``: content_id, platform, at, stood_out, words: when each platform took it up.
        ``extra["spikes"]``: the spikes of these contents, with words.
    """
    since, until = stood.parameters["since"], stood.parameters["until"]
    added = rose.table.groupby("content_id")["excess"].sum().sort_values(ascending=False)
    spikes = pd.concat([rose.table, grew.table]) if len(rose.table) else grew.table
    spikes = spikes.assign(words=[_spike(row, cards) for row in spikes.itertuples()])
    ranked = list(stood.extra["contents"]["content_id"])
    everything = ranked + [key for key in added.index if key not in set(ranked)]
    order = pd.DataFrame({"content_id": everything[:show]})
    marks = _marks(stood.table, first.table, order["content_id"], cards)
    spikes = spikes[spikes["content_id"].isin(order["content_id"])].reset_index(drop=True)
    extra = {"order": order, "marks": marks, "spikes": spikes}
    table = _table(
        order["content_id"],
        contents.set_index("content_id"),
        first.table,
        marks,
        spikes,
        cards,
        judged=rose.extra["series"],
    )
    judged = stood.verdict != "inconclusive" or rose.verdict != "inconclusive"
    verdict: Verdict = "found" if everything else "nothing" if judged else "inconclusive"
    reason = "" if judged or everything else f"nothing in this period: {stood.reason}"
    summary = " ".join(
        filter(
            None,
            [note, _summary(table, marks, len(everything), stood, rose, grew, since, until, reason, cards)],
        )
    )
    return Result(table, verdict, reason, summary, (), VERSION, stood.parameters | {"show": show}, extra)


def period(
    since: object, until: object, newest: object, as_of: object = None, days: int = 30
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The period a report is about: whole days in UTC, by default the last thirty of the data.

    ``until`` is not part of it; by default it is the end of the day of the newest row, or of the day
    of ``as_of`` where that is earlier.
    """
    if until is None:
        last = _utc(newest) if as_of is None else min(_utc(newest), _utc(as_of))
        last = last.ceil("D")
    else:
        last = _utc(until)
    first = last - pd.Timedelta(days=days) if since is None else _utc(since)
    if first > last:
        told = "the data end there" if until is None else f"until={last:%Y-%m-%d}"
        raise UserError(
            f"since={first:%Y-%m-%d} comes after {last:%Y-%m-%d} ({told}); choose an earlier since, "
            "or import newer data"
        )
    return first, last


def _utc(moment: object) -> pd.Timestamp:
    stamp = pd.Timestamp(moment)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def names(cards: Mapping[str, Card]) -> dict[str, str]:
    """Platform name to what people call it, of all ``cards``."""
    return {card.name: card.title for card in cards.values()}


def name(platform: str, cards: Mapping[str, Card]) -> str:
    """A platform as people call it."""
    return cards[platform].title if platform in cards else platform


def _marks(
    judged: pd.DataFrame, began: pd.DataFrame, keys: pd.Series, cards: Mapping[str, Card]
) -> pd.DataFrame:
    columns = [
        "content_id",
        "platform",
        "metric",
        "item_id",
        "born",
        "gained",
        "times",
        "beaten",
        "like",
        "stood_out",
    ]
    marks = began[began["content_id"].isin(keys)].merge(
        judged[columns], on=["content_id", "platform"], how="left"
    )
    out = marks["stood_out"].fillna(False).astype(bool)
    # where one of several items stood out, its own beginning is what counts
    item = out & (marks["item_id"] != marks["content_id"])
    marks["at"] = marks["at"].where(~item, marks["born"])
    marks["words"] = [
        f"{name(row.platform, cards)} {_gain(row)}{'' if row.dated else ' (first seen then)'}"
        for row in marks.itertuples()
    ]
    return marks.sort_values(["content_id", "times"], ascending=[True, False], ignore_index=True)


def _gain(row: Any) -> str:
    if row.gained is None or row.gained != row.gained:
        return "(not counted)"
    times = f" (×{row.times:,.0f})" if row.times == row.times else ""
    return f"{str(row.metric).replace('_', ' ')} {row.gained:,.0f}{times}"


def _spike(row: Any, cards: Mapping[str, Card]) -> str:
    metric = getattr(row, "metric", None)
    of = f"{name(row.platform, cards)} {metric.replace('_', ' ')}" if isinstance(metric, str) else "visits"
    fade = f", halved in {span(row.half_life)}" if row.half_life == row.half_life else ""
    gain = f"{row.excess:+,.0f} ({row.excess_low:+,.0f} to {row.excess_high:+,.0f})"
    return f"{of} {gain}, peak {row.peak:%d %b %H:%M}{fade}"


def _told(spikes: pd.DataFrame) -> str:
    """The spikes of visits in words, else the first rise of a counter; then how many more rises."""
    visits = spikes[spikes["platform"] == "all"]
    shown = visits if len(visits) else spikes.head(1)
    more = len(spikes) - len(shown)
    rises = f"; {more:,} more rise{'s' if more > 1 else ''} of counters" if more else ""
    return "; ".join(shown["words"]) + rises


def _table(
    keys: pd.Series,
    contents: pd.DataFrame,
    began: pd.DataFrame,
    marks: pd.DataFrame,
    spikes: pd.DataFrame,
    cards: Mapping[str, Card],
    judged: pd.DataFrame,
) -> pd.DataFrame:
    silent = judged[judged["verdict"] == "inconclusive"].set_index("content_id")["reason"]
    unsaid = ("cannot say: " + silent).to_dict()
    rows = []
    for key in keys:
        own = marks[marks["content_id"] == key]
        out = own[own["stood_out"].fillna(False).astype(bool)]
        places = began[began["content_id"] == key]
        had = spikes[spikes["content_id"] == key]
        title = contents["title"].get(key)
        after = places["after_hours"].max() if len(places) > 1 else float("nan")
        rows.append(
            {
                "content": title if isinstance(title, str) and title.strip() else contents["url"].get(key),
                "stood_out_on": ", ".join(
                    f"{name(row.platform, cards)} {_gain(row)}" for row in out.itertuples()
                )
                or "no platform",
                "spikes": _told(had) or unsaid.get(key, "none seen"),
                "first_on": name(places["platform"].iloc[0], cards) if len(places) else None,
                "began": places["at"].iloc[0] if len(places) else pd.NaT,
                "spread_over": span(after) if after == after else "one platform",
                "url": contents["url"].get(key),
            }
        )
    columns = ["content", "stood_out_on", "spikes", "first_on", "began", "spread_over", "url"]
    return pd.DataFrame(rows, columns=columns)


def _summary(
    table: pd.DataFrame,
    marks: pd.DataFrame,
    many: int,
    stood: Result,
    rose: Result,
    grew: Result,
    since: pd.Timestamp,
    until: pd.Timestamp,
    reason: str,
    cards: Mapping[str, Card],
) -> str:
    period = f"from {since:%d %B %Y} to {until - pd.Timedelta(seconds=1):%d %B %Y}"
    if reason:
        return f"Nothing can be said of the period {period}: {reason}."
    if not many:
        return f"Nothing stood out {period}. {stood.summary} {rose.summary}"
    top = stood.extra["contents"]
    said = [
        f"{_many(len(top), 'content')} stood out among {'its' if len(top) == 1 else 'their'} like {period}"
    ]
    several = top[top["platforms"] > 1]
    said[0] += f", {len(several):,} of them on more than one platform." if len(several) else "."
    if len(top):
        best = top.iloc[0]
        own = marks[
            (marks["content_id"] == best["content_id"]) & marks["stood_out"].fillna(False).astype(bool)
        ]
        where = ", ".join(name(platform, cards) for platform in own["platform"])
        said.append(f"At the head: “{table['content'].iloc[0]}”, on {where}.")
    if rose.verdict != "inconclusive":
        said.append(rose.summary)
    if grew.verdict == "found":
        said.append(grew.summary)
    if many > len(table):
        said.append(f"The first {len(table)} of {many:,} are listed.")
    return " ".join(said)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
