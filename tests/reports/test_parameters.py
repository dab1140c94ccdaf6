"""The parameters cell is a contract: read as text, typed, and kept before a kernel starts."""

import ast
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import UserError
from analysis.reports.parameters import plain, read, resolve, sweep

CELL = '''
"""What the report is asked."""
from datetime import date, datetime

since: date | None = None  # first day, UTC
until: date | None = "2021-07-01"  # first day after it
words: str = "a#b"  # holds a # of its own
top: int = 10
share: float = 1
deep: bool = False  # look again
at: datetime | None = None
platforms: list[str] = [
    "reddit",  # the first
    "lobsters",  # and the second
]
'''


def test_reads_names_kinds_defaults_and_comments() -> None:
    found = {one.name: one for one in read(CELL, "x")}
    assert list(found) == ["since", "until", "words", "top", "share", "deep", "at", "platforms"]
    assert (found["since"].annotation, found["since"].default, found["since"].note) == (
        "date | None",
        None,
        "first day, UTC",
    )
    assert found["until"].default == date(2021, 7, 1)
    assert (found["words"].default, found["words"].note) == ("a#b", "holds a # of its own")
    assert (found["share"].default, type(found["share"].default)) == (1.0, float)
    assert found["platforms"].default == ["reddit", "lobsters"]
    assert found["platforms"].note == "the first and the second"


def test_default_calls_of_date_and_datetime_are_literals() -> None:
    day, moment = read("day: date = date(2024, 2, 29)\nmoment: datetime = datetime(2024, 2, 29, 12)", "x")
    assert day.default == date(2024, 2, 29)
    assert moment.default == datetime(2024, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("x = 3", "expected `name: type = default"),
        ("x: int", "expected `name: type = default"),
        ("x: int = 3; y: int = open('f')", "expected a literal of int"),
        ("import os\nos.system('true')", "line 2"),
        ("x: dict = {}", "annotated 'dict'"),
        ("x: int | str = 3", "annotated 'int | str'"),
        ("x: int = 'three'", "which is no int"),
        ("x: int = True", "which is no int"),
        ("x: int = None", "which is no int"),
        ("x: list[str] = [1]", "which is no list[str]"),
        ("x: date = 'soon'", "expected date"),
        ("x: int = 1\nx: int = 2", "stands twice"),
        ("api_key: str = ''", "sounds like a secret"),
        ("x: int = (", "is not Python"),
    ],
)
def test_refuses_a_cell_that_is_no_contract(cell: str, complaint: str) -> None:
    with pytest.raises(UserError) as error:
        read(cell, "story")
    assert complaint in str(error.value)
    assert str(error.value).startswith("story: ")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("since=2021-06-01", date(2021, 6, 1)),
        ("since=", None),
        ("since=none", None),
        ("words=none", "none"),
        ("words=a=b=c", "a=b=c"),
        ("top=-3", -3),
        ("share=0.25", 0.25),
        ("deep=yes", True),
        ("deep=0", False),
        ("at=2021-06-01T12:00", datetime(2021, 6, 1, 12, tzinfo=UTC)),
        ("at=2021-06-01T12:00+02:00", datetime(2021, 6, 1, 10, tzinfo=UTC)),
        ("platforms=a, b,,c", ["a", "b", "c"]),
        ('platforms=["a,b", "c"]', ["a,b", "c"]),
        ("platforms=", []),
    ],
)
def test_coerces(word: str, value: object) -> None:
    values, names = resolve(read(CELL, "x"), [word], "x")
    name = word.partition("=")[0]
    assert values[name] == value
    assert type(values[name]) is type(value)
    assert names == {name}


def test_a_list_may_be_given_in_pieces() -> None:
    values, _ = resolve(read(CELL, "x"), ["platforms=a", "platforms=b,c"], "x")
    assert values["platforms"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["sinc=2021-06-01"], "no parameter 'sinc'; did you mean 'since'?"),
        (["top"], "expected name=value"),
        (["top=3", "top=4"], "given 2 times"),
        (["top=3.5"], "top=3.5: expected int, such as 3"),
        (["top="], "expected int"),
        (["share=nan"], "expected float"),
        (["share=inf"], "expected float"),
        (["deep=maybe"], "expected bool, such as true"),
        (["since=01/06/2021"], "expected date, such as 2026-01-31"),
        (["since=2021-02-30"], "expected date"),
        (["since=0001-01-01"], "the year 1 cannot be meant"),
        (["since=9999-12-31"], "the year 9999 cannot be meant"),
        (["at=0001-01-01T00:00+14:00"], "cannot be meant"),
        (["since=2021-07-01"], "since=2021-07-01 is not before until=2021-07-01"),
        (["since=2021-08-01"], "not before until"),
        (["words=a\0b"], "not valid text"),
        (["words=\udcff"], "not valid text"),
        (['platforms=["a", 1]'], "expected a list of strings"),
    ],
)
def test_refuses_before_a_kernel_starts(words: list[str], complaint: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(read(CELL, "story"), words, "story")
    assert complaint in str(error.value)


def test_a_notebook_without_the_cell_takes_nothing() -> None:
    with pytest.raises(UserError, match="it takes none"):
        resolve(read("", "explore"), ["x=1"], "explore")


@settings(deadline=None)  # the first call imports papermill
@given(st.text(), st.lists(st.text()), st.floats(allow_nan=False, allow_infinity=False), st.integers())
def test_what_papermill_writes_into_the_notebook_is_the_value_and_nothing_else(
    text: str, texts: list[str], number: float, count: int
) -> None:
    from papermill.translators import PythonTranslator

    values = {"text": text, "texts": texts, "number": number, "count": count, "nothing": None, "yes": True}
    code = PythonTranslator.codify({name: plain(value) for name, value in values.items()})
    body = ast.parse(code).body
    assert all(isinstance(node, ast.Assign) for node in body)
    written = {node.targets[0].id: ast.literal_eval(node.value) for node in body}  # type: ignore[union-attr]
    assert written == values


def test_a_url_that_is_none_is_refused_before_a_kernel_starts():
    declared = read("url: str | None = None  # the content's address", "story")
    assert (
        resolve(declared, ["url=https://example.org/a?b=c"], "story")[0]["url"] == "https://example.org/a?b=c"
    )
    assert resolve(declared, ["url="], "story")[0]["url"] is None
    for text in ("notaurl", "javascript:alert(1)", "/etc/passwd", "https://"):
        with pytest.raises(UserError, match="no http"):
            resolve(declared, [f"url={text}"], "story")


def test_a_parameter_given_again_is_one_more_run() -> None:
    known = read(CELL, "x")
    assert sweep(known, [], "x") == [[]]
    assert sweep(known, ["top=1", "platforms=a", "platforms=b"], "x") == [
        ["top=1", "platforms=a", "platforms=b"]
    ]
    assert sweep(known, ["top=1", "deep=yes", "top=2", "top=1"], "x") == [
        ["deep=yes", "top=1"],
        ["deep=yes", "top=2"],
    ]
    with pytest.raises(UserError, match="share and top were each given several times"):
        sweep(known, ["top=1", "share=1", "top=2", "share=2"], "x")
