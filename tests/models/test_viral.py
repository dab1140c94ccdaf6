"""What stood out among its like: planted, not planted, and against the wrong age."""

import numpy as np
import pandas as pd
import pytest

from analysis.models._like import middle, spread
from analysis.models.counters import COLUMNS, counters, course, headline
from analysis.models.rises import rises
from analysis.models.viral import viral
from analysis.simulate import END
from analysis.tables import CONTENT, EVENTS, INTERVALS, READINGS, conform, empty
from tests.models.worlds import BEGIN, at, found, grown, known, made, stood

JUNE = pd.Timestamp("2021-06-01", tz="UTC"), pd.Timestamp("2021-07-01", tz="UTC")


def ordinary(count: int = 40, seed: int = 0, size: float = 20) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {f"item {n}": list(np.cumsum(rng.poisson(size / 10, 10))) for n in range(count)}


def test_a_planted_one_stands_out_and_no_other():
    items = ordinary() | {"great": [10, 60, 200, 400, 500, 520, 530, 530, 530, 530]}
    result = viral(grown(items), *JUNE)
    out = result.table[result.table["stood_out"].fillna(False)]
    assert result.verdict == "found"
    assert out["item_id"].tolist() == ["great"]
    assert out["gained"].item() == 530
    assert out["times"].item() == pytest.approx(530 / out["expected"].item())
    assert out["beaten"].item() == 1


def test_nothing_planted_nothing_found():
    results = [viral(grown(ordinary(60, seed)), *JUNE) for seed in range(8)]
    assert all(result.verdict == "nothing" for result in results)


def test_an_item_is_judged_at_its_own_age():
    # the last was born an hour before the last look: 10 points in an hour are more than any other had by then
    items = ordinary(40)
    slow = {name: [0, 0, 1, 2, 4, 8, 16, 32, 64, 128] for name in items}
    young = grown(slow | {"young": [0, 30]})
    table = viral(young, *JUNE).table.set_index("item_id")
    assert table.loc["young", "stood_out"]
    assert table.loc["young", "expected"] == 0
    assert table.loc["young", "gained"] == 30
    assert pd.isna(table.loc["young", "times"])


def test_too_few_like_ones_is_no_verdict():
    result = viral(grown(ordinary(5)), *JUNE)
    assert result.verdict == "inconclusive"
    assert "like items" in result.reason
    assert result.table["stood_out"].isna().all()


def test_no_counter_at_all_is_no_verdict():
    nothing = counters(empty(CONTENT), empty(EVENTS), empty(READINGS), empty(INTERVALS), {})
    assert list(nothing.columns) == COLUMNS
    result = viral(nothing, *JUNE)
    assert result.verdict == "inconclusive"
    assert result.extra["contents"].empty
    assert rises(nothing, result).verdict == "nothing"


def test_growth_before_the_period_is_not_gained_in_it():
    rise = {"old": [float(n * 100) for n in range(10)]} | ordinary(40)
    since = at(5)[0]
    table = viral(grown(rise, apart=0.01), since, JUNE[1]).table.set_index("item_id")
    assert table.loc["old", "gained"] == 500  # from the last look before the period, at 400, to 900


def test_another_platform_is_never_its_like():
    many = grown(ordinary(40, size=2000), platform="big")
    small = grown(ordinary(40) | {"great": [500.0] * 10}, platform="small")
    table = viral(pd.concat([many, small]), *JUNE).table
    alone = viral(small, *JUNE).table
    both = table[table["platform"] == "small"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        both.sort_values("item_id", ignore_index=True), alone.sort_values("item_id", ignore_index=True)
    )


def test_the_planted_of_the_world_are_found_platform_by_platform():
    planted = made().truth.query("fact == 'spike' and platform != 'all'")
    shown = ["digg", "reddit", "hackernews", "lobsters", "mastodon", "hatena", "stumbleupon", "facebook"]
    counted = planted[planted["platform"].isin(shown)]
    # of each platform the greatest of its plants: others may have as great ones among their few like items
    great = counted.sort_values("value").drop_duplicates("platform", keep="last")
    out = stood().table[stood().table["stood_out"].fillna(False)]
    named = set(zip(out["content_id"], out["platform"], strict=True))
    assert set(zip(great["content_id"], great["platform"], strict=True)) <= named
    quiet = set(made().truth.query("fact == 'quiet'")["content_id"])
    judged = stood().table[stood().table["content_id"].isin(quiet)]["stood_out"].dropna()
    assert len(judged) > 100
    assert judged.mean() < 0.05


def test_a_withdrawn_counter_is_not_judged():
    linkedin = found().query("platform == 'linkedin'")
    assert linkedin["at"].max() < pd.Timestamp("2018-02-02", tz="UTC")
    late = viral(found(), pd.Timestamp("2018-02-10", tz="UTC"), END).table
    assert "linkedin" not in set(late["platform"])


def test_the_headline_of_a_platform_is_its_cards_first_metric():
    assert headline("hackernews", ["comments", "points", "rank"], known()) == "points"
    assert headline("reddit", ["comments", "score", "submissions"], known()) == "score"
    assert headline("nobody knows", ["comments", "score"], {}) == "score"
    assert headline("hackernews", ["rank"], known()) is None


def test_binned_counts_become_a_counter_and_a_bin_read_twice_counts_once():
    start = at(0, 1, 1, 2)
    bins = pd.DataFrame(
        {"platform": "twitter", "content_id": "a", "metric": "mentions", "start": start,
         "end": start + pd.Timedelta(hours=1), "observed_at": at(1, 1.5, 2, 3), "observer": "x",
         "value": [3.0, 1.0, 4.0, None], "status": ["observed"] * 3 + ["over_budget"],
         "reason": None, "partial": [False, True, False, False], "source": "x"}
    )  # fmt: skip
    line = counters(empty(CONTENT), empty(EVENTS), empty(READINGS), conform(bins, INTERVALS), known())
    assert line["value"].tolist() == [3, 7]


def test_one_observer_a_counter():
    looks = pd.DataFrame(
        {"platform": "mastodon", "item_id": "1", "metric": "uses", "observed_at": at(1, 2, 3, 3),
         "observer": ["big", "big", "big", "small"], "content_id": "a", "value": [1.0, 2.0, 3.0, 1.0],
         "status": "observed", "reason": None, "source": "x"}
    )  # fmt: skip
    line = counters(empty(CONTENT), empty(EVENTS), conform(looks, READINGS), empty(INTERVALS), known())
    assert line["value"].tolist() == [1, 2, 3]


def test_the_middle_half_and_the_middle_of_nine_in_ten():
    rows = np.array(
        [[1.0, 2, 3, 4, 5, 6, 7, 1000], [5.0, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan]]
    )
    assert middle(rows).tolist() == [4.5, 5.0]
    low, high = spread(np.arange(101.0)[None, :])
    assert (low[0], high[0]) == (5, 95)
    assert np.isnan(middle(np.full((1, 3), np.nan)))[0]


def test_the_course_of_a_counter():
    row = course(grown({"one": [0, 10, 90, 100, 95]})).iloc[0]
    assert (row["value"], row["fell"], row["looks"]) == (95, 5, 5)
    assert (row["per_hour"], row["fastest"]) == (80, at(2)[0])
    assert row["half_hours"] == 2


def test_a_rise_has_an_onset_a_peak_an_end_and_a_half_life():
    course_of = [0, 0, 10, 110, 160, 185, 197, 198, 198, 198]
    line = grown(ordinary() | {"great": course_of}, apart=0.0)
    result = rises(line, viral(line, *JUNE))
    assert result.verdict == "found"
    row = result.table.iloc[0]
    assert (row["onset"], row["peak"], row["end"]) == (at(1)[0], at(2.5)[0], at(6)[0])
    # 138 still came after the middle of the steepest hour at 60: half of it by about 129
    assert row["half_life"] == pytest.approx(1.0, abs=0.15)
    assert row["excess_low"] <= row["excess"] <= row["excess_high"]
    assert not row["ongoing"]


def test_a_rise_nobody_saw_is_not_made_up():
    line = grown(ordinary() | {"great": [0, 300]}, apart=0.0)
    line = line[(line["item_id"] != "great") | (line["value"] > 0)]
    result = rises(line, viral(line, *JUNE))
    assert result.verdict == "inconclusive"
    assert result.extra["unseen"]["item_id"].tolist() == ["great"]


def test_rises_of_the_world_begin_and_peak_where_they_were_planted():
    table = rises(found(), stood()).table
    planted = made().truth.query("fact == 'spike' and platform != 'all'")
    both = table.merge(planted, on=["content_id", "platform"], suffixes=("", "_true"))
    both = both[both["platform"].isin(["hackernews", "digg", "hatena", "twitter"])]
    assert len(both) >= 4
    # votes come before the visits they bring; looks lie hours apart
    apart = (both["peak"] - both["peak_true"]).dt.total_seconds().abs() / 3600
    assert (apart <= 12).mean() >= 0.75
    assert table["onset"].min() > BEGIN
