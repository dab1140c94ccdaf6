"""The site's Atom feed (RFC 4287): an entry for each page, newest first, under an id that never changes."""

from __future__ import annotations

import re
import uuid
from xml.etree import ElementTree

from analysis.reports import clean
from analysis.reports.record import Record

ATOM = "http://www.w3.org/2005/Atom"
ENTRIES = 50
EPOCH = "1970-01-01T00:00:00+00:00"  # an empty feed has to have been updated once, too
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def feed(records: list[Record], address: str) -> bytes:
    """The feed as XML.

    Parameters
    ----------
    records : all runs, newest first; those that made no page are left out
    address : where the site stands, ending in /; empty: links are relative to the feed
    """
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    published = [record for record in records if record.status == "ok"][:ENTRIES]
    _add(root, "id", _id(address or "virality"))
    _add(root, "title", "Reports · virality")
    _add(root, "updated", max((record.finished for record in published), default=EPOCH))
    _add(_add(root, "author"), "name", "virality")
    _add(root, "link", rel="self", type="application/atom+xml", href=f"{address}feed.xml")
    _add(root, "link", rel="alternate", type="text/html", href=f"{address}index.html")
    for record in published:
        entry = _add(root, "entry")
        asked = ", ".join(f"{name} {value}" for name, value in record.given.items())
        _add(entry, "id", _id(record.id))
        _add(entry, "title", f"{record.title} ({asked})" if asked else record.title)
        _add(entry, "updated", record.finished)
        _add(entry, "link", rel="alternate", type="text/html", href=f"{address}runs/{record.id}/index.html")
        if record.verdict:
            _add(entry, "category", term=record.verdict)
        said = f"{record.verdict}: {record.summary}" if record.verdict else record.summary
        _add(entry, "summary", said, type="text")
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _id(name: str) -> str:
    """An id that depends on the name alone, so that a site that moves keeps its entries."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def _add(parent: ElementTree.Element, name: str, words: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    if words:
        child.text = _NOT_XML.sub("", clean.text(words))
    return child
