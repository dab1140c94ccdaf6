"""An executed notebook as a page: no code, no network, nothing that runs but our own script."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment
from markupsafe import Markup
from nbconvert.exporters import TemplateExporter
from nbconvert.preprocessors import Preprocessor
from traitlets import default

from analysis.display import CONTENTS, RESULT, short
from analysis.reports import clean, figures
from analysis.reports.figures import Figure
from analysis.reports.results import Found

HERE = Path(__file__).parent
# The richest form of an output we can show, best first.
FORMS = (figures.MIME, "text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
TITLE = 120  # characters of a title in a list
SUMMARY = 600  # characters of a summary that the index and the feed show
ABOUT = "Every report on what this page speaks of"
HIDDEN = "report-hide"  # a cell with this tag stays out of the page
CELLS = {
    "number": re.compile(r"-?[\d.,]+(?:e[-+]?\d+)?%?|NaN"),
    "time": re.compile(r"\d{4}-\d\d-\d\d(?:[ T][\d:.+]+)?(?: UTC)?"),
    "url": re.compile(r"https?://\S{24,}"),
    "long": re.compile(r".{48,}", re.S),
    "phrase": re.compile(r"(?=\S+\s+\S+\s+\S).{20,}", re.S),
}
VERDICT = re.compile(r'<p class="verdict (\w+)">(.*?)</p>(?:\s*<p>(.*?)</p>)?', re.S)


@dataclass
class Contents:
    """What a page turned out to hold: headings as (level, anchor, text), charts, verdict, findings."""

    title: str = ""
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    charts: list[Figure] = field(default_factory=list)
    verdict: str = ""
    summary: str = ""
    tables: int = 0
    warnings: int = 0
    found: Found = field(default_factory=Found)


class PagePreprocessor(Preprocessor):
    """Gives each cell and output its clean HTML (``metadata.page``) and collects the contents."""

    def __init__(self, contents: Contents, **traits: Any) -> None:
        super().__init__(enabled=True, **traits)
        self.contents = contents
        self.sections = 0

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        """The cell with ``metadata.page`` set on it and on its outputs."""
        if HIDDEN in cell.metadata.get("tags", []):
            cell.metadata.page = ""
        elif cell.cell_type == "markdown":
            cell.metadata.page = self._markdown(cell.source)
        elif cell.cell_type == "code":
            for output in cell.outputs:
                output.setdefault("metadata", nbformat.NotebookNode()).page = self._output(output)
            cell.metadata.page = ""
        return cell, resources

    def _output(self, output: Any) -> Markup | Figure:
        if output.output_type == "stream":
            if output.name == "stderr":  # warnings are for the analyst: they stay in the notebook
                self.contents.warnings += 1
                return Markup("")
            return self._text(output.text)
        if output.output_type == "error":
            return self._text(f"{output.ename}: {output.evalue}")
        if CONTENTS in output.data:
            return self._about(output.data[CONTENTS])
        form = next((form for form in FORMS if form in output.data), None)
        if form is None:
            return Markup('<p class="left-out">An output that needs a script was left out of this page.</p>')
        value = output.data[form]
        if form == figures.MIME:
            self.contents.charts.append(figures.build(value, len(self.contents.charts) + 1))
            return self.contents.charts[-1]
        if form == "text/html":
            return self._html(value, self.contents.found.add_result(output.data.get(RESULT)))
        if form == "text/markdown":
            return Markup(self._sum_up(self._markdown(value)))
        if form == "text/plain":
            return self._text(value)
        if form == "image/svg+xml":
            value = base64.b64encode(value.encode()).decode()
        words = clean.text(str(output.data.get("text/plain", "Picture")))
        return Markup('<p><img class="plain" alt="{}" src="data:{};base64,{}"></p>').format(
            words, form, value.replace("\n", "")
        )

    def _text(self, value: str) -> Markup:
        return Markup('<pre tabindex="0">{}</pre>').format(clean.text(value))

    def _about(self, told: Any) -> Markup:
        """Links to the pages of the contents that a notebook says it speaks of."""
        link = Markup('<li><a href="../../contents/{}.html">{}</a></li>')
        named = self.contents.found.add_contents(told)
        if not named:
            return Markup("")
        listed = Markup("").join(
            link.format(row["content_id"], short(row["title"] or row["url"], TITLE)) for row in named
        )
        return Markup('<nav class="about" aria-label="{0}"><p>{0}:</p><ul>{1}</ul></nav>').format(
            ABOUT, listed
        )

    def _html(self, value: str, model: str = "") -> Markup:
        out = self._sum_up(clean.html(value))
        self.contents.found.add_tables(out, model)
        return self._scrolling(out)

    def _sum_up(self, out: str) -> str:
        """Remember the first verdict, or the first computed sentence where there is none, as the answer."""
        found = VERDICT.search(out)
        if found and not self.contents.verdict:
            self.contents.verdict = found[1]
            self.contents.summary = _short(clean.without_tags(found[3] or found[2]))
        elif not self.contents.summary and (first := re.search(r"<p>(.*?)</p>", out, re.S)):
            self.contents.summary = _short(clean.without_tags(first[1]))
            return out.replace("<p>", '<p class="answer">', 1)
        return out

    def _scrolling(self, out: str) -> Markup:
        """Each table in a region of its own that scrolls, can be reached by keyboard, and has a name."""

        def opened(match: re.Match[str]) -> str:
            self.contents.tables += 1
            label = f'aria-label="Table {self.contents.tables}"'
            return f'<div class="scroll" tabindex="0" role="region" {label}>{match[0]}'

        # nh3 wrote this HTML: it is well formed and lower case
        out = re.sub(r"<td>([^<]*)</td>", _classed, out)
        return Markup(re.sub(r"<table[ >]", opened, out).replace("</table>", "</table></div>"))

    def _markdown(self, value: str) -> Markup:
        first, rest = ("", value)
        if not self.contents.title and (match := re.match(r"\s*# +(.+?)\s*#*\s*(?:\n|$)", value)):
            first, rest = match[1], value[match.end() :]
            self.contents.title = clean.without_tags(clean.markdown(first)[0])
        out, headings = clean.markdown(rest)
        for level, words in headings:
            self.sections += 1
            anchor = f"section-{self.sections}"
            out = out.replace(f"<h{level}>", f'<h{level} id="{anchor}">', 1)
            if words:
                self.contents.headings.append((level, anchor, words))
        return self._scrolling(out)


def _short(summary: str) -> str:
    """A summary as the index has it: whole sentences where it can."""
    if len(summary) <= SUMMARY:
        return summary
    ends = [match.end() for match in re.finditer(r"[.!?](?= )", summary[:SUMMARY])]
    return summary[: ends[-1]] if ends else summary[: SUMMARY - 1] + "…"


def _classed(match: re.Match[str]) -> str:
    """A table cell with a class that says how it wants to be set."""
    words = match[1]
    kind = next((name for name, pattern in CELLS.items() if pattern.fullmatch(words)), "")
    return f'<td class="{kind}">{words}</td>' if kind else match[0]


class PageExporter(TemplateExporter):
    """nbconvert's exporter over our own template, with every expression escaped by default."""

    @default("template_name")
    def _template_name(self) -> str:
        return "template"

    @default("template_file")
    def _template_file(self) -> str:
        return "page.html.j2"

    @default("file_extension")
    def _extension(self) -> str:
        return ".html"

    @default("extra_template_basedirs")
    def _basedirs(self) -> list[str]:
        return [str(HERE)]

    def _create_environment(self) -> Environment:
        environment = super()._create_environment()
        environment.autoescape = True
        environment.finalize = clean.finalize
        return environment

    def _init_preprocessors(self) -> None:
        self._preprocessors = []


def render(notebook: Any, context: dict[str, Any]) -> tuple[str, Contents]:
    """The notebook as a page, and what it holds.

    Parameters
    ----------
    notebook : the executed notebook; it is not changed
    context : what the template shows beside the cells; ``pictures(charts)`` is called with the charts
        and returns the names of those that have a static picture, and why some have none
    """
    contents = Contents()
    prepared, _ = PagePreprocessor(contents).preprocess(nbformat.from_dict(notebook), {})
    drawn, no_picture = context["pictures"](contents.charts)
    templates: list[dict[str, Any]] = []
    specs = {}
    for chart in contents.charts:
        if chart.template not in templates:
            templates.append(chart.template)
        specs[chart.name] = Markup(
            clean.script_json(chart.spec | {"template": templates.index(chart.template)})
        )
    page = context | {
        "contents": contents,
        "csp": clean.CSP,
        "drawn": drawn,
        "no_picture": no_picture,
        "templates": Markup(clean.script_json(templates)),
        "specs": specs,
        "safe": Markup,
        "is_chart": lambda value: isinstance(value, Figure),
    }
    body, _ = PageExporter().from_notebook_node(prepared, {"page": page, "metadata": {"name": "page"}})
    return body, contents
