"""The built site in a real browser: every shipped notebook on the sample world, and every kind of page.

From files and from a server, offline, scripts on and off, light and dark, desktop, phone and paper; axe-core
finds nothing, the keyboard reaches everything, and a world of hostile titles runs nothing.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest
from built_site import OTHERS, PAGES, Built
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from analysis.platforms import cards
from analysis.reports import figures, pictures
from analysis.reports.single import single

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPEN_ALL = "document.querySelectorAll('details').forEach(part => { part.open = true; })"
SHARING = """buttons => buttons.map(button => button.dataset.title)
             .filter(title => /share|cloud|send|upload/i.test(title))"""
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SHEET = 680  # pixels between the margins of A4
PHONE_AT_NIGHT = {"viewport": PHONE, "is_mobile": True, "device_scale_factor": 2, "color_scheme": "dark"}
ALL = [*PAGES, *OTHERS]
# What a reader can use with a pointer; the inside of a chart is told in words and in a table.
USABLE = """[...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")]
            .filter(node => node.checkVisibility() && !node.closest(".drawing"))"""
INSIDE = "document.querySelectorAll('.drawing a, .drawing button, .drawing [tabindex]').length"
REACHABLE = f"{USABLE}.length"
MISSED = f"{USABLE}.filter(node => !node.dataset.reached).map(node => node.outerHTML.slice(0, 120))"


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


Opener = Callable[..., tuple[Page, Heard]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    if pictures.browser() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=pictures.browser(), args=["--no-sandbox"])
        yield program
        program.close()


@contextmanager
def opening(browser: Browser) -> Iterator[Opener]:
    """Opens pages offline and listens to them; they are closed at the end of the block."""
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
                page.wait_for_selector("html[data-drawn]", state="attached", timeout=90_000)
        return page, heard

    yield _open
    for context in contexts:
        context.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Opens pages for one test."""
    with opening(browser) as opener:
        yield opener


# Drawing a page takes longer than looking at it: what looks at the same one gets it open, one after another.
Shown = tuple[str, Page, Heard]


@pytest.fixture(scope="module")
def by_day(request: pytest.FixtureRequest, browser: Browser, built: Built) -> Iterator[Shown]:
    """The name of a page, and it on a desk in the light."""
    with opening(browser) as opener:
        yield request.param, *opener(built.page(request.param), color_scheme="light")


@pytest.fixture(scope="module")
def by_night(request: pytest.FixtureRequest, browser: Browser, built: Built) -> Iterator[Shown]:
    """The name of a page, and it on a desk in the dark."""
    with opening(browser) as opener:
        yield request.param, *opener(built.page(request.param), color_scheme="dark")


@pytest.fixture(scope="module")
def in_bed(request: pytest.FixtureRequest, browser: Browser, built: Built, served: str) -> Iterator[Shown]:
    """The name of a page, and it from a server on a phone in the dark."""
    with opening(browser) as opener:
        yield request.param, *opener(served + built.path(request.param), offline=False, **PHONE_AT_NIGHT)


def axe(page: Page) -> list[str]:
    """What axe-core finds at WCAG 2.2 AA."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    # preloading would ask for the style sheet again, which the policy forbids
    options = {"runOnly": {"type": "tag", "values": WCAG}, "preload": False}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [f"{v['id']}: {[n['html'][:200] for n in v['nodes'][:3]]}" for v in result["violations"]]


def has_numbers(chart: Locator) -> bool:
    """Whether a chart draws anything; one of nothing has words alone, and no table."""
    drawn = bool(json.loads(chart.locator("script").text_content() or "{}")["data"])
    if not drawn:
        assert (chart.locator(".words").text_content() or "").strip()
    return drawn


@pytest.fixture(scope="module")
def served(built: Built) -> Iterator[str]:
    """The site's address on a server of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built.folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("by_day", PAGES, indirect=True)
def test_every_chart_is_drawn_and_nothing_is_asked_of_a_network(built: Built, by_day: Shown) -> None:
    name, page, heard = by_day
    charts = page.locator("figure.chart").count()
    assert charts == built.records[name].charts
    assert page.evaluate("Number(document.documentElement.dataset.drawn || 0)") == charts
    for chart in page.locator("figure.chart").all():
        assert chart.locator(".drawing .main-svg").first.is_visible()
        assert not chart.locator(".picture").is_visible()
        assert (chart.locator(".words").text_content() or "").strip()
    assert page.locator("h1").count() == 1
    # left to itself, plotly.js offers to upload the data to its maker
    assert page.locator("[data-title]").evaluate_all(SHARING) == []
    heard.is_clean()


def works_from_a_server(page: Page, heard: Heard, served: str, drawn: str) -> None:
    """Assert that its charts are there, and nothing else is asked for."""
    for chart in page.locator("figure.chart").all():
        assert chart.locator(drawn).first.is_visible()
    assert page.locator("h1").count() == 1
    assert not heard.console
    assert all(url.startswith((served, "data:", "blob:")) for url in heard.requests)


@pytest.mark.parametrize("in_bed", ALL, indirect=True)
def test_it_also_works_from_a_server(in_bed: Shown, served: str) -> None:
    _, page, heard = in_bed
    works_from_a_server(page, heard, served, ".main-svg")


@pytest.mark.parametrize("name", ALL)
def test_it_also_works_from_a_server_without_scripts(
    built: Built, opened: Opener, served: str, name: str
) -> None:
    page, heard = opened(served + built.path(name), offline=False, java_script_enabled=False)
    works_from_a_server(page, heard, served, "img.picture")


@pytest.mark.parametrize("by_night", PAGES, indirect=True)
def test_on_paper_stand_pictures_and_numbers_and_no_buttons(by_night: Shown) -> None:
    name, page, _ = by_night
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    for chart in page.locator("figure.chart").all():
        assert chart.locator("img.picture").is_visible()
        assert not chart.locator(".drawing").is_visible()
        assert chart.locator("table").is_visible() == has_numbers(chart)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    # a header that is repeated on the next sheet has no buttons, and says the same
    assert page.locator("button:visible").count() == 0
    for header in page.locator("th[data-words]").all():
        shown = header.evaluate("node => getComputedStyle(node, '::before').content")
        assert json.loads(shown) == header.get_attribute("data-words")
    assert page.locator(".check details:visible").count() == 0
    # browsers shrink a page by a quarter at most: of what is wider the last columns would be lost
    before = page.viewport_size
    page.set_viewport_size({"width": SHEET, "height": 960})
    widths = page.locator("table:visible").evaluate_all("all => all.map(table => table.offsetWidth)")
    page.set_viewport_size(before)
    page.emulate_media(media="screen")
    assert name == "hostile" or max(widths, default=0) <= 1.25 * SHEET


@pytest.mark.parametrize("name", [name for name in PAGES if name != "hostile"])
def test_platforms_go_by_the_name_people_know(built: Built, name: str) -> None:
    known = {card.name for card in cards().values() if card.title != card.name}
    page = (built.folder / built.path(name)).read_text(encoding="utf-8").partition("<footer")[0]
    cells = {unescape(words).strip() for words in re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page)}
    assert not known & cells
    assert {card.title for card in cards().values()} & cells


@pytest.mark.parametrize("by_day", ALL, indirect=True)
def test_axe_finds_nothing_in_the_light(by_day: Shown) -> None:
    _, page, heard = by_day
    page.evaluate(OPEN_ALL)
    assert axe(page) == []
    heard.is_clean()


@pytest.mark.parametrize("by_night", ALL, indirect=True)
def test_axe_finds_nothing_in_the_dark(by_night: Shown) -> None:
    _, page, heard = by_night
    page.evaluate(OPEN_ALL)
    assert axe(page) == []
    heard.is_clean()


@pytest.mark.parametrize("name", PAGES)
def test_without_scripts_there_are_pictures_and_numbers(built: Built, opened: Opener, name: str) -> None:
    page, heard = opened(built.page(name), java_script_enabled=False)
    for chart in page.locator("figure.chart").all():
        picture = chart.locator("img.picture")
        assert picture.is_visible()
        assert (picture.bounding_box() or {"height": 0})["height"] > 100
        assert chart.locator("table").is_visible() == has_numbers(chart)
        number = chart.get_attribute("id")
        assert (built.run(name) / f"{number}.svg").read_text(encoding="utf-8").startswith("<svg")
    assert page.get_by_role("link", name="What changed since the last report, and why").is_visible()
    assert page.locator("#zone, #theme").filter(visible=True).count() == 0
    assert "Times are UTC" in (page.text_content("footer") or "")
    heard.is_clean()


@pytest.mark.parametrize("in_bed", ALL, indirect=True)
def test_a_phone_needs_no_sideways_scrolling(in_bed: Shown) -> None:
    _, page, _ = in_bed
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("name", ["index", "history", "contents", "content"])
def test_a_phone_shows_what_a_run_is_called_and_what_it_said(built: Built, opened: Opener, name: str) -> None:
    page, _ = opened(built.page(name), viewport=PHONE, is_mobile=True)
    box = page.locator("table tbody tr td").nth(1).bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]


@pytest.mark.parametrize("name", ["outlook", "index", "changes"])
def test_the_keyboard_reaches_everything(built: Built, opened: Opener, name: str) -> None:
    page, _ = opened(built.page(name))
    page.evaluate(OPEN_ALL)
    wanted = page.evaluate(REACHABLE)
    assert wanted > 5
    for _ in range(wanted + page.evaluate(INSIDE)):
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.dataset.reached = 'yes'")
    missed = page.evaluate(MISSED)
    assert not missed
    first = page.locator(".skip")
    first.focus()
    assert first.is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_hostile_titles_run_nothing_and_break_nothing(built: Built, opened: Opener) -> None:
    page, heard = opened(built.page("hostile"))
    page.locator(".drawing .nsewdrag").first.hover()
    page.wait_for_timeout(300)
    page.evaluate(OPEN_ALL)
    page.locator("#zone").click()
    assert page.evaluate("window.pwned") is None
    assert page.locator("main a[href^='javascript' i], main iframe, main object").count() == 0
    assert page.locator(".drawing svg a").count() == 0
    assert page.locator("main script:not([type='application/json'])").count() == 0
    assert page.locator("footer.provenance").is_visible()
    assert "{{ 7*7 }}" in (page.text_content("main") or "")
    assert "\u202e" not in page.content()
    heard.is_clean()
    hostile = [f"contents/{content['content_id']}.html" for content in built.records["hostile"].contents]
    assert len(hostile) > 9
    for path in (*OTHERS.values(), *hostile):
        if "{" in path:
            continue
        other, heard = opened((built.folder / path).as_uri())
        assert other.evaluate("window.pwned") is None
        assert other.locator("main a[href^='javascript' i], main img, main svg").count() == 0
        heard.is_clean()
    failed, heard = opened(built.page("failed"))
    assert "<img src=x" in (failed.text_content("main") or "")
    assert failed.evaluate("window.pwned") is None
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


def test_times_are_in_the_zone_the_reader_chooses(built: Built, opened: Opener) -> None:
    page, heard = opened(built.page("whole"))
    first = "document.querySelectorAll('.drawing')[1]._fullData.find(t => t.name === 'observed').x[0]"
    as_of, table = page.locator(".as-of strong").first, page.locator("table.data").first
    assert as_of.text_content() == "2018-04-01 00:00 UTC"
    drawn = page.evaluate(first)
    rows = table.locator("tbody tr").first.text_content() or ""
    page.get_by_role("button", name="Show times in Berlin time").click()
    page.wait_for_selector("html[data-drawn]", state="attached")
    assert as_of.text_content() == "2018-04-01 02:00 Berlin time"  # summer
    assert "peak 18 Mar 23:00" in rows
    assert "peak 19 Mar 00:00" in (table.locator("tbody tr").first.text_content() or "")  # winter
    page.wait_for_function(f"{first} !== {json.dumps(drawn)}")
    moved = page.evaluate(f"Date.parse({first} + 'Z') - Date.parse({json.dumps(drawn)} + 'Z')")
    assert moved == 3_600_000
    page.goto((built.folder / "index.html").as_uri())
    assert "Berlin time" in (page.locator("table.runs th").first.text_content() or "")
    page.get_by_role("button", name="Show times in UTC").click()
    assert "made, UTC" in (page.locator("table.runs th").first.text_content() or "")
    heard.is_clean()


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


def test_a_page_says_what_changed_and_leads_there(built: Built, opened: Opener) -> None:
    page, heard = opened(built.page("whole"))
    assert "what went in differently: parameters" in (page.text_content("#changed") or "")
    page.get_by_role("link", name="What changed since the last report").click()
    assert "What changed: What went viral" in (page.text_content("h1") or "")
    assert "2018-03-25" in (page.locator("table.changes").first.text_content() or "")
    assert page.locator("table.changes").count() > 2
    page.get_by_role("link", name="the one before it").click()
    assert built.records["before"].id in page.url
    heard.is_clean()


def test_the_index_finds_runs_by_words(built: Built, opened: Opener) -> None:
    page, heard = opened(built.page("index"))
    rows = page.locator("table.runs tbody tr")
    assert rows.count() == len(built.records)
    page.get_by_label("Search").fill("titles BITE found")
    assert page.locator("table.runs tbody tr:visible").count() == 1
    assert page.locator("#found").text_content() == "1 run"
    page.locator("table.runs").get_by_role("link", name="Titles that bite").first.click()
    assert page.locator("h1").text_content() == "Titles that bite"
    heard.is_clean()


def test_from_a_report_to_its_content_and_back(built: Built, opened: Opener) -> None:
    page, heard = opened(built.page("story"))
    content = built.records["story"].contents[0]
    page.locator("nav.about").get_by_role("link", name=content["title"]).click()
    assert page.locator("h1").text_content() == content["title"]
    titles = page.locator("table.runs td:nth-child(2)").all_text_contents()
    assert {"The story of one content", "What went viral", "Who came, and from where"} <= set(titles)
    page.get_by_role("link", name="The story of one content").click()
    assert built.records["story"].id in page.url
    heard.is_clean()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_single_file_opens_offline_and_asks_for_nothing_else(
    built: Built, opened: Opener, tmp_path: Path, scripts: bool
) -> None:
    for name in ("whole", "hostile"):
        path = single(built.site, built.records[name], tmp_path)
        page, heard = opened(path.as_uri(), java_script_enabled=scripts)
        charts = page.locator("figure.chart")
        assert charts.count() == built.records[name].charts
        for chart in charts.all():
            assert chart.locator(".main-svg" if scripts else "img.picture").first.is_visible()
        assert [url for url in heard.requests if not url.startswith(("data:", "blob:"))] == [path.as_uri()]
        assert not heard.console
        if scripts:
            assert page.evaluate("window.pwned") is None
            page.get_by_role("button", name="Berlin time").click()
            assert axe(page) == []


def test_the_bundle_draws_exactly_what_we_say_it_does(built: Built, opened: Opener) -> None:
    page, _ = opened(built.page("hostile"))
    assert set(page.evaluate("Object.keys(Plotly.PlotSchema.get().traces)")) == figures.BUNDLE


@pytest.mark.parametrize("name", PAGES)
def test_the_executed_notebook_and_every_number_are_one_click_away(built: Built, name: str) -> None:
    folder = built.run(name)
    page = (folder / "index.html").read_text(encoding="utf-8")
    notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)
    assert any(cell.get("outputs") for cell in notebook.cells)
    for link in re.findall(r'<a [^>]*href="(?!http|mailto|#)([^"]+)"', page):
        assert (folder / link).is_file(), link
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert len(page.encode()) <= 200_000
    assert record["files"]["index.html"]["bytes"] == len(page.encode())


def test_the_shared_assets_stay_within_the_budget(built: Built) -> None:
    sizes = [path.stat().st_size for path in (built.folder / "assets").iterdir()]
    assert max(sizes) <= 1_600_000
    assert sum(sizes) - max(sizes) <= 60_000
