"""A chart as a page holds it: checked, harmless, with its words and with the numbers behind it."""

from __future__ import annotations

import base64
import csv
import io
import itertools
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import pandas as pd

from analysis.display import UNKNOWN, table_html, text
from analysis.errors import UserError
from analysis.reports import clean

MIME = "application/vnd.plotly.v1+json"
# The trace types in plotly's cartesian bundle. It draws any other type as a scatter, without a word.
BUNDLE = {
    *("bar", "box", "violin", "histogram", "scatter", "pie", "image"),
    *("heatmap", "contour", "histogram2d", "histogram2dcontour", "scatterternary"),
}
ROWS_SHOWN, CELLS_SHOWN = 100, 600  # of a chart's numbers; more would be most of a page's weight
HEIGHT = 420
EVEN = 8  # times in even steps are worth packing from here on
BOX = ("lowerfence", "q1", "median", "q3", "upperfence")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(?:Z|\+00:00)?")


@dataclass(frozen=True)
class Figure:
    """A chart on a page.

    name : figure-1, figure-2, ...: its id and the stem of its files
    title, subtitle : plain text
    description : what the chart shows, in words: its text alternative
    height : pixels
    spec : plotly's JSON without title and template
    template : plotly's template, which charts of one page share
    csv : every number behind the chart
    table : the same as escaped HTML, or a summary of it where it is long
    rows : rows of the csv
    whole : whether the table shows every row
    """

    name: str
    title: str
    subtitle: str
    description: str
    height: int
    spec: dict[str, Any]
    template: dict[str, Any]
    csv: str
    table: str
    rows: int
    whole: bool


def build(raw: dict[str, Any], number: int) -> Figure:
    """The chart of a notebook's output.

    Raises
    ------
    UserError
        For a trace type that the site's plotly.js does not draw.
    """
    name = f"figure-{number}"
    for trace in raw.get("data", []):
        kind = trace.get("type", "scatter")
        if kind not in BUNDLE:
            raise UserError(
                f"chart {number} uses plotly's {kind!r}, which the site's plotly.js (cartesian) would draw "
                f"wrongly; it draws: {', '.join(sorted(BUNDLE))}"
            )
    spec = clean.plotly(raw)
    layout = spec.setdefault("layout", {})
    heading = layout.pop("title", None) or {}
    heading = {"text": heading} if isinstance(heading, str) else heading
    title = clean.without_tags(heading.get("text") or "")
    subtitle = clean.without_tags((heading.get("subtitle") or {}).get("text") or "")
    template = layout.pop("template", None) or {}
    layout.pop("width", None)
    frame = _numbers(spec.get("data", []), layout)
    meta = layout.get("meta") if isinstance(layout.get("meta"), dict) else {}
    # charts escape platform text for plotly; here it is text again, and the template escapes it
    description = clean.text(unescape(str(meta.get("description") or "")))
    layout["height"] = int(layout.get("height") or HEIGHT) - int(meta.get("heading") or 0)
    for trace in spec.get("data", []):
        trace.update({axis: _packed(trace[axis]) for axis in ("x", "y") if axis in trace})
    whole = len(frame) <= ROWS_SHOWN and frame.size <= CELLS_SHOWN
    return Figure(
        name=name,
        title=title or f"Chart {number}",
        subtitle=subtitle,
        description=description or _describe(frame),
        height=layout["height"],
        spec={"data": spec.get("data", []), "layout": layout},
        template=template,
        csv=_csv(frame),
        table=table_html(frame if whole else _summary(frame), title),
        rows=len(frame),
        whole=whole,
    )


def _numbers(data: list[dict[str, Any]], layout: dict[str, Any]) -> pd.DataFrame:
    """The traces as one frame: a column a series where they share their places, else one below another."""
    pieces: list[tuple[str, list[Any], list[Any]]] = []
    other: list[pd.DataFrame] = []
    for index, trace in enumerate(data):
        if trace.get("hoverinfo") == "skip" and not trace.get("name"):
            continue  # decoration: the edge of a band, a hatched area
        label = clean.without_tags(str(trace.get("name") or "")) or f"series {index + 1}"
        x, y, z = (_decode(trace.get(axis)) for axis in "xyz")
        y = _named(y, layout.get("yaxis" + str(trace.get("yaxis", "y"))[1:]) or {})
        if _lies(trace):
            x, y = y, x
        if z:
            other.append(_grid(x, y, z))
        elif trace.get("q1") is not None:
            columns = {part: _decode(trace.get(part)) for part in BOX if trace.get(part) is not None}
            length = len(next(iter(columns.values())))
            other.append(pd.DataFrame({"series": (x or [label] * length)[:length], **columns}))
        elif any(part is not None for part in x + y):  # an entry of the legend holds only nulls
            length = max(len(x), len(y))
            points = zip(x or range(1, length + 1), y or [1] * length, strict=False)
            drawn = [point for point in points if point[0] is not None]  # None lifts the pen
            pieces.append((label, [at for at, _ in drawn], [value for _, value in drawn]))
    place = _axis(layout, "yaxis" if any(map(_lies, data)) else "xaxis")
    if pieces:
        other.insert(0, _wide(pieces, place) if _shared(pieces) else _long(pieces, place))
    return pd.concat(other, ignore_index=True) if other else pd.DataFrame({"nothing": []})


def _lies(trace: dict[str, Any]) -> bool:
    """Whether a trace lies on its side: its places on the y axis, its values on the x axis."""
    x, y = _decode(trace.get("x")), _decode(trace.get("y"))
    words = bool(y) and all(isinstance(part, str) for part in y)
    return trace.get("orientation") == "h" or (words and all(isinstance(part, int | float) for part in x))


def _named(values: list[Any], axis: dict[str, Any]) -> list[Any]:
    """Heights as the words that their axis has for them: lanes of a row are that row's."""
    rows = dict(zip(_decode(axis.get("tickvals")), axis.get("ticktext") or [], strict=False))
    if not rows:
        return values
    return [
        rows[min(rows, key=lambda at: abs(at - value))] if isinstance(value, int | float) else value
        for value in values
    ]


def _shared(pieces: list[tuple[str, list[Any], list[Any]]]) -> bool:
    places = [tuple(map(str, x)) for _, x, _ in pieces]
    union = {place for x in places for place in x}
    names = [label for label, _, _ in pieces]
    unique = all(len(set(x)) == len(x) for x in places) and len(set(names)) == len(names)
    return unique and len(union) <= 1.5 * max(map(len, places))


def _wide(pieces: list[tuple[str, list[Any], list[Any]]], place: str) -> pd.DataFrame:
    rows: dict[str, dict[str, Any]] = {}
    for label, x, y in pieces:
        for at, value in zip(x, y, strict=False):
            rows.setdefault(_words(at), {})[label] = _value(value)
    times = all(_TIME.fullmatch(at) for at in rows)
    ordered = sorted(rows) if times else list(rows)
    place = place or ("time, UTC" if times else "at")
    # a place where a series has no point at all stays empty; a point without a value is unknown
    columns = {label: _column([rows[at].get(label, "") for at in ordered]) for label, _, _ in pieces}
    return pd.DataFrame({place if place not in columns else "at": ordered, **columns})


def _long(pieces: list[tuple[str, list[Any], list[Any]]], place: str) -> pd.DataFrame:
    rows = [(label, _words(at), _value(y)) for label, xs, ys in pieces for at, y in zip(xs, ys, strict=False)]
    series, places, values = zip(*rows, strict=True) if rows else ((), (), ())
    at = place if place not in ("", "series", "value") else "at"
    of = "of" if values and all(isinstance(value, str) for value in values) else "value"
    return pd.DataFrame({"series": series, at: places, of: _column(list(values))})


def _grid(x: list[Any], y: list[Any], z: list[Any]) -> pd.DataFrame:
    down = [_words(label) for label in y or range(1, len(z) + 1)]
    across = [_words(at) for at in x or range(1, len(z[0]) + 1)]
    columns = {at: _column([_value(line[i]) for line in z]) for i, at in enumerate(across[: len(z[0])])}
    return pd.DataFrame({"row": down[: len(z)], **columns})


def _column(values: list[Any]) -> Any:
    """Numbers as numbers, unknown as missing; anything else as text."""
    if all(value is None or isinstance(value, int | float) for value in values):
        return pd.array(values, dtype="Float64")
    return pd.array([UNKNOWN if value is None else value for value in values], dtype=object)


def _decode(value: Any) -> list[Any]:
    """A trace's array as a list: plotly.py writes numpy arrays as base64."""
    if isinstance(value, dict) and "bdata" in value:
        import numpy as np

        array = np.frombuffer(
            base64.b64decode(value["bdata"]), dtype=np.dtype(value["dtype"]).newbyteorder("<")
        )
        if "shape" in value:
            array = array.reshape([int(n) for n in str(value["shape"]).split(",")])
        out: list[Any] = array.tolist()
        return out
    return value if isinstance(value, list) else []


def _value(value: Any) -> Any:
    """A number as it is, unknown as None, anything else in words."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _words(value)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return _short(value).replace("T", " ") if _TIME.fullmatch(value) else clean.without_tags(value)
    if isinstance(value, list):
        return ", ".join(_words(part) for part in value)
    return text(value)


def _short(value: Any) -> Any:
    """A UTC time without the digits that say nothing: half a page's weight would be zeros."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    day, minute, second, fraction = match.groups()
    fraction = (fraction or "").rstrip("0")
    if minute is None:
        return day
    tail = f":{second}.{fraction}" if fraction else f":{second}" if second not in (None, "00") else ""
    return f"{day}T{minute}{tail}"


def _packed(value: Any) -> Any:
    """An array in fewer bytes: what a chart cannot show is not sent; report.js unpacks even times."""
    if isinstance(value, dict) and value.get("dtype") == "f8":
        import numpy as np

        numbers = np.frombuffer(base64.b64decode(value["bdata"]), dtype="<f8")
        known = numbers[np.isfinite(numbers)]
        with np.errstate(over="ignore"):
            half = numbers.astype("<f4")
        counts = np.array_equal(known, np.round(known))  # counts to the last digit, fractions to seven
        if np.array_equal(half.astype("<f8"), numbers, equal_nan=True) or (
            not counts and np.isfinite(half[np.isfinite(numbers)]).all()
        ):
            return value | {"dtype": "f4", "bdata": base64.b64encode(half.tobytes()).decode()}
    if not isinstance(value, list):
        return value
    short = [_short(part) for part in value]
    if len(short) < EVEN or not all(isinstance(part, str) and _TIME.fullmatch(part) for part in short):
        return short
    times = pd.DatetimeIndex(short, tz="UTC").as_unit("ms").asi8
    step = int(times[1] - times[0])
    if step > 0 and all(later - sooner == step for sooner, later in itertools.pairwise(times.tolist())):
        return {"since": int(times[0]), "step": step, "count": len(short)}
    return short


def _axis(layout: dict[str, Any], name: str) -> str:
    title = (layout.get(name) or {}).get("title") or {}
    return clean.without_tags(title if isinstance(title, str) else title.get("text") or "")


def _series(frame: pd.DataFrame) -> list[tuple[str, list[str], list[Any]]]:
    """Name, places and values of each series in the frame."""
    if list(frame.columns[:1]) == ["series"] and len(frame.columns) == 3:
        parts = frame.groupby("series", sort=False)
        return [(str(name), list(part.iloc[:, 1]), list(part.iloc[:, 2])) for name, part in parts]
    return [(str(name), list(frame.iloc[:, 0]), list(frame[name])) for name in frame.columns[1:]]


def _summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a series, for charts whose numbers would fill pages."""
    rows = []
    for label, places, values in _series(frame):
        drawn = [(at, value) for at, value in zip(places, values, strict=True) if not _absent(value)]
        unknown = sum(value is pd.NA or value == UNKNOWN for _, value in drawn)
        known = [(value, at) for at, value in drawn if isinstance(value, int | float)]
        ends = (
            [f"{text(value)} at {at}" for value, at in (min(known), max(known))] if known else [UNKNOWN] * 2
        )
        rows.append(
            {
                "series": label,
                "points": len(drawn) - unknown,
                "unknown": unknown,
                "first": drawn[0][0] if drawn else UNKNOWN,
                "last": drawn[-1][0] if drawn else UNKNOWN,
                "lowest": ends[0],
                "highest": ends[1],
            }
        )
    return pd.DataFrame(rows)


def _absent(value: Any) -> bool:
    return isinstance(value, str) and value == ""


def _describe(frame: pd.DataFrame) -> str:
    """A sentence about a chart whose author gave none."""
    parts = []
    for row in _summary(frame).head(6).to_dict("records"):
        known = f"{row['points']} points from {row['first']} to {row['last']}, highest {row['highest']}"
        unknown = f", {row['unknown']} unknown" if row["unknown"] else ""
        parts.append(f"{row['series']}: {known if row['points'] else 'no known value'}{unknown}")
    return f"Shows {'; '.join(parts)}." if parts else "There is nothing to draw."


def _csv(frame: pd.DataFrame) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(clean.cell(str(name)) for name in frame.columns)
    for row in frame.itertuples(index=False, name=None):
        writer.writerow(_digits(value) for value in row)
    return out.getvalue()


def _digits(value: Any) -> str:
    """A value with all its digits, for a file."""
    if value is pd.NA or value is None:
        return UNKNOWN
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(float(value))
    return clean.cell(str(value))
