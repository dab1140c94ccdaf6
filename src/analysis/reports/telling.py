"""What the command line says about reports: which there are, what ran, what to do next."""

from __future__ import annotations

from pathlib import Path

from analysis.errors import UserError
from analysis.reports import failures, notebooks
from analysis.reports.parameters import Parameter, plain
from analysis.reports.record import Record
from analysis.reports.site import Site

RUNS_SHOWN = 20


def overview(folder: Path, site: Site) -> str:
    """The reports with their parameters, and the newest runs."""
    lines = [f"Reports in {folder}:"]
    first = ""
    for name in notebooks.names(folder):
        try:
            report = notebooks.load(folder, name)
        except UserError as error:
            lines.append(f"  {name}: cannot run: {error}")
            continue
        first = first or name
        lines.append(f"  {name} – {report.title}")
        lines += _table([_row(parameter) for parameter in report.parameters], "    ")
    if not first:
        lines.append("  none")
    records = site.records()
    lines += ["", f"Runs in {site.folder}, newest first:" if records else f"No runs in {site.folder} yet."]
    lines += _table([_run(record) for record in records[:RUNS_SHOWN]], "  ")
    if len(records) > RUNS_SHOWN:
        lines.append(f"  and {len(records) - RUNS_SHOWN} older ones: open {site.index}")
    if first:
        lines += ["", f"Next: virality report {first}, or virality report --all"]
    return "\n".join(lines)


def ending(records: list[Record], current: set[str], site: Site) -> str:
    """The last words of ``virality report``: where the pages are, what failed, what to do next."""
    lines = []
    for record in records:
        page = site.runs / record.id / "index.html"
        if record.status == "failed":
            error = record.error or {}
            where = f" in {error['cell']}" if error.get("cell") else ""
            lines.append(f"{record.report}: FAILED{where}: {error.get('message', '')}")
            lines.append(f"  {page}")
            lines.append(f"  all that is known of it: {failures.place(site.folder, record.id)}")
        else:
            said = f"{record.verdict}: " if record.verdict else ""
            done = " (up to date)" if record.id in current else ""
            lines.append(f"{record.report}{done}: {said}{_cut(record.summary, 160)}".rstrip(": "))
            lines.append(f"  {page}")
    failed = [record for record in records if record.status == "failed"]
    lines.append(f"All reports: {site.index}")
    if failed:
        words, command = failures.advice(failed[0])
        lines += [f"Next: {words}", f"Then: {command}"]
    else:
        lines.append("Next: open that page in a browser, or ask a report something else: virality list")
    return "\n".join(lines)


def _row(parameter: Parameter) -> list[str]:
    value = parameter.default
    shown = "not set" if value is None else ",".join(value) if isinstance(value, list) else str(plain(value))
    return [parameter.name, parameter.annotation, shown or "empty", parameter.note]


def _run(record: Record) -> list[str]:
    given = " ".join(f"{row['name']}={row['value']}" for row in record.parameters if row["given"])
    error = record.error or {}
    said = error.get("message", "") if record.status == "failed" else record.summary
    return [
        record.finished[:16].replace("T", " "),
        record.report,
        "failed" if record.status == "failed" else record.verdict or "ok",
        _cut(given or "defaults", 60),
        _cut(said, 80),
    ]


def _table(rows: list[list[str]], indent: str) -> list[str]:
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(len(rows[0]) if rows else 0)]
    return [
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cut(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
