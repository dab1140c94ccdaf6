"""Which runs a site keeps: ``[retention]`` in virality.toml. Without it every run is kept.

A question is a report and the parameters it was given; the page that stands for a question is never removed,
nor is a failure to renew it that the index tells.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.errors import UserError
from analysis.reports import failures
from analysis.reports.files import digest, write
from analysis.reports.record import CHANGES, RECORD, Record, standing
from analysis.reports.site import Site

_RUN = re.compile(r".+-([0-9a-f]{12}(-failed)?|unreadable-failed)")


@dataclass(frozen=True)
class Rule:
    """How many runs of each question are kept; a run stays when any line keeps it.

    newest : the last so many
    daily : the last of each day (UTC), for so many days
    weekly : the last of each week (Monday to Sunday), for so many weeks
    """

    newest: int = 1
    daily: int = 0
    weekly: int = 0

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise UserError(f"retention.{entry.name} is {value!r}; expected a whole number, 0 or more")


def read(file: Path) -> Rule | None:
    """The rule in a virality.toml; None where there is none.

    Raises
    ------
    UserError
        For a file that is no TOML, a word that nobody knows, or a number that is none.
    """
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8")).get("retention") if file.is_file() else None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as TOML: {error}") from None
    if said is None:
        return None
    known = [entry.name for entry in fields(Rule)]
    if not isinstance(said, dict) or not said:
        raise UserError(f"[retention] in {file} says nothing; expected {', '.join(known)}")
    for name in said:
        if name not in known:
            raise UserError(f"retention.{name}: nobody knows it; there are {', '.join(known)}")
    return Rule(**said)


def kept(records: list[Record], rule: Rule, now: datetime) -> set[str]:
    """Ids of the runs that stay.

    Parameters
    ----------
    records : all runs, in any order
    rule : see Rule
    now : the moment from which days and weeks are counted back
    """
    asked: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.finished, record.id), reverse=True):
        asked.setdefault(record.question, []).append(record)
    stay: set[str] = set()
    for same in asked.values():
        stay |= {record.id for record in standing(same) if record}
        good = [record for record in same if record.status == "ok"]
        stay |= {record.id for record in good[: rule.newest]}
        stay |= _one_each(good, now - timedelta(days=rule.daily), lambda made: made.date())
        stay |= _one_each(good, now - timedelta(weeks=rule.weekly), lambda made: made.isocalendar()[:2])
    return stay


def _one_each(newest_first: list[Record], since: datetime, span: Callable[[datetime], Hashable]) -> set[str]:
    last: dict[Hashable, str] = {}
    for record in newest_first:
        made = datetime.fromisoformat(record.finished).astimezone(UTC)
        if made > since:
            last.setdefault(span(made), record.id)
    return set(last.values())


def thin(site: Site, rule: Rule, now: datetime) -> list[str]:
    """Remove the runs that the rule does not keep; their ids.

    Pages over all runs forget them first, so that no link leads nowhere meanwhile; killed anywhere, it is
    repeated.
    """
    site.prepare()
    with site.locked():
        records = site.records()
        stay = kept(records, rule, now)
        gone = sorted(record.id for record in records if record.id not in stay)
        for record in records:
            if record.id in stay and record.previous and record.previous not in stay:
                _unlink(site, record)
        for name in gone:
            shutil.rmtree(failures.place(site.folder, name), ignore_errors=True)
            (site.runs / name / RECORD).unlink()  # without its record it is no run
    site.build()
    with site.locked():
        for folder in site.runs.iterdir():
            if _RUN.fullmatch(folder.name) and not (folder / RECORD).exists():
                shutil.rmtree(folder)
    return gone


def _unlink(site: Site, record: Record) -> None:
    """It names the run before it, which goes: the words on its page of changes stay, the link does not."""
    place, told = site.runs / record.id / CHANGES, replace(record, previous="")
    if place.is_file():
        link = rf'<a href="\.\./{re.escape(record.previous)}/index\.html">(.*?)</a>'
        data = re.sub(link, r"\1 (kept no longer)", place.read_text(encoding="utf-8")).encode()
        write(place, data)
        told = replace(told, files=record.files | {CHANGES: digest(data)})
    write(site.runs / record.id / RECORD, told.to_json())
