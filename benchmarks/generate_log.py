"""A made-up access log whose truth is known: who came from where, and which lines are machines.

``python -m benchmarks.generate_log FILE --lines 5000000 --days 7`` writes combined lines in the order
of time. The mix is a mid-size blog's: per hundred lines about 20 pages read by people, 55 files those
pages need, 18 requests of declared crawlers, 2 of referrer spam, 3 of unmarked scripts in bursts, 2
refused or posted. Pages, agents and referring threads follow Zipf's law.
"""

from __future__ import annotations

import argparse
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

SITE = "https://blog.example"

# where visits come from: weight, and referrers (a number is filled in); "-" sends none
SOURCES: dict[str, tuple[float, tuple[str, ...]]] = {
    "search": (
        0.30,
        (
            "https://www.google.com/",
            "https://www.bing.com/",
            "https://duckduckgo.com/",
            "https://www.google.co.uk/",
            "https://www.google.de/",
            "https://search.yahoo.com/",
        ),
    ),
    "direct": (0.22, ("-",)),
    "hackernews": (0.09, ("https://news.ycombinator.com/", "https://news.ycombinator.com/item?id={}")),
    "reddit": (
        0.09,
        (
            "https://www.reddit.com/",
            "https://old.reddit.com/r/programming/comments/{}/x/",
            "https://out.reddit.com/t3_{}",
            "android-app://com.reddit.frontpage/",
        ),
    ),
    "twitter": (0.07, ("https://t.co/{}",)),
    "facebook": (
        0.06,
        (
            "https://l.facebook.com/l.php?u=https%3A%2F%2Fblog.example%2F&h={}",
            "https://lm.facebook.com/",
            "https://www.facebook.com/",
        ),
    ),
    "site": (0.08, ("https://weblog-{}.example.org/links", "https://forum.example.net/t/{}")),
    "ai assistant": (0.03, ("https://chatgpt.com/", "https://www.perplexity.ai/search/{}")),
    "linkedin": (0.03, ("https://lnkd.in/{}", "https://www.linkedin.com/")),
    "lobsters": (0.02, ("https://lobste.rs/s/{}/post",)),
    "stumbleupon": (0.01, ("http://www.stumbleupon.com/su/{}/post",)),
}

CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "python-requests/2.31.0",
    "curl/7.88.1",
)
SPAM = (
    "http://semalt.com/crawler",
    "http://buttons-for-website.com/",
    "http://100dollars-seo.com/try.php?u={}",
)
ASSETS = ("/static/site.{}.css", "/static/app.{}.js", "/img/{}.png", "/img/{}.jpg", "/fonts/text-{}.woff2")
ADJECTIVES = ("quiet", "fast", "small", "open", "strange", "useful", "broken", "honest", "early", "plain")
NOUNS = ("tables", "logs", "graphs", "lines", "hours", "links", "people", "parsers", "numbers", "machines")


@dataclass(frozen=True)
class Log:
    """Lines in the order of time, and what is true about them.

    lines : one line a string, without its end
    visits : the people's visits by source and by the UTC hour they began (columns source, hour, page, visits)
    machine_lines : lines that no person caused, by kind
    """

    lines: list[str]
    visits: pd.DataFrame
    machine_lines: dict[str, int]


def agents(rng: np.random.Generator, count: int) -> np.ndarray:
    """Browsers as they call themselves: two in five a phone."""
    out = []
    for _ in range(count):
        major, build = int(rng.integers(90, 131)), int(rng.integers(1000, 7000))
        kind = rng.random()
        if kind < 0.35:
            out.append(
                f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                f"Chrome/{major}.0.{build}.{int(rng.integers(10, 200))} Safari/537.36"
            )
        elif kind < 0.6:
            out.append(
                f"Mozilla/5.0 (Linux; Android {int(rng.integers(9, 15))}; SM-G{build}) AppleWebKit/537.36 "
                f"(KHTML, like Gecko) Chrome/{major}.0.{build}.{int(rng.integers(10, 200))} Mobile Safari/537.36"  # noqa: E501
            )
        elif kind < 0.85:
            ios, minor = int(rng.integers(13, 19)), int(rng.integers(0, 7))
            out.append(
                f"Mozilla/5.0 (iPhone; CPU iPhone OS {ios}_{minor} like Mac OS X) AppleWebKit/605.1.15 "
                f"(KHTML, like Gecko) Version/{ios}.{minor} Mobile/15E{int(rng.integers(100, 400))} Safari/604.1"  # noqa: E501
            )
        else:
            out.append(f"Mozilla/5.0 (X11; Linux x86_64; rv:{major}.0) Gecko/20100101 Firefox/{major}.0")
    return np.array(out, dtype=object)


def _zipf(rng: np.random.Generator, size: int, among: int, exponent: float = 1.1) -> np.ndarray:
    weights = 1 / np.arange(1, among + 1) ** exponent
    return rng.choice(among, size=size, p=weights / weights.sum())


def _addresses(rng: np.random.Generator, size: int) -> np.ndarray:
    four = rng.integers(1, 255, (size, 4))
    six = rng.integers(0, 65536, (size, 4))
    is_six = rng.random(size) < 0.25
    return np.array(
        [
            f"2a01:{a:x}:{b:x}::{c:x}:{d:x}" if v6 else f"{p}.{q}.{r}.{s}"
            for (a, b, c, d), (p, q, r, s), v6 in zip(
                six.tolist(), four.tolist(), is_six.tolist(), strict=True
            )
        ],
        dtype=object,
    )


def _fill(rng: np.random.Generator, templates: tuple[str, ...], size: int, numbers: int) -> np.ndarray:
    which = rng.integers(0, len(templates), size).tolist()
    number = _zipf(rng, size, numbers).tolist()
    return np.array(
        [templates[w].format(f"{n * 7919:x}") for w, n in zip(which, number, strict=True)], dtype=object
    )


def _times(rng: np.random.Generator, size: int, days: int) -> np.ndarray:
    """Seconds since the start, twice as dense by day as by night."""
    day = rng.integers(0, days, size)
    shape = 1 + 0.5 * np.sin((np.arange(24) - 9) / 24 * 2 * np.pi)
    hour = rng.choice(24, size=size, p=shape / shape.sum())
    return day * 86400 + hour * 3600 + rng.integers(0, 3600, size)


def make(lines: int, days: int = 7, seed: int = 0, start: str = "2026-03-02", pages: int = 1500) -> Log:
    """About ``lines`` combined lines over ``days`` days from ``start`` (UTC), in the order of time."""
    rng = np.random.default_rng(seed)
    number = np.arange(pages)
    page = np.array(
        [f"/{2015 + n % 11}/{ADJECTIVES[n % 10]}-{NOUNS[n // 10 % 10]}-{n}/" for n in number.tolist()],
        dtype=object,
    )
    page[0] = "/"
    browser = agents(rng, max(40, min(3000, lines // 400)))
    parts: list[tuple[np.ndarray, ...]] = []  # second, address, request, status and size, referrer, agent

    def add(second, address, request, status, referrer, agent):
        parts.append((second, address, request, status, referrer, agent))

    # people: visits, their pages, and the files of each page
    visits = int(lines * 0.20 / 1.55)
    names = list(SOURCES)
    weights = np.array([SOURCES[name][0] for name in names])
    source = rng.choice(len(names), size=visits, p=weights / weights.sum())
    second = _times(rng, visits, days)
    # a visit that ran over midnight would rightly count twice: let none
    second = np.where(second % 86400 > 86400 - 3000, second - 3000, second)
    address, agent = _addresses(rng, visits), browser[_zipf(rng, visits, len(browser), 0.9)]
    landing = _zipf(rng, visits, pages)
    referrer = np.empty(visits, dtype=object)
    for code, name in enumerate(names):
        mine = np.flatnonzero(source == code)
        referrer[mine] = _fill(rng, SOURCES[name][1], len(mine), 2000)
    target = page[landing].copy()
    # some owners tag their links; with no referrer the tag is all there is
    tagged = np.flatnonzero((source == names.index("twitter")) & (rng.random(visits) < 0.3))
    target[tagged] = target[tagged] + "?utm_source=twitter&utm_medium=social"
    referrer[tagged[: len(tagged) // 2]] = "-"
    sizes = np.array([f"200 {n}" for n in rng.integers(2000, 90000, 500)], dtype=object)

    def size_of(count: int) -> np.ndarray:
        return sizes[rng.integers(0, len(sizes), count)]

    add(second, address, target, size_of(visits), referrer, agent)
    view_at, view_of, view_page = [second], [np.arange(visits)], [landing]
    alive, when, here = np.arange(visits), second, landing
    for _ in range(4):
        stay = rng.random(len(alive)) < 0.37
        alive, when, here = alive[stay], when[stay] + rng.integers(8, 600, int(stay.sum())), here[stay]
        nxt = _zipf(rng, len(alive), pages)
        came = SITE + page[here]
        add(when, address[alive], page[nxt], size_of(len(alive)), came.astype(object), agent[alive])
        here = nxt
        view_at.append(when)
        view_of.append(alive)
        view_page.append(here)
    views_at, views_of, views_page = map(np.concatenate, (view_at, view_of, view_page))
    files = int(lines * 0.55)
    which = rng.integers(0, len(views_at), files)
    asset = _fill(rng, ASSETS, files, 300)
    add(
        views_at[which] + rng.integers(0, 3, files),
        address[views_of[which]],
        asset,
        size_of(files),
        (SITE + page[views_page[which]]).astype(object),
        agent[views_of[which]],
    )

    # machines
    crawled = int(lines * 0.18)
    crawler_address = _addresses(rng, 400)
    name = np.array(CRAWLERS, dtype=object)
    add(
        _times(rng, crawled, days),
        crawler_address[rng.integers(0, 400, crawled)],
        page[rng.integers(0, pages, crawled)],
        size_of(crawled),
        np.full(crawled, "-", dtype=object),
        name[rng.integers(0, len(CRAWLERS), crawled)],
    )
    spammed = int(lines * 0.02)
    add(
        _times(rng, spammed, days),
        _addresses(rng, spammed),
        page[_zipf(rng, spammed, pages)],
        size_of(spammed),
        _fill(rng, SPAM, spammed, 50),
        browser[rng.integers(0, len(browser), spammed)],
    )
    scripts = max(1, int(lines * 0.03 / 400))
    began = rng.integers(0, days * 86400 - 1000, scripts)
    script_address = _addresses(rng, scripts)
    script_agent = browser[rng.integers(0, len(browser), scripts)]
    for one in range(scripts):
        at = began[one] + np.sort(rng.integers(0, 300, 400))  # 400 pages in five minutes
        add(
            at,
            np.full(400, script_address[one], dtype=object),
            page[rng.integers(0, pages, 400)],
            size_of(400),
            np.full(400, "-", dtype=object),
            np.full(400, script_agent[one], dtype=object),
        )
    refused = int(lines * 0.02)
    add(
        _times(rng, refused, days),
        _addresses(rng, refused),
        _fill(rng, ("/wp-login.php", "/.env", "/old/{}/"), refused, 900),
        np.full(refused, "404 153", dtype=object),
        np.full(refused, "-", dtype=object),
        browser[rng.integers(0, len(browser), refused)],
    )

    when, who, what, status, came, agent_ = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(when, kind="stable")
    origin = int(pd.Timestamp(start, tz="UTC").timestamp())
    stamp = pd.to_datetime(np.arange(days * 24 + 24) * 3600 + origin, unit="s", utc=True).strftime(
        "%d/%b/%Y:%H"
    )
    clock = [f":{n // 60:02d}:{n % 60:02d}" for n in range(3600)]
    stamps = stamp.tolist()
    text = [
        f'{ip} - - [{stamps[t // 3600]}{clock[t % 3600]} +0000] "GET {req} HTTP/1.1" {st} "{ref}" "{ua}"'
        for t, ip, req, st, ref, ua in zip(
            when[order].tolist(),
            who[order],
            what[order],
            status[order],
            came[order],
            agent_[order],
            strict=True,
        )
    ]
    truth = pd.DataFrame(
        {
            "source": np.array(names, dtype=object)[source],
            "hour": pd.to_datetime((second // 3600) * 3600 + origin, unit="s", utc=True),
            "page": page[landing],
        }
    )
    truth = truth.value_counts().rename("visits").reset_index()
    return Log(text, truth, {"crawler": crawled, "spam": spammed, "burst": scripts * 400})


def write(path: Path, log: Log) -> None:
    """The lines as a file, gzipped when its name ends in .gz."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as file:  # type: ignore[operator]
        for first in range(0, len(log.lines), 100_000):
            file.write(("\n".join(log.lines[first : first + 100_000]) + "\n").encode())


def main() -> None:
    """Write a log file."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("file", type=Path)
    ask.add_argument("--lines", type=int, default=5_000_000)
    ask.add_argument("--days", type=int, default=7)
    ask.add_argument("--seed", type=int, default=0)
    asked = ask.parse_args()
    with open(asked.file, "wb") as file:
        # a day or more at a time: memory stays small
        pieces = max(1, min(asked.days, asked.lines // 500_000))
        each = asked.days // pieces
        first = pd.Timestamp("2026-03-02")
        for piece in range(pieces):
            log = make(asked.lines // pieces, each, asked.seed + piece, str(first.date()))
            file.write(("\n".join(log.lines) + "\n").encode())
            first += pd.Timedelta(days=each)


if __name__ == "__main__":
    main()
