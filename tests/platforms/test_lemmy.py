"""Lemmy on loopback: posts of a URL as one instance knows them, both kinds of time, deletions."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from fakes import Still, fetch, rows, session, url_ask
from loopback import loopback

from analysis.actors import actor_hash
from analysis.platforms.contract import Ask

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def view(number, url="https://example.com/a", published="2026-09-30T10:00:00.123456Z", **post):
    return {
        "post": {
            "id": number, "name": f"Post {number}", "url": url, "published": published,
            "ap_id": f"https://other.example/post/{number + 5000}",
            "deleted": False, "removed": False, **post,
        },
        "counts": {"score": number, "comments": 2, "upvotes": number + 1, "downvotes": 1},
        "community": {"name": "technology", "actor_id": "https://other.example/c/technology"},
        "creator": {"name": "somebody", "actor_id": "https://third.example/u/somebody"},
    }  # fmt: skip


@pytest.fixture
def server(monkeypatch):
    with loopback((200, {}, {"posts": []})) as state:
        monkeypatch.setenv("VIRALITY_LEMMY_INSTANCE", state.url)
        yield state


def test_posts_of_a_url_with_the_instance_as_observer(server):
    other = view(3, "https://example.com/b")
    old = view(2, published="2026-09-29T08:00:00.5")  # before 0.19 without a zone, and in UTC
    server.answer = (200, {}, {"posts": [view(1), old, other]})
    ask = url_ask("https://example.com/a")
    batches = fetch("lemmy", [ask], session("lemmy"))
    events = {e["event_id"]: e for e in rows(batches, "events")}
    assert set(events) == {f"lemmy:https://other.example/post/{n}" for n in (5001, 5002)}
    first, second = events.values()
    assert first["occurred_at"] == datetime(2026, 9, 30, 10, 0, 0, 123456, tzinfo=UTC)
    assert second["occurred_at"] == datetime(2026, 9, 29, 8, 0, 0, 500000, tzinfo=UTC)
    assert first["community"] == "technology@other.example"
    assert first["actor"] == actor_hash("lemmy", "https://third.example/u/somebody")
    readings = {(r["item_id"], r["metric"]): r["value"] for r in rows(batches, "readings")}
    assert readings["https://other.example/post/5001", "score"] == 1
    assert readings[ask.content_id, "submissions"] == 2
    assert {r["observer"] for r in rows(batches, "readings")} == {urlsplit(server.url).netloc}


def test_nothing_found_is_zero_and_deleted_is_gone(server):
    ask = url_ask("https://example.com/a")
    (reading,) = rows(fetch("lemmy", [ask], session("lemmy")), "readings")
    assert reading["value"] == 0
    server.answer = (200, {}, {"posts": [view(1, deleted=True)]})
    batches = fetch("lemmy", [ask], session("lemmy"))
    assert [g["item_id"] for g in rows(batches, "gone")] == ["https://other.example/post/5001"]
    assert rows(batches, "events") == []


def test_a_known_post_is_read_again_by_the_instances_own_number(server):
    server.answer = lambda r: (
        200,
        {},
        {"posts": [view(7)]} if "search" in r.path else {"post_view": view(7)},
    )
    desk = session("lemmy")
    fetch("lemmy", [url_ask("https://example.com/a")], desk)
    item = Ask("item", "https://other.example/post/5007", "c" * 16)
    batches = fetch("lemmy", [item], desk)
    assert server.requests[-1].query["id"] == "7"
    assert {r["metric"]: r["value"] for r in rows(batches, "readings")} == {"score": 7, "comments": 2}
    server.answer = (404, {}, {"error": "couldnt_find_post"})
    assert [g["item_id"] for g in rows(fetch("lemmy", [item], desk), "gone")] == [item.value]


def test_a_community_is_walked_to_where_the_last_run_stood(server):
    posts = [
        view(n, f"https://example.com/{n}", datetime.fromtimestamp(1_790_000_000 - 3600 * n, UTC).isoformat())
        for n in range(1, 131)
    ]

    def answer(request):
        page = int(request.query["page"])
        return 200, {}, {"posts": posts[(page - 1) * 50 : page * 50]}

    server.answer = answer
    desk = session("lemmy", Still(datetime.fromtimestamp(1_790_000_000, UTC)))
    ask = Ask("community", "technology@other.example")
    assert len(rows(fetch("lemmy", [ask], desk), "events")) == 130
    asked = len(server.requests)
    fetch("lemmy", [ask], desk)
    assert len(server.requests) == asked + 1
