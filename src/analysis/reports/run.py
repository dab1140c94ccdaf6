"""Reports run: checked first, then each notebook in a process of its own, then published."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.reports import notebooks, parameters, pictures, provenance
from analysis.reports.notebooks import Report
from analysis.reports.parameters import Value, plain
from analysis.reports.process import Processes
from analysis.reports.site import PLOTLY, TEMPLATE, Record, Site
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
class Asked:
    """One report to run: its values, and which of them were given rather than defaults."""

    report: Report
    values: dict[str, Value]
    given: set[str]

    def rows(self) -> list[dict[str, Any]]:
        """The parameters as a page shows them."""
        return [
            {
                "name": one.name,
                "value": _shown(self.values[one.name]),
                "given": one.name in self.given,
                "note": one.note,
            }
            for one in self.report.parameters
        ]


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
    words : ``name=value`` parameters, for a single report
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
            asked.append(Asked(report, *parameters.resolve(report.parameters, words, name)))
        except UserError as error:
            if not everything:
                raise
            broken.append((name, str(error)))  # the others still come out
    if not asked and not broken:
        raise UserError(f"{folder} holds no notebooks; choose another with VIRALITY_NOTEBOOKS")
    site = Site(configured.path("site"))
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
        self.processes = Processes()

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
            records.append(self.site.checked(fresh, _now(), self._renew(one)))
            current.add(fresh.id)
        cores = os.cpu_count() or 1
        workers = max(1, min(self.options.workers or cores, cores, len(waiting) or 1))
        with ThreadPoolExecutor(workers) as pool:
            try:
                for future in as_completed([pool.submit(self._one, one) for one in waiting]):
                    records.append(future.result())
            except BaseException:
                self.processes.stop()
                pool.shutdown(cancel_futures=True)
                raise
        order = [name for name, _ in broken] + [one.report.name for one in asked]
        records.sort(key=lambda record: order.index(record.report))
        return Done(records, current, self.site)

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

    def _one(self, one: Asked) -> Record:
        name, run_id = one.report.name, self._id(one)
        started, began = _now(), time.monotonic()
        place = self.site.stage(run_id)
        work = Path(tempfile.mkdtemp(prefix="virality-"))  # short: sockets live here
        try:
            job = self._job(one, place, work)
            limit = self.options.timeout
            outcome = self.processes.execute(
                job, self.inputs.store, work, limit, lambda line: self.say(f"{name}: {line}")
            )
        finally:
            shutil.rmtree(work, ignore_errors=True)
        error = outcome.get("error")
        if error:
            self._keep_only_the_notebook(place)
            where = f" in {error['cell']}" if error.get("cell") else ""
            self.say(f"{name}: FAILED{where}: {error['message']}")
        record = Record(
            id=f"{run_id}-failed" if error else run_id,
            report=name,
            title=one.report.title,
            status="failed" if error else "ok",
            parameters=one.rows(),
            started=started,
            finished=_now(),
            checked=_now(),
            seconds=round(time.monotonic() - began, 2),
            kernel_seconds=outcome.get("kernel_seconds"),
            renew_days=self._renew(one),
            fingerprint=self._fingerprint(one),
            notebook=one.report.digest,
            data_as_of=_minute(self.inputs.data_as_of),
            inputs=asdict(self.inputs),
            verdict=outcome.get("verdict", ""),
            summary=outcome.get("summary", ""),
            charts=outcome.get("charts", 0),
            warnings=outcome.get("warnings", 0),
            error=_whole(error),
        )
        published = self.site.publish(record, place)
        if not error:
            self.say(f"{name}: published, {published.seconds:.1f} s")
        return published

    def _job(self, one: Asked, place: Path, work: Path) -> dict[str, Any]:
        path = one.report.path.resolve()
        return {
            "notebook": str(path),
            "cwd": str(path.parent),  # where JupyterLab would run it
            "out": str(place),
            "sockets": str(work / "kernel"),
            "parent": os.getpid(),
            "parameters": {name: plain(one.values[name]) for name in sorted(one.given)},
            "cell_timeout": int(self.options.cell_timeout),
            "plotly": str(TEMPLATE / PLOTLY),
            "page": self._page(one),
        }

    def _page(self, one: Asked) -> dict[str, Any]:
        return {
            "title": one.report.title,
            "report": one.report.name,
            "assets": self.assets,
            "data_as_of": _minute(self.inputs.data_as_of),
            "parameters": one.rows(),
            "versions": self.inputs.versions,
            "rows": self.inputs.rows,
            "software": self.inputs.software,
            "code": self.inputs.code,
            "commit": self.inputs.commit,
            "notebook": one.report.digest,
        }

    def _unreadable(self, name: str, message: str) -> Record:
        """A notebook that could not even be read: shown as failed beside the others."""
        self.say(f"{name}: FAILED: {message}")
        now = _now()
        record = Record(
            id=f"{name}-unreadable-failed",
            report=name,
            title=name,
            status="failed",
            parameters=[],
            started=now,
            finished=now,
            checked=now,
            seconds=0.0,
            kernel_seconds=None,
            renew_days=None,
            fingerprint="",
            notebook="",
            data_as_of=_minute(self.inputs.data_as_of),
            inputs=asdict(self.inputs),
            error=_whole({"message": message}),
        )
        return self.site.publish(record, self.site.stage(name))

    @staticmethod
    def _keep_only_the_notebook(place: Path) -> None:
        for path in place.iterdir():
            if path.name != "notebook.ipynb":
                path.unlink()


def _whole(error: dict[str, str] | None) -> dict[str, str] | None:
    return {"cell": "", "source": "", "traceback": "", **error} if error else None


def _shown(value: Value) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(value) or "none") if isinstance(value, list) else str(plain(value))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC" if moment else ""
