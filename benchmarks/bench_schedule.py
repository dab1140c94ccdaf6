"""``virality run`` killed (-9) at random moments of every step and repeated: what is lost, torn or doubled?

In a world of its own (store, site, target), a run is killed a random while after it began its first step,
the next run after it began its second, and so on; in half of the worlds what it had started is killed with
it, as when the machine goes down. Then a run is left to end, and everything is held against what an
undisturbed one makes.

    python -m benchmarks.bench_schedule [--rounds 100]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat
from nbformat import v4

from analysis.store import Store
from analysis.tables import TABLES

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures" / "schedule.md"
STEPS = ("collect", "reports", "site", "publish", "tell")
BUSY = 75
STORIES = 30
COUNT = "from analysis.store import Store\nprint(len(Store.open().read('events', ['event_id'])), 'events')"
SCHEDULE = """\
[[entry]]
report = "pulse"
when = "daily 00:00"
target = "public"
"""
SECOND = """\
[[entry]]
name = "day"
report = "pulse"
when = "daily 00:00"
parameters = { since = "last full day", until = "last full day" }
target = "public"
"""


@contextmanager
def served(answer: Any) -> Iterator[str]:
    """A server on loopback that answers by ``answer(method, path, query, body)``; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            said = json.dumps(answer(parts.path, query, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            with suppress(OSError):  # whoever asked may have been killed
                self.wfile.write(said)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever asked was killed."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def platform(path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
    """A Hacker News with one story for each page; it takes its time."""
    time.sleep(0.02)
    if path.startswith("/item"):
        return {"type": "story", "score": 9, "descendants": 1}
    words = query.get("query", "")
    hits = [
        {
            "objectID": str(1000 + n), "url": page(n), "title": f"Story {n}", "author": "somebody",
            "points": n, "num_comments": 0, "created_at_i": int(time.time()) - 86400,
        }
        for n in range(STORIES)
        if page(n).partition("://")[2] in words or page(n) in words
    ]  # fmt: skip
    return {"hits": hits, "nbHits": len(hits), "hitsPerPage": 1000}


def page(number: int) -> str:
    """The URL of a watched page."""
    return f"https://example.com/page-{number:03d}"


class World:
    """A project folder with everything a run needs, and what it heard of alerts."""

    def __init__(self, folder: Path, platform_url: str, alerts_url: str, entries: int = 1) -> None:
        self.entries, self.folder, self.site = entries, folder, folder / "reports/site"
        (folder / "notebooks").mkdir(parents=True)
        (folder / "virality.toml").write_text(
            'watchlist = "watch.toml"\nschedule = "schedule.toml"\n[targets.public]\nurl = "public"\n'
        )
        urls = ", ".join(json.dumps(page(number)) for number in range(STORIES))
        (folder / "watch.toml").write_text(f'platforms = ["hackernews"]\nurls = [{urls}]\n')
        (folder / "schedule.toml").write_text(SCHEDULE + SECOND * (entries - 1))
        contract = (
            "from datetime import date\nsince: date | None = None  # from\nuntil: date | None = None  # to"
        )
        cells = [
            v4.new_markdown_cell("# Pulse"),
            v4.new_code_cell(contract, metadata={"tags": ["parameters"]}),
            v4.new_code_cell(COUNT),
        ]
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"
        nbformat.write(v4.new_notebook(cells=cells), folder / "notebooks/pulse.ipynb")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRALITY_")}
        self.environment = kept | {
            "VIRALITY_STATE": str(folder / "state"),
            "VIRALITY_HACKERNEWS_SEARCH_URL": platform_url,
            "VIRALITY_HACKERNEWS_ITEMS_URL": platform_url,
            "VIRALITY_ALERTS": alerts_url.replace("http", "json") + "/" + folder.name,
            "BROWSER_PATH": "/nonexistent/chromium",  # pictures are no part of this
        }

    def start(self, *words: str) -> subprocess.Popen:
        """Start a command of virality."""
        return subprocess.Popen(
            [sys.executable, "-m", "analysis.cli", *words], cwd=self.folder, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self) -> tuple[int, str]:
        """A whole run, as soon as what is left of a killed one lets go of the lock."""
        for _ in range(300):
            process = self.start("run")
            said = process.communicate()[0]
            if process.returncode != BUSY:
                break
            time.sleep(0.1)
        return process.returncode, said

    def step(self) -> str:
        """The step the run is at; empty before it has begun."""
        with suppress(OSError, ValueError, KeyError):
            known = json.loads((self.site / ".schedule/state.json").read_text())["run"]
            return "" if known.get("ended") else str(known["step"])
        return ""


def times(world: World) -> dict[str, float]:
    """Seconds each step of an undisturbed run takes."""
    process, began, found = world.start("run"), time.monotonic(), {}
    last = ""
    while process.poll() is None:
        step = world.step()
        if step != last:
            now = time.monotonic()
            if last:
                found[last] = now - began
            began, last = now, step
        time.sleep(0.005)
    if process.wait():
        sys.exit(f"an undisturbed run ended with {process.returncode}: {process.communicate()[0]}")
    found[last] = time.monotonic() - began
    return found


def kill(world: World, step: str, after: float, family: bool) -> str:
    """Start a run, kill it so long after it began the step; the step it was at."""
    process = world.start("run")
    while process.poll() is None and world.step() != step:
        time.sleep(0.002)
    time.sleep(after)
    at = (world.step() if process.poll() is None else "") or "ended"
    victims = [*descendants(process.pid), process.pid] if family else [process.pid]
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    process.communicate()
    return at


def descendants(process: int) -> list[int]:
    """Its children, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [*descendants(child), child]
    return found


def faults(world: World) -> list[str]:
    """What is lost, torn or doubled, after a killed run was repeated."""
    found = []
    store = Store(world.folder / "data/store")
    events = store.read("events", platform="hackernews")
    if (lost := STORIES - events["event_id"].nunique()) > 0:
        found.append(f"lost: {lost} events")
    for name, table in TABLES.items():
        rows = store.read(name)
        if rows.duplicated(list(table.key)).any():
            found.append(f"doubled: rows of {name}")
    readings = store.read("readings", platform="hackernews", metric="points", status="observed")
    if readings["item_id"].nunique() != STORIES:
        found.append("lost: readings")
    found += torn(world.site)
    records = [json.loads(path.read_text()) for path in world.site.glob("runs/*/record.json")]
    asked = Counter(json.dumps([row["value"] for row in one["parameters"]]) for one in records)
    if sorted(asked.values()) != [1] * world.entries:
        found.append(f"pages: {asked}")
    if left := [path.name for path in (world.site / ".staging").iterdir()]:
        found.append(f"left behind: {left}")
    status = world.start("status")
    said = status.communicate()[0]
    if status.returncode:
        found.append(f"status: {said}")
    return found + published(world)


def torn(site: Path) -> list[str]:
    """Files of a site that are not what its manifest says, or are not there."""
    found = []
    manifest = json.loads((site / "manifest.json").read_text())
    for name, known in manifest["files"].items():
        path = site / name
        if not path.is_file():
            found.append(f"lost: {name}")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != known["sha256"]:
            found.append(f"torn: {name}")
    return found


def published(world: World) -> list[str]:
    """What is wrong with the target: not whole, not what the site is, or published more than once."""
    place = world.folder / "public"
    if not (place / "current" / "index.html").is_file():
        return ["lost: the published site"]
    found = [f"published: {one}" for one in torn(place / "current")]
    releases = [path.name for path in (place / "releases").iterdir() if path.suffix == ".json"]
    if len(releases) != 1:
        found.append(f"published {len(releases)} times")
    if (place / "current/manifest.json").read_bytes() != (world.site / "manifest.json").read_bytes():
        found.append("published: not the site as it is")
    return found


def study(
    rounds: int, steps: tuple[str, ...], seed: int, usual: dict[str, float] | None = None, say: Any = print
) -> dict[str, Any]:
    """Kill so many times; in every world once at each step, one after another, before it is left to end.

    ``usual``: seconds a step takes; measured if None.
    """
    chance = random.Random(seed)
    hit: Counter[str] = Counter()
    bad: list[str] = []
    heard: list[str] = []

    def webhook(path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        words = json.loads(body)
        heard.append(f"{path} {words['title']} {words['message']}")
        return {}

    with (
        tempfile.TemporaryDirectory(prefix="virality-") as place,
        served(platform) as url,
        served(webhook) as hook,
    ):
        usual = usual or times(World(Path(place) / "undisturbed", url, hook))
        say({step: round(seconds, 2) for step, seconds in usual.items()})
        for number in range(-(-rounds // len(steps))):
            world = World(Path(place) / f"world-{number}", url, hook, entries=1 + number % 2)
            family = bool(number // 2 % 2)
            at = [kill(world, step, chance.uniform(0, usual[step]), family) for step in steps]
            hit.update(at)
            status, said = world.run()
            wrong = faults(world) if status == 0 else [f"the repeated run ended with {status}: {said}"]
            bad += [f"world {number}, killed at {', '.join(at)}: {one}" for one in wrong]
            killed = f"killed at {', '.join(at)}{', with its children' * family}"
            say(f"world {number + 1}: {killed}: {wrong or 'well'}")
    again = [one for one, times_heard in Counter(heard).items() if times_heard > 1]
    bad += [f"told twice: {one}" for one in again]
    repeats = sum("may be a repeat" in one for one in heard)
    return {"usual": usual, "hit": hit, "bad": bad, "told": len(heard), "repeats": repeats}


def main() -> None:
    """Do the study, write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    found = study(rounds, STEPS, seed=1)
    for one in found["bad"]:
        print(one)
    lines = [
        "| killed at the step | times | of an undisturbed run, s |",
        "|---|---:|---:|",
        *(f"| {step} | {found['hit'][step]} | {found['usual'].get(step, 0):.2f} |" for step in STEPS),
    ]
    print("\n".join(lines))
    if found["hit"]["ended"]:
        lines.append(f"| (it had just ended) | {found['hit']['ended']} | |")
    FIGURES.write_text(
        f"`virality run` killed with -9 {sum(found['hit'].values())} times in worlds of their own, once at "
        f"each step and half of the times with all it had started, and repeated: {len(found['bad'])} times "
        f"something was lost, torn or doubled. Held against an undisturbed run were the rows of {STORIES} "
        f"stories, one page or two, every file of the site and of "
        f"the published release by its digest, how often it was published, and {found['told']} alerts "
        f"({found['repeats']} of them marked as a possible repeat, because their run was killed between "
        f"sending and noting it). Measured {datetime.now(UTC):%Y-%m-%d}.\n\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    main()
