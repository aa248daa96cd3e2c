"""Limits as providers keep them: what is accepted, and what a server could truthfully say about it.

Written as  KIND:RATE[,RATE@T]...[:OPTION]...

    bucket:10/s            token bucket, 10 a second; burst=N tokens (default: the count of the rate)
    fixed:60/60s           fixed window: the count starts anew every 60 s
    sliding:100/60s        sliding window: at most 100 in any 60 s
    concurrent:3           at most 3 requests under way
    ban:5/s:ban=30s        token bucket; the first refusal bans for 30 s, and each refused request begins the ban again
    sliding:300/60s:strict refused requests count against the window too
    bucket:20/s,5/s@10,20/s@20   the limit falls to 5/s ten seconds after the first request and rises again at 20

Rates are COUNT/[N]UNIT with units ms, s, m, h, d. All times are monotonic seconds given by the caller.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from .units import SpecError, seconds


@dataclass(frozen=True)
class Ruling:
    """What one limit says of one request, and the truth that header fields are made of."""

    accepted: bool
    quota: int  # requests per window, or requests under way
    window: float | None  # seconds; None for a concurrency cap
    remaining: int
    reset: float  # seconds until there is room for another request (this one counted), or a new window


@dataclass(frozen=True)
class _Rate:
    count: int
    window: float  # seconds


class Limit:
    """One limit. `ask` changes nothing; then exactly one of `take` (all limits agreed) or `refuse` is called."""

    def __init__(self, steps: list[tuple[float, _Rate]], now: float) -> None:
        self._steps = steps  # (seconds since the first request, rate), in order of time
        self._began = now

    def rate(self, now: float) -> _Rate:
        """The rate in force: providers change theirs by time of day and load."""
        current = self._steps[0][1]
        for begins, rate in self._steps:
            if now - self._began >= begins:
                current = rate
        return current

    def ask(self, now: float) -> Ruling:
        raise NotImplementedError

    def take(self, now: float) -> None:
        """The request is accepted."""

    def refuse(self, now: float) -> None:
        """The request is refused, by this limit or by another."""

    def release(self) -> None:
        """An accepted request has ended."""


class Bucket(Limit):
    def __init__(self, steps: list[tuple[float, _Rate]], now: float, burst: int | None) -> None:
        super().__init__(steps, now)
        self._burst = burst
        self._tokens = float(self._size(self.rate(now)))
        self._filled = now

    def _size(self, rate: _Rate) -> int:
        return self._burst or rate.count

    def _fill(self, now: float) -> _Rate:
        rate = self.rate(now)
        gained = (now - self._filled) * rate.count / rate.window
        self._tokens = min(self._size(rate), self._tokens + gained)
        self._filled = now
        return rate

    def ask(self, now: float) -> Ruling:
        rate = self._fill(now)
        accepted = self._tokens >= 1
        lacking = max(0.0, (2.0 if accepted else 1.0) - self._tokens)  # an accepted request takes one first
        remaining = max(0, math.floor(self._tokens) - 1)
        return Ruling(accepted, rate.count, rate.window, remaining, lacking * rate.window / rate.count)

    def take(self, now: float) -> None:
        self._tokens -= 1


class Ban(Bucket):
    def __init__(self, steps: list[tuple[float, _Rate]], now: float, burst: int | None, ban: float) -> None:
        super().__init__(steps, now, burst)
        self._ban = ban
        self._until = now

    def ask(self, now: float) -> Ruling:
        ruling = super().ask(now)
        if now < self._until:
            return Ruling(False, ruling.quota, ruling.window, 0, self._until - now)
        if not ruling.accepted:
            return Ruling(False, ruling.quota, ruling.window, 0, self._ban)
        return ruling

    def refuse(self, now: float) -> None:
        if not self.ask(now).accepted:
            self._until = now + self._ban


class Fixed(Limit):
    def __init__(self, steps: list[tuple[float, _Rate]], now: float, strict: bool) -> None:
        super().__init__(steps, now)
        self._strict = strict
        self._window = -1
        self._used = 0

    def ask(self, now: float) -> Ruling:
        rate = self.rate(now)
        window = math.floor((now - self._began) / rate.window)
        if window != self._window:
            self._window, self._used = window, 0
        reset = self._began + (window + 1) * rate.window - now
        return Ruling(self._used < rate.count, rate.count, rate.window, max(0, rate.count - self._used - 1), reset)

    def take(self, now: float) -> None:
        self._used += 1

    def refuse(self, now: float) -> None:
        if self._strict:
            self._used += 1


class Sliding(Limit):
    def __init__(self, steps: list[tuple[float, _Rate]], now: float, strict: bool) -> None:
        super().__init__(steps, now)
        self._strict = strict
        self._seen: deque[float] = deque()

    def ask(self, now: float) -> Ruling:
        rate = self.rate(now)
        while self._seen and self._seen[0] <= now - rate.window:
            self._seen.popleft()
        used = len(self._seen)
        room_at = now
        if used >= rate.count:
            room_at = self._seen[used - rate.count] + rate.window
        elif used + 1 == rate.count:  # this request takes the last place
            room_at = (self._seen[0] if self._seen else now) + rate.window
        return Ruling(used < rate.count, rate.count, rate.window, max(0, rate.count - used - 1), room_at - now)

    def take(self, now: float) -> None:
        self._seen.append(now)

    def refuse(self, now: float) -> None:
        if self._strict:
            self._seen.append(now)


class Concurrent(Limit):
    def __init__(self, steps: list[tuple[float, _Rate]], now: float) -> None:
        super().__init__(steps, now)
        self._running = 0

    def ask(self, now: float) -> Ruling:
        quota = self.rate(now).count
        # When a place gets free depends on the others: one second is what real servers say.
        return Ruling(self._running < quota, quota, None, max(0, quota - self._running - 1), 1.0)

    def take(self, now: float) -> None:
        self._running += 1

    def release(self) -> None:
        self._running -= 1


def _parse_rate(text: str) -> _Rate:
    count, slash, window = text.partition("/")
    if not slash or not count.isdigit() or int(count) == 0:
        raise SpecError(f"not a rate: {text!r}")
    rate = _Rate(int(count), seconds(window if window[:1].isdigit() else "1" + window))
    if rate.window <= 0:
        raise SpecError(f"not a rate: {text!r}")
    return rate


def _parse_cap(text: str) -> _Rate:
    if not text.isdigit() or int(text) == 0:
        raise SpecError(f"not a number of requests: {text!r}")
    return _Rate(int(text), 1.0)


def parse(text: str, now: float) -> Limit:
    """Makes a fresh limit of its written form; `now` is the time of its first request."""
    kind, *rest = text.split(":")
    if not rest:
        raise SpecError(f"not a limit: {text!r}")
    read = _parse_cap if kind == "concurrent" else _parse_rate
    steps = []
    for step in rest[0].split(","):
        rate, _, begins = step.partition("@")
        steps.append((seconds(begins or "0"), read(rate)))
    options = dict(option.partition("=")[::2] for option in rest[1:])
    burst = int(options.pop("burst")) if options.get("burst", "").isdigit() else None
    ban = seconds(options.pop("ban", "30s"))
    strict = options.pop("strict", None) is not None
    if options:
        raise SpecError(f"unknown option of a limit: {', '.join(options)}")
    if kind == "bucket":
        return Bucket(steps, now, burst)
    if kind == "ban":
        return Ban(steps, now, burst, ban)
    if kind == "fixed":
        return Fixed(steps, now, strict)
    if kind == "sliding":
        return Sliding(steps, now, strict)
    if kind == "concurrent":
        return Concurrent(steps, now)
    raise SpecError(f"unknown kind of limit: {kind!r}")
