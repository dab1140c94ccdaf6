"""Bytes at an address, without bounds checks: what makes the scanner as fast as memory allows.

numba wraps negative indices and reads single bytes; a log line needs eight at a time.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_LOW = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)


@intrinsic
def byte_at(typing_context, address):
    """The byte at an address (an unsigned 64-bit number)."""

    def generate(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint8(types.uint64), generate


@intrinsic
def word_at(typing_context, address):
    """The eight bytes from an address on, the first one lowest."""

    def generate(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(types.uint64), generate


@intrinsic
def first_set(typing_context, word):
    """The number of the lowest bit that is 1."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@njit(cache=True)
def has(word, pattern):
    """Not 0 when one of the word's bytes equals the pattern's (a byte repeated eight times)."""
    x = word ^ pattern
    return (x - _LOW) & ~x & _HIGH
