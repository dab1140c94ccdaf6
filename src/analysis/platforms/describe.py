"""A card as text: for `virality platforms NAME`, and as Markdown for docs/platforms.md."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from types import ModuleType

from analysis.platforms import modules
from analysis.platforms.card import Card, Metric

WIDTH = 96
NO_CONDUCT = "no rule of the platform's own is recorded; it is meant for what its purpose says"
Section = tuple[str, list[str]]


def means(module: ModuleType) -> str:
    """In a few words, what can be had from a platform: fetched, imported, both, or referrals alone."""
    ways = []
    if getattr(module, "fetch", None) is not None:
        keys = [key for key in module.CARD.access.keys if key.required]
        ways.append("fetch, with a key" if keys else "fetch")
    if formats := getattr(module, "IMPORTS", {}):
        ways.append("import: " + ", ".join(sorted(formats)))
    return "; ".join(ways) or "referrals only"


def sections(module: ModuleType) -> Iterator[Section]:
    """The card, in the order a reader wants it: heading and lines."""
    card: Card = module.CARD
    yield "Purpose", [", ".join(card.purpose)]
    yield "Mechanism", [card.mechanism]
    yield "Links", [f"{p.rel}{f', since {p.since}' if p.since else ''}: {p.note}" for p in card.links]
    yield "What can be had", [means(module)]
    yield (
        "Metrics",
        [f"{m.name} ({m.shape}, in {m.unit}{_upwards(m)}): {m.definition}" for m in card.metrics],
    )
    access = [card.access.cost, card.access.how]
    access += [
        f"VIRALITY_{card.name.upper()}_{key.name.upper()}: {key.what}"
        f"{'' if key.required else ' (optional)'}{'' if key.secret else ' (no secret)'}"
        for key in card.access.keys
    ]
    yield "Access and cost", [line for line in access if line]
    limits = [f"{li.requests:,} in {li.seconds:,.0f} s: {li.scope}" for li in card.limits]
    if card.limit_headers:
        limits.append("headers: " + ", ".join(card.limit_headers))
    yield "Limits", limits or ["none published"]
    yield "Rules", [f"{rule.text} ({rule.source})" for rule in card.rules]
    told = [f"{one.text}{f' At most {one.most:g}.' if one.most is not None else ''} ({one.source})"
            for one in card.conduct]  # fmt: skip
    yield "Conduct", told or [NO_CONDUCT]
    kept = f"{card.retention_days:,} days" if card.retention_days else "no limit stated"
    yield "Retention", [kept]
    yield (
        "Life",
        [f"{e.on}: {e.what}{f' (breaks {_broken(e.breaks)})' if e.breaks else ''}" for e in card.life],
    )
    yield "Referrers", [", ".join(card.hosts)] if card.hosts else []
    if card.retired:
        yield "Retired", [card.retired]
    yield "Sources", list(card.sources)


def _upwards(metric: Metric) -> str:
    return ", counts up" if metric.cumulative and metric.shape == "reading" else ""


def _broken(names: tuple[str, ...]) -> str:
    return "every series" if "*" in names else "the series of " + ", ".join(names)


def text(name: str) -> str:
    """One card, laid out for a terminal."""
    module = modules()[name]
    out = [module.CARD.title, "=" * len(module.CARD.title)]
    for heading, lines in sections(module):
        if not lines:
            continue
        out += ["", heading]
        for line in lines:
            first, rest = ("  - ", "    ") if len(lines) > 1 else ("  ", "  ")
            out += textwrap.wrap(
                line, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
            )
    return "\n".join(out)


def overview() -> str:
    """Every platform on a line: name, purpose, what can be had."""
    lines = [(m.CARD.name, m.CARD.title, ", ".join(m.CARD.purpose), means(m)) for m in modules().values()]
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    rows = ["  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[3]]) for line in lines]
    return "\n".join(rows)


def markdown() -> str:
    """Every card as one Markdown page."""
    out = [
        "# Platforms",
        "",
        "Generated from the cards in `src/analysis/platforms/` by `python -m analysis.platforms.document`; "
        "`virality platforms NAME` prints one of them.",
        "",
        "| platform | purpose | what can be had |",
        "|---|---|---|",
    ]
    for name, module in modules().items():
        title = f"[{_plain(module.CARD.title)}](#{name})"
        out.append(f"| {title} | {', '.join(module.CARD.purpose)} | {_plain(means(module))} |")
    for name, module in modules().items():
        out += ["", f'<a id="{name}"></a>', "", f"## {_plain(module.CARD.title)}"]
        for heading, lines in sections(module):
            if not lines:
                continue
            if len(lines) == 1:
                out += ["", f"**{heading}.** {_plain(lines[0])}"]
            else:
                out += ["", f"**{heading}**", "", *(f"* {_plain(line)}" for line in lines)]
    return "\n".join(out) + "\n"


def _plain(line: str) -> str:
    for sign in "\\|*_<>":
        line = line.replace(sign, "\\" + sign)
    return line
