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
def _keys(visitor, part, parts, bits):
    """Of one ``part`` of all hashes: the hash with its last ``bits`` replaced by where it stands.

    Parts can be counted side by side.
    """
    low, high = np.uint64(65536 * part // parts), np.uint64(65536 * (part + 1) // parts)
    n = 0
    for i in range(len(visitor)):
        n += low <= visitor[i] >> np.uint64(48) < high
    keys = np.empty(n, np.uint64)
    n = 0
    for i in range(len(visitor)):
        if low <= visitor[i] >> np.uint64(48) < high:
            keys[n] = visitor[i] >> bits << bits | np.uint64(i)
            n += 1
    return keys


@njit(nogil=True, cache=True)
def _settle(keys, visitor, time, bits):
    """Sorted keys as the order of views by visitor, then time; equal times keep their order.

    Sorted they stand as in the file, and a file is nearly in the order of time: what is left to do
    is an insertion here and there, and to tell apart visitors that are alike in all but the last bits.
    """
    order = np.empty(len(keys), np.int64)
    mask = (np.uint64(1) << bits) - np.uint64(1)
    for i in range(len(keys)):
        order[i] = np.int64(keys[i] & mask)
    first = 0
    while first < len(keys):
        last = first + 1
        moves = 0
        while last < len(keys) and keys[last] >> bits == keys[first] >> bits:
            this = order[last]
            v, t = visitor[this], time[this]
            j = last - 1
            while moves < 1 << 16 and j >= first:
                other = order[j]
                if visitor[other] < v or (visitor[other] == v and time[other] <= t):
                    break
                order[j + 1] = other
                j -= 1
                moves += 1
            order[j + 1] = this
            last += 1
        if moves >= 1 << 16:  # files in no order: one visitor's thousands would take insertion squared
            many = np.sort(order[first:last])
            many = many[np.argsort(time[many], kind="mergesort")]
            order[first:last] = many[np.argsort(visitor[many], kind="mergesort")]
        first = last
    return order


def _by_visitor(visitor: np.ndarray, time: np.ndarray, part: int, parts: int) -> np.ndarray:
    """The order that brings each visitor's views together, in time; only visitors of one part."""
    bits = np.uint64(len(visitor).bit_length())
    keys = _keys(visitor, part, parts, bits)
    keys.sort()
    return _settle(keys, visitor, time, bits)


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


@njit(nogil=True, cache=True)
def _tally(codes, columns):
    """How often each column of each cell stands in sorted codes."""
    n = 0
    for i in range(len(codes)):
        n += i == 0 or codes[i] // WIDTH != codes[i - 1] // WIDTH
    cell = np.empty(n, np.int64)
    counts = np.zeros((n, columns), np.int32)
    n = -1
    for i in range(len(codes)):
        if i == 0 or codes[i] // WIDTH != codes[i - 1] // WIDTH:
            n += 1
            cell[n] = codes[i] // WIDTH
        counts[n, codes[i] % WIDTH] += 1
    return cell, counts


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
    # page, source, hour: neighbours are alike, which is what columns compress by
    cell, counts = _tally(codes, len(COLUMNS))
    page, source = np.divmod(cell // HOURS, sources)
    return Cells(cell % HOURS, page, source, counts)
