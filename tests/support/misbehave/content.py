"""Bytes that anyone can compute again: content by seed, from any offset, without holding it.

Block i (64 KiB) of an entity is SHA-256(seed ":" i) followed by a filler that is SHAKE-256(seed). The stamp at each
block's start makes a block out of place visible, the filler makes a shift inside a block visible, and only 32 bytes a
block have to be computed, so that the provider is not the slow side of a bulk test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

BLOCK = 64 * 1024  # bytes


@lru_cache(maxsize=64)
def _filler(seed: str) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(BLOCK - 32)


def _block(seed: str, index: int) -> bytes:
    return hashlib.sha256(f"{seed}:{index}".encode()).digest() + _filler(seed)


def pieces(seed: str, start: int, stop: int, largest: int = BLOCK) -> Iterator[bytes]:
    """The bytes [start, stop) of the entity `seed`, in pieces of at most `largest` bytes and at most one block."""
    while start < stop:
        index, skip = divmod(start, BLOCK)
        piece = _block(seed, index)[skip : skip + min(largest, stop - start)]
        start += len(piece)
        yield piece


@lru_cache(maxsize=256)
def sha256(seed: str, length: int) -> str:
    """Hexadecimal SHA-256 of the first `length` bytes of the entity `seed`."""
    digest = hashlib.sha256()
    for piece in pieces(seed, 0, length):
        digest.update(piece)
    return digest.hexdigest()
