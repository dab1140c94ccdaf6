"""Logs into the store, as the command line does it: table by table, remembered only when all are in."""

from __future__ import annotations

from typing import Any

import pytest
from logworld import SITE, World, line

from analysis.importing.logs import import_logs
from analysis.traffic import tabulate

LINES = [line(path=f"/post-{n % 9}", ip=f"192.0.2.{n % 50}") for n in range(200)]


def test_many_tables_hold_what_one_would(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.file("access.log", LINES)
    world.read(path)
    expected = world.rows().drop(columns="observed_at")
    monkeypatch.setattr(tabulate, "PART", 2)
    world.store.path = world.folder / "in parts"
    done = import_logs([path], SITE, world.store)
    found = world.rows().drop(columns="observed_at")
    key = ["metric", "platform", "url", "start"]
    assert (
        found.sort_values(key).reset_index(drop=True).equals(expected.sort_values(key).reset_index(drop=True))
    )
    assert done.new == len(found)
    assert import_logs([path], SITE, world.store).new == 0


def test_what_was_not_stored_is_not_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.file("access.log", LINES)
    monkeypatch.setattr(tabulate, "PART", 2)
    append, calls = world.store.append, []

    def full(table: str, rows: Any, **options: Any) -> Any:
        calls.append(table)
        if len(calls) == 3:
            raise OSError("no space left on device")
        return append(table, rows, **options)

    monkeypatch.setattr(world.store, "append", full)
    with pytest.raises(OSError, match="no space"):
        import_logs([path], SITE, world.store)
    monkeypatch.undo()
    import_logs([path], SITE, world.store)
    assert world.total("pageviews") == len(LINES) - world.total("pageviews.removed.burst")
