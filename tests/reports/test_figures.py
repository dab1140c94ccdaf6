"""A chart on a page: checked against the bundle, harmless, with its words and its numbers."""

import csv
import io
import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.errors import UserError
from analysis.reports import figures
from analysis.reports.figures import Figure
from analysis.reports.site import PLOTLY, TEMPLATE

HOURS = pd.date_range("2026-01-01", periods=5, freq="h", tz="UTC")


def built(figure: go.Figure) -> Figure:
    return figures.build(json.loads(figure.to_json()), 1)


def rows(figure: Figure) -> list[list[str]]:
    return list(csv.reader(io.StringIO(figure.csv)))


def test_numpy_arrays_are_decoded_and_unknown_stays_unknown() -> None:
    figure = built(go.Figure(go.Scatter(x=HOURS, y=np.array([1, np.nan, 0, 4.125, 5]), name="visits")))
    assert rows(figure) == [
        ["time, UTC", "visits"],
        ["2026-01-01 00:00", "1"],
        ["2026-01-01 01:00", "unknown"],
        ["2026-01-01 02:00", "0"],
        ["2026-01-01 03:00", "4.125"],
        ["2026-01-01 04:00", "5"],
    ]
    assert "unknown" in figure.table


def test_series_share_a_table_and_a_point_that_is_not_drawn_is_empty_not_unknown() -> None:
    chart = go.Figure(
        [go.Scatter(x=HOURS, y=[1, 2, 3, 4, 5], name="a"), go.Bar(x=HOURS[1:], y=[1, None, 3, 4], name="b")]
    )
    chart.update_xaxes(title="hour, UTC")
    table = rows(built(chart))
    assert table[0] == ["hour, UTC", "a", "b"]
    assert table[1][2] == ""
    assert table[3][2] == "unknown"


def test_series_with_different_places_stand_one_below_another() -> None:
    chart = go.Figure([go.Scatter(x=[1, 1, 2], y=[1, 2, 3], name="a"), go.Scatter(x=[7], y=[1], name="b")])
    assert rows(built(chart))[1:] == [["a", "1", "1"], ["a", "1", "2"], ["a", "2", "3"], ["b", "7", "1"]]


def test_horizontal_bars_and_heatmaps() -> None:
    bars = built(go.Figure(go.Bar(y=["x", "y"], x=[3, 4], orientation="h", name="n")))
    assert rows(bars)[1:] == [["x", "3"], ["y", "4"]]
    heat = built(go.Figure(go.Heatmap(z=np.arange(6).reshape(2, 3), x=list("abc"), y=["r", "s"])))
    assert rows(heat) == [["row", "a", "b", "c"], ["r", "0", "1", "2"], ["s", "3", "4", "5"]]


def test_a_chart_that_lies_on_its_side_has_a_row_a_name() -> None:
    dots = [go.Scatter(y=["x", "y"], x=[3, 4], name="all"), go.Scatter(y=["x", "y"], x=[1, 2], name="seen")]
    chart = go.Figure(dots)
    chart.update_yaxes(title="platform")
    assert rows(built(chart)) == [["platform", "all", "seen"], ["x", "3", "1"], ["y", "4", "2"]]


def test_lanes_of_a_row_go_by_the_rows_name() -> None:
    marks = [
        go.Scatter(x=HOURS[:2], y=[0.9, 2.1], name="a"),
        go.Scatter(x=[HOURS[0], None, HOURS[0]], y=[1.1, None, 1.9], name="b"),
    ]
    chart = go.Figure(marks)
    chart.update_yaxes(tickvals=[1, 2], ticktext=["The sea &lt;wall&gt;", "The bakery"], showticklabels=False)
    assert rows(built(chart)) == [
        ["series", "at", "of"],
        ["a", "2026-01-01 00:00", "The sea <wall>"],
        ["a", "2026-01-01 01:00", "The bakery"],
        ["b", "2026-01-01 00:00", "The sea <wall>"],
        ["b", "2026-01-01 00:00", "The bakery"],
    ]


def test_a_page_takes_off_the_room_of_a_title_that_stands_beside_the_chart() -> None:
    chart = go.Figure(layout={"height": 430 + 70, "meta": {"description": "A rise.", "heading": 70}})
    assert built(chart).height == built(chart).spec["layout"]["height"] == 430
    assert built(go.Figure(layout={"height": 430})).height == 430


def test_a_long_chart_shows_a_summary_and_keeps_every_number_in_the_file() -> None:
    hours = pd.date_range("2026-01-01", periods=744, freq="h", tz="UTC")
    values = np.arange(744.0)
    values[3] = np.nan
    figure = built(go.Figure(go.Scatter(x=hours, y=values, name="visits")))
    assert not figure.whole
    assert len(rows(figure)) == 745
    assert "743 at 2026-01-31 23:00" in figure.table
    assert len(figure.table) < 2000


def test_its_words_are_the_authors_or_computed() -> None:
    chart = go.Figure(go.Scatter(x=HOURS, y=[1, 2, None, 4, 5], name="visits"))
    assert "visits: 4 points" in built(chart).description
    assert "1 unknown" in built(chart).description
    chart.update_layout(meta={"description": "Visits rose."})
    assert built(chart).description == "Visits rose."
    assert built(go.Figure()).description == "There is nothing to draw."


def test_what_is_drawn_for_the_eye_only_is_no_number() -> None:
    hatched = go.Scatter(x=[1, 1, 2, 2], y=[0, 9, 9, 0], fill="toself", hoverinfo="skip")
    key = go.Bar(x=[None], y=[None], name="unknown", hoverinfo="skip")
    lines = go.Scatter(x=[1, 2, None, 3], y=[5, 5, None, 6], name="spans")
    assert rows(built(go.Figure([hatched, key, lines])))[1:] == [["1", "5"], ["2", "5"], ["3", "6"]]


def test_escaped_platform_text_is_plain_in_words() -> None:
    chart = go.Figure(layout={"meta": {"description": "A &lt;script&gt; rose."}})
    assert built(chart).description == "A <script> rose."


def test_counts_are_sent_to_the_last_digit_and_times_in_even_steps_as_three_numbers() -> None:
    hours = pd.date_range("2026-01-01", periods=20, freq="h", tz="UTC")
    counts = go.Scatter(x=hours, y=np.full(20, 2.0**24 + 1))
    shares = go.Scatter(x=hours, y=np.full(20, 1 / 3))
    count, share = built(go.Figure([counts, shares])).spec["data"]
    assert (count["y"]["dtype"], share["y"]["dtype"]) == ("f8", "f4")
    assert count["x"] == {"since": 1767225600000, "step": 3600000, "count": 20}


def test_title_and_template_leave_the_figure() -> None:
    figure = built(
        go.Figure(layout={"title": {"text": "A <b>bold</b> &lt;b&gt;", "subtitle": {"text": "sub"}}})
    )
    assert (figure.title, figure.subtitle) == ("A bold <b>", "sub")
    assert "title" not in figure.spec["layout"]
    assert "template" not in figure.spec["layout"]
    assert figure.template


@pytest.mark.parametrize("kind", ["scattergl", "sankey", "choropleth", "treemap", "scatter3d"])
def test_a_trace_the_bundle_would_draw_wrongly_fails_the_build(kind: str) -> None:
    with pytest.raises(UserError, match=f"'{kind}'"):
        figures.build({"data": [{"type": kind}], "layout": {}}, 2)


def test_links_and_styles_in_labels_become_text() -> None:
    hostile = '<a href="https://evil.example">log in</a><span style="font-size:90px">x</span><b>ok</b>'
    figure = built(go.Figure(go.Bar(x=["a"], y=[1], name=hostile, hovertemplate="%{y}<extra></extra>")))
    trace = figure.spec["data"][0]
    assert "<a" not in trace["name"]
    assert "<span" not in trace["name"]
    assert "<b>ok</b>" in trace["name"]
    assert trace["hovertemplate"] == "%{y}<extra></extra>"


def test_a_formula_in_a_series_name_is_text_in_the_file() -> None:
    figure = built(go.Figure(go.Bar(x=["=1+1", "-5"], y=[1, 2], name='=HYPERLINK("x")')))
    assert rows(figure)[0][1].startswith("'=")
    assert [row[0] for row in rows(figure)[1:]] == ["'=1+1", "-5"]


def test_the_sites_plotly_is_the_one_plotly_speaks_to_and_fits_the_budget() -> None:
    from plotly.offline import get_plotlyjs_version

    assert get_plotlyjs_version() in PLOTLY, "vendor plotly.js-cartesian-dist-min of this version from npm"
    bundle = TEMPLATE / PLOTLY
    assert bundle.stat().st_size <= 1_600_000
    assert (TEMPLATE / "plotly-LICENSE").read_text().startswith("MIT License")


def test_many_numbers_are_summed_up_and_all_stand_in_the_file() -> None:
    many = go.Figure([go.Scatter(x=HOURS, y=np.arange(5.0), name=f"line {n}") for n in range(200)])
    figure = built(many)
    assert not figure.whole
    assert figure.table.count("<tr>") == 1 + 200  # a row a series
    assert len(rows(figure)) == 1 + 5
    assert built(go.Figure(go.Bar(x=["a"], y=[1]))).whole
