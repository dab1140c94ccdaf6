"""The rules of url_rules.toml, compiled once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Site:
    """What is special about one site; see url_rules.toml."""

    host: str | None = None
    rewrite: tuple[tuple[re.Pattern[str], str, str | None], ...] = ()
    keep_on: dict[str, frozenset[str]] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    lower: tuple[int, ...] = ()


class Rules:
    """Everything the file says, in the shape urls.py asks for it."""

    def __init__(self, text: str) -> None:
        raw = tomllib.loads(text)
        hosts, parameters, fragments = raw["hosts"], raw["parameters"], raw["fragments"]
        self.always = frozenset(hosts["always"])
        self.deep = frozenset(hosts["deep"])
        self.never = frozenset(hosts["never"])
        self._second_level = frozenset(hosts["second_level"])
        self.aliases: dict[str, str] = hosts["aliases"]
        self.host_patterns = [(re.compile(p["match"], re.ASCII), p["host"]) for p in hosts["patterns"]]
        self.any_host_pattern = re.compile("|".join(p["match"] for p in hosts["patterns"]), re.ASCII)
        self._drop = frozenset(parameters["drop"])
        self._prefixes = tuple(parameters["prefixes"])
        words = parameters["words"]
        self._drop_if = {
            name: re.compile(_filled(pattern, words), re.I) for name, pattern in parameters["drop_if"].items()
        }
        self.routes = re.compile(fragments["routes"])
        self.fragment_hosts = frozenset(fragments["hosts"])
        self._amp_names = frozenset(raw["amp"]["names"])
        self._redirectors = [
            (frozenset(r["hosts"]), re.compile(r["path"]), frozenset(r["parameters"]))
            for r in raw["redirectors"]
        ]
        self._wrappers = [(frozenset(w["hosts"]), re.compile(w["path"])) for w in raw["wrappers"]]
        self._sites = {host: _site(s) for s in raw["sites"] for host in s["hosts"]}

        ruled = [*self._redirectors, *self._wrappers]
        self._special = frozenset(self._sites).union(*(hosts for hosts, *_ in ruled))  # type: ignore[arg-type]

    def is_special(self, host: str) -> bool:
        """Whether any rule but those about hosts knows this one."""
        return not self._special.isdisjoint(_names(host))

    def owned(self, host: str) -> bool:
        """Whether the host is somebody's site: more than a bare ending such as com or co.uk."""
        labels = host.split(".")
        if len(labels) == 2:
            return not (labels[0] in self._second_level and len(labels[1]) == 2)
        return len(labels) > 2

    def is_amp_a_name(self, host: str) -> bool:
        """Whether a last segment "amp" is a name on this host."""
        return bool(self._amp_names.intersection(_names(host)))

    def is_tracker(self, name: str, pair: str) -> bool:
        """Whether the parameter (its name in lower case) says only how the reader came."""
        if name in self._drop or name.startswith(self._prefixes):
            return True
        pattern = self._drop_if.get(name)
        return pattern is not None and pattern.fullmatch(pair.partition("=")[2]) is not None

    @lru_cache(maxsize=65536)  # noqa: B019 - one Rules a process
    def site(self, host: str) -> Site | None:
        """What is special about the host's site."""
        return next((self._sites[name] for name in _names(host) if name in self._sites), None)

    @lru_cache(maxsize=65536)  # noqa: B019
    def redirectors(self, host: str) -> tuple[tuple[re.Pattern[str], frozenset[str]], ...]:
        """Path and parameters of the host's doors to other URLs."""
        names = set(_names(host))
        return tuple((path, given) for hosts, path, given in self._redirectors if hosts & names)

    @lru_cache(maxsize=65536)  # noqa: B019
    def wrappers(self, host: str) -> tuple[re.Pattern[str], ...]:
        """Paths of the host that carry another URL."""
        names = set(_names(host))
        return tuple(path for hosts, path in self._wrappers if hosts & names)


def _names(host: str) -> list[str]:
    """The names a rule may call the host by: itself, its parents with *., its ending left open."""
    labels = host.split(".")
    names = [host] + ["*." + ".".join(labels[i:]) for i in range(1, len(labels) - 1)]
    if len(labels) == 2 or (len(labels) == 3 and len(labels[2]) == 2 and len(labels[1]) <= 3):
        names.append(f"{labels[0]}.*")
    return names


def _filled(pattern: str, words: dict[str, str]) -> str:
    for name, alternatives in words.items():
        pattern = pattern.replace(f"{{{name}}}", alternatives)
    return pattern


def _site(raw: dict[str, Any]) -> Site:
    return Site(
        host=raw.get("host"),
        rewrite=tuple(
            (re.compile(pattern, re.ASCII), path, query[0] if query else None)
            for pattern, path, *query in raw.get("rewrite", ())
        ),
        keep_on={path: frozenset(names) for path, names in raw.get("keep_on", {}).items()},
        drop=frozenset(raw.get("drop", ())),
        lower=tuple(raw.get("lower", ())),
    )


RULES = Rules((Path(__file__).parent / "url_rules.toml").read_text())
