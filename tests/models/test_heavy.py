"""The tail of ordinary noise: its shape is found, a light one stays light, little data leaves the prior."""

import numpy as np
import pytest

from analysis.models import _heavy
from analysis.models.grid import MONTH, threshold

STEEP = 1.75


def seen(xi: float, count: int, seed: int = 0) -> np.ndarray:
    """Bins of what exceeds a limit, from a generalized Pareto distribution."""
    u = np.random.default_rng(seed).uniform(size=count)
    e = (u**-xi - 1) / xi if xi else -np.log(u)
    return np.histogram(e, _heavy.EDGES)[0].astype(float)


def test_the_table_holds_distributions():
    np.testing.assert_allclose(np.exp(_heavy.TABLE).sum(axis=2), 1.0)
    assert np.exp(_heavy.PRIOR).sum() == pytest.approx(1.0)


def test_a_score_is_as_rare_as_the_limit_takes_it_to_be():
    per_month = MONTH / 3_600_000_000
    rate = np.exp(_heavy.log_rate(threshold(3_600_000_000, 100, 0.5), STEEP)) * per_month
    assert rate == pytest.approx(0.5, rel=1e-3)
    assert _heavy.log_tail(8.0 - 1e-9) == pytest.approx(_heavy.log_tail(8.0), rel=1e-3)


@pytest.mark.parametrize("xi", [0.0, 0.2, 0.5])
def test_the_shape_is_found_and_a_light_tail_asks_for_nothing_more(xi):
    weight = _heavy.weigh(seen(xi, 400), seen(xi, 100, 1))
    assert weight.sum() == pytest.approx(1.0)
    assert (weight.sum(0) * _heavy.XI).sum() == pytest.approx(xi, abs=0.12)
    must = _heavy.demand(4.0, STEEP, weight, 1.0, 100.0)
    assert must < 4.15 if xi == 0 else must > 4.4
    assert _heavy.fair(must, STEEP, weight, 1.0, 100.0) == pytest.approx(4.0, abs=1e-3)


def test_what_is_not_known_makes_careful_and_no_score_is_raised():
    none = np.zeros(len(_heavy.EDGES) - 1)
    young, old = _heavy.weigh(none, none), _heavy.weigh(seen(0.0, 400), seen(0.0, 100))
    np.testing.assert_allclose(young, np.exp(_heavy.PRIOR))
    assert _heavy.demand(4.0, STEEP, young, 1.0, 0.0) > _heavy.demand(4.0, STEEP, old, 1.0, 100.0) + 0.5
    for z in (1.0, 2.0, 3.0, 10.0, 60.0):
        assert 0 <= _heavy.fair(z, STEEP, old, 0.2, 100.0) <= z


def test_a_rate_far_beyond_the_past_asks_for_more_and_not_for_anything():
    none = np.zeros(len(_heavy.EDGES) - 1)
    asks = [_heavy.demand(z, STEEP, _heavy.weigh(none, none), 1.0, 0.0) for z in (3.0, 4.0, 5.0)]
    assert asks[0] < asks[1] < asks[2] < 15.0
