"""The watchlist: what it holds, and what is said about one that is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from analysis.collect.watchlist import EXAMPLE, Account, Community, read
from analysis.errors import UserError

KNOWN = {"reddit", "tumblr", "twitter"}
FULL = """
since = 2026-01-31
sites = ["www.Example.com", "example.com", "https://blog.example.org/"]
urls = ["https://www.example.com/a?utm_source=x", "http://example.com/a"]
platforms = ["reddit"]
[[communities]]
platform = "reddit"
name = "programming"
[[accounts]]
platform = "tumblr"
name = "example"
kind = "business"
[budget]
twitter = 0.5
[ages]
reddit = ["1 d", "10 min", "1.5 h"]
"""


def write(tmp_path, text):
    file = tmp_path / "watchlist.toml"
    file.write_text(text)
    return file


def test_everything_is_read(tmp_path):
    got = read(write(tmp_path, FULL), KNOWN)
    assert got.sites == ("example.com", "blog.example.org")
    assert got.urls == ("https://www.example.com/a?utm_source=x",)  # one content, as first spelt
    assert got.platforms == ("reddit",)
    assert got.communities == (Community("reddit", "programming"),)
    assert got.accounts == (Account("tumblr", "example", "business"),)
    assert got.since == datetime(2026, 1, 31, tzinfo=UTC)
    assert got.budget == {"twitter": 0.5}
    assert got.ages == {"reddit": (timedelta(minutes=10), timedelta(hours=1.5), timedelta(days=1))}


def test_the_example_is_a_watchlist(tmp_path):
    assert read(write(tmp_path, EXAMPLE), KNOWN).sites == ("example.com",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names nothing"),
        ("sites = [", "no TOML"),
        ('sites = "example.com"', "expected a list"),
        ('sites = ["a"]\nsite = 3', "line 2: site"),
        ('sites = ["not a host"]', "expected a host"),
        ('sites = ["example.com/page"]', "belongs under urls"),
        ('urls = ["https://example.com/",\n"ftp://example.com/"]', "line 2: urls"),
        ('urls = ["example"]', "expected an http(s) URL"),
        ('urls = [3]', "expected a text"),
        ('sites = ["example.com"]\nplatforms = ["redit"]', "no such platform; there are reddit"),
        ('[[accounts]]\nplatform = "tumblr"\nname = "x"\nkind = "company"', "line 4: accounts.kind"),
        ('[[accounts]]\nplatform = "tumblr"\nname = "x"', "every entry needs one"),
        ('[[communities]]\nplatform = "reddit"\nname = "x"\nkind = "y"', "expected only platform, name"),
        ('sites = ["example.com"]\nsince = "yesterday"', "expected a date"),
        ('sites = ["example.com"]\n[budget]\ntwitter = "lots"', "expected dollars"),
        ('sites = ["example.com"]\n[budget]\ntwitter = -1', "expected dollars"),
        ('sites = ["example.com"]\n[ages]\nreddit = ["soon"]', 'such as "20 min"'),
        ('sites = ["example.com"]\n[ages]\nreddit = []', "expected a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(UserError) as caught:
        read(write(tmp_path, text), KNOWN)
    assert said in str(caught.value)
    assert "watchlist.toml" in str(caught.value)


def test_a_missing_one_says_how_to_begin(tmp_path):
    with pytest.raises(UserError, match="--example"):
        read(tmp_path / "none.toml", KNOWN)
