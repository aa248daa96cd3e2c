"""The header fields in which servers tell of their limits, one family a function.

    draft10    RateLimit-Policy and RateLimit (IETF httpapi draft 10)
    draft03    RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset (seconds)
    x-seconds  X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset in seconds from now
    x-epoch    the same with the reset as Unix time
    x-millis   the same with the reset as Unix time in milliseconds
    crossref   X-Rate-Limit-Limit, X-Rate-Limit-Interval, X-Concurrency-Limit
"""

from __future__ import annotations

import math
from collections.abc import Callable
from email.utils import formatdate

from .limits import Ruling
from .units import SpecError, seconds

Fields = list[tuple[str, str]]


def _tightest(rulings: list[Ruling]) -> Ruling:
    """The one-limit families can name one limit only: that with the least left."""
    return min(rulings, key=lambda ruling: ruling.remaining / ruling.quota)


def _draft10(rulings: list[Ruling], wall: float) -> Fields:
    policies, states = [], []
    for number, ruling in enumerate(rulings):
        name = f'"limit{number}"'
        if ruling.window is None:
            policies.append(f'{name};q={ruling.quota};qu="concurrent-requests"')
            states.append(f"{name};r={ruling.remaining}")
        else:
            policies.append(f"{name};q={ruling.quota};w={max(1, round(ruling.window))}")
            states.append(f"{name};r={ruling.remaining};t={math.ceil(ruling.reset)}")
    return [("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(states))]


def _three(prefix: str, reset: Callable[[float, float], int]) -> Callable[[list[Ruling], float], Fields]:
    def family(rulings: list[Ruling], wall: float) -> Fields:
        ruling = _tightest(rulings)
        return [
            (f"{prefix}-Limit", str(ruling.quota)),
            (f"{prefix}-Remaining", str(ruling.remaining)),
            (f"{prefix}-Reset", str(reset(ruling.reset, wall))),
        ]

    return family


def _crossref(rulings: list[Ruling], wall: float) -> Fields:
    fields = []
    for ruling in rulings:
        if ruling.window is None:
            fields.append(("X-Concurrency-Limit", str(ruling.quota)))
        else:
            fields.append(("X-Rate-Limit-Limit", str(ruling.quota)))
            fields.append(("X-Rate-Limit-Interval", f"{max(1, round(ruling.window))}s"))
    return fields


_FAMILIES: dict[str, Callable[[list[Ruling], float], Fields]] = {
    "draft10": _draft10,
    "draft03": _three("RateLimit", lambda reset, wall: math.ceil(reset)),
    "x-seconds": _three("X-RateLimit", lambda reset, wall: math.ceil(reset)),
    "x-epoch": _three("X-RateLimit", lambda reset, wall: math.ceil(wall + reset)),
    "x-millis": _three("X-RateLimit", lambda reset, wall: math.ceil((wall + reset) * 1000)),
    "crossref": _crossref,
}


def rate_fields(families: str, rulings: list[Ruling], wall: float) -> Fields:
    """`families` is a comma list; `wall` is Unix time in seconds."""
    fields: Fields = []
    for name in filter(None, families.split(",")):
        if name not in _FAMILIES:
            raise SpecError(f"unknown family of rate-limit fields: {name!r}")
        fields += _FAMILIES[name](rulings, wall)
    return fields


def retry_after(form: str, reset: float, wall: float) -> Fields:
    """`form` is none, delta, date, or the literal value to send; `reset` is the truth in seconds."""
    if form in ("", "none"):
        return []
    if form == "delta":
        return [("Retry-After", str(max(1, math.ceil(reset))))]
    if form == "date":
        return [("Retry-After", formatdate(math.ceil(wall + reset), usegmt=True))]
    if form.startswith("date"):
        return retry_after("date", seconds(form.removeprefix("date")), wall)
    return [("Retry-After", form)]
