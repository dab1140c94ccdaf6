"""What to collect: sites, URLs, communities and accounts, read from a TOML file and checked whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from analysis import toml_file
from analysis.errors import UserError
from analysis.urls import canonical, site

KEYS = ("since", "sites", "urls", "platforms", "communities", "accounts", "budget", "ages")
UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
EXAMPLE = """\
# What `virality collect` asks platforms about.
# since = 2026-01-01                  # nothing older; by default the last 30 days of sites and accounts
sites = ["example.com"]
urls = ["https://example.com/an-article"]
# platforms = ["hackernews", "lobsters"]   # by default every platform that can be asked

# [[communities]]
# platform = "reddit"
# name = "programming"

# [[accounts]]
# platform = "tumblr"
# name = "example"
# kind = "business"                   # or "private": the two are reported apart

# [budget]                            # dollars a run may spend; nothing is spent without a line here
# twitter = 0.50

# [ages]                              # when content is looked at again, counted from its publication
# reddit = ["10 min", "1 h", "1 d", "7 d"]
"""


@dataclass(frozen=True)
class Community:
    """A subreddit, a tag, a group of one platform."""

    platform: str
    name: str


@dataclass(frozen=True)
class Account:
    """An account the user owns, and whether as a business or privately: the two are never mixed."""

    platform: str
    name: str
    kind: Literal["business", "private"]


@dataclass(frozen=True)
class Watchlist:
    """What to ask about; URLs as the user spells them, each content once; hosts without ``www.``."""

    sites: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    platforms: tuple[str, ...] | None = None
    communities: tuple[Community, ...] = ()
    accounts: tuple[Account, ...] = ()
    since: datetime | None = None
    budget: dict[str, float] = field(default_factory=dict)
    ages: dict[str, tuple[timedelta, ...]] = field(default_factory=dict)


def read(path: str | Path, known: set[str]) -> Watchlist:
    """The watchlist in a file; ``known`` are the platforms there are.

    Raises
    ------
    UserError
        Naming the file, the line and the key, what was expected and what to do.
    """
    file = Path(path)
    hint = (
        "write one (`virality collect --example` prints one to start from), or name another with --watchlist"
    )
    text, data = toml_file.read(file, "watchlist", hint)
    return _Reader(file, text, known).watchlist(data)


class _Reader:
    """Checks one file's values; remembers the text, to say in which line a wrong one stands."""

    def __init__(self, file: Path, text: str, known: set[str]) -> None:
        self.file, self.lines, self.known = file, text.splitlines(), known

    def watchlist(self, data: dict[str, Any]) -> Watchlist:
        for key in data:
            if key not in KEYS:
                raise self.wrong(key, key, f"expected one of {', '.join(KEYS)}")
        named = data.get("platforms")
        found = Watchlist(
            sites=_once(self.host(v) for v in self.texts(data, "sites")),
            urls=tuple({self.url(v): v for v in reversed(self.texts(data, "urls"))}.values())[::-1],
            platforms=None
            if named is None
            else _once(self.platform("platforms", v) for v in self.texts(data, "platforms")),
            communities=_once(
                Community(self.platform("communities.platform", row["platform"]), row["name"])
                for row in self.rows(data, "communities", ("platform", "name"))
            ),
            accounts=_once(
                self.account(row) for row in self.rows(data, "accounts", ("platform", "name", "kind"))
            ),
            since=self.since(data.get("since")),
            budget={
                self.platform("budget", k): self.dollars(k, v) for k, v in self.table(data, "budget").items()
            },
            ages={self.platform("ages", k): self.ages(k, v) for k, v in self.table(data, "ages").items()},
        )
        if not (found.sites or found.urls or found.communities or found.accounts):
            raise UserError(
                f"the watchlist {self.file} names nothing; add sites, urls, communities or accounts"
            )
        return found

    def wrong(self, key: str, value: Any, expected: str) -> UserError:
        last, text = re.escape(key.rpartition(".")[2]), re.escape(str(value).strip())
        tries = (rf"^\s*\[*\s*{last}\b.*{text}", rf"[\"']{text}[\"']", rf"^\s*\[*\s*{last}\b")
        found = ([n for n, line in enumerate(self.lines, 1) if re.search(each, line)] for each in tries)
        number = next((numbers[0] for numbers in found if numbers), None)
        where = f", line {number}" if number else ""
        return UserError(f"watchlist {self.file}{where}: {key} = {value!r}: {expected}")

    def texts(self, data: dict[str, Any], key: str) -> list[str]:
        values = data.get(key, [])
        if not isinstance(values, list):
            raise self.wrong(key, values, 'expected a list of texts, such as ["a", "b"]')
        for value in values:
            if not isinstance(value, str) or not value.strip():
                raise self.wrong(key, value, "expected a text")
        return [value.strip() for value in values]

    def table(self, data: dict[str, Any], key: str) -> dict[str, Any]:
        values = data.get(key, {})
        if not isinstance(values, dict):
            raise self.wrong(key, values, f"expected a table [{key}] of platform = value")
        return values

    def rows(self, data: dict[str, Any], key: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
        values = data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            raise self.wrong(key, values, f"expected tables [[{key}]] with {', '.join(fields)}")
        for row in values:
            for name in row:
                if name not in fields:
                    raise self.wrong(f"{key}.{name}", row[name], f"expected only {', '.join(fields)}")
            for name in fields:
                if not isinstance(row.get(name), str) or not row[name].strip():
                    raise self.wrong(
                        f"{key}.{name}", row.get(name, ""), "expected a text; every entry needs one"
                    )
        return [{name: row[name].strip() for name in fields} for row in values]

    def platform(self, key: str, name: str) -> str:
        if name not in self.known:
            raise self.wrong(key, name, f"no such platform; there are {', '.join(sorted(self.known))}")
        return name

    def account(self, row: dict[str, str]) -> Account:
        if row["kind"] not in ("business", "private"):
            raise self.wrong("accounts.kind", row["kind"], "expected business or private")
        return Account(self.platform("accounts.platform", row["platform"]), row["name"], row["kind"])  # type: ignore[arg-type]

    def url(self, value: str) -> str:
        try:
            return canonical(value)
        except ValueError as error:
            raise self.wrong("urls", value, f"expected an http(s) URL ({error})") from None

    def host(self, value: str) -> str:
        try:
            name = site(value if "://" in value else f"https://{value}")
        except ValueError:
            name = ""
        if not re.fullmatch(r"[^\s/@:?#]+\.[^\s/@:?#.]+|localhost", name) or (
            "://" not in value and re.search(r"[/?#]", value)
        ):
            raise self.wrong(
                "sites", value, "expected a host such as example.com (a single page belongs under urls)"
            )
        return name

    def since(self, value: Any) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, date):
            return datetime.combine(value, time(), UTC)
        raise self.wrong("since", value, "expected a date such as 2026-01-31, without quotes")

    def dollars(self, platform: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
            raise self.wrong(f"budget.{platform}", value, "expected dollars, such as 0.50")
        return float(value)

    def ages(self, platform: str, values: Any) -> tuple[timedelta, ...]:
        if not isinstance(values, list) or not values:
            raise self.wrong(f"ages.{platform}", values, 'expected a list such as ["10 min", "2 h", "1 d"]')
        found = []
        for value in values:
            match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|h|d)\s*", str(value))
            if not match or not 0 < float(match[1]) < 1e6:
                raise self.wrong(
                    f"ages.{platform}", value, 'expected a number and min, h or d, such as "20 min"'
                )
            found.append(float(match[1]) * UNITS[match[2]])
        return tuple(sorted(set(found)))


def _once(values: Any) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))
