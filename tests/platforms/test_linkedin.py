"""LinkedIn: share statistics on loopback, a version that ended, and its workbooks."""

from datetime import UTC, datetime, timedelta

import openpyxl
import pandas as pd
import pytest
from fakes import Still, fetch, rows, session
from loopback import loopback

from analysis.errors import UserError
from analysis.platforms import modules
from analysis.platforms.contract import Ask, Unknown
from analysis.tables import TABLES, conform
from analysis.urls import canonical

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ASK = Ask("account", "123", account_kind="business")


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("VIRALITY_LINKEDIN_ACCESS_TOKEN", "marked-token")
    opened = []

    def start(answer):
        server = loopback(answer)
        opened.append(server)
        state = server.__enter__()
        monkeypatch.setenv("VIRALITY_LINKEDIN_BASE_URL", state.url)
        return state

    yield start
    for server in opened:
        server.__exit__(None, None, None)


def element(day, **more):
    at = datetime(2026, 10, day, tzinfo=UTC) if day < 32 else datetime(2026, 11, day - 31, tzinfo=UTC)
    totals = {
        "impressionCount": 100 + day,
        "uniqueImpressionsCount": 80,
        "clickCount": 7,
        "likeCount": 5,
        "commentCount": 0,
        "shareCount": 1,
        "engagement": 0.1,
    }
    span = {"start": int(at.timestamp() * 1000), "end": int((at + timedelta(days=1)).timestamp() * 1000)}
    return {
        "timeRange": span,
        "totalShareStatistics": totals | more,
        "organizationalEntity": "urn:li:organization:123",
    }


def test_days_come_out_as_days(serve):
    server = serve((200, {}, {"elements": [element(30), element(31), element(32)], "paging": {}}))
    desk = session("linkedin", Still(NOW))
    found = rows(fetch("linkedin", [ASK], desk), "intervals")
    assert len(found) == 18
    days = {r["start"]: r for r in found if r["metric"] == "impressions_organic"}
    assert days[datetime(2026, 10, 30, tzinfo=UTC)]["value"] == 130
    assert [r["partial"] for r in days.values()] == [False, False, True]
    assert {r["observer"] for r in found} == {"linkedin statistics business"}
    assert [r["value"] for r in found if r["metric"] == "comments_organic"] == [0, 0, 0]  # a 0 it says is a 0
    request = server.requests[0]
    assert request.path == "/rest/organizationalEntityShareStatistics"
    assert request.query["organizationalEntity"] == "urn:li:organization:123"
    start = int((NOW.replace(hour=0) - timedelta(days=365)).timestamp() * 1000)
    end = int((NOW.replace(hour=0) + timedelta(days=1)).timestamp() * 1000)
    assert request.query["timeIntervals"] == f"(timeRange:(start:{start},end:{end}),timeGranularityType:DAY)"
    assert len(request.headers["linkedin-version"]) == 6
    again = session("linkedin", Still(NOW))
    again.places.update(desk.places)
    fetch("linkedin", [ASK], again)
    settled = int((NOW.replace(hour=0) - timedelta(days=3)).timestamp() * 1000)
    assert f"start:{settled}," in server.requests[1].query["timeIntervals"]


def test_a_version_that_ended_is_withdrawn_and_says_what_to_set(serve, monkeypatch):
    monkeypatch.setenv("VIRALITY_LINKEDIN_VERSION", "202401")
    server = serve(
        (
            426,
            {},
            {
                "status": 426,
                "code": "NONEXISTENT_VERSION",
                "message": "Requested version 20240101 is not active",
            },
        )
    )
    with pytest.raises(Unknown) as error:
        fetch("linkedin", [ASK], session("linkedin", Still(NOW)))
    assert error.value.status == "withdrawn"
    assert "VIRALITY_LINKEDIN_VERSION" in error.value.reason
    assert "202401" in error.value.reason
    assert server.requests[0].headers["linkedin-version"] == "202401"


def test_a_page_of_others_leaves_ours_whole(serve):
    serve(
        lambda r: (
            (403, {}, {"message": "no"})
            if "999" in r.query["organizationalEntity"]
            else (200, {}, {"elements": [element(30)]})
        )
    )
    other, wrong = (
        Ask("account", "999", account_kind="business"),
        Ask("account", "our-name", account_kind="business"),
    )
    desk = session("linkedin", Still(NOW))
    batches = fetch("linkedin", [other, wrong, ASK], desk)
    assert desk.answered == {ASK}
    assert desk.failed[other].status == "blocked"
    assert "no organisation number" in desk.failed[wrong].reason
    assert len(rows(batches, "intervals")) == 6


def test_what_an_answer_leaves_out_is_not_zero(serve):
    part = element(30)
    del part["totalShareStatistics"]["likeCount"]
    serve((200, {}, {"elements": [part]}))
    found = rows(fetch("linkedin", [ASK], session("linkedin", Still(NOW))), "intervals")
    assert "reactions_organic" not in {r["metric"] for r in found}


# -- workbooks ----------------------------------------------------------------------------------


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for line in lines:
            sheet.append(line)
    book.save(path)
    return path


CREATOR = {
    "DISCOVERY": [
        ("Overall Performance", "4/24/2022 - 4/26/2022"),
        ("Impressions", 4000),
        ("Members reached", 1500),
    ],
    "ENGAGEMENT": [
        ("Date", "Impressions", "Engagements"),
        ("4/24/2022", 1000, 50),
        ("4/25/2022", 2000, 60),
        ("4/26/2022", 1000, None),
    ],
    "TOP_POSTS": [
        ("Maximum of 50 posts available to include in this list",),
        (),
        (
            "Post URL",
            "Post publish date",
            "Engagements",
            None,
            "Post URL",
            "Post publish date",
            "Impressions",
        ),
        (
            "https://www.linkedin.com/feed/update/urn:li:activity:701",
            "4/24/2022",
            40,
            None,
            "https://www.linkedin.com/feed/update/urn:li:activity:702",
            "4/25/2022",
            900,
        ),
    ],
    "FOLLOWERS": [
        ("Total followers on 4/26/2022:", 54448),
        (),
        ("Date", "New followers"),
        ("4/24/2022", 10),
        ("4/25/2022", 0),
    ],
    "DEMOGRAPHICS": [
        ("Top Demographics", "Value", "Percentage"),
        ("Job titles", "Founder", 0.023),
        ("Companies", "Made-up", "< 1%"),
    ],
}


def creator(path, **options):
    return list(modules()["linkedin"].IMPORTS["creator"](path, **options))


def test_a_creator_workbook(tmp_path):
    batches = creator(
        workbook(tmp_path / "x.xlsx", **CREATOR), account="https://www.linkedin.com/in/made-up/"
    )
    for batch in batches:
        for table in TABLES.values():
            conform(getattr(batch, table.name), table)
    bins = {(r["metric"], r["start"].day): r for r in rows(batches, "intervals")}
    assert bins["impressions", 25]["value"] == 2000
    assert bins["new_followers", 25]["value"] == 0
    assert bins["engagements", 26]["status"] == "suppressed"
    total = bins["period_impressions", 24]
    assert (total["value"], total["end"] - total["start"]) == (4000, pd.Timedelta("3D"))
    assert bins["period_post_engagements", 24]["value"] == 40
    assert bins["period_post_impressions", 24]["value"] == 900
    assert not any(r["partial"] for r in bins.values())
    readings = {r["metric"] + r["item_id"][:9]: r for r in rows(batches, "readings")}
    followers = next(r for k, r in readings.items() if k.startswith("followers"))
    assert (followers["value"], followers["observed_at"]) == (54448, datetime(2022, 4, 27, tzinfo=UTC))
    assert readings["follower_shareCompanies"]["status"] == "suppressed"
    assert canonical("https://www.linkedin.com/in/made-up/") in {c["url"] for c in rows(batches, "content")}


def test_the_recorded_layout(shared):
    path = shared / "payloads/linkedin/creator_analytics_layout.xlsx"
    batches = creator(path)
    found = rows(batches, "intervals")
    for sheet, names in (("ENGAGEMENT", ("impressions", "engagements")), ("FOLLOWERS", ("new_followers",))):
        cells = list(openpyxl.load_workbook(path, data_only=True)[sheet].iter_rows(values_only=True))
        head = next(i for i, row in enumerate(cells) if row[0] == "Date")
        for column, name in enumerate(names, 1):
            mine = {r["start"]: r["value"] for r in found if r["metric"] == name}
            theirs = {
                datetime.strptime(row[0], "%m/%d/%Y").replace(tzinfo=UTC): row[column]
                for row in cells[head + 1 :]
            }
            assert mine == pytest.approx(theirs)
            assert len(mine) == 365


def test_rows_of_a_workbook_in_any_order_and_twice(tmp_path):
    one = creator(workbook(tmp_path / "a.xlsx", **CREATOR))
    mixed = {
        n: [
            *lines[: (3 if n in ("TOP_POSTS", "FOLLOWERS") else 1)],
            *reversed(lines[(3 if n in ("TOP_POSTS", "FOLLOWERS") else 1) :]),
            lines[-1],
        ]
        for n, lines in CREATOR.items()
    }
    two = creator(workbook(tmp_path / "b.xlsx", **mixed))
    for table in ("intervals", "readings"):
        key = list(TABLES[table].key)
        a, b = (
            pd.concat([getattr(x, table) for x in batches])
            .drop(columns="source")
            .sort_values(key, ignore_index=True)
            for batches in (one, two)
        )
        pd.testing.assert_frame_equal(a, b)


METRICS = [
    ("Aggregated engagement metrics for your organic and sponsored updates.",),
    (
        "Date",
        "Impressions (organic)",
        "Impressions (sponsored)",
        "Impressions (total)",
        "Unique impressions (organic)",
        "Clicks (total)",
        "Engagement rate (total)",
    ),
    ("04/24/2026", 100, 20, 120, 90, 8, 0.07),
    ("04/25/2026", 50, 0, 50, 41, 2, 0.04),
]
POSTS = [
    ("Engagement metrics for individual posts.",),
    (
        "Post title",
        "Post link",
        "Post type",
        "Created date",
        "Impressions",
        "Clicks",
        "Likes",
        "Comments",
        "Reposts",
    ),
    (
        "Words, not kept",
        "https://www.linkedin.com/feed/update/urn:li:activity:703",
        "Organic",
        "04/24/2026",
        90,
        5,
        4,
        1,
        0,
    ),
]


def check_page(batches):
    bins = {(r["metric"], r["start"].day): r["value"] for r in rows(batches, "intervals")}
    assert bins == {
        ("impressions_organic", 24): 100,
        ("impressions_sponsored", 24): 20,
        ("impressions", 24): 120,
        ("unique_impressions_organic", 24): 90,
        ("clicks", 24): 8,
        ("impressions_organic", 25): 50,
        ("impressions_sponsored", 25): 0,
        ("impressions", 25): 50,
        ("unique_impressions_organic", 25): 41,
        ("clicks", 25): 2,
    }
    readings = {r["metric"]: (r["item_id"], r["value"]) for r in rows(batches, "readings")}
    assert readings == {
        "post_impressions": ("703", 90),
        "post_clicks": ("703", 5),
        "post_reactions": ("703", 4),
        "post_comments": ("703", 1),
        "post_reposts": ("703", 0),
    }
    assert "not kept" not in str([b.content.to_dict() for b in batches])
    for name in {m for m, _ in bins} | set(readings):
        assert modules()["linkedin"].CARD.metric(name)


def test_a_page_export_new_and_old(tmp_path):
    importer = modules()["linkedin"].IMPORTS["page"]
    check_page(list(importer(workbook(tmp_path / "x.xlsx", Metrics=METRICS, All_posts=POSTS))))
    xlwt = pytest.importorskip("xlwt")
    book = xlwt.Workbook()
    for name, lines in (("Metrics", METRICS), ("All posts", POSTS)):
        sheet = book.add_sheet(name)
        for i, line in enumerate(lines):
            for j, cell in enumerate(line):
                sheet.write(i, j, cell)
    book.save(str(tmp_path / "x.xls"))
    check_page(list(importer(tmp_path / "x.xls")))


def test_other_files_are_refused_in_words(tmp_path):
    path = workbook(tmp_path / "x.xlsx", Something=[("a", "b"), (1, 2)])
    for form in ("creator", "page"):
        with pytest.raises(UserError, match=r"x\.xlsx is no"):
            list(modules()["linkedin"].IMPORTS[form](path))
    half = (tmp_path / "x.xlsx").read_bytes()
    (tmp_path / "half.xlsx").write_bytes(half[: len(half) // 2])
    with pytest.raises(UserError, match="damaged"):
        creator(tmp_path / "half.xlsx")
