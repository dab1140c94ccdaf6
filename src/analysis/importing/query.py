"""The mapping as one SQL query over a chunk of text columns: typed values, or the reason why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from analysis.errors import UserError
from analysis.importing.mapping import Address, Cell, Mapping, Metric, Skip, Time, Unknown

# No content of the web is older, and nothing has happened later than tomorrow (clocks differ by zones).
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=1)
MICROSECONDS = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000, "seconds": 1_000_000,
                "milliseconds": 1_000, "microseconds": 1}  # fmt: skip
PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Counter:
    """One metric in one column: the query's columns value_<index> and code_<index> hold it.

    A code of 0 is an observed value; n is the n-th of ``unknown``.
    """

    name: str | None  # None: the query's column "metric" names it
    column: str
    ahead: int  # microseconds after the row's time at which it was read
    metric: Metric
    unknown: tuple[Unknown, ...]


def cells(mapping: Mapping) -> dict[str, Cell]:
    """The mapping's text cells that are there, by their key."""
    names = ("platform", "observer", "item", "url", "title", "kind", "actor", "community", "parent", "metric")
    return {name: cell for name in names if (cell := getattr(mapping, name)) is not None}


def times(mapping: Mapping) -> dict[str, Time]:
    """The mapping's times that are declared or read, by their key."""
    names = ("time", "observed_at", "published_at")
    return {name: time for name in names if isinstance(time := getattr(mapping, name), Time)}


def counters(mapping: Mapping, columns: list[str]) -> list[Counter]:
    """The metrics' columns among those of the file."""
    found = []
    for name, metric in mapping.metrics.items():
        empty = Unknown(values="", status="failed", reason="the cell is empty")  # type: ignore[arg-type]
        unknown = (*metric.unknown, *([] if any("" in rule.values for rule in metric.unknown) else [empty]))
        shown = None if mapping.metric is not None else name
        if metric.column is not None:
            found.append(Counter(shown, metric.column, 0, metric, unknown))
            continue
        for column in columns:
            if matched := re.fullmatch(str(metric.columns), column):
                if not matched[1].isdigit():
                    raise UserError(
                        f"metrics.{name}.columns: the group of {metric.columns!r} must be a number"
                    )
                ahead = int(matched[1]) * (metric.every or 0)
                found.append(Counter(shown, column, ahead, metric, unknown))
    return found


def wanted(mapping: Mapping) -> dict[str, str]:
    """Every column the mapping names, with the place that names it (wide metrics apart)."""
    named: dict[str, str] = {}
    made = set(re.compile(mapping.explode.parts).groupindex) | {"part"} if mapping.explode else set()

    def need(place: str, column: str | None) -> None:
        if column is not None and column not in made:
            named.setdefault(column, place)

    for place, cell in cells(mapping).items():
        need(place, cell.column)
        for template in (cell.template, cell.missing):
            for column in PLACE.findall(template or ""):
                if column not in ("line", "file"):
                    need(place, column)
    for place, time in times(mapping).items():
        need(place, time.column)
        need(place, time.origin_column)
    for name, metric in mapping.metrics.items():
        need(f"metrics.{name}", metric.column)
    if mapping.audience:
        need("audience", mapping.audience.column)
    for rule in mapping.skip:
        need("skip", rule.column)
    if mapping.explode:
        need("explode", mapping.explode.column)
    return named


def build(mapping: Mapping, counters: list[Counter], columns: list[str], file: str, now: datetime) -> str:
    """The query over the view ``chunk``: trimmed texts c0, c1, ... in the order of ``columns``, and line.

    Its rows: line, reason (null when all is well), the text cells, times in microseconds, audience,
    and value_i and code_i for every counter (one more for the audience).
    """
    names = {column: f"c{index}" for index, column in enumerate(columns)}
    if mapping.explode:
        names |= {group: f"g_{group}" for group in re.compile(mapping.explode.parts).groupindex}
        names["part"] = "g_part"
    return _Writer(mapping, names, file).query(counters, columns, now)


@dataclass(frozen=True)
class _Writer:
    """Writes the query. ``names``: what it calls each column, whatever the file calls it."""

    mapping: Mapping
    names: dict[str, str]
    file: str

    def query(self, counters: list[Counter], columns: list[str], now: datetime) -> str:
        mapping = self.mapping
        numbers = [(f"{c.name or 'value'} in {c.column}", c.column, c.metric, c.unknown) for c in counters]
        if mapping.audience and mapping.audience.column:
            numbers.append(("audience", mapping.audience.column, mapping.audience, ()))
        typed = [f'{self.cell(cell, name == "url")} as "{name}"' for name, cell in cells(mapping).items()]
        typed += [f'{self.time(time)} as "{name}"' for name, time in times(mapping).items()]
        for index, (_, column, metric, unknown) in enumerate(numbers):
            typed.append(f"{self.code(column, unknown)} as code_{index}")
            typed.append(f"{self.number(column, metric)} as number_{index}")
        reasons = [
            f"when contains(c{index}, chr(0)) then 'it holds a NUL byte'" for index in range(len(columns))
        ]
        reasons += [when for rule in mapping.skip if (when := self.skip(rule))]
        if mapping.explode:
            reasons.append("when lost then 'a part of its list cannot be read'")
        reasons += [
            f'when "{name}" is null then {_text(f"it has no {name}")}'
            for name in cells(mapping)
            if name in ("platform", "observer", "item", "kind", "metric")
        ]
        reasons += self.bad_times(now)
        for index, (name, column, metric, _) in enumerate(numbers):
            reasons += self.bad_number(index, name, column, metric)
        out = ["line", f"case {' '.join(reasons)} else null end as reason"]
        out += [f'"{name}"' for name in [*cells(mapping), *times(mapping)]]
        out += [f"case when code_{i} = 0 then number_{i} end as value_{i}" for i in range(len(numbers))]
        out += [f"code_{i}" for i in range(len(numbers))]
        return f"select {', '.join(out)} from (select *, {', '.join(typed)} from ({self.rows(columns)}))"

    def rows(self, columns: list[str]) -> str:
        """The chunk with empty cells as null, and a list taken apart."""
        cleaned = []
        for index in range(len(columns)):
            cell = f"nullif(c{index}, '')"
            for word in self.mapping.file.missing:
                cell = f"nullif({cell}, {_text(word)})"
            cleaned.append(f"{cell} as c{index}")
        sql = f"select line, {', '.join(cleaned)} from chunk"
        rule = self.mapping.explode
        if rule is None:
            return sql
        groups = list(re.compile(rule.parts).groupindex)
        pattern = _text(re.sub(r"\(\?P<\w+>", "(", rule.parts))  # DuckDB's groups have no names
        names = "[" + ", ".join(_text(group) for group in groups) + "]"
        split = f"string_split({self.name(rule.column)}, {_text(rule.by)})"
        made = ", ".join(f"nullif(taken[{_text(group)}], '') as g_{group}" for group in groups)
        return (
            f"select *, {made}, not regexp_matches(part, {pattern}) as lost from (select *, "
            f"regexp_extract(part, {pattern}, {names}) as taken from (select *, unnest({split}) as part, "
            f"generate_subscripts({split}, 1)::varchar as g_part from ({sql})))"
        )

    def bad_times(self, now: datetime) -> list[str]:
        latest = int((now + LATEST_AHEAD).timestamp() * 1_000_000)
        earliest = int(EARLIEST.timestamp() * 1_000_000)
        reasons = []
        for name, time in times(self.mapping).items():
            if time.column is None:
                continue
            shown = self.shown(time.column)
            # what is told when it is there may be missing where it is not needed
            given = f"{self.name(time.column)} is not null and " if name == "published_at" else ""
            unread = _text(f" cannot be read as {name} ({time.format})")
            beyond = _text(f" as {name} is not between {EARLIEST.year} and tomorrow")
            reasons.append(f'when {given}"{name}" is null then {shown} || {unread}')
            reasons.append(f'when "{name}" not between {earliest} and {latest} then {shown} || {beyond}')
        if self.mapping.table == "events" and isinstance(self.mapping.observed_at, Time):
            reasons.append(
                "when observed_at < \"time\" then 'it happened after the moment it was observed at'"
            )
        return reasons

    def bad_number(self, index: int, name: str, column: str, metric: Metric) -> list[str]:
        shown = f"{_text(name + ': ')} || {self.shown(column)}"
        reasons = [
            f"when code_{index} = 0 and (number_{index} is null or not isfinite(number_{index})) "
            f"then {shown} || ' is no number'"
        ]
        least = 0.0 if name == "audience" and metric.least is None else metric.least
        if least is not None:
            below = _text(f" is below {least:g}")
            reasons.append(f"when code_{index} = 0 and number_{index} < {least!r} then {shown} || {below}")
        return reasons

    def name(self, column: str | None) -> str:
        return self.names[str(column)]

    def shown(self, column: str | None) -> str:
        """A cell in a message: short, quoted."""
        return f"coalesce(chr(39) || left({self.name(column)}, 60) || chr(39), 'nothing')"

    def template(self, template: str, file: str, url: bool) -> str:
        parts = []
        for index, piece in enumerate(PLACE.split(template)):
            if index % 2 == 0:
                parts.append(_text(piece))
            elif piece == "line":
                parts.append("line::varchar")
            elif piece == "file":
                parts.append(_text(file))
            else:
                parts.append(f"url_encode({self.name(piece)})" if url else self.name(piece))
        return f"({' || '.join(parts)})"

    def cell(self, cell: Cell, url: bool) -> str:
        """A text; null where the file says nothing."""
        taken = self.file
        if cell.file is not None:
            matched = re.search(cell.file, self.file)
            if matched is None:
                raise UserError(
                    f"the file name {self.file!r} does not match {cell.file!r}, which the mapping needs"
                )
            taken = matched[1] if matched.re.groups else matched[0]
        if cell.column is not None:
            sql = self.name(cell.column)
            if isinstance(cell, Address) and cell.base is not None:
                sql = _absolute(sql, cell.base)
        elif cell.template is not None:
            sql = self.template(cell.template, taken, url)
        else:
            sql = _text(taken if cell.value is None else cell.value)
        if cell.values:
            otherwise = sql if cell.otherwise is None else _text(cell.otherwise)
            whens = " ".join(f"when {_text(key)} then {_text(value)}" for key, value in cell.values.items())
            sql = f"(case {sql} {whens} else {otherwise} end)"
        if cell.missing is not None:
            sql = f"coalesce({sql}, {self.template(cell.missing, taken, url)})"
        return sql

    def time(self, time: Time) -> str:
        """Microseconds since 1970, UTC; null where the cell cannot be read."""
        if time.value is not None:
            return f"{_microseconds(time.value)}::bigint"
        cell = self.name(time.column)
        if time.format in ("epoch", "age"):
            number = _bounded(f"round(try_cast({cell} as double) * {MICROSECONDS[time.unit]})")
            if time.origin_column is not None:
                origin = f"round(try_cast({self.name(time.origin_column)} as double) * 1e6)"
                return f"({number} + {_bounded(origin)})"
            return f"({number} + {_microseconds(time.origin) if time.origin else 0})"
        if time.format != "iso":
            parsed = f"try_strptime({cell}, {_text(time.format)})"
            if "%z" in time.format:
                return f"epoch_us({parsed})"
            return f"epoch_us(timezone({_text(time.zone)}, {parsed}::timestamp))"
        # Only what begins like 2021-12-31 is a date: DuckDB reads more, such as 'epoch' or 12:30.
        like = f"regexp_matches({cell}, '^[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}')"
        if time.zone == "UTC":
            return f"epoch_us(case when {like} then try_cast({cell} as timestamptz) end)"
        zoned = f"length({cell}) > 10 and regexp_matches({cell}, '([Zz]|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$')"
        return (
            f"epoch_us(case when not {like} then null when {zoned} then try_cast({cell} as timestamptz) "
            f"else timezone({_text(time.zone)}, try_cast({cell} as timestamp)) end)"
        )

    def code(self, column: str, unknown: tuple[Unknown, ...]) -> str:
        """Why a number is unknown: 0 when it is known, n for the n-th rule, 1 when there is none."""
        cell = self.name(column)
        if not unknown:
            return f"(case when {cell} is null then 1 else 0 end)::tinyint"
        whens = [
            f"when coalesce({cell}, '') in ({', '.join(_text(word) for word in rule.values)}) then {index}"
            for index, rule in enumerate(unknown, start=1)
        ]
        return f"(case {' '.join(whens)} else 0 end)::tinyint"

    def number(self, column: str, metric: Metric) -> str:
        cell = self.name(column)
        if metric.thousands:
            cell = f"replace({cell}, {_text(metric.thousands)}, '')"
        if metric.decimal != ".":
            cell = f"replace({cell}, {_text(metric.decimal)}, '.')"
        number = f"try_cast({cell} as double)"
        # counts were whole before their logarithm was taken
        return f"(case when {number} < 700 then round(exp({number})) end)" if metric.logarithm else number

    def skip(self, rule: Skip) -> str:
        if rule.file is not None and not re.search(rule.file, self.file):
            return ""
        if rule.column is None:
            test = "true"
        elif rule.empty:
            test = f"{self.name(rule.column)} is null"
        elif rule.values:
            test = f"{self.name(rule.column)} in ({', '.join(_text(value) for value in rule.values)})"
        else:
            test = f"regexp_matches({self.name(rule.column)}, {_text(str(rule.matches))})"
        return f"when {test} then {_text(rule.reason)}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _bounded(number: str) -> str:
    """The number as a whole one; null beyond the year 9999, where no time is and no 64 bits suffice."""
    return f"(case when abs({number}) < 4e17 then {number}::bigint end)"


def _absolute(sql: str, base: str) -> str:
    """The address put onto its base; words with blanks between are no address, and stay to be refused."""
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError(f"url.base {base!r} is no http(s) URL")
    origin = f"{parts.scheme}://{parts.netloc}"
    folder = origin + parts.path.rpartition("/")[0] + "/"
    return (
        f"(case when regexp_matches({sql}, '^[A-Za-z][A-Za-z0-9+.-]*:|\\s') then {sql} "
        f"when starts_with({sql}, '//') then {_text(parts.scheme + ':')} || {sql} "
        f"when starts_with({sql}, '/') then {_text(origin)} || {sql} else {_text(folder)} || {sql} end)"
    )
