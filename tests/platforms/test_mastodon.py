"""Mastodon through its client on loopback: recorded trends and posts, one observer an instance."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from fakes import Still, fetch, rows, session, site_ask, url_ask
from loopback import answers, loopback, replay

from analysis.actors import actor_hash
from analysis.platforms.contract import Ask
from analysis.tables import TABLES, conform
from analysis.urls import canonical, content_id

TRENDS = "mastodon/mastodonpy_cassettes/test_entity_trendinglinkhistory.yaml"
DAY = timedelta(days=1)


@pytest.fixture
def serve(monkeypatch):
    opened = []

    def start(answer, more=()):
        server = loopback(answer)
        opened.append(server)
        state = server.__enter__()
        monkeypatch.setenv("VIRALITY_MASTODON_BASE_URL", ",".join([state.url, *more]))
        return state

    yield start
    for server in opened:
        server.__exit__(None, None, None)


def host(server):
    return server.url.removeprefix("http://")


def card(url, uses=("3", "2"), at=1_793_491_200):
    history = [{"day": str(at - 86_400 * n), "uses": u, "accounts": u} for n, u in enumerate(uses)]
    return {"url": url, "title": "A title", "description": "", "type": "link", "history": history}


def status(native, url="https://example.com/a", **more):
    return {
        "id": str(native),
        "uri": f"https://other.example/users/member{native}/statuses/{native}",
        "url": None,
        "created_at": "2026-10-31T10:00:00.000Z",
        "content": "<p>words nobody keeps</p>",
        "visibility": "public",
        "in_reply_to_id": None,
        "reblogs_count": 4,
        "favourites_count": 9,
        "replies_count": 0,
        "spoiler_text": "",
        "account": {
            "id": "7",
            "acct": f"member{native}@other.example",
            "username": f"member{native}",
            "url": f"https://other.example/@member{native}",
            "followers_count": 120,
        },
        **more,
    }


def answer(links=(), posts=(), single=None):
    def serve(request):
        if request.path == "/api/v1/trends/links":
            offset = int(request.query.get("offset", 0))
            return 200, {}, list(links)[offset : offset + int(request.query["limit"])]
        if request.path == "/api/v1/timelines/link":
            before = request.query.get("max_id")
            left = [p for p in posts if before is None or int(p["id"]) < int(before)]
            if not posts:
                return 404, {}, {"error": "Record not found"}
            return 200, {}, left[: int(request.query["limit"])]
        found = (single or {}).get(request.path.rpartition("/")[2])
        return (200, {}, found) if found else (404, {}, {"error": "Record not found"})

    return serve


def test_every_recorded_trending_link_and_day(shared, monkeypatch):
    recorded = answers(shared, TRENDS)
    (_, [(_, _, body)]) = next(item for item in recorded.items() if item[0][1].endswith("trends/links"))
    cards = json.loads(body)
    assert len(cards) == 10
    asks = [url_ask(c["url"]) for c in cards]
    with replay(shared, recorded) as url:
        monkeypatch.setenv("VIRALITY_MASTODON_BASE_URL", url)
        desk = session("mastodon", Still(datetime(2026, 4, 12, tzinfo=UTC)))
        batches = fetch("mastodon", asks, desk)
    found = {(r["content_id"], r["metric"], r["start"]): r for r in rows(batches, "intervals")}
    wanted = {}
    for c in cards:
        assert len(c["history"]) == 7
        for day in c["history"]:
            start = datetime.fromtimestamp(int(day["day"]), UTC)
            for metric in ("uses", "accounts"):
                wanted[content_id(c["url"]), metric, start] = int(day[metric])
    assert {key: r["value"] for key, r in found.items()} == wanted
    for (_, _, start), r in found.items():
        assert r["end"] == start + DAY
        assert r["observer"] == url.removeprefix("http://")
        assert r["partial"] == (start + DAY > datetime(2026, 4, 12, tzinfo=UTC))
    titles = {c["url"]: c["title"] for c in rows(batches, "content")}
    assert titles == {canonical(c["url"]): c["title"] for c in cards}


def test_the_recorded_refusal_of_a_link_timeline_is_suppressed(shared, monkeypatch):
    recorded = answers(
        shared,
        "mastodon/mastodonpy_cassettes/test_timeline_link_fails.yaml",
        "mastodon/mastodonpy_cassettes/test_trending_links.yaml",
    )
    with replay(shared, recorded) as url:
        monkeypatch.setenv("VIRALITY_MASTODON_BASE_URL", url)
        desk = session("mastodon")
        ask = url_ask("http://example.com/")
        ask = Ask("url", ask.value, ask.content_id, "http://example.com/")
        batches = fetch("mastodon", [ask], desk)
    assert desk.failed[ask].status == "suppressed"
    assert rows(batches, "intervals") == rows(batches, "readings") == []


@pytest.mark.parametrize("name", ["test_entity_status", "test_entity_previewcard", "test_status_card"])
def test_recorded_statuses_counters(shared, monkeypatch, name):
    recorded = answers(shared, f"mastodon/mastodonpy_cassettes/{name}.yaml")
    for (method, path, _), [(_, _, body), *_] in recorded.items():
        if method != "GET" or "/statuses/" not in path:
            continue
        post = json.loads(body)
        with replay(shared, {("GET", path, ()): [(200, {"content-type": "application/json"}, body)]}) as url:
            monkeypatch.setenv("VIRALITY_MASTODON_BASE_URL", url)
            desk = session("mastodon")
            desk.places[f"id {url.removeprefix('http://')} item1"] = post["id"]
            ask = Ask("item", "item1", "c1")
            found = rows(fetch("mastodon", [ask], desk), "readings")
        assert {r["metric"]: r["value"] for r in found} == {
            "reblogs": post["reblogs_count"],
            "favourites": post["favourites_count"],
            "replies": post["replies_count"],
        }
        assert {(r["item_id"], r["content_id"]) for r in found} == {("item1", "c1")}
        assert ask in desk.answered


def test_every_recorded_status_as_a_post_with_a_link(shared, serve):
    """Statuses of the recorded timelines, told as the posts of a trending link."""
    names = ("test_fetch_remaining", "test_hashtag_tl", "test_list_timeline")
    recorded = answers(shared, *(f"mastodon/mastodonpy_cassettes/{name}.yaml" for name in names))
    pages = [
        json.loads(body) for (_, path, _), [(_, _, body), *_] in recorded.items() if "/timelines/" in path
    ]
    posts = sorted({p["id"]: p for page in pages for p in page}.values(), key=lambda p: -int(p["id"]))
    assert len(posts) >= 30
    serve(answer([card("https://example.com/a")], posts))
    batches = fetch("mastodon", [url_ask("https://example.com/a")], session("mastodon"))
    events = rows(batches, "events")
    assert len(events) == len(posts)
    for event, post in zip(events, posts, strict=True):
        assert event["occurred_at"] == datetime.fromisoformat(post["created_at"])
        assert event["actor"] == actor_hash("mastodon", post["account"]["url"])
        assert event["kind"] == ("reply" if post["in_reply_to_id"] else "submission")
    readings = {(r["item_id"], r["metric"]): r["value"] for r in rows(batches, "readings")}
    for event, post in zip(events, posts, strict=True):
        item = event["event_id"].removeprefix("mastodon:")
        assert readings[item, "reblogs"] == post["reblogs_count"]
        assert readings[item, "favourites"] == post["favourites_count"]


def test_posts_with_a_link_are_events_without_names(serve):
    server = serve(answer([card("https://example.com/a")], [status(3), status(2, in_reply_to_id="1")]))
    desk = session("mastodon")
    ask = url_ask("https://example.com/a?b=1&c=2")
    batches = fetch("mastodon", [ask], desk)
    asked = next(r for r in server.requests if r.path.endswith("/link"))
    assert asked.query["url"] == ask.value  # an & stays in it
    events = rows(batches, "events")
    assert [e["kind"] for e in events] == ["submission", "reply"]
    assert {e["audience"] for e in events} == {120}
    assert events[0]["actor"] == actor_hash("mastodon", "https://other.example/@member3")
    assert {r["observer"] for r in rows(batches, "readings")} == {host(server)}
    everything = str([getattr(b, t).to_dict() for b in batches for t in TABLES]) + str(desk.places)
    assert "member3" not in everything
    assert "words nobody keeps" not in everything
    for batch in batches:
        for table in TABLES.values():
            conform(getattr(batch, table.name), table)


def test_a_known_post_is_read_again_and_one_that_is_gone_is_forgotten(serve):
    serve(answer([card("https://example.com/a")], [status(3), status(2)], {"3": status(3, reblogs_count=11)}))
    desk = session("mastodon")
    batches = fetch("mastodon", [url_ask("https://example.com/a")], desk)
    kept, lost = [r["event_id"].removeprefix("mastodon:") for r in rows(batches, "events")]
    again = session("mastodon")
    again.places.update(desk.places)
    asks = [Ask("item", kept, "c1"), Ask("item", lost, "c1"), Ask("item", "never seen", "c1")]
    second = fetch("mastodon", asks, again)
    assert {r["metric"]: r["value"] for r in rows(second, "readings")}["reblogs"] == 11
    assert [g["item_id"] for g in rows(second, "gone")] == [lost]
    assert again.answered == set(asks[:2])
    assert again.failed[asks[2]].status == "failed"


def test_a_site_gets_its_trending_links_and_none_is_an_answer(serve):
    serve(
        answer(
            [
                card("https://news.example.com/a"),
                card("https://example.com/b"),
                card("https://other.example/c"),
            ]
        )
    )
    desk = session("mastodon")
    ask, none = site_ask("example.com"), site_ask("example.org")
    batches = fetch("mastodon", [ask, none], desk)
    assert {c["url"] for c in rows(batches, "content")} == {"https://example.com/b"}
    assert desk.answered == {ask, none}


def test_two_instances_are_two_observers_and_one_may_fail(serve):
    with loopback((500, {}, {"error": "broken"})) as broken:
        server = serve(answer([card("https://example.com/a")], [status(3)]), more=[broken.url])
        desk = session("mastodon")
        ask = url_ask("https://example.com/a")
        batches = fetch("mastodon", [ask], desk)
        assert {r["observer"] for r in rows(batches, "intervals")} == {host(server)}
        assert ask in desk.answered
        assert desk.failed == {}


def test_the_token_goes_to_the_first_instance_only(serve, monkeypatch):
    monkeypatch.setenv("VIRALITY_MASTODON_ACCESS_TOKEN", "marked-token")
    with loopback(answer([card("https://example.com/a")], [status(3)])) as second:
        first = serve(answer([card("https://example.com/a")], [status(3)]), more=[second.url])
        batches = fetch("mastodon", [url_ask("https://example.com/a")], session("mastodon"))
        assert {r.headers.get("authorization") for r in first.requests} == {"Bearer marked-token"}
        assert {r.headers.get("authorization") for r in second.requests} == {None}
    assert len({r["observer"] for r in rows(batches, "readings")}) == 2
    assert len({e["event_id"] for e in rows(batches, "events")}) == 1  # one post, told twice


def test_many_posts_over_many_pages(serve):
    posts = [status(n) for n in range(1000, 0, -1)]
    server = serve(answer([card("https://example.com/a")], posts))
    batches = fetch("mastodon", [url_ask("https://example.com/a")], session("mastodon"))
    assert len({e["event_id"] for e in rows(batches, "events")}) == 1000
    assert len(server.requests) == 1 + 26


def test_since_ends_the_paging(serve):
    old = {"created_at": "2026-01-01T00:00:00.000Z"}
    posts = [status(n, **(old if n < 900 else {})) for n in range(1000, 0, -1)]
    server = serve(answer([card("https://example.com/a")], posts))
    fetch(
        "mastodon",
        [url_ask("https://example.com/a", since=datetime(2026, 10, 1, tzinfo=UTC))],
        session("mastodon"),
    )
    assert len(server.requests) == 1 + 3


def test_one_odd_post_is_set_aside(serve):
    odd = status(2)
    del odd["account"]
    serve(answer([card("https://example.com/a")], [status(3), odd]))
    desk = session("mastodon")
    batches = fetch("mastodon", [url_ask("https://example.com/a")], desk)
    assert len(rows(batches, "events")) == 1
    assert len(rows(batches, "set_aside")) == 1
