"""Armed: an alarm is raised once, and again only after things were calm.

Question. A score passes its limit, falls, passes it again: how many times did something happen?

Formula. Hysteresis. An episode opens with the first bucket whose score reaches ``high``, and goes on while
scores reach ``low`` again before ``calm`` known buckets in a row stayed below it. Only then is the alarm
armed again. An unknown bucket is no sign of calm: it is not counted.

The episodes of a longer series begin with those of a shorter one: only the last one's end can move.

Abstains never; no bucket above the limit is no episode. Source: the Schmitt trigger, as alarm systems use it.
"""

from __future__ import annotations

import numpy as np


def episodes(
    score: np.ndarray, known: np.ndarray, high: float, low: float, calm: int
) -> list[tuple[int, int]]:
    """First and last bucket of each episode, in order of time.

    Parameters
    ----------
    score : a number a bucket
    known : which buckets have a value
    high, low : the limit that raises the alarm, and the lower one that keeps it up
    calm : known buckets below ``low`` after which it is armed again
    """
    out: list[tuple[int, int]] = []
    count = np.cumsum(known)
    for i in np.flatnonzero(known & (score >= low)):
        if out and count[i] - count[out[-1][1]] <= calm:
            out[-1] = (out[-1][0], int(i))
        elif score[i] >= high:
            out.append((int(i), int(i)))
    return out
