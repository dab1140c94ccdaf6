"""The published scores, on the cases of their papers."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.models import spikes
from benchmarks import nab_score, vus_pr


def test_sigma_has_the_values_of_the_paper():
    # Lavin & Ahmad 2015, figure 2: 0.9999 for an early detection, -0.8093 shortly after the window
    assert nab_score.worth(-2.0) == pytest.approx(0.9999, abs=1e-4)
    assert nab_score.worth(0.45) == pytest.approx(-0.8093, abs=1e-3)
    assert nab_score.worth(0.0) == 0.0
    assert nab_score.worth(3.1) == -1.0


def test_the_papers_example_adds_up():
    # one false alarm before any window, an early detection, one just after and one far after it
    parts = [-1.0 * 0.11, 0.9999, -0.8093 * 0.11, -1.0 * 0.11]
    assert sum(parts) == pytest.approx(0.6909, abs=1e-3)
    value, inside = nab_score.weights(1000, [(400, 500)])
    assert value[10] == pytest.approx(-0.11)
    assert value[400] == pytest.approx(1.0)
    assert value[545] == pytest.approx(-0.8093 * 0.11, abs=1e-3)
    assert value[900] == pytest.approx(-0.11)
    assert inside[450] == 0
    assert inside[501] == -1


def test_perfect_silent_and_noisy_detectors():
    windows = [(400, 500), (800, 850)]
    perfect = np.zeros(2000)
    perfect[[400, 800]] = 1.0
    assert nab_score.score([(perfect, windows)], 0.5) == pytest.approx(100.0)
    assert nab_score.score([(np.zeros(2000), windows)], 0.5) == pytest.approx(0.0)
    assert nab_score.score([(np.ones(2000), windows)], 0.5) < 0.0


def test_only_the_earliest_alarm_of_a_window_counts_and_probation_does_not():
    windows = [(400, 500)]
    late = np.zeros(1000)
    late[480] = 1.0
    early = late.copy()
    early[410] = 1.0
    assert nab_score.score([(early, windows)], 0.5) > nab_score.score([(late, windows)], 0.5)
    young = early.copy()
    young[:140] = 1.0  # 15 % of 1,000 rows
    assert nab_score.score([(young, windows)], 0.5) == nab_score.score([(early, windows)], 0.5)


def test_best_takes_one_threshold_for_all_files():
    windows = [(400, 500)]
    one, two = np.zeros(1000), np.zeros(1000)
    one[400], two[400], two[700] = 0.9, 0.6, 0.4
    threshold, value = nab_score.best([(one, windows), (two, windows)])
    assert 0.4 < threshold <= 0.6
    assert value == pytest.approx(100.0)


def test_hits_count_windows_alarms_and_false_alarms():
    scores = np.zeros(1000)
    scores[[300, 301, 450, 900]] = 1.0
    assert nab_score.hits(scores, [(400, 500), (600, 700)], 0.5, apart=5) == (1, 3, 2)


def test_labels_extend_by_half_the_buffer_with_a_root():
    labels = np.zeros(40)
    labels[18:22] = 1
    wide = vus_pr.extend(labels, 8)
    assert wide[18:22].tolist() == [1, 1, 1, 1]
    assert wide[17] == pytest.approx(np.sqrt(1 - 1 / 8))
    assert wide[14] == pytest.approx(np.sqrt(1 - 4 / 8))
    assert wide[24] == pytest.approx(np.sqrt(1 - 3 / 8))
    assert wide[13] == wide[26] == 0.0
    assert vus_pr.extend(labels, 0).tolist() == labels.tolist()


def test_vus_of_a_perfect_a_random_and_an_inverted_score():
    labels = np.zeros(3000)
    labels[1000:1300] = 1
    rng = np.random.default_rng(1)
    perfect = vus_pr.vus_pr(labels, labels + 0.001 * rng.random(3000))
    chance = vus_pr.vus_pr(labels, rng.random(3000))
    upside_down = vus_pr.vus_pr(labels, -labels + 0.001 * rng.random(3000))
    assert perfect > 0.9
    assert chance == pytest.approx(0.1, abs=0.04)
    assert upside_down < chance


def test_vus_rewards_a_near_miss_that_plain_precision_does_not():
    labels = np.zeros(2000)
    labels[1000:1050] = 1
    near, far = np.zeros(2000), np.zeros(2000)
    near[955:1000] = 1.0
    far[300:345] = 1.0
    assert vus_pr.vus_pr(labels, near) > 3 * vus_pr.vus_pr(labels, far)


def test_real_labels_are_found_better_than_chance(shared):
    folder = shared / "data" / "nab"
    name = "realAdExchange/exchange-3_cpc_results.csv"
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())[name]
    frame = pd.read_csv(folder / "data" / name, parse_dates=["timestamp"])
    rows = [
        (int(at[0]), int(at[-1]))
        for left, right in windows
        if len(at := np.flatnonzero(frame["timestamp"].between(left, right)))
    ]
    scored = spikes.score(frame.rename(columns={"timestamp": "start"}))
    at = scored.drop_duplicates("start").set_index("start")["score"]
    value = (
        at.reindex(pd.DatetimeIndex(frame["timestamp"]).tz_localize("UTC").as_unit("us")).fillna(0).to_numpy()
    )
    _, best = nab_score.best([(value, rows)])
    labels = np.zeros(len(frame))
    for left, right in rows:
        labels[left : right + 1] = 1
    assert best > 50
    assert vus_pr.vus_pr(labels, value) > 2 * labels.mean()
