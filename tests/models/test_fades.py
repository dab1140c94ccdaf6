"""Decay, shape, tail, persistence and second life: told when the counts carry it, refused when not."""

import numpy as np
import pandas as pd
import pytest
from planted import clock, nothing, spiked

from analysis.errors import UserError
from analysis.models import decay, persistence, second_life, shape, spikes, tail


def with_extra(extra, seed=3, kind="poisson", size=2160):
    series, _ = nothing(kind, seed, size)
    rng = np.random.default_rng([seed, 7])
    series["value"] += rng.poisson(extra)
    return series


def curve(before, after, scale, size=2160, at=1000):
    out = np.zeros(size)
    out[at:] = after(np.arange(size - at)) * scale
    out[:at] = before(at - np.arange(at)) * scale
    return out


def none(k):
    return 0.0 * k


def power(p):
    return lambda k: (1.0 + k) ** -p * (k < 300)


def of(series):
    found = spikes.find(series, false_per_month=0.01)
    return found, int(found.table["excess"].argmax())


@pytest.mark.parametrize(
    ("family", "after", "half_life"),
    [
        ("exponential", lambda k: 2.0 ** (-k / 8.0), 8.0),
        ("power law", lambda k: (1.0 + (k + 0.5) / 10.0 * (2 ** (1 / 1.6) - 1)) ** -1.6, 10.0),
    ],
)
def test_the_family_and_half_life_that_were_planted(family, after, half_life):
    found, spike = of(with_extra(curve(none, after, 1500)))
    result = decay.fit(found, spike=spike)
    assert result.verdict == "found"
    weight = result.table.set_index("family")["weight"]
    assert weight["exponential"] > 0.5 if family == "exponential" else weight["exponential"] < 0.01
    assert result.parameters["half_life"] == pytest.approx(half_life, rel=0.15)
    assert result.parameters["half_life_low"] < result.parameters["half_life_high"]
    assert result.table["weight"].sum() == pytest.approx(1.0)
    fitted = result.extra["fade"]
    assert np.abs(fitted["excess"] - fitted["fitted"])[:10].max() < 200


def test_half_life_intervals_cover_what_was_planted():
    inside = told = 0
    for seed in range(40):
        series, truth = spiked(seed, kind="poisson", times_noise=20.0, tau=9.0)
        table = spikes.find(series).table
        row = table.loc[table["excess"].idxmax()]
        if row["half_life"] == row["half_life"]:
            told += 1
            inside += row["half_life_low"] <= truth["half_life"] <= row["half_life_high"]
    assert told >= 36
    assert inside >= 0.78 * told


def test_a_fade_not_seen_to_its_end_is_refused():
    series = with_extra(curve(none, lambda k: 2.0 ** (-k / 30.0), 800))
    found = spikes.find(series.iloc[:1008])
    result = decay.fit(found, spike=len(found.table) - 1)
    assert result.verdict == "inconclusive"
    assert "not seen to its end" in result.reason


def test_nothing_to_follow_is_inconclusive_and_a_wrong_number_an_error():
    quiet = spikes.find(nothing("poisson", 2)[0], false_per_month=0.001)
    assert decay.fit(quiet).verdict == "inconclusive"
    assert shape.tell(quiet).verdict == "inconclusive"
    assert persistence.after(quiet).verdict == "inconclusive"
    found, _ = of(with_extra(curve(none, power(1.2), 800)))
    for model in (decay.fit, shape.tell, persistence.after):
        with pytest.raises(UserError, match="spike 9"):
            model(found, spike=9)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (shape.INSIDE, power(0.6), power(0.6)),
        (shape.INSIDE, lambda k: np.exp(-k / 8), lambda k: np.exp(-k / 8)),
        (shape.PASSED, none, power(0.6)),
        (shape.PROMOTED, none, power(1.6)),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_class_that_was_planted(kind, before, after, seed):
    found, spike = of(with_extra(curve(before, after, 900), seed))
    result = shape.tell(found, spike=spike)
    assert result.verdict == "found"
    assert result.table["kind"][0] == kind
    assert shape.CLASSES[kind] in result.summary


def test_a_lone_bucket_has_no_shape():
    extra = np.zeros(2160)
    extra[1000] = 500
    found, spike = of(with_extra(extra))
    assert shape.tell(found, spike=spike).verdict == "inconclusive"


def test_what_stays():
    extra = curve(none, lambda k: 2.0 ** (-k / 5.0), 800)
    extra[1001:] += 8.0
    found, spike = of(with_extra(extra))
    result = persistence.after(found, spike=spike)
    assert result.verdict == "found"
    row = result.table.iloc[0]
    assert row["ratio_low"] <= 1.4 <= row["ratio_high"] * 1.02
    back, spike = of(with_extra(curve(none, lambda k: 2.0 ** (-k / 5.0), 800)))
    gone = persistence.after(back, spike=spike)
    assert gone.table["ratio"][0] == pytest.approx(1.0, abs=0.05)


def test_a_second_life_is_a_finding_of_its_own():
    extra = curve(none, lambda k: 2.0 ** (-k / 5.0), 800)
    extra += curve(none, lambda k: 2.0 ** (-k / 5.0), 400, at=1400)
    result = second_life.find(spikes.find(with_extra(extra), false_per_month=0.01))
    assert result.verdict == "found"
    assert len(result.table) == 1
    assert result.table["share_of_first"][0] == pytest.approx(0.5, abs=0.08)
    alone = spikes.find(with_extra(curve(none, power(0.9), 900)), false_per_month=0.01)
    assert second_life.find(alone).verdict == "nothing"


def days(values):
    return pd.DataFrame({"start": clock(len(values), "D"), "value": np.array(values, float)})


def test_a_few_points_carry_a_flash_or_a_tail_and_no_more():
    assert tail.tell(days([900, 20, 3])).table["kind"][0] == "flash"
    assert tail.tell(days([500, 600, 560, 520])).table["kind"][0] == "long tail"
    assert tail.tell(days([1000, 500, 260])).verdict == "inconclusive"
    assert tail.tell(days([9, 2, 1])).verdict == "inconclusive"
    assert tail.tell(days([5000, 100])).verdict == "inconclusive"
    assert tail.tell(days([5000, np.nan, 100])).verdict == "inconclusive"
