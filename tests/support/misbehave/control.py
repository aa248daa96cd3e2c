"""The control paths: they neither misbehave nor count."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from . import content
from .answer import Answer, text_answer
from .entity import content_seed
from .options import Options
from .units import SpecError, size
from .wire import Request

if TYPE_CHECKING:
    from .server import Provider


async def stats(provider: Provider, request: Request, body: bytes) -> Answer:
    """GET /stats, GET /stats?requests=1"""
    return _json(provider.stats.report(provider.uptime(), bool(Options(request.query).all("requests"))))


async def reset(provider: Provider, request: Request, body: bytes) -> Answer:
    """POST /reset"""
    if request.method != "POST":
        return text_answer(405, "POST only\n", [("Allow", "POST")])
    provider.forget()
    return text_answer(200, "begun anew\n")


async def rules(provider: Provider, request: Request, body: bytes) -> Answer:
    """POST /rules puts the lines "GLOB QUERY" of its body in place of all rules; GET tells them."""
    if request.method == "POST":
        lines = [line.split(None, 1) for line in body.decode().splitlines() if line.strip()]
        if any(len(line) != 2 for line in lines):
            raise SpecError("a rule is a line GLOB QUERY")
        provider.set_rules([(glob, query) for glob, query in lines])
    return _json(provider.rules)


async def sha256(provider: Provider, request: Request, body: bytes) -> Answer:
    """GET /sha256/SIZE?seed=S&version=V"""
    options = Options(request.query)
    seed = content_seed(options.one("seed", "0"), int(options.one("version", "1")))
    return text_answer(200, await asyncio.to_thread(content.sha256, seed, size_in(request.path)) + "\n")


def size_in(path: str) -> int:
    """The size, in bytes, that /bytes/SIZE/name and /sha256/SIZE name."""
    parts = path.split("/")
    return size(parts[2] if len(parts) > 2 else "")


def _json(value: object) -> Answer:
    return text_answer(200, json.dumps(value, indent=1) + "\n", kind="application/json")


PATHS = {"stats": stats, "reset": reset, "rules": rules, "sha256": sha256}
