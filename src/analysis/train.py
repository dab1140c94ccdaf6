"""``virality train``: learn each platform's forecast from the store and keep it beside the data.

A model file is a NumPy archive of plain arrays and one JSON text: loading it runs nothing (no pickle).
Each training writes a new file, named by platform, metric, cut-off and the hash of what it was trained
on; the newest whose cut-off lies at or before the moment asked for is the one in use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models import growth
from analysis.models.forecast import Model
from analysis.models.forecast import train as learn
from analysis.models.outlook import follow
from analysis.models.pooled import Past
from analysis.models.trees import Trees
from analysis.platforms import cards
from analysis.store import Store

FORMAT = 4
FOLDER = "models"
PAST = ("weights", "mean", "sd", "scores")


def train(
    store: Store,
    as_of: pd.Timestamp | None = None,
    only: Iterable[str] = (),
    seed: int = 0,
    tell: Callable[[str, int, int], None] = lambda platform, done, of: None,
) -> dict[str, tuple[Model, Path]]:
    """Train and keep a model for each platform that has items followed over time.

    Parameters
    ----------
    as_of
        The cut-off: nothing observed later is learned from. By default the newest observation.
    only
        Platforms; by default all. The pooled growth always comes from all of them.
    tell
        Told after each step of a long training: the platform, how many steps are done, of how many.
    """
    followed = follow(store.read("events"), store.read("readings"), store.read("intervals"), cards(), as_of)
    wanted = list(only) or sorted(followed)
    missing = [name for name in wanted if name not in followed]
    if missing or not wanted:
        have = ", ".join(sorted(followed)) or "none: collect or import first"
        raise UserError(
            f"no items followed over time on {', '.join(missing) or 'any platform'}; there are: {have}"
        )
    pooled = growth.pool([growth.learn(mine.tracks) for mine in followed.values()])
    versions = store.versions()
    done = {}
    for platform in wanted:
        mine = followed[platform]
        model = learn(mine.tracks, platform, mine.metric, pooled, seed, versions, partial(tell, platform))
        done[platform] = (model, save(model, store))
    return done


def moment(text: str) -> pd.Timestamp | None:
    """A cut-off as a person writes it, UTC; None where nothing is written."""
    if not text:
        return None
    try:
        when = pd.Timestamp(text)
    except ValueError as error:
        raise UserError(f"{text!r} is no moment: expected 2026-11-23 or 2026-11-23T06:00") from error
    return when.tz_localize("UTC") if when.tzinfo is None else when.tz_convert("UTC")


def save(model: Model, store: Store) -> Path:
    """Write a model into the store's folder, whole or not at all."""
    folder = store.path / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    day = str(model.trained["until"])[:19].replace("-", "").replace(":", "")
    path = folder / f"{model.platform}.{model.metric}.{day}-{model.trained['hash'][:8]}.npz"
    packed = BytesIO()
    np.savez_compressed(packed, **_arrays(model))  # type: ignore[arg-type]
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(packed.getvalue())
    part.replace(path)
    return path


def load(store: Store, as_of: pd.Timestamp | None = None) -> dict[str, Model]:
    """Each platform's newest model that knows nothing after ``as_of``; empty when none was trained."""
    found: dict[str, Model] = {}
    limit = pd.Timestamp.max.tz_localize("UTC") if as_of is None else pd.Timestamp(as_of)
    for path in sorted((store.path / FOLDER).glob("*.npz")):
        model = _read(path)
        if model is None:
            continue
        until = pd.Timestamp(model.trained["until"])
        have = found.get(model.platform)
        if until <= limit and (have is None or pd.Timestamp(have.trained["until"]) <= until):
            found[model.platform] = model
    return found


def told(done: dict[str, tuple[Model, Path]]) -> str:
    """What was trained, in lines for a person."""
    lines = []
    for platform, (model, path) in done.items():
        horizons = ", ".join(model.heads)
        if horizons:
            basis = f"learned for {horizons} from {model.trained['rows']:,} moments"
        elif model.pasts:
            ages = (
                f"{model.pasts['final'][0].age / 3600:.3g} to {model.pasts['final'][-1].age / 3600:.3g} hours"
            )
            basis = f"too few settled items to learn more from: past cascades stand in at {ages}"
        elif len(model.growth):
            basis = "too few settled items to learn from: the platform's usual growth stands in"
        else:
            basis = "no settled items: growth pooled over all platforms stands in"
        lines.append(f"{platform} {model.metric}: {model.trained['items']:,} items, {basis}\n  {path}")
    return "\n".join(lines)


def _arrays(model: Model) -> dict[str, np.ndarray]:
    said: dict[str, Any] = {
        "format": FORMAT, "platform": model.platform, "metric": model.metric,
        "names": list(model.names), "trained": model.trained, "heads": [],
        "pasts": [],
    }  # fmt: skip
    out: dict[str, np.ndarray] = {}
    for name in ("growth", "pooled", "margins"):
        table = getattr(model, name)
        out[f"{name}/horizon"] = table["horizon"].to_numpy(dtype="U8")
        numbers = [column for column in table.columns if column != "horizon"]
        out[f"{name}/numbers"] = table[numbers].to_numpy(dtype=float)
        said[name] = numbers
    for horizon, levels in model.heads.items():
        for level, trees in levels.items():
            said["heads"].append([horizon, level])
            out |= {f"head/{horizon}/{level}/{key}": array for key, array in trees.arrays().items()}
    if model.over is not None:
        out |= {f"over/{key}": array for key, array in model.over.arrays().items()}
    for horizon, pasts in model.pasts.items():
        for past in pasts:
            out |= {f"past/{len(said['pasts'])}/{name}": getattr(past, name) for name in PAST}
            said["pasts"].append([horizon, past.age, past.name])
    out["said"] = np.array(json.dumps(said))
    return out


def _read(path: Path) -> Model | None:
    """The model in a file; None for one an earlier version of this package wrote, which is trained again."""
    try:
        with np.load(path, allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        said = json.loads(str(arrays["said"]))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(f"{path} is no model file ({error}): delete it and run virality train") from error
    if said.get("format") != FORMAT:
        return None
    tables = {}
    for name in ("growth", "pooled", "margins"):
        table = pd.DataFrame(arrays[f"{name}/numbers"], columns=said[name])
        table.insert(0, "horizon", pd.Series(arrays[f"{name}/horizon"].astype(str), dtype=str))
        tables[name] = table
    heads: dict[str, dict[float, Trees]] = {}
    for horizon, level in said["heads"]:
        heads.setdefault(horizon, {})[level] = _trees(arrays, f"head/{horizon}/{level}/")
    pasts: dict[str, tuple[Past, ...]] = {}
    for k, (horizon, age, name) in enumerate(said["pasts"]):
        past = Past(age=age, name=name, **{part: arrays[f"past/{k}/{part}"] for part in PAST})
        pasts[horizon] = (*pasts.get(horizon, ()), past)
    return Model(
        said["platform"], said["metric"], tables["growth"], tables["pooled"], tuple(said["names"]), heads,
        _trees(arrays, "over/") if "over/base" in arrays else None, tables["margins"], pasts, said["trained"],
    )  # fmt: skip


def _trees(arrays: dict[str, np.ndarray], place: str) -> Trees:
    return Trees.of(
        {key.removeprefix(place): value for key, value in arrays.items() if key.startswith(place)}
    )
