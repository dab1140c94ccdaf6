"""Which place a referrer, a tag or an app is, and which visitors are machines."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.traffic import machines, referrers, vendor

OWN = frozenset({"blog.example"})


@pytest.mark.parametrize(
    ("referrer", "source"),
    [
        ("-", "direct"),
        ("", "direct"),
        ("about:blank", "direct"),
        ("(null)", "direct"),
        ("https://blog.example/a", "internal"),
        ("https://www.blog.example/", "internal"),
        ("https://www.google.co.uk/", "search"),
        ("http://google.com.br/url?q=x", "search"),
        ("www.bing.com/search", "search"),
        ("https://uk.search.yahoo.com/", "search"),
        ("android-app://com.google.android.googlequicksearchbox/", "search"),
        ("https://mail.google.com/", "site"),
        ("https://notgoogle.com/", "site"),
        ("https://google.evil.example/", "site"),
        ("https://chatgpt.com/", "ai assistant"),
        ("https://x.com/i/grok?a", "ai assistant"),
        ("https://x.com/a", "twitter"),
        ("https://l.facebook.com/l.php?u=x", "facebook"),
        ("http://lm.facebook.com/", "facebook"),
        ("https://t.co/a", "twitter"),
        ("https://out.reddit.com/t3_x", "reddit"),
        ("android-app://com.reddit.frontpage/", "reddit"),
        ("https://lnkd.in/x", "linkedin"),
        ("https://digg.com/", "digg"),
        ("http://www.stumbleupon.com/su/1", "stumbleupon"),
        ("https://mix.com/", "stumbleupon"),
        ("http://www.myspace.com/", "myspace"),
        ("https://lobste.rs/s/1", "lobsters"),
        ("https://lemmy.world/post/1", "lemmy"),
        ("https://b.hatena.ne.jp/entry", "hatena"),
        ("https://pinboard.in/", "pinboard"),
        ("https://flipboard.com/@a", "flipboard"),
        ("https://mastodon.social/@a", "mastodon"),
        ("https://m\u00fcnchen.example/", "site"),
        ("https://[2001:db8::1]/", "site"),
        ("javascript:alert(1)", "direct"),
    ],
)
def test_referrers(referrer: str, source: str):
    assert referrers.of_referrer(referrer, OWN) == source


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("utm_source=hn", "hackernews"),
        ("utm_source=Twitter&utm_medium=x", "twitter"),
        ("utm_source=chatgpt.com", "ai assistant"),
        ("utm_source=google&utm_medium=cpc", "search"),
        ("utm_source=letter&utm_medium=email", "site"),
        ("a=1", None),
        ("utm_medium=organic", "search"),
        ("utm_campaign=x", None),
        ("utm_source=%FF%", "site"),
    ],
)
def test_tags(query: str, source: str | None):
    assert referrers.of_tags(query) == source


def test_every_host_of_matomos_lists_is_what_the_list_says(shared: Path):
    import yaml

    folder = shared / "payloads/referers/matomo"
    for name, hosts in yaml.safe_load((folder / "Socials.yml").read_text()).items():
        for host in hosts:
            assert referrers.of_referrer(f"https://{host}/", OWN) not in (
                "direct",
                "search",
                "ai assistant",
            ), (name, host)
    for host in [
        h for hosts in yaml.safe_load((folder / "AIAssistants.yml").read_text()).values() for h in hosts
    ]:
        assert referrers.of_referrer(f"https://{host}", OWN) == "ai assistant"
    spam = (folder / "spammers.txt").read_text().split()
    assert all(machines.is_spam(host) and machines.is_spam(f"www.{host}") for host in spam)
    assert not machines.is_spam("example.org")


def test_crawlers_agree_with_the_package_one_by_one():
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA, is_crawler

    named = [agent for entry in CRAWLER_USER_AGENTS_DATA for agent in entry.get("instances", [])][:300]
    people = ["Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "", "-"]
    expected = np.array([is_crawler(agent) for agent in named + people])
    assert (machines.crawlers(named + people) == expected).all()


def test_lists_are_renewed_from_a_folder_and_never_by_a_broken_one(tmp_path: Path):
    (tmp_path / "Socials.yml").write_text("Net:\n  - net.example\n")
    (tmp_path / "AIAssistants.yml").write_text("Mind:\n  - mind.example/chat\n")
    (tmp_path / "SearchEngines.yml").write_text(
        "Find:\n  -\n    urls:\n      - find.example\n    params: [q]\n"
    )
    (tmp_path / "spammers.txt").write_text("spam.example\n")
    into = tmp_path / "data"
    into.mkdir()
    assert vendor.renew(tmp_path, date(2026, 1, 2), into) == {
        "platforms": 1,
        "ai assistant": 1,
        "search": 1,
        "spam": 1,
    }
    kept = json.loads((into / "matomo.json").read_text())
    assert kept["vendored"] == "2026-01-02"
    assert kept["lists"]["search"] == {"Find": ["find.example"]}
    with pytest.raises(UserError, match="is it whole"):
        vendor.renew(tmp_path, date(2026, 1, 3))
    (tmp_path / "spammers.txt").unlink()
    with pytest.raises(UserError, match=r"no spammers\.txt"):
        vendor.renew(tmp_path, date(2026, 1, 3), into)
