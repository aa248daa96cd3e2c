"""The provider itself: connections, and the choice of behaviour for each request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from fnmatch import fnmatchcase

from . import content, control, limits
from .answer import Answer, Fields, head_bytes, say_body, say_head, text_answer
from .entity import make_entity
from .limits import Limit
from .options import Options
from .ranges import entity_answer
from .rate_fields import rate_fields, retry_after
from .recipe import Recipe, recipe_for
from .stats import Stats
from .units import SpecError, size
from .wire import HEAD_LIMIT, BadRequest, Cut, Request, Wire

ECHO_BODY = 4096  # bytes of a request body that /echo gives back as text
URLS = 100_000  # URLs whose tries are counted; the one asked for longest ago is forgotten first


class Provider:
    """All state of one provider; lives on one event loop."""

    def __init__(self, seed: str, rules: list[tuple[str, str]]) -> None:
        self._seed = seed
        self._began = time.monotonic()
        self.set_rules(rules)
        self.forget()

    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def forget(self) -> None:
        """Counts, tries and limits begin anew."""
        self.stats = Stats()
        self._tries: dict[str, int] = {}
        self._limits: dict[tuple[str, str], Limit] = {}

    def set_rules(self, rules: list[tuple[str, str]]) -> None:
        self.rules = rules
        self._rules = [(glob, Options(query).checked()) for glob, query in rules]

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client connection to its end."""
        self.stats.connections += 1
        wire = Wire(reader, writer)
        try:
            await self._exchanges(wire)
        except Cut as cut:
            self.stats.cuts[str(cut)] += 1
        except ConnectionError:
            self.stats.cuts["by the client"] += 1
        except asyncio.CancelledError:
            pass  # the provider is stopped: who still waits gets no answer
        finally:
            writer.close()

    async def _exchanges(self, wire: Wire) -> None:
        reused = False
        try:
            while (request := await wire.request()) and await self._exchange(wire, request, reused):
                reused = True
        except BadRequest as bad:
            await _tell_bad_request(wire, bad)

    async def _exchange(self, wire: Wire, request: Request, reused: bool) -> bool:
        """One request and its answer; true if the connection can carry another."""
        if act := control.PATHS.get(request.room):
            body = await wire.read_body(request, HEAD_LIMIT)
            try:
                answer = await act(self, request, body)
            except SpecError as error:
                answer = text_answer(400, f"{error}\n")
            return await _say(wire, request, answer, Recipe(), reused)
        held: list[Limit] = []
        try:
            self.stats.arrived(request, self.uptime())
            answer, recipe = await self._decide(wire, request, held)
            return await _say(wire, request, answer, recipe, reused, self.stats.answered)
        finally:
            for limit in held:
                limit.release()

    async def _decide(self, wire: Wire, request: Request, held: list[Limit]) -> tuple[Answer, Recipe]:
        """The answer and how to say it; `held` receives the limits to be released when it has been said."""
        try:
            options = self._options(request)
            body = await wire.read_body(request, ECHO_BODY)
            key = options.one("id", request.target)
            number = self._count_try(key)
            spoken, refusal = self._limit(options, held)
            if refusal:
                return refusal, Recipe()
            recipe = recipe_for(",".join(options.all("fault")), self._seed, key, number, self.uptime())
            if recipe.status is not None:
                fields = spoken + retry_after(recipe.retry_after, 1.0, time.time())
                answer = text_answer(recipe.status, f"try {number}: {recipe.status} as asked\n", fields)
            else:
                answer = self._resource(request, options, recipe, body)
                answer.fields += spoken
        except SpecError as error:
            return text_answer(400, f"{error}\n"), Recipe()
        answer.fields.append(("X-Try", str(number)))
        return answer, recipe

    def _options(self, request: Request) -> Options:
        """The request's own query, and below it the rules that match the path, later ones over earlier ones."""
        options = Options()
        for glob, rule in self._rules:
            if fnmatchcase(request.path, glob):
                options = rule.over(options)
        return Options(request.query).checked().over(options) if request.query else options

    def _count_try(self, key: str) -> int:
        number = self._tries.pop(key, 0) + 1
        self._tries[key] = number
        if len(self._tries) > URLS:
            self._tries.pop(next(iter(self._tries)))
        return number

    def _limit(self, options: Options, held: list[Limit]) -> tuple[Fields, Answer | None]:
        """Asks all limits; what they say in fields, and the refusal if one of them refuses."""
        specs = options.all("limit")
        if not specs:
            return [], None
        now, wall, pool = time.monotonic(), time.time(), options.one("pool", "")
        mine = [self._limit_of(pool, spec, now) for spec in specs]
        rulings = [limit.ask(now) for limit in mine]
        spoken = rate_fields(options.one("rate-fields", ""), rulings, wall)
        waits = [ruling.reset for ruling in rulings if not ruling.accepted]
        if not waits:
            self.stats.accepted += 1
            for limit in mine:
                limit.take(now)
            held += mine
            return spoken, None
        self.stats.refused += 1
        for limit in mine:
            limit.refuse(now)
        spoken += retry_after(options.one("retry-after", "none"), max(waits), wall)
        return [], text_answer(int(options.one("refuse", "429")), "over the limit\n", spoken)

    def _limit_of(self, pool: str, spec: str, now: float) -> Limit:
        """Requests with the same words share one limit, unless their pools differ."""
        if (pool, spec) not in self._limits:
            self._limits[pool, spec] = limits.parse(spec, now)
        return self._limits[pool, spec]

    def _resource(self, request: Request, options: Options, recipe: Recipe, body: bytes) -> Answer:
        fields = [(name, value) for name, _, value in (text.partition(":") for text in options.all("field"))]
        if any(set("\r\n") & set(name + value) for name, value in fields):
            raise SpecError("a field is one line")
        if request.room == "echo":
            return text_answer(200, _echo(request, body), fields, "application/json")
        if request.room != "bytes":
            return text_answer(404, "there are /bytes/SIZE, /echo, /sha256/SIZE, /stats, /reset and /rules\n", fields)
        if request.method not in ("GET", "HEAD"):
            return text_answer(405, "GET and HEAD only\n", [("Allow", "GET, HEAD"), *fields])
        length = control.size_in(request.path) if recipe.new_size is None else recipe.new_size
        entity = make_entity(
            options.one("seed", "0"), length, recipe.version, options.one("validator", "strong"), time.time()
        )
        framing = options.one("framing", "length")
        if framing not in ("length", "chunked", "close"):
            raise SpecError(f"unknown framing: {framing!r}")
        chunk = size(options.one("chunk", str(content.BLOCK)))
        answer = entity_answer(
            entity, request, recipe.range_fault, framing, options.one("type", "application/octet-stream"), chunk
        )
        answer.fields += fields
        return answer


async def _say(
    wire: Wire,
    request: Request,
    answer: Answer,
    recipe: Recipe,
    reused: bool,
    head_sent: Callable[[Request, int], None] | None = None,
) -> bool:
    """Says the answer; true if the connection can carry another request."""
    if request.method == "HEAD":
        answer.has_body = False
    if request.version == "HTTP/1.0" and answer.framing == "chunked":
        answer.framing = "close"
    keep_alive = request.keep_alive and answer.framing != "close"
    await say_head(wire, head_bytes(answer, keep_alive, time.time()), recipe, reused)
    if head_sent:
        head_sent(request, answer.status)
    if answer.has_body:
        await say_body(wire, answer, recipe)
    return keep_alive and not recipe.close_quietly


def _echo(request: Request, body: bytes) -> str:
    """The request as it came, as JSON; the body by its length and digest, and its beginning as text."""
    seen = {
        "method": request.method,
        "target": request.target,
        "version": request.version,
        "fields": request.fields,
        "body_bytes": request.body_bytes,
        "body_sha256": request.body_sha256,
        "body": body.decode("utf-8", "replace"),
    }
    return json.dumps(seen, indent=1) + "\n"


async def _tell_bad_request(wire: Wire, error: BadRequest) -> None:
    """Tells a client that cannot be understood, and why."""
    answer = text_answer(400, f"{error}\n")
    await say_head(wire, head_bytes(answer, False, time.time()), Recipe(), False)
    await say_body(wire, answer, Recipe())
