"""What a reader of a published site must never see."""

import html.parser
import json
import os
import re
from collections.abc import Callable
from pathlib import Path


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def links(path: str, data: bytes) -> list[str]:
    """Paths of the site that a file refers to."""
    found: list[str] = []
    if path.endswith(".html"):
        parser = _Links()
        parser.feed(data.decode())
        found = parser.found
    elif path.endswith("run.js"):
        newer = json.loads(data.decode().removeprefix("window.viralityRun=").rstrip(";\n"))["newer"]
        found = [f"../{newer}/index.html"] if newer else []
    elif path == "feed.xml":
        found = re.findall(r'href="https://reports\.example/([^"]+)"', data.decode())
    ours = [one for one in found if not re.match(r"[a-z]+:|#", one)]
    return [os.path.normpath(os.path.join(os.path.dirname(path), one)) for one in ours]


def whole(path: str, data: bytes) -> bool:
    """A file with its end."""
    if path.endswith(".html"):
        text = data.decode()
        return text.startswith("<!DOCTYPE html>") and (
            path.startswith("runs/") or text.rstrip().endswith("</html>")
        )
    if path.endswith("figure.csv"):
        return data.count(b"\n") == 52
    if path.endswith(".json"):
        return bool(json.loads(data))
    return not path.endswith("feed.xml") or data.rstrip().endswith(b"</feed>")


def newest(data: bytes) -> int:
    """The newest run that a page over all runs names."""
    return max(map(int, re.findall(r"Report (\d+)", data.decode())), default=0)


ENTRIES = ("index.html", "feed.xml", "history.html", "contents/index.html")


def mixed(read: Callable[[str], bytes | None], deep: bool = True) -> list[str]:
    """What is wrong with the site as a reader sees it who comes in at the index and follows every link.

    Each file must be whole, each link must lead to something, a run's files must be of that run, and no page
    over all runs may be older than the index by which the reader came.
    """
    wrong, known = [], set()
    index = read("index.html")
    if index is None:
        return ["there is no index"]
    begun = newest(index)
    queue = [("index.html", index)]
    while queue:
        path, data = queue.pop()
        if not whole(path, data):
            wrong.append(f"{path} is torn")
            continue
        if path in ENTRIES and newest(data) < begun:
            wrong.append(f"{path} is older than the index it was reached from")
        run = re.match(r"runs/([^/]+)/(index\.html|figure\.csv)", path)
        if run and run[1].encode() not in data and not run[1].endswith("-failed"):
            wrong.append(f"{path} is of another run")
        for link in links(path, data):
            if link not in known:
                known.add(link)
                found = read(link)
                if found is None:
                    wrong.append(f"{path} leads to {link}, which is not there")
                elif deep or link in ENTRIES or link.startswith("runs/"):
                    queue.append((link, found))
    return wrong


def equal(site: Path, read: Callable[[str], bytes | None]) -> bool:
    """Whether readers have exactly what the site's manifest names."""
    named = json.loads((site / "manifest.json").read_bytes())["files"]
    return all(read(path) == (site / path).read_bytes() for path in [*named, "manifest.json"])


def of(folder: Path) -> Callable[[str], bytes | None]:
    """Reads a folder as a web server does."""

    def read(path: str) -> bytes | None:
        try:
            return (folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    return read
