"""YouTube on loopback: fifty videos a request, hidden counters, uploads of a channel, what is gone."""

from datetime import UTC, datetime

import pytest
from fakes import Still, fetch, rows, session, url_ask
from loopback import loopback

from analysis.platforms.contract import Ask
from analysis.platforms.youtube import takes, video

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def item(native, views="100", published="2026-09-20T10:00:00Z", **statistics):
    numbers = {"viewCount": views, "likeCount": "7", "commentCount": "0", **statistics}
    return {
        "id": native,
        "snippet": {"title": f"Video {native}", "publishedAt": published, "channelId": "UC" + "a" * 22},
        "statistics": {k: v for k, v in numbers.items() if v is not None},
    }


@pytest.fixture
def server(monkeypatch):
    videos = {}

    def answer(request):
        if request.path == "/videos":
            asked = request.query["id"].split(",")
            assert len(asked) <= 50
            return 200, {}, {"items": [videos[v] for v in asked if v in videos]}
        if request.path == "/channels":
            return 200, {}, {"items": [{"contentDetails": {"relatedPlaylists": {"uploads": "UU1"}}}]}
        start = int(request.query.get("pageToken") or 0)
        page = list(videos)[start : start + 50]
        after = {"nextPageToken": str(start + 50)} if start + 50 < len(videos) else {}
        return 200, {}, {"items": [{"contentDetails": {"videoId": v}} for v in page], **after}

    with loopback(answer) as state:
        monkeypatch.setenv("VIRALITY_YOUTUBE_BASE_URL", state.url)
        monkeypatch.setenv("VIRALITY_YOUTUBE_API_KEY", "made-up-key")
        state.videos = videos
        yield state


@pytest.mark.parametrize(
    ("url", "native"),
    [
        ("https://www.youtube.com/watch?v=abcdefghijk&t=3s", "abcdefghijk"),
        ("https://youtu.be/abcdefghijk", "abcdefghijk"),
        ("https://m.youtube.com/shorts/abcdefghijk", "abcdefghijk"),
        ("https://www.youtube.com/@somebody", None),
        ("https://example.com/watch?v=abcdefghijk", None),
    ],
)
def test_which_urls_show_a_video(url, native):
    assert video(url) == native
    assert takes(url_ask(url)) == (native is not None)


def test_counters_are_read_hidden_ones_are_suppressed_and_missing_videos_are_gone(server):
    server.videos["abcdefghijk"] = item("abcdefghijk", likeCount=None)
    url = url_ask("https://www.youtube.com/watch?v=abcdefghijk")
    lost = Ask("item", "kkkkkkkkkkk", "d" * 16)
    batches = fetch("youtube", [url, lost], session("youtube"))
    readings = {r["metric"]: (r["value"], r["status"]) for r in rows(batches, "readings")}
    assert readings["views"] == (100.0, "observed")
    assert readings["comments"] == (0.0, "observed")
    assert readings["likes"][1] == "suppressed"
    assert [g["item_id"] for g in rows(batches, "gone")] == ["kkkkkkkkkkk"]
    (content,) = rows(batches, "content")
    assert content["published_at"] == datetime(2026, 9, 20, 10, tzinfo=UTC)
    assert server.requests[0].headers["x-goog-api-key"] == "made-up-key"
    assert "made-up-key" not in server.requests[0].raw


def test_a_thousand_videos_take_twenty_requests(server):
    server.videos.update({f"v{n:010d}": item(f"v{n:010d}") for n in range(1000)})
    asks = [Ask("item", native, "c" * 16) for native in server.videos]
    batches = fetch("youtube", asks, session("youtube"))
    assert len(server.requests) == 20
    assert len(rows(batches, "readings")) == 3000


def test_uploads_of_a_channel_as_far_as_they_are_young(server):
    server.videos.update({f"y{n:010d}": item(f"y{n:010d}") for n in range(60)})
    server.videos.update(
        {f"z{n:010d}": item(f"z{n:010d}", published="2020-01-01T00:00:00Z") for n in range(200)}
    )
    ask = Ask("account", "@somebody", account_kind="business")
    batches = fetch("youtube", [ask], session("youtube", Still(NOW)))
    events = rows(batches, "events")
    assert {e["event_id"] for e in events} == {f"youtube:y{n:010d}" for n in range(60)}
    assert {e["observer"] for e in events} == {"youtube data api business"}
    assert server.paths() == ["/channels"] + ["/playlistItems", "/videos"] * 2
