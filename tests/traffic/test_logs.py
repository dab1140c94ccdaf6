"""Access logs: what a line is, what a visit is, where it came from, what is refused and why."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import zstandard
from logworld import BROWSER, SITE, World, line

from analysis.errors import UserError
from analysis.models.exposure import raw_and_cleaned


def test_a_visit_ends_after_half_an_hour_of_rest(world: World):
    times = ["10:00:00", "10:29:59", "10:59:59", "11:30:00"]
    world.read(world.file("a.log", [line(f"02/Mar/2026:{t} +0000") for t in times]))
    assert world.total("visits") == 2
    assert world.total("pageviews") == 4


def test_another_outside_source_begins_a_visit_and_an_inside_one_does_not(world: World):
    world.read(
        world.file(
            "a.log",
            [
                line("02/Mar/2026:10:00:00 +0000", "/a", referrer="https://news.ycombinator.com/"),
                line("02/Mar/2026:10:01:00 +0000", "/b", referrer=f"{SITE}/a"),
                line("02/Mar/2026:10:02:00 +0000", "/a", referrer="https://old.reddit.com/r/x"),
                line("02/Mar/2026:10:03:00 +0000", "/b"),
            ],
        )
    )
    assert world.by_platform() == {"hackernews": 1, "reddit": 1}
    assert world.by_platform("pageviews") == {"hackernews": 2, "reddit": 2}


def test_visitors_are_told_apart_by_address_and_agent(world: World):
    world.read(
        world.file(
            "a.log",
            [
                line(ip="2001:db8::1"),
                line(ip="2001:db8::2"),
                line(ip="192.0.2.9"),
                line(ip="192.0.2.9", agent="Mozilla/5.0 X"),
                line(ip="2001:db8::1"),
            ],
        )
    )
    assert world.total("visits") == 4


def test_assets_refusals_other_methods_and_junk_are_counted_and_are_no_pages(world: World):
    world.read(
        world.file(
            "a.log",
            [
                line(path="/a"),
                line(path="/s.css?v=1"),
                line(path="/feed/"),
                line(path="/robots.txt"),
                line(path="/a", status=404),
                line(path="/a", status=301),
                line(path="/a", method="POST"),
                line(path="/a", status=304),
                '192.0.2.1 - - [02/Mar/2026:10:00:00 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"',
                line(path="http://elsewhere.example/x"),
            ],
        )
    )
    assert {
        m: world.total(m)
        for m in (
            "requests",
            "requests.asset",
            "requests.refused",
            "requests.other_method",
            "requests.malformed",
            "requests.unmatched",
            "pageviews.raw",
        )
    } == {
        "requests": 10,
        "requests.asset": 3,
        "requests.refused": 2,
        "requests.other_method": 1,
        "requests.malformed": 1,
        "requests.unmatched": 1,
        "pageviews.raw": 2,
    }


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/caf%C3%A9?utm_source=x", "https://blog.example/caf%C3%A9"),
        ("/caf\xe9", "https://blog.example/caf%C3%A9"),
        (r"/caf\xC3\xA9", "https://blog.example/caf%C3%A9"),
        ("/a b", "https://blog.example/a%20b"),
        ("/a/index.html", "https://blog.example/a"),
        ("/?p=3", "https://blog.example/?p=3"),
    ],
)
def test_paths_become_canonical_urls(world: World, path: str, url: str):
    world.read(world.file("a.log", [line(path=path)]))
    assert set(world.rows("pageviews")["url"]) == {url}


def test_a_path_that_is_no_utf8_is_kept_byte_by_byte(world: World):
    world.read(world.file("a.log", line(path="/caf@").encode().replace(b"@", b"\xe9") + b"\n"))
    assert set(world.rows("pageviews")["url"]) == {"https://blog.example/caf%E9"}


def test_tags_speak_where_no_referrer_does_and_contradictions_are_said(world: World):
    tagged = "/a?utm_source=twitter&utm_medium=social"
    world.read(
        world.file(
            "a.log",
            [
                line(path=tagged, ip="192.0.2.1"),
                line(path=tagged, ip="192.0.2.2", referrer="https://t.co/x"),
                line(path=tagged, ip="192.0.2.3", referrer="https://www.facebook.com/"),
                line(path="/a?utm_source=letter&utm_medium=email", ip="192.0.2.4"),
                line(path="/a", ip="192.0.2.5", agent="Mozilla/5.0 (iPhone) [FBAN/FBIOS;FBAV/1]"),
            ],
        )
    )
    assert world.by_platform() == {"twitter": 2, "facebook": 2, "site": 1}
    assert world.by_platform("visits.tag_contradicts") == {"facebook": 1}
    assert world.by_platform("visits.by_tag") == {"twitter": 1, "site": 1}
    assert world.by_platform("visits.by_app") == {"facebook": 1}


def test_machines_are_removed_by_rule_and_raw_is_the_sum(world: World):
    lines = [line(ip=f"192.0.2.{n}") for n in range(5)]
    lines += [
        line(
            ip="198.51.100.1",
            agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        )
    ]
    lines += [line(ip="198.51.100.2", agent="-"), line(ip="198.51.100.3", referrer="http://semalt.com/x")]
    lines += [line(f"02/Mar/2026:10:00:{n:02d} +0000", f"/p{n}", ip="198.51.100.4") for n in range(31)]
    # thirty-one people behind one address who follow one link are people
    lines += [line(ip="198.51.100.5", referrer="https://news.ycombinator.com/") for _ in range(31)]
    world.read(world.file("a.log", lines))
    table = raw_and_cleaned(world.rows(), ["start"], "pageviews").iloc[0]
    assert table["raw"] == len(lines) == world.total("pageviews.raw")
    assert {name: table[name] for name in table.index if name.startswith("removed")} == {
        "removed.burst": 31,
        "removed.crawler": 1,
        "removed.no_agent": 1,
        "removed.spam": 1,
    }
    assert table["kept"] == 36
    visits = raw_and_cleaned(world.rows(), ["platform"], "visits")
    parts = [name for name in visits if name.startswith("removed")]
    assert (visits["raw"] == visits["kept"] + visits[parts].sum(axis=1)).all()


def test_thirty_pages_in_a_minute_are_no_burst(world: World):
    world.read(world.file("a.log", [line(f"02/Mar/2026:10:00:{n:02d} +0000", f"/p{n}") for n in range(30)]))
    assert world.total("pageviews") == 30


def test_no_address_is_written_anywhere(world: World):
    text = [line(ip="203.0.113.77"), line(ip="2001:db8::abcd"), "203.0.113.78 nonsense", "x 2001:db8::abce y"]
    found = world.read(world.file("logs.txt", text))
    (world.folder / "logs.txt").unlink()
    aside = found.set_aside.to_csv().encode()
    kept = b"".join(p.read_bytes() for p in world.folder.rglob("*") if p.is_file()) + aside
    for address in (b"203.0.113.7", b"2001:db8"):
        assert address not in kept
    assert found.set_aside["text"].tolist() == ["(address) nonsense", "x (address) y"]


def test_refused_lines_say_where_and_why(world: World):
    text = [line(), "", line().replace("Mar", "Mrz"), line()[:-5], line().replace(" 200 ", " ok "), line()]
    found = world.read(world.file("a.log", text))
    assert list(zip(found.set_aside["line"], found.set_aside["reason"], strict=True)) == [
        (2, "empty"),
        (3, "time is not what the format says"),
        (4, "ends before the end of agent"),
        (5, "status is not what the format says"),
    ]
    report = found.files[0]
    assert (report.lines, report.parsed, sum(report.refused.values())) == (6, 2, 4)


def test_lines_of_ten_megabytes_and_more_are_refused_and_counted(world: World):
    text = b"\n".join(
        [
            line().encode(),
            b"x" * 10_000_000,
            line().encode(),
            b"y" * 40_000_000,
            line(ip="192.0.2.2").encode(),
            b"",
        ]
    )
    found = world.read(world.file("a.log", text))
    assert found.files[0].refused == {"longer than 1,048,576 bytes": 2}
    assert found.files[0].parsed == 3
    assert world.total("visits") == 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_packed_files_read_like_plain_ones(world: World, pack):
    world.read(
        world.file("a.log.1.packed", pack("".join(line(ip=f"192.0.2.{n}") + "\n" for n in range(9)).encode()))
    )
    assert world.total("visits") == 9


def test_a_packed_file_that_breaks_off_gives_what_it_holds_and_says_so(world: World):
    data = gzip.compress("".join(line(ip=f"10.{n % 200}.{n // 200}.1") + "\n" for n in range(4000)).encode())
    found = world.read(world.file("a.gz", data[: len(data) // 2]))
    assert "broken off" in found.files[0].note
    assert 0 < world.total("visits") < 4000
    world.read(world.file("a.gz", data))
    assert world.total("visits") == 4000


def test_a_zone_without_offsets_across_both_changes_of_the_clock(world: World):
    how = '%h %{%Y-%m-%d %H:%M:%S}t "%r" %>s "%{Referer}i" "%{User-Agent}i"'
    local = [
        "2026-03-29 01:59:59",
        "2026-03-29 02:30:00",
        "2026-03-29 03:00:00",  # 02:30 never was
        "2026-10-25 01:59:59",
        "2026-10-25 02:30:00",
        "2026-10-25 02:59:00",
        "2026-10-25 02:05:00",
        "2026-10-25 02:31:00",
        "2026-10-25 03:00:00",
    ]
    text = [f'192.0.2.{n} {time} "GET /a HTTP/1.1" 200 "-" "{BROWSER}"' for n, time in enumerate(local)]
    found = world.read(world.file("a.log", text), format=how, zone="Europe/Berlin")
    assert found.files[0].refused == {"a local time that does not exist in Europe/Berlin": 1}
    hours = world.rows("visits").groupby("start")["value"].sum()
    assert {str(t)[:16]: int(n) for t, n in hours.items()} == {
        "2026-03-29 00:00": 1,
        "2026-03-29 01:00": 1,
        "2026-10-24 23:00": 1,
        "2026-10-25 00:00": 2,
        "2026-10-25 01:00": 2,
        "2026-10-25 02:00": 1,
    }
    with pytest.raises(UserError, match="--zone"):
        world.read(world.file("b.log", text[:1]), format=how)


def test_offsets_in_the_log_need_no_zone(world: World):
    world.read(
        world.file(
            "a.log",
            [
                line("25/Oct/2026:02:30:00 +0200"),
                line("25/Oct/2026:02:30:00 +0100", ip="192.0.2.2"),
                line("25/Oct/2026:02:30:00 -0330", ip="192.0.2.3"),
            ],
        )
    )
    assert [str(t)[11:16] for t in sorted(world.rows("visits")["start"])] == ["00:00", "01:00", "06:00"]


def test_caddy(world: World):
    def entry(**more: object) -> str:
        request = {
            "remote_ip": "192.0.2.1",
            "client_ip": "192.0.2.1",
            "method": "GET",
            "host": "blog.example",
            "uri": "/a",
            "headers": {"User-Agent": [BROWSER], "Referer": ["https://lobste.rs/s/x"]},
        }
        return json.dumps(
            {
                "level": "info",
                "ts": 1772445600.25,
                "msg": "handled request",
                "request": request,
                "status": 200,
            }
            | more
        )

    iso = entry(ts="2026-03-02T12:00:00.5+01:00", status=404)
    found = world.read(
        world.file("caddy.log", [entry(), iso, "{not json", '{"msg": "server running"}', entry()])
    )
    assert world.by_platform() == {"lobsters": 1}
    assert world.total("requests.refused") == 1
    assert found.files[0].refused == {"no JSON object": 1, "lacks a request": 1}


def test_cloudfront(world: World):
    head = (
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "  # noqa: E501
        "cs(Referer) cs(User-Agent) cs-uri-query x-host-header"
    )
    agent = BROWSER.replace(" ", "%20")
    row = "\t".join(
        [
            "2026-03-02",
            "10:00:01",
            "FRA2",
            "512",
            "192.0.2.1",
            "GET",
            "d1.cloudfront.net",
            "/a%20b",
            "200",
            "https://t.co/x",
            agent,
            "id=3&utm_source=x",
            "blog.example",
        ]
    )
    crawler = row.replace(agent, "Mozilla/5.0%2520(compatible;%2520bingbot/2.0)").replace(
        "192.0.2.1", "192.0.2.2"
    )
    found = world.read(world.file("cf.log", [head, row, crawler, head]))
    assert found.files[0].format == "w3c"
    assert world.by_platform() == {"twitter": 1}
    assert world.total("pageviews.removed.crawler") == 1
    assert set(world.rows("visits")["url"]) == {"https://blog.example/a%20b?id=3"}
    assert not found.files[0].refused


def test_fastly_and_nginx_by_a_format_string(world: World):
    fastly = (
        '%{client.ip}V "%{begin:%Y-%m-%dT%H:%M:%S%z}t" "%{req.method}V" "%{req.url}V" %{resp.status}V '
        '"%{req.http.referer}V" "%{req.http.User-Agent}V"'
    )
    world.read(
        world.file(
            "f.log", [f'192.0.2.1 "2026-03-02T10:00:00+0000" "GET" "/a?x=1" 200 "https://t.co/a" "{BROWSER}"']
        ),
        format=fastly,
    )
    nginx = (
        '$remote_addr - $remote_user [$time_local] $host "$request" $status $body_bytes_sent "$http_referer" '
        '"$http_user_agent" rt=$request_time'
    )
    text = f'192.0.2.2 - joe doe [02/Mar/2026:10:00:00 +0000] blog.example "GET /b HTTP/2.0" 200 1 "-" "{BROWSER}" rt=0.1'  # noqa: E501
    world.read(world.file("n.log", [text]), format=nginx)
    assert world.by_platform() == {"twitter": 1, "direct": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "no log format"),
        ('%h %t "%r"', "lacks the status"),
        ('$remote_addr$status [$time_local] "$request"', "nothing separates"),
        ('%h %{%y}t "%r" %>s', "time format"),
    ],
)
def test_formats_that_cannot_work_say_why(world: World, text: str, said: str):
    with pytest.raises(UserError, match=said):
        world.read(world.file("a.log", [line()]), format=text)


def test_what_is_no_log_is_refused_whole(world: World):
    with pytest.raises(UserError, match="no format that is known"):
        world.read(world.file("a.txt", ["hello", "world"]))
    with pytest.raises(UserError, match="does not exist"):
        world.read(world.folder / "nothing.log")


def test_every_line_of_elastics_log(world: World, shared: Path):
    found = world.read(shared / "data/elastic_weblogs/apache_logs.gz", site="http://semicomplete.com")
    report = found.files[0]
    assert (report.lines, report.parsed) == (10_000, 9_999)
    assert dict(report.refused) == {"ends before the end of agent": 1}
    text = gzip.open(shared / "data/elastic_weblogs/apache_logs.gz", "rt").read().splitlines()  # noqa: SIM115
    assert not text[found.set_aside["line"].iloc[0] - 1].endswith('"')
    assert world.total("requests") == 9_999
    # each search visit began with a line that names an engine
    engines = sum(
        any(e in t.split('"')[3] for e in ("google.", "bing.", "yahoo.", "duckduckgo.", "yandex.", "ask.com"))
        for t in text
        if t.count('"') >= 6
    )
    assert 0 < world.by_platform()["search"] <= engines


def test_every_line_of_a_broken_tomcat_log(world: World, shared: Path):
    path = shared / "data/erddap_access_logs/tomcat-access.log.gz"
    found = world.read(path, site="https://erddap.example")
    text = gzip.open(path, "rb").read().split(b"\n")[:-1]  # noqa: SIM115
    sound = [n for n, t in enumerate(text, 1) if t[:1].isdigit() and t.count(b'"') >= 6]
    assert found.files[0].lines == len(text)
    assert found.files[0].parsed == len(sound)
    assert Counter(found.files[0].refused).total() == len(text) - len(sound)
    assert not set(found.set_aside["line"]) & set(sound)
    assert world.total("requests") == len(sound)


def test_hours_between_lines_are_zero_and_the_ends_are_partial(world: World):
    world.read(world.file("a.log", [line("02/Mar/2026:10:30:00 +0000"), line("02/Mar/2026:13:10:00 +0000")]))
    hours = world.rows("requests").sort_values("start")
    assert hours["value"].tolist() == [1, 0, 0, 1]
    assert hours["partial"].tolist() == [True, False, False, True]
    assert (hours["end"] - hours["start"] == pd.Timedelta(hours=1)).all()
