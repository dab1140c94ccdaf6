"""Hatena Bookmark on loopback: counts fifty at a time, bookmarks to the minute in Japanese time."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from fakes import fetch, rows, session, url_ask
from loopback import loopback

from analysis.actors import actor_hash

ENTRY = {
    "eid": "4711", "title": "題名", "url": "https://example.com/1", "count": 3,
    "entry_url": "https://b.hatena.ne.jp/entry/x",
    "bookmarks": [
        {"user": "made_up_one", "timestamp": "2026/11/01 00:30", "comment": "a private thought"},
        {"user": "made_up_two", "timestamp": "2026/10/31 23:59", "tags": [], "comment": ""},
    ],
}  # fmt: skip


@pytest.fixture
def server(monkeypatch):
    counts = {}

    def answer(request):
        if request.path == "/count/entries":
            asked = parse_qs(urlsplit(request.raw).query)["url"]
            assert len(asked) <= 50
            return 200, {}, {url: counts.get(url, 0) for url in asked}
        return 200, {}, ENTRY if request.query["url"] == "https://example.com/1" else None

    with loopback(answer) as state:
        monkeypatch.setenv("VIRALITY_HATENA_COUNTS_URL", state.url)
        monkeypatch.setenv("VIRALITY_HATENA_ENTRIES_URL", state.url)
        state.counts = counts
        yield state


def test_bookmarks_are_events_in_japanese_time_and_the_count_is_a_reading(server):
    server.counts["https://example.com/1"] = 3
    ask = url_ask("https://example.com/1")
    batches = fetch("hatena", [ask], session("hatena"))
    events = rows(batches, "events")
    assert [e["occurred_at"] for e in events] == [
        datetime(2026, 10, 31, 15, 30, tzinfo=UTC),
        datetime(2026, 10, 31, 14, 59, tzinfo=UTC),
    ]
    assert [e["actor"] for e in events] == [actor_hash("hatena", u) for u in ("made_up_one", "made_up_two")]
    (reading,) = rows(batches, "readings")
    assert (reading["metric"], reading["value"], reading["item_id"]) == ("bookmarks", 3.0, ask.content_id)
    everything = " ".join(
        str(row) for table in ("events", "readings", "content") for row in rows(batches, table)
    )
    assert "made_up" not in everything
    assert "private thought" not in everything


def test_nobody_bookmarked_it_is_zero_and_asks_for_no_entry(server):
    batches = fetch("hatena", [url_ask("https://example.com/2")], session("hatena"))
    assert [r["value"] for r in rows(batches, "readings")] == [0.0]
    assert server.paths() == ["/count/entries"]


def test_a_thousand_urls_take_twenty_requests_and_one_for_each_that_changed(server):
    server.counts.update({f"https://example.com/{n}": 1 for n in range(10)})
    asks = [url_ask(f"https://example.com/{n}") for n in range(1000)]
    desk = session("hatena")
    batches = fetch("hatena", asks, desk)
    assert len(server.requests) == 20 + 10
    assert len(rows(batches, "readings")) == 1000
    fetch("hatena", asks, desk)
    assert len(server.requests) == 30 + 20


def test_the_url_is_asked_for_as_the_user_spells_it(server):
    ask = url_ask("https://example.com/1")
    spelt = type(ask)("url", ask.value, ask.content_id, "http://www.example.com/1/")
    server.counts["http://www.example.com/1/"] = 7
    batches = fetch("hatena", [spelt], session("hatena"))
    assert [r["value"] for r in rows(batches, "readings")] == [7.0]


def test_a_url_the_answer_leaves_out_is_unknown_and_the_others_come(server):
    server.answer = lambda r: (200, {}, {"https://example.com/a": 0})
    desk = session("hatena")
    asks = [url_ask("https://example.com/a"), url_ask("https://example.com/b")]
    batches = fetch("hatena", asks, desk)
    assert [r["value"] for r in rows(batches, "readings")] == [0.0]
    assert desk.failed[asks[1]].status == "failed"
