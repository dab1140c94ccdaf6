"""Services that count visits: answers in the shape their documentation gives, and what becomes of them."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "platforms")]
from fakes import Still, rows, site_ask  # noqa: E402
from loopback import loopback  # noqa: E402

from analysis import traffic  # noqa: E402
from analysis.errors import UserError  # noqa: E402
from analysis.platforms.client import Connection  # noqa: E402
from analysis.platforms.contract import Unknown  # noqa: E402
from analysis.traffic import ga4, plausible  # noqa: E402

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def asked(name: str, monkeypatch, answer, **keys: str):
    """(batches, requests' bodies, the connection) of one fetch of blog.example from a loopback server."""
    with loopback(answer) as server:
        for key, value in ({"base_url": server.url} | keys).items():
            monkeypatch.setenv(f"VIRALITY_{name.upper()}_{key.upper()}", value)
        desk = Connection(traffic.modules()[name].CARD, clock=Still())
        try:
            batches = list(traffic.modules()[name].fetch((site_ask("blog.example"),), desk))
        finally:
            desk.close()
        return batches, server.requests, desk


def values(batches, metric):
    found = pd.DataFrame(rows(batches, "intervals"))
    found = found[found["metric"] == metric]
    return {
        (at[0], f"{at[1]:%m-%d %H}"): value
        for at, value in found.groupby(["platform", "start"])["value"].sum().items()
    }


def ga4_row(hour, event, url, referrer, count):
    return {
        "dimensionValues": [{"value": v} for v in (hour, event, url, referrer)],
        "metricValues": [{"value": str(count)}],
    }


def ga4_answer(found, total=None, quota=39_000, **meta):
    return {
        "dimensionHeaders": [],
        "metricHeaders": [],
        "rows": found,
        "rowCount": total or len(found),
        "metadata": {"currencyCode": "EUR", "timeZone": "Europe/Berlin"} | meta,
        "propertyQuota": {"tokensPerHour": {"consumed": 10, "remaining": quota}},
        "kind": "analyticsData#runReport",
    }


def test_ga4_by_hour_page_and_referrer(monkeypatch):
    found = [
        ga4_row(
            "2026103010", "session_start", "blog.example/a?utm_source=x", "https://news.ycombinator.com/", 7
        ),
        ga4_row("2026103010", "session_start", "blog.example/a", "https://news.ycombinator.com/item?id=1", 2),
        ga4_row("2026103010", "page_view", "blog.example/b", "https://blog.example/a", 3),
        ga4_row("2026103011", "session_start", "blog.example/a", "", 5),
        ga4_row("2026102502", "session_start", "blog.example/a", "(not set)", 4),
        ga4_row("2026103011", "page_view", "elsewhere.example/a", "", 5),
    ]
    batches, requests, desk = asked(
        "ga4", monkeypatch, (200, {}, ga4_answer(found)), token="t", property="123"
    )
    assert values(batches, "visits") == {
        ("hackernews", "10-30 09"): 9,
        ("direct", "10-30 10"): 5,
        ("direct", "10-25 00"): 4,
    }
    assert values(batches, "pageviews") == {("internal", "10-30 09"): 3}
    table = pd.DataFrame(rows(batches, "intervals"))
    repeated = table[table["start"] == pd.Timestamp("2026-10-25 00:00", tz="UTC")].iloc[0]
    assert repeated["end"] - repeated["start"] == pd.Timedelta(hours=2)  # the hour that clocks repeat
    assert len(batches[0].set_aside) == 1
    assert requests[0].path == "/v1beta/properties/123:runReport"
    assert requests[0].headers["authorization"] == "Bearer t"
    assert json.loads(requests[0].body)["returnPropertyQuota"] is True
    assert desk.answered


def test_ga4_reads_every_page_of_a_report(monkeypatch):
    pages = [
        [ga4_row("2026103010", "session_start", f"blog.example/{n}", "", 1) for n in range(k, k + 2)]
        for k in (0, 2)
    ]

    def answer(request):
        offset = int(json.loads(request.body)["offset"])
        return 200, {}, ga4_answer(pages[offset // 2], total=4)

    batches, requests, _ = asked("ga4", monkeypatch, answer, token="t", property="1")
    assert [json.loads(r.body)["offset"] for r in requests] == ["0", "2"]
    assert len(rows(batches, "intervals")) == 4


def test_ga4_says_what_is_sampled_withheld_and_empty(monkeypatch):
    one = [ga4_row("2026103010", "session_start", "blog.example/a", "", 7)]
    sampled = {"samplingMetadatas": [{"samplesReadCount": "500", "samplingSpaceSize": "9000"}]}
    batches, _, _ = asked("ga4", monkeypatch, (200, {}, ga4_answer(one, **sampled)), token="t", property="1")
    assert rows(batches, "intervals")[0]["reason"] == "sampled: from 500 of 9000 events"
    batches, _, _ = asked(
        "ga4", monkeypatch, (200, {}, ga4_answer(one, subjectToThresholding=True)), token="t", property="1"
    )
    assert [r["status"] for r in rows(batches, "intervals")] == ["observed", "suppressed"]
    other = [ga4_row("2026103010", "page_view", "(other)", "(other)", 70)]
    batches, _, _ = asked(
        "ga4", monkeypatch, (200, {}, ga4_answer(other, dataLossFromOtherRow=True)), token="t", property="1"
    )
    assert [r["status"] for r in rows(batches, "intervals")] == ["suppressed"]
    empty = {"metadata": {"timeZone": "UTC", "emptyReason": "EMPTY"}, "kind": "analyticsData#runReport"}
    batches, _, desk = asked("ga4", monkeypatch, (200, {}, empty), token="t", property="1")
    assert not rows(batches, "intervals")
    assert desk.answered


def test_ga4_quota(monkeypatch):
    pages = [ga4_row("2026103010", "session_start", "blog.example/a", "", 1)]
    with pytest.raises(Unknown, match="tokens") as caught:
        asked("ga4", monkeypatch, (200, {}, ga4_answer(pages, total=9, quota=3)), token="t", property="1")
    assert caught.value.status == "rate_limited"
    refusal = {"error": {"code": 429, "message": "Exhausted property tokens", "status": "RESOURCE_EXHAUSTED"}}
    with pytest.raises(Unknown) as caught:
        asked("ga4", monkeypatch, (429, {"Retry-After": "7200"}, refusal), token="t", property="1")
    assert caught.value.status == "rate_limited"


def test_no_key_is_not_configured(monkeypatch):
    for name in ("ga4", "plausible", "matomo", "search_console"):
        with pytest.raises(Unknown) as caught:
            asked(name, monkeypatch, (200, {}, {}))
        assert caught.value.status == "not_configured"


def test_plausible(monkeypatch):
    def answer(request):
        body = json.loads(request.body)
        assert body["site_id"] == "blog.example"
        offset = body["pagination"]["offset"]
        if body["metrics"] == ["pageviews"]:
            return 200, {}, {"results": [], "meta": {"total_rows": 0}, "query": {}}
        found = [
            {
                "dimensions": ["2026-10-30 10:00:00", "/a", "news.ycombinator.com", "(not set)"],
                "metrics": [3],
            },
            {"dimensions": ["2026-10-30 10:00:00", "/a", "Direct / None", "(not set)"], "metrics": [2]},
            {"dimensions": ["2026-10-30 11:00:00", "/a", "Direct / None", "twitter"], "metrics": [1]},
        ]
        return 200, {}, {"results": found[offset : offset + 2], "meta": {"total_rows": 3}, "query": {}}

    batches, requests, _ = asked("plausible", monkeypatch, answer, key="k", zone="America/New_York")
    assert values(batches, "visits") == {
        ("hackernews", "10-30 14"): 3,
        ("direct", "10-30 14"): 2,
        ("twitter", "10-30 15"): 1,
    }
    assert len(requests) == 3
    assert requests[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(("code", "status"), [(401, "blocked"), (429, "rate_limited")])
def test_plausible_refusals(monkeypatch, code, status):
    with pytest.raises(Unknown) as caught:
        asked("plausible", monkeypatch, (code, {"Retry-After": "9999"}, {"error": "no"}), key="k")
    assert caught.value.status == status


def test_matomo(monkeypatch):
    at = int(datetime(2026, 10, 31, 10, 5, tzinfo=UTC).timestamp())

    def view(url, later):
        return {"type": "action", "url": url, "timestamp": at + later}

    visits = [
        {
            "visitIp": "192.0.2.0",
            "serverTimestamp": at,
            "referrerType": "social",
            "referrerName": "Twitter",
            "referrerUrl": "https://t.co/x",
            "actionDetails": [
                view("https://blog.example/a", 0),
                view("https://blog.example/b", 9),
                {"type": "event", "url": "https://blog.example/b"},
            ],
        },
        {
            "serverTimestamp": at,
            "referrerType": "search",
            "referrerName": "Google",
            "referrerUrl": "",
            "actionDetails": [view("https://blog.example/a", 3700)],
        },
        {
            "serverTimestamp": at,
            "referrerType": "direct",
            "referrerName": "",
            "referrerUrl": "",
            "actionDetails": [view("https://other.example/", 0)],
        },
    ]

    def answer(request):
        assert b"token_auth=s" in request.body
        assert "token" not in request.raw
        return 200, {}, visits if b"2026-10-31" in request.body else []

    batches, _, _ = asked("matomo", monkeypatch, answer, token="s")
    assert values(batches, "visits") == {("twitter", "10-31 10"): 1, ("search", "10-31 11"): 1}
    assert values(batches, "pageviews") == {("twitter", "10-31 10"): 2, ("search", "10-31 11"): 1}
    assert "192.0.2" not in str(rows(batches, "intervals"))
    said = {"result": "error", "message": "You can't access this resource as it requires 'view' access"}
    with pytest.raises(Unknown) as caught:
        asked("matomo", monkeypatch, (200, {}, said), token="s")
    assert caught.value.status == "blocked"


def test_search_console(monkeypatch):
    def answer(request):
        body = json.loads(request.body)
        assert body["dataState"] == "HOURLY_ALL"
        if body["startDate"] != "2026-10-31":
            return 200, {}, {"responseAggregationType": "byPage"}
        found = [
            {
                "keys": ["2026-10-31T10:00:00-07:00", "https://blog.example/a"],
                "clicks": 4,
                "impressions": 90,
                "ctr": 0.04,
            },
            {
                "keys": ["2026-10-31T23:00:00-07:00", "https://www.blog.example/a"],
                "clicks": 0,
                "impressions": 3,
            },
        ]
        return 200, {}, {"rows": found, "metadata": {"firstIncompleteHour": "2026-10-31T20:00:00-07:00"}}

    batches, requests, _ = asked("search_console", monkeypatch, answer, token="t")
    assert values(batches, "clicks") == {("search", "10-31 17"): 4, ("search", "11-01 06"): 0}
    assert [r["partial"] for r in rows(batches, "intervals") if r["metric"] == "impressions"] == [False, True]
    assert "sc-domain%3Ablog.example" in requests[0].raw


def test_goatcounter_csv(tmp_path: Path):
    path = tmp_path / "goat.csv"
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
    head = "2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Referrer scheme,Screen size,Location,FirstVisit,Date"  # noqa: E501

    def row(
        path,
        bot="0",
        ref="",
        scheme="",
        first="true",
        agent=agent,
        date="2026-03-02T10:05:00Z",
        event="false",
    ):
        return f'{path},T,{event},"{agent}",F,L,s,{bot},{ref},{scheme},,DE,{first},{date}'

    path.write_text(
        "\n".join(
            [
                head,
                row("/a", ref="news.ycombinator.com", scheme="h"),
                row("/b", ref="blog.example/a", scheme="h", first="false"),
                row("/a", bot="3"),
                row("/a", ref="newsletter", scheme="c"),
                row("click", event="true"),
                row("/a", date="when?"),
                row("/a", agent="Googlebot/2.1"),
                row("/a", date="2026-03-02T12:05:00+02:00"),
            ]
        )
        + "\n"
    )
    batches = list(traffic.modules()["goatcounter"].IMPORTS["csv"](path, account="https://blog.example"))
    assert values(batches, "visits") == {
        ("hackernews", "03-02 10"): 1,
        ("site", "03-02 10"): 1,
        ("direct", "03-02 10"): 1,
    }
    assert values(batches, "pageviews.removed.counter") == {("direct", "03-02 10"): 1}
    assert values(batches, "pageviews.removed.crawler") == {("direct", "03-02 10"): 1}
    assert batches[0].set_aside["line"].tolist() == [6, 7]
    with pytest.raises(UserError, match="account"):
        list(traffic.modules()["goatcounter"].IMPORTS["csv"](path))


def test_ga4_csv(tmp_path: Path):
    path = tmp_path / "report.csv"
    path.write_text(
        "\ufeff# ----------------------------------------\n# Pages\n# Start date: 20260301\n# End date: 20260302\n\n"  # noqa: E501
        "Page path and screen class,Session source / medium,Views,Sessions\n"
        '/a,google / organic,"1,200",900\n/a,(direct) / (none),10,8\n/b,t.co / referral,5,x\n'
    )
    batches = list(ga4.read_csv(path, account="blog.example", zone="Europe/Berlin"))
    assert values(batches, "pageviews") == {
        ("search", "02-28 23"): 1200,
        ("direct", "02-28 23"): 10,
        ("twitter", "02-28 23"): 5,
    }
    assert values(batches, "visits") == {("search", "02-28 23"): 900, ("direct", "02-28 23"): 8}
    assert len(batches[0].set_aside) == 1


def test_plausible_export(tmp_path: Path):
    import zipfile

    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(
            "imported_pages_1.csv",
            "date,hostname,page,visits,visitors,pageviews\n2026-03-01,blog.example,/a,3,3,5\n",
        )
        packed.writestr(
            "imported_entry_pages_1.csv", "date,entry_page,visitors,entrances\n2026-03-01,/a,3,3\n"
        )
        packed.writestr(
            "imported_sources_1.csv",
            "date,source,referrer,utm_medium,visitors,visits\n2026-03-01,Hacker News,,,2,2\n"
            "2026-03-01,,,,1,1\nbad,x,,,1,1\n",
        )
    batches = list(plausible.read_export(path, account="https://blog.example"))
    assert values(batches, "visits") == {
        ("all", "03-01 00"): 3,
        ("hackernews", "03-01 00"): 2,
        ("direct", "03-01 00"): 1,
    }
    assert values(batches, "pageviews") == {("all", "03-01 00"): 5}
    with pytest.raises(UserError, match="no Plausible export"):  # noqa: PT012
        other = tmp_path / "x.csv"
        other.write_text("a,b\n1,2\n")
        list(plausible.read_export(other, account="https://blog.example"))
