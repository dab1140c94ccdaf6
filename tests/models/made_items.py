"""Made-up counters in the shape of the readings table, with planted truth."""

import numpy as np
import pandas as pd

START = pd.Timestamp("2024-01-01", tz="UTC")


def rising(items: int = 900, seed: int = 0, every_hours: float = 1.0) -> pd.DataFrame:
    """Items born every hour that rise to a final size, fast or slow, with a second metric that tells.

    N(t) = final * (1 - exp(-t / tau)): early values alone do not tell final and tau apart, their course
    does. Read half-hourly for 30 hours.
    """
    random = np.random.default_rng(seed)
    final = np.exp(random.normal(5, 0.8, items))
    tau = np.exp(random.uniform(np.log(1), np.log(8), items))
    hours = np.arange(0.25, 30, 0.5)
    noise = np.cumsum(random.normal(0, 0.01, (items, len(hours))), axis=1)
    value = np.round(final[:, None] * (1 - np.exp(-hours[None] / tau[:, None])) * np.exp(noise))
    value = np.maximum.accumulate(value, axis=1)
    at = (np.arange(items) * every_hours)[:, None] + hours[None]
    frame = pd.DataFrame(
        {
            "item_id": np.repeat([f"i{k:05d}" for k in range(items)], len(hours)),
            "metric": "points",
            "observed_at": (START + pd.to_timedelta(at.ravel(), unit="h")).astype("datetime64[us, UTC]"),
            "value": value.ravel(),
        }
    )
    comments = frame.assign(metric="comments", value=np.round(np.repeat(tau, len(hours)) * 5))
    return pd.concat([frame, comments], ignore_index=True)


def page(items: int = 700, seed: int = 0) -> pd.DataFrame:
    """Items born every half hour that stand on one page, read half-hourly, until they leave it for good.

    Each gains 20 to 200 points an hour. From its third look on it leaves with chance 0.15 a look, or, one
    in four, is missing from one look and comes back at the next.
    """
    random = np.random.default_rng(seed)
    speed = np.exp(random.uniform(np.log(20), np.log(200), items))
    rows = []
    for k in range(items):
        look, missing = k + 1, False
        while True:
            if not missing:
                rows.append(
                    (f"i{k:05d}", look, round(speed[k] * (look - k) / 2 * np.exp(random.normal(0, 0.02))))
                )
            missing = look - k >= 3 and random.uniform() < 0.2 and not missing
            if missing and random.uniform() < 0.75:
                break
            look += 1
    frame = pd.DataFrame(rows, columns=["item_id", "look", "value"]).astype({"value": float})
    frame["value"] = frame.groupby("item_id")["value"].cummax()
    at = START + pd.to_timedelta(frame["look"] * 30, unit="min")
    return frame.assign(metric="points", observed_at=at.astype("datetime64[us, UTC]")).drop(columns="look")
