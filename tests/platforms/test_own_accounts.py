"""Pinterest and Threads on loopback: accounts of one's own, by the day and by the post."""

from datetime import UTC, datetime, timedelta

import pytest
from fakes import Still, fetch, rows, session
from loopback import loopback

from analysis.platforms.contract import Ask

NOW = datetime(2026, 10, 3, 9, tzinfo=UTC)


@pytest.fixture
def pinterest(monkeypatch):
    pins = [
        {"id": str(n), "link": f"https://example.com/{n % 2}", "created_at": "2026-09-01T10:00:00"}
        for n in range(3)
    ]

    def days(request):
        number = int(request.path.split("/")[2])
        numbers = {"SAVE": number, "IMPRESSION": 100, "OUTBOUND_CLICK": 0, "PIN_CLICK": 1}
        return [
            {"date": "2026-10-01", "data_status": "READY", "metrics": numbers},
            {
                "date": "2026-10-02",
                "data_status": "PROCESSING" if number == 2 else "READY",
                "metrics": numbers,
            },
            {"date": "2026-10-03", "data_status": "BEFORE_BUSINESS_CREATED", "metrics": {}},
        ]

    def answer(request):
        if request.path.endswith("/analytics"):
            return 200, {}, {"all": {"daily_metrics": days(request)}}
        second = request.query.get("bookmark") == "b"
        return 200, {}, {"items": pins[2:] if second else pins[:2], "bookmark": None if second else "b"}

    with loopback(answer) as state:
        monkeypatch.setenv("VIRALITY_PINTEREST_BASE_URL", state.url)
        monkeypatch.setenv("VIRALITY_PINTEREST_ACCESS_TOKEN", "made-up-token")
        yield state


def test_pins_are_events_and_their_days_are_intervals_of_the_page(pinterest):
    ask = Ask("account", "me", account_kind="business")
    desk = session("pinterest", Still(NOW))
    batches = fetch("pinterest", [ask], desk)
    assert {e["event_id"] for e in rows(batches, "events")} == {f"pinterest:{n}" for n in range(3)}
    urls = {c["content_id"]: c["url"] for c in rows(batches, "content")}
    found = {(urls[r["content_id"]][-1], r["metric"], r["start"].day): r for r in rows(batches, "intervals")}
    assert found["0", "saves", 1]["value"] == 0 + 2  # two pins of one page
    assert found["1", "saves", 1]["value"] == 1
    assert found["0", "saves", 2]["status"] == "not_yet"  # one of the two is still being counted
    assert found["1", "impressions", 2]["value"] == 100
    assert found["1", "saves", 3]["status"] == "suppressed"
    assert found["1", "saves", 3]["partial"]
    assert {r["end"] - r["start"] for r in found.values()} == {timedelta(days=1)}
    assert {r["observer"] for r in found.values()} == {"pinterest api business"}
    assert pinterest.requests[0].headers["authorization"] == "Bearer made-up-token"
    asked = len(pinterest.requests)
    fetch("pinterest", [ask], desk)
    assert pinterest.requests[asked + 2].query["start_date"] == "2026-10-01"


def test_posts_of_threads_and_their_counters(monkeypatch):
    posts = [
        {
            "id": str(n),
            "permalink": f"https://www.threads.net/@me/post/{n}",
            "timestamp": "2026-09-30T05:42:03+0000",
        }
        for n in range(130)
    ]
    posts[0]["link_attachment_url"] = "https://example.com/a"

    def answer(request):
        if request.path.endswith("insights"):
            counted = [
                {"name": name, "values": [{"value": 5}]} for name in ("views", "likes", "replies", "quotes")
            ]
            return 200, {}, {"data": counted}
        start = int(request.query.get("after", 0))
        page = {"data": posts[start : start + 100]}
        return 200, {}, page | ({"paging": {"cursors": {"after": "100"}}} if start == 0 else {})

    with loopback(answer) as state:
        monkeypatch.setenv("VIRALITY_THREADS_BASE_URL", state.url)
        monkeypatch.setenv("VIRALITY_THREADS_ACCESS_TOKEN", "made-up-token")
        batches = fetch(
            "threads", [Ask("account", "me", account_kind="private")], session("threads", Still(NOW))
        )
        assert all("made-up-token" not in r.raw for r in state.requests)
    events = rows(batches, "events")
    assert len(events) == 130
    assert events[0]["occurred_at"] == datetime(2026, 9, 30, 5, 42, 3, tzinfo=UTC)
    mine = {r["metric"]: (r["value"], r["status"]) for r in rows(batches, "readings") if r["item_id"] == "7"}
    assert mine["views"] == (5.0, "observed")
    assert mine["reposts"][1] == "suppressed"
    assert {e["observer"] for e in events} == {"threads api private"}
