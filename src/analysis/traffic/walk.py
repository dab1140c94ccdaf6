"""The walk over each visitor's page views, compiled: visits begun, machines told, cells counted."""
# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import numpy as np
from numba import njit

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

# A view with all that is asked of it side by side: it is met in the order of its visitor, far from
# its neighbours, and what stands together comes from memory at once.
VIEW = np.dtype(
    [
        ("time", np.int64),
        ("visitor", np.uint64),
        ("page", np.int32),
        ("source", np.int32),
        ("evidence", np.int8),
        ("outside", np.bool_),
        ("machine", np.int8),
        ("spam", np.bool_),
    ],
    align=True,
)


@njit(nogil=True, cache=True)
def describe(
    out, first, last, time, visitor, target, referrer, agent, page, tag, source, spam, machine, app, inside
):
    """Views first..last with what their strings mean; ``inside``: the sources that are no outside link."""
    for i in range(first, last):
        view = out[i]
        here, tagged = source[referrer[i]], tag[target[i]]
        evidence = -1
        outside = here != inside[0] and here != inside[1]
        if here == inside[0]:
            if tagged >= 0:
                here, evidence = tagged, BY_TAG
            elif app[agent[i]] >= 0:
                here, evidence = app[agent[i]], BY_APP
        elif outside and tagged >= 0 and tagged != here:
            evidence = CONTRADICTS
        view.time = time[i]
        view.visitor = visitor[i]
        view.page = page[target[i]]
        view.source = here
        view.evidence = evidence
        view.outside = outside
        view.machine = machine[agent[i]]
        view.spam = spam[referrer[i]]


@njit(nogil=True, cache=True)
def keys(visitor, part, parts, bits):
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
def order(keys, views, bits):
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
            v, t = views[this].visitor, views[this].time
            j = last - 1
            while moves < 1 << 16 and j >= first:
                other = views[order[j]]
                if other.visitor < v or (other.visitor == v and other.time <= t):
                    break
                order[j + 1] = order[j]
                j -= 1
                moves += 1
            order[j + 1] = this
            last += 1
        if moves >= 1 << 16:  # files in no order: one visitor's thousands would take insertion squared
            many = np.sort(order[first:last])
            many = many[np.argsort(views["time"][many], kind="mergesort")]
            order[first:last] = many[np.argsort(views["visitor"][many], kind="mergesort")]
        first = last
    return order


@njit(nogil=True, cache=True)
def _bursts(views, order, first, last, short, short_span, long, long_span):
    """Whether views first..last hold more than ``short`` in ``short_span`` seconds, or ``long`` in
    ``long_span``."""
    a = b = first
    in_a = in_b = 0
    for i in range(first, last):
        if views[order[i]].outside:
            continue
        in_a += 1
        in_b += 1
        now = views[order[i]].time
        while now - views[order[a]].time >= short_span:
            in_a -= not views[order[a]].outside
            a += 1
        while now - views[order[b]].time >= long_span:
            in_b -= not views[order[b]].outside
            b += 1
        if in_a > short or in_b > long:
            return True
    return False


@njit(nogil=True, cache=True)
def walk(views, order, rest, short, short_span, long, long_span, sources, codes):
    """Walk ordered views; write a code of cell and column for each thing counted. Returns how many."""
    n = 0
    first = 0
    stop = len(order)
    while first < stop:
        who = views[order[first]].visitor
        last = first + 1
        while last < stop and views[order[last]].visitor == who:
            last += 1
        flag = np.int64(views[order[first]].machine)
        if (
            flag == 0
            and last - first > short
            and _bursts(views, order, first, last, short, short_span, long, long_span)
        ):
            flag = BURST
        rule = flag
        now = came = np.int64(-1)
        for k in range(first, last):
            view = views[order[k]]
            named = view.outside or view.evidence == BY_TAG
            begins = now < 0 or view.time - came > rest or (named and view.source != now)
            if begins:
                now = np.int64(view.source)
                rule = flag if flag in (CRAWLER, NO_AGENT) else (SPAM if view.spam else flag)
            came = view.time
            cell = ((view.page * sources + now) * HOURS + view.time // 3600) * WIDTH
            codes[n] = cell + rule
            n += 1
            if begins:
                codes[n] = cell + VISITS + rule
                n += 1
                if view.evidence >= 0 and rule == KEPT:
                    codes[n] = cell + view.evidence
                    n += 1
        first = last
    return n


@njit(nogil=True, cache=True)
def tally(codes, columns):
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
