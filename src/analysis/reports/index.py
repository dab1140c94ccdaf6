"""The pages a reader comes in by: the newest of each report, every run, and a page per content."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from analysis.reports import clean, notebooks
from analysis.reports.record import Record, standing

TEMPLATE = Path(__file__).parent / "template"
SHOWN = 200  # runs on the index; the others stand in the history
INDEX, HISTORY, CONTENTS, FEED = "index.html", "history.html", "contents/index.html", "feed.xml"


@dataclass(frozen=True)
class Look:
    """What the pages of one build share: the names of the assets, and the site's time zone."""

    assets: dict[str, str]
    zone: str


def pages(records: list[Record], look: Look, notices: list[dict[str, str]] | None = None) -> dict[str, bytes]:
    """Path to bytes of every page that depends on several runs; the index comes last.

    Parameters
    ----------
    records : all runs, newest first
    look : see Look
    notices : what the schedule wants readers to know: subject, since and why of each
    """
    spoken = _contents(records)
    made = {
        f"contents/{key}.html": render("content.html.j2", look, home="../", **spoken[key])
        for key in sorted(spoken)
    }
    listed = sorted(
        spoken.values(), key=lambda entry: (entry["runs"][0].data_as_of, entry["url"]), reverse=True
    )
    made[CONTENTS] = render("contents.html.j2", look, home="../", contents=listed)
    made[HISTORY] = render("history.html.j2", look, home="", records=records)
    made[INDEX] = render(
        "site.html.j2",
        look,
        home="",
        records=records,
        shown=SHOWN,
        latest=latest(records),
        contents=listed,
        notices=notices or [],
    )
    return made


def latest(records: list[Record]) -> list[dict[str, Any]]:
    """One card a report, a reader's first question first.

    Its standing page, with default parameters if there is one, and a newer failure.
    """
    reports: dict[str, list[Record]] = {}
    for record in records:
        reports.setdefault(record.report, []).append(record)
    cards = []
    for _, mine in sorted(reports.items(), key=lambda report: notebooks.order(report[0])):
        usual = [record for record in mine if not record.given]
        newest = standing(usual)[0] or standing(mine)[0]
        shown = newest or mine[0]
        _, failure = standing([record for record in mine if record.question == shown.question])
        cards.append({"record": shown, "failed": failure if failure and failure.id != shown.id else None})
    return cards


def _contents(records: list[Record]) -> dict[str, dict[str, Any]]:
    """content_id to its url, its title as the newest run has it, and the newest run of each series.

    ``older`` counts the other runs that speak of it.
    """
    found: dict[str, dict[str, Any]] = {}
    series: dict[str, set[str]] = {}
    published = [record for record in records if record.status == "ok"]
    # not by when they were made: these pages are the same whenever the site is built
    for record in sorted(published, key=lambda record: (record.data_as_of, record.id), reverse=True):
        for content in record.contents:
            key = content["content_id"]
            entry = found.setdefault(key, {**content, "runs": [], "older": 0})
            known = series.setdefault(key, set())
            if record.series in known:
                entry["older"] += 1
            else:
                known.add(record.series)
                entry["runs"].append(record)
    return found


def render(name: str, look: Look, home: str, **words: Any) -> bytes:
    """A page of the site from its template; ``home`` leads from it to the site's folder."""
    page = _template(name).render(assets=look.assets, zone=look.zone, home=home, csp=clean.CSP, **words)
    return str(page).encode()


@cache
def _template(name: str) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=clean.finalize,
        trim_blocks=True,
    )
    return environment.get_template(name)
