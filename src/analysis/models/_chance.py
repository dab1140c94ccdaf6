"""What chance alone may do to placebos, which should bring nothing."""

from __future__ import annotations

import numpy as np

SURE = 0.99  # chance alone makes more stand out than allowed once in a hundred fits


def allowed(trials: int, level: float) -> int:
    """How many of so many intervals of this level may exclude the truth before it is no chance."""
    from scipy.special import bdtr

    return int(np.argmax(bdtr(np.arange(trials + 1), trials, 1 - level) >= SURE))
