"""The four tables every other room speaks in: content, events, readings, intervals.

A class each; its docstring says what a row is and what each column means, its annotations the types,
and ``| None`` which may be missing. Frames are held to them by pandera, which is imported when the first
frame comes: a command that checks none starts without it. Times are ``datetime64[us, UTC]``. A value is
observed (a number, 0 included) or unknown for a reason, and an unknown value is missing, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Annotated, get_args, get_type_hints

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pandera.pandas as pa

TIME = "datetime64[us, UTC]"
UTC_TIME = pd.DatetimeTZDtype("us", "UTC")

# Why a value is not known. "observed" is the one status under which a value is a number.
STATUSES = (
    "observed",
    "withdrawn",  # the platform no longer gives this number (some answer 0 for every URL)
    "blocked",  # refused to us: 401, 403, robots
    "rate_limited",  # told to wait longer than this run may
    "over_budget",  # the next request would cost more than the user allowed
    "not_configured",  # needs a key that is not set
    "unsupported",  # the platform never gave this number
    "suppressed",  # hidden on purpose: too few, privacy threshold, sampling
    "not_yet",  # too early to exist
    "failed",  # asked and got no usable answer
)


@dataclass(frozen=True)
class OneOf:
    """A column holds nothing but these words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class AtLeast:
    """A column holds no smaller number."""

    least: float


Positive = Annotated[float, AtLeast(0)]
Status = Annotated[str, OneOf(STATUSES)]


class Content:
    """What was published: one canonical URL.

    content_id : hash of the canonical URL (``urls.content_id``)
    url : canonical URL (``urls.canonical``)
    title : as the first source that had one gave it; hostile text
    published_at : when it was published, where a source says so
    site : registered host of the URL, as the reader knows it (``urls.site``)
    """

    content_id: str
    url: str
    title: str | None
    published_at: datetime | None
    site: str


class Events:
    """One public act dated by the platform itself: a submission, a repost, a bookmark.

    event_id : ``platform:native id`` (``event_id()``)
    content_id : the content it is about
    platform : the card's name
    kind : submission, repost, bookmark, like, reply, quote, mention, ...
    occurred_at : when, by the platform
    observed_at : when we (or the file) saw it
    actor : keyed hash scoped to one platform: cannot be joined across platforms
    audience : followers of the actor at the time, people; missing when not told
    parent_id : event_id of what it answers or repeats
    community : subreddit, tag, group
    observer : who measured: an account, an instance, a file
    source : where the row came from: an endpoint, a file and its line
    """

    event_id: str
    content_id: str
    platform: str
    kind: str
    occurred_at: datetime
    observed_at: datetime
    actor: str | None
    audience: Positive | None
    parent_id: str | None
    community: str | None
    observer: str
    source: str


class Readings:
    """The value of a counter at the moment somebody looked.

    platform, item_id : the item, by the platform's own id (``item_of(event_id)`` joins events)
    metric : a name its card defines, with unit
    observed_at, observer : when it was looked at, and by whom
    content_id : the content the item carries
    value : in the metric's unit; missing unless status is observed
    status, reason : one of STATUSES, and in words why it is unknown
    source : where the row came from
    """

    platform: str
    item_id: str
    metric: str
    observed_at: datetime
    observer: str
    content_id: str
    value: float | None
    status: Status
    reason: str | None
    source: str


class Intervals:
    """A count already binned by whoever measured it: visits per hour, mentions per day.

    platform : for exposure, where the visit came from; otherwise the platform that counted
    content_id : the content; a whole site's count belongs to the content of its root URL
    metric : a name its card (or traffic source) defines, with unit
    start, end : the bin, [start, end)
    observed_at, observer : when it was read, and who counted
    value, status, reason : as in readings
    partial : the bin was not over, or not covered whole, when it was read
    source : where the row came from
    """

    platform: str
    content_id: str
    metric: str
    start: datetime
    end: datetime
    observed_at: datetime
    observer: str
    value: float | None
    status: Status
    reason: str | None
    partial: bool
    source: str


class Forecasts:
    """One published forecast, kept so that it can be judged when its time has come.

    platform, item_id, metric : the counter that was forecast
    content_id : the content the item carries
    horizon : 2x (twice the age), 24h, 7d, final
    made_at : the moment whose knowledge it rests on
    due : the moment forecast; missing for "final", which is due once the item has settled
    model : name and version of the model
    age_hours, value : the item's age and counter then
    forecast, q10, q50, q90 : in the metric's unit; q10 to q90 is the 80 % interval
    yardstick, yardstick_q10, yardstick_q90 : the classical extrapolation's forecast, made beside it
    basis : learned, typical (the platform's growth) or pooled (all platforms' growth)
    """

    platform: str
    item_id: str
    metric: str
    content_id: str
    horizon: Annotated[str, OneOf(("2x", "24h", "7d", "final"))]
    made_at: datetime
    due: datetime | None
    model: str
    age_hours: Positive
    value: float
    forecast: Positive
    q10: Positive
    q50: Positive
    q90: Positive
    yardstick: float | None
    yardstick_q10: float | None
    yardstick_q90: float | None
    basis: Annotated[str, OneOf(("learned", "cascades", "typical", "pooled"))]


@dataclass(frozen=True)
class Table:
    """A table's name, the class of its rows, its key, and the time that says when a row was known."""

    name: str
    row: type
    key: tuple[str, ...]
    known_at: str | None

    @property
    def dtypes(self) -> dict[str, object]:
        """Column name to dtype, in order."""
        return {name: dtype for name, (dtype, _, _) in _columns(self.row).items()}

    @property
    def nullable(self) -> set[str]:
        """The columns in which a value may be missing."""
        return {name for name, (_, missing, _) in _columns(self.row).items() if missing}

    @property
    def columns(self) -> list[str]:
        """Column names, in order."""
        return list(self.dtypes)


CONTENT = Table("content", Content, ("content_id",), None)
EVENTS = Table("events", Events, ("event_id",), "observed_at")
READINGS = Table(
    "readings",
    Readings,
    ("platform", "item_id", "metric", "observed_at", "observer"),
    "observed_at",
)
INTERVALS = Table(
    "intervals",
    Intervals,
    ("platform", "content_id", "metric", "start", "end", "observed_at", "observer"),
    "observed_at",
)
TABLES = {table.name: table for table in (CONTENT, EVENTS, READINGS, INTERVALS)}

FORECASTS = Table(
    "forecasts",
    Forecasts,
    ("platform", "item_id", "metric", "horizon", "made_at", "model"),
    "made_at",
)
STORED = {**TABLES, FORECASTS.name: FORECASTS}
"""What a store holds: the four tables of what was measured, and the ledger of what was forecast."""


_DTYPES = {
    str: pd.StringDtype(na_value=np.nan),
    float: np.dtype(float),
    bool: np.dtype(bool),
    datetime: UTC_TIME,
}


@cache
def _columns(row: type) -> dict[str, tuple[object, bool, list[OneOf | AtLeast]]]:
    """Of every column its dtype, whether a value may be missing, and what else holds for it."""
    found = {}
    for name, hint in get_type_hints(row, include_extras=True).items():
        parts = get_args(hint)
        missing = NoneType in parts
        kind, *rules = get_args(parts[0]) or [parts[0]] if missing else parts or [hint]
        found[name] = _DTYPES[kind], missing, rules
    return found


@cache
def _contract(table: Table) -> pa.DataFrameSchema:
    """The table's rules, as pandera checks them."""
    import pandera.pandas as pa

    columns = {}
    for name, (dtype, missing, rules) in _columns(table.row).items():
        checks = [
            pa.Check.isin(rule.words) if isinstance(rule, OneOf) else pa.Check.ge(rule.least)
            for rule in rules
        ]
        columns[name] = pa.Column(dtype, checks, nullable=missing, unique=table.key == (name,))
    whole = []
    if "status" in columns:
        whole.append(
            pa.Check(
                lambda frame: frame["value"].notna() == (frame["status"] == "observed"),
                name="a value is known exactly when its status is observed",
            )
        )
    if "start" in columns:
        whole.append(pa.Check(lambda frame: frame["end"] > frame["start"], name="a bin ends after it starts"))
    return pa.DataFrameSchema(columns, checks=whole, strict=True, ordered=True)


def empty(table: Table) -> pd.DataFrame:
    """A frame of the table's columns and types with no rows."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in table.dtypes.items()})


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The frame with the table's columns, order and types, validated.

    Nullable columns that are absent are filled with missing; rows whose key stands earlier in the
    frame are dropped (the first one wins, as in the store).

    Raises
    ------
    pandera.errors.SchemaErrors
        Naming every column and row that breaks the table's rules.
    """
    columns = {}
    for name, dtype in table.dtypes.items():
        if name in frame:
            columns[name] = frame[name].astype(dtype)
        elif name in table.nullable:
            columns[name] = pd.Series(index=frame.index, dtype=dtype)
    out = pd.DataFrame(columns, index=frame.index)
    if set(table.key) <= set(out.columns):
        out = out.drop_duplicates(list(table.key))
    unknown = [name for name in frame.columns if name not in table.dtypes]
    if unknown:
        out[unknown] = frame[unknown]  # let the strict schema name them
    return _contract(table).validate(out.reset_index(drop=True), lazy=True)


def event_id(platform: str, native_id: str) -> str:
    """The key of an event: platform and the platform's own id."""
    return f"{platform}:{native_id}"


def item_of(event_ids: pd.Series) -> pd.Series:
    """The item_id (the platform's own id) inside each event_id: how events join readings."""
    return event_ids.str.split(":", n=1).str.get(1)


@dataclass(frozen=True)
class Batch:
    """What one step of a fetch or an import brought: rows for each table, and what it could not use.

    ``gone`` (columns platform, item_id) names items the platform says no longer exist: the store
    purges them. ``set_aside`` (columns source, line, reason, text) holds rows that were refused.
    ``origins`` says, for an import, from which input row each row of a table came (by table name), and
    under "" which input rows were used at all; a fetch leaves it empty.
    """

    content: pd.DataFrame = field(default_factory=lambda: empty(CONTENT))
    events: pd.DataFrame = field(default_factory=lambda: empty(EVENTS))
    readings: pd.DataFrame = field(default_factory=lambda: empty(READINGS))
    intervals: pd.DataFrame = field(default_factory=lambda: empty(INTERVALS))
    gone: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["platform", "item_id"], dtype=str)
    )
    set_aside: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["source", "line", "reason", "text"], dtype=str)
    )
    origins: dict[str, np.ndarray] = field(default_factory=dict)
