"""Writing a world into a store: an empty one is filled, any other is left alone."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.simulate import fill, world
from analysis.store import Store
from analysis.tables import CONTENT, TABLES, conform
from analysis.urls import content_id

SMALL = {"days": 14, "contents": 3}


def counts(store: Store) -> dict[str, int]:
    return {name: len(store.read(name)) for name in TABLES}


def test_an_empty_store_is_filled_and_filling_again_changes_nothing(tmp_path: Path):
    store = Store.open(tmp_path / "store")
    assert "made-up" in fill(store, **SMALL)
    made = world(0, **SMALL)
    before = counts(store)
    assert before == {name: len(getattr(made, name)) for name in TABLES}
    assert "up to date" in fill(store, **SMALL)
    assert counts(store) == before


def test_a_store_that_was_filled_in_part_is_completed(tmp_path: Path):
    store = Store.open(tmp_path / "store")
    made = world(0, **SMALL)
    store.append("content", made.content)
    store.append("intervals", made.intervals.head(100))
    fill(store, **SMALL)
    assert counts(store) == {name: len(getattr(made, name)) for name in TABLES}


def test_a_store_with_other_rows_is_left_alone(tmp_path: Path):
    store = Store.open(tmp_path / "store")
    store.append("events", world(1, **SMALL).events)
    before = counts(store)
    with pytest.raises(UserError, match="already holds other data"):
        fill(store, **SMALL)
    assert counts(store) == before


def test_a_store_that_knows_other_content_is_left_alone(tmp_path: Path):
    store = Store.open(tmp_path / "store")
    url = "https://example.org/essay"
    real = pd.DataFrame({"content_id": [content_id(url)], "url": [url], "site": ["example.org"]})
    store.append("content", conform(real, CONTENT))
    with pytest.raises(UserError, match=r"example\.org/essay"):
        fill(store, **SMALL)
    assert counts(store) == {"content": 1, "events": 0, "readings": 0, "intervals": 0}
