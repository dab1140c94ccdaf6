"""Pages looked at politely and safely: rel read right, private networks never, hostile pages survived."""

import pytest
from fakes import Still
from loopback import loopback

from analysis.platforms import cards, pages
from analysis.platforms.anchors import anchors
from analysis.platforms.client import ATTEMPTS, Connection
from analysis.platforms.contract import Unknown
from analysis.platforms.pages import Reader, public

HTML = {"Content-Type": "text/html; charset=utf-8"}


def reader(private=True):
    return Reader(Connection(cards()["lobsters"], clock=Still()), private=private)


def serve(routes):
    """Answers by path; robots.txt is missing unless a route gives it."""
    return lambda request: routes.get(request.path, (404, {}, b""))


def test_rel_base_and_meta_robots_are_read_as_a_browser_reads_them():
    found = anchors(
        '<base href="https://b.example/x/"><meta name="ROBOTS" content="NoFollow, noindex">'
        '<a href="y" REL="ugc NoFollow">y</a><a href=/z>z</a><a href="javascript:alert(1)">no</a>'
        '<!-- <a href="/comment">c</a> --><script>"<a href=/script>"</script>'
        "<a rel=ugc href=//o.example rel=me>",
        "https://a.example/page",
    )
    assert [(link.url, set(link.rel)) for link in found.links] == [
        ("https://b.example/x/y", {"ugc", "nofollow"}),
        ("https://b.example/z", set()),
        ("https://o.example", {"ugc"}),
    ]
    assert found.robots == {"nofollow", "noindex"}
    assert found.whole


@pytest.mark.parametrize(
    "html",
    ["<" * 400_000, "<!--" * 100_000, "<a " * 130_000, "<div>" * 80_000, "<![CDATA[" * 50_000, "&#" * 200_000,
     "<a href='" + "x" * 400_000, "\x00" * 400_000, "<a href=http://[::1>x</a>" * 20_000],
)  # fmt: skip
def test_a_hostile_page_ends(html, monkeypatch):
    monkeypatch.setattr("analysis.platforms.anchors.SECONDS", 0.3)
    assert anchors(html, "https://a.example/").links == ()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.9", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "ff02::1", "no address"],
)  # fmt: skip
def test_private_addresses_are_private(address):
    assert not public([address])
    assert not public(["93.184.215.14", address])


def test_public_addresses_are_public():
    assert public(["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1"])
def test_loopback_is_never_looked_at(host):
    with loopback((200, HTML, b"<a href=https://a.example>")) as server:
        port = server.url.rsplit(":", 1)[1]
        for url in (f"http://{host}:{port}/", f"http://{host}/"):
            with pytest.raises(Unknown):
                reader(private=False).read(url)
        assert not server.requests


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    real, asked = pages.socket.getaddrinfo, []

    def turning(host, *rest, **more):
        asked.append(host)
        return real("127.0.0.1" if host == "turning.example" else host, *rest, **more)

    monkeypatch.setattr(pages.socket, "getaddrinfo", turning)
    with loopback(serve({"/x": (200, HTML, b"<a href=/y>")})) as server:
        port = server.url.rsplit(":", 1)[1]
        reader().read(f"http://turning.example:{port}/x")
        assert server.requests[-1].headers["host"] == f"turning.example:{port}"
    # once for robots.txt, once for the page; between check and connection nobody asks for the name again
    assert asked.count("turning.example") == 2


def test_a_redirect_into_the_private_network_is_not_followed(monkeypatch):
    with loopback(serve({"/out": (302, {"Location": "http://inside.example/secret"}, b"")})) as server:
        port = int(server.url.rsplit(":", 1)[1])
        real = pages.socket.getaddrinfo
        outside = {"outside.example": "127.0.0.1", "inside.example": "10.0.0.7"}
        monkeypatch.setattr(
            pages.socket, "getaddrinfo", lambda host, *rest, **m: real(outside.get(host, host), *rest, **m)
        )
        monkeypatch.setattr(pages, "PORTS", {"http": port, "https": 443})
        # the test's own server stands for the public internet here
        monkeypatch.setattr(pages, "public", lambda found: "10.0.0.7" not in found)
        with pytest.raises(Unknown, match="private network"):
            reader(private=False).read("http://outside.example/out")
        assert server.paths() == ["/robots.txt", "/out"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/x",
        "file:///etc/passwd",
        "http://user:pw@a.example/",
        "http://",
        "http://[::1",
        "http://a.example:99999/",
        "http://" + "ä" * 80 + "/",
        "http://a\r\nX: y.example/",
        "not a page",
    ],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(Unknown):
        reader().read(url)


def test_a_page_is_read_with_its_headers_and_our_name():
    answer = (200, {**HTML, "X-Robots-Tag": "googlebot: nofollow"}, "<a href=/ä>".encode())
    with loopback(serve({"/page": answer})) as server:
        page = reader().read(f"{server.url}/page#part")
        assert page.robots == {"googlebot", "nofollow"}
        assert "ä" in page.html
        assert server.requests[-1].headers["user-agent"].startswith("virality/")
        assert server.requests[-1].headers["host"] == server.url.removeprefix("http://")


def test_robots_txt_is_kept():
    robots = (
        200,
        {"Content-Type": "text/plain"},
        b"User-agent: *\nDisallow: /private\nUser-agent: virality\nDisallow: /s/",
    )
    with loopback(serve({"/robots.txt": robots, "/s/1": (200, HTML, b"")})) as server:
        with pytest.raises(Unknown, match=r"robots\.txt") as error:
            reader().read(f"{server.url}/s/1")
        assert error.value.status == "blocked"
        assert server.paths() == ["/robots.txt"]


@pytest.mark.parametrize(("rules", "path", "may"), [
    ("Disallow: /*/private", "/s/private/1", False),
    ("Disallow: /*/private", "/private/1", True),
    ("Disallow: /*.pdf$", "/s/1.pdf", False),
    ("Disallow: /*.pdf$", "/s/1.pdf?x=1", True),
    ("Disallow: /*?*sort=", "/s?page=2&sort=new", False),
    ("Disallow: /s/\nAllow: /s/*/open", "/s/1/open", True),  # the longest match, wherever it stands
    ("Allow: /s/\nDisallow: /s/1", "/s/1", False),
    ("Disallow: /s\nAllow: /s", "/s", True),  # of equals the one that allows
    ("Disallow: /caf%C3%A9", "/café", False),
    ("Disallow:", "/s", True),
])  # fmt: skip
def test_robots_txt_is_read_as_its_rfc_says(rules, path, may):
    robots = (200, {}, f"\ufeffUser-agent: *\n{rules}\n".encode())
    with loopback(lambda request: robots if request.path == "/robots.txt" else (200, HTML, b"")) as server:
        if may:
            reader().read(server.url + path)
        else:
            with pytest.raises(Unknown, match=r"robots\.txt of .* does not allow it"):
                reader().read(server.url + path)


@pytest.mark.parametrize("status", [500, 501, 503, 429])
def test_robots_txt_that_fails_is_a_no(status):
    with loopback(serve({"/robots.txt": (status, {}, b""), "/x": (200, HTML, b"")})) as server:
        one = reader()
        for _ in range(2):
            with pytest.raises(Unknown, match="could not be read") as error:
                one.read(f"{server.url}/x")
            assert error.value.status == "blocked"
            asked = len(server.requests)
        # a host that fails is not asked again for every page
        assert len(server.requests) == asked <= ATTEMPTS
        assert "/x" not in server.paths()


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_robots_txt_that_may_not_be_seen_forbids_nothing(status):
    forbids = b"User-agent: *\nDisallow: /"
    with loopback(serve({"/robots.txt": (status, {}, forbids), "/x": (200, HTML, b"")})) as server:
        reader().read(f"{server.url}/x")


def test_a_huge_robots_txt_is_read_to_its_last_whole_line():
    start = b"User-agent: *\nDisallow: /s/\n"
    rest = b"#" * (pages.ROBOTS_BYTES - len(start) - len(b"\nDisallow: /")) + b"\nDisallow: /cut/in/two"
    routes = {"/robots.txt": (200, {}, start + rest), "/x": (200, HTML, b""), "/s/1": (200, HTML, b"")}
    with loopback(serve(routes)) as server:
        reader().read(f"{server.url}/x")
        with pytest.raises(Unknown, match="does not allow it"):
            reader().read(f"{server.url}/s/1")


def test_a_robots_txt_that_multiplies_is_a_no():
    """Every rule holds for every agent before it: half a megabyte could fill a machine."""
    agents = "".join(f"User-agent: a{n}\n" for n in range(12_000))
    hostile = (agents + "Disallow: /x\n" * 15_000).encode()
    with (
        loopback(serve({"/robots.txt": (200, {}, hostile), "/x": (200, HTML, b"")})) as server,
        pytest.raises(Unknown, match="could not be read"),
    ):
        reader().read(f"{server.url}/x")


@pytest.mark.parametrize(("delay", "seconds"), [("7.5", 7.5), ("0.1", 2.0), ("1e30", 86400.0), ("soon", 2.0)])
def test_the_delay_a_host_asks_for_is_kept(delay, seconds, monkeypatch):
    robots = (200, {}, f"User-agent: virality\nCrawl-delay: {delay}\n".encode())
    desk, asked = Connection(cards()["lobsters"], clock=Still()), []
    polite = desk.politely
    monkeypatch.setattr(
        desk, "politely", lambda ask, limits, scope: asked.append(limits[0].seconds) or polite(ask)
    )
    with loopback(serve({"/robots.txt": robots, "/x": (200, HTML, b"")})) as server:
        Reader(desk, private=True).read(f"{server.url}/x")
    assert asked == [2.0, seconds]


def test_redirects_go_round_only_so_often():
    with loopback(
        serve({"/a": (302, {"Location": "/b"}, b""), "/b": (301, {"Location": "/a"}, b"")})
    ) as server:
        with pytest.raises(Unknown, match="redirects more than"):
            reader().read(f"{server.url}/a")
        assert len(server.requests) == pages.MOST_HOPS + 2


def test_a_huge_page_is_read_no_further_than_it_may(monkeypatch):
    monkeypatch.setattr(pages, "MOST_BYTES", 100_000)
    page = b"<a href=https://first.example/>" + b"x" * 3_000_000
    with loopback(serve({"/huge": (200, HTML, page)})) as server:
        assert len(reader().read(f"{server.url}/huge").html) == 100_000


def test_a_page_that_drips_is_left(monkeypatch):
    monkeypatch.setattr(pages, "SECONDS", -1.0)
    with (
        loopback(serve({"/slow": (200, HTML, b"x" * 1000)})) as server,
        pytest.raises(Unknown, match="longer"),
    ):
        reader().read(f"{server.url}/slow")


@pytest.mark.parametrize(("answer", "status"), [
    ((404, HTML, b""), "failed"), ((403, HTML, b""), "blocked"), ((410, HTML, b""), "withdrawn"),
    ((200, {"Content-Type": "application/pdf"}, b"%PDF"), "unsupported"),
])  # fmt: skip
def test_what_cannot_be_seen_says_why(answer, status):
    with loopback(serve({"/x": answer})) as server:
        with pytest.raises(Unknown) as error:
            reader().read(f"{server.url}/x")
        assert error.value.status == status


def test_a_passing_fault_is_tried_again():
    answers = iter([(404, {}, b""), (503, {"Retry-After": "1"}, b""), (200, HTML, b"<a href=/x>")])
    clock = Still()
    with loopback(lambda request: next(answers)) as server:
        page = Reader(Connection(cards()["lobsters"], clock=clock), private=True).read(server.url + "/p")
        assert "href" in page.html


def test_a_shortened_address_is_followed_without_its_page():
    target = "https://publisher.example/essay"
    with loopback(
        serve({"/s": (301, {"Location": "/t"}, b""), "/t": (302, {"Location": target}, b"")})
    ) as server:
        assert reader().lands(f"{server.url}/s", lambda url: url == target)
        assert server.paths() == ["/robots.txt", "/s", "/t"]


@pytest.mark.parametrize(
    "location", ["http://[::1", "file:///etc/passwd", "http://a b.example/", "//" + "x" * 300]
)
def test_a_redirect_to_nowhere_is_an_answer(location):
    with loopback(serve({"/r": (302, {"Location": location}, b"")})) as server, pytest.raises(Unknown):
        reader().read(f"{server.url}/r")
