"""Tumblr on loopback: recorded posts record by record, paging, and what a post is about."""

import json
from datetime import UTC, datetime

import pytest
from fakes import Still, fetch, rows, session
from loopback import loopback

from analysis.actors import actor_hash
from analysis.platforms.contract import Ask
from analysis.urls import canonical


@pytest.fixture
def server(monkeypatch):
    with loopback((200, {}, {"response": []})) as state:
        monkeypatch.setenv("VIRALITY_TUMBLR_BASE_URL", state.url)
        monkeypatch.setenv("VIRALITY_TUMBLR_API_KEY", "made-up-key")
        yield state


def post(number, **more):
    return {
        "id": number, "id_string": str(number), "blog_name": f"blog{number % 3}", "type": "text",
        "post_url": f"https://blog{number % 3}.tumblr.com/post/{number}",
        "timestamp": 1_790_000_000 - 60 * number, "note_count": number % 9, "summary": "a summary", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("tagged_link.json", Ask("community", "url", since=datetime(2000, 1, 1, tzinfo=UTC))),
        (
            "blog_posts.json",
            Ask("account", "me", since=datetime(2000, 1, 1, tzinfo=UTC), account_kind="business"),
        ),
    ],
)
def test_recorded_posts_come_out_record_by_record(shared, server, name, ask):
    recorded = json.loads((shared / "payloads/tumblr/rtumblr" / name).read_text())
    server.answer = lambda r: (200, {}, {"response": []} if "before" in r.query else recorded)
    response = recorded["response"]
    posts = {p["id_string"]: p for p in (response if isinstance(response, list) else response["posts"])}
    batches = fetch("tumblr", [ask], session("tumblr"))
    events = {e["event_id"].removeprefix("tumblr:"): e for e in rows(batches, "events")}
    assert set(events) == set(posts)
    readings = {r["item_id"]: r for r in rows(batches, "readings")}
    for native, given in posts.items():
        assert events[native]["occurred_at"] == datetime.fromtimestamp(given["timestamp"], UTC)
        stamp = datetime.strptime(given["date"], "%Y-%m-%d %H:%M:%S GMT").replace(tzinfo=UTC)
        assert events[native]["occurred_at"] == stamp
        assert readings[native]["value"] == given["note_count"]
        assert events[native]["actor"] == actor_hash("tumblr", given["blog_name"])
    assert {e["observer"] for e in events.values()} == {ask.observer("tumblr api")}


def test_a_post_is_about_the_page_it_links_to_else_about_itself(server):
    posts = [
        post(1, type="link", url="https://example.com/a"),
        post(2, content=[{"type": "text"}, {"type": "link", "url": "https://example.com/b"}]),
        post(3, body='<p class="npf_link" data-npf=\'{"type":"link","url":"https:\\/\\/example.com\\/c"}\'>'),
        post(4, content=[{"type": "link", "url": "https://other.tumblr.com/post/1"}]),
    ]
    server.answer = lambda r: (200, {}, {"response": [] if "before" in r.query else posts})
    batches = fetch(
        "tumblr", [Ask("community", "x")], session("tumblr", Still(datetime(2026, 9, 22, tzinfo=UTC)))
    )
    urls = {c["content_id"]: c["url"] for c in rows(batches, "content")}
    about = [urls[e["content_id"]] for e in rows(batches, "events")]
    links = [f"https://example.com/{letter}" for letter in "abc"]
    assert about == [canonical(url) for url in [*links, "https://blog1.tumblr.com/post/4"]]


def test_pages_follow_on_by_time_and_a_second_look_stops_early(server):
    posts = [post(n) for n in range(150)]

    def answer(request):
        before = int(request.query.get("before", 10**12))
        return 200, {}, {"response": [p for p in posts if p["timestamp"] < before][:20]}

    server.answer = answer
    desk = session("tumblr", Still(datetime.fromtimestamp(1_790_000_000, UTC)))
    ask = Ask("community", "x")
    assert len(rows(fetch("tumblr", [ask], desk), "events")) == 150
    asked = len(server.requests)
    fetch("tumblr", [ask], desk)
    assert len(server.requests) == asked + 1


def test_no_blog_is_named_in_what_is_kept(server):
    server.answer = lambda r: (
        200,
        {},
        {"response": [] if "before" in r.query else [post(1, type="link", url="https://example.com/")]},
    )
    batches = fetch(
        "tumblr", [Ask("community", "x")], session("tumblr", Still(datetime(2026, 9, 22, tzinfo=UTC)))
    )
    assert "blog1" not in str([rows(batches, t) for t in ("content", "events", "readings")])
