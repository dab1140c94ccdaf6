"""The site: a folder a run, shared assets with hashed names, an index that is switched last."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.reports import clean

TEMPLATE = Path(__file__).parent / "template"
PLOTLY = "plotly-cartesian-4.1.1.min.js"
# name in a template -> file; each is published once, under a name that holds its hash
ASSETS = {"report.css": "report.css", "report.js": "report.js", "plotly.js": PLOTLY}
RECORD, CLOCK = "record.json", "run.js"


@dataclass(frozen=True)
class Record:
    """What is known of a run; ``record.json`` beside its page.

    id : the folder's name: report, digest of the inputs, and "failed" where there is no page
    status : ok or failed, from the exit code and never from the notebook
    verdict, summary : of the report's first result; empty where it has none
    parameters : name, value, given, note of each
    started, finished, checked : ISO 8601 in UTC; ``checked`` is when it was last found up to date
    renew_days : after so many days without a check the page says it is out of date; None: never
    fingerprint, notebook : digests of all inputs and of the notebook
    inputs : store versions, software, commit
    error : message, cell, source, traceback of a failed run
    files : size and SHA-256 of each file of the run
    """

    id: str
    report: str
    title: str
    status: str
    parameters: list[dict[str, Any]]
    started: str
    finished: str
    checked: str
    seconds: float
    kernel_seconds: float | None
    renew_days: float | None
    fingerprint: str
    notebook: str
    data_as_of: str
    inputs: dict[str, Any]
    verdict: str = ""
    summary: str = ""
    charts: int = 0
    warnings: int = 0
    error: dict[str, str] | None = None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def renew_by(self) -> str | None:
        """When the page should be renewed at the latest."""
        if self.renew_days is None or self.status != "ok":
            return None
        return (datetime.fromisoformat(self.checked) + timedelta(days=self.renew_days)).isoformat()

    @property
    def question(self) -> str:
        """What was asked: runs with the same one renew each other."""
        return json.dumps([self.report, {p["name"]: p["value"] for p in self.parameters if p["given"]}])


class Site:
    """The published folder. Everything that changes it holds its lock."""

    def __init__(self, folder: str | Path) -> None:
        if "://" in str(folder):
            raise UserError(f"the site must be a folder, not {folder}; choose another with VIRALITY_SITE")
        self.folder = Path(folder)
        self.runs = self.folder / "runs"
        self.index = self.folder / "index.html"

    def prepare(self) -> None:
        """Make the folders, or say in one line why not, before anything expensive starts."""
        try:
            for folder in (self.runs, self.folder / "assets", self._staging):
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._staging):
                pass
            with self._locked():
                self._sweep()
        except OSError as error:
            raise UserError(
                f"the reports folder {self.folder} cannot be written ({error.strerror}); "
                "mend its permissions or choose another with VIRALITY_SITE"
            ) from None

    def stage(self, run_id: str) -> Path:
        """An empty folder on the site's own disk in which a run can be put together."""
        return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{run_id}-", dir=self._staging))

    def assets(self) -> dict[str, str]:
        """Publish the shared files that are not there yet; their names on the site."""
        published = {}
        for name, file in ASSETS.items():
            data = (TEMPLATE / file).read_bytes()
            stem, _, suffix = file.rpartition(".")
            published[name] = f"{stem}.{hashlib.sha256(data).hexdigest()[:12]}.{suffix}"
            target = self.folder / "assets" / published[name]
            if not target.exists():
                _write(target, data)
        return published

    def records(self) -> list[Record]:
        """All runs, newest first. A folder without a readable record is no run."""
        found = []
        known = {entry.name for entry in fields(Record)}
        for path in self.runs.glob(f"*/{RECORD}"):
            try:
                words = json.loads(path.read_text(encoding="utf-8"))
                found.append(Record(**{name: value for name, value in words.items() if name in known}))
            except (OSError, ValueError, TypeError, AttributeError):
                continue
        return sorted(found, key=lambda record: (record.finished, record.id), reverse=True)

    def find(self, run_id: str) -> Record | None:
        """The run's record when its page is whole."""
        record = next((record for record in self.records() if record.id == run_id), None)
        if record is None or record.status != "ok":
            return None
        folder = self.runs / run_id
        whole = all((folder / name).is_file() for name in record.files)
        return record if whole else None

    def publish(self, record: Record, staged: Path) -> Record:
        """Put a staged run in its place, then bring the index up to date."""
        if record.status == "failed":
            page = _template("failed.html.j2").render(record=record, csp=clean.CSP, assets=self.assets())
            _write(staged / "index.html", page.encode())
        record = replace(record, files=_files(staged))
        _write(staged / RECORD, _json(record))
        _write(staged / CLOCK, b"")
        os.chmod(staged, 0o755)
        with self._locked():
            target = self.runs / record.id
            if target.exists():
                aside = self.stage("old")
                os.rename(target, aside / "run")
                os.rename(staged, target)
                shutil.rmtree(aside, ignore_errors=True)
            else:
                os.rename(staged, target)
            if record.status == "ok":
                shutil.rmtree(self.runs / f"{record.id}-failed", ignore_errors=True)
            self._refresh()
        return record

    def checked(self, record: Record, when: str, renew_days: float | None) -> Record:
        """Note that a run was found up to date: its page stays as it is, byte for byte."""
        record = replace(record, checked=when, renew_days=renew_days)
        with self._locked():
            _write(self.runs / record.id / RECORD, _json(record))
            shutil.rmtree(self.runs / f"{record.id}-failed", ignore_errors=True)
            self._refresh()
        return record

    @property
    def _staging(self) -> Path:
        return self.folder / ".staging"

    def _refresh(self) -> None:
        """Tell each page what became of it, and switch the index last."""
        records = self.records()
        asked: dict[str, list[Record]] = {}
        for record in records:
            asked.setdefault(record.question, []).append(record)
        for record in records:
            newest, failure = _standing(asked[record.question])
            stands = newest is not None and newest.id == record.id
            clock = {
                "made": record.finished,
                "checked": record.checked,
                "renew_by": record.renew_by,
                "newer": newest.id if newest and not stands and newest.checked >= record.checked else None,
                "failed": failure.finished if failure and stands else None,
            }
            script = f"window.viralityRun={clean.script_json(clock)};\n".encode()
            path = self.runs / record.id / CLOCK
            if not path.exists() or path.read_bytes() != script:
                _write(path, script)
        page = _template("site.html.j2").render(
            records=records, latest=_latest(records), csp=clean.CSP, assets=self.assets()
        )
        _write(self.index, page.encode())

    def _sweep(self) -> None:
        """Remove what runs that were killed left behind."""
        for folder in self._staging.iterdir():
            pid = folder.name.partition("-")[0]
            if pid.isdigit() and not _alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self.folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _standing(same: list[Record]) -> tuple[Record | None, Record | None]:
    """Of the runs that asked the same: the page that stands, and a failed attempt to renew it since."""
    newest = max((r for r in same if r.status == "ok"), key=lambda r: (r.checked, r.id), default=None)
    failures = [r for r in same if r.status == "failed" and (newest is None or r.finished > newest.checked)]
    return newest, failures[0] if failures else None


def _latest(records: list[Record]) -> list[dict[str, Any]]:
    """One card a report: its standing page, with default parameters if there is one, and a newer failure."""
    cards = []
    for name in sorted({record.report for record in records}):
        mine = [record for record in records if record.report == name]
        usual = [record for record in mine if not any(p["given"] for p in record.parameters)]
        for group in (usual, mine):
            newest, _ = _standing(group)
            if newest:
                break
        shown = newest or mine[0]
        _, failure = _standing([record for record in mine if record.question == shown.question])
        cards.append({"record": shown, "failed": failure if failure and failure.id != shown.id else None})
    return cards


def _template(name: str) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=clean.finalize,
        trim_blocks=True,
    )
    return environment.get_template(name)


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name not in (RECORD, CLOCK)
    }


def _json(record: Record) -> bytes:
    return json.dumps(asdict(record), indent=1, ensure_ascii=False).encode()


def _write(path: Path, data: bytes) -> None:
    """All of the file or the file as it was: readers never see half of one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
