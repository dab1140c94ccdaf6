"""Reports run: checked first, then each notebook in a process of its own, then published."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.reports import failures, notebooks, parameters, pictures, private, provenance
from analysis.reports.asked import Asked
from analysis.reports.browser import BrowserError, Chromium
from analysis.reports.parameters import moment, plain
from analysis.reports.process import CAN_FORK, Processes
from analysis.reports.record import Record
from analysis.reports.site import PLOTLY, TEMPLATE, Site
from analysis.settings import root, settings
from analysis.store import Store

TIMEOUT, CELL_TIMEOUT = 900.0, 300.0  # seconds
RENEW_DAYS = 7.0


@dataclass(frozen=True)
class Options:
    """How reports are run.

    timeout, cell_timeout : seconds a report and a single cell may take
    workers : how many at a time; never more than there are cores
    renew_days : when a page begins to say it is out of date. None: a week for a report with its
        default parameters, never for a question asked with others; 0: never
    again : run even what is up to date
    """

    timeout: float = TIMEOUT
    cell_timeout: float = CELL_TIMEOUT
    workers: int | None = None
    renew_days: float | None = None
    again: bool = False


@dataclass(frozen=True)
class Done:
    """What a command did: a record a report, the ids of those that were up to date, and the site."""

    records: list[Record]
    current: set[str]
    site: Site

    @property
    def failed(self) -> list[Record]:
        """The runs that made no page."""
        return [record for record in self.records if record.status == "failed"]


def make(
    names: list[str],
    words: list[str],
    everything: bool = False,
    options: Options | None = None,
    say: Callable[[str], None] = print,
) -> Done:
    """Run reports and publish them.

    Parameters
    ----------
    names : of the reports; with ``everything``, every notebook of the folder
    words : ``name=value`` parameters, for a single report; one run for each value of a parameter that is
        given several times
    options : see Options
    say : is told one line of progress at a time

    Raises
    ------
    UserError
        Before any kernel starts: for an unknown report or parameter, an ill-typed value, a folder
        that cannot be written. A notebook that fails is no error here: its record says so.
    """
    options = options or Options()
    configured = settings()
    folder = Path(configured.path("notebooks"))
    if everything == bool(names):
        raise UserError("name the reports to run, or give --all; `virality list` shows what there is")
    if words and len(names) != 1:
        raise UserError("-p goes with one report: virality report NAME -p name=value")
    asked: list[Asked] = []
    broken: list[tuple[str, str]] = []
    for name in dict.fromkeys(notebooks.names(folder) if everything else names):
        try:
            report = notebooks.load(folder, name)
            asked += [
                Asked(report, *parameters.resolve(report.parameters, these, name))
                for these in parameters.sweep(report.parameters, words, name)
            ]
        except UserError as error:
            if not everything:
                raise
            broken.append((name, str(error)))  # the others still come out
    if not asked and not broken:
        raise UserError(f"{folder} holds no notebooks; choose another with VIRALITY_NOTEBOOKS")
    site = Site.open()
    site.prepare()
    inputs = provenance.gather(Store.open(configured.path("store")), root())
    runner = _Runner(site, inputs, options, say)
    return runner.run(asked, broken)


class _Runner:
    """One command's runs: what they share, and the processes to stop when it is stopped."""

    def __init__(
        self, site: Site, inputs: provenance.Inputs, options: Options, say: Callable[[str], None]
    ) -> None:
        self.site, self.inputs, self.options, self.say = site, inputs, options, say
        self.assets = site.assets()
        self.places = private.places(inputs.store, site.folder, settings().path("notebooks"))
        self.refreshing, self.refresh_after = threading.Lock(), 0.0
        program = pictures.browser()
        self.chromium = Chromium(program) if program else None

    def run(self, asked: list[Asked], broken: list[tuple[str, str]]) -> Done:
        records = [self._unreadable(name, message) for name, message in broken]
        current: set[str] = set()
        waiting = []
        for one in asked:
            fresh = None if self.options.again else self.site.find(self._id(one))
            if fresh is None:
                waiting.append(one)
                continue
            self.say(f"{one.report.name}: up to date")
            records.append(self.site.checked(fresh, _now(), self._renew(one), refresh=False))
            current.add(fresh.id)
        try:
            if waiting:
                records += self._all(waiting)
        except BaseException:
            with contextlib.suppress(OSError, UserError):
                self.site.build()
            raise
        self.site.build()
        order = [name for name, _ in broken] + [one.report.name for one in asked]
        records.sort(key=lambda record: order.index(record.report))
        return Done(records, current, self.site)

    def _all(self, waiting: list[Asked]) -> list[Record]:
        """Run what has to be run, several at a time."""
        modules = sorted({name for one in waiting for name in one.report.modules})
        processes = Processes(self.inputs.store, modules, self._draw)
        processes.prepare()
        if self.chromium:
            self.chromium.start()
        cores = os.cpu_count() or 1
        with ThreadPoolExecutor(max(1, min(self.options.workers or cores, cores, len(waiting)))) as pool:
            try:
                started = [pool.submit(self._one, one, processes) for one in self._longest_first(waiting)]
                return [future.result() for future in as_completed(started)]
            except BaseException:
                processes.stop()
                pool.shutdown(cancel_futures=True)
                raise
            finally:
                processes.close()
                if self.chromium:
                    self.chromium.close()

    def _longest_first(self, waiting: list[Asked]) -> list[Asked]:
        """By what each report took last, so that no core waits for a long one that was begun late.

        One that was never run may be long: it is begun first, of several the one with the longest notebook.
        """
        known = reversed(self.site.records())
        took = {record.report: record.kernel_seconds or record.seconds for record in known}

        def length(one: Asked) -> tuple[float, int]:
            return took.get(one.report.name, math.inf), one.report.path.stat().st_size

        return sorted(waiting, key=length, reverse=True)

    def _refresh(self) -> None:
        """Bring the index up to date while reports come out, for at most a tenth of the time.

        It grows with every run there ever was: after each of many reports it would take longer than they.
        """
        if time.monotonic() < self.refresh_after or not self.refreshing.acquire(blocking=False):
            return
        try:
            began = time.monotonic()
            self.site.build()
            self.refresh_after = time.monotonic() + 9 * (time.monotonic() - began)
        finally:
            self.refreshing.release()

    def _draw(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The pictures that a page asks for."""
        if self.chromium is None:
            return {"why": pictures.NO_BROWSER}
        try:
            return {"drawn": self.chromium.evaluate(Path(asked["draw"]), pictures.READ)}
        except BrowserError:
            return {"why": pictures.NOT_DRAWN}

    def _fingerprint(self, one: Asked) -> str:
        values = {name: plain(value) for name, value in one.values.items()}
        return provenance.fingerprint(self.inputs, one.report.digest, values, pictures.browser() is not None)

    def _id(self, one: Asked) -> str:
        return f"{one.report.name}-{self._fingerprint(one)[:12]}"

    def _renew(self, one: Asked) -> float | None:
        days = self.options.renew_days
        if days is None:
            return None if one.given else RENEW_DAYS
        return days or None

    def _one(self, one: Asked, processes: Processes) -> Record:
        name, run_id = one.report.name, self._id(one)
        started, began = _now(), time.monotonic()
        place = self.site.stage(run_id)
        work = Path(tempfile.mkdtemp(prefix="virality-"))  # short: sockets live here
        try:
            job = self._job(one, place, work)
            outcome = processes.execute(job, work, lambda line: self.say(f"{name}: {line}"))
            if processes.stopped:
                raise UserError("stopped; nothing half done was published")
            took = round(time.monotonic() - began, 2)
            return self._publish(self._record(name, run_id, started, took, outcome, one), place, outcome)
        except OSError as error:
            raise UserError(f"{name} could not be published in {self.site.folder}: {error}") from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
            shutil.rmtree(place, ignore_errors=True)

    def _unreadable(self, name: str, message: str) -> Record:
        """A notebook that could not even be read: shown as failed beside the others."""
        folder = re.sub(r"[^A-Za-z0-9_-]+", "-", name) + "-unreadable"
        outcome = {"error": {"message": message}}
        record = self._record(name, folder, _now(), 0.0, outcome, None)
        return self._publish(record, self.site.stage(folder), outcome)

    def _publish(self, record: Record, place: Path, outcome: dict[str, Any]) -> Record:
        if record.error:
            kept = failures.place(self.site.folder, record.id)
            try:
                failures.keep(kept, record, outcome["error"], place / "notebook.ipynb")
            except OSError as error:  # the page comes out all the same
                self.say(f"{record.report}: the whole error could not be kept: {error}")
            for path in place.iterdir():
                path.unlink()
            where = f" in {record.error['cell']}" if record.error["cell"] else ""
            self.say(f"{record.report}: FAILED{where}: {record.error['message']}")
        published = self.site.publish(record, place, refresh=False)
        if not record.error:
            self.say(f"{record.report}: published, {record.seconds:.1f} s")
        self._refresh()
        return published

    def _record(
        self, name: str, run_id: str, started: str, seconds: float, outcome: dict[str, Any], one: Asked | None
    ) -> Record:
        error, now = outcome.get("error"), _now()
        return Record(
            id=f"{run_id}-failed" if error else run_id,
            report=name,
            title=one.report.title if one else name,
            status="failed" if error else "ok",
            parameters=one.rows() if one else [],
            started=started,
            finished=now,
            checked=now,
            seconds=seconds,
            kernel_seconds=outcome.get("kernel_seconds"),
            renew_days=self._renew(one) if one else None,
            fingerprint=self._fingerprint(one) if one else "",
            notebook=one.report.digest if one else "",
            data_as_of=self._as_of(one),
            inputs={name: value for name, value in asdict(self.inputs).items() if name != "store"},
            verdict=outcome.get("verdict", ""),
            summary=outcome.get("summary", ""),
            charts=outcome.get("charts", 0),
            warnings=outcome.get("warnings", 0),
            contents=outcome.get("contents", []),
            error=failures.public(error, self.places) if error else None,
        )

    def _as_of(self, one: Asked | None) -> str:
        """Until when the page knows: the newest data, or the moment the report was asked to stand at."""
        asked = one.values.get("as_of") if one else None
        newest = self.inputs.data_as_of
        if isinstance(asked, date) and newest:
            newest = min(newest, moment(asked).isoformat())
        return f"{newest[:16].replace('T', ' ')} UTC" if newest else ""

    def _job(self, one: Asked, place: Path, work: Path) -> dict[str, Any]:
        path = one.report.path.resolve()
        return {
            "notebook": str(path),
            "cwd": str(path.parent),  # where JupyterLab would run it
            "out": str(place),
            "sockets": str(work / "kernel"),
            "forked": CAN_FORK,
            "parameters": {name: plain(one.values[name]) for name in sorted(one.given)},
            "timeout": self.options.timeout,
            "cell_timeout": self.options.cell_timeout,
            "plotly": str(TEMPLATE / PLOTLY),
            "places": self.places,
            "page": self._page(one),
        }

    def _page(self, one: Asked) -> dict[str, Any]:
        return {
            "title": one.report.title,
            "report": one.report.name,
            "assets": self.assets,
            "data_as_of": self._as_of(one),
            "parameters": one.rows(),
            "versions": self.inputs.versions,
            "rows": self.inputs.rows,
            "software": self.inputs.software,
            "code": self.inputs.code,
            "commit": self.inputs.commit,
            "notebook": one.report.digest,
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
