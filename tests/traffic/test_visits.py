"""Page views meet in the order of their visitor and of time, whatever the hashes and the files' order."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.traffic.walk import VIEW, keys, order


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("backwards", [False, True])
def test_hashes_alike_in_all_but_the_last_bits(parts: int, backwards: bool) -> None:
    random = np.random.default_rng(0)
    views = np.zeros(1200, VIEW)
    apart = random.integers(0, 2**64, 40, np.uint64)
    alike = np.uint64(7) << np.uint64(60) | np.arange(3, dtype=np.uint64)
    views["visitor"] = np.concatenate([random.choice(apart, 400), random.choice(alike, 800)])
    views["time"] = np.arange(1200)[::-1] // 2 if backwards else random.integers(0, 500, 1200)
    visitor = views["visitor"].copy()
    bits = np.uint64(len(views).bit_length())
    found = []
    for part in range(parts):
        mine = keys(visitor, part, parts, bits)
        mine.sort()
        found.append(order(mine, views, bits))
    expected = np.lexsort((views["time"], visitor))  # stable: equal times keep their order
    np.testing.assert_array_equal(np.concatenate(found), expected)
