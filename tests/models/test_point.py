"""The single number of a forecast: where most of the truth lies within the usual error."""

from statistics import NormalDist

import numpy as np
import pytest

from analysis.models._point import level, likeliest

LEVELS = (0.1, 0.4, 0.5, 0.6, 0.9)


def told(quantile, rows=1):
    return {level: np.full(rows, quantile(level)) for level in LEVELS}


def test_an_even_distribution_is_told_by_its_middle():
    levels = told(NormalDist(2.0, 0.1).inv_cdf)
    # a relative error reaches further up than down, in logs, so a little above it
    assert likeliest(levels, np.array([0.05])) == pytest.approx(2.0, abs=0.01)


def test_a_skewed_one_by_a_number_that_errs_less_than_its_median_and_its_mean():
    random = np.random.default_rng(0)
    growth = random.exponential(1.0, 200_000)
    levels = {level: np.quantile(growth, level, keepdims=True) for level in LEVELS}

    def error(point):
        return np.median(np.abs(np.expm1(point - growth)))

    # the usual error is the median's, as in calibration
    point = likeliest(levels, np.array([error(np.median(growth))]))[0]
    assert error(point) < 0.97 * error(np.median(growth)) < error(growth.mean())
    best = min(error(x) for x in np.linspace(0.0, 2.0, 201))
    assert error(point) < 1.15 * best


def test_rows_do_not_touch_each_other_and_crossed_levels_are_put_in_order():
    one = likeliest(told(lambda level: level), np.array([0.2]))
    crossed = told(lambda level: {0.4: 0.6, 0.6: 0.4}.get(level, level), rows=3)
    np.testing.assert_allclose(likeliest(crossed, np.array([0.2, 0.1, 0.2]))[[0, 2]], one[0])


def test_no_spread_is_no_error():
    assert likeliest(told(lambda level: 1.5), np.array([0.0])) == pytest.approx(1.5)


def test_a_level_of_what_may_be_over_is_that_of_the_mixture():
    random = np.random.default_rng(0)
    growth = random.uniform(-0.2, 1.0, 100_000)  # a counter may fall
    levels = {x: np.quantile(growth, x, keepdims=True) for x in np.linspace(0.01, 0.99, 99)}
    for over in (0.0, 0.05, 0.4, 0.95, 1.0):
        mixed = np.where(random.uniform(size=len(growth)) < over, 0.0, growth)
        for at in (0.1, 0.35, 0.5, 0.9):
            told = level(levels, at, np.array([over]))[0]
            assert told == pytest.approx(np.quantile(mixed, at), abs=0.02), (over, at)
    assert level(levels, 0.5, np.array([1.0]))[0] == 0.0


def test_what_is_likely_over_is_told_as_it_stands():
    levels = told(lambda level: 1 + level, rows=3)
    point = likeliest(levels, np.full(3, 0.2), np.array([0.0, 0.5, 0.95]))
    assert point[0] == pytest.approx(likeliest(levels, np.full(3, 0.2))[0])
    assert point[2] < 0.1 < point[0]
