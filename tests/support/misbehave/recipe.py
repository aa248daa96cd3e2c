"""Which faults befall one try, and what that try is therefore to do.

    fault=KIND[:ARGUMENT]@WHEN     several, separated by commas; all that match a try act together

WHEN is counted in tries of the same URL, from 1:

    3  2-4  2-     that try, those tries, from that try on        (no @WHEN: the first try)
    all            every try
    each3          tries 3, 6, 9 ...
    p0.2           one try in five, chosen by the provider's --seed, the URL and the number of the try
    t10-20         tries that come 10 to 20 seconds after the provider's start
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from .units import SpecError, seconds, size


@dataclass
class Recipe:
    """The behaviour of one try. Positions are in bytes of this answer's body; None is the middle of it."""

    status: int | None = None  # answer this error in place of the entity
    retry_after: str = "none"
    head_delay: float = 0.0  # seconds before the first byte
    drip: float = 0.0  # seconds over which the head is spread
    garbage: bool = False  # something that is no HTTP in place of a head
    break_before: str = ""  # "reset" or "close" in place of a head
    break_head: str = ""  # the same after half a head
    break_body: str = ""  # the same at break_at
    break_at: int | None = None
    stall: float = 0.0  # seconds of silence at stall_at
    stall_at: int | None = None
    body_rate: int = 0  # bytes per second; 0: as fast as it goes
    version: int = 1  # of the entity
    new_size: int | None = None  # of the changed entity
    range_fault: str = ""
    only_reused: bool = False  # the break before the head is for connections that served a request before
    close_quietly: bool = False  # keep-alive is promised and not kept


def _break(where: str, how: str) -> Callable[[Recipe, str], None]:
    def act(recipe: Recipe, argument: str) -> None:
        setattr(recipe, f"break_{where}", how)
        if where == "body":
            recipe.break_at = _position(argument)

    return act


def _position(text: str) -> int | None:
    return None if text in ("", "half") else size(text)


def _stall(recipe: Recipe, argument: str) -> None:
    at, _, length = argument.partition(":")
    recipe.stall_at, recipe.stall = _position(at), seconds(length or "300s")


def _slow_head(recipe: Recipe, argument: str) -> None:
    recipe.head_delay = seconds(argument)


def _drip_head(recipe: Recipe, argument: str) -> None:
    recipe.drip = seconds(argument)


def _slow_body(recipe: Recipe, argument: str) -> None:
    recipe.body_rate = size(argument)


def _garbage(recipe: Recipe, argument: str) -> None:
    recipe.garbage = True


def _changed(recipe: Recipe, argument: str) -> None:
    recipe.version, recipe.new_size = 2, size(argument) if argument else None


def _reset_reused(recipe: Recipe, argument: str) -> None:
    recipe.break_before, recipe.only_reused = "reset", True


def _close_quietly(recipe: Recipe, argument: str) -> None:
    recipe.close_quietly = True


_KINDS: dict[str, Callable[[Recipe, str], None]] = {
    "slow-head": _slow_head,
    "drip-head": _drip_head,
    "slow-body": _slow_body,
    "garbage": _garbage,
    "reset": _break("before", "reset"),
    "close": _break("before", "close"),
    "reset-head": _break("head", "reset"),
    "close-head": _break("head", "close"),
    "reset-body": _break("body", "reset"),
    "close-body": _break("body", "close"),
    "stall": _stall,
    "changed": _changed,
    "reset-reused": _reset_reused,
    "close-quietly": _close_quietly,
}
RANGE_FAULTS = {"ignore", "offset", "total", "etag", "no-etag", "416", "coding", "short", "multipart"}


def _apply(recipe: Recipe, text: str) -> None:
    kind, _, argument = text.partition(":")
    if kind.isdigit() and len(kind) == 3:
        recipe.status, recipe.retry_after = int(kind), argument or "none"
    elif kind.startswith("range-") and kind.removeprefix("range-") in RANGE_FAULTS:
        recipe.range_fault = kind.removeprefix("range-")
    elif kind in _KINDS:
        _KINDS[kind](recipe, argument)
    else:
        raise SpecError(f"unknown fault: {text!r}")


def _chance(seed: str, key: str, number: int) -> float:
    """A number in [0, 1) that is the same in every run, whatever order the requests came in."""
    digest = hashlib.sha256(f"{seed}\0{key}\0{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _matches(when: str, seed: str, key: str, number: int, uptime: float) -> bool:
    if when == "all":
        return True
    if match := re.fullmatch(r"(\d+)(-?)(\d*)", when):
        first = int(match[1])
        last = int(match[3]) if match[3] else (number if match[2] else first)
        return first <= number <= last
    if match := re.fullmatch(r"each([1-9]\d*)", when):
        return number % int(match[1]) == 0
    if match := re.fullmatch(r"p(0?\.\d+|[01])", when):
        return _chance(seed, key, number) < float(match[1])
    if match := re.fullmatch(r"t([\d.]+)-([\d.]+)", when):
        return float(match[1]) <= uptime < float(match[2])
    raise SpecError(f"unknown time of a fault: {when!r}")


def recipe_for(faults: str, seed: str, key: str, number: int, uptime: float) -> Recipe:
    """What try `number` of `key` does; `uptime` is seconds since the provider's start."""
    recipe = Recipe()
    for text in filter(None, faults.split(",")):
        fault, _, when = text.partition("@")
        if _matches(when or "1", seed, key, number, uptime):
            _apply(recipe, fault)
    return recipe
