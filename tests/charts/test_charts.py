"""The charts: what they draw, what they say, and that hostile titles stay text."""

import json
import math
from dataclasses import replace
from functools import cache

import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.charts import style
from analysis.charts.exposure import exposure
from analysis.charts.glance import glance
from analysis.charts.growth import growth
from analysis.charts.sources import sources
from analysis.charts.spike import spike
from analysis.models.episodes import by_source
from analysis.models.result import Result
from analysis.platforms.card import LifeEvent
from analysis.simulate import END
from tests.models.test_overview_story import seen, tell
from tests.models.worlds import BEGIN, known, made, stood

HOSTILE = '<a href="https://evil.example">click</a><script>alert(1)</script>\u202e{{x}} ' + "long " * 80
DRAWN_BY_THE_SITE = {"bar", "scatter"}


def series() -> Result:
    start = pd.date_range("2021-06-01", periods=48, freq="h", tz="UTC")
    value = pd.Series([10.0] * 48)
    value[20:24] = [60.0, 90.0, 40.0, 20.0]
    value[30:33] = float("nan")
    frame = pd.DataFrame(
        {"start": start, "end": start + pd.Timedelta(hours=1), "value": value, "expected": 10.0, "low": 4.0,
         "high": 17.0, "in_spike": False, "unknown": value.isna()}
    )  # fmt: skip
    table = pd.DataFrame(
        {"onset": [start[20]], "peak": [start[21]], "end": [start[24]], "direction": "rise", "excess": 170.0,
         "excess_low": 150.0, "excess_high": 190.0, "peak_value": 90.0, "ongoing": False}
    )  # fmt: skip
    return Result(table, "found", "", "One spike.", (), "spikes 1.0", {}, {"baseline": frame})


@cache
def story() -> Result:
    return tell(stood().extra["contents"]["content_id"].iloc[0])


def figures() -> dict[str, go.Figure]:
    titles = style.titles(made().content.assign(title=HOSTILE))
    own = made().intervals[made().intervals["content_id"] == story().extra["began"]["content_id"].iloc[0]]
    return {
        "growth": growth(story(), HOSTILE, known()),
        "spike": spike(series(), HOSTILE, life=[LifeEvent(pd.Timestamp("2021-06-02").date(), HOSTILE)]),
        "glance": glance(seen(), titles, BEGIN, END, known()),
        "sources": sources(by_source(own, BEGIN, END), HOSTILE, known()),
    }


@pytest.fixture(scope="module", params=["growth", "spike", "glance", "sources"])
def figure(request: pytest.FixtureRequest) -> go.Figure:
    return figures()[request.param]


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def test_a_hostile_title_is_drawn_as_text(figure: go.Figure):
    raw = json.loads(figure.to_json())
    raw["layout"]["meta"] = None  # words of the page, which escapes them itself
    for text in strings(raw):
        assert "<a" not in text
        assert "<script" not in text
        assert "\u202e" not in text
        assert len(text) < 400 or set(text) <= set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
        )


def test_a_chart_says_in_words_what_it_shows(figure: go.Figure):
    words = figure.layout.meta["description"]
    assert len(words) > 60
    assert any(letter.isdigit() for letter in words)
    assert "&lt;" not in words


def test_the_site_can_draw_it_and_the_page_shows_through(figure: go.Figure):
    assert {trace.type for trace in figure.data} <= DRAWN_BY_THE_SITE
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.title.text


def test_unknown_is_hatched_and_never_a_line_at_nothing():
    drawn = figures()["spike"]
    hatched = [t for t in drawn.data if t.type == "scatter" and t.fillpattern.shape == "/"]
    assert len(hatched) == 1
    assert pd.Timestamp(hatched[0].x[0]) == pd.Timestamp("2021-06-02 06:00", tz="UTC")
    observed = next(t for t in drawn.data if t.name == "observed")
    assert observed.connectgaps is False
    assert sum(math.isnan(v) for v in observed.y) == 3
    assert "Unknown in one stretch" in drawn.layout.meta["description"]


def test_a_spike_is_marked_from_onset_to_end():
    drawn = figures()["spike"]
    marks = {t.name: pd.Timestamp(t.x[0]) for t in drawn.data if t.name in ("onset", "peak", "end")}
    assert marks["onset"] < marks["peak"] < marks["end"]
    shapes = [s for s in drawn.layout.shapes if s.type == "rect"]
    assert len(shapes) == 1
    assert "+170" in drawn.layout.meta["description"]
    assert "verdict" not in drawn.layout.title.text.lower()


def test_a_platform_event_is_written_on_the_chart():
    words = " ".join(str(a.text) for a in figures()["spike"].layout.annotations)
    assert "02 Jun 2021" in words


def test_every_chart_over_time_marks_what_happened_to_its_platforms():
    day = (END - pd.Timedelta(days=2)).date()
    cards = {
        name: replace(card, life=(LifeEvent(day, "its counter was <b>withdrawn</b>"),))
        for name, card in known().items()
    }
    own = made().intervals[made().intervals["content_id"] == story().extra["began"]["content_id"].iloc[0]]
    titles = style.titles(made().content)
    counted = by_source(own, BEGIN, END)
    drawn = {
        "growth": growth(story(), "title", cards),
        "glance": glance(seen(), titles, BEGIN, END, cards),
        "sources": sources(counted, "title", cards),
        "exposure": exposure(counted, counted.head(0), made().events.head(0), "site", cards),
    }
    for name, figure in drawn.items():
        words = [str(a.text) for a in figure.layout.annotations if "withdrawn" in str(a.text)]
        assert words, name
        assert all("<b>" not in text for text in words), name
        notes = [a for a in figure.layout.annotations if "withdrawn" in str(a.text)]
        assert all(note.font.shadow == style.HALO for note in notes), name  # readable over hatching
        assert "Marked: " in figure.layout.meta["description"], name


def test_a_glance_hatches_the_time_in_which_no_visit_is_known():
    start = pd.date_range(BEGIN, periods=48, freq="h")
    value = pd.Series(1.0, index=range(48))
    value[10:20] = float("nan")
    visits = pd.DataFrame({"start": start, "end": start + pd.Timedelta(hours=1), "value": value})
    drawn = glance(seen(), style.titles(made().content), BEGIN, END, known(), visits)
    hatched = [t for t in drawn.data if t.type == "scatter" and t.fillpattern.shape == "/"]
    assert [pd.Timestamp(x) for x in hatched[0].x[1:3]] == [start[10], start[20]]
    assert "Visits unknown in one stretch, hatched" in drawn.layout.meta["description"]
    assert len(hatched) == len(drawn.layout.yaxis.tickvals)
    called = [a for a in drawn.layout.annotations if str(a.text).startswith("<b>")]
    for (
        note
    ) in called:  # a title's words stand above its place, within a third of a row: nothing is hatched there
        for trace in hatched:
            band = [y for y in trace.y if y is not None]
            assert min(band) > note.y or max(band) < note.y - 1 / 3


def test_unlike_metrics_never_share_an_axis():
    drawn = figures()["growth"]
    axis = {}
    heard = set(story().extra["began"]["platform"]) & set(story().extra["counters"]["platform"])
    for trace in drawn.data:
        if trace.mode == "lines+markers":
            axis.setdefault(trace.yaxis or "y", set()).add(trace.name.rstrip(" 0123456789"))
    assert all(len(platforms) == 1 for platforms in axis.values())
    assert len(axis) == len(heard)


def test_a_result_with_nothing_in_it_is_drawn_as_words():
    bare = Result(
        pd.DataFrame(columns=["onset", "peak", "end", "excess"]), "inconclusive", "too short", "", (), "m", {}
    )
    empty = story()
    bare_story = Result(
        empty.table.head(0), "nothing", "", "", (), "m", {}, {k: v.head(0) for k, v in empty.extra.items()}
    )
    some = seen()
    none = Result(
        some.table.head(0),
        "nothing",
        "",
        "Nothing.",
        (),
        "m",
        {},
        {k: v.head(0) for k, v in some.extra.items()},
    )
    counted = by_source(made().intervals.head(0), BEGIN, END)
    for drawn in (
        spike(bare, "t"),
        growth(bare_story, "t"),
        glance(none, {}, BEGIN, END),
        sources(counted, "t"),
    ):
        assert not drawn.data
        assert drawn.layout.annotations[0].text
        assert drawn.layout.meta["description"]


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#14171c"])
def test_every_colour_can_be_seen_on_light_and_dark_pages(page: str):
    for colour in (*style.COLOURS, style.QUIET, style.INK):
        assert contrast(colour, page) >= 3, colour


def test_colour_is_never_the_only_carrier():
    names = [*known(), "search", "direct", "other", "somewhere", "else"]
    looks = style.looks(names)
    assert len({(look.colour, look.symbol) for look in looks.values()}) == len(looks)
    assert style.looks(["hackernews", "digg"])["digg"] == looks["digg"]


def test_labels_are_one_short_line_of_literal_text():
    assert style.label("a <b>bold</b>\nline") == "a &lt;b&gt;bold&lt;/b&gt; line"
    assert len(style.label("x" * 500)) == style.LONGEST
    assert style.label(None) == style.label("  ") == "(no title)"
    assert style.label("\u202eabc\u200b") == "abc"


def test_no_chart_offers_to_upload_itself():
    import plotly.io as pio

    config = pio.renderers["plotly_mimetype"].config
    assert config["showSendToCloud"] is False
    assert config["plotlyServerURL"] == ""
