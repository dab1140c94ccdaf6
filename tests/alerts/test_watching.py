"""Watching: what was planted is told, once, with only what was known; unknown is told as unknown."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.alerts import Rules, watch
from analysis.alerts.preview import preview
from analysis.alerts.watching import alerts
from analysis.simulate import END, fill
from analysis.store import Store
from analysis.tables import CONTENT, INTERVALS, conform
from analysis.urls import content_id

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
BEGIN = pd.Timestamp("2026-01-01", tz="UTC")
SITE = "harbour.example"
PAGES = [f"https://{SITE}/{name}" for name in ("", "tides", "ferries")]
DAYS = 60


def moment(day: float) -> datetime:
    return (BEGIN + day * DAY).to_pydatetime()


def site(shape=None, *, lag="1h", lost=None, title="Tides"):
    """Hourly visits by page and source: the usual times ``shape(page, platform, hour)``, with holes."""
    rng = np.random.default_rng(5)
    start = pd.date_range(BEGIN, periods=24 * DAYS, freq="h")
    hour, rows = np.asarray(start.hour), []
    for page, url in enumerate(PAGES):
        for platform, rate in {"search": 12.0, "direct": 8.0, "reddit": 3.0}.items():
            mu = rate * (1 + 0.5 * np.sin(2 * np.pi * hour / 24))
            if shape:
                mu = mu * np.array([shape(page, platform, i) for i in range(len(start))])
            part = pd.DataFrame({"start": start, "value": rng.poisson(mu).astype(float)})
            rows.append(part.assign(platform=platform, content_id=content_id(url)))
    frame = pd.concat(rows)
    frame["end"] = frame["start"] + HOUR
    frame["observed_at"] = frame["end"].dt.ceil(lag)
    if lost:
        gone = frame["start"].between(moment(lost[0]), moment(lost[1]))
        frame.loc[gone, "value"] = np.nan
        frame["status"] = np.where(gone, "failed", "observed")
    else:
        frame["status"] = "observed"
    frame = frame.assign(metric="visits", observer="counter", partial=False, source="a test")
    content = pd.DataFrame(
        {"content_id": [content_id(url) for url in PAGES], "url": PAGES, "title": title, "site": SITE}
    )
    return conform(content, CONTENT), conform(frame, INTERVALS)


@pytest.fixture
def stored(tmp_path):
    """Puts a site into a store of the test."""

    def put(*given, **how):
        store = Store(tmp_path / "store")
        content, intervals = site(*given, **how)
        store.append("content", content)
        store.append("intervals", intervals)
        return store

    return put


def all_of(store, false_per_month=0.02, **rules):
    given = Rules(false_per_month=false_per_month, **rules)
    return alerts(store, moment(DAYS), given, pd.Timedelta(days=DAYS))


def test_nothing_planted_tells_nothing(stored):
    assert all_of(stored()) == []


def test_a_spike_of_one_page_is_told_once_with_its_source_and_title(stored):
    def burst(page, platform, i):
        return 1 + 40 * np.exp(-(i - 1000) / 8) * (page == 1 and platform == "reddit" and i >= 1000)

    title = "Tides <!channel>\n@everyone [x](http://evil.example)"
    (told,) = all_of(stored(burst, title=title))
    assert told.kind == "spike"
    assert told.subject == f"visits {SITE} {content_id(PAGES[1])}"
    assert abs(pd.Timestamp(told.since) - (BEGIN + 1000 * HOUR)) <= HOUR
    assert pd.Timestamp(told.at) - pd.Timestamp(told.since) <= 3 * HOUR
    assert "Reddit" in told.body
    assert PAGES[1] in told.body
    for words in (told.title, told.body):
        assert "<!channel>" not in words
        assert "@everyone" not in words
        assert "](" not in words
    assert "\n" not in told.title


def test_a_rise_of_the_whole_site_is_told_as_the_site(stored):
    def everywhere(page, platform, i):
        return 2.2 if 1000 <= i < 1010 else 1.0

    told = [one for one in all_of(stored(everywhere)) if one.kind == "spike"]
    assert [one.subject for one in told if one.subject == f"visits {SITE}"] == [f"visits {SITE}"]


def test_a_drop_of_the_site_is_told_and_a_hole_in_the_data_is_not(stored):
    def half(page, platform, i):
        return 0.3 if i >= 1100 else 1.0

    (told,) = all_of(stored(half))
    assert (told.kind, told.subject) == ("drop", f"visits {SITE}")
    assert abs(pd.Timestamp(told.since) - (BEGIN + 1100 * HOUR)) <= 12 * HOUR
    assert pd.Timestamp(told.at) - pd.Timestamp(told.since) <= 4 * DAY


def test_missing_data_is_an_alert_of_its_own_and_never_a_drop(stored):
    (told,) = all_of(stored(lost=(40, 43)))
    assert (told.kind, told.subject) == ("missing", f"visits {SITE}")
    assert pd.Timestamp(told.since) == BEGIN + 40 * DAY
    assert pd.Timestamp(told.at) == BEGIN + 40 * DAY + 36 * HOUR


def test_a_day_without_data_is_patiently_waited_for(stored):
    assert all_of(stored(lost=(40, 41))) == []


def test_a_store_that_nobody_fills_any_more_says_so(stored):
    store = stored()
    late = moment(DAYS + 3)
    (told,) = watch(store, late)
    assert told.kind == "missing"
    assert watch(store, moment(DAYS + 1)) == []


def test_a_change_of_the_mix_is_told_with_its_sources(stored):
    def away(page, platform, i):
        return (
            0.35
            if platform == "search" and i >= 24 * 40
            else 2.0
            if platform == "direct" and i >= 24 * 40
            else 1.0
        )

    told = [one for one in all_of(stored(away)) if one.kind == "mix"]
    assert [one.subject for one in told] == [f"referrers {SITE}"]
    assert abs(pd.Timestamp(told[0].since) - (BEGIN + 40 * DAY)) <= 2 * DAY
    assert pd.Timestamp(told[0].at) <= BEGIN + 50 * DAY
    assert "search: 5" in told[0].body


def test_a_replay_tells_what_watching_again_and_again_told(stored):
    bursts = {
        (0, 820): 1.5,
        (1, 900): 3,
        (2, 1000): 20,
        (1, 1020): 8,
        (2, 1080): 0.8,
        (0, 1200): 6,
        (1, 1205): 5,
    }

    def often(page, platform, i):
        return 1 + sum(
            height * np.exp(-(i - at) / 10)
            for (where, at), height in bursts.items()
            if where == page and i >= at
        )

    store, rules = stored(often, lag="6h", lost=(44, 44.5)), Rules(false_per_month=0.5)
    replayed = preview(store, moment(DAYS), rules, 30)
    live: dict[str, datetime] = {}
    for step in range(1, 16):
        now = moment(DAYS - 30 + 2 * step)
        for one in alerts(store, now, rules, 2 * DAY):
            assert one.at <= now
            live.setdefault(one.key, one.at)
    assert len(live) >= 5
    assert {one.alert.key: one.alert.at for one in replayed.told} == live
    assert all(one.right is None for one in replayed.told)  # nobody knows: this world is not the simulator's


def test_in_a_made_up_world_the_preview_says_what_was_right(tmp_path):
    store = Store(tmp_path / "store")
    fill(store, seed=3, days=80, contents=8)
    shown = preview(store, END.to_pydatetime(), Rules(), 60)
    judged = [one.right for one in shown.told if one.right is not None]
    assert len(judged) >= 4
    assert all(judged)
    assert f"spike: {len(judged)}, {len(judged)} of them right" in "\n".join(shown.lines())


def test_what_came_late_is_told_when_it_was_known_and_a_revision_changes_nothing(stored):
    def burst(page, platform, i):
        return 1 + 40 * np.exp(-(i - 1000) / 8) * (page == 1 and i >= 1000)

    store = stored(burst, lag="D")
    (told,) = all_of(store, kinds=("spike",))
    assert pd.Timestamp(told.at) == (BEGIN + 1000 * HOUR).ceil("D")
    _, intervals = site(lag="D")  # read again, a week later: as if nothing had been
    later = intervals.assign(observed_at=intervals["observed_at"] + 7 * DAY)
    store.append("intervals", later[later["start"] < moment(50)])
    assert [one.key for one in all_of(store, kinds=("spike",))] == [told.key]


def test_an_empty_store_tells_nothing(tmp_path):
    assert watch(Store(tmp_path / "none"), datetime.now(UTC)) == []


def test_where_watching_fails_a_report_s_failure_is_told_all_the_same(tmp_path, monkeypatch):
    from loopback import loopback

    from analysis.alerts import check, failed

    monkeypatch.chdir(tmp_path)
    store, now = Store(tmp_path / "store"), moment(3)
    monkeypatch.setattr(Store, "read", lambda *given, **more: 1 / 0)
    with loopback((200, {}, {})) as hook:
        monkeypatch.setenv("VIRALITY_ALERTS", hook.url.replace("http", "json"))
        for hours in range(3):
            late = now + hours * timedelta(hours=1)
            check(store, late, [failed("overview", now, late, "it broke", "virality report overview")])
        titles = sorted(json.loads(request.body)["title"] for request in hook.requests)
    assert titles == ["Report failed: overview", "The store could not be watched"]


def test_the_command_previews_sends_and_says_what_became(stored, tmp_path, monkeypatch, capsys):
    from loopback import loopback
    from typer.testing import CliRunner

    from analysis.cli import app

    def burst(page, platform, i):
        return 1 + 40 * np.exp(-(i - 1430) / 8) * (page == 1 and i >= 1430)

    store = stored(burst)
    shift = pd.Timestamp.now("UTC").floor("h") - (BEGIN + DAYS * DAY)
    content, intervals = store.read("content"), store.read("intervals")
    for name in ("start", "end", "observed_at"):
        intervals[name] = intervals[name] + shift
    now = Store(tmp_path / "now")
    now.append("content", content)
    now.append("intervals", intervals)
    monkeypatch.setenv("VIRALITY_STORE", str(now.path))
    monkeypatch.delenv("VIRALITY_ALERTS", raising=False)
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    seen = json.loads(run.invoke(app, ["alerts", "--preview", "--json"]).stdout)
    assert [one["kind"] for one in seen["alerts"]] == ["spike"]
    unarmed = run.invoke(app, ["alerts"])
    assert unarmed.exit_code == 0
    assert "VIRALITY_ALERTS" in unarmed.stdout
    with loopback((500, {}, {})) as hook:
        monkeypatch.setenv("VIRALITY_ALERTS", hook.url.replace("http", "json") + "/s3cr3t")
        refused = run.invoke(app, ["alerts"])
        assert refused.exit_code == 1
        assert "it answered 500" in refused.stdout
        hook.answer = (200, {}, {})
        done = json.loads(run.invoke(app, ["alerts", "--json"]).stdout)
        assert done["alerts"][0]["became"] == "sent"
        again = run.invoke(app, ["alerts"])
        assert "told before" in again.stdout
        assert len(hook.requests) == 2
    assert "s3cr3t" not in refused.stdout + json.dumps(done)
    shown = run.invoke(app, ["alerts", "--preview"]).stdout
    assert "1 alert in the 90 days" in shown
