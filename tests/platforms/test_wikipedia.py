"""Wikipedia page views on loopback: bins as they are given, days that are missing, whom to write to."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from fakes import Still, fetch, rows, session, url_ask
from loopback import loopback

from analysis.platforms.wikipedia import bin_of, takes

ASK = url_ask("https://en.wikipedia.org/wiki/Dan_Castellaneta")
NOW = datetime(2026, 11, 5, 9, tzinfo=UTC)


@pytest.fixture
def server(monkeypatch):
    with loopback((200, {}, {"items": []})) as state:
        monkeypatch.setenv("VIRALITY_WIKIPEDIA_BASE_URL", state.url)
        yield state


def desk(clock=None, **more):
    return session("wikipedia", clock or Still(NOW), contact="somebody@example.com", **more)


def day(text, views):
    return {"timestamp": text, "granularity": "daily", "views": views, "agent": "user"}


def test_the_recorded_answer_comes_out_record_by_record(shared, server):
    recorded = json.loads((shared / "payloads/wikipedia/per_article_samples.json").read_text())
    server.answer = (200, {}, recorded)
    batches = fetch("wikipedia", [ASK], desk(Still(datetime(2020, 3, 1, tzinfo=UTC))))
    observed = [r for r in rows(batches, "intervals") if r["status"] == "observed"]
    assert [(r["start"], r["end"], r["value"], r["partial"]) for r in observed] == [
        (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC), 55489.0, False),
        (datetime(2020, 2, 1, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC), 44984.0, False),
    ]
    (request,) = server.requests
    assert "/en.wikipedia/all-access/user/Dan_Castellaneta/daily/" in request.path
    assert "somebody@example.com" in request.headers["user-agent"]


def test_days_that_must_be_there_and_are_not_are_unknown_never_zero(server):
    server.answer = (200, {}, {"items": [day("2026110100", 5), day("2026110300", 0)]})
    ask = url_ask(ASK.value, since=datetime(2026, 11, 1, tzinfo=UTC))
    batches = fetch("wikipedia", [ask], desk())
    found = {r["start"].day: (r["status"], r["value"]) for r in rows(batches, "intervals")}
    assert found[1] == ("observed", 5.0)
    assert found[2][0] == "failed"
    assert found[3] == ("observed", 0.0)
    assert found[4][0] == "not_yet"
    assert 5 not in found  # today is not over


def test_the_next_run_asks_from_where_this_one_ended(server):
    clock = Still(NOW)
    mine = desk(clock)
    fetch("wikipedia", [ASK], mine)
    clock.moment += timedelta(days=3)
    fetch("wikipedia", [ASK], mine)
    assert server.requests[1].path.endswith("/daily/2026110300/2026110700")


def test_titles_are_escaped_and_mobile_is_the_same_article(server):
    fetch("wikipedia", [url_ask("https://de.m.wikipedia.org/wiki/AC/DC")], desk())
    assert "/de.wikipedia/all-access/user/AC%2FDC/daily/" in server.requests[0].raw


def test_only_articles_are_taken():
    assert takes(ASK)
    assert not takes(url_ask("https://example.com/wiki/Digg"))
    assert not takes(url_ask("https://en.wikipedia.org/"))


@pytest.mark.parametrize(
    ("stamp", "grain", "end"),
    [
        ("2024020100", "monthly", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024022900", "daily", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024022923", "hourly", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024120100", "monthly", datetime(2025, 1, 1, tzinfo=UTC)),
    ],
)
def test_bins_end_where_the_next_begins(stamp, grain, end):
    assert bin_of(stamp, grain)[1] == end
