"""Page views become visits, visits become counts per hour, page and source: raw, cleaned, and why.

A visit is a run of page views of one visitor: it ends after 30 minutes of rest, with the UTC day (the
visitor's hash ends with it), or when an outside link of another source is followed. Everything in it
takes the source of its first page view; the rule that removes it removes all of it.
"""
# mypy: disable-error-code="no-untyped-def, call-arg"

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit

from analysis.traffic.machines import BURST_LONG, BURST_SHORT

REST = 30 * 60
# columns of the counts: kept and removed by each rule, page views then visits, then the evidence
KEPT, CRAWLER, NO_AGENT, SPAM, BURST = range(5)
REMOVED = ("crawler", "no_agent", "spam", "burst")
COLUMNS = (
    "pageviews",
    *(f"pageviews.removed.{rule}" for rule in REMOVED),
    "visits",
    *(f"visits.removed.{rule}" for rule in REMOVED),
    "visits.by_tag",
    "visits.by_app",
    "visits.tag_contradicts",
)
VISITS, BY_TAG, BY_APP, CONTRADICTS, WIDTH = 5, 10, 11, 12, 16
HOURS = 1 << 21  # of the hours since 1970: until 2209


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


@njit(nogil=True, cache=True)
def _by_visitor(visitor, time, part, parts):
    """The order that brings each visitor's views together, in time; equal times keep their order.

    A counting sort by sixteen bits of the hash, then an insertion sort in each small bucket. Only
    visitors of one ``part`` of all hashes: parts can be counted side by side.
    """
    low, high = np.uint64(65536 * part // parts), np.uint64(65536 * (part + 1) // parts)
    starts = np.zeros(65537, np.int64)
    for i in range(len(visitor)):
        bucket = visitor[i] >> np.uint64(48)
        if low <= bucket < high:
            starts[bucket + np.uint64(1)] += 1
    for i in range(65536):
        starts[i + 1] += starts[i]
    at = starts.copy()
    order = np.empty(starts[65536], np.int64)
    for i in range(len(visitor)):
        bucket = visitor[i] >> np.uint64(48)
        if low <= bucket < high:
            order[at[bucket]] = i
            at[bucket] += 1
    for bucket in range(np.int64(low), np.int64(high)):
        first, last = starts[bucket], starts[bucket + 1]
        if last - first > 400:  # one visitor's thousands would take insertion squared
            many = order[first:last]
            many = many[np.argsort(time[many], kind="mergesort")]
            order[first:last] = many[np.argsort(visitor[many], kind="mergesort")]
            continue
        for i in range(first + 1, last):
            this = order[i]
            v, t = visitor[this], time[this]
            j = i - 1
            while j >= first and (visitor[order[j]] > v or (visitor[order[j]] == v and time[order[j]] > t)):
                order[j + 1] = order[j]
                j -= 1
            order[j + 1] = this
    return order


@njit(nogil=True, cache=True)
def _bursts(time, referrer, source, order, first, last, direct, internal, short, short_span, long, long_span):
    """Whether views first..last hold more than ``short`` in ``short_span`` seconds, or ``long`` in
    ``long_span``."""
    a = b = first
    in_a = in_b = 0
    for i in range(first, last):
        here = source[referrer[order[i]]]
        if here != direct and here != internal:
            continue
        in_a += 1
        in_b += 1
        now = time[order[i]]
        while now - time[order[a]] >= short_span:
            came = source[referrer[order[a]]]
            in_a -= came in (direct, internal)
            a += 1
        while now - time[order[b]] >= long_span:
            came = source[referrer[order[b]]]
            in_b -= came in (direct, internal)
            b += 1
        if in_a > short or in_b > long:
            return True
    return False


@njit(nogil=True, cache=True)
def _count(
    time,
    visitor,
    target,
    referrer,
    agent,
    order,
    page,
    tag,
    source,
    spam,
    machine,
    app,
    direct,
    internal,
    rest,
    short,
    short_span,
    long,
    long_span,
    sources,
    codes,
):
    """Walk ordered views; write a code of cell and column for each thing counted. Returns how many."""
    n = 0
    first = 0
    stop = len(order)
    while first < stop:
        who = visitor[order[first]]
        last = first + 1
        while last < stop and visitor[order[last]] == who:
            last += 1
        flag = machine[agent[order[first]]]
        if (
            flag == 0
            and last - first > short
            and _bursts(
                time,
                referrer,
                source,
                order,
                first,
                last,
                direct,
                internal,
                short,
                short_span,
                long,
                long_span,
            )
        ):
            flag = BURST
        rule = flag
        now = came = np.int64(-1)
        for k in range(first, last):
            i = order[k]
            evidence = -1
            here = source[referrer[i]]
            tagged = tag[target[i]]
            outside = here != direct and here != internal
            if here == direct:
                if tagged >= 0:
                    here, evidence = tagged, BY_TAG
                elif app[agent[i]] >= 0:
                    here, evidence = app[agent[i]], BY_APP
            elif outside and tagged >= 0 and tagged != here:
                evidence = CONTRADICTS
            begins = now < 0 or time[i] - came > rest or ((outside or evidence == BY_TAG) and here != now)
            if begins:
                now = here
                rule = flag if flag in (CRAWLER, NO_AGENT) else (SPAM if spam[referrer[i]] else flag)
            came = time[i]
            cell = ((page[target[i]] * sources + now) * HOURS + time[i] // 3600) * WIDTH
            codes[n] = cell + rule
            n += 1
            if begins:
                codes[n] = cell + VISITS + rule
                n += 1
                if evidence >= 0 and rule == KEPT:
                    codes[n] = cell + evidence
                    n += 1
        first = last
    return n


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
    if len(views.time) < 100_000:
        threads = 1

    def work(part: int) -> np.ndarray:
        order = _by_visitor(views.visitor, views.time, part, threads)
        codes = np.empty(len(order) * 3, np.int64)
        used = _count(
            views.time,
            views.visitor,
            views.target,
            views.referrer,
            views.agent,
            order,
            meaning.page,
            meaning.tag,
            meaning.source,
            meaning.spam,
            meaning.machine,
            meaning.app,
            direct,
            internal,
            REST,
            *BURST_SHORT,
            *BURST_LONG,
            sources,
            codes,
        )
        codes = codes[:used]
        codes.sort()
        return codes

    if threads == 1:
        codes = work(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            codes = np.concatenate(list(pool.map(work, range(threads))))
        codes.sort()
    first = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])) if len(codes) else codes
    number = np.diff(np.append(first, len(codes)))
    cell, column = np.divmod(codes[first], WIDTH)
    begins = np.concatenate([[True], cell[1:] != cell[:-1]]) if len(cell) else np.zeros(0, bool)
    counts = np.zeros((int(begins.sum()), len(COLUMNS)), np.int32)
    counts[np.cumsum(begins) - 1, column] = number
    # page, source, hour: neighbours are alike, which is what columns compress by
    rest, hour = np.divmod(cell[begins], HOURS)
    page, source = np.divmod(rest, sources)
    return Cells(hour, page, source, counts)
