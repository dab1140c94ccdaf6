"""Hacker News on loopback: every recorded answer record by record, slices, items, and what is gone."""

import json
from datetime import UTC, datetime

import pytest
from fakes import Still, fetch, rows, session, site_ask, url_ask
from loopback import loopback

from analysis.actors import actor_hash
from analysis.platforms import hackernews
from analysis.platforms.contract import Ask, Unknown
from analysis.platforms.hackernews import CARD
from analysis.tables import TABLES, conform
from analysis.urls import canonical


@pytest.fixture
def algolia(monkeypatch):
    """A search server over a list of hits, as Algolia slices them."""

    def serve(hits, page=1000):
        def answer(request):
            low, high = 0, 1e12
            for bound in filter(None, request.query.get("numericFilters", "").split(",")):
                name, value = bound.replace("<=", " <= ").replace(">=", " >= ").split(" ", 1)
                assert name == "created_at_i"
                sign, number = value.split(" ")
                low, high = (float(number), high) if sign == ">=" else (low, float(number))
            found = [h for h in hits if low <= h["created_at_i"] <= high]
            found.sort(key=lambda h: -h["created_at_i"])
            return 200, {}, {"hits": found[:page], "nbHits": len(found), "hitsPerPage": page, "page": 0}

        server = loopback(answer)
        state = server.__enter__()
        monkeypatch.setenv("VIRALITY_HACKERNEWS_SEARCH_URL", state.url)
        state.close = lambda: server.__exit__(None, None, None)
        servers.append(state)
        return state

    servers = []
    yield serve
    for state in servers:
        state.close()


def hit(number, url="https://example.com/a", at=1_700_000_000, **more):
    return {
        "objectID": str(number), "url": url, "title": f"Title {number}", "author": f"member{number % 7}",
        "points": number % 50, "num_comments": number % 5, "created_at_i": at, **more,
    }  # fmt: skip


def test_recorded_stories_come_out_record_by_record(shared, algolia):
    recorded = json.loads((shared / "payloads/hackernews/algolia_fixtures/fixtures.json").read_text())
    recent = json.loads((shared / "payloads/hackernews/snippets/algolia_hit_2026.json").read_text())
    answers = [pair["reply"] for pair in recorded if "hits" in pair["reply"]] + [recent]
    stories = {
        hit["objectID"]: hit
        for answer in answers
        for hit in answer["hits"]
        if "story" in hit["_tags"] or "poll" in hit["_tags"]
    }
    assert len(stories) >= 12
    for story in stories.values():
        url = story["url"] or f"https://news.ycombinator.com/item?id={story['objectID']}"
        algolia([story])
        batches = fetch("hackernews", [url_ask(url)], session("hackernews"))
        (event,) = rows(batches, "events")
        assert event["event_id"] == f"hackernews:{story['objectID']}"
        assert event["occurred_at"] == datetime.fromtimestamp(story["created_at_i"], UTC)
        assert event["occurred_at"] == datetime.fromisoformat(story["created_at"])
        assert event["actor"] == actor_hash("hackernews", story["author"])
        values = {
            r["metric"]: r["value"] for r in rows(batches, "readings") if r["item_id"] == story["objectID"]
        }
        assert values == {"points": story["points"], "comments": story["num_comments"]}
        assert {c["title"] for c in rows(batches, "content") if c["title"]} == {story["title"]}
        assert story["author"] not in str(rows(batches, "events")).replace(story["title"], "")


def test_recorded_answers_of_a_search_nobody_asked_for_bring_nothing(shared, algolia):
    recorded = json.loads((shared / "payloads/hackernews/algolia_fixtures/fixtures.json").read_text())
    hits = [hit for pair in recorded for hit in pair["reply"].get("hits", [])]
    algolia(hits)
    batches = fetch("hackernews", [url_ask("https://example.com/nowhere")], session("hackernews"))
    assert rows(batches, "events") == []
    (reading,) = rows(batches, "readings")
    assert (reading["metric"], reading["value"], reading["status"]) == ("submissions", 0.0, "observed")


def test_only_the_asked_url_is_kept_and_its_submissions_counted(algolia):
    server = algolia(
        [hit(1), hit(2, "http://www.example.com/a?utm_source=x"), hit(3, "https://example.com/a/b")]
    )
    batches = fetch("hackernews", [url_ask("https://example.com/a")], session("hackernews"))
    assert {e["event_id"] for e in rows(batches, "events")} == {"hackernews:1", "hackernews:2"}
    assert [r["value"] for r in rows(batches, "readings") if r["metric"] == "submissions"] == [2.0]
    assert server.requests[0].query["query"] == "example.com/a"
    assert server.requests[0].headers["user-agent"].startswith("virality/")
    for name, table in TABLES.items():
        for batch in batches:
            conform(getattr(batch, name), table)


def test_ten_thousand_submissions_are_walked_slice_by_slice(algolia):
    hits = [hit(n, f"https://sub.example.com/{n}", 1_700_000_000 + n // 3) for n in range(10_000)]
    server = algolia(hits)
    ask = site_ask("example.com", since=datetime(2023, 1, 1, tzinfo=UTC))
    desk = session("hackernews")
    batches = fetch("hackernews", [ask], desk)
    assert {e["event_id"] for e in rows(batches, "events")} == {f"hackernews:{n}" for n in range(10_000)}
    assert len(server.requests) <= 12
    assert ask in desk.answered


def test_more_than_a_slice_inside_one_second_does_not_go_round_for_ever(algolia):
    algolia([hit(n, f"https://example.com/{n}") for n in range(50)], page=20)
    batches = fetch("hackernews", [site_ask("example.com")], session("hackernews"))
    assert len(rows(batches, "events")) == 20  # what a search can show of that second


def test_a_stopped_walk_goes_on_where_it_was(algolia):
    hits = [hit(n, f"https://example.com/{n}", 1_700_000_000 + n) for n in range(100)]
    server = algolia(hits, page=20)
    desk = session("hackernews")
    walk = iter(hackernews.fetch([site_ask("example.com")], desk))
    first = [next(walk), next(walk), next(walk)]  # the third was yielded but never confirmed
    walk.close()
    desk.close()
    asked = len(server.requests)
    again = session("hackernews")
    again.places.update(desk.places)
    rest = fetch("hackernews", [site_ask("example.com")], again)
    got = {e["event_id"] for e in rows(first[:2], "events")} | {e["event_id"] for e in rows(rest, "events")}
    assert got == {f"hackernews:{n}" for n in range(100)}
    assert len(server.requests) - asked <= 6


def test_a_second_look_asks_only_for_what_is_new(algolia):
    clock = Still(datetime(2023, 11, 15, tzinfo=UTC))
    hits = [hit(n, f"https://example.com/{n}", 1_700_000_000 - 7200 * n) for n in range(100)]
    server = algolia(hits, page=20)
    desk = session("hackernews", clock)
    fetch("hackernews", [site_ask("example.com")], desk)
    asked = len(server.requests)
    later = fetch("hackernews", [site_ask("example.com")], desk)
    assert len(server.requests) == asked + 1
    assert rows(later, "events") == []


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"id": 1, "type": "story", "score": 7, "descendants": 3, "time": 1},
            {"points": 7.0, "comments": 3.0, "dead": 0.0},
        ),
        ({"id": 1, "type": "story", "score": 0, "dead": True, "time": 1}, {"points": 0.0, "dead": 1.0}),
        ({"id": 1, "type": "job", "score": 1, "time": 1}, {"points": 1.0, "dead": 0.0}),
    ],
)
def test_items_are_read_again_from_firebase(monkeypatch, item, expected):
    with loopback((200, {}, item)) as server:
        monkeypatch.setenv("VIRALITY_HACKERNEWS_ITEMS_URL", server.url)
        batches = fetch("hackernews", [Ask("item", "1", "c" * 16)], session("hackernews"))
    assert server.paths() == ["/item/1.json"]
    assert {r["metric"]: r["value"] for r in rows(batches, "readings")} == expected
    assert {r["item_id"] for r in rows(batches, "readings")} == {"1"}


def test_a_deleted_item_is_gone_and_an_unknown_one_is_not(monkeypatch):
    with loopback(lambda r: (200, {}, {"deleted": True, "id": 1} if "1.json" in r.path else None)) as server:
        monkeypatch.setenv("VIRALITY_HACKERNEWS_ITEMS_URL", server.url)
        desk = session("hackernews")
        asks = [Ask("item", "1", "c" * 16), Ask("item", "2", "c" * 16)]
        batches = fetch("hackernews", asks, desk)
    assert [g["item_id"] for g in rows(batches, "gone")] == ["1"]
    assert desk.failed[asks[1]].status == "failed"


def test_a_submission_whose_counters_are_missing_is_unknown_not_zero(algolia):
    algolia([hit(1, points=None, num_comments=None)])
    batches = fetch("hackernews", [url_ask("https://example.com/a")], session("hackernews"))
    states = {(r["metric"], r["status"]) for r in rows(batches, "readings") if r["item_id"] == "1"}
    assert states == {("points", "failed"), ("comments", "failed")}


def test_one_broken_hit_is_set_aside_and_all_broken_is_a_changed_schema(algolia):
    broken = {"objectID": "9", "url": "https://example.com/a", "created_at_i": 5, "points": "many"}
    algolia([hit(1), broken])
    batches = fetch("hackernews", [url_ask("https://example.com/a")], session("hackernews"))
    assert len(rows(batches, "events")) == 1
    assert len(rows(batches, "set_aside")) == 1
    algolia([broken])
    desk = session("hackernews")
    ask = url_ask("https://example.com/a")
    assert rows(fetch("hackernews", [ask], desk), "readings") == []
    assert "changed its schema" in desk.failed[ask].reason


def test_a_refusal_ends_the_fetch_and_keeps_what_came(monkeypatch, algolia):
    server = algolia([hit(1)])
    plain = server.answer
    server.answer = lambda request: plain(request) if len(server.requests) < 2 else (403, {}, b"no")
    desk = session("hackernews")
    asks = [url_ask("https://example.com/a"), url_ask("https://example.com/b")]
    with pytest.raises(Unknown, match="blocked"):
        fetch("hackernews", asks, desk)
    assert desk.answered == {asks[0]}


def test_the_card_defines_every_metric_that_is_written(algolia):
    algolia([hit(1)])
    batches = fetch("hackernews", [url_ask("https://example.com/a")], session("hackernews"))
    assert {r["metric"] for r in rows(batches, "readings")} <= {m.name for m in CARD.metrics}
    assert canonical("https://example.com/a") in {c["url"] for c in rows(batches, "content")}
