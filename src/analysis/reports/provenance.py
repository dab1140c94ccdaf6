"""Where a page comes from: the data as of when, the code, the libraries. Equal inputs, equal page."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from analysis import __version__
from analysis.store import Store

LIBRARIES = ("pandas", "numpy", "statsmodels", "scikit-learn", "plotly", "papermill", "nbconvert")
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Inputs:
    """What every run of one command shares.

    store : the store's absolute path
    versions : each table's version, -1 where there is none
    rows : each table's rows
    data_as_of : the latest observation in the store, ISO 8601 in UTC; empty when there is none
    software : names and versions of python, virality and the libraries
    code : a digest of the package's files, so that an edited model makes a page stale
    commit : of the project's folder, "with local changes" said; empty outside git
    revised : bins of time of which a later count said something else
    """

    store: str
    versions: dict[str, int]
    rows: dict[str, int]
    data_as_of: str
    software: dict[str, str]
    code: str
    commit: str
    revised: int = 0


def gather(store: Store, root: Path) -> Inputs:
    """Everything about the data and the code that a page depends on."""
    versions = store.versions()
    connection = store.sql()
    rows = {name: _one(connection, f"select count(*) from {name}") for name in versions}
    latest = _one(
        connection,
        "select max(seen) from (select max(observed_at) seen from events union all "
        "select max(observed_at) from readings union all select max(observed_at) from intervals)",
    )
    revised = _one(
        connection,
        "select count(*) from (select 1 from intervals where not partial group by "
        'hash(platform, content_id, metric, start, "end", observer) having min(value) <> max(value))',
    )
    connection.close()
    as_of = latest.strftime("%Y-%m-%dT%H:%M:%SZ") if latest is not None else ""
    return Inputs(str(store.path), versions, rows, as_of, _software(), _code(), _commit(root), revised)


def fingerprint(inputs: Inputs, notebook: str, values: dict[str, Any], pictures: bool) -> str:
    """A digest of all a page is made from; two runs with the same one make the same bytes."""
    depends = asdict(inputs)
    del depends["commit"]  # the code's digest says whether anything that matters changed
    depends.update(notebook=notebook, values=values, pictures=pictures)
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _one(connection: Any, query: str) -> Any:
    return connection.sql(query).fetchall()[0][0]


@cache
def _software() -> dict[str, str]:
    found = {"virality": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".j2", ".css", ".js", ".json", ".toml"):
            digest.update(f"{path.relative_to(PACKAGE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _commit(root: Path) -> str:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = bool(commit) and bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return f"{commit}, with local changes" if changed else commit
