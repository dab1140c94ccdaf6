"""What analysts see in the lab: escaped, unknown in words, and nothing else."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from analysis.checks.check import Check
from analysis.display import DRESS, table_html, text
from analysis.models.result import Result

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


def tags(html):
    parser = Tags()
    parser.feed(html)
    return parser


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "unknown"),
        (np.nan, "unknown"),
        (pd.NaT, "unknown"),
        (0.0, "0"),
        (1234567.0, "1,234,567"),
        (0.12345, "0.12"),
        (1.2345, "1.23"),
        (12, "12"),
        (True, "yes"),
        (pd.Timestamp("2026-03-01 12:00", tz="UTC"), "2026-03-01 12:00 UTC"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_cell_reads_as_a_person_would_say_it(value, shown):
    assert text(value) == shown


def test_nothing_from_a_platform_becomes_markup():
    frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=pd.Index([HOSTILE], name=HOSTILE))
    check = Check(HOSTILE, None, HOSTILE, frame)
    result = Result(frame, "inconclusive", HOSTILE, HOSTILE, (check,), "spikes 1.0", {})
    for html in (table_html(frame, caption=HOSTILE), check._repr_html_(), result._repr_html_()):
        found = tags(html.replace(DRESS, "", 1))
        assert found.seen <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "div", "p", "strong"}
        assert found.attributes <= {"class", "scope"}


def test_an_inconclusive_result_must_say_why():
    with pytest.raises(ValueError, match="must say why"):
        Result(pd.DataFrame(), "inconclusive", "", "", (), "spikes 1.0", {})
