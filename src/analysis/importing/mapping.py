"""A mapping: the TOML file that says which column of a user's file is what.

Checked whole before a row is read; an unknown key, a wrong value or a pattern that does not compile is
refused with its place in the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from analysis import toml_file
from analysis.errors import UserError
from analysis.importing.fields import Microseconds, Moment, Pattern, Texts, WhyUnknown, Zone

Kind = Literal["events", "readings", "intervals"]
Format = Literal["csv", "tsv", "jsonl", "parquet"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cell(_Strict):
    """Where a text comes from: one of a constant, a column, a template, the file's name.

    ``template`` holds column names in braces, ``{line}`` for the line in the file and ``{file}`` for
    what ``file`` matched. ``values`` translates; what it does not name becomes ``otherwise`` (or stays).
    ``missing`` is a template for rows where the column is empty.
    """

    value: str | None = None
    column: str | None = None
    template: str | None = None
    file: Pattern | None = None
    values: dict[str, str] = {}
    otherwise: str | None = None
    missing: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("value", "column", "template") if getattr(self, name) is not None]
        if len(given) > 1 or not (given or self.file):
            raise ValueError("expected exactly one of value, column, template (or file alone)")
        return self


class Address(Cell):
    """A URL cell; ``base`` is put before relative addresses."""

    base: str | None = None


def _cell(value: Any) -> Any:
    return {"value": value} if isinstance(value, str) else value


AnyCell = Annotated[Cell, BeforeValidator(_cell)]
AnyAddress = Annotated[Address, BeforeValidator(_cell)]


class Time(_Strict):
    """When: a column in some format, or a declared moment.

    ``format``: iso (with or without an offset), epoch, or a strptime pattern. ``zone`` holds for
    times without an offset. ``unit`` counts for epoch and for ages. An age (seconds since something)
    needs its ``origin``: a declared moment, or ``origin_column`` with epoch seconds.
    """

    column: str | None = None
    value: Moment | None = None
    format: str = "iso"
    zone: Zone = "UTC"
    unit: Literal["days", "hours", "minutes", "seconds", "milliseconds", "microseconds"] = "seconds"
    origin: Moment | None = None
    origin_column: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.column is None) == (self.value is None):
            raise ValueError("expected exactly one of column and value")
        if self.format == "age" and self.origin is None and self.origin_column is None:
            raise ValueError("a relative time needs its origin: declare origin or origin_column")
        if self.format != "age" and (self.origin is not None or self.origin_column is not None):
            raise ValueError("origin goes with format = 'age'")
        if self.format not in ("iso", "epoch", "age") and "%" not in self.format:
            raise ValueError(
                f"format {self.format!r} is none of iso, epoch, age, or a pattern such as %d.%m.%Y %H:%M"
            )
        return self


class Unknown(_Strict):
    """Texts that stand for an unknown number, and why it is unknown. An empty text is an empty cell."""

    values: Texts
    status: WhyUnknown
    reason: str


class Metric(_Strict):
    """A number: one column, or with ``columns`` one column a moment (TS1, TS2, ...).

    ``columns`` is a pattern whose one group is a number n: that column was read at time + n × ``every``.
    ``logarithm``: the file holds natural logarithms of counts.
    """

    column: str | None = None
    columns: Pattern | None = None
    every: Microseconds | None = None
    thousands: str = ""
    decimal: str = "."
    logarithm: bool = False
    least: float | None = None
    unknown: list[Unknown] = []

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.column is None) == (self.columns is None):
            raise ValueError("expected exactly one of column and columns")
        if self.columns and (re.compile(self.columns).groups != 1 or self.every is None):
            raise ValueError("columns needs one group with a number, and every, the time between two columns")
        if self.column and self.every is not None:
            raise ValueError("every goes with columns")
        return self


class Skip(_Strict):
    """Rows that are not content: the column is empty, or holds one of the values, or matches."""

    column: str | None = None
    empty: bool = False
    values: Texts = []
    matches: Pattern | None = None
    file: Pattern | None = None
    reason: str

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        rules = [self.empty, bool(self.values), self.matches is not None]
        if self.column is None and (self.file is None or any(rules)):
            raise ValueError("expected a column with empty, values or matches, or a file pattern")
        if self.column is not None and sum(rules) != 1:
            raise ValueError("expected exactly one of empty, values and matches")
        return self


class Explode(_Strict):
    """A cell that holds a list: split by ``by``; ``parts`` names groups that become columns."""

    column: str
    by: str
    parts: Pattern

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not re.compile(self.parts).groupindex:
            raise ValueError("parts needs named groups, such as (?P<user>[0-9]+)")
        return self


class File(_Strict):
    """How the file is written. Without ``format`` its name says it: .csv, .tsv, .jsonl or .parquet (.gz)."""

    format: Format | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: str = "utf-8"
    header: bool = True
    columns: list[str] = []
    skip_lines: int = 0
    missing: list[str] = []
    """Texts that mean an empty cell, in every column."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.header and not self.columns:
            raise ValueError("a file without a header needs columns = [their names]")
        return self


class Mapping(_Strict):
    """The whole mapping; see docs/importing.md and data/mappings for examples."""

    table: Kind
    platform: AnyCell
    observer: AnyCell
    item: AnyCell | None = None
    url: AnyAddress
    title: AnyCell | None = None
    published_at: Time | None = None
    time: Time
    observed_at: Time | Literal["time", "end"] | None = None
    kind: AnyCell | None = None
    actor: AnyCell | None = None
    audience: Metric | None = None
    community: AnyCell | None = None
    parent: AnyCell | None = None
    length: Microseconds | None = None
    partial: bool = False
    metrics: dict[str, Metric] = {}
    metric: AnyCell | None = None
    """For a file whose only metric is named by a cell; then ``metrics`` holds one entry, "value"."""
    skip: list[Skip] = []
    explode: Explode | None = None
    file: File = File()

    @model_validator(mode="after")
    def _fits_its_table(self) -> Self:
        wanted = {
            "events": ("item", "kind", "observed_at"),
            "readings": ("item", "metrics"),
            "intervals": ("length", "metrics", "observed_at"),
        }[self.table]
        lacking = [name for name in wanted if not getattr(self, name)]
        if lacking:
            raise ValueError(f"a mapping to {self.table} needs {', '.join(lacking)}")
        alien = {
            "events": ("length",),
            "readings": ("kind", "actor", "audience", "community", "parent", "length", "observed_at"),
            "intervals": ("item", "kind", "actor", "audience", "community", "parent"),
        }[self.table]
        strange = [name for name in alien if getattr(self, name) is not None]
        if strange:
            hint = "; the time of a reading is its time" if "observed_at" in strange else ""
            raise ValueError(f"{self.table} have no {', '.join(strange)}{hint}")
        if self.observed_at == "end" and self.table != "intervals":
            raise ValueError("observed_at = 'end' is for intervals")
        if self.metric is not None and list(self.metrics) != ["value"]:
            raise ValueError("with metric the metrics must be one, called value")
        if self.table == "events" and self.metrics and any(m.columns for m in self.metrics.values()):
            raise ValueError("an event's metrics are read once: use column, not columns")
        return self


def load(path: Path) -> Mapping:
    """The mapping in the file; UserError naming the place of what is wrong."""
    _, raw = toml_file.read(path, "mapping", "those that come with virality are in data/mappings")
    try:
        return Mapping.model_validate(raw)
    except ValidationError as error:
        raise UserError(f"the mapping {path} is wrong: {_told(error)}") from None


def _told(error: ValidationError) -> str:
    told = []
    for problem in error.errors():
        place = ".".join(str(step) for step in problem["loc"] if step not in ("Time",))
        if problem["type"] == "extra_forbidden":
            what = f"unknown key; expected one of: {', '.join(_keys(problem['loc'][:-1]))}"
        elif problem["type"] == "missing":
            what = "is needed"
        else:
            what = problem["msg"].removeprefix("Value error, ")
        told.append(f"{place}: {what}" if place else what)
    return "; ".join(told)


def _keys(place: tuple[int | str, ...]) -> list[str]:
    """The keys a mapping may have at this place."""
    if not place:
        return sorted(Mapping.model_fields)
    models: dict[str, type[BaseModel]] = {
        "metrics": Metric, "audience": Metric, "skip": Skip, "explode": Explode, "file": File, "url": Address,
        "time": Time, "published_at": Time, "observed_at": Time,
    }  # fmt: skip
    model = Unknown if "unknown" in place else models.get(str(place[0]), Cell)
    return sorted(model.model_fields)
