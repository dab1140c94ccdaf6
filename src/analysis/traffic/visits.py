"""Page views become visits, visits become counts per hour, page and source: raw, cleaned, and why.

A visit is a run of page views of one visitor: it ends after 30 minutes of rest, with the UTC day (the
visitor's hash ends with it), or when an outside link of another source is followed. Everything in it
takes the source of its first page view; the rule that removes it removes all of it.
"""
# mypy: disable-error-code="call-arg, arg-type"

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from analysis.traffic.machines import BURST_LONG, BURST_SHORT
from analysis.traffic.walk import COLUMNS, HOURS, REST, VIEW, describe, keys, order, tally, walk


@dataclass(frozen=True)
class Views:
    """Page views as arrays of one length, in the order of their file.

    time : seconds since 1970, UTC
    visitor : the salted daily hash
    target, referrer, agent : numbers of strings
    """

    time: np.ndarray
    visitor: np.ndarray
    target: np.ndarray
    referrer: np.ndarray
    agent: np.ndarray


@dataclass(frozen=True)
class Meaning:
    """What each string is, by its number.

    page : number of the page, by target; -1 where the address is no URL of the site
    tag : number of the source that the target's tags name, -1 for none
    source : number of the source a referrer names
    spam : whether a referrer is spam
    machine : 0, CRAWLER or NO_AGENT, by agent
    app : number of the source whose in-app browser the agent is, -1 for none
    """

    page: np.ndarray
    tag: np.ndarray
    source: np.ndarray
    spam: np.ndarray
    machine: np.ndarray
    app: np.ndarray


@dataclass(frozen=True)
class Cells:
    """Counts by hour (hours since 1970), page and source: one row of ``counts`` each, by ``COLUMNS``."""

    hour: np.ndarray
    page: np.ndarray
    source: np.ndarray
    counts: np.ndarray


def count(
    views: Views, meaning: Meaning, direct: int, internal: int, sources: int, threads: int = 1
) -> Cells:
    """The counts of all cells that have any, by page, source and hour.

    Parameters
    ----------
    views : page views of pages of the site
    meaning : what their strings are
    direct, internal : the numbers of those two sources
    sources : how many there are
    threads : how many parts of the visitors are counted side by side
    """
    many = len(views.time)
    if many < 100_000:
        threads = 1
    bits = np.uint64(many.bit_length())
    described = np.empty(many, VIEW)
    ends = [many * part // threads for part in range(threads + 1)]

    def meant(part: int) -> None:
        describe(
            described,
            ends[part],
            ends[part + 1],
            views.time,
            views.visitor,
            views.target,
            views.referrer,
            views.agent,
            meaning.page,
            meaning.tag,
            meaning.source,
            meaning.spam,
            meaning.machine,
            meaning.app,
            (direct, internal),
        )

    def work(part: int) -> np.ndarray:
        sorted_keys = keys(views.visitor, part, threads, bits)
        sorted_keys.sort()
        ordered = order(sorted_keys, described, bits)
        codes = np.empty(len(ordered) * 3, np.int64)
        used = walk(described, ordered, REST, *BURST_SHORT, *BURST_LONG, sources, codes)
        return np.sort(codes[:used])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(meant, range(threads)))
        codes = np.concatenate(list(pool.map(work, range(threads))))
    if threads > 1:
        codes.sort()
    # page, source, hour: neighbours are alike, which is what columns compress by
    cell, counts = tally(codes, len(COLUMNS))
    page, source = np.divmod(cell // HOURS, sources)
    return Cells(cell % HOURS, page, source, counts)
