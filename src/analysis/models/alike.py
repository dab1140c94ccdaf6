"""What may be added up, averaged or ranked together: like metrics only.

Question. May these numbers be put into one? Digg's votes and LinkedIn's impressions may not: they count
different acts of different people under different rules, and their sum says nothing.

Formula. Two metrics are alike when they are of one platform and its card gives them one ``kind``, or when
both are exposure the site counted itself (visits and their parts; page views and theirs), whatever
platform the visitors came from, by one observer. A metric whose card says that it does not add (people
counted once each, places, states) is never added up. A metric no card defines is like itself alone.

Every model that sums over platforms or metrics goes through ``total``; an analyst asks in one line:
``alike([("digg", "diggs"), ("linkedin", "impressions")], cards())``.

Abstains never: it answers, or it is an error that names both cards and what each says its metric is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import pandas as pd

from analysis.errors import UserError
from analysis.models.counters import is_exposure
from analysis.platforms.card import Card, Metric

How = Literal["add up", "average", "rank"]
DONE = {"add up": "added up", "average": "averaged", "rank": "ranked"}


class UnlikeError(UserError):
    """Unlike metrics were to be put into one number."""


def alike(metrics: Iterable[tuple[str, str]], cards: Mapping[str, Card], how: How = "add up") -> None:
    """Whether these metrics may be added up, averaged or ranked together; an error where not.

    Parameters
    ----------
    metrics
        (platform, metric), each as often as it comes.
    cards
        Platform name to its card.
    how
        What is to be done with them. What does not add may still be averaged and ranked.

    Raises
    ------
    UnlikeError
        Naming two metrics that are unlike, with their cards and definitions, or one that does not add.
    """
    wanted = list(dict.fromkeys(metrics))
    for platform, metric in wanted:
        defined = _defined(platform, metric, cards)
        if how == "add up" and defined is not None and not defined.adds:
            raise UnlikeError(
                f"{_called(platform, metric, cards)} does not add up: the card of {cards[platform].title} "
                f'says it is "{defined.definition}"; rank or average it, or leave it as it is'
            )
    first = wanted[0] if wanted else ("", "")
    for other in wanted[1:]:
        if _kind(*other, cards) != _kind(*first, cards):
            raise UnlikeError(
                f"{_called(*first, cards)} and {_called(*other, cards)} are unlike and cannot be {DONE[how]} "
                f"together: {_definition(*first, cards)}; {_definition(*other, cards)}. Look at each alone"
            )


def comparable(metrics: Iterable[tuple[str, str]], cards: Mapping[str, Card]) -> pd.DataFrame:
    """Which of these metrics may be laid beside which: a row a metric.

    Columns: platform, metric, unit, says (the card's definition), adds (whether sums of it mean anything),
    alike (the others of these it may be put together with; "" where there is none).
    """
    wanted = sorted(set(metrics))
    kinds = {one: _kind(*one, cards) for one in wanted}
    rows = []
    for platform, metric in wanted:
        defined = _defined(platform, metric, cards)
        like = [one for one in wanted if kinds[one] == kinds[platform, metric] and one != (platform, metric)]
        rows.append(
            {
                "platform": platform,
                "metric": metric,
                "unit": defined.unit if defined else metric.replace("_", " "),
                "says": defined.definition
                if defined
                else "counted by the site"
                if _own(metric)
                else "no card",
                "adds": defined.adds if defined else True,
                "alike": ", ".join(_called(*one, cards) for one in like),
            }
        )
    return pd.DataFrame(rows, columns=["platform", "metric", "unit", "says", "adds", "alike"])


def total(rows: pd.DataFrame, by: Sequence[str], cards: Mapping[str, Card] | None = None) -> pd.DataFrame:
    """Values added up within each group, unknown where nothing of it is known.

    Parameters
    ----------
    rows
        platform, metric, value, and observer where there is one.
    by
        Columns that make the groups. Whatever these do not keep apart by platform and metric must be alike.
    cards
        Platform name to its card; needed for anything but exposure.

    Returns
    -------
    DataFrame
        The columns of ``by`` and value.

    Raises
    ------
    UnlikeError
        As ``alike``; and for exposure that two observers counted, which would count visits twice.
    """
    by = list(by)
    whose = [*(["observer"] if "observer" in rows else []), "platform", "metric"]
    # a look at what there is costs less than one at every row
    there = rows[whose].drop_duplicates()
    apart = [name for name in by if name in whose]
    for _, part in there.groupby(apart, observed=True) if apart else [((), there)]:
        alike(zip(part["platform"], part["metric"], strict=True), cards or {})
        if "observer" in part and part["observer"].nunique() > 1 and is_exposure(part["metric"]).all():
            _counted_once(rows, by)
    return rows.groupby(by, as_index=False, observed=True)["value"].sum(min_count=1)


def _counted_once(rows: pd.DataFrame, by: list[str]) -> None:
    observers = rows.groupby(by, observed=True)["observer"].nunique()
    if (observers > 1).any():
        named = " and ".join(sorted(rows["observer"].unique())[:2])
        raise UnlikeError(
            f"the same visits were counted by {named}: added up they would count twice; choose one"
        )


def _defined(platform: str, metric: str, cards: Mapping[str, Card]) -> Metric | None:
    try:
        return cards[platform].metric(metric)
    except KeyError:
        return None


def _own(metric: str) -> bool:
    return bool(is_exposure(pd.Series([metric]))[0])


def _kind(platform: str, metric: str, cards: Mapping[str, Card]) -> tuple[str, str]:
    defined = _defined(platform, metric, cards)
    # a platform's own views of a page are its own; visits it sent are the site's count
    if defined is None and _own(metric):
        return "", metric.split(".")[0]
    return platform, defined.kind if defined else metric


def _called(platform: str, metric: str, cards: Mapping[str, Card]) -> str:
    title = cards[platform].title if platform in cards else platform
    return f"{title} {metric.replace('_', ' ')}"


def _definition(platform: str, metric: str, cards: Mapping[str, Card]) -> str:
    defined = _defined(platform, metric, cards)
    if defined is not None:
        return f'the card of {cards[platform].title} says "{defined.definition}" (in {defined.unit})'
    who = "the site counts" if _own(metric) else "no card defines"
    return f'{who} "{metric.replace("_", " ")}"'
