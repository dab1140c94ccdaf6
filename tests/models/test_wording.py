"""Measures in words: a share as per cent, its range in one piece, and what it rests on."""

import numpy as np
import pandas as pd

from analysis.models.wording import worded
from analysis.platforms import cards

ROW = {
    "platform": "hackernews",
    "measure": "reach",
    "content_kind": "all content",
    "value": 0.069,
    "low": 0.023,
    "high": 0.188,
    "seen": 2.0,
    "of": 29.0,
    "unit": "share of contents shared there",
    "reason": "",
}


def test_a_share_is_told_in_per_cent_with_its_range() -> None:
    out = worded(pd.DataFrame([ROW]), cards()).iloc[0]
    assert list(out[["platform", "value", "rests_on"]]) == ["Hacker News", "7%", "2 of 29"]
    assert out["range"] == "2%\u00a0to\u00a019%"


def test_what_says_nothing_is_left_out() -> None:
    assert not {"content_kind", "reason", "low", "seen"} & set(worded(pd.DataFrame([ROW]), cards()).columns)


def test_a_rate_keeps_its_unit_and_what_it_was_counted_over() -> None:
    row = ROW | {
        "value": 3.64,
        "low": 2.8,
        "high": 4.67,
        "seen": 45.0,
        "of": 12.3,
        "unit": "posts a week, first to last",
    }
    out = worded(pd.DataFrame([row]), cards()).iloc[0]
    assert (out["value"], out["rests_on"]) == ("3.6", "45 posts in 12 weeks")


def test_unknown_is_empty_beside_its_reason_and_never_0() -> None:
    row = ROW | {"value": np.nan, "low": np.nan, "high": np.nan, "reason": "not enough data"}
    out = worded(pd.DataFrame([ROW, row]), cards()).iloc[1]
    assert (out["value"], out["range"], out["reason"]) == ("", "", "not enough data")
