"""Collecting: ask every platform for what is due, and store what comes, whatever fails.

One thread a platform; one writer. A platform's rows, then its places and answered asks, are stored in
the order it gave them, so a run that is stopped asks again for what it had not stored, and no more.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from analysis import platforms, traffic
from analysis.collect.due import Due, due, mark
from analysis.collect.places import Places, alone
from analysis.collect.unlearnt import unknown_rows
from analysis.collect.watchlist import Watchlist
from analysis.errors import UserError
from analysis.platforms.client import PATIENCE_SECONDS, Connection
from analysis.platforms.contract import Ask, Plan, Unknown
from analysis.platforms.pace import Clock, Pace, state_folder
from analysis.platforms.rows import forgets, merged, size
from analysis.settings import settings
from analysis.store import Store
from analysis.tables import Batch

FLUSH_ROWS, FLUSH_SECONDS = 5000, 5.0

Tell = Callable[..., None]
"""Called with an event's name and its fields, for a person's progress or a machine's log."""


@dataclass
class Outcome:
    """What one platform brought, and what it did not and why."""

    platform: str
    asked: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    new: Counter[str] = field(default_factory=Counter)
    known: int = 0
    gone: int = 0
    set_aside: int = 0
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    accounts: dict[str, Counter[str]] = field(default_factory=dict)
    requests: int = 0
    waited: float = 0.0
    budget: float = 0.0
    spent: float = 0.0
    note: str = ""

    @property
    def total(self) -> int:
        """Asks made."""
        return sum(self.asked.values())


class _Desk(Connection):
    """A connection that hands everything over to the one writer, in order."""

    def __init__(self, out: queue.Queue[tuple[str, str, Any]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._out = out

    def save(self, key: str, value: str) -> None:
        super().save(key, value)
        self._out.put((self.card.name, "place", (key, value)))

    def done(self, *asks: Ask) -> None:
        super().done(*asks)
        self._out.put((self.card.name, "done", asks))

    def unknown(self, ask: Ask, error: Unknown) -> None:
        self._out.put((self.card.name, "unknown", (ask, self.clean(error))))
        super().unknown(ask, error)


@dataclass
class _Job:
    """One platform's part of a run."""

    module: ModuleType
    todo: Due
    desk: _Desk
    places: Places
    outcome: Outcome
    batches: list[Batch] = field(default_factory=list)
    saved: dict[str, str] = field(default_factory=dict)
    answered: list[Ask] = field(default_factory=list)
    failed: dict[Ask, Unknown] = field(default_factory=dict)
    open: dict[Ask, None] = field(default_factory=dict)
    rows: int = 0
    flushed: float = 0.0


def sources() -> dict[str, ModuleType]:
    """Everything a watchlist can name: platforms, and services that count the user's own visits."""
    return {**platforms.modules(), **traffic.modules()}


def askable(watchlist: Watchlist, only: Iterable[str] = ()) -> dict[str, ModuleType]:
    """The platforms this watchlist asks, by name: those that can be asked at all."""
    found = {n: m for n, m in sources().items() if getattr(m, "fetch", None) is not None}
    wanted = list(only) or list(watchlist.platforms or found)
    for name in wanted:
        if name not in sources():
            raise UserError(f"there is no platform {name!r}; there are {', '.join(sources())}")
        if name not in found:
            card = sources()[name].CARD
            raise UserError(f"{card.title} cannot be asked: {card.retired or card.access.how}")
    return {name: found[name] for name in found if name in wanted}


def collect(
    watchlist: Watchlist,
    store: Store,
    *,
    only: Iterable[str] = (),
    tell: Tell = lambda event, **fields: None,
    clock: Clock | None = None,
    limits: bool = True,
    patience: float = PATIENCE_SECONDS,
    timeout: float = 30.0,
) -> list[Outcome]:
    """Ask what is due and store what comes; one Outcome a platform, by name.

    Parameters
    ----------
    watchlist : what to ask about
    store : where rows go; what is due is computed from it
    only : names of platforms, all by default
    tell : progress
    clock : the time, and waiting
    limits : keep the platforms' limits (off only against servers of one's own)
    patience, timeout : seconds a wait and an answer may take
    """
    clock = clock or Clock()
    folder = store.path / ".collect"
    pace = Pace(state_folder() / "pace.sqlite", clock) if limits else None
    out: queue.Queue[tuple[str, str, Any]] = queue.Queue(maxsize=256)
    outcomes: list[Outcome] = []
    jobs: dict[str, _Job] = {}
    with ExitStack() as stack:
        if pace is not None:
            stack.callback(pace.close)
        for name, module in askable(watchlist, only).items():
            outcome = Outcome(name, budget=watchlist.budget.get(name, 0.0))
            outcomes.append(outcome)
            if not stack.enter_context(alone(folder, name)):
                outcome.note = "another run is collecting this now; left to it"
                continue
            places = Places(folder / f"{name}.sqlite")
            stack.callback(places.close)
            todo = due(module, watchlist, store, places.marks(), clock.now())
            outcome.asked.update(ask.kind for ask in todo.asks)
            if not todo.asks:
                outcome.note = "nothing is due"
                continue
            desk = _Desk(
                out,
                module.CARD,
                tell=_named(tell, name),
                pace=pace,
                clock=clock,
                budget=outcome.budget,
                contact=settings().contact,
                patience=patience,
                timeout=timeout,
            )
            desk.places.update(places.all())
            jobs[name] = _Job(module, todo, desk, places, outcome, open=dict.fromkeys(todo.asks))
        _run(jobs, store, out, tell, clock)
    return outcomes


def plans(
    watchlist: Watchlist, store: Store, *, only: Iterable[str] = (), clock: Clock | None = None
) -> dict[str, tuple[Due, Plan | Unknown]]:
    """What `collect` would ask and what it would cost, platform by platform. Asks nobody."""
    clock = clock or Clock()
    found: dict[str, tuple[Due, Plan | Unknown]] = {}
    for name, module in askable(watchlist, only).items():
        file = store.path / ".collect" / f"{name}.sqlite"
        marks = {}
        if file.exists():
            places = Places(file)
            marks = places.marks()
            places.close()
        todo = due(module, watchlist, store, marks, clock.now())
        desk = Connection(
            module.CARD, clock=clock, budget=watchlist.budget.get(name, 0.0), contact=settings().contact
        )
        try:
            plan: Plan | Unknown = module.plan(todo.asks, desk) if todo.asks else Plan(0)
        except Unknown as error:
            plan = error
        found[name] = (todo, plan)
    return found


def _run(
    jobs: dict[str, _Job], store: Store, out: queue.Queue[tuple[str, str, Any]], tell: Tell, clock: Clock
) -> None:
    for name, job in jobs.items():
        tell("asking", platform=name, asks=dict(job.outcome.asked))
        threading.Thread(target=_ask, args=(job, out), name=f"collect-{name}", daemon=True).start()
    running = set(jobs)
    try:
        while running:
            try:
                name, what, value = out.get(timeout=FLUSH_SECONDS)
            except queue.Empty:
                for name in running:
                    _flush(jobs[name], store, tell, clock)
                continue
            job = jobs[name]
            if what == "end":
                running.discard(name)
                _finish(job, value, store, tell, clock)
            else:
                _take(job, what, value)
                # what is gone goes before what came after it, or a second like would go with the first
                now = what == "batch" and forgets(value)
                if now or job.rows >= FLUSH_ROWS or time.monotonic() - job.flushed > FLUSH_SECONDS:
                    _flush(job, store, tell, clock)
    except KeyboardInterrupt:
        for name in running:
            _flush(jobs[name], store, tell, clock)
        raise


def _ask(job: _Job, out: queue.Queue[tuple[str, str, Any]]) -> None:
    """A platform's thread: everything it yields goes to the writer, and last how it ended."""
    name, error = job.desk.card.name, None
    try:
        for batch in job.module.fetch(job.todo.asks, job.desk):
            out.put((name, "batch", batch))
    except Unknown as unknown:
        error = job.desk.clean(unknown)
    except Exception as fault:
        # the others must not suffer; the kind of fault is told, its words may hold anything
        where = fault.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"
        error = Unknown("failed", f"a fault of virality ({type(fault).__name__} at {line})")
    finally:
        job.desk.close()
        out.put((name, "end", error))


def _take(job: _Job, what: str, value: Any) -> None:
    if what == "batch":
        job.batches.append(value)
        job.rows += size(value)
    elif what == "place":
        job.saved[value[0]] = value[1]
    elif what == "done":
        job.answered.extend(value)
        for ask in value:
            job.open.pop(ask, None)
    elif what == "unknown":
        job.failed[value[0]] = value[1]
        job.open.pop(value[0], None)


def _finish(job: _Job, error: Unknown | None, store: Store, tell: Tell, clock: Clock) -> None:
    for ask in list(job.open):
        if error is None:
            job.answered.append(ask)
        else:
            job.failed[ask] = error
    job.open.clear()
    if error is not None and not job.failed:
        job.outcome.note = f"{error.status}: {error.reason}"
    _flush(job, store, tell, clock)
    out = job.outcome
    out.requests, out.waited, out.spent = job.desk.requests, job.desk.waited, job.desk.spent
    unknown = [{"status": s, "reason": r, "asks": n} for (s, r), n in out.unknown.items()]
    tell("finished", platform=out.platform, asked=out.total, answered=out.answered, new=dict(out.new),
         known=out.known, gone=out.gone, set_aside=out.set_aside, requests=out.requests,
         waited=round(out.waited, 1), spent=round(out.spent, 4), unknown=unknown)  # fmt: skip


def _flush(job: _Job, store: Store, tell: Tell, clock: Clock) -> None:
    """Store what came, then remember how far that got us."""
    out = job.outcome
    batches, job.batches, job.rows, job.flushed = job.batches, [], 0, time.monotonic()
    failed, job.failed = job.failed, {}
    news = {ask: error for ask, error in failed.items() if ask in job.todo.noted}
    batches += unknown_rows(job.module, news, clock.now())
    if batches:
        whole = merged(batches)
        for table, appended in store.append_batch(whole).items():
            out.new[table] += appended.new
            out.known += appended.known
        out.gone += len(whole.gone)
        out.set_aside += len(whole.set_aside)
        tell("stored", platform=out.platform, new=dict(out.new), gone=out.gone, set_aside=out.set_aside)
    saved, job.saved = job.saved, {}
    answered, job.answered = job.answered, []
    job.places.keep(saved, [mark(ask) for ask in answered if ask.kind != "item"], clock.now())
    out.answered += len(answered)
    for ask in answered:
        _count_account(out, ask, "answered")
    for ask, error in failed.items():
        out.unknown[(error.status, error.reason)] += 1
        _count_account(out, ask, "unknown")


def _count_account(out: Outcome, ask: Ask, what: str) -> None:
    if ask.account_kind:
        out.accounts.setdefault(ask.account_kind, Counter())[what] += 1


def _named(tell: Tell, platform: str) -> Tell:
    return lambda event, **fields: tell(event, platform=platform, **fields)
