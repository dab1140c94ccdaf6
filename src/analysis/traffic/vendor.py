"""Renew the lists of referrers: ``make vendor FROM=folder``, or ``python -m analysis.traffic.vendor FOLDER``.

The folder holds ``Socials.yml``, ``SearchEngines.yml`` and ``AIAssistants.yml`` of
github.com/matomo-org/searchengine-and-social-list (CC0) and ``spammers.txt`` of
github.com/matomo-org/referrer-spam-list (public domain), anywhere below it: two checkouts side by side
will do. No package registry carries the lists for Python, so they are not fetched from one. What is
kept is the hosts alone, with the day; keyword rules and backlinks are not needed here. Crawlers come
with the dependency crawler-user-agents and are renewed with the lock.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from analysis.errors import UserError

DATA = Path(__file__).with_name("data")
LISTS = {"platforms": "Socials.yml", "ai assistant": "AIAssistants.yml", "search": "SearchEngines.yml"}
SPAM = "spammers.txt"


def _one(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if not found:
        raise UserError(f"{folder} holds no {name}: give a folder with checkouts of Matomo's two lists")
    return found[0]


def _hosts(entry: object) -> list[str]:
    """The hosts under one name: a list of them, or a list of rules that each name some."""
    hosts: list[str] = []
    for part in entry if isinstance(entry, list) else [entry]:
        hosts += part.get("urls", []) if isinstance(part, dict) else [str(part)]
    return sorted({str(host).strip().lower().strip("/") for host in hosts})


def renew(folder: Path, day: date, into: Path = DATA) -> dict[str, int]:
    """Write ``matomo.json`` and ``spam.json``; how many hosts each list has.

    Raises
    ------
    UserError
        When a list is missing, or has lost more than half of what the vendored one has.
    """
    import yaml

    lists = {}
    for kind, name in LISTS.items():
        read = yaml.safe_load(_one(folder, name).read_text("utf-8"))
        lists[kind] = {
            str(who): _hosts(entry) for who, entry in sorted(read.items(), key=lambda item: str(item[0]))
        }
    spam = sorted(
        {line.strip().lower() for line in _one(folder, SPAM).read_text("utf-8").splitlines() if line.strip()}
    )
    counts = {kind: sum(map(len, hosts.values())) for kind, hosts in lists.items()} | {"spam": len(spam)}
    if (into / "matomo.json").is_file():
        old = json.loads((into / "matomo.json").read_text("utf-8"))["lists"]
        before = {kind: sum(map(len, hosts.values())) for kind, hosts in old.items()}
        before["spam"] = len(json.loads((into / "spam.json").read_text("utf-8"))["hosts"])
        for kind, count in counts.items():
            if count * 2 < before[kind]:
                raise UserError(
                    f"the new list of {kind} has {count} hosts, the old one {before[kind]}: is it whole?"
                )
    _write(
        into / "matomo.json",
        {
            "source": "github.com/matomo-org/searchengine-and-social-list",
            "licence": "CC0-1.0",
            "vendored": day.isoformat(),
            "lists": lists,
        },
    )
    _write(
        into / "spam.json",
        {
            "source": "github.com/matomo-org/referrer-spam-list",
            "licence": "public domain",
            "vendored": day.isoformat(),
            "hosts": spam,
        },
    )
    return counts


def _write(path: Path, data: dict[str, object]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main() -> int:
    """Renew the lists from the folder that is named."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python -m analysis.traffic.vendor FOLDER\n" + (__doc__ or ""), file=sys.stderr)
        return 2
    try:
        counts = renew(Path(sys.argv[1]), datetime.now(UTC).date())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(", ".join(f"{kind}: {count} hosts" for kind, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
