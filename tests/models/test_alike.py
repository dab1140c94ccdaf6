"""Unlike metrics are refused, and every model that sums over platforms refuses them."""

import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.models.alike import DONE, UnlikeError, alike, comparable, total
from analysis.models.episodes import exposure
from analysis.models.exposure import visits_per_share
from analysis.platforms import cards

CARDS = cards()
HOUR = pd.Timestamp("2025-01-01", tz="UTC")


def rows(*triples, observer="log"):
    frame = pd.DataFrame(triples, columns=["platform", "metric", "value"])
    return frame.assign(
        content_id="c", start=HOUR, end=HOUR + pd.Timedelta(hours=1), observed_at=HOUR, observer=observer,
        partial=False, status="observed",
    )  # fmt: skip


def test_digg_votes_and_linkedin_impressions_are_refused_by_name():
    with pytest.raises(UserError) as error:
        alike([("digg", "diggs"), ("linkedin", "impressions")], CARDS)
    said = str(error.value)
    for words in ("Digg", "LinkedIn", "votes for a story", "impressions, in one day"):
        assert words in said


@pytest.mark.parametrize("how", ["add up", "average", "rank"])
def test_votes_of_two_platforms_are_unlike_whatever_is_done_with_them(how):
    with pytest.raises(UnlikeError, match=f"cannot be {DONE[how]} together"):
        alike([("reddit", "score"), ("hackernews", "points")], CARDS, how)


def test_one_kind_on_one_platform_is_alike():
    alike([("digg", "diggs"), ("digg", "vote")], CARDS)
    with pytest.raises(UnlikeError):
        alike([("digg", "diggs"), ("digg", "comments")], CARDS)


def test_people_counted_once_do_not_add_up_but_may_be_ranked():
    with pytest.raises(UnlikeError, match="not to be added up"):
        alike([("mastodon", "accounts")], CARDS)
    alike([("mastodon", "accounts")], CARDS, "rank")


def test_a_metric_no_card_defines_is_like_itself_alone():
    alike([("own", "claps"), ("own", "claps")], CARDS)
    with pytest.raises(UnlikeError, match="no card defines"):
        alike([("own", "claps"), ("own", "waves")], CARDS)


def test_visits_from_anywhere_are_alike_page_views_are_not():
    out = total(
        rows(("digg", "visits", 3), ("linkedin", "visits", 4), ("direct", "visits", None)), ["content_id"]
    )
    assert out["value"].tolist() == [7]
    with pytest.raises(UnlikeError):
        total(rows(("digg", "visits", 3), ("digg", "pageviews", 4)), ["content_id"])


def test_a_platforms_own_views_are_not_the_sites_visits():
    with pytest.raises(UnlikeError, match="StumbleUpon"):
        total(rows(("stumbleupon", "views", 3), ("stumbleupon", "visits", 4)), ["content_id"], CARDS)


def test_what_is_told_apart_is_not_refused():
    out = total(rows(("digg", "diggs", 3), ("linkedin", "clicks", 4)), ["platform", "metric"], CARDS)
    assert sorted(out["value"]) == [3, 4]


def test_a_sum_over_unknowns_is_unknown():
    assert total(rows(("digg", "visits", None)), ["content_id"])["value"].isna().all()


def test_visits_two_observers_counted_are_refused_and_a_model_takes_one():
    twice = pd.concat([rows(("digg", "visits", 3)), rows(("digg", "visits", 5), observer="service")])
    with pytest.raises(UnlikeError, match="twice"):
        total(twice, ["content_id"])
    later = {name: HOUR + pd.Timedelta(hours=n) for n, name in ((1, "start"), (2, "end"))}
    more = pd.concat([twice, twice.assign(**later).query("observer == 'service'")])
    assert exposure(more)["value"].tolist() == [5, 5]


def test_visits_per_share_refuses_two_observers():
    events = pd.DataFrame({"content_id": ["c"], "platform": ["digg"], "kind": ["submission"]})
    twice = pd.concat([rows(("digg", "visits", 3)), rows(("digg", "visits", 5), observer="service")])
    with pytest.raises(UnlikeError, match="twice"):
        visits_per_share(twice, events, cards=CARDS)


def test_what_may_be_laid_beside_what_is_listed():
    pairs = [("digg", "diggs"), ("digg", "vote"), ("linkedin", "impressions"), ("mastodon", "accounts")]
    table = comparable(pairs, CARDS).set_index(["platform", "metric"])
    assert table.loc[("digg", "diggs"), "alike"] == "Digg vote"
    assert table.loc[("linkedin", "impressions"), "alike"] == ""
    assert not table.loc[("mastodon", "accounts"), "adds"]
    assert table.loc[("digg", "diggs"), "unit"] == "votes"
