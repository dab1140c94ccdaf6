"""The four tables: types, rules, keys."""

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from analysis.tables import EVENTS, INTERVALS, READINGS, TABLES, Batch, conform, empty, event_id, item_of

NOW = pd.Timestamp("2026-03-01 12:00", tz="UTC")


def reading(**change):
    row = {
        "platform": "reddit",
        "item_id": "t3_a",
        "metric": "score",
        "observed_at": NOW,
        "observer": "me",
        "content_id": "c",
        "value": 3.0,
        "status": "observed",
        "source": "test",
    }
    return pd.DataFrame([row | change])


def interval(**change):
    row = {
        "platform": "linkedin",
        "content_id": "c",
        "metric": "impressions",
        "start": NOW,
        "end": NOW + pd.Timedelta("1D"),
        "observed_at": NOW,
        "observer": "me",
        "value": 3.0,
        "status": "observed",
        "partial": False,
        "source": "test",
    }
    return pd.DataFrame([row | change])


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_is_explained_and_every_key_is_a_column(table):
    words = table.row.__doc__.replace(",", " ").split()
    assert set(table.columns) <= set(words)
    assert set(table.key) <= set(table.columns)
    assert conform(empty(table), table).empty


def test_conform_fills_orders_types_and_drops_repeats():
    rows = pd.concat(
        [reading(), reading(value=9.0), reading(item_id="t3_b", observed_at="2026-03-01T13:00:00+01:00")]
    )
    got = conform(rows[rows.columns[::-1]], READINGS)
    assert list(got.columns) == READINGS.columns
    assert got.dtypes.to_dict() == READINGS.dtypes
    assert got["value"].tolist() == [3.0, 3.0]
    assert got["observed_at"].eq(NOW).all()


@pytest.mark.parametrize(
    ("table", "frame"),
    [
        (READINGS, reading(value=np.nan)),
        (READINGS, reading(status="rate_limited")),
        (READINGS, reading(status="zero")),
        (READINGS, reading(platform=None)),
        (READINGS, reading().drop(columns="observer")),
        (READINGS, reading(extra=1)),
        (INTERVALS, interval(end=NOW)),
        (INTERVALS, interval(value=None)),
    ],
)
def test_rows_against_the_rules_are_refused(table, frame):
    with pytest.raises(pandera.errors.SchemaErrors):
        conform(frame, table)


def test_zero_is_a_value_and_unknown_is_not():
    got = conform(
        pd.concat([reading(value=0.0), reading(item_id="b", value=None, status="withdrawn")]), READINGS
    )
    assert got["value"].isna().tolist() == [False, True]
    assert got["value"].sum(min_count=1) == 0.0
    assert np.isnan(got["value"][1:].sum(min_count=1))


def test_an_event_id_leads_back_to_its_item():
    ids = pd.Series([event_id("bluesky", "at://did:plc:x/app.bsky.feed.post/1"), event_id("reddit", "t3_a")])
    assert item_of(ids).tolist() == ["at://did:plc:x/app.bsky.feed.post/1", "t3_a"]


def test_an_empty_batch_is_empty_tables():
    batch = Batch()
    assert batch.events.dtypes.to_dict() == EVENTS.dtypes
    assert len(batch.gone) == len(batch.set_aside) == 0
