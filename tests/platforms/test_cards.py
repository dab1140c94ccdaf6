"""The cards: every platform has one, it is whole, and docs/platforms.md says what they say."""

import subprocess
import sys

import pytest

from analysis.errors import UserError
from analysis.platforms import modules, named
from analysis.platforms.describe import markdown, overview, text
from analysis.platforms.document import PAGE

NAMED = {
    "digg", "stumbleupon", "twitter", "facebook", "linkedin", "myspace", "hackernews", "reddit", "lobsters",
    "mastodon", "bluesky", "hatena", "wikipedia", "pinboard", "raindrop", "pocket", "instapaper", "delicious",
    "pinterest", "tumblr", "lemmy", "youtube", "threads", "flipboard",
}  # fmt: skip
ALL = modules().items()
ASKS = {"url", "site", "community", "account", "item"}


def test_no_platform_is_missing():
    assert set(modules()) >= NAMED


def test_a_platform_is_found_by_name_and_a_slip_of_the_pen_is_told():
    assert named("hackernews").title == "Hacker News"
    with pytest.raises(UserError, match="'hackrnews'; did you mean 'hackernews'"):
        named("hackrnews")


@pytest.mark.parametrize(("name", "module"), ALL, ids=[name for name, _ in ALL])
def test_a_card_is_whole(name, module):
    card = module.CARD
    assert card.name == name
    for said in (card.title, card.mechanism, card.access.cost, card.access.how):
        assert said.strip()
    assert card.purpose
    assert card.links
    assert card.rules
    assert card.life
    assert card.sources
    assert card.hosts or getattr(module, "IMPORTS", {})
    assert list(card.life) == sorted(card.life, key=lambda event: event.on)
    names = [m.name for m in card.metrics]
    assert len(names) == len(set(names))
    for host in card.hosts:
        assert host == host.lower()
        assert not host.startswith(("www.", "http"))


@pytest.mark.parametrize(("name", "module"), ALL, ids=[name for name, _ in ALL])
def test_a_platform_can_be_asked_or_imported_or_says_why_not(name, module):
    fetch = getattr(module, "fetch", None)
    if fetch is not None:
        assert module.ASKS <= ASKS
        assert callable(module.plan)
        assert module.CARD.metrics
    else:
        assert module.CARD.retired or getattr(module, "IMPORTS", {})


def test_importing_every_card_imports_no_client():
    clients = ("praw", "tweepy", "mastodon", "atproto", "httpx2", "stamina", "pyrate_limiter")
    code = (
        f"import sys, analysis.platforms as p; p.cards(); print([m for m in {clients!r} if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_document_says_what_the_cards_say():
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run: python -m analysis.platforms.document"


def test_the_overview_names_each_once():
    lines = overview().splitlines()
    assert [line.split()[0] for line in lines] == list(modules())
    assert "There is nothing to fetch" in text("flipboard")
