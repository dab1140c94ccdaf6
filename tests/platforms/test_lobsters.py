"""Lobsters on loopback: both shapes of its stories, the walk, and stories that are no more."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from fakes import Still, fetch, rows, session, site_ask, url_ask
from loopback import loopback

from analysis.actors import actor_hash
from analysis.platforms import lobsters
from analysis.platforms.contract import Ask
from analysis.urls import canonical

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def story(number, url=None, **more):
    when = NOW - timedelta(hours=number)
    return {
        "short_id": f"s{number:05d}", "created_at": when.isoformat(), "title": f"Story {number}",
        "url": f"https://example.com/{number}" if url is None else url, "score": number % 30, "flags": 1,
        "comment_count": number % 4, "submitter_user": f"member{number % 5}", "tags": ["web", "rust"],
        "comments_url": f"https://lobste.rs/s/s{number:05d}/story",
    }  # fmt: skip


def listing(stories):
    """Its lists, twenty-five stories a page; its stories, one by one."""

    def answer(request):
        if request.path.startswith("/s/"):
            found = [s for s in stories if request.path == f"/s/{s['short_id']}.json"]
            return (200, {}, found[0]) if found else (404, {}, {})
        last = request.path.rpartition("/")[2].removesuffix(".json")
        page = int(last) if last.isdigit() else 1
        return 200, {}, stories[(page - 1) * 25 : page * 25]

    return answer


@pytest.fixture
def server(monkeypatch):
    with loopback((200, {}, [])) as state:
        monkeypatch.setenv("VIRALITY_LOBSTERS_BASE_URL", state.url)
        yield state


@pytest.mark.parametrize("name", ["hottest_2019_nested_user.json", "hottest_2026_string_user.json"])
@pytest.mark.parametrize("kind", ["url", "site", "community"])
def test_recorded_stories_of_both_shapes_come_out_record_by_record(shared, server, name, kind):
    recorded = json.loads((shared / "payloads/lobsters" / name).read_text())
    server.answer = (200, {}, recorded)
    (given,) = recorded
    since = datetime(2019, 4, 30, tzinfo=UTC)
    asks = {
        "url": url_ask(given["url"], since=since),
        "community": Ask("community", given["tags"][0], since=since),
    }
    asks["site"] = site_ask(canonical(given["url"]).split("/")[2], since=since)
    batches = fetch("lobsters", [asks[kind]], session("lobsters", Still(NOW)))
    (event,) = {e["event_id"]: e for e in rows(batches, "events")}.values()
    user = given["submitter_user"]
    assert event["event_id"] == f"lobsters:{given['short_id']}"
    assert event["occurred_at"] == datetime.fromisoformat(given["created_at"])
    assert event["actor"] == actor_hash("lobsters", user["username"] if isinstance(user, dict) else user)
    assert event["community"] == ",".join(given["tags"])
    readings = {r["metric"]: r["value"] for r in rows(batches, "readings")}
    assert readings == {
        "score": given["score"],
        "comments": given["comment_count"],
        "flags": given.get("flags", given.get("downvotes")),
    }
    (content,) = {c["content_id"]: c for c in rows(batches, "content")}.values()
    assert (content["url"], content["title"]) == (canonical(given["url"]), given["title"])


def test_one_walk_answers_a_thousand_urls_and_meets_known_items(server):
    server.answer = listing([story(n) for n in range(100)])
    since = NOW - timedelta(hours=99)
    asks = [url_ask(f"https://example.com/{n}", since=since) for n in range(0, 2000, 2)]
    asks += [
        Ask("item", "s00004", "c" * 16),
        Ask("item", "s00099", "c" * 16),
        Ask("item", "gone00", "c" * 16),
    ]
    desk = session("lobsters", Still(NOW))
    batches = fetch("lobsters", asks, desk)
    assert {e["event_id"] for e in rows(batches, "events")} == {
        f"lobsters:s{n:05d}" for n in range(0, 100, 2)
    }
    walked = [p for p in server.paths() if not p.startswith("/s/")]
    assert walked == ["/newest.json", *(f"/newest/page/{n}.json" for n in (2, 3, 4, 5))]
    assert [p for p in server.paths() if p.startswith("/s/")] == ["/s/s00099.json", "/s/gone00.json"]
    assert [g["item_id"] for g in rows(batches, "gone")] == ["gone00"]
    assert desk.answered == set(asks)


def test_a_later_walk_stops_where_the_last_one_was(server):
    server.answer = listing([story(n) for n in range(200)])
    desk = session("lobsters", Still(NOW))
    ask = site_ask("example.com")
    fetch("lobsters", [ask], desk)
    asked = len(server.requests)
    fetch("lobsters", [ask], desk)
    assert len(server.requests) == asked + 1


def test_a_stopped_walk_goes_on_at_its_page(server):
    server.answer = listing([story(n) for n in range(200)])
    desk = session("lobsters", Still(NOW))
    ask = site_ask("example.com")
    walk = iter(lobsters.fetch([ask], desk))
    first = [next(walk), next(walk), next(walk)]
    walk.close()
    desk.close()
    again = session("lobsters", Still(NOW + timedelta(hours=1)))
    again.places.update(desk.places)
    rest = fetch("lobsters", [ask], again)
    assert server.paths()[3] == "/newest/page/3.json"
    assert len({e["event_id"] for e in rows(first[:2] + rest, "events")}) == 200


def test_a_list_that_repeats_itself_ends(server):
    server.answer = (200, {}, [story(1)])
    ask = Ask("community", "rust", since=datetime(2020, 1, 1, tzinfo=UTC))
    fetch("lobsters", [ask], session("lobsters", Still(NOW)))
    assert len(server.requests) == 2


def test_ten_thousand_stories_over_four_hundred_pages(server):
    server.answer = listing([story(n) for n in range(10_000)])
    ask = site_ask("example.com", since=datetime(2020, 1, 1, tzinfo=UTC))
    batches = fetch("lobsters", [ask], session("lobsters", Still(NOW)))
    assert len({e["event_id"] for e in rows(batches, "events")}) == 10_000
    assert len(server.requests) <= 401


def test_a_text_without_a_link_is_about_its_own_page(server):
    server.answer = (200, {}, [story(1, url="")])
    batches = fetch("lobsters", [Ask("community", "rust")], session("lobsters", Still(NOW)))
    (content,) = rows(batches, "content")
    assert content["url"] == canonical("https://lobste.rs/s/s00001/story")


def test_an_empty_list_is_an_answer(server):
    desk = session("lobsters", Still(NOW))
    ask = site_ask("example.com")
    assert rows(fetch("lobsters", [ask], desk), "events") == []
    assert ask in desk.answered
