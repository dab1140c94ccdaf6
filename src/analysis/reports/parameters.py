"""A report's parameters: read from the notebook's own cell, typed and checked before a kernel starts.

The cell tagged ``parameters`` is the contract. It holds annotated defaults with a comment each and
nothing else but imports, so it is read as text (``ast``) and never run.
"""

from __future__ import annotations

import ast
import difflib
import io
import json
import math
import re
import tokenize
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from analysis.errors import UserError
from analysis.urls import canonical

Value = str | int | float | bool | date | datetime | list[str] | None

KINDS: dict[str, type] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "date": date,
    "datetime": datetime,
    "list[str]": list,
}
YES, NO = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
FIRST_YEAR, LAST_YEAR = 1990, 2100  # before the web, and further than any schedule
EXAMPLES = {"date": "2026-01-31", "datetime": "2026-01-31T12:00", "bool": "true", "int": "3", "float": "0.5"}
SECRET = re.compile(r"(^|_)(token|secret|password|passwd|api_?key|credentials?)(_|$)", re.I)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a report: its name, kind (a key of KINDS), default, and what it means."""

    name: str
    kind: str
    optional: bool
    default: Value
    note: str

    @property
    def annotation(self) -> str:
        """The annotation as the notebook has it."""
        return f"{self.kind} | None" if self.optional else self.kind


def read(source: str, where: str) -> tuple[Parameter, ...]:
    """The parameters a parameters cell declares.

    Parameters
    ----------
    source : the cell's code
    where : the notebook's name, for messages

    Raises
    ------
    UserError
        Naming the line that is not an import or an annotated literal default of a known kind.
    """
    try:
        body = ast.parse(source).body
        notes = _comments(source)
    except (SyntaxError, ValueError, tokenize.TokenError) as error:
        raise UserError(f"{where}: the parameters cell is not Python: {error}") from None
    found: list[Parameter] = []
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value):
            raise UserError(
                f"{where}: line {node.lineno} of the parameters cell is {ast.unparse(node)[:60]!r}; "
                "expected `name: type = default  # what it means`"
            )
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        note = " ".join(notes[line] for line in lines if line in notes)
        found.append(_parameter(node.target.id, node.annotation, node.value, note, where))
    names = [parameter.name for parameter in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"{where}: {sorted(twice)[0]} stands twice in the parameters cell; keep one line")
    return tuple(found)


def resolve(
    parameters: tuple[Parameter, ...], words: list[str], where: str
) -> tuple[dict[str, Value], set[str]]:
    """All values of a run from ``name=value`` words, and the names that were given.

    Raises
    ------
    UserError
        For an unknown name, a value not of its kind, a year no web page has, a ``url`` that is none, a
        ``since`` that is not before ``until``.
    """
    known = {parameter.name: parameter for parameter in parameters}
    texts: dict[str, list[str]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip()
        if not equals:
            raise UserError(f"-p {word}: expected name=value, such as -p {next(iter(known), 'name')}=...")
        if name not in known:
            raise UserError(f"{where} has no parameter {name!r}{_nearest(name, list(known))}")
        texts.setdefault(name, []).append(text)
    values: dict[str, Value] = {name: parameter.default for name, parameter in known.items()}
    for name, given in texts.items():
        parameter = known[name]
        if parameter.kind == "list[str]":
            values[name] = [part for text in given for part in _split(text, name)]
        elif len(given) > 1:
            raise UserError(f"{name} was given {len(given)} times; it takes one {parameter.kind}")
        else:
            values[name] = _coerce(parameter, given[0])
    for name, value in values.items():
        _check_year(name, value)
        _check_url(name, value)
    _check_period(values)
    return values, set(texts)


def sweep(parameters: tuple[Parameter, ...], words: list[str], where: str) -> list[list[str]]:
    """The words of each run that is asked for: a parameter given several times is a run a value.

    A list takes all its values in one run. Only one parameter at a time may be given several values.

    Raises
    ------
    UserError
        For a second one.
    """
    lists = {parameter.name for parameter in parameters if parameter.kind == "list[str]"}
    names = [word.partition("=")[0].strip() for word in words]
    several = sorted({name for name in names if names.count(name) > 1} - lists)
    if len(several) > 1:
        raise UserError(
            f"{where}: {' and '.join(several)} were each given several times; "
            "a report is run for each value of one parameter only"
        )
    if not several:
        return [words]
    same = [word for word, name in zip(words, names, strict=True) if name not in several]
    each = [word for word, name in zip(words, names, strict=True) if name in several]
    return [[*same, word] for word in dict.fromkeys(each)]


def plain(value: Value) -> Any:
    """The value as JSON and papermill take it: dates as ISO strings."""
    return value.isoformat() if isinstance(value, date) else value


def _parameter(name: str, annotation: ast.expr, value: ast.expr, note: str, where: str) -> Parameter:
    kind, optional = _kind(annotation)
    if kind not in KINDS:
        raise UserError(
            f"{where}: parameter {name} is annotated {ast.unparse(annotation)!r}; "
            f"expected one of {', '.join(KINDS)}, each optionally `| None`"
        )
    if SECRET.search(name):
        raise UserError(
            f"{where}: parameter {name} sounds like a secret, and parameters are printed on the page; "
            "keep secrets in the environment"
        )
    try:
        default = _literal(value)
    except (ValueError, TypeError):
        raise UserError(
            f"{where}: the default of {name} is {ast.unparse(value)[:60]!r}; expected a literal of {kind}"
        ) from None
    if isinstance(default, str) and kind in ("date", "datetime"):
        try:
            default = _coerce(Parameter(name, kind, False, None, note), default)
        except UserError as error:
            raise UserError(f"{where}: the default {error}") from None
    elif type(default) is datetime:
        default = _utc(default)
    elif kind == "float" and type(default) is int:
        default = float(default)
    fits = (default is None and optional) or type(default) is KINDS[kind]
    if kind == "list[str]" and isinstance(default, list):
        fits = all(isinstance(part, str) for part in default)
    if not fits:
        raise UserError(f"{where}: the default of {name} is {default!r}, which is no {kind}")
    return Parameter(name, kind, optional, default, note)


def _kind(annotation: ast.expr) -> tuple[str, bool]:
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        sides = [ast.unparse(annotation.left), ast.unparse(annotation.right)]
        if "None" in sides:
            sides.remove("None")
            return sides[0], True
    return ast.unparse(annotation), False


def _literal(node: ast.expr) -> Any:
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("date", "datetime")
    ):
        if node.keywords:
            raise ValueError("keywords")
        arguments = [ast.literal_eval(argument) for argument in node.args]
        return (date if node.func.id == "date" else datetime)(*arguments)
    return ast.literal_eval(node)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


def _nearest(name: str, known: list[str]) -> str:
    if not known:
        return "; it takes none"
    near = difflib.get_close_matches(name, known, n=1)
    takes = f"it takes {', '.join(known)}"
    return f"; did you mean {near[0]!r}? ({takes})" if near else f"; {takes}"


def _split(text: str, name: str) -> list[str]:
    _check_text(name, text)
    if text.lstrip().startswith("["):
        try:
            parts = json.loads(text)
        except ValueError:
            parts = None
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise UserError(f'{name}={text}: expected a list of strings, such as a,b or ["a","b"]')
        return parts
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_text(name: str, text: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(f"{name}: the value is not valid text; expected UTF-8 without NUL")


def _coerce(parameter: Parameter, text: str) -> Value:
    name, kind = parameter.name, parameter.kind
    _check_text(name, text)
    if parameter.optional and (text == "" or (kind != "str" and text.strip().lower() == "none")):
        return None
    if kind == "str":
        return text
    text = text.strip()
    try:
        if kind == "bool":
            if text.lower() not in YES + NO:
                raise ValueError(text)
            return text.lower() in YES
        if kind == "int":
            return int(text)
        if kind == "float":
            number = float(text)
            if not math.isfinite(number):
                raise ValueError(text)
            return number
        if kind == "date":
            return date.fromisoformat(text)
        exact = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        example = f", such as {EXAMPLES[kind]}" if kind in EXAMPLES else ""
        raise UserError(f"{name}={text[:80]}: expected {kind}{example}") from None
    return _utc(exact)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)  # the year check that follows names it


def _check_year(name: str, value: Value) -> None:
    if isinstance(value, date) and not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise UserError(
            f"{name}={plain(value)}: the year {value.year} cannot be meant; "
            f"expected {FIRST_YEAR} to {LAST_YEAR}"
        )


def _check_url(name: str, value: Value) -> None:
    if name != "url" or value is None:
        return
    try:
        canonical(str(value))
    except ValueError:
        raise UserError(
            f"url={str(value)[:80]}: no http(s) URL; expected one such as https://example.org/a-story"
        ) from None


def _check_period(values: dict[str, Value]) -> None:
    since, until = values.get("since"), values.get("until")
    if not isinstance(since, date) or not isinstance(until, date):
        return
    if moment(since) >= moment(until):
        raise UserError(
            f"since={plain(since)} is not before until={plain(until)}; the period is [since, until), "
            "so until is the first day after it"
        )


def moment(day: date) -> datetime:
    """The day's first moment, or the moment itself, in UTC."""
    return _utc(day) if isinstance(day, datetime) else datetime(day.year, day.month, day.day, tzinfo=UTC)
