"""Readers while a site is published again and again, and publishes that are killed: who sees a mixed site?

``python -m benchmarks.bench_publish [--publishes 300] [--kills 50]`` publishes a small site, growing, failing
and thinned, to a folder and to S3 (moto, a process of its own on loopback) while readers in processes of
their own come in by the index and follow every link; then it kills publishes (-9) at random moments, repeats
them, and looks whether anything is lost, torn or there twice. It writes docs/figures/publish.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures" / "publish.md"
sys.path.insert(0, str(ROOT / "tests"))

from publish.conftest import Growing  # noqa: E402
from publish.readers import equal, mixed, of  # noqa: E402
from publish.servers import Bucket  # noqa: E402
from publish.steps import killed  # noqa: E402

from analysis.publish import publish  # noqa: E402

READERS, RUNS = 2, 8
Reads = Callable[[], Callable[[str], bytes | None]]


def quiet(line: str) -> None:
    """Hear nothing."""


@contextmanager
def moto() -> Iterator[str]:
    """A moto server in a process of its own; its endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def change(growing: Growing, number: int) -> None:
    """A run more, now and then a failure; the oldest goes, so that the site keeps its size."""
    growing.fail() if number % 7 == 5 else growing.add()
    for record in growing.site.records()[RUNS:]:
        shutil.rmtree(growing.site.runs / record.id)
        growing.site.build()


def reader(reads: Reads, stop, told) -> None:
    """Come in by the index and follow every link, again and again."""
    read, rounds, files, wrong = reads(), 0, 0, []

    def counted(path: str) -> bytes | None:
        nonlocal files
        files += 1
        return read(path)

    while not stop.is_set():
        wrong += mixed(counted, deep=False)
        rounds += 1
    told.put((rounds, files, wrong))


def among_readers(name: str, growing: Growing, reads: Reads, publishes: int) -> dict[str, str]:
    """Publish so often while others read."""
    context = multiprocessing.get_context("fork")
    stop, told = context.Event(), context.Queue()
    publish(name, site=growing.folder, say=quiet)
    readers = [context.Process(target=reader, args=(reads, stop, told)) for _ in range(READERS)]
    for one in readers:
        one.start()
    seconds, files, sent = [], 0, 0
    for number in range(publishes):
        change(growing, number)
        done = publish(name, site=growing.folder, say=quiet)
        seconds.append(done.seconds)
        files, sent = files + done.files, sent + done.sent
    stop.set()
    heard = [told.get() for _ in readers]
    for one in readers:
        one.join()
    wrong = [line for _, _, lines in heard for line in lines]
    if wrong:
        print(*wrong[:20], sep="\n", file=sys.stderr)
    return {
        "publishes": f"{publishes:,}",
        "files sent, a publish": f"{files / publishes:,.1f}",
        "kB sent, a publish": f"{sent / publishes / 1000:,.1f}",
        "seconds, median": f"{statistics.median(seconds):.2f}",
        "seconds, longest": f"{max(seconds):.2f}",
        "readers' walks through the site": f"{sum(rounds for rounds, _, _ in heard):,}",
        "files they read": f"{sum(count for _, count, _ in heard):,}",
        "walks that met a mixed site": f"{len(wrong):,}",
        "the site is what was published last": "yes" if equal(growing.folder, reads()) else "NO",
    }


def kills(name: str, growing: Growing, reads: Reads, times: int, longest: float) -> dict[str, str]:
    """Kill publishes at random moments; what readers see after each, and when the last was repeated."""
    chance, deaths, wrong = random.Random(0), 0, 0
    read = reads()
    for number in range(times):
        change(growing, number)
        deaths += killed(name, growing.folder, chance.uniform(0, longest))
        wrong += bool(mixed(read))
    publish(name, site=growing.folder, say=quiet)
    again = publish(name, site=growing.folder, say=quiet)
    return {
        "publishes killed": f"{deaths:,} of {times:,}",
        "mixed sites after a kill": f"{wrong:,}",
        "repeated, the site is whole": "yes" if equal(growing.folder, read) and not mixed(read) else "NO",
        "repeated once more, files sent": f"{again.files:,}",
    }


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--publishes", type=int, default=300)
    options.add_argument("--kills", type=int, default=50)
    asked = options.parse_args()
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder, moto() as endpoint:
        home = Path(folder)
        os.chdir(home)
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        bucket = Bucket(endpoint, "reports")
        bucket.client().create_bucket(Bucket=bucket.name)
        (home / "virality.toml").write_text(
            f'[targets.folder]\nurl = "{home / "www"}"\ngrace_days = 0\n'
            f'[targets.s3]\nurl = "{bucket.url}"\nproduction = true\ngrace_days = 0\n'
        )
        for name, reads, longest in (
            ("folder", lambda: of(home / "www/current"), 0.06),
            ("s3", bucket.reader, 0.6),
        ):
            growing = Growing(home / f"site-{name}")
            for _ in range(RUNS):
                growing.add()
            found[name] = among_readers(name, growing, reads, asked.publishes)
            found[name] |= kills(name, growing, reads, asked.kills, longest)
        os.chdir(ROOT)
    rows = [["", *found], ["---", *["---:"] * len(found)]]
    rows += [[line, *(found[name][line] for name in found)] for line in found["folder"]]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    how = (
        f"A site of {RUNS} runs, {READERS} readers in processes of their own, S3 is moto on loopback; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d}."
    )
    text = f"# Publishing among readers, and killed\n\n{how}\n\n{table}\n"
    FIGURES.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
