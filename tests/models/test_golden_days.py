"""Historic days (docs/golden_days.md): flash from long tail, and silence where a few points say no more."""

import numpy as np
import pandas as pd
import pytest
from planted import clock

from analysis.models import decay, second_life, shape, spikes, tail
from analysis.models.attribution import attribution

DIGG = ([15_000, 8_000, 1_000], [21_000, 1_550, 1_100, 600, 300])
STUMBLEUPON = ([898, 1_205, 1_423], [575, 1_050, 1_300, 953, 800])


def days(values):
    return pd.DataFrame({"start": clock(len(values), "D"), "value": np.array(values, float)})


@pytest.mark.parametrize("values", DIGG)
def test_digg_is_a_flash(values):
    assert tail.tell(days(values)).table["kind"][0] == "flash"


@pytest.mark.parametrize("values", STUMBLEUPON)
def test_stumbleupon_is_a_long_tail(values):
    assert tail.tell(days(values)).table["kind"][0] == "long tail"


@pytest.mark.parametrize("values", DIGG + STUMBLEUPON)
def test_a_few_days_carry_no_spike_half_life_or_class(values):
    found = spikes.find(days(values))
    assert found.verdict == "inconclusive"
    for model in (decay.fit, shape.tell):
        assert model(found).verdict == "inconclusive"
    assert second_life.find(found).verdict == "inconclusive"


def golden_site(platform, values, quiet=15):
    """Each day's counts spread over its hours after one share, three in ten dark, and quiet before."""
    rng = np.random.default_rng(4)
    each = np.r_[np.zeros(24 * quiet), np.repeat(np.array(values, float) / 24, 24)]
    start = clock(len(each), "h")
    stated, direct = rng.poisson(0.7 * each), rng.poisson(0.3 * each + 1.0)
    parts = [
        pd.DataFrame({"platform": source, "start": start, "value": counts.astype(float)})
        for source, counts in ((platform, stated), ("direct", direct))
    ]
    hour = pd.Timedelta(hours=1)
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(content_id="c", metric="visits", end=rows["start"] + hour,
                       observed_at=start[-1] + hour,
                       observer="o", partial=False)  # fmt: skip
    share = {
        "content_id": ["c"],
        "platform": [platform],
        "kind": ["submission"],
        "occurred_at": [start[24 * quiet]],
    }
    return pd.DataFrame(share), rows


@pytest.mark.parametrize(
    ("platform", "values", "kind"),
    [*(("digg", v, "flash") for v in DIGG), *(("stumbleupon", v, "long tail") for v in STUMBLEUPON)],
)
def test_attribution_tells_the_platforms_apart(platform, values, kind):
    row = attribution(*golden_site(platform, values)).table.set_index("platform").loc[platform]
    assert row["course"] == kind
    assert abs(row["visits"] / sum(values) - 1) < 0.1


def hacker_news_day(seed):
    """Minutes of one day: 2 visits a minute, and a front page from 18:24, highest at 19:03, gone by 20:00."""
    rng = np.random.default_rng(seed)
    minute = np.arange(1440)
    rise, fall = 18 * 60 + 24, 19 * 60 + 3
    shape_ = np.where(minute < fall, (minute - rise) / (fall - rise), np.exp(-(minute - fall) / 14.0))
    visits = 2.0 + 40.0 * np.clip(np.where(minute >= rise, shape_, 0.0), 0.0, None)
    return pd.DataFrame({"start": clock(1440, "1min"), "value": rng.poisson(visits).astype(float)})


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_hacker_news_day_is_read_off_its_minutes(seed):
    found = spikes.find(hacker_news_day(seed), false_per_month=0.1)
    assert found.verdict == "found"
    row = found.table.loc[found.table["excess"].idxmax()]
    minute = pd.Timedelta(minutes=1)
    start = found.extra["baseline"]["start"][0]
    assert abs(row["onset"] - (start + 1104 * minute)) <= 5 * minute
    assert abs(row["peak"] - (start + 1143 * minute)) <= 5 * minute
    assert abs(row["end"] - (start + 1200 * minute)) <= 25 * minute
    assert shape.tell(found, spike=int(found.table["excess"].argmax())).table["kind"].tolist() == [
        shape.INSIDE
    ]
