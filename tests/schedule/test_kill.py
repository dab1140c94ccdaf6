"""``virality run`` killed for good at several of its steps, and repeated; the wide study is a benchmark."""

import pytest

from benchmarks.bench_schedule import STEPS, study

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_a_killed_run_is_repeated_without_a_trace():
    found = study(
        3, ("collect", "reports", "publish"), seed=4, usual=dict.fromkeys(STEPS, 0.8), say=lambda said: None
    )
    assert found["bad"] == []
    assert sum(found["hit"].values()) == 3
    assert found["told"] >= 1  # that a run was killed
