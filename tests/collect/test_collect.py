"""virality collect, end to end on loopback: what is due, what fails, what is stored, and what is not."""

import json
import logging
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import stamina
from loopback import loopback
from typer.testing import CliRunner

from analysis import collect as collecting
from analysis.cli import app
from analysis.collect.due import AGES, is_due
from analysis.collect.places import alone
from analysis.collect.telling import outcome_table
from analysis.collect.watchlist import Account, Watchlist
from analysis.errors import UserError
from analysis.platforms import modules
from analysis.platforms.pace import Clock
from analysis.purge import forget, purge
from analysis.store import Store
from analysis.urls import content_id

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PAGE = "https://example.com/a"
SECRET = "s3cr3t-"


class Still(Clock):
    def __init__(self):
        self.moment = NOW

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Still()


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRALITY_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("VIRALITY_REDDIT_CLIENT_ID", raising=False)
    with stamina.set_testing(True, attempts=3):
        yield Store.open(tmp_path / "store")


@pytest.fixture
def hackernews(monkeypatch):
    """A Hacker News that holds one story of PAGE."""

    def answer(request):
        if request.path.startswith("/item"):
            return state.item if state.item else (200, {}, {"type": "story", "score": 9, "descendants": 1})
        hit = {
            "objectID": "1", "url": PAGE, "title": "A story", "author": "somebody", "points": 3,
            "num_comments": 0, "created_at_i": int((NOW - timedelta(minutes=5)).timestamp()),
        }  # fmt: skip
        return 200, {}, {"hits": [hit], "nbHits": 1, "hitsPerPage": 1000}

    with loopback(answer) as state:
        state.item = None
        monkeypatch.setenv("VIRALITY_HACKERNEWS_SEARCH_URL", state.url)
        monkeypatch.setenv("VIRALITY_HACKERNEWS_ITEMS_URL", state.url)
        yield state


@pytest.fixture
def hatena(monkeypatch):
    with loopback((200, {}, {PAGE: 0})) as state:
        monkeypatch.setenv("VIRALITY_HATENA_COUNTS_URL", state.url)
        monkeypatch.setenv("VIRALITY_HATENA_ENTRIES_URL", state.url)
        yield state


def run(store, clock, only=("hackernews",), watchlist=None, **more):
    found = collecting.collect(watchlist or Watchlist(urls=(PAGE,)), store, only=only, clock=clock, **more)
    return {outcome.platform: outcome for outcome in found}


def points(store):
    readings = store.read("readings", platform="hackernews", metric="points", status="observed")
    return readings.sort_values("observed_at")["value"].tolist()


def test_what_comes_is_stored_once_and_looked_at_again_at_its_ages(store, clock, hackernews):
    out = run(store, clock)["hackernews"]
    assert (out.total, out.answered, dict(out.new)["events"]) == (1, 1, 1)
    assert points(store) == [3.0]
    asked = len(hackernews.requests)
    assert run(store, clock)["hackernews"].note == "nothing is due"
    assert len(hackernews.requests) == asked
    clock.moment += timedelta(minutes=5)  # the story is ten minutes old; we first looked five ago
    out = run(store, clock)["hackernews"]
    assert dict(out.asked) == {"item": 1}
    assert points(store) == [3.0, 9.0]
    clock.moment += timedelta(minutes=6)
    assert dict(run(store, clock)["hackernews"].asked) == {"url": 1}
    clock.moment += timedelta(hours=5)  # several ages at once are one look
    assert dict(run(store, clock)["hackernews"].asked) == {"url": 1, "item": 1}
    clock.moment += timedelta(days=40)
    assert run(store, clock)["hackernews"].note == "nothing is due"


def test_the_set_ages():
    base = NOW
    ages = [10, 20, 40, 60, 120, 180, 360, 720, 1440, 2880]
    assert [round(a / timedelta(minutes=1)) for a in AGES[:10]] == ages
    assert AGES[-1] == timedelta(days=30)
    assert not is_due(base, base, base + timedelta(minutes=9), AGES)
    assert is_due(base, base, base + timedelta(minutes=10), AGES)
    assert not is_due(base, base + timedelta(minutes=10), base + timedelta(minutes=19), AGES)
    assert is_due(base, None, base + timedelta(minutes=10), AGES)
    assert is_due(base, base + timedelta(days=29), base + timedelta(days=30), AGES)
    assert not is_due(base, base + timedelta(days=30), base + timedelta(days=30, hours=5), AGES)
    assert not is_due(base, base, base + timedelta(days=32), AGES)


def test_one_platforms_failure_leaves_the_others_whole(store, clock, hackernews, hatena):
    hackernews.answer = (503, {}, {})
    out = run(store, clock, ("hackernews", "hatena", "reddit"))
    assert out["hatena"].answered == 1
    assert next(iter(out["hackernews"].unknown))[0] == "failed"
    assert next(iter(out["reddit"].unknown))[0] == "not_configured"
    readings = store.read("readings")
    states = {p: set(g["status"]) for p, g in readings.groupby("platform")}
    assert states == {"hackernews": {"failed"}, "hatena": {"observed"}, "reddit": {"not_configured"}}
    unknown = readings[readings["status"] != "observed"]
    assert unknown["value"].isna().all()
    assert unknown["reason"].notna().all()
    table = outcome_table(list(out.values()))
    assert "not configured: VIRALITY_REDDIT_CLIENT_ID is not set" in table
    assert "answered 503" in table


def test_unknown_is_written_once_a_set_age_and_asked_for_again_every_time(store, clock, hackernews):
    plain, hackernews.answer = hackernews.answer, (403, {}, {})
    run(store, clock)
    written = len(store.read("readings"))
    assert written
    clock.moment += timedelta(minutes=1)
    assert run(store, clock)["hackernews"].total == 1
    assert len(store.read("readings")) == written
    hackernews.answer = plain
    clock.moment += timedelta(minutes=1)
    assert run(store, clock)["hackernews"].answered == 1
    assert points(store) == [3.0]


def test_a_fault_of_ours_is_that_platforms_alone(store, clock, hackernews, hatena, monkeypatch):
    from analysis.platforms import hackernews as module

    def broken(asks, session):
        raise ZeroDivisionError("words that might be private")
        yield

    monkeypatch.setattr(module, "fetch", broken)
    out = run(store, clock, ("hackernews", "hatena"))
    assert out["hatena"].answered == 1
    ((status, reason),) = out["hackernews"].unknown
    assert status == "failed"
    assert "ZeroDivisionError" in reason
    assert "private" not in reason


def test_what_is_gone_there_is_gone_here(store, clock, hackernews):
    run(store, clock)
    hackernews.item = (200, {}, {"deleted": True})
    clock.moment += timedelta(minutes=5)
    out = run(store, clock)["hackernews"]
    assert out.gone == 1
    assert store.read("events").empty
    assert points(store) == []


def test_purge_sweeps_and_forgets(store, clock, hackernews):
    run(store, clock)
    assert purge(store, clock=clock) == []  # no rule demands it of what is stored
    (done,) = purge(store, ["hackernews"], clock=clock)
    assert (done.asked, done.gone, done.unknown) == (1, 0, "")
    hackernews.item = (200, {}, {"deleted": True})
    (done,) = purge(store, ["hackernews"], clock=clock)
    assert done.gone == 1
    assert store.read("events").empty
    run(store, clock)
    clock.moment += timedelta(hours=1)
    run(store, clock)
    assert forget(store, "hackernews", ["1"]) > 0
    assert points(store) == []
    with pytest.raises(UserError, match="no platform"):
        purge(store, ["hackernoon"])


def test_retention_of_a_card_is_kept(store, clock, hackernews, monkeypatch):
    import dataclasses

    from analysis.platforms import hackernews as module

    run(store, clock)
    monkeypatch.setattr(module, "CARD", dataclasses.replace(module.CARD, retention_days=7))
    clock.moment += timedelta(days=6)
    assert purge(store, clock=clock) == []
    clock.moment += timedelta(days=2)
    (done,) = purge(store, clock=clock)
    assert done.old > 0
    assert store.read("readings", platform="hackernews").empty


def test_a_dry_run_asks_nobody_and_says_what_it_would_cost(store, clock, hackernews):
    plans = collecting.plans(Watchlist(urls=(PAGE,), sites=("example.com",)), store, clock=clock)
    todo, plan = plans["hackernews"]
    assert (len(todo.asks), plan.requests, plan.dollars) == (2, 2, 0)
    assert plans["reddit"][1].status == "not_configured"
    assert hackernews.requests == []
    assert not (store.path / ".collect").exists()


def test_a_platform_that_cannot_be_asked_says_why(store, clock):
    with pytest.raises(UserError, match="nothing to fetch"):
        run(store, clock, ("flipboard",))
    with pytest.raises(UserError, match="no platform"):
        run(store, clock, ("flipbord",))


def test_business_and_private_accounts_are_told_apart(store, clock, monkeypatch):
    post = {
        "id_string": "1", "blog_name": "b", "post_url": "https://b.tumblr.com/post/1", "note_count": 4,
        "timestamp": int(NOW.timestamp()) - 60, "type": "text",
    }  # fmt: skip
    answer = lambda r: (200, {}, {"response": {"posts": [] if "before" in r.query else [post]}})  # noqa: E731
    with loopback(answer) as state:
        monkeypatch.setenv("VIRALITY_TUMBLR_BASE_URL", state.url)
        monkeypatch.setenv("VIRALITY_TUMBLR_API_KEY", SECRET + "tumblr")
        accounts = (Account("tumblr", "one", "business"), Account("tumblr", "two", "private"))
        out = run(store, clock, ("tumblr",), Watchlist(accounts=accounts))["tumblr"]
    assert {kind: c["answered"] for kind, c in out.accounts.items()} == {"business": 1, "private": 1}
    observers = set(store.read("readings")["observer"])
    assert observers == {"tumblr api business", "tumblr api private"}
    assert "business accounts: 1 answered" in outcome_table([out])


def test_two_runs_at_once_ask_once(store, clock, hackernews):
    with alone(store.path / ".collect", "hackernews") as held:
        assert held
        out = run(store, clock)["hackernews"]
    assert "another run" in out.note
    assert hackernews.requests == []


# through the command line, as a user and a schedule run it


@pytest.fixture
def command(tmp_path, store, monkeypatch):
    """The command in a folder of its own: in this process, or as one of its own (``start``)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRALITY_STORE", str(store.path))
    monkeypatch.setenv("VIRALITY_CONTACT", "somebody@example.com")
    (tmp_path / "watchlist.toml").write_text(f'urls = ["{PAGE}"]\nplatforms = ["hackernews", "hatena"]\n')

    def call(*arguments):
        result = CliRunner().invoke(app, [*arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    call.start = lambda *arguments: subprocess.Popen([sys.executable, "-m", "analysis.cli", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    return call


def test_the_command_collects_and_logs_for_a_machine(command, hackernews, hatena, store):
    out, err = command.start("collect", "--watchlist", "watchlist.toml", "--log", "json").communicate(
        timeout=120
    )
    assert err == ""
    events = [json.loads(line) for line in out.splitlines()]
    assert {e["platform"] for e in events if e["event"] == "finished"} == {"hackernews", "hatena"}
    assert len(store.read("events")) == 1
    assert "nothing is due" in command("collect", "--watchlist", "watchlist.toml")
    assert "Hacker News" in command("collect", "--watchlist", "watchlist.toml", "--dry-run")
    with pytest.raises(UserError, match="there is no watchlist at"):
        command("collect", "--watchlist", "nowhere.toml")
    with pytest.raises(UserError, match="expected text or json"):
        command("collect", "--log", "xml")
    assert "[[accounts]]" in command("collect", "--example")


def test_the_cards_are_printed(command):
    assert "Hacker News" in command("platforms")
    card = command("platforms", "reddit")
    for heading in ("Purpose", "Mechanism", "Links", "Metrics", "Access and cost", "Limits", "Rules", "Life"):
        assert heading in card
    assert "VIRALITY_REDDIT_CLIENT_ID" in card
    assert max(map(len, card.splitlines())) <= 100
    with pytest.raises(UserError, match="no platform 'redit'"):
        command("platforms", "redit")


def test_purging_on_the_command_line(command, hackernews):
    command("collect", "--watchlist", "watchlist.toml", "--platform", "hackernews")
    assert "1 items asked about, 0 gone" in command("purge", "hackernews")
    assert "rows forgotten" in command("purge", "hackernews", "--item", "1")
    with pytest.raises(UserError, match="exactly one platform"):
        command("purge", "--item", "1")


def test_a_run_that_is_killed_goes_on_where_it_was(command, monkeypatch, store, tmp_path):
    urls = [f"https://example.com/{n}" for n in range(12)]
    (tmp_path / "watchlist.toml").write_text(f"urls = {json.dumps(urls)}\nplatforms = ['hackernews']\n")
    killed = threading.Event()

    def answer(request):
        if len(state.requests) > 6:
            killed.wait(300)
        return 200, {}, {"hits": [], "nbHits": 0, "hitsPerPage": 1000}

    with loopback(answer) as state:
        monkeypatch.setenv("VIRALITY_HACKERNEWS_SEARCH_URL", state.url)
        process = command.start("collect", "--watchlist", "watchlist.toml")
        while process.poll() is None and len(store.read("readings")) < 6:
            time.sleep(0.05)
        process.kill()
        process.communicate()
        killed.set()
        assert len(set(store.read("readings", status="observed")["content_id"])) == 6
        before = len(state.requests)
        command("collect", "--watchlist", "watchlist.toml")
        assert len(state.requests) - before == 6
    assert set(store.read("readings", status="observed")["content_id"]) == {content_id(u) for u in urls}


def test_no_secret_is_ever_written(command, monkeypatch, tmp_path, hackernews, hatena, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    names = [
        f"{m.CARD.name}_{key.name}" for m in modules().values() for key in m.CARD.access.keys if key.secret
    ]
    for name in names:
        monkeypatch.setenv(f"VIRALITY_{name}".upper(), SECRET + name)
    (
        tmp_path / "watchlist.toml"
    ).write_text(f"""urls = ["{PAGE}", "https://www.youtube.com/watch?v=abcdefghijk"]
sites = ["example.com"]
[budget]
twitter = 1.0
[[communities]]
platform = "tumblr"
name = "news"
[[accounts]]
platform = "pinterest"
name = "me"
kind = "business"
[[accounts]]
platform = "threads"
name = "me"
kind = "private"
""")
    refuse = lambda r: (403, {}, {"error": r.raw + str(r.headers)})  # noqa: E731 - a platform that echoes
    with loopback(refuse) as state:
        hosts = [f"{name}_BASE_URL" for name in modules() if name not in ("hackernews", "hatena")]
        for name in [*hosts, "REDDIT_OAUTH_URL", "REDDIT_REDDIT_URL", "LEMMY_INSTANCE", "BLUESKY_STREAM_URL"]:
            monkeypatch.setenv(f"VIRALITY_{name}".upper(), state.url)
        said = ""
        for arguments in (
            ["collect", "--watchlist", "watchlist.toml", "--dry-run"],
            ["collect", "--watchlist", "watchlist.toml", "--log", "json", "--patience", "1"],
            ["collect", "--watchlist", "watchlist.toml", "--patience", "1"],
            ["purge", "hackernews", "reddit"],
        ):
            said += command(*arguments)
        asked = " ".join(str(r.headers) + r.raw for r in state.requests)
    captured = capfd.readouterr()
    assert asked.count(SECRET) >= 3  # they were really used
    assert '"finished"' in said
    for written in (said, captured.out, captured.err, caplog.text):
        assert SECRET not in written
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 5
    for file in files:
        assert SECRET.encode() not in file.read_bytes(), file
