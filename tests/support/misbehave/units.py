"""Sizes and durations as people write them in a query string."""

from __future__ import annotations

import re

_SIZES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class SpecError(ValueError):
    """A behaviour was asked for in words the provider does not know; the answer is 400 with this text."""


def size(text: str) -> int:
    """'64KiB' -> 65536 (bytes)."""
    match = re.fullmatch(r"(\d+)([A-Za-z]*)", text)
    if not match or match[2] not in _SIZES:
        raise SpecError(f"not a size: {text!r}")
    return int(match[1]) * _SIZES[match[2]]


def seconds(text: str) -> float:
    """'250ms' -> 0.25, '3' -> 3.0 (seconds)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", text)
    if not match or match[2] not in _SECONDS:
        raise SpecError(f"not a duration: {text!r}")
    return float(match[1]) * _SECONDS[match[2]]
