"""Visits per share and dark social: planted truth, planted nothing, and what cannot be known."""

import numpy as np
import pandas as pd
import pytest

from analysis.models.exposure import dark_social, matched, raw_and_cleaned, visits_per_share
from analysis.platforms import cards

START = pd.Timestamp("2026-03-02", tz="UTC")


def interval(content, platform, value, hour=0, metric="visits", status="observed"):
    start = START + pd.Timedelta(hours=hour)
    return {
        "platform": platform,
        "content_id": content,
        "metric": metric,
        "start": start,
        "end": start + pd.Timedelta(hours=1),
        "observed_at": START + pd.Timedelta(days=60),
        "observer": "log x",
        "value": value,
        "status": status,
        "partial": False,
    }


def event(content, platform="reddit", hour=0.0, kind="submission"):
    return {
        "content_id": content,
        "platform": platform,
        "kind": kind,
        "occurred_at": START + pd.Timedelta(hours=hour),
    }


def series(content, values, platform="direct"):
    return [interval(content, platform, float(v), n) for n, v in enumerate(values)]


def world(seed, beta, shares=6, hours=24 * 21, tau=6.0, base=0.4):
    rng = np.random.default_rng(seed)
    day = 1 + 0.6 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    at = np.sort(rng.uniform(24, hours - 48, shares))
    lag = np.arange(hours)[:, None] + 1 - at[None, :]
    x = (np.exp(-np.clip(lag - 1, 0, None) / tau) * np.clip(lag, 0, 1)).sum(axis=1)
    dark = rng.poisson(beta * x)
    rows = series("page", rng.poisson(base * day) + dark)
    for n in range(4):
        rows += series(f"other{n}", rng.poisson(base * day))
    return pd.DataFrame(rows), pd.DataFrame([event("page", hour=h) for h in at]), int(dark.sum())


def test_planted_dark_social_is_found_and_its_size_lies_in_the_interval():
    inside, found = 0, 0
    for seed in range(20):
        intervals, events, truth = world(seed, beta=2.0)
        row = dark_social(intervals, events, roots=[]).table.set_index("content_id").loc["page"]
        found += row["verdict"] == "found"
        inside += row["low"] <= truth <= row["high"]
    assert found == 20
    assert inside >= 17


def test_planted_nothing_is_rarely_found():
    wrong = sum(dark_social(*world(seed, beta=0.0)[:2], roots=[]).verdict == "found" for seed in range(40))
    assert wrong <= 4


def test_roots_are_no_dark_social_and_without_shares_nothing_is_said():
    intervals, events, _ = world(1, beta=2.0)
    assert "page" not in set(dark_social(intervals, events, roots=["page"]).table["content_id"])
    result = dark_social(intervals, events.iloc[:0], roots=[])
    assert result.verdict == "inconclusive"
    assert set(result.table["reason"]) == {"no share in the observed hours"}
    assert dark_social(intervals.iloc[:0], events, roots=[]).verdict == "inconclusive"


def test_visits_per_share_by_platform():
    rng = np.random.default_rng(3)
    rows, acts = [], []
    for n in range(30):
        shares = int(rng.integers(1, 5))
        acts += [event(f"c{n}") for _ in range(shares)]
        rows.append(interval(f"c{n}", "reddit", float(rng.negative_binomial(2, 2 / (2 + 40 * shares)))))
    result = visits_per_share(pd.DataFrame(rows), pd.DataFrame(acts), seed=1)
    whole = result.extra["platforms"].set_index("platform").loc["reddit"]
    assert whole["low"] < 40 < whole["high"]
    assert whole["high"] - whole["low"] < 40
    assert result.verdict == "found"
    again = visits_per_share(pd.DataFrame(rows), pd.DataFrame(acts), seed=1)
    pd.testing.assert_frame_equal(result.extra["platforms"], again.extra["platforms"])


def test_the_check_of_visits_per_share_names_platforms_as_people_do():
    rows = [interval(content, "hackernews", 10.0) for content in ("a", "b")]
    shares = [event(content, "hackernews") for content in ("a", "b")]
    found = visits_per_share(pd.DataFrame(rows), pd.DataFrame(shares), cards=cards())
    assert found.checks[0].table["platform"].tolist() == ["Hacker News"]


def test_no_share_is_no_rate_and_no_visits_counted_is_unknown():
    rows = pd.DataFrame(
        [
            interval("a", "reddit", 5.0),
            interval("b", "reddit", None, status="failed"),
            interval("c", "digg", 3.0),
        ]
    )
    events = pd.DataFrame(
        [event("b"), event("d", "digg"), event("a", "digg", kind="like"), event("a", "reddit", kind="like")]
    )
    table = visits_per_share(rows, events).table.set_index(["content_id", "platform"])
    assert np.isnan(table.loc[("a", "reddit"), "per_share"])
    assert table.loc[("a", "reddit"), "reason"] == "no share was seen"
    assert np.isnan(table.loc[("b", "reddit"), "per_share"])
    assert table.loc[("d", "digg"), "reason"] == "its visits were not counted"
    assert visits_per_share(rows, events.iloc[:0]).verdict == "inconclusive"
    whole = (
        visits_per_share(rows, pd.DataFrame([event("a")]))
        .extra["platforms"]
        .set_index("platform")
        .loc["reddit"]
    )
    assert whole["per_share"] == 5
    assert np.isnan(whole["low"])
    assert "one content" in whole["reason"]


def test_one_share_without_a_visit_is_zero_with_a_bound():
    row = visits_per_share(
        pd.DataFrame([interval("a", "reddit", 0.0)]), pd.DataFrame([event("a")])
    ).table.iloc[0]
    assert row["per_share"] == 0
    assert row["high"] == pytest.approx(3.689, abs=0.01)  # Garwood


def test_raw_is_the_sum_of_kept_and_removed():
    rows = pd.DataFrame(
        [
            interval("a", "direct", 3.0),
            interval("a", "direct", 4.0, metric="visits.removed.crawler"),
            interval("a", "site", 2.0, metric="visits.removed.spam"),
            interval("a", "direct", 9.0, metric="pageviews"),
        ]
    )
    table = raw_and_cleaned(rows, ["platform"]).set_index("platform")
    assert table.loc["direct"].to_dict() == {"raw": 7, "removed.crawler": 4, "removed.spam": 0, "kept": 3}
    assert table.loc["site"].to_dict() == {"raw": 2, "removed.crawler": 0, "removed.spam": 2, "kept": 0}


def test_what_matched_nothing_is_a_figure_of_its_own():
    rows = pd.DataFrame([interval("a", "direct", 3.0), interval("b", "direct", 4.0)])
    assert matched(rows, pd.DataFrame([event("a")]))["visits"].tolist() == [3, 4]
    unshared = matched(rows, pd.DataFrame([event("c")]))
    assert unshared["visits"].tolist() == [0, 7]
    assert unshared["pages"].tolist() == [0, 2]
    assert matched(rows.iloc[:0], pd.DataFrame([event("c")]))["visits"].isna().all()
