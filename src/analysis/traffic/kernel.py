"""The one pass over the bytes, compiled: fields found, times read, strings numbered, addresses hashed.

What numba compiles is written for it: indices and loops, no objects.
"""
# mypy: disable-error-code="no-untyped-def, call-arg, var-annotated"

from __future__ import annotations

import numpy as np
from numba import njit

from analysis.traffic.hashes import find, hash_of, mix
from analysis.traffic.raw import byte_at, first_set, has, word_at
from analysis.traffic.values import clf, clock_of, date_of, iso, number_of, two

# what a field holds
SKIP, ADDRESS, CLF_TIME, REQUEST, STATUS, REFERRER, AGENT, HOST = range(8)
METHOD, TARGET, PATH, QUERY, DATE, CLOCK, ISO_TIME, EPOCH, EPOCH_MS = range(8, 17)
FIELDS = (
    "a field",
    "address",
    "time",
    "request",
    "status",
    "referrer",
    "agent",
    "host",
    "method",
    "target",
    "path",
    "query",
    "date",
    "clock",
    "time",
    "epoch time",
    "epoch time",
)

# columns of a run: the quarter of an hour, how many lines, and how many of them are no page views
QUARTER, ALL_LINES, ERROR, METHOD_OTHER, MALFORMED, ASSET, VIEWS = range(7)

# why a line was refused: ENDS + field, BAD + field, or one of these
ENDS, BAD, LONG, EMPTY, START = 100, 200, 1, 2, 3
LONGEST = 1 << 20
QUOTES, NEWLINES, SLASHES = (np.uint64(byte * 0x0101010101010101) for byte in (34, 10, 92))


@njit(nogil=True, cache=True)
def _scan(
    buf,
    pos,
    stop,
    codes,
    literals,
    offsets,
    lead,
    naive,
    salts,
    multiplier,
    t_keys,
    t_ids,
    t_count,
    r_keys,
    r_ids,
    r_count,
    a_keys,
    a_ids,
    a_count,
    time,
    visitor,
    target,
    referrer,
    agent,
    runs,
    assets,
    t_new,
    r_new,
    a_new,
    bad,
    longest,
):
    """Parse lines from ``pos`` until ``stop``, or until an output or a table is full."""
    n = nt = nr = na = nbad = lines = parsed = 0
    run = -1
    earliest = latest = np.int64(-1)
    room = len(time)
    steps = len(codes)
    day_word = hour_word = offset_word = np.uint64(0)
    hour_start = np.int64(0)
    base = np.uint64(buf.ctypes.data)
    last = base + np.uint64(stop)
    while pos < stop:
        if (
            n >= room
            or run + 1 >= len(runs)
            or nbad >= len(bad)
            or nt >= len(t_new)
            or nr >= len(r_new)
            or na >= len(a_new)
            or (t_count + nt) * 2 >= len(t_keys)
            or (r_count + nr) * 2 >= len(r_keys)
            or (a_count + na) * 2 >= len(a_keys)
        ):
            break
        begin = pos
        i = pos
        why = 0
        t = np.int64(-1)
        date = clock = np.int64(-1)
        status = np.int64(0)
        ip0 = ip1 = h0 = h1 = r0 = r1 = a0 = a1 = m0 = m1 = q0 = q1 = np.int64(0)
        g0 = g1 = np.int64(-1)
        for k in range(len(lead)):
            if i >= stop or buf[i] != lead[k]:
                why = START
                break
            i += 1
        if buf[begin] == 10 or (buf[begin] == 13 and begin + 1 < stop and buf[begin + 1] == 10):
            why = EMPTY
        if why == 0:
            for step in range(steps):
                l0, l1 = offsets[step], offsets[step + 1]
                f0 = i
                found = False
                if l1 == l0:  # the rest of the line
                    while i < stop and buf[i] != 10:
                        i += 1
                    f1 = i
                    if f1 > f0 and buf[f1 - 1] == 13:
                        f1 -= 1
                    found = True
                else:
                    first = literals[l0]
                    width = l1 - l0
                    quoted = first == 34
                    f1 = i
                    if codes[step] == CLF_TIME and i + 26 < stop and buf[i + 26] == first:
                        i += 26  # as long as ever: its end is looked at, its middle is parsed below
                    while i < stop:
                        if quoted:  # eight at a time past bytes that mean nothing
                            p = base + np.uint64(i)
                            while p + np.uint64(8) <= last:
                                w = word_at(p)
                                hits = has(w, QUOTES) | has(w, NEWLINES) | has(w, SLASHES)
                                if hits != 0:
                                    p += first_set(hits) >> np.uint64(3)
                                    break
                                p += np.uint64(8)
                            i = np.int64(p - base)
                            if i >= stop:
                                break
                        c = byte_at(base + np.uint64(i))
                        if c == first:
                            same = i + width <= stop
                            k = 1
                            while same and k < width:
                                same = buf[i + k] == literals[l0 + k]
                                k += 1
                            if same:
                                f1 = i
                                i += width
                                found = True
                                break
                        elif c == 10:
                            break
                        elif quoted and c == 92 and i + 1 < stop and buf[i + 1] != 10:
                            i += 1
                        i += 1
                code = codes[step]
                if not found:
                    why = ENDS + code
                    break
                if code == ADDRESS:
                    ip0, ip1 = f0, f1
                    if f1 == f0:
                        why = BAD + code
                elif code == CLF_TIME:
                    # lines of one hour differ in minute and second alone
                    p = base + np.uint64(f0)
                    minute = second = np.int64(-1)
                    if f1 - f0 == 26 and word_at(p) == day_word and word_at(p + np.uint64(6)) == hour_word:  # noqa: SIM102
                        if (
                            word_at(p + np.uint64(18)) >> np.uint64(16) == offset_word
                            and byte_at(p + np.uint64(14)) == 58
                        ):
                            minute, second = two(buf, f0 + 15), two(buf, f0 + 18)
                    if 0 <= minute < 60 and 0 <= second < 61 and byte_at(p + np.uint64(17)) == 58:
                        t = hour_start + minute * 60 + second
                    else:
                        t = clf(buf, f0, f1)
                        if t < 0:
                            why = BAD + code
                        elif f1 - f0 == 26:
                            day_word, hour_word = word_at(p), word_at(p + np.uint64(6))
                            offset_word = word_at(p + np.uint64(18)) >> np.uint64(16)
                            hour_start = t - two(buf, f0 + 15) * 60 - two(buf, f0 + 18)
                elif code == REQUEST:
                    m0 = f0
                    j = f0
                    while j < f1 and buf[j] != 32:
                        j += 1
                    m1 = j
                    if j < f1:
                        g0 = j + 1
                        e = f1 - 1
                        # the protocol is the last word; HTTP/0.9 has none
                        while e > j and buf[e] != 32:
                            e -= 1
                        if (
                            e > j
                            and f1 - e > 5
                            and buf[e + 1] == 72
                            and buf[e + 2] == 84
                            and buf[e + 5] == 47
                        ):
                            g1 = e
                        else:
                            g1 = f1
                elif code == STATUS:
                    status = number_of(buf, f0, f1)
                    if status < 100 or status > 599 or f1 - f0 != 3:  # noqa: SIM102
                        # some servers write 000 for a connection that closed early
                        if not (f1 - f0 == 3 and status == 0) and not (f1 - f0 == 1 and buf[f0] == 45):
                            why = BAD + code
                elif code == REFERRER:
                    r0, r1 = f0, f1
                elif code == AGENT:
                    a0, a1 = f0, f1
                elif code == HOST:
                    h0, h1 = f0, f1
                elif code == METHOD:
                    m0, m1 = f0, f1
                elif code in (TARGET, PATH):
                    g0, g1 = f0, f1
                elif code == QUERY:
                    q0, q1 = f0, f1
                    if q1 - q0 == 1 and buf[q0] == 45:
                        q1 = q0
                elif code == DATE:
                    date = date_of(buf, f0, f1)
                    if date < 0:
                        why = BAD + code
                elif code == CLOCK:
                    clock = clock_of(buf, f0) if f1 - f0 >= 8 else np.int64(-1)
                    if clock < 0:
                        why = BAD + code
                elif code == ISO_TIME:
                    t = iso(buf, f0, f1, naive)
                    if t < 0:
                        why = BAD + code
                elif code == EPOCH:
                    t = number_of(buf, f0, f1)
                    if t < 0 or t >= 5632000000:
                        why = BAD + code
                elif code == EPOCH_MS:
                    t = number_of(buf, f0, f1)
                    t = t // 1000 if t >= 0 else t
                    if t < 0 or t >= 5632000000:
                        why = BAD + code
                if why != 0:
                    break
            if why == 0 and date >= 0 and clock >= 0:
                t = date + clock
        # to the end of the line
        p = base + np.uint64(i)
        while p < last and byte_at(p) != 10:
            p += np.uint64(1)
        i = np.int64(p - base)
        end = i
        pos = i + 1
        lines += 1
        if end - begin > longest:
            why = LONG
        if why == 0 and t < 0:
            why = BAD + CLF_TIME
        if why != 0:
            bad[nbad, 0] = lines
            bad[nbad, 1] = why
            bad[nbad, 2] = begin
            bad[nbad, 3] = min(end, begin + 2000)
            nbad += 1
            continue
        parsed += 1
        if earliest < 0 or t < earliest:
            earliest = t
        if t > latest:
            latest = t
        if run < 0 or runs[run, QUARTER] != t // 900:
            run += 1
            runs[run, :] = 0
            runs[run, QUARTER] = t // 900
        runs[run, ALL_LINES] += 1
        if g0 < 0 or g1 <= g0:
            runs[run, MALFORMED] += 1
        elif m1 - m0 != 3 or buf[m0] != 71 or buf[m0 + 1] != 69 or buf[m0 + 2] != 84:
            runs[run, METHOD_OTHER] += 1
        elif not (200 <= status < 300 or status == 304):
            runs[run, ERROR] += 1
        else:
            h = hash_of(base, g0, g1, np.uint64(3), multiplier)
            if h1 > h0:
                h ^= hash_of(base, h0, h1, np.uint64(4), multiplier)
            if q1 > q0:
                h ^= hash_of(base, q0, q1, np.uint64(5), multiplier)
            slot = find(t_keys, t_ids, h)
            if t_ids[slot] < 0:
                t_keys[slot], t_ids[slot] = h, t_count + nt
                t_new[nt, 0], t_new[nt, 1], t_new[nt, 2] = g0, g1, h0
                t_new[nt, 3], t_new[nt, 4], t_new[nt, 5] = h1, q0, q1
                nt += 1
            elif t_ids[slot] < len(assets) and assets[t_ids[slot]]:
                runs[run, ASSET] += 1
                continue
            runs[run, VIEWS] += 1
            target[n] = t_ids[slot]
            time[n] = t
            h = hash_of(base, a0, a1, np.uint64(1), multiplier)
            slot = find(a_keys, a_ids, h)
            if a_ids[slot] < 0:
                a_keys[slot], a_ids[slot] = h, a_count + na
                a_new[na, 0], a_new[na, 1] = a0, a1
                na += 1
            agent[n] = a_ids[slot]
            visitor[n] = mix(hash_of(base, ip0, ip1, salts[t // 86400], multiplier) ^ h)
            h = hash_of(base, r0, r1, np.uint64(2), multiplier)
            slot = find(r_keys, r_ids, h)
            if r_ids[slot] < 0:
                r_keys[slot], r_ids[slot] = h, r_count + nr
                r_new[nr, 0], r_new[nr, 1] = r0, r1
                nr += 1
            referrer[n] = r_ids[slot]
            n += 1
    return pos, n, nbad, lines, nt, nr, na, run + 1, parsed, earliest, latest
