"""Reddit through praw on loopback: recorded answers record by record, deletions, limits, refusals."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from fakes import Still, fetch, rows, session, site_ask, url_ask
from loopback import answers, loopback, replay

from analysis.actors import actor_hash
from analysis.platforms.contract import Ask, Unknown
from analysis.urls import canonical

TOKEN = {"access_token": "made-up-token", "token_type": "bearer", "expires_in": 86400, "scope": "*"}


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("VIRALITY_REDDIT_CLIENT_ID", "made-up-id")
    monkeypatch.setenv("VIRALITY_REDDIT_CLIENT_SECRET", "made-up-secret")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # praw waits between its own attempts

    def at(url):
        monkeypatch.setenv("VIRALITY_REDDIT_OAUTH_URL", url)
        monkeypatch.setenv("VIRALITY_REDDIT_REDDIT_URL", url)

    return at


def recorded(shared, name, kind="t3"):
    """The submissions of a cassette, as recorded."""
    found = []
    for recordings in answers(shared, f"reddit/praw_cassettes/{name}").values():
        for _, _, raw in recordings:
            body = json.loads(raw)
            for part in body if isinstance(body, list) else [body]:
                data = part.get("data")
                found += (data.get("children") or []) if isinstance(data, dict) else []
    return [thing["data"] for thing in found if thing["kind"] == kind]


def check(batches, submissions):
    """The rows are the submissions, record by record."""
    expected = {data["id"]: data for data in submissions}
    events = {event["event_id"].removeprefix("reddit:"): event for event in rows(batches, "events")}
    assert set(events) == set(expected)
    readings = {(r["item_id"], r["metric"]): r for r in rows(batches, "readings")}
    urls = {c["content_id"]: c for c in rows(batches, "content")}
    for native, data in expected.items():
        event = events[native]
        assert event["occurred_at"] == datetime.fromtimestamp(data["created_utc"], UTC)
        assert event["kind"] == ("promotion" if data.get("promoted") else "submission")
        assert data.get("promoted") or event["community"] == data["subreddit"]
        author = data["author"]
        assert (
            event["actor"] == actor_hash("reddit", author)
            if author != "[deleted]"
            else event["actor"] != event["actor"]
        )
        assert readings[native, "score"]["value"] == data["score"]
        assert readings[native, "comments"]["value"] == data["num_comments"]
        assert urls[event["content_id"]]["url"] == canonical(data["url"])


def listing(things, after=None):
    children = [{"kind": "t3", "data": thing} for thing in things]
    return {"kind": "Listing", "data": {"children": children, "after": after, "before": None}}


def submission(native, url="https://example.com/a", at=1_790_000_000, **more):
    return {
        "id": native, "name": f"t3_{native}", "url": url, "title": "A title", "author": "somebody",
        "subreddit": "made_up", "score": 5, "num_comments": 2, "created_utc": float(at),
        "created": at + 28800.0, "selftext": "", "removed_by_category": None, **more,
    }  # fmt: skip


def reddit(answer):
    """A server that gives a token, and ``answer`` to all else."""
    return loopback(lambda r: (200, {}, TOKEN) if r.path.endswith("access_token") else answer(r))


@pytest.mark.parametrize("which", ["new", "top"])
def test_a_recorded_site_listing_comes_out_record_by_record(shared, keys, which):
    ask = site_ask("youtube.com")
    names = [f"reddit/praw_cassettes/TestDomainListing.test_{name}.json" for name in (which, "rising")]
    recordings = answers(shared, *names)
    # rising was recorded empty: it stands in for the listing this cassette lacks
    other = {"new": "top", "top": "new"}[which]
    empty = next(v for k, v in recordings.items() if k[1].endswith("rising"))
    recordings["GET", f"/domain/youtube.com/{other}", (("limit", "100"), ("raw_json", "1"))] = empty
    with replay(shared, recordings) as url:
        keys(url)
        desk = session("reddit", Still(datetime(2016, 11, 16, tzinfo=UTC)))
        batches = fetch("reddit", [ask], desk)
    check(batches, recorded(shared, f"TestDomainListing.test_{which}.json"))


def test_a_recorded_search_for_a_url_comes_out_record_by_record(shared, keys):
    submissions = recorded(shared, "TestReddit.test_info_url.json")
    recordings = answers(shared, "reddit/praw_cassettes/TestReddit.test_info_url.json")
    (answer,) = [v for k, v in recordings.items() if k[1] == "/api/info"]
    # recorded for "youtube.com", which Reddit takes for every spelling of that address
    recordings["GET", "/api/info", (("raw_json", "1"), ("url", canonical("http://youtube.com")))] = answer
    with replay(shared, recordings) as url:
        keys(url)
        desk = session("reddit")
        batches = fetch("reddit", [url_ask("http://youtube.com")], desk)
    assert not desk.answered  # /duplicates was not recorded, so the count of submissions is unknown
    same = [data for data in submissions if canonical(data["url"]) == canonical("http://youtube.com")]
    assert len(same) >= 20
    check(batches, same)


def test_recorded_duplicates_of_a_url_are_found(shared, keys):
    found = recorded(shared, "TestSubmission.test_duplicates.json")
    first = submission("avj2v", found[0]["url"])
    with replay(shared, answers(shared, "reddit/praw_cassettes/TestSubmission.test_duplicates.json")) as url:

        def forward(request):
            import urllib.request

            if "info" in request.path:
                return 200, {}, listing([first])
            with urllib.request.urlopen(f"{url}{request.path}?limit=100&raw_json=1") as answer:
                return 200, {}, answer.read()

        with reddit(forward) as own:
            keys(own.url)
            batches = fetch("reddit", [url_ask(found[0]["url"])], session("reddit"))
    dupes = [d for d in found if canonical(d["url"]) == canonical(found[0]["url"]) and d["id"] != "avj2v"]
    check(batches, [first, *dupes])
    assert len(dupes) >= 3


def test_recorded_items_are_read_again_and_what_is_missing_or_deleted_is_gone(shared, keys):
    known = {data["id"]: data for data in recorded(shared, "TestReddit.test_info.json")}
    ids = [f"5dec{n:02d}" for n in range(100)]

    def answer(request):
        names = request.query["id"].split(",")
        assert len(names) <= 100
        return 200, {}, listing([known[n[3:]] for n in names if n[3:] in known])

    with reddit(answer) as own:
        keys(own.url)
        batches = fetch("reddit", [Ask("item", n, "c" * 16) for n in ids], session("reddit"))
        assert own.paths().count("/api/info") == 1
    gone = {g["item_id"] for g in rows(batches, "gone")}
    deleted = {n for n, d in known.items() if d["author"] == "[deleted]" or d["selftext"] == "[deleted]"}
    assert gone == (set(ids) - set(known)) | deleted
    readings = {(r["item_id"], r["metric"]): r["value"] for r in rows(batches, "readings")}
    alive = set(known) - deleted
    assert readings == {(n, "score"): known[n]["score"] for n in alive} | {
        (n, "comments"): known[n]["num_comments"] for n in alive
    }


def test_deleted_by_todays_fields(keys):
    things = [
        submission("aa", removed_by_category="deleted", author="[deleted]"),
        submission("bb", removed_by_category="moderator"),
        submission("cc", author="[deleted]"),  # the account went, the submission stands
    ]
    with reddit(lambda r: (200, {}, listing(things))) as own:
        keys(own.url)
        batches = fetch("reddit", [Ask("item", n, "c" * 16) for n in ("aa", "bb", "cc")], session("reddit"))
    assert [g["item_id"] for g in rows(batches, "gone")] == ["aa"]
    assert {r["item_id"] for r in rows(batches, "readings")} == {"bb", "cc"}


def test_an_empty_listing_is_an_answer(keys):
    with reddit(lambda r: (200, {}, listing([]))) as own:
        keys(own.url)
        desk = session("reddit")
        ask = site_ask("example.com")
        batches = fetch("reddit", [ask], desk)
    assert rows(batches, "events") == []
    assert ask in desk.answered


def test_no_attribute_is_fetched_one_by_one_and_pages_follow_on(keys):
    things = [submission(f"x{n}", f"https://example.com/{n}", 1_790_000_000 - n) for n in range(250)]

    def answer(request):
        start = int(request.query.get("after", "t3_x-1")[4:]) + 1
        page = things[start : start + 100]
        after = page[-1]["name"] if start + 100 < len(things) else None
        return 200, {}, listing(page, after) if "/new" in request.path else listing([])

    with reddit(answer) as own:
        keys(own.url)
        desk = session("reddit", Still(datetime(2026, 9, 22, tzinfo=UTC)))
        batches = fetch("reddit", [site_ask("example.com")], desk)
        assert [p for p in own.paths() if "token" not in p] == ["/domain/example.com/new"] * 3 + [
            "/domain/example.com/top"
        ]
        check(batches, things)
        asked = len(own.requests)
        fetch("reddit", [site_ask("example.com")], desk)  # a second look: only until the first one's place
        assert len(own.requests) - asked == 2  # token, one page


def test_nothing_older_than_since_is_kept(keys):
    things = [submission(f"x{n}", at=1_790_000_000 - 86400 * n) for n in range(10)]
    with reddit(lambda r: (200, {}, listing(things))) as own:
        keys(own.url)
        since = datetime.fromtimestamp(1_790_000_000, UTC) - timedelta(days=3)
        batches = fetch("reddit", [site_ask("example.com", since=since)], session("reddit"))
    assert {e["event_id"] for e in rows(batches, "events")} == {f"reddit:x{n}" for n in range(4)}


def test_without_a_key_it_is_not_configured_and_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv("VIRALITY_REDDIT_CLIENT_ID", raising=False)
    with pytest.raises(Unknown) as caught:
        fetch("reddit", [url_ask("https://example.com/a")], session("reddit"))
    assert caught.value.status == "not_configured"
    assert "VIRALITY_REDDIT_CLIENT_ID" in caught.value.reason
    assert "reddit.com/prefs/apps" in caught.value.reason


@pytest.mark.parametrize(
    ("code", "headers", "status"),
    [
        (401, {}, "blocked"), (403, {}, "blocked"), (402, {}, "over_budget"), (404, {}, "failed"),
        (410, {}, "withdrawn"), (429, {}, "rate_limited"), (429, {"Retry-After": "7"}, "rate_limited"),
        (500, {}, "failed"), (503, {}, "failed"),
    ],
)  # fmt: skip
def test_refusals_become_unknown_with_their_reason(keys, code, headers, status):
    with reddit(lambda r: (code, headers, {"error": code})) as own:
        keys(own.url)
        desk = session("reddit")
        ask = url_ask("https://example.com/a")
        try:
            fetch("reddit", [ask], desk)
            error = desk.failed[ask]
        except Unknown as unknown:
            error = unknown
    assert error.status == status, (error.reason, own.paths())
    assert "made-up" not in error.reason
    if "Retry-After" in headers:
        assert error.retry_after == 7


@pytest.mark.parametrize(
    "body", [b'{"kind": "Listing", "data": {"chil', b'{"kind": "Listing", "data": {}}', b"[]"]
)
def test_broken_and_changed_answers_are_failed(keys, body):
    with reddit(lambda r: (200, {}, body)) as own:
        keys(own.url)
        desk = session("reddit")
        ask = url_ask("https://example.com/a")
        try:
            batches = fetch("reddit", [ask], desk)
            error = desk.failed[ask]
            assert rows(batches, "readings") == []
        except Unknown as unknown:
            error = unknown
    assert error.status == "failed"


def test_an_exhausted_window_is_waited_for_and_said(keys):
    told = []
    clock = Still()

    def answer(request):
        remaining = "0.0" if len(own.requests) == 2 else "50.0"
        limits = {"x-ratelimit-remaining": remaining, "x-ratelimit-used": "9", "x-ratelimit-reset": "33"}
        return (
            200,
            limits,
            listing([submission("aa")]) if "info" in request.path else [listing([]), listing([])],
        )

    with reddit(answer) as own:
        keys(own.url)
        desk = session("reddit", clock, tell=lambda event, **fields: told.append((event, fields)))
        fetch("reddit", [url_ask("https://example.com/a")], desk)
    assert clock.naps == [33.0]
    assert told[0][0] == "waiting"


def test_told_to_come_back_it_waits_and_goes_on(keys):
    clock = Still()

    def answer(request):
        if own.paths().count("/api/info") == 1:
            return 429, {"Retry-After": "12"}, {}
        return 200, {}, listing([])

    with reddit(answer) as own:
        keys(own.url)
        desk = session("reddit", clock)
        ask = url_ask("https://example.com/a")
        fetch("reddit", [ask], desk)
    assert clock.naps == [12.0]
    assert ask in desk.answered


def test_down_it_is_not_asked_a_thousand_times(keys):
    with reddit(lambda r: (503, {}, {})) as own:
        keys(own.url)
        asks = [url_ask(f"https://example.com/{n}") for n in range(1000)]
        with pytest.raises(Unknown, match="503"):
            fetch("reddit", asks, session("reddit"))
        assert own.paths().count("/api/info") == 9
