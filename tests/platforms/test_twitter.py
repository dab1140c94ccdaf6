"""Twitter/X through tweepy on loopback: recorded hours, the budget to the cent, posts that are gone."""

import json
import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from fakes import Still, fetch, rows, session, site_ask, url_ask
from loopback import answers, loopback, replay

from analysis.actors import actor_hash
from analysis.platforms import modules, twitter
from analysis.platforms.contract import Ask, Unknown
from analysis.platforms.twitter.api import query

NOW = datetime(2026, 11, 1, 12, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("VIRALITY_TWITTER_BEARER_TOKEN", "marked-bearer-token")


@pytest.fixture
def serve(monkeypatch):
    opened = []

    def start(answer):
        server = loopback(answer)
        opened.append(server)
        state = server.__enter__()
        monkeypatch.setenv("VIRALITY_TWITTER_BASE_URL", state.url)
        return state

    yield start
    for server in opened:
        server.__exit__(None, None, None)


def hours(count=3, value=5):
    first = NOW - timedelta(hours=count, minutes=20) + timedelta(minutes=13)
    edges = [first, *(NOW.replace(minute=0) - timedelta(hours=h) for h in range(count - 1, -1, -1)), NOW]
    return [
        {"start": a.isoformat(), "end": b.isoformat(), "tweet_count": value + i}
        for i, (a, b) in enumerate(pairwise(edges))
    ]


def post(native, **more):
    return {
        "id": str(native), "created_at": "2026-10-30T10:00:00.000Z", "text": "words nobody keeps",
        "public_metrics": {"retweet_count": 2, "reply_count": 1, "like_count": 9, "quote_count": 0,
                           "bookmark_count": 3, "impression_count": 400},
        "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://example.com/a"}]}, **more,
    }  # fmt: skip


def test_recorded_hours_come_out_one_by_one(shared, monkeypatch):
    recorded = answers(shared, "twitter/tweepy_cassettes/test_asyncclient_get_recent_tweets_count.yaml")
    ((key_, [(status, headers, body)]),) = recorded.items()
    data = json.loads(body)["data"]
    assert len(data) == 169
    recorded[(key_[0], key_[1], ())] = [(status, headers, body)]  # whatever is asked
    monkeypatch.setenv("VIRALITY_TWITTER_CONTACT", "")
    with replay(shared, recorded) as url:
        monkeypatch.setenv("VIRALITY_TWITTER_BASE_URL", url)
        desk = session("twitter", Still(datetime(2022, 5, 7, 12, 56, 17, tzinfo=UTC)), budget=0.005)
        batches = fetch("twitter", [url_ask("https://example.com/a")], desk)
    found = rows(batches, "intervals")
    assert len(found) == len(data)
    for row, bucket in zip(found, data, strict=True):
        assert row["start"] == datetime.fromisoformat(bucket["start"])
        assert row["end"] == datetime.fromisoformat(bucket["end"])
        assert row["value"] == bucket["tweet_count"]
        assert row["metric"] == "mentions"
    cut = [
        i
        for i, b in enumerate(data)
        if not (b["start"].endswith("00:00.000Z") and b["end"].endswith("00:00.000Z"))
    ]
    assert [i for i, row in enumerate(found) if row["partial"]] == cut
    assert 0 in cut
    assert sum(r["value"] for r in found) == sum(b["tweet_count"] for b in data)
    assert rows(batches, "events") == []
    assert desk.spent == pytest.approx(0.005)


def test_the_query_names_host_and_path():
    assert query("https://www.example.com/path/") == 'url:"example.com/path"'
    assert query("https://example.com/?id=3") == 'url:"example.com?id=3"'
    assert query("https://sub.example.com/x", whole_site=True) == 'url:"sub.example.com"'


def test_what_is_asked(serve):
    server = serve((200, {}, {"data": hours()}))
    fetch(
        "twitter",
        [url_ask("https://example.com/a"), site_ask("example.com")],
        session("twitter", Still(NOW), budget=1),
    )
    assert [r.path for r in server.requests] == ["/2/tweets/counts/recent"] * 2
    assert server.requests[0].query == {"query": 'url:"example.com/a"', "granularity": "hour"}
    assert server.requests[1].query["query"] == 'url:"example.com"'
    assert server.requests[0].headers["user-agent"].startswith("virality/")


def test_a_second_look_asks_only_for_what_came_since(serve):
    server = serve((200, {}, {"data": hours()}))
    desk = session("twitter", Still(NOW), budget=1)
    ask = url_ask("https://example.com/a")
    fetch("twitter", [ask], desk)
    again = session("twitter", Still(NOW), budget=1)
    again.places.update(desk.places)
    fetch("twitter", [ask], again)
    assert server.requests[1].query["start_time"] == "2026-11-01T11:00:00Z"


def test_the_budget_is_never_exceeded(serve):
    server = serve((200, {}, {"data": hours()}))
    asks = [url_ask(f"https://example.com/{n}") for n in range(5)]
    desk = session("twitter", Still(NOW), budget=0.012)
    with pytest.raises(Unknown) as error:
        fetch("twitter", asks, desk)
    assert error.value.status == "over_budget"
    assert len(server.requests) == 2
    assert desk.answered == set(asks[:2])
    assert desk.spent == pytest.approx(0.010)


def test_nothing_is_asked_without_a_budget(serve):
    server = serve((200, {}, {"data": hours()}))
    with pytest.raises(Unknown, match="over_budget"):
        fetch("twitter", [url_ask("https://example.com/a")], session("twitter", Still(NOW)))
    assert server.requests == []


def test_the_plan_says_dollars_before():
    asks = [url_ask("https://example.com/a"), Ask("account", "123", account_kind="business"),
            Ask("item", "1", "c", account_kind="business"), Ask("item", "2", "c")]  # fmt: skip
    plan = twitter.plan(asks, session("twitter", budget=0.25))
    assert plan.dollars == pytest.approx(0.005 + 0.1 + 0.001 + 0.005)
    assert plan.requests == 3
    assert any("$0.250 may be spent" in line for line in plan.what)


def test_a_usage_cap_is_a_budget(serve):
    serve((429, {}, {"title": "UsageCapExceeded", "detail": "Usage cap exceeded: Monthly product cap"}))
    with pytest.raises(Unknown) as error:
        fetch("twitter", [url_ask("https://example.com/a")], session("twitter", Still(NOW), budget=1))
    assert error.value.status == "over_budget"


def test_own_posts_are_readings_and_only_what_came_is_paid(serve):
    pages = [
        {
            "data": [post(1), post(2, referenced_tweets=[{"type": "quoted", "id": "77"}])],
            "meta": {"next_token": "n"},
        },
        {"data": [post(3, referenced_tweets=[{"type": "retweeted", "id": "88"}])], "meta": {}},
    ]
    server = serve(lambda request: (200, {}, pages[1 if "pagination_token" in request.query else 0]))
    desk = session("twitter", Still(NOW), budget=0.25)
    ask = Ask("account", "4242", account_kind="private")
    batches = fetch("twitter", [ask], desk)
    assert [r.path for r in server.requests] == ["/2/users/4242/tweets"] * 2
    assert desk.spent == pytest.approx(0.003)
    readings = {(r["item_id"], r["metric"]): r["value"] for r in rows(batches, "readings")}
    assert readings["1", "likes"] == 9
    assert readings["1", "impressions"] == 400
    assert not any(item == "3" for item, _ in readings)  # a repost shows somebody else's counters
    assert {r["observer"] for r in rows(batches, "readings")} == {"x posts private"}
    events = {e["event_id"]: e for e in rows(batches, "events")}
    assert {k: e["kind"] for k, e in events.items()} == {
        "twitter:1": "submission",
        "twitter:2": "quote",
        "twitter:3": "repost",
    }
    assert events["twitter:1"]["actor"] == actor_hash("twitter", "4242")
    assert "words nobody keeps" not in str([b.events.to_dict() for b in batches])
    assert ask in desk.answered


def test_a_small_budget_asks_for_a_small_page(serve):
    server = serve((200, {}, {"data": [post(1)], "meta": {}}))
    fetch("twitter", [Ask("account", "4242")], session("twitter", Still(NOW), budget=0.012))
    assert server.requests[0].query["max_results"] == "12"


def test_deleted_posts_are_forgotten(serve):
    errors = [{"resource_id": "2", "value": "2", "type": "https://api.twitter.com/2/problems/resource-not-found"},
              {"resource_id": "3", "value": "3", "title": "Authorization Error",
               "type": "https://api.twitter.com/2/problems/not-authorized-for-resource"}]  # fmt: skip
    server = serve((200, {}, {"data": [post(1)], "errors": errors}))
    asks = [Ask("item", str(n), "c1", account_kind="business") for n in (1, 2, 3, 4)]
    desk = session("twitter", Still(NOW), budget=1)
    batches = fetch("twitter", asks, desk)
    assert server.requests[0].query["ids"] == "1,2,3,4"
    assert [g["item_id"] for g in rows(batches, "gone")] == ["2"]
    assert {r["item_id"] for r in rows(batches, "readings")} == {"1"}
    assert {r["content_id"] for r in rows(batches, "readings")} == {"c1"}
    assert desk.answered == {asks[0], asks[1]}
    assert {a.value: e.status for a, e in desk.failed.items()} == {"3": "blocked", "4": "failed"}


def test_ten_thousand_posts_over_many_pages(serve):
    def answer(request):
        start = int(request.query.get("pagination_token", 0))
        data = [post(1_000_000 + n) for n in range(start, start + 100)]
        meta = {"next_token": str(start + 100)} if start + 100 < 10_000 else {}
        return 200, {}, {"data": data, "meta": meta}

    server = serve(answer)
    desk = session("twitter", Still(NOW), budget=20.0)
    batches = fetch("twitter", [Ask("account", "4242")], desk)
    ids = pd.concat([b.events for b in batches])["event_id"]
    assert len(ids) == ids.nunique() == 10_000
    assert len(server.requests) == 100
    assert desk.spent == pytest.approx(10.0)


def test_the_token_is_in_no_log(serve, caplog):
    serve((200, {}, {"data": hours()}))
    with caplog.at_level(logging.DEBUG):
        fetch("twitter", [url_ask("https://example.com/a")], session("twitter", Still(NOW), budget=1))
    assert "marked-bearer-token" not in caplog.text


def test_the_card_knows_every_metric_that_is_fetched():
    card = modules()["twitter"].CARD
    for name in ("mentions", "impressions", "likes", "retweets", "quotes", "replies", "bookmarks"):
        assert card.metric(name)
