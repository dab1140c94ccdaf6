"""The words of alerts: computed, plain, and harmless whatever a platform's title says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.alerts.plain import link, text
from analysis.alerts.series import Watched
from analysis.models.overview import names
from analysis.platforms import cards
from analysis.store import Store

NAMED = 0.1
"""A source that brought at least this part of a spike is named."""


@dataclass(frozen=True)
class Words:
    """What things are called: platforms by their cards, contents by title and address."""

    platforms: dict[str, str]
    contents: dict[str, tuple[str, str]]

    @classmethod
    def of(cls, store: Store, every: list[Watched]) -> Words:
        """The names of all that is watched."""
        wanted = sorted({one.content_id for one in every if one.content_id})
        rows = store.read("content", ["content_id", "title", "url"], content_id=wanted)
        contents = {
            row.content_id: (
                text(row.title if isinstance(row.title, str) else row.url, 80),
                link(row.url),
            )
            for row in rows.itertuples()
        }
        return cls(names(cards()), contents)

    def platform(self, name: str) -> str:
        """A platform or source as people call it."""
        return text(self.platforms.get(name, name), 40)

    def of_site(self, one: Watched) -> str:
        """The site."""
        return text(one.site, 80)

    def of_what(self, one: Watched) -> str:
        """What the series counts, on one line."""
        metric = _counted(one)
        title, _ = self.contents.get(one.content_id, ("", ""))
        of = f'"{title}"' if title else f"{'what is new on ' if one.new else ''}{text(one.site, 80)}"
        return f"{metric} of {of}" if one.site else f"{metric} on {self.platform(one.platform)} of {of}"

    def spike(
        self, one: Watched, since: pd.Timestamp, until: pd.Timestamp, came: float, usual: float
    ) -> tuple[str, str]:
        """What a spike brought and from where; and the content that brought most of it."""
        times = f" ({came / usual:,.1f} times)" if usual >= 1 else ""
        said = [
            f"{came:,.0f} {_counted(one)} between {_time(since)} and {_time(until)} UTC, "
            f"where {usual:,.0f} are usual{times}."
        ]
        leader = one.content_id
        part = one.sources
        if len(part):
            part = part[(part["start"] >= since) & (part["end"] <= until)]
            by = part.groupby("platform")["value"].sum().sort_values(ascending=False)
            shares = by / max(by.sum(), 1.0)
            named = [f"{self.platform(n)} {s:.0%}" for n, s in shares.head(3).items() if s >= NAMED]
            said.append(f"They came from: {', '.join(named)}." if named else "")
            contents = part.groupby("content_id")["value"].sum().sort_values(ascending=False)
            leader = str(contents.index[0]) if len(contents) else leader
            if not one.content_id and leader in self.contents:
                said.append(
                    f'Most to "{self.contents[leader][0]}" ({contents.iloc[0] / contents.sum():.0%}).'
                )
        return "\n".join([*filter(None, said), *self._address(leader)]), leader

    def drop(self, one: Watched, row: Any) -> str:
        """What did not come."""
        return (
            f"{row.value:,.0f} {_counted(one)} between {_time(row.onset)} and {_time(row.alarm)} UTC, where "
            f"{row.expected:,.0f} are usual: {row.fell:.0%} are missing. Times without data are not counted."
        )

    def mix(self, moved: pd.DataFrame) -> str:
        """Which sources' shares moved."""
        said = [
            f"{self.platform(row.platform)}: {row.before:.0%} before, {row.after:.0%} since"
            for row in moved.head(5).itertuples()
        ]
        return "Shares of visits by where they came from:\n" + "\n".join(said)

    def missing(self, one: Watched, end: pd.Timestamp, patience: pd.Timedelta) -> str:
        """That nothing is known."""
        hours = patience / pd.Timedelta(hours=1)
        return (
            f"Nothing is known after {_time(end)} UTC, for more than {hours:,.0f} hours. This says nothing "
            "about visitors: look at the counter, or at the import of its data."
        )

    def _address(self, content_id: str) -> list[str]:
        return [self.contents[content_id][1]] if content_id in self.contents else []


def _counted(one: Watched) -> str:
    return text(one.metric.replace("_", " "), 40)


def _time(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
