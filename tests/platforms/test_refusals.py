"""What every platform says when it is refused, kept waiting, or answered with something else: never 0."""

import json
import time

import pytest
import stamina
from fakes import Still, fetch, rows, session, url_ask
from loopback import loopback

from analysis.platforms.contract import Ask, Unknown

URL = url_ask("https://example.com/a")
SECRET = "marked-secret-7f3a"


class Case:
    """A platform, one ask, its keys, and how its server answers once it is past what comes before."""

    def __init__(self, platform, ask, keys=(), before=None, whole=None):
        self.platform, self.ask, self.keys, self.before, self.whole = platform, ask, keys, before or {}, whole

    def __repr__(self):
        return self.platform


LOGIN = {"/xrpc/com.atproto.server.createSession": {
    "did": "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "handle": "me.example", "active": True,
    "accessJwt": "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.", "refreshJwt": "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.",
}}  # fmt: skip
CASES = [
    Case("twitter", URL, ("bearer_token",), whole={"data": []}),
    Case("facebook", URL, ("access_token",)),
    Case("linkedin", Ask("account", "123", account_kind="business"), ("access_token",), whole={"elements": []}),
    Case("mastodon", URL, ("access_token",)),
    Case("bluesky", URL, ("handle", "app_password"), LOGIN, whole={"posts": []}),
]


@pytest.fixture(autouse=True)
def no_backoff():
    """Tried again at once: how often is what these tests are about."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture(params=CASES, ids=repr)
def case(request, monkeypatch):
    for name in request.param.keys:
        monkeypatch.setenv(f"VIRALITY_{request.param.platform.upper()}_{name.upper()}", SECRET)
    return request.param


def outcome(case, answer, monkeypatch, clock=None, **more):
    """The Unknown of the ask, and the server, when every request but the login is answered so."""

    def serve(request):
        if request.path in case.before:
            return 200, {}, case.before[request.path]
        return answer(request) if callable(answer) else answer

    with loopback(serve) as server:
        monkeypatch.setenv(f"VIRALITY_{case.platform.upper()}_BASE_URL", server.url)
        desk = session(case.platform, clock or Still(), budget=1.0, **more)
        batches = []
        try:
            batches = fetch(case.platform, [case.ask], desk)
        except Unknown as error:
            found = error
        else:
            found = desk.failed.get(case.ask)
        for table in ("events", "readings", "intervals"):
            zeros = [r for r in rows(batches, table) if r.get("value") == 0]
            assert not (found and zeros)
    if found is not None:
        assert SECRET not in str(found)
        assert case.ask not in desk.answered
    return found, server, desk


@pytest.mark.parametrize(
    ("code", "status"),
    [(401, "blocked"), (402, "over_budget"), (403, "blocked"), (410, "withdrawn"), (500, "failed"), (503, "failed")],
)
def test_a_refusal_is_unknown_for_its_reason(case, code, status, monkeypatch):
    found, _, _ = outcome(case, (code, {}, {"error": "no"}), monkeypatch)
    assert found.status == status
    assert str(code) in found.reason


def test_404(case, monkeypatch):
    found, _, _ = outcome(case, (404, {}, {"error": "Record not found"}), monkeypatch)
    # on Mastodon it is the way to say that a link does not trend
    assert found.status == ("suppressed" if case.platform == "mastodon" else "failed")


def test_too_many_requests_waits_as_long_as_it_is_told(case, monkeypatch):
    clock = Still()
    head = {
        "retry-after": "7",
        "x-rate-limit-reset": str(int(clock.now().timestamp()) + 7),
        "x-ratelimit-reset": str(int(time.time()) + 7),
    }
    found, server, _ = outcome(case, (429, head, {"error": "slow down"}), monkeypatch, clock)
    assert found.status == "rate_limited"
    assert clock.naps  # it waited, and tried again
    assert 5 <= clock.naps[0] <= 9
    asked = [path for path in server.paths() if path not in case.before]
    assert len(asked) == 3


def test_too_many_requests_without_a_time_waits_a_minute(case, monkeypatch):
    clock = Still()
    found, _, _ = outcome(case, (429, {}, {"error": "slow down"}), monkeypatch, clock)
    assert found.status == "rate_limited"
    assert clock.naps[0] == 60


def test_a_wait_that_is_too_long_is_not_waited(case, monkeypatch):
    clock = Still()
    later = int(clock.now().timestamp()) + 86_400
    real = int(time.time()) + 86_400  # Mastodon's client dates by the machine's clock
    head = {"retry-after": "86400", "x-rate-limit-reset": str(later), "x-ratelimit-reset": str(real)}
    found, _, _ = outcome(case, (429, head, {}), monkeypatch, clock)
    assert found.status == "rate_limited"
    assert clock.naps == []


def test_no_answer_in_time(case, monkeypatch):
    def slow(request):
        time.sleep(0.25)
        return 200, {}, {}

    found, _, _ = outcome(case, slow, monkeypatch, timeout=0.05)
    assert found.status == "failed"


def test_json_cut_in_the_middle(case, monkeypatch):
    found, _, _ = outcome(case, (200, {}, b'{"data": [{"start": "2026-'), monkeypatch)
    assert found.status == "failed"


def test_a_body_that_ends_early(case, monkeypatch):
    found, _, _ = outcome(case, (200, {"Content-Length": "400"}, b'{"data"'), monkeypatch)
    assert found.status == "failed"


@pytest.mark.parametrize("body", [{"something": "else"}, [1, 2], {"data": [{"x": 1}], "posts": [{"x": 1}], "elements": [{"x": 1}],
                                                                 "engagement": {"x": 1}}])  # fmt: skip
def test_a_changed_schema_is_a_failure_and_says_so(case, body, monkeypatch):
    if case.platform == "facebook" and body == {"something": "else"}:
        pytest.skip("an answer without engagement is how Facebook hides it: suppressed, tested there")
    found, _, _ = outcome(case, (200, {}, body), monkeypatch)
    assert found.status == "failed", json.dumps(body)


def test_an_unset_key_says_how_to_get_it(monkeypatch, case):
    if case.platform == "mastodon":
        pytest.skip("needs no key")
    for name in case.keys:
        monkeypatch.delenv(f"VIRALITY_{case.platform.upper()}_{name.upper()}")
    with pytest.raises(Unknown) as error:
        fetch(case.platform, [case.ask], session(case.platform, budget=1.0))
    assert error.value.status == "not_configured"
    assert f"VIRALITY_{case.platform.upper()}_" in error.value.reason


def test_an_empty_answer_is_an_answer(case, monkeypatch):
    if case.whole is None:
        pytest.skip("has no empty list to give")
    found, _, desk = outcome(case, (200, {}, case.whole), monkeypatch)
    assert found is None
    assert case.ask in desk.answered
