"""The learned forecast: better than the yardstick where there is something to learn, calibrated, no leaks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_items import START, page, rising

from analysis import train as training
from analysis.charts import forecast as charts
from analysis.checks.leak import no_leak
from analysis.errors import UserError
from analysis.models import forecast, growth, ledger, outlook, trees
from analysis.models.features import features
from analysis.models.tracks import from_readings
from analysis.platforms import cards
from analysis.store import Store
from analysis.tables import FORECASTS, conform

CUT = START + pd.Timedelta("600h")


@pytest.fixture(scope="module")
def readings() -> pd.DataFrame:
    return rising()


@pytest.fixture(scope="module")
def model(readings) -> forecast.Model:
    return forecast.train(from_readings(readings, "points", CUT), "made", "points", seed=1)


@pytest.fixture(scope="module")
def judged(readings, model):
    """Forecasts at three hours of items born after the cut-off, and their truth."""
    full = from_readings(readings, "points")
    item, when = growth.pairs(full, np.array([3 * 3600.0]))
    truth = full.truth(item, when, "final")
    use = (full.first[item] >= CUT.timestamp()) & np.isfinite(truth)
    return forecast.predict(model, full, item[use], when[use], "final"), truth[use]


def test_it_beats_the_yardstick_where_the_course_tells(judged):
    told, truth = judged
    assert set(told["basis"]) == {"learned"}
    ours, yardstick = ((told[c] - truth).abs().div(truth).median() for c in ("forecast", "yardstick"))
    assert ours < 0.6 * yardstick


def test_four_in_five_truths_lie_in_the_interval(judged):
    told, truth = judged
    assert len(truth) > 200
    assert 0.70 <= ((truth >= told["q10"]) & (truth <= told["q90"])).mean() <= 0.90
    assert (told["q10"] <= told["q50"]).all()
    assert (told["q50"] <= told["q90"]).all()


def test_what_came_after_the_cut_off_changes_no_model(readings, model):
    later = readings["observed_at"] > CUT
    changed = readings.assign(value=readings["value"].where(~later, 10**6))
    ours, theirs = (from_readings(rows, "points", CUT) for rows in (readings, changed))
    for name in ("key", "value", "start", "born"):  # a model is a function of its tracks
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    few = changed["item_id"] < "i00040"
    small = [
        forecast.train(from_readings(rows[few], "points", CUT), "made", "points")
        for rows in (readings, changed)
    ]
    assert small[0].name == small[1].name
    pd.testing.assert_frame_equal(small[0].growth, small[1].growth)
    whole = forecast.train(from_readings(changed[few], "points"), "made", "points")
    assert whole.name != small[0].name


def features_at(frame: pd.DataFrame, as_of: pd.Timestamp, leak: bool = False) -> np.ndarray:
    tracks = from_readings(frame, "points", born=pd.Series(dtype="datetime64[us, UTC]"))
    item = np.flatnonzero(tracks.first <= as_of.timestamp())
    item = item[tracks.items[item] < "i00040"]
    made, _ = features(tracks, item, np.full(len(item), as_of.timestamp()))
    return np.column_stack([made, tracks.value[tracks.end[item] - 1]]) if leak else made


@pytest.mark.parametrize("ranked", [False, True])
def test_a_planted_leak_is_caught(readings, ranked):
    small = readings[readings["item_id"] < "i00060"]
    if ranked:  # a page: all items read at one moment, and where each stood
        points = small[small["metric"] == "points"].assign(
            observed_at=lambda rows: rows["observed_at"].dt.floor("30min")
        )
        places = points.groupby("observed_at")["value"].rank(method="first", ascending=False)
        small = pd.concat([points, points.assign(metric="rank", value=places)], ignore_index=True)
    as_of = START + pd.Timedelta("30h")
    assert no_leak(lambda frame: features_at(frame, as_of), small, as_of).passed is True
    assert no_leak(lambda frame: features_at(frame, as_of, leak=True), small, as_of).passed is False
    assert no_leak(lambda frame: features_at(frame, as_of), small, START + pd.Timedelta("9D")).passed is None


def test_a_model_trained_on_later_data_is_not_used_for_an_earlier_moment(readings, model):
    early = CUT - pd.Timedelta("100h")
    followed = {
        "made": outlook.Followed("points", (t := from_readings(readings, "points", early)), t.items, "Made")
    }
    result = outlook.rising(followed, {"made": model}, early)
    assert result.verdict == "inconclusive"
    assert result.checks[0].passed is False


@pytest.fixture(scope="module")
def on_a_page():
    """A page that items leave, a model of its past, and forecasts three hours after they were first seen."""
    readings = page(1200)
    until = START + pd.Timedelta("400h")
    model = forecast.train(from_readings(readings, "points", until), "made", "points", seed=1)
    full = from_readings(readings, "points")
    item, when = growth.pairs(full, np.array([3 * 3600.0]))
    over = full.over(item, when)
    use = (full.first[item] >= until.timestamp()) & np.isfinite(over)
    return model, full, item[use], when[use], over[use]


def test_what_left_its_page_is_told_as_over_and_its_forecast_is_what_it_says_now(on_a_page):
    model, full, item, when, over = on_a_page
    told = forecast.predict(model, full, item, when, "final")
    assert 0.2 < over.mean() < 0.8
    assert abs(told["over"].mean() - over.mean()) < 0.06
    assert told["over"][over == 1].median() > 0.9 > 0.3 > told["over"][over == 0].median()
    likely = told["over"] > 0.95
    assert likely.any()
    pd.testing.assert_series_equal(
        told["forecast"][likely], told["value"][likely], check_names=False, rtol=0.02
    )
    truth = full.truth(item, when, "final")
    naive = forecast.predict(replace(model, over=None), full, item, when, "final")
    ours, theirs = ((one["forecast"] - truth).abs().div(truth).median() for one in (told, naive))
    assert ours < 0.5 * theirs
    held, held_naive = (((truth >= one["q10"]) & (truth <= one["q90"])).mean() for one in (told, naive))
    assert held > 0.66 > 0.55 > held_naive


def test_at_an_age_no_growth_is_told_of_what_is_likelier_over(on_a_page):
    model, full, item, when, _ = on_a_page
    told = forecast.predict(model, full, item, when, "2x")
    gone = (told["over"] > 0.5).to_numpy()
    for name in ("q10", "forecast", "q90"):
        np.testing.assert_array_equal(told[name][gone], told["value"][gone])
    alone = forecast.predict(replace(model, over=None), full, item, when, "2x")
    pd.testing.assert_frame_equal(told[~gone].drop(columns="over"), alone[~gone].drop(columns="over"))
    assert (told["forecast"][~gone] > told["value"][~gone]).mean() > 0.9


def test_the_outlook_says_how_likely_each_item_is_over(on_a_page):
    model = on_a_page[0]
    moment = START + pd.Timedelta("500h")
    tracks = from_readings(page(1200), "points", moment)
    result = outlook.rising(
        {"made": outlook.Followed("points", tracks, tracks.items, "Made")}, {"made": model}, moment
    )
    chance = result.table[outlook.OVER].dropna().str.rstrip("%").astype(int)
    assert chance.min() < 50 < chance.max()
    assert "at twice its age, if read then" in result.table
    assert f"{(chance > 50).sum()} of them are more likely over than not" in result.summary


def test_which_moments_are_learned_from_is_known_at_the_moment():
    readings = page(60)
    full = from_readings(readings, "points")
    item, when = growth.pairs(full, forecast.AGES)
    for as_of in np.quantile(when, [0.3, 0.6, 0.9]):
        moment = pd.Timestamp(as_of, unit="s", tz="UTC")
        known = from_readings(readings, "points", moment)
        then = growth.pairs(known, forecast.AGES)
        whole = set(zip(full.items[item[when <= as_of]], when[when <= as_of], strict=True))
        assert whole == set(zip(known.items[then[0]], then[1], strict=True))


def test_trees_tell_a_chance_as_scikit_learn_does():
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(0)
    rows = random.normal(size=(400, 6))
    target = (rows[:, 0] + random.normal(size=400) > 0).astype(float)
    ours = trees.grow(rows, target, None, 30, 15, 20, seed=3)
    theirs = HistGradientBoostingClassifier(
        max_iter=30, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=20, l2_regularization=1.0,
        max_features=0.2, early_stopping=False, random_state=3,
    ).fit(rows, target)  # fmt: skip
    np.testing.assert_allclose(ours.predict(rows), theirs.decision_function(rows), rtol=1e-12)


def test_trees_predict_as_scikit_learn_does():
    from sklearn.ensemble import HistGradientBoostingRegressor

    random = np.random.default_rng(0)
    rows = random.normal(size=(400, 6))
    rows[random.uniform(size=rows.shape) < 0.1] = np.nan
    target = np.nan_to_num(rows[:, 0]) + random.normal(size=400)
    ours = trees.grow(rows, target, 0.5, 30, 15, 20, seed=3)
    theirs = HistGradientBoostingRegressor(
        loss="quantile", quantile=0.5, max_iter=30, learning_rate=0.05, max_leaf_nodes=15,
        min_samples_leaf=20, l2_regularization=1.0, max_features=0.2, early_stopping=False, random_state=3,
    ).fit(rows, target)  # fmt: skip
    np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), rtol=1e-12)


def test_a_model_kept_in_a_file_forecasts_the_same(readings, model, tmp_path):
    store = Store.open(tmp_path / "store")
    path = training.save(model, store)
    again = training.load(store)["made"]
    assert again.name == model.name
    assert model.trained["hash"][:8] in path.name
    full = from_readings(readings, "points")
    item, when = growth.pairs(full, np.array([3600.0]))
    for horizon in ("2x", "final"):
        pd.testing.assert_frame_equal(
            forecast.predict(model, full, item, when, horizon),
            forecast.predict(again, full, item, when, horizon),
        )
    assert training.load(store, as_of=CUT - pd.Timedelta("1s")) == {}


def test_a_file_that_is_no_model_is_refused_and_never_unpickled(tmp_path):
    store = Store.open(tmp_path / "store")
    (store.path / "models").mkdir(parents=True)
    older = store.path / "models" / "x.points.0-a.npz"
    np.savez(older, said=np.array('{"format": 1}'))
    assert training.load(store) == {}  # another version's: it is trained again
    evil = store.path / "models" / "x.points.1-a.npz"
    np.savez(evil, said=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="no model file"):
        training.load(store)


def test_little_history_rests_on_usual_growth_and_none_abstains(readings):
    names = sorted(readings["item_id"].unique())
    few = readings[readings["item_id"].isin(names[:40])]
    as_of = START + pd.Timedelta("10D")
    tracks = from_readings(few, "points", as_of)
    small = forecast.train(tracks, "made", "points")
    assert small.heads == {}
    item, when = growth.pairs(tracks, np.array([3600.0]))
    told = forecast.predict(small, tracks, item, when, "final")
    assert set(told["basis"]) == {"typical"}
    none = forecast.train(
        from_readings(readings[readings["item_id"].isin(names[:3])], "points", as_of), "made", "points"
    )
    silent = forecast.predict(none, tracks, item, when, "final")
    assert set(silent["basis"]) == {"none"}
    assert silent["forecast"].isna().all()
    pooled = forecast.train(
        from_readings(few.iloc[:0], "points", as_of), "new", "points", growth.pool([small.growth])
    )
    wide = forecast.predict(pooled, tracks, item, when, "final")
    assert set(wide["basis"]) == {"pooled"}
    assert (wide["q90"] - wide["q10"]).median() > (told["q90"] - told["q10"]).median()


def test_rising_items_are_forecast_and_nothing_is_said_where_nothing_rises(readings, model):
    moment = CUT + pd.Timedelta("100h")
    tracks = from_readings(readings, "points", moment)
    followed = {"made": outlook.Followed("points", tracks, tracks.items, "Made")}
    result = outlook.rising(followed, {"made": model}, moment)
    assert result.verdict == "found"
    assert model.name in result.model
    assert " on Made after " in result.summary
    assert set(result.table["platform"]) == {"Made"}
    assert outlook.OVER not in result.table  # nothing ever left there: no chance was learned
    assert len(result.table) == result.extra["forecasts"]["item_id"].nunique()
    assert result.table["in the end"].str.fullmatch(r"[\d,]+ \([\d,]+–[\d,]+\)").all()
    made = result.extra["forecasts"]
    assert made[["q10", "forecast", "q90"]].notna().all(axis=None)
    conform(result.extra["forecasts"], FORECASTS)
    untrained = outlook.rising(followed, {}, moment)
    assert (untrained.verdict, untrained.reason) == (
        "inconclusive",
        "no model is trained: run virality train",
    )
    assert outlook.rising({}, {}, moment).verdict == "nothing"


def test_training_from_a_store_and_drawing_what_it_says(readings, tmp_path):
    store = Store.open(tmp_path / "store")
    few = readings[readings["item_id"] < "i00040"].assign(
        platform="hackernews", observer="me", content_id="c", status="observed", reason=None, source="made"
    )
    store.append("readings", few)
    moment = START + pd.Timedelta("40h")
    done = training.train(store, moment)
    assert "usual growth" in training.told(done)
    assert training.train(store, moment)["hackernews"][1] == done["hackernews"][1]
    with pytest.raises(UserError, match="reddit"):
        training.train(store, only=["reddit"])
    with pytest.raises(UserError, match="no moment"):
        training.moment("yesterday-ish")
    models = training.load(store, moment)
    empty = [store.read(name) for name in ("events", "intervals")]
    followed = outlook.follow(empty[0], store.read("readings", as_of=moment), empty[1], cards(), moment)
    titles = pd.Series({"c": "<b>bold</b>"})
    result = outlook.rising(followed, models, moment, titles)
    assert set(result.table["basis"]) <= {"typical", "pooled"}
    assert store.append(FORECASTS, result.extra["forecasts"]).new == len(result.extra["forecasts"])
    figure = charts.outlook(result, {"c": "&lt;b&gt;bold&lt;/b&gt;"}, "2x")
    assert {trace.type for trace in figure.data} == {"scatter"}
    assert "80% interval" in figure.layout.meta["description"]
    later = outlook.follow(empty[0], store.read("readings"), empty[1], cards())
    judged = ledger.score(store.read(FORECASTS), later, few["observed_at"].max() + pd.Timedelta("3D"))
    assert judged.verdict == "found"
    beside = ledger.beside(result, judged).table["earlier error"]
    assert beside.str.contains("classical").any()
    assert set(
        ledger.beside(result, ledger.score(store.read(FORECASTS), {}, moment)).table["earlier error"]
    ) == {ledger.NONE}
    assert "Median error" in charts.record(judged).layout.meta["description"]
    nothing = outlook.rising({}, models, moment)
    assert "No item has a forecast" in charts.outlook(nothing, {}).layout.meta["description"]
