"""A post against its like at the same age; counter readings as counts."""

import numpy as np
import pandas as pd
import pytest
from planted import nothing  # noqa: F401

from analysis.errors import UserError
from analysis.models import cohort, spikes
from analysis.models.increments import increments

BORN = pd.Timestamp("2025-01-01", tz="UTC")


def item(name, final, born=BORN, hours=24.0, looks=40):
    age = np.linspace(0.2, hours, looks)
    return pd.DataFrame(
        {
            "item_id": name,
            "published_at": born,
            "observed_at": born + pd.to_timedelta(age, "h"),
            "value": np.round(final * (1 - np.exp(-age / 5))),
        }
    )


@pytest.fixture
def history():
    rng = np.random.default_rng(1)
    final = rng.lognormal(4.0, 0.8, 150)
    return pd.concat([item(f"i{k}", final[k], BORN + pd.Timedelta(hours=k)) for k in range(150)])


def test_expected_is_the_midmean_of_the_last_hundred_at_that_age(history):
    out = cohort.expect(history, [6.0])
    rng = np.random.default_rng(1)
    final = rng.lognormal(4.0, 0.8, 150)[50:]
    at = np.sort(final * (1 - np.exp(-6 / 5)))
    assert out["items"][0] == 100
    assert out["expected"][0] == pytest.approx(at[25:75].mean(), rel=0.03)


def test_overperforming(history):
    like = cohort.expect(history, [12.0])["expected"][0]
    star = item("star", 7.3 * like / (1 - np.exp(-12 / 5)), BORN + pd.Timedelta(hours=200), hours=12.0)
    result = cohort.find(star, pd.concat([history, star]))
    assert result.verdict == "found"
    assert result.table["ratio"].iloc[-1] == pytest.approx(7.3, rel=0.03)
    assert "overperforming ×7" in result.summary


def test_an_ordinary_item_is_nothing_and_a_small_cohort_inconclusive(history):
    plain = item("plain", 55.0, BORN + pd.Timedelta(hours=200))
    assert cohort.find(plain, history).verdict == "nothing"
    few = history[history["item_id"].isin([f"i{k}" for k in range(15)])]
    assert cohort.find(plain, few).verdict == "inconclusive"


def test_as_of_knows_no_later_reading(history):
    moment = BORN + pd.Timedelta(hours=60)
    early = history[history["observed_at"] <= moment]
    pd.testing.assert_frame_equal(cohort.expect(history, [3.0], as_of=moment), cohort.expect(early, [3.0]))


def test_a_history_without_its_columns_is_refused():
    with pytest.raises(UserError, match="published_at"):
        cohort.expect(pd.DataFrame({"item_id": [], "observed_at": [], "value": []}), [1.0])


def readings(minutes, values):
    at = BORN + pd.to_timedelta(minutes, "min")
    return pd.DataFrame({"observed_at": at, "value": np.array(values, float)})


def test_what_came_between_looks():
    out = increments(readings([0, 30, 65, 90], [10, 14, 14, 20]))
    assert out["value"].tolist() == [4.0, 0.0, 6.0]
    assert (out["end"] - out["start"]).dt.total_seconds().tolist() == [1800.0, 2100.0, 1500.0]


def test_a_fall_is_kept_and_marked_and_unknown_teaches_nothing():
    out = increments(readings([0, 30, 60, 90], [10, np.nan, 7, 9]))
    assert out["value"].tolist() == [-3.0, 2.0]
    assert out["fell"].tolist() == [True, False]


def test_a_gap_is_unknown_but_its_total_is_kept():
    out = increments(readings([0, 30, 60, 90, 1000, 1030], [0, 1, 2, 3, 50, 51]))
    assert out["value"].isna().tolist() == [False, False, False, True, False]
    assert out["gained"].tolist() == [1.0, 1.0, 1.0, 47.0, 1.0]


def test_even_buckets_keep_the_total():
    rng = np.random.default_rng(4)
    minutes = np.cumsum(rng.integers(10, 50, 200))
    values = np.cumsum(rng.poisson(5, 200))
    out = increments(readings(minutes, values), every="30min")
    assert (out["start"].dt.minute % 30 == 0).all()
    assert out["value"].sum() == pytest.approx(values[-1] - values[0], abs=20)


def test_order_and_repeated_looks_do_not_matter():
    frame = readings([0, 30, 60, 60, 90], [1, 2, 4, 4, 8])
    pd.testing.assert_frame_equal(increments(frame.iloc[::-1]), increments(frame))


def test_fewer_than_two_readings_are_no_series():
    assert increments(readings([0], [1])).empty
    assert spikes.find(increments(readings([0], [1]))).verdict == "inconclusive"
