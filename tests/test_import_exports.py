"""`virality import export` as a user types it."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.cli import app
from analysis.errors import UserError
from analysis.importing.exports import formats, import_exports
from analysis.platforms import modules
from analysis.store import Store
from analysis.urls import canonical

FIXTURES = Path(__file__).parent / "platforms" / "fixtures"
CASES = [
    ("pinboard", "json", "pinboard.json", 3, 0),
    ("raindrop", "csv", "raindrop.csv", 3, 0),
    ("pocket", "csv", "pocket.csv", 3, 0),
    ("instapaper", "csv", "instapaper.csv", 3, 0),
    ("delicious", "netscape", "delicious.htm", 3, 2),
    ("twitter", "archive", "tweets.js", 4, 0),
    ("twitter", "analytics", "twitter_posts_old.csv", 2, 0),
    ("twitter", "analytics", "twitter_days.csv", 2, 0),
    ("facebook", "insights", "facebook_posts_en.csv", 2, 0),
    ("facebook", "insights", "facebook_page.csv", 3, 0),
    ("stumbleupon", "discover", "stumbleupon.csv", 4, 0),
    ("digg", "stories", "digg_stories.json", 2, 0),
    ("digg", "votes", "digg_votes.csv", 3, 0),
    ("myspace", "placements", "myspace.csv", 3, 0),
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRALITY_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("VIRALITY_ACTOR_KEY", "k" * 40)

    def call(*words):
        return CliRunner().invoke(app, ["import", "export", *map(str, words)])

    return call


@pytest.mark.parametrize(("platform", "form", "name", "usable", "bad"), CASES)
def test_twice_is_once(run, platform, form, name, usable, bad):
    rows = usable + bad + (name == "tweets.js")  # a deleted post brings no row, and is no bad one
    first = run(platform, form, FIXTURES / name).stdout.splitlines()[-1]
    extra = rows - usable - bad
    assert first == f"{rows} rows: {usable} new, {extra} known, {bad} set aside"
    second = run(platform, form, FIXTURES / name).stdout.splitlines()[-1]
    assert second == f"{rows} rows: 0 new, {rows - bad} known, {bad} set aside"


def test_a_repeated_row_is_known(run, tmp_path):
    text = (FIXTURES / "pocket.csv").read_text()
    (tmp_path / "twice.csv").write_text(text + text.splitlines()[1] + "\n")
    assert run("pocket", "csv", tmp_path / "twice.csv").stdout.splitlines()[-1] == (
        "4 rows: 3 new, 1 known, 0 set aside"
    )


def test_what_is_set_aside_is_kept_with_line_and_reason(run, tmp_path):
    result = run("delicious", "netscape", FIXTURES / "delicious.htm")
    assert "delicious.htm:10: 'javascript:alert(1)' is no http(s) URL" in result.stderr
    (kept,) = (tmp_path / "store" / "set_aside").iterdir()
    assert [json.loads(line)["line"] for line in kept.read_text().splitlines()] == [10, 11]


def test_several_files_and_a_dry_run(run, tmp_path):
    shutil.copy(FIXTURES / "pocket.csv", tmp_path / "again.csv")
    files = (FIXTURES / "pocket.csv", tmp_path / "again.csv")
    assert run("pocket", "csv", *files, "--dry-run").stdout.splitlines()[-1].startswith("6 rows: 6 new")
    assert not (tmp_path / "store").exists() or not len(Store.open().read("events"))
    assert run("pocket", "csv", *files).stdout.splitlines()[-1] == "6 rows: 3 new, 3 known, 0 set aside"


def test_a_deletion_in_an_archive_reaches_the_store(run, tmp_path):
    whole = (FIXTURES / "tweets.js").read_text()
    (tmp_path / "before.js").write_text(re.sub(r',\s*"deleted_at" : "[^"]*"', "", whole))
    run("twitter", "archive", tmp_path / "before.js")
    assert "twitter:1341800000000000005" in set(Store.open().read("events")["event_id"])
    run("twitter", "archive", FIXTURES / "tweets.js")
    assert "twitter:1341800000000000005" not in set(Store.open().read("events")["event_id"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("frendster", "csv", "x"), "there are those of delicious, digg"),
        (("digg", "csv", "x"), "digg has no format 'csv'; there are stories, votes"),
        (("pocket", "csv", "/nowhere/x.csv"), "/nowhere/x.csv does not exist"),
        (("pocket", "csv", FIXTURES), "is a folder"),
        (
            ("pocket", "csv", FIXTURES / "myspace.csv"),
            "is no Pocket CSV export: expected the columns time_added, url",
        ),
        (("pocket", "csv", FIXTURES / "pocket.csv", "--zone", "UTC"), "takes no zone"),
        (("facebook", "insights", FIXTURES / "facebook_page.csv", "--zone", "Mars/Base"), "is no time zone"),
        (("pocket", "csv", FIXTURES / "pocket.csv", "--made", "yesterday"), "is no time"),
    ],
)
def test_mistakes_are_told_in_one_line(run, words, said):
    result = run(*words)
    assert isinstance(result.exception, UserError)
    assert said in str(result.exception)


def test_every_format_of_every_platform_is_tried_here():
    tried = {(platform, form) for platform, form, *_ in CASES} | {
        ("pinboard", "netscape"), ("raindrop", "netscape"), ("linkedin", "creator"), ("linkedin", "page"),
    }  # fmt: skip
    assert {(p, f) for p, known in formats().items() if p in modules() for f in known} == tried


def test_made_and_account_reach_the_rows(run):
    run("twitter", "analytics", FIXTURES / "twitter_days.csv", "--made", "2024-12-01T15:00", "--account",
        "https://x.com/made-up")  # fmt: skip
    read = Store.open().read("intervals")
    assert read.loc[read["start"].dt.day == 1, "partial"].all()
    assert not read.loc[read["start"].dt.day == 30, "partial"].any()
    assert list(Store.open().read("content")["url"]) == [canonical("https://x.com/made-up")]


def test_import_exports_names_what_is_missing(tmp_path):
    with pytest.raises(UserError, match="no exports of 'hackernews'"):
        import_exports([tmp_path], "hackernews", "csv", Store.open(str(tmp_path / "s")))
