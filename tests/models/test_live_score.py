"""The running score: no later bucket changes an earlier row; early once, up through what lasts."""

import numpy as np
import pandas as pd
import pytest
from planted import NOTHING, TAILS, clock, nothing, spiked, tailed

from analysis.models import live, spikes


@pytest.mark.parametrize("kind", NOTHING)
def test_no_later_row_changes_an_earlier_one(kind):
    series, _ = nothing(kind, 3, 900)
    series.loc[500:505, "value"] = 200.0
    whole = spikes.score(series)
    for cut in range(70, 900, 83):
        part = spikes.score(series.iloc[:cut])
        last = int(series["value"].iloc[:cut].last_valid_index()) + 1
        pd.testing.assert_frame_equal(part.iloc[:last], whole.iloc[:last])


def test_uneven_series_too():
    rng = np.random.default_rng(4)
    start = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.cumsum(rng.integers(3, 40, 600)), "min")
    series = pd.DataFrame({"start": start.as_unit("us"), "value": rng.gamma(2.0, 3.0, 600)})
    whole = spikes.score(series)
    for cut in (100, 250, 480):
        part = spikes.score(series.iloc[:cut])
        pd.testing.assert_frame_equal(part, whole.iloc[: len(part)])


def test_a_spike_alarms_once_and_early():
    series, truth = spiked(2, times_noise=25.0, tau=12.0)
    frame = spikes.score(series)
    at = np.flatnonzero(frame["alarm"])
    near = at[(at >= truth["onset"] - 1) & (at <= truth["onset"] + 48)]
    assert len(near) == 1
    assert near[0] <= truth["onset"] + 2
    during = frame["score"][truth["onset"] : truth["onset"] + 12].min()
    assert during > 2 * frame["score"].iloc[200:280].median()


def test_ordinary_noise_alarms_as_often_as_asked():
    months = 30 * 3
    alarms = sum(
        int(spikes.score(nothing("over-dispersed", seed)[0], false_per_month=1.0)["alarm"].sum())
        for seed in range(30)
    )
    assert 0.2 * months <= alarms <= 1.6 * months


def test_unknown_buckets_score_nothing():
    series, _ = nothing("poisson", 6, 400)
    series.loc[200:220, "value"] = np.nan
    frame = spikes.score(series)
    assert not frame.loc[200:220, "alarm"].any()
    assert (frame.loc[200:220, "surprise"] == 0).all()


def test_as_of_is_the_series_cut():
    series, _ = spiked(9)
    moment = series["start"][1199] + pd.Timedelta(hours=1)
    pd.testing.assert_frame_equal(spikes.score(series, as_of=moment), spikes.score(series.iloc[:1200]))


def test_empty_and_tiny():
    assert spikes.score(pd.DataFrame({"start": clock(0), "value": []})).empty
    tiny = spikes.score(pd.DataFrame({"start": clock(3), "value": [1.0, np.nan, 3.0]}))
    assert len(tiny) == 3
    assert not tiny["alarm"].any()


def test_a_rise_is_told_once_and_a_longer_series_tells_the_same():
    series, truth = spiked(2, times_noise=25.0, tau=12.0)
    whole = live.find(series, false_per_month=0.02)
    assert whole.verdict == "found"
    row = whole.table.iloc[0]
    onset = series["start"][truth["onset"]]
    assert len(whole.table) == 1
    assert abs(row["onset"] - onset) <= pd.Timedelta(hours=1)
    assert onset < row["alarm"] <= onset + pd.Timedelta(hours=3)
    assert row["value"] > 2 * row["expected"]
    for moment in (onset + pd.Timedelta(hours=hours) for hours in (1, 2, 3, 10, 100)):
        part = live.find(series, as_of=moment, false_per_month=0.02).table
        assert part["alarm"].tolist() == [row["alarm"]][: int(row["alarm"] <= moment)]
    greater = live.find(series, false_per_month=0.02, least=row["value"] - row["expected"] + 1).table
    assert greater["alarm"].iloc[0] > row["alarm"]


def test_a_drop_is_no_rise_and_a_short_series_is_inconclusive():
    series, _ = nothing("poisson", 5)
    series.loc[1000:1030, "value"] = 0.0
    assert live.find(series, false_per_month=0.01).table.empty
    assert live.find(series.iloc[:60]).verdict == "inconclusive"
    assert live.find(series.iloc[:0]).verdict == "inconclusive"


@pytest.mark.parametrize("kind", NOTHING)
def test_ordinary_noise_is_told_at_most_as_often_as_asked(kind):
    told = sum(len(live.find(nothing(kind, seed)[0], false_per_month=1.0).table) for seed in range(20))
    assert told <= 78  # 60 months at one a month, but for one time in a hundred


@pytest.mark.parametrize("kind", TAILS)
def test_long_tails_are_told_at_most_as_often_as_asked(kind):
    told = sum(len(live.find(tailed(kind, seed), false_per_month=1.0).table) for seed in range(20))
    assert told <= 78  # as above


def quiet(seed: int, hours: int = 24 * 60, begin: int = 0) -> pd.DataFrame:
    """Poisson counts of four an hour."""
    rng = np.random.default_rng([seed, 5])
    start = clock(hours, "h") + pd.Timedelta(hours=begin)
    return pd.DataFrame({"start": start, "value": rng.poisson(4.0, hours).astype(float)})


def surprise(series: pd.DataFrame, like) -> float:
    """The greatest surprise of a rise in the last day."""
    rows = live.score(series, like=like).tail(24)
    return float(rows["surprise"].where(rows["rise"], 0.0).max())


def test_what_its_like_showed_is_what_a_young_series_is_judged_by():
    young = quiet(99, 24 * 5, begin=24 * 60)
    young.loc[110:114, "value"] = [14.0, 16.0, 15.0, 12.0, 10.0]
    calm = [live.find(quiet(seed)).extra["noise"] for seed in range(8)]
    spiky = [live.find(tailed("pareto 1.5", seed, 24 * 60)).extra["noise"] for seed in range(8)]
    alone = surprise(young, [])
    assert surprise(young, calm) > alone + 0.5
    assert surprise(young, spiky) < surprise(young, calm) - 1.0
    unlike = [live.find(quiet(seed).iloc[::2]).extra["noise"] for seed in range(8)]  # of another cadence
    assert surprise(young, unlike) == alone


def test_nothing_is_learned_from_what_its_like_showed_later():
    early = quiet(99, 24 * 5)
    late = [live.find(quiet(seed)).extra["noise"] for seed in range(8)]  # they all begin when it does
    pd.testing.assert_frame_equal(live.score(early, like=late), live.score(early))
    young = quiet(98, 24 * 5, begin=24 * 30)
    whole, part = (
        [live.find(quiet(seed).head(rows)).extra["noise"] for seed in range(8)] for rows in (24 * 60, 24 * 30)
    )
    pd.testing.assert_frame_equal(live.score(young, like=whole), live.score(young, like=part))


def test_the_contents_of_a_spiky_site_alarm_less_often_together_than_each_alone():
    told = {}
    for together in (False, True):
        noise: list = []
        told[together] = 0
        for k in range(40):
            series = tailed("pareto 1.5", k, 24 * 60).iloc[24 * k :]
            found = live.find(series, false_per_month=0.05, like=noise if together else [])
            noise.append(found.extra["noise"])
            told[together] += len(found.table)
    assert told[True] < 0.8 * told[False]
