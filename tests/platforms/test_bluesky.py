"""Bluesky through atproto on loopback: recorded posts, likes and quotes, and the live stream."""

import itertools
import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from atproto_subscription import websocket as subscription
from fakes import Still, fetch, rows, session, site_ask, url_ask
from loopback import answers, loopback
from websockets.sync.server import serve as websocket

from analysis.actors import actor_hash
from analysis.platforms import modules
from analysis.platforms.bluesky import records, stream
from analysis.platforms.contract import Ask, Unknown
from analysis.platforms.rows import merged
from analysis.store import Store
from analysis.tables import TABLES, conform
from analysis.urls import content_id

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOGIN = {
    "did": "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    "handle": "me.example",
    "active": True,
    "accessJwt": "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.",
    "refreshJwt": "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.",
}


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("VIRALITY_BLUESKY_HANDLE", "me.example")
    monkeypatch.setenv("VIRALITY_BLUESKY_APP_PASSWORD", "marked-password")


@pytest.fixture
def recorded(shared, monkeypatch):
    """Serve a recording for whatever query is asked of its method; gives the fetch and the decoded bodies."""

    def start(asks, **methods):
        bodies, raw = {}, {}
        for method, name in methods.items():
            if name is None:
                body = json.dumps({"likes": [], "posts": []}).encode()
            else:
                (recording,) = answers(shared, f"bluesky/bskyr_vcr/{name}.yml").values()
                body = recording[0][2]
            bodies[method] = json.loads(body)
            # one recorded page is all there is
            last = {k: v for k, v in bodies[method].items() if k != "cursor"}
            raw[f"/xrpc/app.bsky.feed.{method}"] = json.dumps(last).encode()

        def serve(request):
            login = request.path.endswith("createSession")
            return 200, {}, json.dumps(LOGIN).encode() if login else raw[request.path]

        with loopback(serve) as server:
            monkeypatch.setenv("VIRALITY_BLUESKY_BASE_URL", server.url)
            desk = session("bluesky", Still(NOW))
            return fetch("bluesky", asks, desk), bodies, desk

    return start


def at(text):
    return datetime.fromisoformat(text)


def check(batches):
    whole = merged(batches)
    for table in TABLES.values():
        conform(getattr(whole, table.name), table)


def test_every_recorded_post_of_a_search(recorded):
    ask = url_ask("https://example.com/a")
    batches, bodies, desk = recorded([ask], searchPosts="f_search", getLikes=None, getQuotes=None)
    check(batches)
    posts = bodies["searchPosts"]["posts"]
    assert len(posts) == 25
    events = rows(batches, "events")
    assert len(events) == 25
    for event, post in zip(events, posts, strict=True):
        did = post["author"]["did"]
        assert (
            event["event_id"] == f"bluesky:post:{actor_hash('bluesky', did)}/{post['uri'].rpartition('/')[2]}"
        )
        assert event["actor"] == actor_hash("bluesky", did)
        assert event["occurred_at"] == min(at(post["record"]["createdAt"]), at(post["indexedAt"])).replace(
            microsecond=event["occurred_at"].microsecond
        )
        reply, embed = "reply" in post["record"], post["record"].get("embed", {}).get("$type", "")
        assert event["kind"] == (
            "reply" if reply else "quote" if embed.startswith("app.bsky.embed.record") else "submission"
        )
    readings = {(r["item_id"], r["metric"]): r["value"] for r in rows(batches, "readings")}
    for event, post in zip(events, posts, strict=True):
        item = event["event_id"].removeprefix("bluesky:")
        for name, metric in (
            ("likeCount", "likes"),
            ("repostCount", "reposts"),
            ("replyCount", "replies"),
            ("quoteCount", "quotes"),
        ):
            assert readings[item, metric] == post[name]
    assert readings[ask.content_id, "submissions"] == 25
    everything = str([getattr(b, t).to_dict() for b in batches for t in TABLES]) + str(desk.places)
    for post in posts:
        assert post["author"]["did"] not in everything
        assert post["author"]["handle"] not in everything
    assert ask in desk.answered


def test_every_recorded_like(recorded):
    batches, bodies, _ = recorded(
        [url_ask("https://example.com/a")], searchPosts="f_search", getLikes="f_postlikes", getQuotes=None
    )
    liked = [p for p in bodies["searchPosts"]["posts"] if p["likeCount"]]
    likes = bodies["getLikes"]["likes"]
    assert len(likes) > 0
    found = [e for e in rows(batches, "events") if e["kind"] == "like"]
    assert len(found) == len(liked) * len(likes)  # the recording answers for every post
    for event, like in zip(found, likes, strict=False):
        assert event["actor"] == actor_hash("bluesky", like["actor"]["did"])
        assert event["occurred_at"] == min(at(like["createdAt"]), at(like["indexedAt"]))
        assert event["parent_id"].startswith("bluesky:post:")


def test_every_recorded_quote(recorded):
    batches, bodies, _ = recorded(
        [url_ask("https://example.com/a")], searchPosts="f_search", getLikes=None, getQuotes="f_getquotes"
    )
    quotes = bodies["getQuotes"]["posts"]
    if not any(p["quoteCount"] for p in bodies["searchPosts"]["posts"]):
        pytest.skip("the recorded search has no quoted post")
    found = {e["event_id"]: e for e in rows(batches, "events") if e["kind"] == "quote"}
    for quote in quotes:
        did, rkey = quote["author"]["did"], quote["uri"].rpartition("/")[2]
        assert f"bluesky:post:{actor_hash('bluesky', did)}/{rkey}" in found


def test_a_recorded_feed_of_an_own_account(recorded):
    ask = Ask("account", "me.example", account_kind="business")
    batches, bodies, _ = recorded([ask], getAuthorFeed="f_autfeed", getLikes=None, getQuotes=None)
    check(batches)
    feed = bodies["getAuthorFeed"]["feed"]
    assert len(feed) == 50
    events = rows(batches, "events")
    reposts = [f for f in feed if str((f.get("reason") or {}).get("$type", "")).endswith("reasonRepost")]
    pinned = [f for f in feed if f.get("reason") and f not in reposts]
    assert len([e for e in events if e["kind"] == "repost"]) == len(reposts)
    assert len(events) == len(feed) - len(pinned)
    assert {r["observer"] for r in rows(batches, "readings")} == {"bluesky appview business"}


@pytest.mark.parametrize("name", ["f_feedfeed", "f_getlikes"])
def test_posts_of_other_recorded_feeds(recorded, name):
    batches, bodies, _ = recorded(
        [Ask("account", "me.example")], getAuthorFeed=name, getLikes=None, getQuotes=None
    )
    check(batches)
    plain = [entry["post"] for entry in bodies["getAuthorFeed"]["feed"] if not entry.get("reason")]
    ids = [f"bluesky:{records.native(session('bluesky'), post['uri'])}" for post in plain]
    found = [e["event_id"] for e in rows(batches, "events") if e["kind"] != "repost"]
    assert plain
    assert found == ids
    assert rows(batches, "set_aside") == []


def test_recorded_posts_by_their_uri(recorded):
    batches, bodies, _ = recorded(
        [site_ask("rstats.ai")], searchPosts="f_getposts", getLikes=None, getQuotes=None
    )
    check(batches)
    (post_,) = bodies["searchPosts"]["posts"]
    (event,) = rows(batches, "events")
    # the post carries two links, and the one inside the site is its content
    assert event["content_id"] == content_id("https://rstats.ai/gov.html")
    values = {r["metric"]: r["value"] for r in rows(batches, "readings")}
    assert values["likes"] == post_["likeCount"]


# -- made-up answers ----------------------------------------------------------------------------


def post(
    n,
    likes=0,
    quotes=0,
    created="2026-10-31T10:00:00.000Z",
    indexed="2026-10-31T10:00:01.000Z",
    url="https://example.com/a",
):
    return {
        "uri": f"at://did:plc:author{n}/app.bsky.feed.post/key{n}",
        "cid": "x",
        "indexedAt": indexed,
        "author": {"did": f"did:plc:author{n}", "handle": f"author{n}.example"},
        "record": {
            "$type": "app.bsky.feed.post",
            "createdAt": created,
            "text": "words nobody keeps",
            "embed": {
                "$type": "app.bsky.embed.external",
                "external": {"uri": url, "title": "t", "description": ""},
            },
        },
        "likeCount": likes,
        "repostCount": 0,
        "replyCount": 0,
        "quoteCount": quotes,
    }


def like(n, hour=11):
    stamp = f"2026-10-31T{hour:02}:{n // 60:02}:{n % 60:02}.000Z"
    return {
        "actor": {"did": f"did:plc:fan{n}", "handle": f"fan{n}.example"},
        "createdAt": stamp,
        "indexedAt": stamp,
    }


@pytest.fixture
def serve(monkeypatch):
    opened = []

    def start(answer):
        def whole(request):
            if request.path.endswith("createSession"):
                return 200, {}, LOGIN
            return answer(request)

        server = loopback(whole)
        opened.append(server)
        state = server.__enter__()
        monkeypatch.setenv("VIRALITY_BLUESKY_BASE_URL", state.url)
        return state

    yield start
    for server in opened:
        server.__exit__(None, None, None)


def paged(items, name):
    def answer(request):
        start = int(request.query.get("cursor", 0))
        more = {"cursor": str(start + 100)} if start + 100 < len(items) else {}
        return 200, {}, {name: items[start : start + 100], **more}

    return answer


def test_posts_over_many_pages(serve):
    server = serve(paged([post(n) for n in range(2_000)], "posts"))
    ask = url_ask("https://example.com/a")
    batches = fetch("bluesky", [ask], session("bluesky", Still(NOW)))
    assert len({e["event_id"] for e in rows(batches, "events")}) == 2_000
    searches = [r for r in server.requests if r.path.endswith("searchPosts")]
    assert len(searches) == 20
    assert searches[0].query["url"] == "https://example.com/a"
    assert searches[0].query["sort"] == "latest"
    assert searches[0].headers["user-agent"].startswith("virality/")
    (count,) = [r["value"] for r in rows(batches, "readings") if r["metric"] == "submissions"]
    assert count == 2_000


def test_likes_are_asked_for_only_back_to_the_last_look(serve):
    likes = [like(n) for n in range(250, 0, -1)]

    def answer(request):
        if request.path.endswith("getLikes"):
            return paged(likes, "likes")(request)
        return 200, {}, {"posts": [post(1, likes=len(likes))]}

    server = serve(answer)
    desk = session("bluesky", Still(NOW))
    first = fetch("bluesky", [url_ask("https://example.com/a")], desk)
    assert len([e for e in rows(first, "events") if e["kind"] == "like"]) == 250
    server.requests.clear()
    again = session("bluesky", Still(NOW))
    again.places.update(desk.places)
    fetch("bluesky", [url_ask("https://example.com/a")], again)
    assert len([r for r in server.requests if r.path.endswith("getLikes")]) == 1


def test_a_date_from_the_future_is_bounded_by_who_saw_it(serve):
    serve(
        lambda request: (
            200,
            {},
            {
                "posts": [
                    post(1, created="2031-01-01T00:00:00Z"),
                    post(2, created="not a date"),
                    post(3, created="2026-10-30T00:00:00Z"),
                ]
            },
        )
    )
    events = rows(
        fetch("bluesky", [url_ask("https://example.com/a")], session("bluesky", Still(NOW))), "events"
    )
    seen = datetime(2026, 10, 31, 10, 0, 1, tzinfo=UTC)
    assert [e["occurred_at"] for e in events] == [seen, seen, datetime(2026, 10, 30, tzinfo=UTC)]


def test_a_site_gives_each_post_its_own_link(serve):
    server = serve(
        lambda request: (
            200,
            {},
            {"posts": [post(1, url="https://example.com/x"), post(2, url="https://other.example/y")]},
        )
    )
    ask = site_ask("example.com")
    batches = fetch("bluesky", [ask], session("bluesky", Still(NOW)))
    assert server.requests[1].query["domain"] == "example.com"
    keys = [e["content_id"] for e in rows(batches, "events")]
    assert keys == [content_id("https://example.com/x"), content_id("https://example.com/")]


def test_links_of_a_record():
    record = {
        "embed": {
            "$type": "app.bsky.embed.recordWithMedia",
            "media": {"external": {"uri": "https://a.example/1"}},
            "record": {"record": {"uri": "at://did:plc:x/app.bsky.feed.post/1"}},
        },
        "facets": [
            {"features": [{"uri": "https://b.example/2"}, {"tag": "x"}]},
            {"features": [{"uri": "mailto:a@b"}]},
        ],
    }
    assert records.links(record) == ["https://a.example/1", "https://b.example/2"]
    assert records.quoted(record) == "at://did:plc:x/app.bsky.feed.post/1"
    assert records.kind_of(record) == "quote"


# -- the live stream ----------------------------------------------------------------------------


def v2(event, seq):
    """An event of the older framing in the newer one, as the server writes it."""
    time = datetime.fromtimestamp(event["time_us"] / 1e6, UTC).isoformat().replace("+00:00", "Z")
    payload = {
        "$type": f"network.bsky.jetstream.subscribeEvents#{event['kind']}",
        "seq": seq,
        "did": event["did"],
        "time": time,
    }
    payload |= event["commit"] if event["kind"] == "commit" else {event["kind"]: event[event["kind"]]}
    return json.dumps({"$type": "message", "payload": payload})


class Jetstream:
    """A server that sends frames from a cursor on, then closes; a frame is (seq, text)."""

    def __init__(self):
        self.frames, self.asked, self.done = [], [], threading.Event()
        self.silence = 0  # seconds before the first frame

    def __call__(self, connection):
        path = connection.request.path
        self.asked.append(path)
        cursor = int(path.partition("cursor=")[2].partition("&")[0] or 0)
        if self.done.wait(self.silence):
            return
        for seq, text in self.frames:
            if seq >= cursor:
                connection.send(text)


@pytest.fixture
def jetstream(monkeypatch):
    state = Jetstream()
    with websocket(state, "127.0.0.1", 0, subprotocols=["xrpc.v1.json"]) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.socket.getsockname()[1]
        monkeypatch.setenv("VIRALITY_BLUESKY_STREAM_URL", f"ws://127.0.0.1:{port}/xrpc")
        monkeypatch.setenv("VIRALITY_BLUESKY_COMPRESS", "no")
        yield state
        state.done.set()
        server.shutdown()
        thread.join(timeout=5)


def follow(asks, places=None, seconds=60, idle=60):
    """What comes until the server closes: no machine is so slow that the seconds matter."""
    desk = session("bluesky", Still(NOW))
    desk.places.update(places or {})
    return list(stream.follow(asks, desk, seconds=seconds, idle=idle)), desk


def commit(
    n, operation="create", collection="app.bsky.feed.like", record=None, did=None, rkey=None, seconds=0
):
    event = {
        "did": did or f"did:plc:fan{n}",
        "time_us": 1_793_500_000_000_000 + n * 1_000_000,
        "kind": "commit",
        "commit": {
            "rev": "3mptbypluud2a",
            "operation": operation,
            "collection": collection,
            "rkey": rkey or f"3key{n}",
        },
    }
    if record:
        event["commit"] |= {
            "record": {"$type": collection, "createdAt": "2026-11-01T00:00:00Z", **record},
            "cid": "bafyreigdvhg5ugxpa5tkh5ydedvjolhnmd4jxjrhtcaqkjv4fv3dquqvzq",
        }
    return event


def link(n, url="https://example.com/a"):
    external = {
        "$type": "app.bsky.embed.external",
        "external": {"uri": url, "title": "t", "description": "d"},
    }
    return commit(
        n, collection="app.bsky.feed.post", record={"text": "words nobody keeps", "embed": external}
    )


def liked(n, of, collection="app.bsky.feed.like"):
    return commit(
        n,
        collection=collection,
        record={
            "subject": {
                "uri": f"at://did:plc:fan{of}/app.bsky.feed.post/3key{of}",
                "cid": "bafyreigdvhg5ugxpa5tkh5ydedvjolhnmd4jxjrhtcaqkjv4fv3dquqvzq",
            }
        },
    )


def test_every_recorded_event_passes_and_those_watched_are_kept(shared, jetstream):
    lines = (shared / "payloads/bluesky/jetstream/expected_v1.jsonl").read_text().splitlines()
    recorded_ = [json.loads(line) for line in lines]
    assert len(recorded_) == 152
    jetstream.frames = [(n, v2(event, n)) for n, event in enumerate(recorded_, 1)]
    posts = [
        e
        for e in recorded_
        if e.get("commit", {}).get("collection") == "app.bsky.feed.post" and "record" in e["commit"]
    ]
    carried = {url: e for e in posts for url in records.links(e["commit"]["record"])}
    assert carried
    subjects = [
        e["commit"]["record"]["subject"]["uri"]
        for e in recorded_
        if e.get("commit", {}).get("collection", "").endswith((".like", ".repost"))
    ]
    assert len(subjects) == 120
    # every post that is liked or reposted is one we know
    desk = session("bluesky", Still(NOW))
    places = {f"post {records.native(desk, uri)}": "0123456789abcdef" for uri in subjects}
    batches, desk = follow([url_ask(url) for url in carried], places)
    check(batches)
    kinds = [e["kind"] for e in rows(batches, "events")]
    assert (kinds.count("like"), kinds.count("repost")) == (105, 15)
    assert len(kinds) - 120 == len({e["commit"]["rkey"] for e in carried.values()})
    assert desk.places[stream.CURSOR] == "152"
    assert stream.UNDECODABLE not in desk.places
    witnessed = {(actor_hash("bluesky", e["did"]), e["time_us"]) for e in recorded_}
    for event in rows(batches, "events"):
        assert (event["actor"], round(event["observed_at"].timestamp() * 1e6)) in witnessed
        assert event["occurred_at"] <= event["observed_at"]
    everything = str([getattr(b, t).to_dict() for b in batches for t in TABLES]) + str(desk.places)
    assert not any(e["did"] in everything for e in recorded_)


def test_what_nobody_watches_leaves_no_trace(shared, jetstream):
    lines = (shared / "payloads/bluesky/jetstream/expected_v1.jsonl").read_text().splitlines()
    jetstream.frames = [(n, v2(json.loads(line), n)) for n, line in enumerate(lines, 1)]
    batches, desk = follow([url_ask("https://example.com/a")])
    assert batches == []
    assert desk.places[stream.CURSOR] == "152"


def test_frames_that_cannot_be_decoded_are_counted(jetstream):
    odd = json.dumps(
        {"$type": "message", "payload": {"$type": "network.bsky.jetstream.subscribeEvents#new", "seq": 3}}
    )
    jetstream.frames = [(1, v2(link(1), 1)), (2, "{broken"), (3, odd), (4, v2(liked(4, of=1), 4))]
    batches, desk = follow([url_ask("https://example.com/a")])
    assert [e["kind"] for e in rows(batches, "events")] == ["submission", "like"]
    assert desk.places[stream.UNDECODABLE] == "2"
    assert len(rows(batches, "set_aside")) == 2


def test_a_stopped_run_goes_on_where_it_stood(jetstream):
    jetstream.frames = [(n, v2(event, n)) for n, event in enumerate([link(1), liked(2, of=1)], 1)]
    first, desk = follow([url_ask("https://example.com/a")])
    jetstream.frames += [(3, v2(liked(3, of=1), 3))]
    second, after = follow([], desk.places)  # nothing is due now, and the stream is still watched
    assert "cursor=2" in jetstream.asked[1]
    assert len(rows(first, "events")) == 2
    # the server repeats what the cursor names; its id is the same
    assert len({e["event_id"] for e in rows(first, "events") + rows(second, "events")}) == 3
    assert after.places[stream.CURSOR] == "3"


def test_an_open_stream_that_stays_silent_is_at_its_tip(jetstream):
    jetstream.frames, jetstream.silence = [(1, v2(link(1), 1))], 20
    batches, desk = follow([url_ask("https://example.com/a")], idle=0.1)
    assert batches == []
    assert stream.CURSOR not in desk.places
    assert len(jetstream.asked) == 1


@pytest.fixture
def tried_again_at_once(monkeypatch):
    monkeypatch.setattr(subscription.WebsocketClientBase, "_get_reconnection_delay", lambda self: 0.01)


@pytest.mark.usefixtures("tried_again_at_once")
def test_a_stream_that_opens_late_is_not_silent(jetstream, monkeypatch):
    waits = [TimeoutError(), ConnectionRefusedError()]

    def slow(*words, **options):
        if waits:
            raise waits.pop()
        return connect(*words, **options)

    connect = subscription.connect
    monkeypatch.setattr(subscription, "connect", slow)
    jetstream.frames = [(1, v2(link(1), 1))]
    batches, _ = follow([url_ask("https://example.com/a")])
    assert [e["kind"] for e in rows(batches, "events")] == ["submission"]


@pytest.mark.usefixtures("tried_again_at_once")
def test_a_stream_that_never_opens_is_unknown(monkeypatch):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        monkeypatch.setenv("VIRALITY_BLUESKY_STREAM_URL", f"ws://127.0.0.1:{port}/xrpc")
        with pytest.raises(Unknown, match=r"not opened within 0\.5 s"):
            follow([url_ask("https://example.com/a")], seconds=0.5, idle=0.1)


def test_what_a_short_window_leaves_comes_in_the_next(jetstream, monkeypatch):
    jetstream.frames = [(n, v2(link(n), n)) for n in range(1, 101)]
    ask = url_ask("https://example.com/a")
    ticks = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(stream, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
        first, desk = follow([ask])
    seen = len(rows(first, "events"))
    assert 0 < seen < 100
    assert desk.places[stream.CURSOR] == str(seen)
    second, _ = follow([ask], desk.places)
    assert len({e["event_id"] for e in rows(first, "events") + rows(second, "events")}) == 100


def test_deletes_are_applied(jetstream, tmp_path):
    undo = commit(2, operation="delete")
    gone = commit(1, operation="delete", collection="app.bsky.feed.post")
    jetstream.frames = [
        (n, v2(event, n))
        for n, event in enumerate(
            [
                link(1),
                liked(2, of=1),
                liked(3, of=1),
                undo,
                liked(5, of=1, collection="app.bsky.feed.repost"),
            ],
            1,
        )
    ]
    ask = url_ask("https://example.com/a")
    store = Store.open(str(tmp_path / "store"))
    batches, desk = follow([ask])
    for batch in batches:
        store.append_batch(batch)
    assert sorted(store.read("events")["kind"]) == ["like", "repost", "submission"]
    jetstream.frames += [(6, v2(gone, 6))]
    batches, desk = follow([ask], desk.places)
    for batch in batches:
        store.append_batch(batch)
    # the store forgets what answered a deleted post along with it
    assert len(store.read("events")) == 0


def test_liked_taken_back_and_liked_again_is_liked(jetstream, tmp_path):
    once = liked(2, of=1)
    again = json.loads(json.dumps(once))
    again["commit"]["rkey"] = "3other"
    jetstream.frames = [
        (n, v2(e, n)) for n, e in enumerate([link(1), once, commit(2, operation="delete"), again], 1)
    ]
    store = Store.open(str(tmp_path / "store"))
    for batch in follow([url_ask("https://example.com/a")])[0]:
        store.append_batch(batch)
    assert sorted(store.read("events")["kind"]) == ["like", "submission"]


def test_a_deleted_account_takes_its_acts_along(jetstream):
    state = {
        "did": "did:plc:fan2",
        "seq": 1,
        "time": "2026-11-01T00:00:00Z",
        "active": False,
        "status": "deleted",
    }
    event = {"did": "did:plc:fan2", "time_us": 1_793_500_900_000_000, "kind": "account", "account": state}
    jetstream.frames = [
        (n, v2(e, n)) for n, e in enumerate([link(1), liked(2, of=1), liked(3, of=1), event], 1)
    ]
    batches, _ = follow([url_ask("https://example.com/a")])
    (one,) = rows(batches, "gone")
    fan = next(e for e in rows(batches, "events") if e["actor"] == actor_hash("bluesky", "did:plc:fan2"))
    assert f"bluesky:{one['item_id']}" == fan["event_id"]


def test_search_and_stream_know_a_like_by_the_same_id(serve, jetstream):
    subject = "at://did:plc:fan1/app.bsky.feed.post/3key1"
    one = post(1, likes=1) | {"uri": subject, "author": {"did": "did:plc:fan1", "handle": "x"}}
    fan = like(2) | {"actor": {"did": "did:plc:fan2", "handle": "x"}}
    serve(
        lambda request: (200, {}, {"likes": [fan]} if request.path.endswith("getLikes") else {"posts": [one]})
    )
    jetstream.frames = [(1, v2(liked(2, of=1), 1))]
    desk = session("bluesky", Still(NOW))
    searched = fetch("bluesky", [url_ask("https://example.com/a")], desk)
    streamed, _ = follow([url_ask("https://example.com/a")], desk.places)
    ids = [{e["event_id"] for e in rows(b, "events") if e["kind"] == "like"} for b in (searched, streamed)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 1


def test_a_url_that_is_not_due_in_a_run_is_watched_all_the_same_for_a_month(jetstream):
    first, other = (url_ask(f"https://example.com/{name}") for name in "ab")
    _, desk = follow([first])
    jetstream.frames = [(1, v2(link(1, "https://example.com/a"), 1))]
    batches, desk = follow([other], desk.places)
    assert [e["content_id"] for e in rows(batches, "events")] == [content_id("https://example.com/a")]
    jetstream.frames.append((2, v2(link(2, "https://example.com/a"), 2)))
    late = session("bluesky", Still(NOW + timedelta(days=32)))
    late.places.update(desk.places)
    assert rows(list(stream.follow([other], late, seconds=60, idle=60)), "events") == []


def test_the_stream_runs_without_a_key(jetstream, monkeypatch):
    monkeypatch.delenv("VIRALITY_BLUESKY_APP_PASSWORD")
    monkeypatch.setenv("VIRALITY_BLUESKY_LIVE", "60")
    jetstream.frames = [(1, v2(link(1), 1))]
    desk = session("bluesky", Still(NOW))
    seen = []
    with pytest.raises(Unknown, match="not_configured"):
        seen.extend(modules()["bluesky"].fetch([url_ask("https://example.com/a")], desk))
    assert [e["kind"] for e in rows(seen, "events")] == ["submission"]
