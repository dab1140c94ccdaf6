"""The words of exposure: where a visit can come from, and what is counted.

An interval of exposure says how often a page of the site was seen or visited in an hour, by where the
visit came from. Its ``platform`` is a card's name (or, for a network without a card, its name in
Matomo's list, in lower case), or one of ``CLASSES``. Its ``observer`` is who counted: a log, a service.

Machines are out of ``pageviews`` and ``visits`` and stand beside them, under the rule that removed
them: ``pageviews.removed.crawler``. Raw is the sum of a metric and its ``.removed.`` parts. An hour
that was read has a row of the site's root with platform ``ALL`` (``pageviews.raw``); within such an
hour a page without a row had none, outside it is unknown.
"""

from __future__ import annotations

from analysis.platforms.card import Metric

SEARCH = "search"  # a search engine
AI = "ai assistant"  # an assistant that links to what it read
SITE = "site"  # any other site, or a link tagged by its owner that no platform is named in
INTERNAL = "internal"  # a page of the site itself: the visitor came back after a pause
DIRECT = "direct"  # no referrer and no tag: typed, bookmarked, an app, a mail, or hidden on purpose
DARK = "dark social"  # the part of DIRECT that a model finds to move with shares; never stored
CLASSES = (SEARCH, AI, SITE, INTERNAL, DIRECT)
ALL = "all"  # the site's own totals, whatever the source

# The rules that remove machines, in the order they are tried: the first that fits has removed it.
RULES = {
    "crawler": "the agent names itself a crawler or a library (crawler-user-agents)",
    "no_agent": "no agent was sent: every browser sends one",
    "spam": "the referrer is in Matomo's list of referrer spam",
    "burst": "one visitor read more than 30 pages in 60 seconds or 300 in an hour without being sent to them",
    "counter": "the service that counted says it was a bot",
}
COUNTS = ("pageviews", "visits")

METRICS = (
    Metric(
        "pageviews",
        "page views",
        "interval",
        "pages answered with 2xx or 304 to a GET, without machines; the source is that of their visit",
        "page views",
        cumulative=False,
    ),
    Metric(
        "visits",
        "visits",
        "interval",
        "runs of page views of one visitor (salted daily hash of address and agent), without machines: a run "
        "ends after 30 minutes of rest, with the UTC day, or when an outside link of another source is "
        "followed. It belongs to the page and the hour it began with",
        "visits",
        cumulative=False,
    ),
    *(
        Metric(
            f"{count}.removed.{rule}",
            count.replace("pageviews", "page views"),
            "interval",
            f"{count} that are not counted: {why}",
            f"removed {count}",
            cumulative=False,
        )
        for count in COUNTS
        for rule, why in RULES.items()
    ),
    Metric(
        "visits.by_tag",
        "visits",
        "interval",
        "of visits: how many had no referrer and were told by utm_source alone",
        "evidence",
        cumulative=False,
    ),
    Metric(
        "visits.by_app",
        "visits",
        "interval",
        "of visits: how many had no referrer and were told by the in-app browser alone",
        "evidence",
        cumulative=False,
    ),
    Metric(
        "visits.tag_contradicts",
        "visits",
        "interval",
        "of visits: how many carried a utm_source that names another place than the referrer (believed)",
        "evidence",
        cumulative=False,
    ),
    Metric(
        "pageviews.raw",
        "page views",
        "interval",
        "all page views of the site, machines too",
        "page views",
        cumulative=False,
    ),
    Metric(
        "visits.raw", "visits", "interval", "all visits of the site, machines too", "visits", cumulative=False
    ),
    Metric("requests", "lines", "interval", "log lines that could be read", "requests", cumulative=False),
    Metric(
        "requests.asset",
        "lines",
        "interval",
        "of requests: files that pages pull in, feeds, robots.txt",
        "requests",
        cumulative=False,
    ),
    Metric(
        "requests.refused",
        "lines",
        "interval",
        "of requests: not answered with 2xx or 304",
        "requests",
        cumulative=False,
    ),
    Metric(
        "requests.other_method",
        "lines",
        "interval",
        "of requests: no GET (HEAD, POST, ...)",
        "requests",
        cumulative=False,
    ),
    Metric(
        "requests.malformed",
        "lines",
        "interval",
        "of requests: the line is sound, what was asked is no request",
        "requests",
        cumulative=False,
    ),
    Metric(
        "requests.unmatched",
        "lines",
        "interval",
        "of requests: a page was asked for under an address that is no URL",
        "requests",
        cumulative=False,
    ),
    Metric(
        "impressions",
        "impressions",
        "interval",
        "times the page was shown in search results",
        "impressions",
        cumulative=False,
    ),
    Metric(
        "clicks", "clicks", "interval", "clicks on the page in search results", "clicks", cumulative=False
    ),
)
UNITS = {metric.name: metric.unit for metric in METRICS}
