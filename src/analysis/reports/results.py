"""What a page found, for machines: its results, the tables as a reader sees them, and its contents.

``results.json`` beside a page holds them, so that the next report can say what changed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from analysis.reports import clean

ROWS = 500  # of one table that are kept
CONTENT_ID = re.compile(r"[0-9a-f]{16}")


@dataclass
class Found:
    """Collected while a page is made.

    results : verdict, reason, summary, model and checks of each result
    tables : name, columns and rows of each table, in the words of the page
    contents : content_id, url and title of each content the page speaks of
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    contents: list[dict[str, str]] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        """Name and version of each model whose result is on the page."""
        return list(dict.fromkeys(result["model"] for result in self.results if result["model"]))

    def add_result(self, told: Any) -> str:
        """Keep a result; its model's name without the version."""
        if not isinstance(told, dict):
            return ""
        kept: dict[str, Any] = {
            name: clean.text(str(told.get(name, ""))) for name in ("model", "verdict", "reason", "summary")
        }
        checks = told.get("checks") or []
        kept["checks"] = [
            {"name": clean.text(str(check["name"])), "passed": check["passed"]} for check in checks
        ]
        self.results.append(kept)
        return split_model(kept["model"])[0]

    def add_tables(self, html: str, name: str = "") -> None:
        """Keep each table of ours in clean HTML, named by its caption, or as told."""
        for table in read_tables(html):
            called = table.pop("caption") or name or f"Table {len(self.tables) + 1}"
            same = sum(known["name"].split(" (")[0] == called for known in self.tables)
            self.tables.append({"name": f"{called} ({same + 1})" if same else called, **table})

    def add_contents(self, told: Any) -> list[dict[str, str]]:
        """Keep contents that are not known yet; those that were told and can have a page."""
        rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
        named = [
            {name: clean.text(str(row.get(name, ""))) for name in ("content_id", "url", "title")}
            for row in rows
            if CONTENT_ID.fullmatch(str(row.get("content_id", "")))
        ]
        known = {row["content_id"] for row in self.contents}
        self.contents += [row for row in named if row["content_id"] not in known]
        return named

    def to_json(self) -> str:
        """As it stands in ``results.json``."""
        told = {"results": self.results, "tables": self.tables, "contents": self.contents}
        return json.dumps(told, indent=1, ensure_ascii=False)


def split_model(model: str) -> tuple[str, str]:
    """A model's name, and its version with whatever follows: "spikes 1.0" is ("spikes", "1.0")."""
    found = re.fullmatch(r"(.+?) (\d.*)", model, re.S)
    return (found[1], found[2]) if found else (model, "")


def read_tables(html: str) -> list[dict[str, Any]]:
    """Caption, columns and rows of each table of class ``data``, as text."""
    reader = _Tables()
    reader.feed(html)
    return reader.tables


class _Tables(HTMLParser):
    """Reads well-formed tables; whatever else there is is passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[dict[str, Any]] = []
        self.inside = self.head = False
        self.words: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table" and "data" in (dict(attrs).get("class") or "").split():
            self.inside = True
            self.tables.append({"caption": "", "columns": [], "rows": []})
        elif self.inside and tag in ("thead", "tbody"):
            self.head = tag == "thead"
        elif self.inside and tag == "tr" and not self.head and len(self.tables[-1]["rows"]) <= ROWS:
            self.tables[-1]["rows"].append([])
        elif self.inside and tag in ("caption", "th", "td"):
            self.words = []

    def handle_data(self, data: str) -> None:
        if self.words is not None:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self.inside:
            self.inside = False
            del self.tables[-1]["rows"][ROWS:]
        if self.words is None or tag not in ("caption", "th", "td"):
            return
        words, self.words = "".join(self.words).strip(), None
        table = self.tables[-1]
        if tag == "caption":
            table["caption"] = words
        elif self.head:
            table["columns"].append(words)
        else:
            table["rows"][-1].append(words)
