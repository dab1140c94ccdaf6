"""The one pass over the bytes, compiled: fields found, times read, strings numbered, addresses hashed.

What numba compiles is written for it: indices and loops, no objects.
"""
# mypy: disable-error-code="no-untyped-def, call-arg, var-annotated"

from __future__ import annotations

import numpy as np
from numba import njit

from analysis.traffic.raw import byte_at, first_set, has, word_at

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


@njit(cache=True)
def _rehash(keys, ids, new_keys, new_ids):
    mask = np.uint64(len(new_keys) - 1)
    for i in range(len(keys)):
        if ids[i] >= 0:
            slot = keys[i] & mask
            while new_ids[slot] >= 0:
                slot = (slot + np.uint64(1)) & mask
            new_keys[slot] = keys[i]
            new_ids[slot] = ids[i]


@njit(cache=True)
def _mix(h):
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    h ^= h >> np.uint64(33)
    return h


@njit(cache=True)
def _hash(base, start, stop, seed, multiplier):
    """Eight bytes a step: a multiplication waits for the one before it."""
    h = seed
    i = base + np.uint64(start)
    last = base + np.uint64(stop)
    while i + np.uint64(8) <= last:
        h = (h ^ word_at(i)) * multiplier
        h ^= h >> np.uint64(29)
        i += np.uint64(8)
    while i < last:
        h = (h ^ np.uint64(byte_at(i))) * multiplier
        i += np.uint64(1)
    return _mix(h ^ np.uint64(stop - start))


@njit(cache=True)
def _find(keys, ids, h):
    """The slot that holds this hash, or the empty one where it belongs."""
    mask = np.uint64(len(keys) - 1)
    slot = h & mask
    while ids[slot] >= 0 and keys[slot] != h:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True)
def _two(buf, i):
    a, b = np.int64(buf[i]) - 48, np.int64(buf[i + 1]) - 48
    if a < 0 or a > 9 or b < 0 or b > 9:
        return np.int64(-1000000)
    return a * 10 + b


@njit(cache=True)
def _days(year, month, day):
    """Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant's days_from_civil)."""
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


@njit(cache=True)
def _valid_date(year, month, day):
    if month < 1 or month > 12 or day < 1 or day > 31 or year < 1970 or year > 2148:
        return False
    if day > 30 and (month == 4 or month == 6 or month == 9 or month == 11):
        return False
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return day <= (29 if leap else 28)
    return True


@njit(cache=True)
def _clock(buf, i):
    """HH:MM:SS as seconds, or negative."""
    if buf[i + 2] != 58 or buf[i + 5] != 58:
        return np.int64(-1)
    h, m, s = _two(buf, i), _two(buf, i + 3), _two(buf, i + 6)
    if h < 0 or m < 0 or s < 0 or h > 23 or m > 59 or s > 60:
        return np.int64(-1)
    return h * 3600 + m * 60 + s


@njit(cache=True)
def _offset(buf, i, stop):
    """+HHMM, +HH:MM or Z as seconds; a million when it is none of them."""
    if i < stop and buf[i] == 90:
        return np.int64(0)
    if stop - i < 5 or (buf[i] != 43 and buf[i] != 45):
        return np.int64(1000000)
    colon = 1 if buf[i + 3] == 58 else 0
    if stop - i < 5 + colon:
        return np.int64(1000000)
    h, m = _two(buf, i + 1), _two(buf, i + 3 + colon)
    if h < 0 or m < 0 or h > 15 or m > 59:
        return np.int64(1000000)
    seconds = h * 3600 + m * 60
    return -seconds if buf[i] == 45 else seconds


@njit(cache=True)
def _month(buf, i):
    a, b, c = buf[i] | 32, buf[i + 1] | 32, buf[i + 2] | 32
    months = b"janfebmaraprmayjunjulaugsepoctnovdec"
    for m in range(12):
        if a == months[m * 3] and b == months[m * 3 + 1] and c == months[m * 3 + 2]:
            return m + 1
    return 0


@njit(cache=True)
def _clf(buf, i, stop):
    """02/Mar/2026:00:00:00 +0000 as UTC seconds, or negative."""
    if stop - i < 26 or buf[i + 2] != 47 or buf[i + 6] != 47 or buf[i + 11] != 58:
        return np.int64(-1)
    day, month, year = _two(buf, i), _month(buf, i + 3), _two(buf, i + 7) * 100 + _two(buf, i + 9)
    clock, offset = _clock(buf, i + 12), _offset(buf, i + 21, stop)
    if not _valid_date(year, month, day) or clock < 0 or offset == 1000000:
        return np.int64(-1)
    return _days(year, month, day) * 86400 + clock - offset


@njit(cache=True)
def _date(buf, i, stop):
    """2026-03-02 as seconds, or negative."""
    if stop - i < 10 or buf[i + 4] != 45 or buf[i + 7] != 45:
        return np.int64(-1)
    year, month, day = _two(buf, i) * 100 + _two(buf, i + 2), _two(buf, i + 5), _two(buf, i + 8)
    if not _valid_date(year, month, day):
        return np.int64(-1)
    return _days(year, month, day) * 86400


@njit(cache=True)
def _iso(buf, i, stop, naive):
    """2026-03-02T00:00:00[.123][+01:00] as UTC seconds, or negative."""
    date = _date(buf, i, stop)
    if date < 0 or stop - i < 19:
        return np.int64(-1)
    clock = _clock(buf, i + 11)
    if clock < 0:
        return np.int64(-1)
    i += 19
    if i < stop and buf[i] == 46:
        i += 1
        while i < stop and 48 <= buf[i] <= 57:
            i += 1
    if naive:
        return date + clock
    offset = _offset(buf, i, stop)
    return np.int64(-1) if offset == 1000000 else date + clock - offset


@njit(cache=True)
def _number(buf, i, stop):
    """Leading digits as a number (a fraction is cut off), or negative."""
    if i >= stop:
        return np.int64(-1)
    value = np.int64(0)
    digits = 0
    while i < stop and 48 <= buf[i] <= 57 and digits < 17:
        value = value * 10 + (np.int64(buf[i]) - 48)
        i += 1
        digits += 1
    if digits == 0 or (i < stop and buf[i] != 46):
        return np.int64(-1)
    return value


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
                            minute, second = _two(buf, f0 + 15), _two(buf, f0 + 18)
                    if 0 <= minute < 60 and 0 <= second < 61 and byte_at(p + np.uint64(17)) == 58:
                        t = hour_start + minute * 60 + second
                    else:
                        t = _clf(buf, f0, f1)
                        if t < 0:
                            why = BAD + code
                        elif f1 - f0 == 26:
                            day_word, hour_word = word_at(p), word_at(p + np.uint64(6))
                            offset_word = word_at(p + np.uint64(18)) >> np.uint64(16)
                            hour_start = t - _two(buf, f0 + 15) * 60 - _two(buf, f0 + 18)
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
                    status = _number(buf, f0, f1)
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
                    date = _date(buf, f0, f1)
                    if date < 0:
                        why = BAD + code
                elif code == CLOCK:
                    clock = _clock(buf, f0) if f1 - f0 >= 8 else np.int64(-1)
                    if clock < 0:
                        why = BAD + code
                elif code == ISO_TIME:
                    t = _iso(buf, f0, f1, naive)
                    if t < 0:
                        why = BAD + code
                elif code == EPOCH:
                    t = _number(buf, f0, f1)
                    if t < 0 or t >= 5632000000:
                        why = BAD + code
                elif code == EPOCH_MS:
                    t = _number(buf, f0, f1)
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
            h = _hash(base, g0, g1, np.uint64(3), multiplier)
            if h1 > h0:
                h ^= _hash(base, h0, h1, np.uint64(4), multiplier)
            if q1 > q0:
                h ^= _hash(base, q0, q1, np.uint64(5), multiplier)
            slot = _find(t_keys, t_ids, h)
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
            h = _hash(base, a0, a1, np.uint64(1), multiplier)
            slot = _find(a_keys, a_ids, h)
            if a_ids[slot] < 0:
                a_keys[slot], a_ids[slot] = h, a_count + na
                a_new[na, 0], a_new[na, 1] = a0, a1
                na += 1
            agent[n] = a_ids[slot]
            visitor[n] = _mix(_hash(base, ip0, ip1, salts[t // 86400], multiplier) ^ h)
            h = _hash(base, r0, r1, np.uint64(2), multiplier)
            slot = _find(r_keys, r_ids, h)
            if r_ids[slot] < 0:
                r_keys[slot], r_ids[slot] = h, r_count + nr
                r_new[nr, 0], r_new[nr, 1] = r0, r1
                nr += 1
            referrer[n] = r_ids[slot]
            n += 1
    return pos, n, nbad, lines, nt, nr, na, run + 1, parsed, earliest, latest
