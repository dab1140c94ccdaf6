"""What could not be known, by platform and reason.

Question. Which numbers are missing from this picture, why, and how much does the way of looking
leave out?

Formula. Rows whose status is not observed are counted by platform, metric, status and reason. A
counter that is first seen well above nothing without a date of birth is left-truncated: its first rise
is lost. The longest time between two looks at a platform says what could have come and gone unseen. A
platform whose card says that there is nothing to fetch, and one from which no row came, are named:
nothing is known of them, which is not the same as nothing having happened.

Abstains never: an empty table says that every look was answered.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.models.counters import is_exposure
from analysis.models.lead import span
from analysis.models.result import Result
from analysis.platforms.card import Card

VERSION = "unknowns 1.0"
COLUMNS = ["platform", "what", "status", "reason", "rows", "first", "last"]
OWN = "the site's own counter"
GAPS = 3.0
"""A pause this many times the usual distance of looks is named."""


def made_up(sources: pd.Series) -> str:
    """A sentence that says so when rows come from a simulated world; else nothing."""
    worlds = sorted(sources[sources.str.startswith("simulated world")].unique())
    return f"These data are made up ({worlds[0]}): nothing here happened." if worlds else ""


def unknowns(
    rows: pd.DataFrame, found: pd.DataFrame, looks: pd.DataFrame, cards: Mapping[str, Card]
) -> Result:
    """What could not be known.

    Parameters
    ----------
    rows
        Unknown readings and intervals: platform, metric, status, reason, and ``at``: when it was
        asked, or the start of the bin.
    found
        Counters of the period, as ``counters.counters`` gives them.
    looks
        Readings of the period: platform, observed_at.
    cards
        Platform name to its card: those one would have liked to hear from.

    Returns
    -------
    Result
        ``table``: platform; what (a metric, or what is missing); status; reason; rows (how many
        looks or bins); first, last (UTC). ``found`` when anything is unknown.
    """
    parts = [_refused(rows), _truncated(found), _pauses(looks), _silent(rows, found, cards)]
    table = pd.concat(
        [part for part in parts if len(part)] or [pd.DataFrame(columns=COLUMNS)], ignore_index=True
    )
    table["platform"] = table["platform"].replace({name: card.title for name, card in cards.items()})
    summary = _summary(table)
    verdict = "found" if len(table) else "nothing"
    return Result(table[COLUMNS], verdict, "", summary, (), VERSION, {})  # type: ignore[arg-type]


def _refused(rows: pd.DataFrame) -> pd.DataFrame:
    # one request asks for all of a platform's metrics, one lost hour loses visits from everywhere: said once
    seen = rows.assign(
        reason=rows["reason"].fillna("no reason was given"),
        platform=rows["platform"].mask(is_exposure(rows["metric"]), OWN),
    )
    out = seen.groupby(["platform", "status", "reason"], observed=True).agg(
        what=("metric", lambda names: ", ".join(sorted(set(names)))),
        rows=("at", "size"),
        first=("at", "min"),
        last=("at", "max"),
    )
    return out.reset_index()


def _truncated(found: pd.DataFrame) -> pd.DataFrame:
    out = []
    first = found.drop_duplicates(["platform", "item_id"])
    for platform, part in first.groupby("platform"):
        late = part[~part["born_known"] & (part["value"] > 1)]
        if len(late) * 2 > len(part):
            why = (
                f"{len(late):,} of {len(part):,} items were first seen when they already had "
                f"{late['value'].median():,.0f} {part['metric'].iloc[0]} in the median: their rise is lost"
            )
            out.append(
                (
                    platform,
                    "the beginning",
                    "left-truncated",
                    why,
                    len(late),
                    late["at"].min(),
                    late["at"].max(),
                )
            )
    return pd.DataFrame(out, columns=COLUMNS)


def _pauses(readings: pd.DataFrame) -> pd.DataFrame:
    out = []
    for platform, part in readings.groupby("platform"):
        looks = pd.Series(part["observed_at"].unique()).sort_values(ignore_index=True)
        gaps = looks.diff().dropna()
        if len(gaps) < 20:
            continue
        # half of the time passes in pauses no longer than this: a round over many items is one look
        ordered = gaps.sort_values()
        usual, longest = ordered[ordered.cumsum() >= ordered.sum() / 2].iloc[0], gaps.max()
        if longest > GAPS * usual and longest > pd.Timedelta(hours=1):
            end = int(gaps.idxmax())
            hours = longest.total_seconds() / 3600
            often = span(usual.total_seconds() / 3600)
            why = f"looked at about every {often}; the longest pause was {span(hours)}"
            rows = int((gaps > GAPS * usual).sum())
            out.append((platform, "between two looks", "sampled", why, rows, looks[end - 1], looks[end]))
    return pd.DataFrame(out, columns=COLUMNS)


def _silent(rows: pd.DataFrame, found: pd.DataFrame, cards: Mapping[str, Card]) -> pd.DataFrame:
    heard = set(found["platform"]) | set(rows.loc[~is_exposure(rows["metric"]), "platform"])
    out = []
    for name in sorted(set(cards) - heard):
        if cards[name].retired:
            out.append((name, "no programmatic source", cards[name].retired))
    silent = [cards[name].title for name in sorted(set(cards) - heard) if not cards[name].retired]
    if silent:
        out.append((", ".join(silent), "not collected", "no row came from there in this period"))
    frame = pd.DataFrame(out, columns=["platform", "status", "reason"])
    never = pd.to_datetime(pd.Series([None] * len(frame)), utc=True)
    return frame.assign(what="everything", rows=0, first=never, last=never)


def _summary(table: pd.DataFrame) -> str:
    if table.empty:
        return "Every look was answered."
    asked = table[table["rows"].gt(0) & ~table["status"].isin(["left-truncated", "sampled"])]
    said = []
    if len(asked):
        each = asked.groupby("platform", sort=False)["status"].agg(lambda s: ", ".join(dict.fromkeys(s)))
        named = "; ".join(f"{name} ({why.replace('_', ' ')})" for name, why in each.items())
        said.append(f"{asked['rows'].sum():,} counts could not be had: {named}.")
    for status, words in (
        ("left-truncated", "Items first seen after they had begun to rise: {}."),
        ("no programmatic source", "Nothing can be fetched from {}."),
        ("not collected", "Nothing was collected from {}."),
    ):
        names = list(table.loc[table["status"] == status, "platform"])
        if names:
            said.append(words.format(", ".join(names)))
    return " ".join(said)
