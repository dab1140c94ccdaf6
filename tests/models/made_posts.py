"""Own accounts with planted habits, each owning its seed."""

import numpy as np
import pandas as pd

BEGIN = pd.Timestamp("2025-01-01", tz="UTC")


def posts(
    seed: int, count: int = 60, links: float = 0.3, burst: int = 0, bare: float = 0.0, days: int = 90
) -> pd.DataFrame:
    """Posts at usual hours over days; ``links`` and ``bare`` are chances, ``burst`` posts in one hour."""
    rng = np.random.default_rng(seed)
    hours = np.sort(rng.integers(0, days, count)) * 24.0 + np.clip(rng.normal(14, 3, count), 0, 23.9)
    hours = np.append(hours, 24 * 40 + 15 + np.linspace(0, 0.9, burst))
    n = len(hours)
    return pd.DataFrame(
        {
            "platform": "twitter",
            "account": "business",
            "post": [f"twitter:{i}" for i in range(n)],
            "kind": "submission",
            "at": BEGIN + pd.to_timedelta(hours * 3600, unit="s"),
            "content_id": [f"c{i}" for i in range(n)],
            "community": None,
            "parent_id": None,
            "own_link": rng.uniform(size=n) < links,
            "words": np.where(rng.uniform(size=n) < bare, 0.0, 12.0),
        }
    )


def flows(seed: int, contents: int, early: float) -> tuple[np.ndarray, np.ndarray]:
    """Visits of contents, very unlike one another, and the part of each that came on its busiest day."""
    rng = np.random.default_rng(seed)
    whole = rng.negative_binomial(2, 2 / (2 + 400), contents) + 25.0
    part = rng.binomial(whole.astype(int), rng.beta(20 * early, 20 * (1 - early), contents))
    return part.astype(float), whole
