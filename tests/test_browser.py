"""The built site in a real browser: every shipped notebook on the sample world, opened from files.

Offline, scripts on and off, light and dark, desktop, phone and paper; axe-core finds nothing; a
world of hostile titles runs nothing.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4
from playwright.sync_api import Browser, Page, sync_playwright

from analysis.reports import figures, pictures
from analysis.reports.run import Options, make
from analysis.reports.record import Record
from analysis.settings import settings
from analysis.simulate import fill
from analysis.store import Store

ROOT = Path(__file__).resolve().parents[1]
AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPEN_ALL = "document.querySelectorAll('details').forEach(part => { part.open = true; })"
SHARING = """buttons => buttons.map(button => button.dataset.title)
             .filter(title => /share|cloud|send|upload/i.test(title))"""
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
HOSTILE = """
import pandas as pd, plotly.graph_objects as go
from IPython.display import HTML, Javascript, Markdown, display
from analysis.charts import style
from analysis.display import say, show
from analysis.models.result import Result

TITLES = [
    "<script>window.pwned=1</script>", '<img src=x onerror="window.pwned=1">', "<svg onload=window.pwned=1>",
    '<a href="javascript:window.pwned=1">log in</a>', "</script><script>window.pwned=1</script>",
    "{{ 7*7 }} {% raw %} ${7*7}", "\\u202eright to left\\u202c",
    "<b>bold</b><span style='font-size:90px'>big</span>",
    "[x](javascript:window.pwned=1) ![y](https://evil.example/x.png)", "=HYPERLINK(1)", "T" * 10_000,
]
frame = pd.DataFrame({"title": TITLES, "count": range(len(TITLES))})
display(Result(frame, "found", TITLES[0], " ".join(TITLES), (), TITLES[1], {}))
display(show(frame, TITLES[1]), say(*TITLES), frame, frame.style, Javascript("window.pwned=1"))
display(HTML("".join(TITLES)), Markdown("# " + "\\n\\n## ".join(TITLES)))
print(*TITLES)
labels = [style.label(title) for title in TITLES]
figure = go.Figure(go.Bar(x=labels, y=frame["count"], name=TITLES[3]))
figure.add_scatter(x=TITLES, y=frame["count"], name=TITLES[0])
figure.update_layout(title=TITLES[3] + TITLES[1], xaxis_title=TITLES[7], meta={"description": TITLES[0]})
figure.add_annotation(text=TITLES[3], x=0, y=5)
figure
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, format: str, *words: object) -> None:
        pass


@dataclass
class Heard:
    """What a page asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def is_clean(self) -> None:
        """Assert that nothing left the machine and nobody complained."""
        assert not self.console
        assert all(url.startswith(("file://", "data:", "blob:")) for url in self.requests)


@dataclass(frozen=True)
class Built:
    """The site, and each report's record."""

    folder: Path
    records: dict[str, Record]

    def page(self, name: str) -> str:
        """The address of a report's page."""
        record = self.records[name]
        assert record.status == "ok", f"{name} made no page: {record.error}"
        return (self.folder / "runs" / self.records[name].id / "index.html").as_uri()


Opener = Callable[..., tuple[Page, Heard]]
REPORTS = [*sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")), "hostile"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The site of every shipped notebook and a hostile one, on the sample world."""
    if pictures.browser() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    place = tmp_path_factory.mktemp("browser")
    folder = place / "notebooks"
    folder.mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        (folder / path.name).write_bytes(path.read_bytes())
    cells = [v4.new_markdown_cell("# Titles that bite"), v4.new_code_cell(HOSTILE)]
    nbformat.write(v4.new_notebook(cells=cells), folder / "hostile.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRALITY_STORE", str(place / "store"))
        patch.setenv("VIRALITY_SITE", str(place / "site"))
        patch.setenv("VIRALITY_NOTEBOOKS", str(folder))
        fill(Store.open(), 0)
        done = make([], [], everything=True, options=Options(timeout=280), say=lambda line: None)
        site = Path(settings().path("site"))
    return Built(site, {record.report: record for record in done.records})


@pytest.fixture(scope="module")
def browser(built: Built) -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=pictures.browser(), args=["--no-sandbox"])
        yield program
        program.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Opens a page offline and listens to it."""
    contexts = []

    def _open(url: str, **options: Any) -> tuple[Page, Heard]:
        options = {"viewport": DESKTOP, "offline": True} | options
        context = browser.new_context(**options)
        contexts.append(context)
        page, heard = context.new_page(), Heard()
        page.on("request", lambda request: heard.requests.append(request.url))
        page.on("console", lambda message: heard.console.append(message.text))
        page.on("pageerror", lambda error: heard.console.append(str(error)))
        page.on("dialog", lambda dialog: heard.console.append(dialog.message))
        page.goto(url)
        if options.get("java_script_enabled", True):
            page.wait_for_load_state("load")
            if page.locator("figure.chart").count():
                page.wait_for_selector("html[data-drawn]", state="attached", timeout=20_000)
        return page, heard

    yield _open
    for context in contexts:
        context.close()


def axe(page: Page) -> list[str]:
    """What axe-core finds at WCAG 2.2 AA."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": {"type": "tag", "values": WCAG}}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [f"{v['id']}: {[n['html'][:200] for n in v['nodes'][:3]]}" for v in result["violations"]]


@pytest.mark.parametrize("report", REPORTS)
def test_every_chart_is_drawn_and_nothing_is_asked_of_a_network(
    built: Built, opened: Opener, report: str
) -> None:
    page, heard = opened(built.page(report))
    charts = page.locator("figure.chart").count()
    assert charts == built.records[report].charts
    assert page.evaluate("Number(document.documentElement.dataset.drawn || 0)") == charts
    for chart in page.locator("figure.chart").all():
        assert chart.locator(".drawing .main-svg").first.is_visible()
        assert not chart.locator(".picture").is_visible()
        assert (chart.locator(".words").text_content() or "").strip()
    assert page.locator("h1").count() == 1
    # left to itself, plotly.js offers to upload the data to its maker
    assert page.locator("[data-title]").evaluate_all(SHARING) == []
    heard.is_clean()


def test_it_also_works_from_a_server(built: Built, opened: Opener) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built.folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            home = f"http://127.0.0.1:{server.server_port}/"
            page, heard = opened(f"{home}runs/{built.records['overview'].id}/index.html", offline=False)
            assert page.evaluate("Number(document.documentElement.dataset.drawn)") > 0
            assert not heard.console
            assert all(url.startswith((home, "data:", "blob:")) for url in heard.requests)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("report", [*REPORTS, "index"])
def test_axe_finds_nothing(built: Built, opened: Opener, report: str, scheme: str) -> None:
    url = (built.folder / "index.html").as_uri() if report == "index" else built.page(report)
    page, _ = opened(url, color_scheme=scheme)
    page.evaluate(OPEN_ALL)
    assert axe(page) == []


@pytest.mark.parametrize("report", REPORTS)
def test_without_scripts_there_are_pictures_and_numbers(built: Built, opened: Opener, report: str) -> None:
    page, heard = opened(built.page(report), java_script_enabled=False)
    for chart in page.locator("figure.chart").all():
        picture = chart.locator("img.picture")
        assert picture.is_visible()
        assert (picture.bounding_box() or {"height": 0})["height"] > 100
        assert chart.locator("table").is_visible()
        name = chart.get_attribute("id")
        svg = (built.folder / "runs" / built.records[report].id / f"{name}.svg").read_text(encoding="utf-8")
        assert svg.startswith("<svg")
    heard.is_clean()


@pytest.mark.parametrize("report", REPORTS)
def test_a_phone_needs_no_sideways_scrolling(built: Built, opened: Opener, report: str) -> None:
    page, heard = opened(built.page(report), viewport=PHONE, is_mobile=True, device_scale_factor=2)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    heard.is_clean()


@pytest.mark.parametrize("report", REPORTS)
def test_on_paper_stand_pictures_and_numbers_and_no_buttons(
    built: Built, opened: Opener, report: str
) -> None:
    page, _ = opened(built.page(report), color_scheme="dark")
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    for chart in page.locator("figure.chart").all():
        assert chart.locator("img.picture").is_visible()
        assert not chart.locator(".drawing").is_visible()
        assert chart.locator("table").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("button:visible:not(.sort)").count() == 0


def test_hostile_titles_run_nothing_and_break_nothing(built: Built, opened: Opener) -> None:
    page, heard = opened(built.page("hostile"))
    page.locator(".drawing .nsewdrag").first.hover()
    page.wait_for_timeout(300)
    page.evaluate(OPEN_ALL)
    assert page.evaluate("window.pwned") is None
    assert page.locator("main a[href^='javascript' i], main iframe, main object").count() == 0
    assert page.locator(".drawing svg a").count() == 0
    assert page.locator("main script:not([type='application/json'])").count() == 0
    assert page.locator("footer.provenance").is_visible()
    assert "{{ 7*7 }}" in (page.text_content("main") or "")
    assert "\u202e" not in page.content()
    heard.is_clean()
    index, heard = opened((built.folder / "index.html").as_uri())
    assert index.evaluate("window.pwned") is None
    heard.is_clean()


def test_the_theme_is_the_readers(built: Built, opened: Opener) -> None:
    page, _ = opened(built.page("overview"), color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Dark theme").click()
    dark = page.evaluate(ground)
    assert dark != "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_tables_sort_by_number_with_unknown_last_and_download(built: Built, opened: Opener) -> None:
    page, _ = opened(built.page("hostile"))
    table = page.locator("table.data").nth(1)
    count = table.get_by_role("button", name="count")
    for expected in (["0", "1", "2"], ["10", "9", "8"]):
        count.focus()
        page.keyboard.press("Enter")
        assert table.locator("tbody td:last-child").all_text_contents()[:3] == expected
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download as CSV: table 2").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert text.startswith("title,count\n")
    assert "'=HYPERLINK(1),9" in text


def test_a_page_says_loudly_that_it_is_out_of_date(built: Built, opened: Opener) -> None:
    page, _ = opened(built.page("overview"))
    words = page.locator("#freshness")
    assert "to be renewed by" in (words.text_content() or "")
    assert "loud" not in (words.get_attribute("class") or "")
    page.clock.set_fixed_time("2035-01-01T00:00:00Z")
    page.reload()
    assert "This page is out of date." in (words.text_content() or "")
    assert "loud" in (words.get_attribute("class") or "")


def test_the_index_finds_runs_by_words(built: Built, opened: Opener) -> None:
    page, heard = opened((built.folder / "index.html").as_uri())
    rows = page.locator("table.runs tbody tr")
    assert rows.count() == len(built.records)
    page.get_by_label("Search").fill("titles BITE")
    assert page.locator("table.runs tbody tr:visible").count() == 1
    assert page.locator("#found").text_content() == "1 run"
    page.get_by_role("link", name="Titles that bite").first.click()
    assert page.locator("h1").text_content() == "Titles that bite"
    heard.is_clean()


def test_the_bundle_draws_exactly_what_we_say_it_does(built: Built, opened: Opener) -> None:
    page, _ = opened(built.page("hostile"))
    assert set(page.evaluate("Object.keys(Plotly.PlotSchema.get().traces)")) == figures.BUNDLE


@pytest.mark.parametrize("report", REPORTS)
def test_the_executed_notebook_and_every_number_are_one_click_away(built: Built, report: str) -> None:
    assert built.page(report)
    folder = built.folder / "runs" / built.records[report].id
    page = (folder / "index.html").read_text(encoding="utf-8")
    notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)
    assert any(cell.get("outputs") for cell in notebook.cells)
    for name in re.findall(r'<a [^>]*href="(?!http|mailto|#|\.\./)([^"]+)"', page):
        assert (folder / name).is_file(), name
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert len(page.encode()) <= 200_000
    assert record["files"]["index.html"]["bytes"] == len(page.encode())
