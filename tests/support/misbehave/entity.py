"""One version of one resource: its size, its validators, and the conditional requests against them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.utils import formatdate

from .units import SpecError

_FIRST_MODIFIED = 1_704_067_200  # 2024-01-01T00:00:00Z: long before any Date, so a strong validator


@dataclass(frozen=True)
class Entity:
    seed: str  # of the content
    size: int  # bytes
    etag: str  # with its quotes; "" for none
    last_modified: str  # HTTP-date; "" for none


def make_entity(seed: str, size: int, version: int, validators: str, wall: float) -> Entity:
    """`validators` is a comma list of strong, weak, lm (old, hence strong), lm-now (weak), none."""
    etag = modified = ""
    tag = '"' + hashlib.sha256(f"{seed}/{size}/{version}".encode()).hexdigest()[:16] + '"'
    for name in validators.split(","):
        if name == "strong":
            etag = tag
        elif name == "weak":
            etag = "W/" + tag
        elif name == "lm":
            modified = formatdate(_FIRST_MODIFIED + version, usegmt=True)
        elif name == "lm-now":
            modified = formatdate(wall, usegmt=True)
        elif name != "none":
            raise SpecError(f"unknown validator: {name!r}")
    return Entity(content_seed(seed, version), size, etag, modified)


def content_seed(seed: str, version: int) -> str:
    """The seed of the content of a later version: other bytes at every place."""
    return seed if version == 1 else f"{seed}+{version}"


def range_allowed(entity: Entity, if_range: str | None) -> bool:
    """RFC 9110 13.1.5: may the range be honoured? Weak tags never match, dates match exactly."""
    if if_range is None:
        return True
    if if_range.startswith('"'):
        return if_range == entity.etag
    return bool(entity.last_modified) and if_range == entity.last_modified


def not_modified(entity: Entity, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """RFC 9110 13.2.2: If-None-Match by weak comparison, else If-Modified-Since by equality."""
    if if_none_match is not None:
        if if_none_match.strip() == "*":
            return True
        tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return bool(entity.etag) and entity.etag.removeprefix("W/") in tags
    return bool(entity.last_modified) and if_modified_since == entity.last_modified


def wanted_range(field: str, size: int) -> tuple[int, int] | None:
    """[start, stop) of a single byte range; empty: nothing of it exists, 416; None: the field is to be ignored."""
    unit, _, spec = field.partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or "," in spec:
        return None
    if not (first or last) or not (first + last).isdigit():
        return None
    if not first:
        length = min(int(last), size)
        return size - length, size
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        return size, size
    return start, min(int(last) + 1, size) if last else size
