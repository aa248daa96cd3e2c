"""The fixed scenarios: each a provider, a configured limit and a load. A scenario is data; each run makes its provider anew."""

import dataclasses
import math
import random

from .limits import Concurrency, FixedWindow, Schedule, SlidingWindow, TokenBucket
from .provider import Provider


@dataclasses.dataclass(frozen=True)
class Wave:
    """Another tenant's requests a second: between `low` and `high` of `rate`, a cosine of that period."""
    rate: float
    period: float
    low: float
    high: float

    def __call__(self, t: float) -> float:
        return self.rate * (self.low + (self.high - self.low) * 0.5 * (1 - math.cos(2 * math.pi * ((t / self.period) % 1.0))))


@dataclasses.dataclass(frozen=True)
class Bursts:
    """`size` requests at once, `every` so many seconds, give or take half the share `jitter`."""
    size: int
    every: float
    seconds: float
    jitter: float = 0.0

    def __call__(self, seed: int) -> list[tuple[float, int]]:
        chance, t, bursts = random.Random(seed + 99), 5.0, []
        while t < self.seconds - 1:
            bursts.append((t, self.size))
            t += self.every * (1 + (chance.random() - .5) * self.jitter)
        return bursts


@dataclasses.dataclass(frozen=True)
class Scenario:
    key: str
    about: str
    seconds: float
    configured: float  # requests a second
    limits: tuple  # (class, its arguments...)
    window: int = 60  # seconds over which convergence is looked at
    workers: int = 32
    steps: tuple = ((0, 1.0),)  # of the first limit
    shape: str = "ietf"  # of the headers, see wire.py
    kind: str = ""
    bursts: Bursts | None = None  # none: saturated
    options: dict = dataclasses.field(default_factory=dict)  # of the provider

    def provider(self, seed: int) -> Provider:
        limits = [kind(*arguments) for kind, *arguments in self.limits]
        limits[0].schedule = Schedule(self.steps)
        return Provider(limits, seed, **self.options)


def _bucket(rate, burst):
    return ((TokenBucket, rate, burst),)


_ALL = (
    Scenario("S01", "bucket 10/s, configured right", 1800, 10, _bucket(10, 10)),
    Scenario("S02", "bucket 10/s, configured 2x", 1800, 20, _bucket(10, 10)),
    Scenario("S03", "bucket 5/s, configured 10x", 1800, 50, _bucket(5, 5)),
    Scenario("S04", "bucket 10/s, configured .5x: 50 is the most", 1800, 5, _bucket(10, 10)),
    Scenario("S05", "bucket 10/s, 5x, Retry-After", 1800, 50, _bucket(10, 10), options={"retry_after": "exact"}),
    Scenario("S06", "fixed 60/60 s, 10x, X-RateLimit and Retry-After", 3583, 10, ((FixedWindow, 60, 60, 17),), 300, shape="x",
             options={"headers": "remaining", "retry_after": "exact"}),
    Scenario("S07", "fixed 1000/300 s, 3x, silent", 3489, 10, ((FixedWindow, 1000, 300, 111),), 600),
    Scenario("S08", "sliding 100/60 s, 3x, silent", 3600, 5, ((SlidingWindow, 100, 60),), 300),
    Scenario("S09", "5/s and 3600/h, configured 5/s, silent", 9900, 5, ((SlidingWindow, 5, 1), (FixedWindow, 3600, 3600, 900)), 3600),
    Scenario("S10", "3 at once, latency .5 s, silent", 1800, 10, ((Concurrency, 3),), options={"latency": 0.5}),
    Scenario("S11", "5/s, 30 s ban extended by each try, 2x, silent", 3600, 10, _bucket(5, 5), 120, options={"ban": 30.0}),
    Scenario("S12", "the same with Retry-After", 3600, 10, _bucket(5, 5), 120, options={"ban": 30.0, "retry_after": "exact"}),
    Scenario("S13", "20, then 5, then 20/s, silent", 3600, 20, _bucket(20, 20), steps=((0, 1), (900, .25), (1800, 1))),
    Scenario("S14", "20/s shared, another tenant takes 20-80 %", 3600, 20, _bucket(20, 20), 120,
             options={"tenant": Wave(20, 600, .2, .8)}),
    Scenario("S15", "bucket 10/s, 1.5x, 5 % 5xx, 60 s outage", 1800, 15, _bucket(10, 10),
             options={"failing": .05, "outages": ((600, 660),)}),
    Scenario("S16", "1 in 3 s, 3x, 503 with Retry-After", 3600, 1, ((SlidingWindow, 1, 3),), 300,
             options={"retry_after": "exact", "throttle_status": 503}),
    Scenario("S17", "bursts of 200 each 40 s, bucket 10/s, 2x", 3600, 20, _bucket(10, 20), 400, bursts=Bursts(200, 40, 3600, .2)),
    Scenario("S18", "bursts of 50 each 60 s, 300/300 s, RateLimit", 3560, 10, ((FixedWindow, 300, 300, 40),), 600,
             bursts=Bursts(50, 60, 3560, .5), options={"headers": "full"}),
    Scenario("S19", "fixed 200/60 s, 3x, Retry-After always 1", 3579, 10, ((FixedWindow, 200, 60, 21),), 300, options={"retry_after": 1}),
    Scenario("S20", "fixed 5000/h, 7x, X-RateLimit", 9600, 10, ((FixedWindow, 5000, 3600, 1200),), 3600, shape="x",
             options={"headers": "remaining"}),
    Scenario("S21", "10/s and 3 at once, latency .6 s, 5x, silent", 1800, 50, ((SlidingWindow, 10, 1), (Concurrency, 3)),
             options={"latency": 0.6}),
    Scenario("S22", "sliding 300/60 s where refusals count, 2x, silent", 3600, 10, ((SlidingWindow, 300, 60),), 300,
             options={"refused_count": True}),
)

FIXED = {scenario.key: scenario for scenario in _ALL}
