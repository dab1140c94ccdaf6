"""Conduct: planted habits are found, planted nothing is not, and no threshold is made up."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.models.conduct import STOP, conduct
from analysis.models.own import own_acts, sections
from analysis.platforms import cards
from analysis.platforms.card import HABITS, Conduct
from tests.models.made_posts import posts
from tests.models.worlds import made as sample_world

CARDS = cards()
DAY = pd.Timedelta(days=1)


def row(own, habit, **more):
    return conduct(own, CARDS, **more).table.set_index("habit").loc[habit]


def test_without_a_number_a_habit_is_measured_and_not_judged():
    found = row(posts(0, links=0.95), "own links")
    assert found["verdict"] == "inconclusive"
    assert "names no number" in found["reason"]
    assert "meant for networking" in found["rule"]
    assert found["low"] < found["value"] < found["high"]


def test_the_number_a_platform_names_decides_and_is_cited():
    told = Conduct("own links", "Share what others made, too.", "its rules, 3", most=0.5)
    strict = CARDS | {"twitter": replace(CARDS["twitter"], conduct=(told,))}
    table = conduct(posts(0, links=0.95), strict).table.set_index("habit")
    assert table.loc["own links", "verdict"] == "found"
    assert table.loc["own links", "source"] == "its rules, 3"
    assert table.loc["own links", "stop"] == STOP["own links"]
    # a platform's own number stands above one's own
    assert (
        conduct(posts(0, links=0.1), strict, limits={"own links": 0.0}).table.iloc[0]["verdict"] == "nothing"
    )


@pytest.mark.parametrize(("links", "verdict"), [(0.9, "found"), (0.1, "nothing"), (0.5, "inconclusive")])
def test_the_publishers_own_limit_is_judged_by_the_whole_interval(links, verdict):
    found = [row(posts(seed, links=links), "own links", limits={"own links": 0.5}) for seed in range(10)]
    assert sum(one["verdict"] == verdict for one in found) >= 9
    assert {one["source"] for one in found} == {"the publisher's own limit"}


def test_a_habit_nobody_knows_cannot_be_limited():
    with pytest.raises(UserError, match="no habit 'shouting'"):
        conduct(posts(0), CARDS, limits={"shouting": 0.5})


def test_two_posts_are_not_enough_data():
    result = conduct(posts(0, count=2), CARDS, limits={"own links": 0.1})
    assert result.verdict == "inconclusive"
    assert result.table["value"].isna().all()
    assert result.table.loc[0, "reason"].startswith("not enough data: 2 own posts")
    assert conduct(posts(0).iloc[:0], CARDS).verdict == "inconclusive"


def test_bursts_are_found_where_planted_and_seldom_where_not():
    planted = [row(posts(seed, burst=7), "bursts")["verdict"] for seed in range(20)]
    nothing = [row(posts(100 + seed), "bursts")["verdict"] for seed in range(40)]
    assert planted.count("found") >= 19
    assert nothing.count("found") <= 5


def test_a_habit_that_is_not_seen_once_is_nothing():
    found = row(posts(0, links=1.0, bare=0.0), "link-only posts")
    assert (found["verdict"], found["reason"], found["seen"]) == ("nothing", "not seen once", 0)
    assert row(posts(0, links=1.0, bare=1.0), "link-only posts")["value"] == 1.0


def test_one_link_in_several_communities_is_counted_within_a_week():
    at = pd.Timestamp("2025-03-01", tz="UTC")
    many = pd.DataFrame(
        [("reddit", "private", f"reddit:{link}{place}", "submission", at + 30 * late * place * DAY,
          f"c{link}", f"r{place}", None, True, np.nan)
         for link in range(6) for place in range(3) for late in [link % 2]],
        columns=posts(0).columns,
    )  # fmt: skip
    found = conduct(many, CARDS).table.set_index("habit").loc["one link in several communities"]
    assert (found["seen"], found["of"]) == (3, 6)


def test_repeated_unasked_messages_are_counted_where_an_export_shows_them():
    message = posts(0, count=8).assign(kind="message", content_id=["a", "a", "a", "b", "a", "c", "a", "a"])
    message.loc[7, "parent_id"] = "twitter:asked"
    found = row(message, "repeated messages")
    assert (found["seen"], found["of"]) == (4, 7)
    assert "no messages" in row(posts(0), "repeated messages")["reason"]


def test_business_and_private_accounts_stand_apart():
    both = pd.concat([posts(0), posts(1).assign(account="private")])
    table = conduct(both, CARDS).table
    assert table.groupby("account").size().to_dict() == {"business": len(HABITS), "private": len(HABITS)}


def test_it_is_deterministic():
    one, two = (conduct(posts(3, burst=3), CARDS, seed=4).table for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_the_sample_world_tells_the_spammer_from_the_talker():
    made = sample_world()
    ours = made.content.loc[made.content["site"] == "tidewater-review.example", "content_id"]
    own = own_acts(made.events, ours, made.readings)
    table = conduct(own, CARDS, limits={"own links": 0.5}).table.set_index(["platform", "habit"])
    assert table.loc[("reddit", "own links"), "verdict"] == "found"
    assert table.loc[("reddit", "bursts"), "verdict"] == "found"
    assert table.loc[("mastodon", "own links"), "verdict"] == "nothing"
    assert table.loc[("mastodon", "bursts"), "verdict"] == "nothing"


def test_only_ones_own_accounts_are_own():
    events = pd.DataFrame(
        {
            "event_id": ["twitter:1", "twitter:1#2", "twitter:2", "twitter:3"],
            "content_id": ["elsewhere", "ours", "ours", "ours"],
            "platform": "twitter",
            "kind": "submission",
            "occurred_at": pd.Timestamp("2025-01-01", tz="UTC"),
            "observer": ["twitter archive", "twitter archive", "x posts private", "x search"],
            "community": None,
            "parent_id": None,
        }
    )
    own = own_acts(events, pd.Series(["ours"]))
    assert own[["post", "account", "own_link"]].to_numpy().tolist() == [
        ["twitter:1", "unstated", True],
        ["twitter:2", "private", True],
    ]


def test_a_section_of_the_address_is_a_kind_of_content():
    urls = ["https://a.example/recipes/soup", "https://a.example/2018/03/soup", "https://a.example/soup"]
    contents = pd.DataFrame({"content_id": ["x", "y", "z"], "url": urls})
    assert sections(contents).to_dict() == {"x": "recipes"}
