"""Answers to GET and HEAD of an entity: whole, in part, refused, and in part on purpose wrong."""

from __future__ import annotations

from dataclasses import replace

from . import content
from .answer import Answer, Fields, text_answer
from .entity import Entity, not_modified, range_allowed, wanted_range
from .wire import Request


def entity_answer(entity: Entity, request: Request, fault: str, framing: str, kind: str, chunk: int) -> Answer:
    """`fault` is one of recipe.RANGE_FAULTS or ""; `kind` the media type; `chunk` the largest chunk in bytes."""
    if not_modified(entity, request.get("if-none-match"), request.get("if-modified-since")):
        return Answer(304, _fields(entity, kind), has_body=False)
    wanted = None
    asked = request.get("range")
    if asked and request.method == "GET" and fault != "ignore" and range_allowed(entity, request.get("if-range")):
        wanted = wanted_range(asked, entity.size)
    if wanted is None:
        return _part(entity, 0, entity.size, kind, framing, chunk)
    start, stop = wanted
    if start == stop or fault == "416":
        return text_answer(416, "no such range\n", [("Content-Range", f"bytes */{entity.size}")])
    return _partial(entity, start, stop, fault, framing, kind, chunk)


def _fields(entity: Entity, kind: str) -> Fields:
    fields = [("Content-Type", kind), ("Accept-Ranges", "bytes")]
    if entity.etag:
        fields.append(("ETag", entity.etag))
    if entity.last_modified:
        fields.append(("Last-Modified", entity.last_modified))
    return fields


def _part(entity: Entity, start: int, stop: int, kind: str, framing: str, chunk: int) -> Answer:
    body = content.pieces(entity.seed, start, stop, chunk)
    return Answer(200, _fields(entity, kind), body, stop - start, framing)


def _partial(entity: Entity, start: int, stop: int, fault: str, framing: str, kind: str, chunk: int) -> Answer:
    total = entity.size
    if fault == "offset" and start + 1 < stop:
        start += 1
    elif fault == "short":
        stop = start + max(1, (stop - start) // 2)
    elif fault == "total":
        total += 1
    elif fault == "etag":
        entity = replace(entity, etag='"another"')
    elif fault == "no-etag":
        entity = replace(entity, etag="", last_modified="")
    answer = _part(entity, start, stop, kind, framing, chunk)
    answer.status = 206
    place = f"bytes {start}-{stop - 1}/{total}"
    if fault == "multipart":
        return _multipart(answer, place, kind)
    answer.fields.append(("Content-Range", place))
    if fault == "coding":
        answer.fields.append(("Content-Encoding", "br"))
    return answer


def _multipart(answer: Answer, place: str, kind: str) -> Answer:
    """The same bytes as the only part of a multipart/byteranges body: lawful, and useless to one who wants to go on."""
    head = f"--part\r\nContent-Type: {kind}\r\nContent-Range: {place}\r\n\r\n".encode()
    tail = b"\r\n--part--\r\n"
    fields = [(name, value) for name, value in answer.fields if name != "Content-Type"]
    answer.fields = [("Content-Type", "multipart/byteranges; boundary=part"), *fields]
    inner = answer.body
    answer.body = (piece for group in ([head], inner, [tail]) for piece in group)
    answer.length += len(head) + len(tail)
    return answer
