"""What a page keeps for machines: results, the tables as a reader sees them, and its contents."""

import json
from typing import Any

import pandas as pd

from analysis.checks.check import Check
from analysis.display import about, show
from analysis.models.result import Result
from analysis.reports.results import Found, read_tables
from tests.reports.test_page import HOSTILE, output, page

KEY = "0123456789abcdef"
FRAME = pd.DataFrame({"source": ["direct", '<b>"x"'], "visits": [1234, None]})


def shown(thing: Any) -> Any:
    """The output of a cell that ends in this thing, as IPython makes it."""
    bundle = thing._repr_mimebundle_() if hasattr(thing, "_repr_mimebundle_") else {}
    if hasattr(thing, "_repr_html_"):
        bundle = bundle | {"text/html": thing._repr_html_()}
    return output(**bundle)


def test_results_and_tables_are_kept_in_the_words_of_the_page() -> None:
    check = Check("enough history", None, "Too short.")
    result = Result(FRAME, "inconclusive", "only 12 hours", "Not enough.", (check,), "spikes 1.0", {})
    table = shown(show(FRAME, "Visits"))
    body, contents = page("# Title", shown(result), table, table)
    assert "<dt>models</dt><dd>spikes 1.0</dd>" in body
    found = json.loads(contents.found.to_json())
    assert found["results"] == [
        {
            "model": "spikes 1.0",
            "verdict": "inconclusive",
            "reason": "only 12 hours",
            "summary": "Not enough.",
            "checks": [{"name": "enough history", "passed": None}],
        }
    ]
    assert [table["name"] for table in found["tables"]] == ["spikes", "Visits", "Visits (2)"]
    assert found["tables"][1]["columns"] == ["source", "visits"]
    assert found["tables"][1]["rows"] == [["direct", "1,234"], ['<b>"x"', "unknown"]]


def test_a_page_links_the_contents_it_speaks_of() -> None:
    frame = pd.DataFrame({"content_id": [KEY], "url": ["https://x.example/a"], "title": ["<i>A</i>"]})
    body, contents = page("# Title", shown(about(frame)), shown(about(frame)))
    assert f'<a href="../../contents/{KEY}.html">&lt;i&gt;A&lt;/i&gt;</a>' in body
    assert contents.found.contents == [{"content_id": KEY, "url": "https://x.example/a", "title": "<i>A</i>"}]
    assert "about" not in page("# Title", shown(about(frame.head(0))))[0].partition("<main")[2]


def test_what_a_notebook_tells_is_believed_only_as_text() -> None:
    found = Found()
    assert found.add_contents([{"content_id": "../../evil", "url": "x"}, "x", None]) == []
    assert found.add_contents("x") == []
    assert found.add_result("x") == ""
    for text in HOSTILE:
        frame = pd.DataFrame({"content_id": [KEY], "url": [text], "title": [text]})
        body, contents = page("# Title", shown(about(frame)))
        assert "<script>window" not in body
        assert "\u202e" not in contents.found.to_json()


def test_tables_of_others_and_broken_ones_are_passed_over() -> None:
    assert read_tables("<table><tr><td>x</td></tr></table>") == []
    assert read_tables('<table class="data"><tbody><tr><td>x</td></tr></table>')[0]["rows"] == [["x"]]
    long = "".join(f"<tr><td>{number}</td></tr>" for number in range(900))
    assert len(read_tables(f'<table class="data"><tbody>{long}</tbody></table>')[0]["rows"]) == 500
