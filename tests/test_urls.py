"""One article in many spellings is one content; two articles never are."""

# ruff: noqa: E501 - a URL is read whole

import re
import string
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis import urls
from analysis.urls import canonical, content_id, identity, site

SAME = [
    # scheme, host, port, path
    ("https://example.com/a", ["http://example.com/a", "HTTP://EXAMPLE.COM/a", "https://www.example.com/a/"]),
    ("https://example.com/a", ["http://example.com:80/a", "https://example.com:443/a", "https://example.com:/a"]),
    ("https://example.com/a", ["https://example.com./a", "https://user:secret@example.com/a", " https://example.com/a\n"]),
    ("https://example.com/", ["http://example.com", "https://example.com/?", "https://example.com/#"]),
    ("https://example.com/a", ["https://example.com/a/index.html", "http://example.com/a/index.php", "http://example.com/a/Default.aspx"]),
    ("https://example.com/b", ["https://example.com/a/../b", "https://example.com/./b/.", "https://example.com/a/%2E%2E/b"]),
    ("https://example.com/~ann", ["https://example.com/%7Eann", "https://example.com/%7eann/"]),
    ("https://example.com/caf%C3%A9", ["https://example.com/café", "https://example.com/caf%c3%a9"]),
    ("https://example.com/a%20b", ["https://example.com/a b"]),
    ("https://xn--mnchen-3ya.de/a", ["https://münchen.de/a", "http://MÜNCHEN.de/a", "https://www.xn--mnchen-3ya.de/a"]),
    ("https://[2001:db8::1]/a", ["http://[2001:0db8:0:0::1]/a", "https://[2001:DB8::1]:443/a/"]),
    # what only says how the reader came
    ("https://example.com/a", [
        "https://example.com/a?utm_source=hn&utm_medium=social", "https://example.com/a?fbclid=IwAR0", "https://example.com/a?gclid=1&dclid=2",
        "https://example.com/a?mc_cid=1&mc_eid=2", "https://example.com/a?UTM_Source=x", "https://example.com/a?ref=hackernews",
        "https://example.com/a?ref=weekly-newsletter", "https://example.com/a?ref=some-blog.com", "https://example.com/a?source=friends_link&sk=0123456789abcdef0123456789abcdef",
        "https://example.com/a?amp=1", "https://example.com/a?PHPSESSID=1", "https://example.com/a;jsessionid=AB12", "https://example.com/a#comments",
        "https://example.com/a#:~:text=hello", "https://example.com/a?&&",
    ]),
    ("https://example.com/a?x=1&y=2", ["https://example.com/a?y=2&x=1", "https://example.com/a/?utm_term=z&y=2&x=1", "https://example.com/a?x=1&amp;y=2", "https://example.com/a?amp;x=1&amp;amp;y=2"]),
    ("https://example.com/a?q=one+two", ["https://example.com/a?q=one%20two", "https://example.com/a?q=one two"]),
    # mobile and AMP
    ("https://example.com/some/page", ["https://m.example.com/some/page", "https://mobile.example.com/some/page", "https://amp.example.com/some/page", "http://www.m.example.com/some/page"]),
    ("https://en.wikipedia.org/wiki/Virality", ["https://en.m.wikipedia.org/wiki/Virality", "http://en.wikipedia.org/wiki/Virality#History", "https://en.wikipedia.org/wiki/Virality?wprov=sfla1"]),
    ("https://example.com/2020/a-long-title", ["https://example.com/2020/a-long-title/amp/", "https://example.com/amp/2020/a-long-title",
        "https://www.google.com/amp/s/example.com/2020/a-long-title", "https://example-com.cdn.ampproject.org/c/s/example.com/2020/a-long-title",
        "https://example-com.cdn.ampproject.org/v/s/example.com/2020/a-long-title/amp/?amp_js_v=a2&amp_gsa=1"]),
    ("https://news.blogspot.com/2020/01/a.html", ["http://news.blogspot.com/2020/01/a.html?m=1", "http://news.blogspot.co.uk/2020/01/a.html", "https://news.blogspot.de/2020/01/a.html?spref=tw"]),
    # redirectors that carry their target
    ("https://example.com/a?x=1", [
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1%26fbclid%3DI&h=AT0", "https://lm.facebook.com/l.php?u=http%3A%2F%2Fwww.example.com%2Fa%3Fx%3D1",
        "https://out.reddit.com/t3_1?url=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1&token=AQ", "https://www.google.com/url?q=https://example.com/a%3Fx%3D1&sa=D",
        "https://www.google.co.uk/url?sa=t&amp;rct=j&amp;q=&amp;url=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1&amp;ved=2", "https://www.youtube.com/redirect?q=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1",
        "https://www.linkedin.com/redir/redirect?url=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1", "https://vk.com/away.php?to=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1",
        "https://duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1", "https://t.umblr.com/redirect?z=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1&t=Z",
        "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.com%2Fa%3Fx%3D1&data=04",
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fwww.google.com%2Furl%3Fq%3Dhttps%253A%252F%252Fexample.com%252Fa%253Fx%253D1",
    ]),
    # sites with several addresses for one page
    ("https://youtube.com/watch?v=dQw4w9WgXcQ", ["https://youtu.be/dQw4w9WgXcQ?t=43", "https://m.youtube.com/watch?v=dQw4w9WgXcQ&feature=youtu.be", "https://www.youtube.com/embed/dQw4w9WgXcQ",
        "https://www.youtube.com/watch?list=PL1&v=dQw4w9WgXcQ&index=3", "https://www.youtube.com/shorts/dQw4w9WgXcQ", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?start=8"]),
    ("https://reddit.com/comments/abc123", ["https://www.reddit.com/r/programming/comments/abc123/a_title/", "https://old.reddit.com/r/programming/comments/abc123", "https://np.reddit.com/r/programming/comments/abc123/?utm_source=share", "https://redd.it/abc123"]),
    ("https://twitter.com/i/status/12345", ["https://twitter.com/ann/status/12345?s=20", "https://mobile.twitter.com/Ann/status/12345", "https://x.com/ann/status/12345/photo/1", "https://twitter.com/i/web/status/12345"]),
    ("https://news.ycombinator.com/item?id=25008941", ["http://news.ycombinator.com/item?id=25008941&p=2", "https://news.ycombinator.com/item?id=25008941#25009000"]),
    ("https://medium.com/p/0123456789ab", ["https://medium.com/@ann/a-title-0123456789ab?source=friends_link&sk=aa", "https://medium.com/pub/a-title-0123456789ab", "https://ann.medium.com/a-title-0123456789ab"]),
    ("https://github.com/ann/tool", ["https://github.com/Ann/Tool", "https://github.com/ann/tool.git", "https://github.com/ann/tool/#readme", "https://www.github.com/ann/tool/"]),
    ("https://arxiv.org/abs/2103.03198", ["http://arxiv.org/pdf/2103.03198.pdf", "https://www.arxiv.org/pdf/2103.03198", "https://export.arxiv.org/abs/2103.03198"]),
    ("https://stackoverflow.com/questions/11227809", ["https://stackoverflow.com/questions/11227809/why-is-it-faster", "https://stackoverflow.com/q/11227809/5"]),
    ("https://amazon.com/dp/0134671791", ["https://www.amazon.com/Art-Of-Things/dp/0134671791/ref=sr_1_1?qid=1", "https://smile.amazon.com/gp/product/0134671791"]),
    ("https://bbc.com/news/world-1", ["https://www.bbc.co.uk/news/world-1", "https://m.bbc.co.uk/news/world-1?ocid=x"]),
    ("https://ann.substack.com/p/title", ["https://open.substack.com/pub/ann/p/title?r=1", "https://ann.substack.com/p/title?s=r"]),
    ("https://docs.google.com/document/d/1-KM6yc416Gh1wue92DHReoyZqheIa", ["https://docs.google.com/document/d/1-KM6yc416Gh1wue92DHReoyZqheIa/edit?usp=sharing#heading=h.1"]),
]  # fmt: skip

DIFFERENT = [
    # an article named by a parameter
    ["https://example.com/?p=12", "https://example.com/?p=13", "https://example.com/", "https://example.com/?page_id=12"],
    ["https://example.com/article.php?id=1", "https://example.com/article.php?id=2", "https://example.com/article.php"],
    ["https://forum.example.com/viewtopic.php?t=1", "https://forum.example.com/viewtopic.php?t=2", "https://forum.example.com/viewtopic.php?f=1&t=3"],
    ["https://news.ycombinator.com/item?id=1", "https://news.ycombinator.com/item?id=2", "https://news.ycombinator.com/item", "https://news.ycombinator.com/user?id=1"],
    ["https://example.com/list?page=1", "https://example.com/list?page=2", "https://example.com/list"],
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ", "https://www.youtube.com/watch?v=dQw4w9WgXcq", "https://www.youtube.com/playlist?list=PL1", "https://www.youtube.com/embed/videoseries?list=PL1", "https://www.youtube.com/watch?list=PL1"],
    ["https://example.org/article.pl?sid=20/05/10/1753203", "https://example.org/article.pl?sid=20/05/24/0644226"],
    ["http://undeadly.org/cgi?action=article;sid=20190108193936", "http://undeadly.org/cgi?action=article;sid=20190109000000"],
    ["https://example.com/blog/?/archives/432-a.html", "https://example.com/blog/?/archives/433-b.html"],
    ["https://example.com/?12345", "https://example.com/?12346"],
    ["https://example.com/record?source=1234", "https://example.com/record?source=1235", "https://example.com/record"],
    ["https://git.example.com/file?ref=v1.2", "https://git.example.com/file?ref=main", "https://git.example.com/file"],
    ["https://example.com/?s=reddit", "https://example.com/?s=twitter", "https://example.com/?c=programming"],
    ["https://example.com/show?a=1&a=2", "https://example.com/show?a=2&a=1"],
    ["https://example.com/search?q=a%26b", "https://example.com/search?q=a&b"],
    ["https://example.com/search?q=c%2B%2B", "https://example.com/search?q=c++"],
    # case, ports, hosts
    ["https://example.com/a", "https://example.com/A"],
    ["https://imgur.com/aBcDe", "https://imgur.com/abcde"],
    ["https://example.com/a", "https://example.com:8080/a", "https://example.com:8443/a"],
    ["https://example.com/a", "https://blog.example.com/a", "https://example.org/a", "https://example.com.au/a"],
    ["https://m.signalvnoise.com/a-post-here", "https://signalvnoise.com/a-post-here"],
    ["https://m.example.com/", "https://example.com/"],
    ["https://m.tools.co.uk/a", "https://tools.uk/a", "https://co.uk/a"],
    ["https://m.github.io/a", "https://github.io/a", "https://ann.github.io/a"],
    ["https://ann.blogspot.com/a", "https://bob.blogspot.com/a"],
    ["https://[2001:db8::1]/a", "https://[2001:db8::2]/a", "https://[2001:db8::1]:8080/a"],
    ["https://münchen.de/a", "https://muenchen.de/a", "https://munchen.de/a"],
    ["https://www.gov.uk/a", "https://www.org.uk/a"],
    # paths
    ["https://example.com/a/b", "https://example.com/a//b", "https://example.com/a%2Fb"],
    ["https://example.com/a%3Fb", "https://example.com/a?b"],
    ["https://example.com/a%23b", "https://example.com/a#b"],
    ["https://example.com/100%25", "https://example.com/100", "https://example.com/100%2525"],
    ["https://example.com/m/1", "https://example.com/1", "https://example.com/mobile/1", "https://example.com/app/1"],
    ["https://github.com/ann", "https://github.com/ann/amp"],
    ["https://codeberg.org/some-long-name", "https://codeberg.org/some-long-name/amp"],
    ["https://en.wikipedia.org/wiki/C", "https://en.wikipedia.org/wiki/C%2B%2B", "https://en.wikipedia.org/wiki/C_Sharp", "https://de.wikipedia.org/wiki/C"],
    ["https://example.com/index", "https://example.com/", "https://example.com/index.html.gz", "https://example.com/index-of-things.html"],
    ["https://example.com/a.html", "https://example.com/a", "https://example.com/a.pdf"],
    ["https://web.archive.org/web/2019/https://example.com/", "https://example.com/", "https://web.archive.org/web/2020/https://example.com/"],
    # routes after the fragment
    ["https://example.com/#!/one", "https://example.com/#!/two", "https://example.com/"],
    ["https://example.com/app#/one", "https://example.com/app#/two", "https://example.com/app"],
    ["https://groups.google.com/forum/#!topic/a/1", "https://groups.google.com/forum/#!topic/a/2"],
    ["https://mega.nz/#F!abc", "https://www.mega.nz/#F!abd"],
    # sites
    ["https://www.reddit.com/r/a/comments/abc123/t/", "https://www.reddit.com/r/a/comments/abc124/t/", "https://www.reddit.com/r/a/comments/abc123/t/com1/", "https://i.redd.it/abc123.png"],
    ["https://twitter.com/ann/status/1", "https://twitter.com/ann/status/2", "https://twitter.com/ann"],
    ["https://medium.com/@ann/a-title-0123456789ab", "https://medium.com/@ann/a-title-0123456789ac", "https://ann.medium.com/about", "https://bob.medium.com/about"],
    ["https://arxiv.org/abs/2103.03198", "https://arxiv.org/abs/2103.03199", "https://arxiv.org/abs/2103.03198v2"],
    ["https://github.com/ann/tool/blob/master/README.md", "https://github.com/ann/tool/blob/master/readme.md", "https://github.com/ann/tool"],
    ["https://stackoverflow.com/questions/1/a", "https://stackoverflow.com/questions/2/a", "https://stackoverflow.com/questions/tagged/a", "https://stackoverflow.com/questions/1/a/99"],
    ["https://docs.google.com/document/d/1-KM6yc416Gh1wue92DHReoyZqheIa", "https://docs.google.com/document/d/1-KM6yc416Gh1wue92DHReoyZqheIb"],
    ["https://t.co/abc", "https://t.co/abd"],
    ["https://www.google.com/url?q=/search", "https://www.google.com/url?q=/images", "https://www.google.com/search?q=a", "https://www.google.com/search?q=b"],
    ["https://www.facebook.com/story.php?story_fbid=1&id=2", "https://www.facebook.com/story.php?story_fbid=3&id=2"],
]  # fmt: skip

NO_URL = [
    "", " ", "http://", "https:///a", "http:example.com", "ftp://example.com/a", "javascript:alert(1)", "mailto:a@example.com",
    "item?id=25008941", "//example.com/a", "example.com", "http://exa mple.com/", "http://[::1", "http://[zz]/", "http://[::1]x/",
    "http://example.com:99999/", "http://example.com:x/", "http://example.com:٣/", "http://.example.com/", "http://a..b/", "http://" + "a" * 64 + ".com/",
    "http://\udcff/", "https://example.com/\udcff", "http://\x00/", "http://%00/", "http://℀.com/", "NULL", "data:text/html,<b>",
]  # fmt: skip


@pytest.mark.parametrize(("whole", "spellings"), SAME, ids=[f"{i}-{w[:60]}" for i, (w, _) in enumerate(SAME)])
def test_spellings_of_one_article_are_one_content(whole, spellings):
    assert canonical(whole) == whole, "the expected form is its own canonical form"
    assert {url: canonical(url) for url in spellings} == dict.fromkeys(spellings, whole)
    assert {content_id(url) for url in spellings} == {content_id(whole)}


@pytest.mark.parametrize("articles", DIFFERENT, ids=[a[0][:60] for a in DIFFERENT])
def test_different_articles_stay_apart(articles):
    assert len({content_id(url) for url in articles}) == len(articles), [canonical(url) for url in articles]


def test_the_lists_are_long_enough_to_mean_something():
    assert len(SAME) + len(DIFFERENT) >= 60


@pytest.mark.parametrize("text", NO_URL, ids=range(len(NO_URL)))
def test_what_is_no_url_is_refused_in_words(text):
    with pytest.raises(ValueError, match=r"no http\(s\) URL"):
        canonical(text)


def test_a_url_that_is_refused_is_not_repeated_whole():
    with pytest.raises(ValueError) as refused:
        canonical("gopher://" + "x" * 10_000)
    assert len(str(refused.value)) < 300


def test_a_port_keeps_its_scheme_because_it_speaks_only_one():
    assert canonical("http://example.com:8080/a") == "http://example.com:8080/a"
    assert canonical("https://example.com:8443/a") == "https://example.com:8443/a"


def test_identity_is_the_three_in_one():
    url = "http://www.example.com/a?utm_source=x"
    assert identity(url) == ("https://example.com/a", content_id(url), "example.com")
    assert re.fullmatch("[0-9a-f]{16}", content_id(url))


def test_site_is_the_host_a_reader_knows():
    assert site("https://www.Example.com:8443/a") == "example.com"
    assert site("http://[2001:db8::1]:8080/a") == "[2001:db8::1]"


def test_very_long_urls_are_taken():
    url = "https://example.com/" + "a/" * 5000 + "?" + "&".join(f"k{i}=%41" for i in range(3000))
    assert canonical(canonical(url)) == canonical(url)
    nested = "https://example.com/a"
    for _ in range(200):
        nested = "https://google.com/url?q=" + nested
    assert canonical(nested) == "https://example.com/a"
    for _ in range(5):
        nested = "https://l.facebook.com/l.php?u=" + quote(nested, safe="")
    assert canonical(nested) == "https://example.com/a"


def test_hostile_urls_cost_no_more_than_long_ones():
    """No pattern may run away on text written against it: each is 10 kB and must be over at once."""
    for hostile in (
        "-" * 10_000,
        "a-" * 5000 + "/amp",
        "/." * 5000,
        "%" * 10_000,
        "/a" * 5000,
        "amp;" * 2500,
        "-a" * 5000 + "!",
    ):
        for host in (
            "example.com",
            "medium.com",
            "reddit.com",
            "amazon.com",
            "google.com",
            "a-b.cdn.ampproject.org",
        ):
            for between in ("/", "/?ref=", "/?source=", "/#!"):
                canonical(f"https://{host}{between}{hostile}")


# Nasty URLs: the pieces every rule looks at, in every order.
_hosts = st.sampled_from([
    "example.com", "WWW.example.com", "m.example.com", "www.m.www.example.co.uk", "m.co.uk", "amp.m.mobile.example.org", "example.com.", "münchen.de",
    "[::1]", "[2001:DB8::1]", "127.0.0.1", "localhost", "youtu.be", "m.youtube.com", "old.reddit.com", "redd.it", "x.com", "mobile.twitter.com",
    "ann.medium.com", "medium.com", "github.com", "arxiv.org", "i.imgur.com", "en.m.wikipedia.org", "a.blogspot.co.uk", "blogspot.com", "www.google.com",
    "google.co.uk", "l.facebook.com", "out.reddit.com", "a-com.cdn.ampproject.org", "docs.google.com", "www.amazon.com", "open.substack.com",
    "stackoverflow.com", "news.ycombinator.com", "groups.google.com", "bbc.co.uk", "web.archive.org", "nam.safelinks.protection.outlook.com", "duckduckgo.com",
])  # fmt: skip
_segments = st.one_of(
    st.sampled_from([
        "", ".", "..", "%2e", "%2E%2e", "amp", "index.html", "INDEX.PHP", "default.aspx", "a-long-title", "a-title-0123456789ab", "p", "watch", "embed",
        "dQw4w9WgXcQ", "comments", "abc123", "status", "12345", "r", "dp", "0134671791", "url", "l.php", "item", "c", "s", "v", "example.com", "abs", "pdf",
        "2103.03198.pdf", "tool.git", "x.amp.html", "document", "d", "%7E", "%2F", "%", "%zz", "%25", "ä", " ", ";jsessionid=1", "\\", "{0}", "\t", "away.php", "l", "http:",
    ]),
    st.text(alphabet=string.printable + "äß中\u200b%/?#&=", max_size=8),
)  # fmt: skip
_parameters = st.one_of(
    st.sampled_from([
        "utm_source=x", "ref=hn", "ref=a.com", "v=dQw4w9WgXcQ", "list=PL", "id=1", "id=2", "p=12", "amp;a=1", "amp;", "amp", "&", "a", "a=", "=a", "", "b=%20+", "b=%zz",
        "q=https://example.com/a?b=1", "url=https%3A%2F%2Fyoutu.be%2FdQw4w9WgXcQ", "u=http%3A%2F%2Fwww.google.com%2Furl%3Fq%3Dhttp%253A%252F%252Fx.com", "uddg=http://m.example.com/a",
        "source=rss----1---2", "sid=" + "a" * 32, "m=1", "to=http://[", "u=http://a..b/", "title=A",
    ]),
    st.text(alphabet=string.printable + "äß中%&=", max_size=8),
)  # fmt: skip
nasty = st.builds(
    lambda scheme, user, host, port, path, query, fragment: (
        f"{scheme}://{user}{host}{port}/{'/'.join(path)}{'?' + '&'.join(query) if query else ''}{'#' + fragment if fragment else ''}"
    ),
    st.sampled_from(["http", "https", "HTTP", "Https"]),
    st.sampled_from(["", "", "", "u:p@", "a@b@"]),
    _hosts,
    st.sampled_from(["", "", ":80", ":443", ":8080", ":"]),
    st.lists(_segments, max_size=5),
    st.lists(_parameters, max_size=4),
    st.one_of(st.sampled_from(["", "", "!/a", "/b", "top", "!", "/", "F!x"]), st.text(max_size=6)),
)


@settings(max_examples=600, deadline=None)
@given(nasty)
@example("https://google.com/url?q=https://google.com/url?q=https://m.example.com/index.html/amp")
@example("https://example.com/%25%34%31")
def test_canonical_is_its_own_canonical(url):
    try:
        once = canonical(url)
    except ValueError:
        return
    assert canonical(once) == once
    assert once.startswith(("https://", "http://"))
    assert once.isascii()
    assert not re.search(r"\s", once)
    assert content_id(once) == content_id(url)
    assert site(url) == site(once) != ""


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.text().map(lambda text: "http://" + text),
        st.text().map(lambda text: f"https://example.com/{text}"),
    )
)
def test_any_text_is_a_url_or_a_value_error(text):
    try:
        once = canonical(text)
    except ValueError:
        return
    assert canonical(once) == once


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"https?://(www\.|m\.|)[a-c]{1,3}\.(com|co\.uk)(/[a-cA-C./~_-]{0,12})?", fullmatch=True))
def test_the_short_way_for_plain_urls_ends_where_the_long_way_does(url):
    try:
        short = canonical(url)
    except ValueError:
        return
    assert urls._once(short) == (short, True)
    assert canonical(url + "?utm_source=x") == short


def test_real_stories_join_across_platforms(shared):
    """On real data the canonical form joins more stories across platforms than raw URLs do, and refuses none."""
    import duckdb

    folder = shared / "data" / "hn_lobsters_proggit"
    stories = duckdb.sql(
        f"""select 'lobsters', url from read_csv('{folder}/lobsters*.csv.gz', all_varchar=true) where url is not null
        union select 'proggit', url from read_csv('{folder}/proggit*.csv.gz', all_varchar=true) where url is not null"""
    ).fetchall()
    raw, joined = {}, {}
    for platform, url in stories:
        raw.setdefault(url, set()).add(platform)
        joined.setdefault(canonical(url), set()).add(platform)
    on_both = [sum(len(platforms) > 1 for platforms in found.values()) for found in (raw, joined)]
    assert on_both[1] > 1.04 * on_both[0]
