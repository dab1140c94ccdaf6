"""Facebook's URL engagement on loopback: the documented samples, batches, ten looks an hour, its errors."""

import json

import pytest
from fakes import Still, fetch, rows, session, url_ask
from loopback import loopback

from analysis.platforms import facebook
from analysis.platforms.contract import Unknown
from analysis.platforms.pace import Pace
from analysis.urls import canonical

COUNTERS = {"reaction_count": "url_reactions", "comment_count": "url_comments", "share_count": "url_shares",
            "comment_plugin_count": "url_plugin_comments"}  # fmt: skip
ENGAGEMENT = {name: n for n, name in enumerate(COUNTERS)}


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("VIRALITY_FACEBOOK_ACCESS_TOKEN", "marked-token")
    opened = []

    def start(answer):
        server = loopback(answer)
        opened.append(server)
        state = server.__enter__()
        monkeypatch.setenv("VIRALITY_FACEBOOK_BASE_URL", state.url)
        return state

    yield start
    for server in opened:
        server.__exit__(None, None, None)


def engaged(request):
    if "id" in request.query:
        return 200, {}, {"id": request.query["id"], "engagement": ENGAGEMENT}
    return 200, {}, {url: {"id": url, "engagement": ENGAGEMENT} for url in request.query["ids"].split(",")}


def test_every_documented_sample(shared, serve):
    samples = json.loads((shared / "payloads/facebook/url_engagement_samples.json").read_text())
    assert len(samples) == 4
    for sample in samples:
        payload = sample["payload"]
        serve((200, {}, payload))
        batches = fetch("facebook", [url_ask(payload["id"])], session("facebook"))
        found = {r["metric"]: r for r in rows(batches, "readings")}
        assert {m: r["value"] for m, r in found.items()} == {
            metric: payload["engagement"][name] for name, metric in COUNTERS.items()
        }
        assert {r["item_id"] for r in found.values()} == {r["content_id"] for r in found.values()}
        assert {r["status"] for r in found.values()} == {"observed"}


def test_fifty_urls_a_request(serve):
    server = serve(engaged)
    asks = [url_ask(f"https://example.com/{n}") for n in range(120)]
    desk = session("facebook")
    batches = fetch("facebook", asks, desk)
    assert len(server.requests) == facebook.plan(asks, desk).requests == desk.requests == 3
    assert len(rows(batches, "readings")) == 480
    assert desk.answered == set(asks)
    assert server.requests[0].query["fields"] == "engagement"
    assert "marked-token" not in str([r.query for r in server.requests])
    assert server.requests[0].headers["authorization"] == "Bearer marked-token"


def test_a_url_is_looked_at_ten_times_an_hour_at_most(serve, tmp_path):
    server = serve(engaged)
    clock = Still()
    pace = Pace(tmp_path / "pace.sqlite", clock)
    one, other = url_ask("https://example.com/a"), url_ask("https://example.com/b")
    for look in range(13):
        desk = session("facebook", clock, pace=pace)
        fetch("facebook", [one, other] if look == 12 else [one], desk)
        if look >= 10:
            assert desk.failed[one].status == "rate_limited"
    assert other in desk.answered
    asked = [r.query.get("id") or r.query.get("ids") for r in server.requests]
    assert asked.count(one.value) == 10
    assert asked.count(other.value) == 1
    clock.sleep(3600)
    fetch("facebook", [one], session("facebook", clock, pace=pace))
    assert len(server.requests) == 12
    pace.close()


def test_no_engagement_shown_is_suppressed_not_zero(serve):
    serve(lambda request: (200, {}, {"id": request.query["id"]}))
    ask = url_ask("https://example.com/a")
    desk = session("facebook")
    found = rows(fetch("facebook", [ask], desk), "readings")
    assert {r["status"] for r in found} == {"suppressed"}
    assert all(r["value"] != r["value"] for r in found)


def test_one_bad_url_does_not_spoil_the_others(serve):
    def answer(request):
        if "bad" in request.query.get("ids", "") + request.query.get("id", ""):
            return 400, {}, {"error": {"message": "Unsupported get request", "type": "x", "code": 100}}
        return engaged(request)

    serve(answer)
    good, bad = [url_ask(f"https://example.com/{n}") for n in range(3)], url_ask("https://example.com/bad")
    desk = session("facebook")
    fetch("facebook", [*good, bad], desk)
    assert desk.answered == set(good)
    assert desk.failed[bad].status == "failed"
    assert "error 100" in desk.failed[bad].reason


@pytest.mark.parametrize(
    ("code", "number", "status"),
    [(400, 4, "rate_limited"), (400, 613, "rate_limited"), (400, 190, "blocked"), (403, 10, "blocked"),
     (400, 200, "blocked"), (400, 12, "withdrawn"), (400, 2635, "withdrawn")],
)  # fmt: skip
def test_the_body_of_a_refusal_says_what_it_is(serve, code, number, status):
    said = f"no, and your token was {'marked-token'}"
    serve((code, {}, {"error": {"message": said, "code": number}}))
    with pytest.raises(Unknown) as error:
        fetch("facebook", [url_ask("https://example.com/a")], session("facebook"))
    assert error.value.status == status
    assert "marked-token" not in str(error.value)


def test_a_comma_in_a_url_stays_in_it(serve):
    server = serve(lambda request: (200, {}, {
        url: {"engagement": ENGAGEMENT} for url in (canonical("https://example.com/a,b"), canonical("https://example.com/c"))
    }))  # fmt: skip
    asks = [url_ask("https://example.com/a,b"), url_ask("https://example.com/c")]
    fetch("facebook", asks, session("facebook"))
    assert len(server.requests[0].query["ids"].split(",")) == 2
