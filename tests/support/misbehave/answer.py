"""Saying one answer the way its recipe wants it said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from .recipe import Recipe
from .wire import Wire

Fields = list[tuple[str, str]]


@dataclass
class Answer:
    status: int
    fields: Fields
    body: Iterable[bytes] = ()
    length: int = 0  # bytes of the body
    framing: str = "length"  # length, chunked, or close (the end of the connection is the end of the body)
    has_body: bool = True  # false for HEAD, 204 and 304, which keep the fields of the body they do not send


def text_answer(status: int, text: str, fields: Fields | None = None, kind: str = "text/plain") -> Answer:
    data = text.encode()
    return Answer(status, [("Content-Type", kind), *(fields or [])], [data], len(data))


def head_bytes(answer: Answer, keep_alive: bool, wall: float) -> bytes:
    """The head as it goes out; `wall` is Unix time in seconds, for Date."""
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unassigned"
    lines = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {formatdate(wall, usegmt=True)}", "Server: misbehaving"]
    lines += [f"{name}: {value}" for name, value in answer.fields]
    if answer.status not in (204, 304):
        if answer.framing == "length":
            lines.append(f"Content-Length: {answer.length}")
        elif answer.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


async def say_head(wire: Wire, head: bytes, recipe: Recipe, reused: bool) -> None:
    """Sends the head; raises Cut where the recipe ends the connection before its end."""
    if recipe.head_delay:
        await wire.silence(recipe.head_delay)
    if recipe.break_before and (reused or not recipe.only_reused):
        await wire.cut(recipe.break_before)
    if recipe.garbage:
        await wire.send(b"\x15\x03\x01\x00\x02\x02\x50 this is not HTTP\r\n\r\n")
        await wire.cut("close")
    if recipe.break_head:
        await wire.send(head[: len(head) // 2])
        await wire.cut(recipe.break_head)
    if recipe.drip:
        for index in range(len(head)):
            await wire.send(head[index : index + 1])
            await wire.silence(recipe.drip / len(head))
    else:
        await wire.send(head)


async def say_body(wire: Wire, answer: Answer, recipe: Recipe) -> None:
    """Sends the body; raises Cut where the recipe breaks it off."""
    middle = answer.length // 2
    events = []
    if recipe.stall:
        events.append((middle if recipe.stall_at is None else recipe.stall_at, "stall"))
    if recipe.break_body:
        events.append((middle if recipe.break_at is None else recipe.break_at, recipe.break_body))
    events.sort(key=lambda event: event[0])
    chunked = answer.framing == "chunked"
    sent = 0
    for piece in answer.body:
        # An event inside this piece: the bytes before it go out first. A chunk is announced whole all the same, so
        # that a chunked body breaks off inside a chunk.
        if chunked:
            await wire.send(b"%x\r\n" % len(piece))
        while events and events[0][0] < sent + len(piece):
            position, act = events.pop(0)
            first, piece = piece[: position - sent], piece[position - sent :]
            await _say_piece(wire, first, recipe)
            sent = position
            if act == "stall":
                await wire.silence(recipe.stall)
            else:
                await wire.cut(act)
        await _say_piece(wire, piece, recipe)
        sent += len(piece)
        if chunked:
            await wire.send(b"\r\n")
    if chunked:
        if recipe.break_body:
            await wire.cut(recipe.break_body)  # every byte was sent, but not the last chunk
        await wire.send(b"0\r\n\r\n")


async def _say_piece(wire: Wire, piece: bytes, recipe: Recipe) -> None:
    if not recipe.body_rate:
        await wire.send(piece)
        return
    step = max(1, recipe.body_rate // 20)
    for begin in range(0, len(piece), step):
        await wire.send(piece[begin : begin + step])
        await asyncio.sleep(len(piece[begin : begin + step]) / recipe.body_rate)
