"""The site: a folder a run, shared assets with hashed names, pages over all runs that are switched last."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from analysis.errors import UserError
from analysis.reports import changes, clean, failures, index, manifest
from analysis.reports.feed import feed
from analysis.reports.files import digest, write
from analysis.reports.index import TEMPLATE, Look
from analysis.reports.record import CHANGES, CLOCK, RECORD, Record, clock, read
from analysis.settings import settings

PLOTLY = "plotly-cartesian-4.1.1.min.js"
NOTICES = ".schedule/notices.json"  # never published itself; the index says what it holds
# name in a template -> file; each is published once, under a name that holds its hash
ASSETS = {"report.css": "report.css", "report.js": "report.js", "zone.js": "zone.js", "plotly.js": PLOTLY}


class Site:
    """The published folder. Everything that changes it holds its lock.

    Parameters
    ----------
    folder : where it is
    address : where readers find it (https://..., ending in /); empty: its links are relative
    zone : the time zone a reader may switch to from UTC, as Europe/Berlin
    """

    def __init__(self, folder: str | Path, address: str = "", zone: str = "UTC") -> None:
        if "://" in str(folder):
            raise UserError(f"the site must be a folder, not {folder}; choose another with VIRALITY_SITE")
        self.folder = Path(folder)
        self.runs = self.folder / "runs"
        self.index = self.folder / index.INDEX
        self.address, self.zone = address, zone
        self._read: dict[Path, tuple[tuple[int, int, int], Record | None, dict[str, Any]]] = {}

    @classmethod
    def open(cls) -> Site:
        """The site that the settings name.

        Raises
        ------
        UserError
            For an address that is none, or a zone that nobody knows.
        """
        known = settings()
        address, zone = known.site_address, known.site_zone
        if address and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", address):
            raise UserError(
                f"the site's address {address!r} is none; expected for example https://example.org/reports/ "
                "in VIRALITY_SITE_ADDRESS or virality.toml"
            )
        if zone not in available_timezones():
            raise UserError(
                f"nobody knows the time zone {zone!r}; expected a name such as Europe/Berlin "
                "in VIRALITY_SITE_ZONE or virality.toml"
            )
        return cls(
            known.path("site"), address if address.endswith("/") or not address else f"{address}/", zone
        )

    def prepare(self) -> None:
        """Make the folders, or say in one line why not, before anything expensive starts."""
        try:
            for folder in (self.runs, self.folder / "assets", self._staging):
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._staging):
                pass
            with self.locked():
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
            published[name] = f"{stem}.{digest(data)['sha256'][:12]}.{suffix}"
            target = self.folder / "assets" / published[name]
            if not target.exists():
                write(target, data)
        return published

    def records(self) -> list[Record]:
        """All runs, newest first. A folder without a readable record is no run."""
        found = [record for path in self.runs.glob(f"*/{RECORD}") if (record := self._record(path))]
        return sorted(found, key=lambda record: (record.finished, record.id), reverse=True)

    def find(self, run_id: str) -> Record | None:
        """The run's record when its page is whole."""
        record = self._record(self.runs / run_id / RECORD)
        if record is None or record.status != "ok":
            return None
        whole = all((self.runs / run_id / name).is_file() for name in record.files)
        return record if whole else None

    def publish(self, record: Record, staged: Path, refresh: bool = True) -> Record:
        """Put a staged run in its place, then bring the pages over all runs up to date."""
        with self.locked():
            if record.status == "failed":
                write(staged / "index.html", self._failed(record))
            else:
                record = self._follow(record, staged)
            record = replace(record, files=_files(staged))
            write(staged / RECORD, record.to_json())
            write(staged / CLOCK, b"")
            os.chmod(staged, 0o755)
            target = self.runs / record.id
            if target.exists():
                aside = self.stage("old")
                os.rename(target, aside / "run")
                os.rename(staged, target)
                shutil.rmtree(aside, ignore_errors=True)
            else:
                os.rename(staged, target)
            if record.status == "ok":
                self._mended(record.id)
            if refresh:
                self._refresh()
        return record

    def checked(self, record: Record, when: str, renew_days: float | None, refresh: bool = True) -> Record:
        """Note that a run was found up to date: its page stays as it is, byte for byte."""
        record = replace(record, checked=when, renew_days=renew_days)
        with self.locked():
            write(self.runs / record.id / RECORD, record.to_json())
            self._mended(record.id)
            if refresh:
                self._refresh()
        return record

    def build(self) -> int:
        """Bring everything that depends on several runs up to date; how many files were rewritten."""
        self.prepare()
        with self.locked():
            return self._refresh()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """While this holds, nobody else changes the site. Not to be nested."""
        with open(self.folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def _staging(self) -> Path:
        return self.folder / ".staging"

    @property
    def _look(self) -> Look:
        return Look(self.assets(), self.zone)

    def _record(self, path: Path) -> Record | None:
        """The record of a run; read again only when its file changed."""
        try:
            state = path.stat()
            stamp = state.st_mtime_ns, state.st_ino, state.st_size
            if path not in self._read or self._read[path][0] != stamp:
                data = path.read_bytes()
                self._read[path] = stamp, read(data), digest(data)
        except OSError:
            return None
        return self._read[path][1]

    def _failed(self, record: Record) -> bytes:
        """The page of a run that failed."""
        kept = failures.place(self.folder, record.id).relative_to(self.folder.parent)
        words, again = failures.advice(record)
        told = {"record": record, "kept": kept, "advice": words, "again": again}
        return index.render("failed.html.j2", self._look, "../../", **told)

    def _mended(self, run_id: str) -> None:
        """Forget that a run has failed before it came out."""
        shutil.rmtree(self.runs / f"{run_id}-failed", ignore_errors=True)
        shutil.rmtree(failures.place(self.folder, f"{run_id}-failed"), ignore_errors=True)

    def _follow(self, record: Record, staged: Path) -> Record:
        """Lay the run beside the one before it in its series, and leave the page that tells what changed."""
        known, page = self.find(record.id), self.runs / record.id / CHANGES
        if known and page.is_file():  # equal inputs: what was said of them stands
            shutil.copyfile(page, staged / CHANGES)
            return replace(record, previous=known.previous, changed=known.changed)
        same = (r for r in self.records() if r.status == "ok" and r.series == record.series)
        before = next((r for r in same if r.id != record.id), None)
        told = changes.compare(before, self.runs / before.id if before else None, record, staged)
        write(staged / CHANGES, index.render("changes.html.j2", self._look, "../../", now=record, told=told))
        return replace(record, previous=before.id if before else "", changed=told.sentence)

    def _refresh(self) -> int:
        """Tell each page what became of it; write the pages over all runs, the index last; the manifest."""
        records, look = self.records(), self._look
        asked: dict[str, list[Record]] = {}
        for record in records:
            asked.setdefault(record.question, []).append(record)
        assets = (self.folder / "assets").glob("[!.]*")  # older pages ask for older ones
        files = {f"assets/{path.name}": digest(path.read_bytes()) for path in assets}
        rewritten = 0
        for record in records:
            place = f"runs/{record.id}/"
            words = clock(record, asked[record.question]) | {"changed": record.changed, "zone": self.zone}
            script = f"window.viralityRun={clean.script_json(words)};\n".encode()
            rewritten += write(self.folder / place / CLOCK, script)
            files |= {place + name: known for name, known in record.files.items()}
            files[place + CLOCK] = digest(script)
            files[place + RECORD] = self._read[self.folder / place / RECORD][2]
        made = index.pages(records, look, self._notices())
        entry = made.pop(index.INDEX)
        made |= {index.FEED: feed(records, self.address), index.INDEX: entry}
        for name, data in made.items():
            rewritten += write(self.folder / name, data)
            files[name] = digest(data)
        for path in (self.folder / "contents").glob("*.html"):
            if f"contents/{path.name}" not in made:
                path.unlink()
        entries = [index.CONTENTS, index.HISTORY, index.FEED, index.INDEX]
        told = manifest.manifest(records, files, entries, self.address)
        return rewritten + write(self.folder / manifest.NAME, told)

    def _notices(self) -> list[dict[str, str]]:
        """What the schedule left for readers: which report is missing, and why."""
        try:
            told = json.loads((self.folder / NOTICES).read_text(encoding="utf-8"))
            return [{name: str(one[name]) for name in ("subject", "since", "why")} for one in told]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def _sweep(self) -> None:
        """Remove what runs that were killed left behind."""
        for folder in self._staging.iterdir():
            pid = folder.name.partition("-")[0]
            if pid.isdigit() and not _alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        path.name: digest(path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name not in (RECORD, CLOCK)
    }


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
