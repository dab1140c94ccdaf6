"""Platforms side by side: one scale only where it means the same, and unknown is hatched."""

import numpy as np
import pandas as pd

from analysis.charts.platforms import OWN_SCALE, lasting, panels, sent
from analysis.platforms import cards

CARDS = cards()
DAYS = pd.date_range("2018-01-20", periods=30, freq="D", tz="UTC")


def series(own):
    parts = []
    for platform, metric, scale in (("digg", "diggs", 900.0), ("linkedin", "shares", 4.0)):
        value = scale * np.ones(30)
        if platform == "linkedin":
            value[12:] = np.nan
        parts.append(pd.DataFrame({"platform": platform, "metric": metric, "start": DAYS, "value": value,
                                   "end": DAYS + pd.Timedelta(days=1)}))  # fmt: skip
    frame = pd.concat(parts)
    return frame if own else frame.drop(columns="metric")


def ranges(figure):
    return [figure.layout[name].range for name in ("yaxis", "yaxis2")]


def test_visits_share_a_scale_and_own_counters_do_not():
    one, other = ranges(panels(series(False), CARDS, unit="visits"))
    assert one == other
    apart = panels(series(True), CARDS)
    one, other = ranges(apart)
    assert one != other
    assert apart.layout.title.subtitle.text == OWN_SCALE
    titles = [note.text for note in apart.layout.annotations]
    assert "Digg: diggs, in votes" in titles


def test_unknown_days_are_hatched_and_the_platforms_life_is_marked():
    figure = panels(series(True), CARDS)
    assert any(trace.fillpattern.shape == "/" for trace in figure.data if trace.type == "scatter")
    described = figure.layout.meta["description"]
    assert "Unknown days are hatched" in described
    assert "2018-02-01: LinkedIn: the share counter" in described


def test_intervals_and_what_referrers_state_are_drawn():
    table = pd.DataFrame({"platform": ["digg", "facebook + twitter"], "visits": [120.0, 80],
                          "low": [100.0, 60], "high": [150.0, 99], "stated": [90.0, 40]})  # fmt: skip
    figure = sent(table, CARDS)
    assert list(figure.data[0].y) == ["Facebook + Twitter/X", "Digg"]
    assert list(figure.data[0].error_x.array) == [19.0, 30.0]
    assert "Digg 120 (100 to 150)" in figure.layout.meta["description"]


def test_nothing_is_drawn_as_words():
    empty = pd.DataFrame(
        columns=["platform", "start", "end", "value", "visits", "come", "hours", "half_hours"]
    )
    for figure in (
        sent(empty, CARDS),
        panels(empty, CARDS, unit="visits"),
        panels(empty, CARDS),
        lasting(empty, CARDS),
    ):
        assert not figure.data
        assert figure.layout.meta["description"]


def test_how_long_it_lasts_is_told_in_words():
    come = pd.DataFrame({"platform": "digg", "hours": [1, 2], "come": [0.6, 1.0], "half_hours": [1, 1]})
    assert "Digg half within 1 hours" in lasting(come, CARDS).layout.meta["description"]
