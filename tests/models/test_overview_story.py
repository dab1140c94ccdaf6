"""Who was first, what is unknown, and the two reports that put it all side by side."""

from functools import cache

import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.models.counters import counters, latest
from analysis.models.episodes import by_source, episodes, exposure
from analysis.models.lead import lead, sign_test, span, wilson
from analysis.models.overview import overview, period
from analysis.models.result import Result
from analysis.models.rises import rises
from analysis.models.story import around, pick, story
from analysis.models.unknowns import made_up, unknowns
from analysis.models.viral import viral
from analysis.simulate import END
from analysis.tables import CONTENT, EVENTS, INTERVALS, READINGS, empty
from tests.models.worlds import BEGIN, at, found, known, made, stood

MARCH = pd.Timestamp("2018-03-02", tz="UTC"), END


@cache
def first() -> Result:
    return lead(made().events, found(), cards=known())


@cache
def rose() -> Result:
    great = made().truth.query("fact == 'spike' and platform == 'all'").nlargest(3, "value")["content_id"]
    own = made().intervals[made().intervals["content_id"].isin(great)]
    return episodes(exposure(own), BEGIN, END, known())


@cache
def seen() -> Result:
    return overview(
        made().content, stood(), first(), rose(), rises(found(), stood()), known(), note="Made up."
    )


def unknown_rows() -> pd.DataFrame:
    readings = made().readings.query("status != 'observed'").rename(columns={"observed_at": "at"})
    bins = made().intervals.query("status != 'observed'").rename(columns={"start": "at"})
    return pd.concat([readings, bins])


# -- who was first


def acts(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["content_id", "platform", "hour"])
    return frame.assign(occurred_at=at(*frame["hour"]))


def test_the_order_in_which_platforms_took_it_up():
    found_none = found().head(0)
    table = lead(acts(("a", "hn", 5), ("a", "lobsters", 1), ("a", "hn", 3)), found_none).table
    assert table["platform"].tolist() == ["lobsters", "hn"]
    assert table["after_hours"].tolist() == [0, 2]


def test_a_platform_that_always_leads_is_named_and_chance_is_not():
    always = [(f"c{n}", name, hour) for n in range(12) for name, hour in (("lobsters", n), ("hn", n + 2.0))]
    result = lead(acts(*always), found().head(0))
    pair = result.extra["pairs"].iloc[0]
    assert (pair["first"], pair["then"], pair["led"], pair["median_hours"]) == ("lobsters", "hn", 12, 2)
    assert pair["ordered"]
    assert result.verdict == "found"
    mixed = [
        (f"c{n}", name, n + hour * (-1) ** n)
        for n in range(12)
        for name, hour in (("lobsters", 1), ("hn", 2))
    ]
    assert lead(acts(*mixed), found().head(0)).verdict == "nothing"
    assert lead(acts(("a", "hn", 1)), found().head(0)).verdict == "inconclusive"


def test_intervals_and_tests_of_a_share():
    low, high = wilson(9, 10)
    assert (low, high) == pytest.approx((0.652, 0.977), abs=0.01)
    assert wilson(0, 0) == (0, 1)
    assert sign_test(10, 10) == pytest.approx(2 / 1024)
    assert sign_test(5, 10) == 1
    assert [span(0.5), span(3), span(72), span(float("nan"))] == [
        "30 minutes",
        "3.0 hours",
        "3.0 days",
        "an unknown time",
    ]


def test_nothing_at_all_has_the_columns_and_types_of_something():
    result = lead(
        made().events.head(0), counters(*(empty(t) for t in (CONTENT, EVENTS, READINGS, INTERVALS)), {})
    )
    assert result.verdict == "inconclusive"
    assert result.table["at"].dtype == "datetime64[us, UTC]"
    assert result.extra["pairs"].empty


# -- what could not be known


def test_what_is_unknown_is_said_once_with_its_reason():
    result = unknowns(unknown_rows(), found(), made().readings, known())
    said = result.table.set_index(["platform", "status"])
    assert ("LinkedIn", "withdrawn") in said.index
    assert ("Tumblr", "not_configured") in said.index
    assert ("MySpace", "no programmatic source") in said.index
    assert len(said.loc["the site's own counter"]) == 2
    assert "MySpace" in result.summary
    assert said.loc[("LinkedIn", "withdrawn"), "rows"].item() > 1000


def test_a_counter_first_seen_risen_is_left_truncated():
    late = found().assign(born_known=False, value=9.0).query("platform == 'hackernews'")
    result = unknowns(unknown_rows().head(0), late, made().readings.head(0), {})
    assert result.table["status"].tolist() == ["left-truncated"]
    assert "9 points in the median" in result.table["reason"].item()


def test_when_every_look_was_answered_it_says_so():
    result = unknowns(unknown_rows().head(0), found().head(0), made().readings.head(0), {})
    assert result.verdict == "nothing"
    assert result.summary == "Every look was answered."


def test_made_up_data_are_called_so():
    assert "made up" in made_up(made().events["source"])
    assert made_up(pd.Series(["a file"])) == ""


# -- exposure


def test_a_content_with_a_planted_spike_is_found_in_its_visits():
    great = set(
        made().truth.query("fact == 'spike' and platform == 'all'").nlargest(3, "value")["content_id"]
    )
    assert rose().extra["series"]["content_id"].nunique() == len(great)
    assert great & set(rose().table["content_id"])


def test_no_exposure_is_no_verdict():
    result = episodes(exposure(empty(INTERVALS)), *MARCH, known())
    assert result.verdict == "inconclusive"
    assert result.reason == "no visits were measured"


def test_a_lost_hour_stays_unknown_in_sum_and_in_bins():
    lost = made().truth.query("fact == 'gap'").iloc[0]
    total = exposure(made().intervals)
    inside = total[(total["start"] >= lost.onset) & (total["start"] < lost.end)]
    assert inside["value"].isna().all()
    drawn = by_source(made().intervals, BEGIN, END)
    touched = drawn[(drawn["start"] <= lost.peak) & (drawn["end"] > lost.peak)]
    assert len(touched)
    assert touched["value"].isna().all()


def test_bins_by_source_add_up_to_what_was_counted():
    drawn = by_source(made().intervals, BEGIN, END, most=3)
    assert drawn["platform"].nunique() == 4
    counted = latest(made().intervals.query("metric == 'visits' and not partial"))["value"].sum()
    assert counted * 0.9 < drawn["value"].sum() <= counted
    assert drawn["start"].nunique() <= 150


# -- the overview


def test_the_period_is_whole_days_of_utc():
    assert period("2021-06-01", "2021-07-01", None) == (at(0)[0], at(24 * 30)[0])
    assert period(None, None, pd.Timestamp("2021-06-30 12:00")) == (at(0)[0], at(24 * 30)[0])
    assert period(None, None, "2022-01-01", as_of="2021-06-30T12:00") == (at(0)[0], at(24 * 30)[0])
    with pytest.raises(UserError, match="since=2030-01-01 comes after 2021-07-01"):
        period("2030-01-01", None, "2021-06-30T12:00")


def test_the_overview_names_contents_platforms_and_spikes():
    result = seen()
    assert result.verdict == "found"
    assert result.summary.startswith("Made up.")
    assert len(result.table) == len(result.extra["order"])
    contents = stood().extra["contents"]
    assert result.extra["order"]["content_id"].iloc[0] == contents["content_id"].iloc[0]
    assert contents["platforms"].is_monotonic_decreasing
    assert result.table["stood_out_on"].iloc[0].count("(×") >= 2
    assert result.table["spikes"].str.contains("visits").any()


def test_an_empty_period_says_so_and_has_the_same_columns():
    none = viral(found(), pd.Timestamp("1999-01-01", tz="UTC"), pd.Timestamp("1999-02-01", tz="UTC"))
    quiet = episodes(exposure(empty(INTERVALS)), *MARCH, known())
    result = overview(made().content, none, lead(made().events.head(0), found().head(0)), quiet,
                      rises(found(), none), known())  # fmt: skip
    assert result.verdict == "inconclusive"
    assert "nothing in this period" in result.reason
    assert list(result.table.columns) == list(seen().table.columns)
    assert result.table.empty


# -- the story


def tell(key: str) -> Result:
    content = made().content.set_index("content_id", drop=False).loc[key]
    rows, own = unknown_rows(), found()[found()["content_id"] == key]
    began = lead(made().events.query("content_id == @key"), own, cards=known())
    rows = rows[rows["content_id"] == key]
    return story(content, own, rows, stood(), began, rose(), rises(found(), stood()), known())


def test_the_story_of_the_first_one_in_order_of_time():
    key = stood().extra["contents"]["content_id"].iloc[0]
    result = tell(key)
    assert result.verdict == "found"
    assert result.table["at"].is_monotonic_increasing
    assert result.table["what"].iloc[0] == "published"
    assert set(result.extra["unknown"]["platform"]) >= {"tumblr"}
    assert (result.extra["unknown"]["end"] >= result.extra["unknown"]["start"]).all()
    named = set(result.extra["platforms"]["platform"])
    assert {known()[p].title for p in first().table.query("content_id == @key")["platform"]} == named


def test_a_quiet_content_has_no_spike_in_its_story():
    quiet = made().truth.query("fact == 'quiet'")["content_id"]
    loud = set(stood().extra["contents"]["content_id"])
    result = tell(next(key for key in quiet if key not in loud))
    assert result.verdict == "nothing"
    assert "stood out on no platform" in result.summary


def test_a_url_nobody_knows_is_told_as_unknown_and_no_url_is_refused():
    chosen = pick(made().content, "https://unknown.example/x")
    own, none = found().head(0), unknown_rows().head(0)
    began = lead(made().events.head(0), own)
    result = story(chosen, own, none, stood(), began, rose(), rises(found(), stood()), known())
    assert result.verdict == "inconclusive"
    assert "nothing is known" in result.reason
    with pytest.raises(UserError, match="whole address"):
        pick(made().content, "not a url")
    url = made().content["url"].iloc[0]
    assert pick(made().content, f"{url}?utm_source=x")["content_id"] == made().content["content_id"].iloc[0]


def test_the_days_of_a_story():
    none = pd.Series([], dtype="datetime64[us, UTC]")
    since, until = around(None, None, pd.Series(at(5, 30)), pd.Series(at(6)))
    assert (since, until) == (at(0)[0], at(48)[0])
    assert around(None, None, pd.Series(at(5, 24 * 400)), none)[1] == at(24 * 91)[0]
    begin, end = around(None, None, none, none)
    assert begin < end
