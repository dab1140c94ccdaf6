"""A published page as one file to send by mail: everything in it, and nothing asked of anybody."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from markupsafe import escape

from analysis.reports import clean
from analysis.reports.exporter import ABOUT
from analysis.reports.files import write
from analysis.reports.record import CHANGES, CLOCK, Record
from analysis.reports.site import Site

LARGEST = 1_900_000  # bytes; what mail servers take without a word
_ASSET = re.compile(
    r'<(link rel="stylesheet" href|script src)="\.\./\.\./assets/([^"]+)"[^>]*>(?:</script>)?\n?'
)
_LINK = re.compile(r'<a href="(?!https?:|mailto:|data:|#)([^"]+)"([^>]*)>(.*?)</a>', re.S)
_PICTURE = re.compile(r'<img class="picture" src="([^"]+)"[^>]*>')
_AWAY = re.compile(r'<(a|p)[^>]* class="away".*?</\1>', re.S)  # what says nothing but where on the site to go
_NO_PICTURE = (
    '<p class="picture none">The static picture was too large for this file. The numbers are below.</p>'
)


def single(site: Site, record: Record, folder: Path) -> Path:
    """Write a run's page as one file into the folder; its path.

    Pictures and CSV files are packed as far as they fit into ``LARGEST`` bytes, the smallest first. Links to
    the site lead to its address. Where it has none they are plain words, and lines of nothing else go.
    """
    home = site.runs / record.id
    page = (home / "index.html").read_text(encoding="utf-8")
    page = page.replace("</main>", f"{_changes(home)}</main>", 1).replace(
        'href="changes.html"', 'href="#changes"'
    )
    page, scripts = _inlined(page, site.folder / "assets", home)
    page = _policy(page, scripts)
    page = _packed(page, home)
    if not site.address:
        page = _AWAY.sub("", page).replace(ABOUT, "This page speaks of")
    page = _LINK.sub(lambda link: _away(link, site.address, record.id), page)
    target = folder / f"{record.id}.html"
    write(target, page.encode())
    return target


def _changes(home: Path) -> str:
    """What changed since the last report, as a section of the page."""
    try:
        told = (home / CHANGES).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    body = re.sub(r"^.*?<main[^>]*>|</main>.*$", "", told, flags=re.S)
    body = re.sub(r"<(/?)h([123])\b", lambda m: f"<{m[1]}h{int(m[2]) + 1}", body).replace(
        ' id="', ' id="changes-'
    )
    return f'<section id="changes">{body}</section>'


def _inlined(page: str, assets: Path, home: Path) -> tuple[str, list[str]]:
    """The page with its style and scripts in it, and the scripts as they stand there."""
    scripts: list[str] = []
    late: list[str] = []

    def script(text: str) -> str:
        scripts.append(text)
        return f"<script>{text}</script>\n"

    def asset(match: re.Match[str]) -> str:
        text = (assets / match[2]).read_text(encoding="utf-8")
        if match[1].startswith("link"):
            return f"<style>{text}</style>\n"
        if "plotly" in match[2]:
            late.append(script(text))  # drawn last, so that the words stand there first
            return ""
        return script(text)

    page = _ASSET.sub(asset, page)
    page = page.replace('<script src="run.js" defer></script>\n', script(_clock(home)))
    return page.replace("</body>", f"{''.join(late)}</body>"), scripts


def _clock(home: Path) -> str:
    """When it was made and should be renewed; a newer run cannot be reached from here."""
    told = (home / CLOCK).read_text(encoding="utf-8").removeprefix("window.viralityRun=").rstrip(";\n")
    return f"window.viralityRun={clean.script_json(json.loads(told) | {'newer': None})};"


def _policy(page: str, scripts: list[str]) -> str:
    """The page with a policy that lets run exactly the scripts that stand in it."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    policy = clean.CSP.replace("script-src 'self'", f"script-src {allowed}").replace("'self' ", "")
    return page.replace(str(escape(clean.CSP)), str(escape(policy)), 1)


def _packed(page: str, home: Path) -> str:
    """The page with as many of its pictures, then of its CSV files, as fit."""
    room = LARGEST - len(page.encode())
    for kind, form in (("svg", "image/svg+xml"), ("csv", "text/csv")):
        for file in sorted(home.glob(f"figure-*.{kind}"), key=lambda file: (file.stat().st_size, file.name)):
            data = f"data:{form};base64,{base64.b64encode(file.read_bytes()).decode()}"
            place = f'src="{file.name}"' if kind == "svg" else f'href="{file.name}" download'
            if place in page and len(data) < room:
                named = f'src="{data}"' if kind == "svg" else f'href="{data}" download="{file.name}"'
                page = page.replace(place, named)
                room -= len(data)
    return _PICTURE.sub(lambda tag: tag[0] if tag[1].startswith("data:") else _NO_PICTURE, page)


def _away(link: re.Match[str], address: str, run_id: str) -> str:
    """A link to the site as one that works from anywhere, or as its words."""
    if not address:
        return f"<span>{link[3]}</span>"
    path = f"runs/{run_id}/{link[1]}"
    while "/../" in path:
        path = re.sub(r"[^/]+/\.\./", "", path, count=1)
    return f'<a href="{escape(address)}{path}"{link[2]}>{link[3]}</a>'
