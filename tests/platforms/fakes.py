"""What tests of live platforms share: a clock that nobody waits for, and a session on a loopback server."""

from datetime import UTC, datetime, timedelta

from analysis.platforms import modules
from analysis.platforms.client import Connection
from analysis.platforms.contract import Ask
from analysis.platforms.pace import Clock
from analysis.urls import canonical, content_id


class Still(Clock):
    """Time that passes only when somebody waits."""

    def __init__(self, start=datetime(2026, 11, 1, 12, tzinfo=UTC)):
        self.moment, self.naps = start, []

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.moment += timedelta(seconds=seconds)


def session(platform, clock=None, **more):
    return Connection(modules()[platform].CARD, clock=clock or Still(), **more)


def url_ask(url, **more):
    address = canonical(url)
    return Ask("url", address, content_id(address), address, **more)


def site_ask(host, **more):
    root = canonical(f"https://{host}/")
    return Ask("site", host, content_id(root), root, **more)


def fetch(platform, asks, desk):
    """Everything a fetch yields, as one list of batches."""
    try:
        return list(modules()[platform].fetch(tuple(asks), desk))
    finally:
        desk.close()


def rows(batches, table):
    """All rows of one table, as dicts."""
    return [row for batch in batches for row in getattr(batch, table).to_dict("records")]
