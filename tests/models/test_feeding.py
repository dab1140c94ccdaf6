"""Dated acts and binned counts: forecast like past cascades, and asked whether they feed themselves."""

import numpy as np
import pandas as pd
import pytest

from analysis import train as training
from analysis.checks.leak import no_leak
from analysis.models import feeding, forecast, growth, hawkes
from analysis.models.features import features
from analysis.models.outlook import Followed
from analysis.models.tracks import Tracks, from_events, from_intervals, from_readings
from analysis.store import Store

T0 = pd.Timestamp("2024-01-01", tz="UTC")
NOW = T0 + pd.Timedelta("30D")


def reposts(times: np.ndarray, content: str, born: pd.Timestamp, seed: int = 0) -> pd.DataFrame:
    at = (born + pd.to_timedelta(times, unit="h")).astype("datetime64[us, UTC]")
    people = np.random.default_rng(seed).lognormal(5, 1, len(at))
    return pd.DataFrame({"content_id": content, "occurred_at": at, "observed_at": at, "audience": people})


def past(cascades: int = 40) -> pd.DataFrame:
    """Bursts of eight roots that set off 0.3 to 0.8 further acts each, all ended long ago."""
    random = np.random.default_rng(1)
    return pd.concat(
        reposts(
            hawkes.simulate(random.uniform(0.3, 0.8), (0.7,), 60.0, seed=k, roots=8),
            f"old{k:03d}",
            T0 + pd.Timedelta(hours=float(random.uniform(0, 300))),
            k,
        )
        for k in range(cascades)
    )


def burst(ratio: float, hours: float, seed: int, content: str) -> pd.DataFrame:
    times = hawkes.simulate(ratio, (0.7,), hours, seed=seed, mu=2.0)
    return reposts(times, content, NOW - pd.Timedelta(hours=hours), seed)


@pytest.fixture(scope="module")
def model() -> forecast.Model:
    return forecast.train(from_events(past(), NOW), "bluesky", "repost")


def at_four_hours(tracks: Tracks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    item, when = growth.pairs(tracks, np.array([4 * 3600.0]))
    return item, when, tracks.truth(item, when, "final")


def test_dated_acts_are_forecast_like_past_cascades(model):
    new = past(90)
    new = from_events(new[new["content_id"] >= "old040"], NOW)
    item, when, truth = at_four_hours(new)
    told = forecast.predict(model, new, item, when, "final")
    assert set(told["basis"]) == {"cascades"}
    assert set(forecast.predict(model, new, item, when, "24h")["basis"]) == {"cascades"}
    assert set(forecast.predict(model, new, item, when, "2x")["basis"]) == {"typical"}
    assert (told["q10"] >= told["value"] - 1e-6).all()
    error = (told["forecast"] - truth).abs() / truth
    yardstick = (told["yardstick"] - truth).abs() / truth
    assert error.median() < yardstick.median()
    assert 0.6 <= ((truth >= told["q10"]) & (truth <= told["q90"])).mean() <= 0.95  # 40 past, 38 new ones


def test_few_past_cascades_rest_on_usual_growth_and_none_on_nothing():
    few = from_events(past(14), NOW)
    small = forecast.train(few, "bluesky", "repost")
    item, when, _ = at_four_hours(few)
    assert small.pasts == {}
    assert set(forecast.predict(small, few, item, when, "final")["basis"]) == {"typical"}
    empty = forecast.train(from_events(past(3), NOW), "bluesky", "repost")
    assert set(forecast.predict(empty, few, item, when, "final")["basis"]) == {"none"}


def test_what_past_cascades_taught_is_kept_in_the_file(model, tmp_path):
    store = Store.open(tmp_path / "store")
    training.save(model, store)
    again = training.load(store)["bluesky"]
    tracks = from_events(past(), NOW)
    item, when, _ = at_four_hours(tracks)
    one, two = (forecast.predict(m, tracks, item, when, "final") for m in (model, again))
    pd.testing.assert_frame_equal(one, two)
    assert again.pasts["7d"][0].name == model.pasts["7d"][0].name


def test_acts_stand_still_after_the_last_one():
    tracks = from_events(reposts(np.array([0.0, 1.0, 2.0]), "a", T0), NOW)
    when = np.array([T0.timestamp() + 3600.0])
    assert tracks.truth(np.array([0]), when, "24h")[0] == 3
    assert tracks.truth(np.array([0]), when, "final")[0] == 3
    assert len(growth.pairs(tracks, np.array([2.5, 20.0]) * 3600.0)[0]) == 1  # at 20 hours it is over


def test_no_act_from_after_the_moment_reaches_the_features():
    acts = past(12)
    as_of = T0 + pd.Timedelta("200h")

    def made(frame: pd.DataFrame) -> np.ndarray:
        tracks = from_events(frame.assign(audience=frame["value"]))
        item = np.flatnonzero(tracks.first <= as_of.timestamp())
        return features(tracks, item, np.full(len(item), as_of.timestamp()))[0]

    assert "infectiousness" in features(from_events(acts), np.array([0]), np.array([as_of.timestamp()]))[1]
    assert no_leak(made, acts.assign(value=acts["audience"]), as_of).passed is True


def followed(tracks: Tracks, platform: str = "bluesky") -> dict[str, Followed]:
    return {platform: Followed("repost", tracks, tracks.items, platform.title())}


def test_bursts_that_feed_themselves_are_told_from_those_that_end():
    acts = pd.concat(
        [burst(1.5, 5.0, 6, "endless"), burst(0.5, 120.0, 5, "ending"), burst(0.5, 3.0, 8, "few").head(5)]
    )
    result = feeding.feeding(followed(from_events(acts, NOW)), NOW, {"ending": "<i>The end</i>"})
    assert result.verdict == "found"
    rows = result.table.set_index("title")
    assert rows.loc["endless", "ends at"] == "supercritical: no finite forecast"
    assert "–" in rows.loc["<i>The end</i>", "ends at"]
    numbers = result.extra["numbers"].set_index("content_id")
    assert numbers.loc["ending", "ratio_low"] < 0.5 < numbers.loc["ending", "ratio_high"]
    assert "1 by its own evidence feeds itself without end" in result.summary
    assert result.extra["silent"]["content_id"].tolist() == ["few"]


def test_counts_in_bins_are_asked_too_and_readings_cannot_be():
    times = hawkes.simulate(0.6, (1.0,), 96.0, seed=2, mu=4.0)
    counts = np.bincount(times.astype(int), minlength=96).astype(float)
    ends = NOW - pd.to_timedelta(np.arange(95, -1, -1), unit="h")
    bins = pd.DataFrame(
        {"content_id": "c", "metric": "mentions", "start": ends - pd.Timedelta("1h"), "end": ends,
         "value": counts, "observed_at": ends, "partial": False}
    )  # fmt: skip
    result = feeding.feeding(followed(from_intervals(bins, "mentions", NOW), "twitter"), NOW)
    row = result.extra["numbers"].iloc[0]
    assert row["ratio_low"] < 0.6 < row["ratio_high"]
    looks = bins.assign(item_id="c", metric="points")
    silent = feeding.feeding(followed(from_readings(looks, "points", NOW)), NOW)
    assert silent.verdict == "nothing"


def test_nothing_can_be_said_of_a_handful_of_acts():
    result = feeding.feeding(followed(from_events(burst(0.5, 3.0, 8, "few").head(5), NOW)), NOW)
    assert result.verdict == "inconclusive"
