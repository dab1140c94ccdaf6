"""The four tables every other room speaks in: content, events, readings, intervals.

A pandera model each; its docstring says what a row is and what each column means. Times are
``datetime64[us, UTC]``. A value is observed (a number, 0 included) or unknown for a reason, and
an unknown value is missing, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.typing.pandas import Series

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


class _Model(pa.DataFrameModel):
    class Config:
        strict = True
        ordered = True


class Content(_Model):
    """What was published: one canonical URL.

    content_id : hash of the canonical URL (``urls.content_id``)
    url : canonical URL (``urls.canonical``)
    title : as the first source that had one gave it; hostile text
    published_at : when it was published, where a source says so
    site : registered host of the URL, as the reader knows it (``urls.site``)
    """

    content_id: Series[str] = pa.Field(unique=True)
    url: Series[str]
    title: Series[str] = pa.Field(nullable=True)
    published_at: Series[UTC_TIME] = pa.Field(nullable=True)  # type: ignore[valid-type]
    site: Series[str]


class Events(_Model):
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

    event_id: Series[str] = pa.Field(unique=True)
    content_id: Series[str]
    platform: Series[str]
    kind: Series[str]
    occurred_at: Series[UTC_TIME]  # type: ignore[valid-type]
    observed_at: Series[UTC_TIME]  # type: ignore[valid-type]
    actor: Series[str] = pa.Field(nullable=True)
    audience: Series[float] = pa.Field(nullable=True, ge=0)
    parent_id: Series[str] = pa.Field(nullable=True)
    community: Series[str] = pa.Field(nullable=True)
    observer: Series[str]
    source: Series[str]


class Readings(_Model):
    """The value of a counter at the moment somebody looked.

    platform, item_id : the item, by the platform's own id (``item_of(event_id)`` joins events)
    metric : a name its card defines, with unit
    observed_at, observer : when it was looked at, and by whom
    content_id : the content the item carries
    value : in the metric's unit; missing unless status is observed
    status, reason : one of STATUSES, and in words why it is unknown
    source : where the row came from
    """

    platform: Series[str]
    item_id: Series[str]
    metric: Series[str]
    observed_at: Series[UTC_TIME]  # type: ignore[valid-type]
    observer: Series[str]
    content_id: Series[str]
    value: Series[float] = pa.Field(nullable=True)
    status: Series[str] = pa.Field(isin=STATUSES)
    reason: Series[str] = pa.Field(nullable=True)
    source: Series[str]

    @pa.dataframe_check(name="a value is known exactly when its status is observed")
    def _unknown_is_not_a_number(cls, frame: pd.DataFrame) -> pd.Series:  # noqa: N805
        return frame["value"].notna() == (frame["status"] == "observed")


class Intervals(_Model):
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

    platform: Series[str]
    content_id: Series[str]
    metric: Series[str]
    start: Series[UTC_TIME]  # type: ignore[valid-type]
    end: Series[UTC_TIME]  # type: ignore[valid-type]
    observed_at: Series[UTC_TIME]  # type: ignore[valid-type]
    observer: Series[str]
    value: Series[float] = pa.Field(nullable=True)
    status: Series[str] = pa.Field(isin=STATUSES)
    reason: Series[str] = pa.Field(nullable=True)
    partial: Series[bool]
    source: Series[str]

    @pa.dataframe_check(name="a value is known exactly when its status is observed")
    def _unknown_is_not_a_number(cls, frame: pd.DataFrame) -> pd.Series:  # noqa: N805
        return frame["value"].notna() == (frame["status"] == "observed")

    @pa.dataframe_check(name="a bin ends after it starts")
    def _ends_after_start(cls, frame: pd.DataFrame) -> pd.Series:  # noqa: N805
        return frame["end"] > frame["start"]


class Forecasts(_Model):
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

    platform: Series[str]
    item_id: Series[str]
    metric: Series[str]
    content_id: Series[str]
    horizon: Series[str] = pa.Field(isin=("2x", "24h", "7d", "final"))
    made_at: Series[UTC_TIME]  # type: ignore[valid-type]
    due: Series[UTC_TIME] = pa.Field(nullable=True)  # type: ignore[valid-type]
    model: Series[str]
    age_hours: Series[float] = pa.Field(ge=0)
    value: Series[float]
    forecast: Series[float] = pa.Field(ge=0)
    q10: Series[float] = pa.Field(ge=0)
    q50: Series[float] = pa.Field(ge=0)
    q90: Series[float] = pa.Field(ge=0)
    yardstick: Series[float] = pa.Field(nullable=True)
    yardstick_q10: Series[float] = pa.Field(nullable=True)
    yardstick_q90: Series[float] = pa.Field(nullable=True)
    basis: Series[str] = pa.Field(isin=("learned", "typical", "pooled"))


@dataclass(frozen=True)
class Table:
    """A table's name, its pandera model, its key, and the time that says when a row was known."""

    name: str
    model: type[_Model]
    key: tuple[str, ...]
    known_at: str | None

    @property
    def dtypes(self) -> dict[str, object]:
        """Column name to dtype, in order."""
        return _dtypes(self.model)

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


@cache
def _dtypes(model: type[_Model]) -> dict[str, object]:
    return {name: column.dtype.type for name, column in model.to_schema().columns.items()}


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
    schema = table.model.to_schema()
    columns = {}
    for name, dtype in table.dtypes.items():
        if name in frame:
            columns[name] = frame[name].astype(dtype)
        elif schema.columns[name].nullable:
            columns[name] = pd.Series(index=frame.index, dtype=dtype)
    out = pd.DataFrame(columns, index=frame.index)
    if set(table.key) <= set(out.columns):
        out = out.drop_duplicates(list(table.key))
    unknown = [name for name in frame.columns if name not in table.dtypes]
    if unknown:
        out[unknown] = frame[unknown]  # let the strict schema name them
    return schema.validate(out.reset_index(drop=True), lazy=True)


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
