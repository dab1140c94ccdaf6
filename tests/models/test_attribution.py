"""Attribution: who sent visits is recovered, nothing stays nothing, what cannot be told apart is one."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.models import _kernel, _ordinary
from analysis.models.attribution import COLUMNS, attribution
from analysis.models.result import Result
from analysis.simulate.sent import Sent, site

SEEDS = range(6)
HOUR = pd.Timedelta(hours=1)


@cache
def _both(seed: int, pair: bool, stripped: float):
    it = site(seed, pair=pair, stripped=stripped)
    return it, attribution(it.events, it.intervals, seed=seed)


def made(seed: int, pair: bool = False, stripped: float = 0.0) -> Sent:
    return _both(seed, pair, stripped)[0]


def told(seed: int, pair: bool = False, stripped: float = 0.0) -> Result:
    return _both(seed, pair, stripped)[1]


def beside(seeds, pair=False, stripped=0.0):
    """Every platform's visits beside what it really sent."""
    parts = []
    for seed in seeds:
        it = made(seed, pair, stripped)
        table = told(seed, pair, stripped).table
        table = table[table["kind"] == "platform"].merge(it.truth, on="platform")
        parts.append(table[table["platform"] != it.silent])
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("stripped", [0.0, 0.5])
def test_visits_by_platform_are_near_the_truth_and_inside_their_intervals(stripped):
    rows = beside(SEEDS if not stripped else (0, 1), stripped=stripped)
    off = (rows["visits"] / rows["sent"] - 1).abs()
    inside = (rows["low"] <= rows["sent"]) & (rows["sent"] <= rows["high"])
    assert off.median() < 0.10
    assert inside.mean() >= 0.75  # 90 % is promised; the wide study in benchmarks measures it
    # it is no answer to be so wide that everything fits
    assert ((rows["high"] - rows["low"]) / rows["sent"]).median() < 0.6
    # and the stated visits alone would be wrong
    assert (rows["stated"] / rows["sent"] - 1).abs().median() > 2 * off.median()


def test_a_platform_that_sent_nothing_may_have_sent_nothing():
    lows = []
    for seed in SEEDS:
        row = told(seed).table.set_index("platform").loc[made(seed).silent]
        assert row["stated"] == 0
        lows.append(row["low"])
    assert np.sum(np.array(lows) == 0) >= 5


@pytest.mark.parametrize("seed", [0, 1])
def test_platforms_always_shared_together_are_one_group(seed):
    it, result = made(seed, pair=True), told(seed, pair=True)
    row = result.table[result.table["kind"] == "group"]
    assert row["platform"].tolist() == [" + ".join(it.pair)]
    sent = it.truth.set_index("platform").loc[list(it.pair), "sent"].sum()
    assert abs(row["visits"].iloc[0] / sent - 1) < 0.15
    assert {check.name: check.passed for check in result.checks}["separable"] is False
    parts = result.extra["stated"].set_index("platform")["stated"]
    assert parts[list(it.pair)].sum() == pytest.approx(row["stated"].iloc[0])


def test_platforms_shared_apart_stay_apart():
    for seed in SEEDS:
        assert not (told(seed).table["kind"] == "group").any()


def test_the_parts_add_up_to_what_was_counted():
    it, result = made(0), told(0)
    table = result.table
    assert list(table.columns) == COLUMNS
    whole = it.intervals.loc[it.intervals["metric"] == "visits", "value"].sum()
    apart = table[table["kind"] != "part"]
    assert apart["visits"].sum() == pytest.approx(whole)
    dark = table.set_index("platform").loc["dark social"]
    assert dark["visits"] == pytest.approx(table.loc[table["kind"] == "platform", "dark"].sum())
    assert dark["low"] <= dark["visits"] <= dark["high"]
    ours = table[table["kind"] == "platform"]
    np.testing.assert_allclose(ours["without"] + ours["visits"], whole)
    assert (ours["without_low"] <= ours["without"]).all()
    assert (ours["without"] <= ours["without_high"]).all()
    by_content = result.extra["contents"].groupby("platform")["visits"].sum()
    np.testing.assert_allclose(by_content[ours["platform"]], ours["visits"], atol=1e-6)


def test_the_same_seed_gives_the_same_answer():
    it = made(0)
    again = attribution(it.events, it.intervals, seed=0)
    pd.testing.assert_frame_equal(again.table, told(0).table)


def test_every_fit_runs_its_placebos():
    kinds = told(0).extra["placebos"]["kind"].value_counts()
    assert set(kinds.index) == {"dates", "platforms", "neighbours"}
    assert (kinds == 20).all()
    deviates = np.concatenate([told(seed).extra["placebos"]["deviate"] for seed in SEEDS])
    assert 0.6 < deviates.std() < 1.5
    assert abs(deviates.mean()) < 0.4


def one_share(direct_after, stated_after, pages=6, days=40):
    """Pages shared once each, far apart; visits after the share as told, over a quiet baseline."""
    rng = np.random.default_rng(1)
    begin = pd.Timestamp("2021-01-04", tz="UTC")
    rows, shares = [], []
    for page in range(pages):
        at = 24 * 15 + 24 * page + 9
        shares.append((f"c{page}", "digg", "submission", begin + at * HOUR))
        direct, stated = rng.poisson(1.0, days * 24).astype(float), np.zeros(days * 24)
        after = np.arange(days * 24 - at)
        direct[at:] += rng.poisson(direct_after(after))
        stated[at:] += rng.poisson(stated_after(after))
        for source, values in (("direct", direct), ("digg", stated)):
            rows.append(pd.DataFrame({"platform": source, "content_id": f"c{page}",
                                      "start": begin + pd.to_timedelta(np.arange(days * 24), unit="h"),
                                      "value": values}))  # fmt: skip
    intervals = pd.concat(rows, ignore_index=True)
    intervals = intervals.assign(metric="visits", end=intervals["start"] + HOUR, observed_at=begin,
                                 observer="o",
                                 partial=False)  # fmt: skip
    return pd.DataFrame(shares, columns=["content_id", "platform", "kind", "occurred_at"]), intervals


def test_delay_half_life_and_visits_per_share_are_read_off():
    """A rise of two hours, then a fade that halves every six."""

    def course(t):
        return 40 * (1 - np.exp(-(t + 0.5) / 1.0)) * np.exp(-np.log(2) * (t + 0.5) / 6)

    events, intervals = one_share(lambda t: course(t) / 2, course)
    row = attribution(events, intervals).table.iloc[0]
    brought = course(np.arange(600.0)).sum() * 1.5
    assert row["per_share_low"] <= brought <= row["per_share_high"]
    assert abs(row["per_share"] / brought - 1) < 0.1
    assert 0.2 <= row["delay_hours"] <= 5
    assert 4 <= row["half_life_hours"] <= 9


def test_what_no_referrer_ever_states_is_found_by_its_shares_alone():
    events, intervals = one_share(lambda t: 30 * np.exp(-t / 8), lambda t: 0 * t)
    row = attribution(events, intervals).table.set_index("platform").loc["digg"]
    sent = 6 * 30 * np.exp(-np.arange(400) / 8).sum()
    assert row["stated"] == 0
    assert row["low"] > 0
    assert row["low"] <= sent <= row["high"]


def test_unknown_hours_are_counted_and_left_out():
    events, intervals = one_share(lambda t: 10 * np.exp(-t / 8), lambda t: 20 * np.exp(-t / 8))
    lost = intervals["start"].dt.day == 20
    gone = intervals.assign(value=intervals["value"].mask(lost))
    told_ = attribution(events, gone)
    row = told_.table.iloc[0]
    assert row["unknown_hours"] == 24 * 6
    assert row["stated"] == intervals.loc[(intervals["platform"] == "digg") & ~lost, "value"].sum()
    daily = told_.extra["daily"]
    assert daily.loc[daily["start"].dt.day == 20, "value"].isna().all()
    partial = attribution(events, intervals.assign(partial=lost)).table.iloc[0]
    assert partial["unknown_hours"] == row["unknown_hours"]
    assert partial["stated"] == row["stated"]


def test_a_shared_platform_without_a_share_in_sight_is_told_by_its_referrers():
    events, intervals = one_share(lambda t: 10 * np.exp(-t / 8), lambda t: 20 * np.exp(-t / 8))
    row = attribution(events.iloc[:0], intervals).table.iloc[0]
    assert row["shares"] == 0
    assert np.isnan(row["per_share"])
    assert "no share was seen" in row["reason"]
    sent = 6 * 30 * np.exp(-np.arange(400) / 8).sum()
    assert abs(row["visits"] / sent - 1) < 0.1


def test_it_abstains():
    events, intervals = one_share(lambda t: 0 * t, lambda t: 0 * t)
    for shares, rows, why in (
        (events, intervals[intervals["metric"] == "x"], "no visits"),
        (events, intervals[intervals["start"] < intervals["start"].min() + 20 * HOUR], "hours"),
        (events.iloc[:0], intervals[intervals["platform"] == "direct"], "nothing was shared"),
    ):
        result = attribution(shares, rows)
        assert result.verdict == "inconclusive"
        assert why in result.reason
        assert result.table.empty
    days = intervals.assign(end=intervals["start"] + 24 * HOUR)
    assert attribution(events, days).verdict == "inconclusive"
    with pytest.raises(UserError, match="occurred_at"):
        attribution(events.drop(columns="occurred_at"), intervals)


def test_partialling_out_is_least_squares():
    rng = np.random.default_rng(0)
    hours = 3 * _ordinary.KNOT - 17
    x, v, rhythm = rng.normal(size=(2, hours)), rng.uniform(0.1, 1, (2, hours)), rng.uniform(0.5, 2, hours)
    left, part = _ordinary.partial(x, v, rhythm)
    place = np.arange(hours) / _ordinary.KNOT
    hats = np.maximum(1 - np.abs(place[:, None] - np.arange(4)), 0) * rhythm[:, None]
    for i in range(2):
        root = np.sqrt(v[i])
        best = hats @ np.linalg.lstsq(hats * root[:, None], x[i] * root, rcond=None)[0]
        np.testing.assert_allclose(part[i], best, atol=1e-4)
        np.testing.assert_allclose(left[i] + part[i], x[i])


def test_kernels_and_sizes_are_learnt_from_stated_visits():
    rng = np.random.default_rng(3)
    content, hour = np.repeat(np.arange(5), 6), rng.integers(0, 1500, 30)
    size, kernel = rng.gamma(0.6, 200, 30), np.exp(-np.arange(_kernel.REACH) / 10)
    kernel /= kernel.sum()
    known = np.ones((5, 2000), bool)
    mean = _kernel.spread(content, hour, size, kernel, known * 1.0) + 0.05
    found = _kernel.learn(rng.poisson(mean).astype(float), known, content, hour, np.ones(30))
    big = size > 100
    assert np.median(np.abs(found.size[:30][big] / size[big] - 1)) < 0.15
    assert np.abs(np.cumsum(found.kernel) - np.cumsum(kernel)).max() < 0.08
