"""One made-up world, read once, for the models that lay platforms side by side."""

from functools import cache

import pandas as pd

from analysis.models.counters import counters
from analysis.models.result import Result
from analysis.models.viral import viral
from analysis.platforms import cards
from analysis.platforms.card import Card
from analysis.simulate import END, World, world

BEGIN = END - pd.Timedelta(days=90)


@cache
def made() -> World:
    return world(0)


@cache
def known() -> dict[str, Card]:
    return cards()


@cache
def found() -> pd.DataFrame:
    it = made()
    return counters(it.content, it.events, it.readings, it.intervals, known())


@cache
def stood() -> Result:
    return viral(found(), BEGIN, END)


def at(*hours: float) -> pd.DatetimeIndex:
    """Moments, so many hours into a day."""
    return pd.DatetimeIndex(pd.Timestamp("2021-06-01", tz="UTC") + pd.to_timedelta(hours, unit="h"))


def grown(
    values: dict[str, list[float]], platform: str = "hn", start: float = 0.0, apart: float = 1.0
) -> pd.DataFrame:
    """Counters looked at every hour; items are born ``apart`` hours one after the other."""
    rows = []
    for number, (item, course) in enumerate(values.items()):
        born = start + number * apart
        moments = at(*(born + n for n in range(len(course))))
        rows.append(
            pd.DataFrame(
                {
                    "platform": platform,
                    "metric": "points",
                    "item_id": item,
                    "content_id": f"content of {item}",
                    "born": at(born)[0],
                    "born_known": True,
                    "at": moments,
                    "value": [float(value) for value in course],
                }
            )
        )
    return pd.concat(rows, ignore_index=True)
