"""The made-up world: the same seed makes it again, and its truth is what its tables show."""

import numpy as np
import pandas as pd
import pytest

from analysis.models import outlook
from analysis.platforms import cards
from analysis.simulate import END, World, world
from analysis.simulate.behaviour import BEHAVIOURS
from analysis.simulate.seen import FEWEST
from analysis.simulate.world import NEWS
from analysis.tables import TABLES, conform


@pytest.fixture(scope="module")
def made() -> World:
    return world(0)


@pytest.fixture(scope="module")
def visits(made: World) -> pd.DataFrame:
    return made.intervals[made.intervals["metric"] == "visits"]


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    first, again, other = world(3, days=20, contents=6), world(3, days=20, contents=6), world(4, 20, 6)
    for name in (*TABLES, "truth"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    assert not first.intervals["value"].equals(other.intervals["value"])


@pytest.mark.parametrize(("days", "contents"), [(14, 1), (15, 2), (21, 40)])
def test_worlds_of_other_sizes_obey_the_tables(days: int, contents: int):
    made = world(1, days=days, contents=contents)
    assert (made.content["site"] == "tidewater-review.example").sum() == contents + NEWS
    for name, table in TABLES.items():
        conform(getattr(made, name), table)


@pytest.mark.parametrize(("days", "contents"), [(13, 30), (90, 0)])
def test_a_world_too_small_is_refused(days: int, contents: int):
    with pytest.raises(ValueError, match="at least 14 days"):
        world(0, days=days, contents=contents)


def test_nothing_was_known_before_it_happened_or_after_the_end(made: World):
    assert (made.events["observed_at"] > made.events["occurred_at"]).all()
    assert (made.intervals["observed_at"] > made.intervals["start"]).all()
    for frame in (made.events, made.readings, made.intervals):
        assert frame["observed_at"].max() <= END
    published = made.content.set_index("content_id")["published_at"]
    born = made.events["content_id"].map(published)
    assert (made.events["occurred_at"] > born)[born.notna()].all()


@pytest.mark.parametrize("seed", range(4))
def test_something_is_new_and_rises_when_the_window_ends(seed: int):
    made = world(seed)
    new = made.content[made.content["published_at"] > END - pd.Timedelta("4D")]["content_id"]
    assert len(new) >= NEWS
    followed = outlook.follow(made.events, made.readings, made.intervals, cards(), END)
    rising = {
        str(one.content[k])
        for one in followed.values()
        for k in outlook.rising_items(one.tracks, END.timestamp())
    }
    assert rising & set(new)


def test_every_row_says_that_it_is_made_up(made: World):
    for frame in (made.events, made.readings, made.intervals):
        assert frame["source"].str.startswith("simulated world").all()
    assert made.content["site"].str.endswith(".example").all()


def test_at_least_eight_platforms_were_shared_on_the_founding_six_among_them(made: World):
    sent = made.truth.query("fact == 'visits' and value > 0")["platform"]
    founding = {"digg", "stumbleupon", "twitter", "facebook", "linkedin", "myspace"}
    assert founding | {"reddit", "hackernews", "lobsters", "mastodon"} <= set(sent)


def test_visits_seen_are_the_visits_sent_only_the_referrer_may_be_gone(made: World):
    # a window without the outages: what the counter saw in all is what was sent in all
    truth = made.truth
    gaps = truth[truth["fact"] == "gap"]
    assert len(gaps) == 2
    sent = truth[truth["fact"] == "visits"].groupby("content_id")["value"].sum()
    seen = made.intervals[made.intervals["metric"] == "visits"].groupby("content_id")["value"].sum()
    missing = 1 - seen / sent[seen.index]
    assert ((missing >= 0) & (missing < 0.1)).all()
    referred = truth[truth["fact"] == "referred"].groupby("platform")["value"].sum()
    total = truth[truth["fact"] == "visits"].groupby("platform")["value"].sum()
    for name in ("hackernews", "mastodon", "digg"):
        assert 1 - referred[name] / total[name] == pytest.approx(BEHAVIOURS[name].dark, abs=0.05)


def test_a_planted_spike_stands_out_between_its_onset_and_end(made: World, visits: pd.DataFrame):
    planted = made.truth.query("fact == 'spike' and platform == 'all'")
    assert len(planted) == 13
    for spike in planted.itertuples():
        assert spike.onset < spike.peak < spike.end <= END
        assert spike.half_life_hours > 0
        hourly = visits[visits["content_id"] == spike.content_id].groupby("start")["value"].sum(min_count=1)
        inside = hourly[(hourly.index >= spike.onset) & (hourly.index < spike.end)]
        assert inside.mean() > 2 * hourly.median()


def test_a_quiet_piece_stays_at_its_own_rhythm(made: World, visits: pd.DataFrame):
    quiet = made.truth.query("fact == 'quiet'")["content_id"]
    assert len(quiet) == 18 + NEWS
    old = made.content.set_index("content_id")["published_at"] < END - pd.Timedelta("7D")
    quiet = quiet[quiet.map(old)]
    assert len(quiet) == 18
    daily = (
        visits[visits["content_id"].isin(quiet)]
        .groupby(["content_id", pd.Grouper(key="start", freq="D")])["value"]
        .sum(min_count=1)
    )
    for _, days in daily.groupby(level=0):
        whole = days.iloc[1:-1]
        assert whole.max() < 3 * whole.median()


def test_the_site_has_a_day_and_a_week(visits: pd.DataFrame):
    search = visits[visits["platform"] == "search"]
    by_hour = search.groupby(search["start"].dt.hour)["value"].mean()
    assert by_hour.max() > 4 * by_hour.min()
    by_day = search.groupby(search["start"].dt.day_of_week)["value"].mean()
    assert by_day.idxmin() in (5, 6)


def test_what_could_not_be_known_is_there_with_its_reason(made: World, visits: pd.DataFrame):
    unknown = pd.concat([made.readings, made.intervals]).query("status != 'observed'")
    assert unknown["reason"].notna().all()
    assert {"withdrawn", "not_configured", "rate_limited", "failed", "over_budget"} <= set(unknown["status"])
    linkedin = made.readings[made.readings["platform"] == "linkedin"]
    late = linkedin["observed_at"] >= pd.Timestamp("2018-02-01", tz="UTC")
    assert (linkedin[late]["status"] == "withdrawn").all()
    assert (linkedin[~late]["status"] == "observed").all()
    for gap in made.truth.query("fact == 'gap'").itertuples():
        hours = visits[(visits["start"] > gap.onset) & (visits["start"] < gap.end)]
        assert len(hours) > 0
        assert hours["value"].isna().all()
    assert visits["partial"].any()


def test_some_counters_fall_and_some_rows_are_zero(made: World, visits: pd.DataFrame):
    counters = made.readings[made.readings["status"] == "observed"].sort_values("observed_at")
    fall = counters.groupby(["platform", "item_id", "metric"])["value"].diff() < 0
    assert {"stumbleupon", "reddit"} <= set(counters.loc[fall, "platform"])
    assert (visits["value"] == 0).any()


def test_a_platform_that_tells_nothing_has_no_rows_of_its_own(made: World):
    assert "myspace" not in set(made.readings["platform"]) | set(made.events["platform"])


def test_small_sources_are_counted_under_other(visits: pd.DataFrame):
    sums = visits.groupby(["content_id", "platform"])["value"].sum()
    small = sums[sums < FEWEST * 0.5].index.get_level_values("platform")
    assert not set(small) & set(BEHAVIOURS)


def test_titles_are_as_hostile_as_titles_are(made: World):
    titles = made.content["title"]
    assert titles.str.contains("<script>", regex=False).any()
    assert titles.str.contains("{{", regex=False).any()
    assert (titles.str.len() > 300).any()
    assert titles.str.contains("\u202e").any()


def test_the_front_page_brings_more_visits_a_share_than_the_network(made: World):
    spikes = made.truth.query("fact == 'spike'")
    half = spikes.groupby("platform")["half_life_hours"].median()
    assert half["digg"] < half["facebook"] < half["stumbleupon"]
    assert np.isfinite(half).all()


def test_what_the_publisher_did_itself_is_told_in_the_truth(made: World):
    own = made.events[made.events["observer"].str.startswith("own posts")]
    assert set(own["platform"]) == {"mastodon", "reddit"}
    ours = made.content.loc[made.content["site"] == "tidewater-review.example", "content_id"]
    posts = own[(own["platform"] == "mastodon") & (own["kind"] == "status")]
    planted = made.truth.query("fact == 'own links' and platform == 'mastodon'")["value"].item()
    assert posts["content_id"].isin(ours).mean() == planted
    answers = made.events[made.events["kind"] == "reply"]
    answered = posts["event_id"].isin(answers["parent_id"]).mean()
    assert answered == made.truth.query("fact == 'posts answered'")["value"].item()
    looked = made.readings[made.readings["metric"] == "link_followed"]
    assert (looked.loc[looked["platform"] == "reddit", "status"] == "blocked").all()
    assert set(looked["value"].dropna()) == {0.0, 1.0}
