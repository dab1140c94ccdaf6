"""When something is due: a cron expression or plain words, in a time zone, over both changes of the clock.

Slots are moments in UTC. As Debian's cron does, a time of day that the spring change skips is due when the
gap is over, one that the autumn change repeats is due once; every-hour expressions follow the real hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

EXPECTED = (
    '"hourly", "daily 06:00", "weekdays 06:00", "weekly monday 07:00", "monthly 1 06:00" '
    'or five fields of cron such as "15 6 * * 1-5"'
)
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
FOLD = timedelta(hours=3)  # more than any clock has been put forward or back at once
LONGEST = 10_000  # slots looked at in one go: more than a year of hours

_WORDS = re.compile(
    r"(?:(?P<hourly>hourly)|(?P<daily>daily)|(?P<weekdays>weekdays)|weekly +(?P<day>[a-z]+)"
    r"|monthly +(?P<date>\d{1,2}))(?: +(?P<hour>\d{1,2}):(?P<minute>\d{2}))?"
)


@dataclass(frozen=True)
class When:
    """A recurring moment: its words as written, the cron expression they mean, and their zone."""

    words: str
    cron: str
    zone: ZoneInfo

    def slots(self, after: datetime, until: datetime) -> list[datetime]:
        """The slots in (after, until], oldest first; the newest 10,000 where there are more."""
        found: list[datetime] = []
        for slot in self._backwards(until):
            if slot <= after or len(found) == LONGEST:
                break
            found.append(slot)
        return found[::-1]

    def newest(self, until: datetime) -> datetime | None:
        """The last slot at or before a moment; None where there has been none for fifty years."""
        return next(self._backwards(until), None)

    def next(self, after: datetime) -> datetime | None:
        """The first slot after a moment; None where there will be none for fifty years."""
        ticks = CronSim(self.cron, (after - FOLD).astimezone(self.zone))
        return next((slot for tick in ticks if (slot := tick.astimezone(UTC)) > after), None)

    def period(self, around: datetime) -> timedelta:
        """The longest of the next distances between slots: a page made now lasts so long."""
        later = self.slots_after(around, 8)
        return max((b - a for a, b in pairwise(later)), default=timedelta(days=366))

    def slots_after(self, after: datetime, count: int) -> list[datetime]:
        """The next so many slots after a moment."""
        ticks = CronSim(self.cron, (after - FOLD).astimezone(self.zone))
        moments = (tick.astimezone(UTC) for tick in ticks)
        return list(islice((slot for slot in moments if slot > after), count))

    def _backwards(self, until: datetime) -> Iterator[datetime]:
        # cronsim starts from the clock's face, which is ambiguous in the repeated hour: begin a little later
        last = None
        for tick in CronSim(self.cron, (until + FOLD).astimezone(self.zone), reverse=True):
            slot = tick.astimezone(UTC)
            if slot <= until and slot != last:
                last = slot
                yield slot


def parse(words: str, zone: ZoneInfo) -> When:
    """What the words mean.

    Raises
    ------
    ValueError
        Saying what was expected.
    """
    text = " ".join(words.lower().split())
    cron = _plain(text) or text
    if len(cron.split()) != 5:
        raise ValueError(f"expected {EXPECTED}")
    try:
        if next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)), None) is None:
            raise ValueError("that day never comes; expected a date that exists")
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()}; expected {EXPECTED}") from None
    return When(words, cron, zone)


def _plain(text: str) -> str | None:
    """Cron's five fields for plain words; None when these are no plain words."""
    match = _WORDS.fullmatch(text)
    if match is None:
        return None
    hour, minute = match["hour"], match["minute"]
    if match["hourly"]:
        if hour is not None:
            raise ValueError('"hourly" takes no time; for a minute of the hour write "15 * * * *"')
        return "0 * * * *"
    if hour is None:
        raise ValueError(f'expected a time of day, such as "{text} 06:00"')
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"{hour}:{minute} is no time of day; expected 00:00 to 23:59")
    at = f"{int(minute)} {int(hour)}"
    if match["daily"]:
        return f"{at} * * *"
    if match["weekdays"]:
        return f"{at} * * 1-5"
    if match["date"]:
        if not 1 <= int(match["date"]) <= 28:
            raise ValueError('expected a day from 1 to 28, which every month has (its last: "0 6 L * *")')
        return f"{at} {int(match['date'])} * *"
    day = [name for name in DAYS if len(match["day"]) >= 3 and name.startswith(match["day"])]
    if not day:
        raise ValueError(f"{match['day']} is no day of the week; expected {', '.join(DAYS)}")
    return f"{at} * * {DAYS.index(day[0])}"
