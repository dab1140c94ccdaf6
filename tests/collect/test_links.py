"""`virality links` from pages to readings: what was seen, what could not be, and nothing twice."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from loopback import loopback
from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.collect import links
from analysis.errors import UserError
from analysis.models.counters import headline
from analysis.platforms import cards, lobsters, pages
from analysis.platforms.card import Limit
from analysis.platforms.pace import Clock
from analysis.platforms.rows import Rows
from analysis.store import Store
from analysis.urls import content_id

ESSAY = "https://publisher.example/essay"
HTML = {"Content-Type": "text/html"}
ALONE = {
    "link_followed": 1.0,
    "link_nofollow": 0.0,
    "link_ugc": 0.0,
    "link_sponsored": 0.0,
    "link_wrapped": 0.0,
}


class Still(Clock):
    """A moment that stays."""

    def now(self):
        return datetime(2026, 11, 1, 12, tzinfo=UTC)

    def sleep(self, seconds):
        pass


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    clock = Still()
    rows = Rows("lobsters", clock.now(), "lobste.rs", "test")
    rows.event("abc", rows.content(ESSAY), "submission", clock.now())
    made.append_batch(rows.batch())
    return made


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRALITY_STATE", str(tmp_path / "state"))


def seen(store, body, headers=None, status=200, **more):
    """The readings one page gives."""
    answers = {"/s/abc": (status, {**HTML, **(headers or {})}, body.encode()), **more}
    with loopback(lambda request: answers.get(request.path, (404, {}, b""))) as server:
        place = links.Place("lobsters", "abc", f"{server.url}/s/abc", (content_id(ESSAY),))
        links.look([place], store, clock=Still(), limits=False, private=True)
    return store.read("readings")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (f"<a href={ESSAY}>", {}, ALONE),
        (f"<a rel=ugc href={ESSAY}>", {}, ALONE | {"link_followed": 0, "link_ugc": 1}),
        (f"<a rel='nofollow ugc' href={ESSAY}?utm_source=x>", {},
         ALONE | {"link_followed": 0, "link_ugc": 1, "link_nofollow": 1}),
        (f"<a rel=sponsored href={ESSAY}>", {}, ALONE | {"link_followed": 0, "link_sponsored": 1}),
        (f"<a rel=nofollow href={ESSAY}><a href={ESSAY}>", {}, ALONE),
        (f"<meta name=robots content=nofollow><a href={ESSAY}>", {},
         ALONE | {"link_followed": 0, "link_nofollow": 1}),
        (f"<a href={ESSAY}>", {"X-Robots-Tag": "none"}, ALONE | {"link_followed": 0, "link_nofollow": 1}),
        ("<a href='https://l.facebook.com/l.php?u=https%3A%2F%2Fpublisher.example%2Fessay'>", {},
         ALONE | {"link_wrapped": 1}),
    ],
)  # fmt: skip
def test_what_a_page_says_of_the_link_is_stored(store, body, headers, expected):
    found = seen(store, body, headers)
    assert found.set_index("metric")["value"].to_dict() == expected
    assert set(found["observer"]) == {"virality links"}
    assert set(found["item_id"]) == {"abc"}
    assert found["source"].str.endswith("/s/abc").all()


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [("<a href=https://other.example>", 200, "no link to it"), ("", 404, "404"), ("", 403, "403")],
)
def test_what_cannot_be_seen_is_unknown_and_never_0(store, body, status, why):
    row = seen(store, body, status=status).iloc[0]
    assert row["metric"] == "link_followed"
    assert pd.isna(row["value"])
    assert row["status"] != "observed"
    assert why in row["reason"]


def test_a_shortened_link_is_followed(store, monkeypatch):
    monkeypatch.setattr(links, "SHORT", {"127.0.0.1"})
    found = seen(store, "<a href=/short>", **{"/short": (301, {"Location": ESSAY}, b"")})
    assert found.set_index("metric")["value"].to_dict() == ALONE | {"link_wrapped": 1}


def test_known_items_are_looked_at_once_in_a_while(store):
    now = pd.Timestamp("2026-11-01 13:00", tz="UTC")
    places = links.places(store, now)
    assert [(place.platform, place.url) for place in places] == [("lobsters", "https://lobste.rs/s/abc")]
    seen(store, f"<a href={ESSAY}>")
    assert links.places(store, now) == []
    assert len(links.places(store, now + links.AGAIN)) == 1
    with pytest.raises(UserError, match="digg"):
        links.places(store, now, ["digg"])


def test_a_page_somebody_names_tells_of_every_content_it_links_to(store):
    with loopback(
        lambda r: (200, HTML, f"<a href={ESSAY}>".encode()) if r.path == "/list" else (404, {}, b"")
    ) as s:
        out = links.look(links.named([f"{s.url}/list"]), store, clock=Still(), limits=False, private=True)
    assert out.followed["site"] == 1
    assert set(store.read("readings")["content_id"]) == {content_id(ESSAY)}
    with pytest.raises(UserError, match="whole address"):
        links.named(["publisher"])


def test_pages_of_a_platform_belong_to_it():
    assert links.named(["https://www.reddit.com/r/x/comments/1"])[0].platform == "reddit"


def test_the_command_refuses_the_private_network_unless_it_is_allowed(store, monkeypatch):
    monkeypatch.setenv("VIRALITY_STORE", str(store.path))
    monkeypatch.setattr(pages, "ONE_HOST", Limit(1, 0.01, "test"))
    answer = (200, HTML, f"<a href={ESSAY}>".encode())
    with loopback(lambda r: answer if r.path == "/list" else (404, {}, b"")) as server:
        page = f"{server.url}/list"
        refused = CliRunner().invoke(app, ["links", page])
        assert refused.exit_code == 0, refused.output
        assert "1 unknown" in refused.output
        assert not server.requests
        monkeypatch.setenv("VIRALITY_PRIVATE_PAGES", "true")
        allowed = CliRunner().invoke(app, ["links", page])
        assert "site: 1 links followed, 0 not" in allowed.output
    listed = CliRunner().invoke(app, ["links", "--dry-run"])
    assert "https://lobste.rs/s/abc" in listed.output


def test_links_are_no_headline_of_a_platform():
    assert headline("lobsters", ["link_followed", "score"], cards()) == "score"
    assert headline("site", ["link_followed"], cards()) is None
    assert lobsters.CARD.metric("link_followed").unit == "0 or 1"
