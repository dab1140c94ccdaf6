"""An executed notebook as a page: the answer, no code, nothing that runs but our own script."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import nbformat
import pandas as pd
import plotly.graph_objects as go
import pytest
from nbformat import v4

from analysis.models.result import Result
from analysis.reports import clean, exporter
from analysis.reports.exporter import Contents

HOSTILE = [
    "<script>window.pwned=1</script>",
    '<img src=x onerror="window.pwned=1">',
    "<svg onload=window.pwned=1>",
    '<a href="javascript:window.pwned=1">x</a>',
    '"><iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
    "{{ 7*7 }} {% raw %} ${7*7}",
    "\u202eright to left\u202c \u2066isolate",
    "</script><script>window.pwned=1</script>",
    "<!-- ]]> --> & &amp; &lt;b&gt;",
    "[x](javascript:window.pwned=1) ![y](https://evil.example/x.png)",
    "=HYPERLINK(1)",
    "A" * 10_000,
]
CONTEXT: dict[str, Any] = {
    "title": "A title with <angles> & ampersand",
    "report": "page",
    "assets": {"report.css": "a.css", "report.js": "b.js", "zone.js": "z.js", "plotly.js": "c.js"},
    "data_as_of": "2026-01-31 00:00 UTC",
    "parameters": [{"name": "url", "value": "https://x.example/?a=<b>&c", "given": True, "note": "which"}],
    "versions": {"events": 3, "content": -1},
    "rows": {"events": 1234, "content": 0},
    "software": {"python": "3.12", "virality": "0.1.0"},
    "code": "abc",
    "commit": "def",
    "notebook": "0123456789abcdef",
    "pictures": lambda charts: (set(), "there was no Chromium on the machine that made this page"),
}


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def output(**data: Any) -> nbformat.NotebookNode:
    kinds = {
        "html": "text/html",
        "markdown": "text/markdown",
        "plain": "text/plain",
        "script": "application/javascript",
    }
    return v4.new_output("display_data", {kinds.get(name, name): value for name, value in data.items()})


def page(*cells: Any, **context: Any) -> tuple[str, Contents]:
    made = []
    for cell in cells:
        if isinstance(cell, str):
            made.append(v4.new_markdown_cell(cell))
        else:
            made.append(
                v4.new_code_cell("secret_code = 1", outputs=cell if isinstance(cell, list) else [cell])
            )
    return exporter.render(v4.new_notebook(cells=made), CONTEXT | context)


def chart(figure: go.Figure) -> nbformat.NotebookNode:
    return v4.new_output(
        "display_data", {exporter.figures.MIME: json.loads(figure.to_json()), "text/plain": "Figure"}
    )


def test_it_shows_what_the_notebook_found_and_no_code() -> None:
    result = Result(
        pd.DataFrame({"n": [1]}),
        "inconclusive",
        "only 12 hours",
        "Not enough data to say.",
        (),
        "spikes 1.0",
        {},
    )
    body, contents = page(
        "# The question\n\nWho sent it?\n\n## Evidence\n\n### Part",
        output(html=result._repr_html_(), plain="Result(...)"),
        output(markdown="Computed **text**.\n\n## Evidence"),
    )
    assert "secret_code" not in body
    assert (contents.verdict, contents.summary) == ("inconclusive", "Not enough data to say.")
    assert body.index("Who sent it?") < body.index("only 12 hours") < body.index("Computed")
    assert [words for _, _, words in contents.headings] == ["Evidence", "Part", "Evidence"]
    anchors = [anchor for _, anchor, _ in contents.headings]
    assert len(set(anchors)) == 3
    assert all(f'id="{anchor}"' in body and f'href="#{anchor}"' in body for anchor in anchors)
    assert body.count("<h1>") == 1
    assert "2026-01-31 00:00 UTC" in body
    assert "1,234 rows, version 3" in body
    assert "https://x.example/?a=&lt;b&gt;&amp;c" in body


def test_a_page_without_a_result_is_summed_up_by_its_first_computed_sentence() -> None:
    assert page(output(markdown="Nothing in this period.\n\nMore."))[1].summary == "Nothing in this period."


def test_the_policy_allows_no_inline_script_and_the_page_has_none() -> None:
    body, _ = page(chart(go.Figure(go.Bar(x=["a"], y=[1]))))
    scripts = [attributes for tag, attributes in Tags(body).seen if tag == "script"]
    assert all("src" in attributes or attributes.get("type") == "application/json" for attributes in scripts)
    policy = next(a["content"] for t, a in Tags(body).seen if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "unsafe-eval" not in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', body)


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:20] for text in HOSTILE])
@pytest.mark.parametrize("form", ["html", "markdown", "plain", "stream", "error", "frame", "cell", "figure"])
def test_hostile_text_stays_text(text: str, form: str) -> None:
    cell: Any
    if form == "stream":
        cell = v4.new_output("stream", name="stdout", text=text)
    elif form == "error":
        cell = v4.new_output("error", ename=text, evalue=text, traceback=[text])
    elif form == "frame":
        cell = output(html=pd.DataFrame({text: [text]}).to_html())
    elif form == "cell":
        cell = f"# {text}\n\n## {text}\n\n{text}"
    elif form == "figure":
        cell = chart(
            go.Figure(
                go.Bar(x=[text], y=[1], name=text), layout={"title": text, "meta": {"description": text}}
            )
        )
    else:
        cell = output(**{form: text})
    body, _ = page(cell, title=text)
    for tag, attributes in Tags(body).seen:
        assert tag not in ("iframe", "svg", "object", "embed", "form", "base")
        assert not any(name.startswith("on") or name == "srcdoc" for name in attributes)
        assert not (attributes.get("href") or "").lower().lstrip().startswith(("javascript:", "vbscript:"))
        assert tag != "img" or "onerror" not in attributes
        assert tag != "script" or "src" in attributes or attributes.get("type") == "application/json"
    assert "\u202e" not in body
    assert body.count("</body>") == 1
    for embedded in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', body, re.S):
        json.loads(embedded)


def test_scripts_and_widgets_are_left_out_and_said_to_be() -> None:
    body, _ = page(output(script="window.pwned=1"))
    assert "pwned" not in body
    assert "left out" in body


def test_warnings_stay_in_the_notebook_and_are_counted() -> None:
    body, contents = page(v4.new_output("stream", name="stderr", text="x.py: DeprecationWarning"))
    assert "DeprecationWarning" not in body
    assert contents.warnings == 1
    assert "warnings stand in it" in body


def test_a_cell_can_stay_out() -> None:
    cell = v4.new_code_cell("x", metadata={"tags": ["report-hide"]}, outputs=[output(plain="hidden words")])
    body, _ = exporter.render(v4.new_notebook(cells=[cell]), CONTEXT)
    assert "hidden words" not in body


def test_charts_share_their_template_and_have_picture_words_and_numbers() -> None:
    charts = [chart(go.Figure(go.Bar(x=["a", "b"], y=[n, 2], name="n"))) for n in range(10)]
    body, contents = page(charts, pictures=lambda found: ({c.name for c in found[:1]}, "none drawn"))
    assert len(contents.charts) == 10
    assert len(json.loads(re.findall(r'id="templates">(.*?)</script>', body)[0])) == 1
    assert body.count('class="picture"') == 1
    assert body.count("No static picture: none drawn") == 9
    assert body.count("The numbers behind this chart") == 10
    assert len(body) < 60_000


def test_ten_long_charts_stay_within_the_budget() -> None:
    hours = pd.date_range("2026-01-01", periods=744, freq="h", tz="UTC")
    lines = [go.Scatter(x=hours, y=pd.Series(range(744), dtype=float).to_numpy() % 24, name="visits")]
    body, _ = page([chart(go.Figure(lines)) for _ in range(10)])
    assert len(body.encode()) <= 200_000


def test_tables_scroll_have_names_and_no_empty_header() -> None:
    frame = pd.DataFrame({"a": [1.5, 2.0], "b": ["x", "y"]})
    body, _ = page(output(html=frame.to_html()), output(html=frame.to_html()))
    assert 'aria-label="Table 1"' in body
    assert 'aria-label="Table 2"' in body
    assert "<th></th>" not in body
    assert '<td class="number">1.5</td>' in body


def test_a_csv_cell_is_no_formula_and_a_number_stays_one() -> None:
    assert clean.cell("=1+1") == "'=1+1"
    assert clean.cell("@x") == "'@x"
    assert clean.cell("-5.2") == "-5.2"
