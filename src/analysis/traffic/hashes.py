"""Hashes of bytes, and the tables that number distinct strings by them.

numba keeps what it compiled by file: who changes this file touches ``kernel.py`` too.
"""
# mypy: disable-error-code="no-untyped-def, call-arg"

from __future__ import annotations

import numpy as np
from numba import njit

from analysis.traffic.raw import byte_at, word_at


@njit(cache=True)
def rehash(keys, ids, new_keys, new_ids):
    """Bring every entry of a table into a larger one."""
    mask = np.uint64(len(new_keys) - 1)
    for i in range(len(keys)):
        if ids[i] >= 0:
            slot = keys[i] & mask
            while new_ids[slot] >= 0:
                slot = (slot + np.uint64(1)) & mask
            new_keys[slot] = keys[i]
            new_ids[slot] = ids[i]


@njit(cache=True)
def mix(h):
    """Spread a hash over all its bits (the end of MurmurHash3)."""
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    h ^= h >> np.uint64(33)
    return h


@njit(cache=True)
def hash_of(base, start, stop, seed, multiplier):
    """Eight bytes a step: a multiplication waits for the one before it."""
    h = seed
    i = base + np.uint64(start)
    last = base + np.uint64(stop)
    while i + np.uint64(8) <= last:
        h = (h ^ word_at(i)) * multiplier
        h ^= h >> np.uint64(29)
        i += np.uint64(8)
    while i < last:
        h = (h ^ np.uint64(byte_at(i))) * multiplier
        i += np.uint64(1)
    return mix(h ^ np.uint64(stop - start))


@njit(cache=True)
def find(keys, ids, h):
    """The slot that holds this hash, or the empty one where it belongs."""
    mask = np.uint64(len(keys) - 1)
    slot = h & mask
    while ids[slot] >= 0 and keys[slot] != h:
        slot = (slot + np.uint64(1)) & mask
    return slot
