"""Which platforms cannot be told apart: they stand as one group."""

from __future__ import annotations

import numpy as np

from analysis.checks.check import Check
from analysis.models._site import JOINT, Shares, Site

TOGETHER, NEAR, ALIKE = 0.9, 2, 0.9  # part of shares that coincide; within hours; correlation of columns


def together(site: Site) -> list[list[str]]:
    """Platforms by group: those whose shares coincide, both ways round, stand together."""
    names = site.platforms
    alike = np.eye(len(names))
    for p, one in enumerate(names):
        for q, other in enumerate(names[:p]):
            if one in site.shares and other in site.shares:
                pair = site.shares[one], site.shares[other]
                if len(pair[0].hour) and len(pair[1].hour):
                    alike[p, q] = alike[q, p] = min(_near(*pair), _near(*pair[::-1])) >= TOGETHER
    return merge([[one] for one in names], names, alike)


def _near(one: Shares, other: Shares) -> float:
    """Part of the shares of one platform beside which another was shared too."""
    wide = int(max(one.hour.max(), other.hour.max())) + 4 * NEAR
    place = np.sort(other.content * wide + other.hour)
    mine = one.content * wide + one.hour
    at = np.searchsorted(place, mine - NEAR)
    return float(np.mean((at < len(place)) & (place[np.minimum(at, len(place) - 1)] <= mine + NEAR)))


def merge(groups: list[list[str]], names: list[str], alike: np.ndarray) -> list[list[str]]:
    """Groups joined where any of their columns are alike."""
    by_name = {JOINT.join(group): group for group in groups}
    left, out = list(range(len(names))), []
    while left:
        chain = [left.pop(0)]
        for p in chain:
            for q in [q for q in left if alike[p, q] > ALIKE]:
                chain.append(q)
                left.remove(q)
        out.append(sorted(one for p in chain for one in by_name.get(names[p], [names[p]])))
    return sorted(out)


def separable(groups: list[list[str]]) -> Check:
    """Whether every platform stands alone."""
    joined = [JOINT.join(group) for group in groups if len(group) > 1]
    if joined:
        said = f"Always shared together, so their dark visits are told as one: {'; '.join(joined)}."
        return Check("separable", False, said)
    return Check("separable", True, "Every platform was shared at times of its own.")
