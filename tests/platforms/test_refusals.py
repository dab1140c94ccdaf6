"""Every platform that asks through the shared client, on a loopback that refuses, breaks and stalls."""

import json
import threading

import pytest
import stamina
from fakes import Still, fetch, rows, session, url_ask
from loopback import loopback

from analysis.platforms import modules
from analysis.platforms.contract import Ask, Unknown

C = "c" * 16
VIDEO = url_ask("https://www.youtube.com/watch?v=abcdefghijk")
PAGE = url_ask("https://example.com/a")
BLOG = Ask("account", "me", account_kind="private")
# platform: settings that hold a host, keys, and one ask of each kind it answers
CASES = {
    "hackernews": (("search_url", "items_url"), (), [PAGE, Ask("item", "1", C)]),
    "lobsters": (("base_url",), (), [PAGE, Ask("community", "rust"), Ask("item", "abc123", C)]),
    "hatena": (("counts_url", "entries_url"), (), [PAGE]),
    "wikipedia": (("base_url",), (), [url_ask("https://en.wikipedia.org/wiki/Digg")]),
    "lemmy": (("instance",), (), [PAGE, Ask("community", "rust@example.org")]),
    "tumblr": (("base_url",), ("api_key",), [Ask("community", "news"), BLOG]),
    "youtube": (("base_url",), ("api_key",), [VIDEO, Ask("account", "@me", account_kind="business")]),
    "pinterest": (("base_url",), ("access_token",), [Ask("account", "me", account_kind="business")]),
    "threads": (("base_url",), ("access_token",), [Ask("account", "me", account_kind="private")]),
}  # fmt: skip
SINGLE = [(name, ask) for name, (_, _, asks) in CASES.items() for ask in asks]
IDS = [f"{name}-{ask.kind}" for name, ask in SINGLE]


@pytest.fixture(autouse=True)
def no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def refused(monkeypatch, name, ask, answer, **more):
    """What a fetch of one ask on this answer says, and what it yielded before."""
    hosts, secrets, _ = CASES[name]
    more.setdefault("contact", "somebody@example.com")
    with loopback(answer) as server:
        for host in hosts:
            monkeypatch.setenv(f"VIRALITY_{name}_{host}".upper(), server.url)
        for secret in secrets:
            monkeypatch.setenv(f"VIRALITY_{name}_{secret}".upper(), "made-up-secret")
        desk = session(name, **more)
        try:
            batches = fetch(name, [ask], desk)
            error = desk.failed.get(ask)
        except Unknown as unknown:
            batches, error = [], desk.clean(unknown)
    return error, batches, server, desk


@pytest.mark.parametrize(("name", "ask"), SINGLE, ids=IDS)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        (401, "blocked"),
        (402, "over_budget"),
        (403, "blocked"),
        (429, "rate_limited"),
        (500, "failed"),
        (503, "failed"),
    ],
)
def test_refusals_are_unknown_for_their_reason(monkeypatch, name, ask, code, status):
    error, batches, server, _ = refused(monkeypatch, name, ask, (code, {}, {"error": "no"}))
    assert error is not None
    assert error.status == status
    assert "made-up-secret" not in str(error)
    assert rows(batches, "readings") == []
    assert len(server.requests) == (3 if code in (429, 500, 503) else 1)


@pytest.mark.parametrize(("name", "ask"), SINGLE, ids=IDS)
def test_gone_endpoints_are_withdrawn(monkeypatch, name, ask):
    error, batches, _, _ = refused(monkeypatch, name, ask, (410, {}, {"error": "gone"}))
    if error is None:  # a single item that answers 410 is gone itself
        assert [g["item_id"] for g in rows(batches, "gone")] == [ask.value]
    else:
        assert error.status == "withdrawn"


@pytest.mark.parametrize(("name", "ask"), SINGLE, ids=IDS)
def test_what_is_not_found_is_never_zero(monkeypatch, name, ask):
    error, batches, _, _ = refused(monkeypatch, name, ask, (404, {}, {"error": "not found"}))
    values = [
        r["value"]
        for table in ("readings", "intervals")
        for r in rows(batches, table)
        if r["status"] == "observed"
    ]
    assert values == []
    if error is not None:
        assert error.status == "failed"
    else:
        assert rows(batches, "gone") or {r["status"] for r in rows(batches, "intervals")} == {"not_yet"}


@pytest.mark.parametrize(("name", "ask"), SINGLE, ids=IDS)
@pytest.mark.parametrize("body", [b'{"hits": [{"objec', b"", b"<html>Just a moment...</html>"])
def test_truncated_answers_are_failed(monkeypatch, name, ask, body):
    error, batches, server, _ = refused(monkeypatch, name, ask, (200, {}, body))
    assert error.status == "failed"
    assert "no whole JSON" in error.reason
    assert rows(batches, "readings") == []
    assert len(server.requests) == 3


@pytest.mark.parametrize(("name", "ask"), SINGLE, ids=IDS)
@pytest.mark.parametrize("body", [{"unexpected": 1}, [{"unexpected": 1}], "text", 7, {"error": {"code": 1}}])
def test_a_changed_schema_is_failed_and_says_what_is_missing(monkeypatch, name, ask, body):
    error, batches, _, _ = refused(monkeypatch, name, ask, (200, {}, body))
    assert error is not None, rows(batches, "readings")
    assert error.status == "failed"
    observed = [r for t in ("readings", "intervals") for r in rows(batches, t) if r["status"] == "observed"]
    assert observed == []


@pytest.mark.parametrize(("name", "ask"), SINGLE, ids=IDS)
def test_told_when_to_come_back_it_waits_so_long_and_says_so(monkeypatch, name, ask):
    told, clock = [], Still()
    error, _, server, _ = refused(
        monkeypatch, name, ask, (429, {"Retry-After": "17"}, {}), clock=clock,
        tell=lambda event, **fields: told.append((event, fields.get("seconds"))),
    )  # fmt: skip
    assert error.status == "rate_limited"
    assert error.retry_after == 17
    assert clock.naps == [17.0, 17.0]
    assert ("waiting", 17.0) in told
    assert len(server.requests) == 3


def test_told_to_wait_longer_than_a_run_may_it_goes_away(monkeypatch):
    error, _, server, _ = refused(monkeypatch, "hatena", PAGE, (429, {"Retry-After": "86400"}, {}))
    assert error.status == "rate_limited"
    assert error.retry_after == 86400
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["hackernews", "hatena"])
def test_a_server_that_does_not_answer_is_failed(monkeypatch, name):
    given_up = threading.Event()

    def stall(request):
        given_up.wait(60)
        return 200, {}, {}

    error, _, _, desk = refused(monkeypatch, name, PAGE, stall, timeout=0.05)
    given_up.set()
    assert error.status == "failed"
    assert "did not answer" in error.reason
    assert desk.requests == 3  # as asked: a busy server may hear of them later


def test_a_server_that_is_not_there_is_failed(monkeypatch):
    monkeypatch.setenv("VIRALITY_HATENA_COUNTS_URL", "http://127.0.0.1:9")
    with pytest.raises(Unknown, match="could not be reached"):
        fetch("hatena", [PAGE], session("hatena"))


def test_a_redirect_is_not_followed_for_it_might_carry_a_key(monkeypatch):
    with loopback((200, {}, {})) as elsewhere:
        answer = (302, {"Location": elsewhere.url}, b"")
        error, _, _, _ = refused(monkeypatch, "youtube", VIDEO, answer)
        assert elsewhere.requests == []
    assert error.status == "failed"


def test_an_answer_cut_short_in_transfer_is_failed(monkeypatch):
    body = json.dumps({"hits": []}).encode()
    error, _, _, _ = refused(monkeypatch, "hackernews", PAGE, (200, {"Content-Length": "999"}, body))
    assert error.status == "failed"


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case[1]])
def test_without_a_key_nothing_is_asked(monkeypatch, name):
    hosts, secrets, asks = CASES[name]
    for secret in secrets:
        monkeypatch.delenv(f"VIRALITY_{name}_{secret}".upper(), raising=False)
    with loopback((200, {}, {})) as server:
        for host in hosts:
            monkeypatch.setenv(f"VIRALITY_{name}_{host}".upper(), server.url)
        with pytest.raises(Unknown) as caught:
            fetch(name, asks, session(name))
        with pytest.raises(Unknown):
            modules()[name].plan(asks, session(name))
        assert server.requests == []
    assert caught.value.status == "not_configured"
    assert secrets[0].upper() in caught.value.reason


def test_without_a_contact_wikipedia_is_not_asked(monkeypatch):
    with pytest.raises(Unknown, match="whom to write to"):
        fetch("wikipedia", CASES["wikipedia"][2], session("wikipedia"))


def test_youtubes_used_up_quota_is_a_limit_not_a_refusal(monkeypatch):
    body = {"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}}
    error, _, _, _ = refused(monkeypatch, "youtube", VIDEO, (403, {}, body))
    assert error.status == "rate_limited"


def test_a_platform_that_is_down_is_not_asked_a_thousand_times(monkeypatch):
    with loopback((503, {}, {})) as server:
        monkeypatch.setenv("VIRALITY_HACKERNEWS_SEARCH_URL", server.url)
        desk = session("hackernews")
        asks = [url_ask(f"https://example.com/{n}") for n in range(1000)]
        with pytest.raises(Unknown, match="503"):
            fetch("hackernews", asks, desk)
    assert len(server.requests) == 9  # three asks, three times each


def test_one_url_a_server_stumbles_over_does_not_stop_the_others(monkeypatch):
    def answer(request):
        if request.query["query"] == "example.com/3":
            return 500, {}, {}
        return 200, {}, {"hits": [], "nbHits": 0, "hitsPerPage": 1000}

    with loopback(answer) as server:
        monkeypatch.setenv("VIRALITY_HACKERNEWS_SEARCH_URL", server.url)
        desk = session("hackernews")
        asks = [url_ask(f"https://example.com/{n}") for n in range(6)]
        fetch("hackernews", asks, desk)
    assert desk.answered == {ask for n, ask in enumerate(asks) if n != 3}
    assert desk.failed[asks[3]].http == 500
