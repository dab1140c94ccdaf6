"""When an alert is worth telling, and when not to: ``[alerts]`` in virality.toml, checked whole."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analysis.alerts.alert import KINDS
from analysis.errors import UserError


@dataclass(frozen=True)
class Rules:
    """The rules of telling, each a line of ``[alerts]``.

    kinds : which kinds are told at all
    false_per_month : analytical alerts that ordinary noise may bring in 30 days, over all series together
    least : what a spike must have brought beyond the usual to be worth a message (visits, mentions, ...)
    rearm_hours : how long something must have been calm before it is told again
    missing_hours : how long a site's counter may say nothing (three of its bins, where they are longer)
    quiet : "22:00-07:00": what comes then is held, and told together afterwards; "" for never
    zone : the time zone of ``quiet``, and of the audience's day
    urgent : kinds that are told in the quiet time, too
    most : messages to one address in a run; more than that become one
    """

    kinds: tuple[str, ...] = KINDS
    false_per_month: float = 1.0
    least: float = 20.0
    rearm_hours: float = 24.0
    missing_hours: float = 36.0
    quiet: str = ""
    zone: str = "UTC"
    urgent: tuple[str, ...] = ("failed", "missing")
    most: int = 5

    def __post_init__(self) -> None:
        for name in ("kinds", "urgent"):
            for kind in getattr(self, name):
                if kind not in KINDS:
                    raise UserError(f"alerts.{name}: there is no kind {kind!r}; there are {', '.join(KINDS)}")
        for name in ("false_per_month", "rearm_hours", "missing_hours", "most"):
            if not getattr(self, name) > 0:
                raise UserError(f"alerts.{name} is {getattr(self, name)!r}; expected a number above 0")
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise UserError(f"alerts.zone {self.zone!r} is not known; a name such as Europe/Berlin") from None
        _hours(self.quiet)

    @property
    def rearm(self) -> timedelta:
        """``rearm_hours`` as a span."""
        return timedelta(hours=self.rearm_hours)

    def is_quiet(self, now: datetime) -> bool:
        """Whether the moment lies in the quiet time."""
        hours = _hours(self.quiet)
        if hours is None:
            return False
        begin, end = hours
        clock = now.astimezone(ZoneInfo(self.zone)).time()
        return begin <= clock < end if begin <= end else clock >= begin or clock < end


def read(file: Path) -> Rules:
    """The rules in a virality.toml; the defaults where it, or its [alerts], is not there."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8")).get("alerts", {}) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as TOML: {error}") from error
    return _checked(said, file)


def _checked(said: Any, file: Path) -> Rules:
    if not isinstance(said, dict):
        raise UserError(f'{file}: [alerts] must be a table of lines, such as quiet = "22:00-07:00"')
    defaults = {field.name: field.default for field in fields(Rules)}
    given: dict[str, Any] = {}
    for name, value in said.items():
        if name not in defaults:
            # the value may be an address with its secret: it is not repeated
            hint = "; addresses are secrets: put them into VIRALITY_ALERTS" if "url" in name else ""
            raise UserError(f"{file}: alerts has no {name!r}; it has {', '.join(defaults)}{hint}")
        wanted, good = _fits(value, defaults[name])
        if not good:
            raise UserError(f"{file}: alerts.{name} is {value!r}; expected {wanted}")
        given[name] = tuple(value) if isinstance(value, list) else value
    return Rules(**given)


def _fits(value: Any, default: Any) -> tuple[str, bool]:
    """What is expected in place of this default, and whether the value is that."""
    if isinstance(default, tuple):
        words = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return f"a list, as {list(default)}", words
    if isinstance(default, str):
        return "text", isinstance(value, str)
    kinds = int if isinstance(default, int) else (int, float)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    return f"a number, as {default}", number


def _hours(quiet: str) -> tuple[time, time] | None:
    if not quiet:
        return None
    parts = re.fullmatch(r"(\d\d?:\d\d)\s*-\s*(\d\d?:\d\d)", quiet.strip())
    try:
        if not parts:
            raise ValueError
        begin, end = (time.fromisoformat(part.zfill(5)) for part in parts.groups())
    except ValueError:
        raise UserError(f"alerts.quiet {quiet!r} is no span of hours; expected 22:00-07:00") from None
    return begin, end
