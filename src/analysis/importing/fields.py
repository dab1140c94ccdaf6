"""What one value of a mapping may be: a pattern, a zone, a moment, a length of time, texts, a status."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import AfterValidator, BeforeValidator

from analysis.tables import STATUSES


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; expected a name such as UTC or Europe/Berlin") from None
    return name


def _moment(value: Any) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no time; expected for example 2021-12-31T00:00:00Z") from None
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is no time; expected for example 2021-12-31T00:00:00Z")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _length(text: str) -> int:
    try:
        length = pd.Timedelta(text)
    except ValueError:
        raise ValueError(f"{text!r} is no length of time; expected for example '20 minutes'") from None
    if length <= pd.Timedelta(0):
        raise ValueError(f"{text!r} is no length of time above 0")
    return int(length.total_seconds() * 1_000_000)


def _status(name: str) -> str:
    if name not in STATUSES or name == "observed":
        raise ValueError(
            f"{name!r} is no status of an unknown value; expected one of {', '.join(STATUSES[1:])}"
        )
    return name


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Pattern = Annotated[str, AfterValidator(_pattern)]
Zone = Annotated[str, AfterValidator(_zone)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Microseconds = Annotated[int, BeforeValidator(_length)]
Texts = Annotated[list[str], BeforeValidator(_texts)]
WhyUnknown = Annotated[str, AfterValidator(_status)]
