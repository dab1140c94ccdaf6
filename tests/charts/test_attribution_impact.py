"""Charts of attribution and impact: what they draw, what they say, hostile titles, nothing to draw."""

import json

import pandas as pd

from analysis.charts.attribution import attribution as bars
from analysis.charts.attribution import kernels
from analysis.charts.impact import impact as effect
from analysis.models.attribution import attribution
from analysis.models.impact import impact
from tests.models.test_attribution import one_share
from tests.models.test_impact import hours

HOSTILE = "<script>alert(1)</script>"


def plain(figure):
    assert "<script>" not in json.loads(figure.to_json())["layout"]["title"]["text"]
    return figure.layout.meta["description"]


def test_bars_of_platforms_and_their_courses():
    events, intervals = one_share(lambda t: 10 * 0.9**t, lambda t: 20 * 0.9**t)
    result = attribution(events, intervals)
    row = result.table.iloc[0]
    figure = bars(result, HOSTILE)
    said = plain(figure)
    assert f"{row['visits']:,.0f} ({row['low']:,.0f} to {row['high']:,.0f})" in said
    assert "unexplained" in said
    assert [trace.x[0] for trace in figure.data] == [row["stated"], row["dark"]]
    line = kernels(result, HOSTILE)
    assert "digg" in plain(line)
    assert line.data[0].y[-1] <= 1.0 + 1e-9
    assert line.data[0].y[0] > 0


def test_an_effect_with_what_was_to_be_expected():
    series, start, end = hours(1, during=100)
    series.loc[5:8, "value"] = float("nan")
    result = impact(series, start, end)
    figure = effect(result, HOSTILE)
    said = plain(figure)
    assert "effect +" in said
    assert "Unknown in one stretch" in said
    assert "During" in said
    assert "After" in said
    assert {"counted", "expected without it", "effect so far"} <= {trace.name for trace in figure.data}


def test_without_an_answer_they_say_why():
    series, start, _ = hours(1)
    short = impact(series[series["start"] >= start - pd.Timedelta(hours=5)], start)
    assert "known bins before" in plain(effect(short, HOSTILE))
    events, intervals = one_share(lambda t: 0 * t, lambda t: 0 * t)
    empty = attribution(events.iloc[:0], intervals[intervals["platform"] == "direct"])
    assert "nothing was shared" in plain(bars(empty, HOSTILE))
    assert "No line" in plain(kernels(empty, HOSTILE))
