"""Times and numbers read from bytes; a negative one is no time, no number.

numba keeps what it compiled by file: who changes this file touches ``kernel.py`` too.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def two(buf, i):
    """Two digits as a number, or far below 0."""
    a, b = np.int64(buf[i]) - 48, np.int64(buf[i + 1]) - 48
    if a < 0 or a > 9 or b < 0 or b > 9:
        return np.int64(-1000000)
    return a * 10 + b


@njit(cache=True)
def days(year, month, day):
    """Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant's days_from_civil)."""
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


@njit(cache=True)
def valid_date(year, month, day):
    """Whether the calendar has this day, and our salts do."""
    if month < 1 or month > 12 or day < 1 or day > 31 or year < 1970 or year > 2148:
        return False
    if day > 30 and (month == 4 or month == 6 or month == 9 or month == 11):
        return False
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return day <= (29 if leap else 28)
    return True


@njit(cache=True)
def clock_of(buf, i):
    """HH:MM:SS as seconds, or negative."""
    if buf[i + 2] != 58 or buf[i + 5] != 58:
        return np.int64(-1)
    h, m, s = two(buf, i), two(buf, i + 3), two(buf, i + 6)
    if h < 0 or m < 0 or s < 0 or h > 23 or m > 59 or s > 60:
        return np.int64(-1)
    return h * 3600 + m * 60 + s


@njit(cache=True)
def offset_of(buf, i, stop):
    """+HHMM, +HH:MM or Z as seconds; a million when it is none of them."""
    if i < stop and buf[i] == 90:
        return np.int64(0)
    if stop - i < 5 or (buf[i] != 43 and buf[i] != 45):
        return np.int64(1000000)
    colon = 1 if buf[i + 3] == 58 else 0
    if stop - i < 5 + colon:
        return np.int64(1000000)
    h, m = two(buf, i + 1), two(buf, i + 3 + colon)
    if h < 0 or m < 0 or h > 15 or m > 59:
        return np.int64(1000000)
    seconds = h * 3600 + m * 60
    return -seconds if buf[i] == 45 else seconds


@njit(cache=True)
def month_of(buf, i):
    """The month of an English abbreviation, 0 for none."""
    a, b, c = buf[i] | 32, buf[i + 1] | 32, buf[i + 2] | 32
    months = b"janfebmaraprmayjunjulaugsepoctnovdec"
    for m in range(12):
        if a == months[m * 3] and b == months[m * 3 + 1] and c == months[m * 3 + 2]:
            return m + 1
    return 0


@njit(cache=True)
def clf(buf, i, stop):
    """02/Mar/2026:00:00:00 +0000 as UTC seconds, or negative."""
    if stop - i < 26 or buf[i + 2] != 47 or buf[i + 6] != 47 or buf[i + 11] != 58:
        return np.int64(-1)
    day, month, year = two(buf, i), month_of(buf, i + 3), two(buf, i + 7) * 100 + two(buf, i + 9)
    clock, offset = clock_of(buf, i + 12), offset_of(buf, i + 21, stop)
    if not valid_date(year, month, day) or clock < 0 or offset == 1000000:
        return np.int64(-1)
    return days(year, month, day) * 86400 + clock - offset


@njit(cache=True)
def date_of(buf, i, stop):
    """2026-03-02 as seconds, or negative."""
    if stop - i < 10 or buf[i + 4] != 45 or buf[i + 7] != 45:
        return np.int64(-1)
    year, month, day = two(buf, i) * 100 + two(buf, i + 2), two(buf, i + 5), two(buf, i + 8)
    if not valid_date(year, month, day):
        return np.int64(-1)
    return days(year, month, day) * 86400


@njit(cache=True)
def iso(buf, i, stop, naive):
    """2026-03-02T00:00:00[.123][+01:00] as UTC seconds, or negative."""
    date = date_of(buf, i, stop)
    if date < 0 or stop - i < 19:
        return np.int64(-1)
    clock = clock_of(buf, i + 11)
    if clock < 0:
        return np.int64(-1)
    i += 19
    if i < stop and buf[i] == 46:
        i += 1
        while i < stop and 48 <= buf[i] <= 57:
            i += 1
    if naive:
        return date + clock
    offset = offset_of(buf, i, stop)
    return np.int64(-1) if offset == 1000000 else date + clock - offset


@njit(cache=True)
def number_of(buf, i, stop):
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
