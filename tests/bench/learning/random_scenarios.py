"""Scenarios drawn at random by number: R1, R2, ... Tune on one range of numbers, report on another."""

import math
import random

from .limits import Concurrency, FixedWindow, SlidingWindow, TokenBucket
from .scenarios import Scenario, Wave
from .wire import SHAPES

# kind -> how many of a hundred
_SHARES = {"token bucket": 24, "fixed window": 10, "sliding window": 10, "two windows": 6, "concurrency": 17, "ban": 8, "limit steps": 15,
           "shared": 10}
_KINDS = [kind for kind, share in _SHARES.items() for _ in range(share)]


def _log_uniform(chance: random.Random, low: float, high: float) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def _window(rate: float, length: float) -> tuple[int, float]:
    count = max(1, round(rate * length))
    return count, count / rate if count < 5 else length  # a small count is kept at its rate by the length


def _steps(chance: random.Random, seconds: float) -> tuple:
    steps, t = [(0, 1.0)], 0.0
    while (t := t + chance.uniform(200, 900)) < seconds - 200:
        steps.append((t, _log_uniform(chance, 0.2, 1.0) if steps[-1][1] == 1.0 or chance.random() < 0.5 else 1.0))
    return tuple(steps)


def scenario(number: int) -> Scenario:
    chance = random.Random(7_000_003 * number + 11)
    kind = _KINDS[number % len(_KINDS)]  # each hundred numbers in a row has the same mixture
    rate = _log_uniform(chance, 0.3, 30)
    latency = _log_uniform(chance, 0.05, 1.5)
    workers = round(_log_uniform(chance, 4, 64))
    configured = rate * _log_uniform(chance, 0.7, 10)
    options = {"latency": latency, "spread": chance.uniform(0.2, 0.8)}
    says_retry_after, says_quota, fails = chance.random() < 1 / 3, chance.random() < 2 / 5, chance.random() < 1 / 3
    shape = chance.choice(SHAPES)
    burst = max(1, round(rate * _log_uniform(chance, 0.5, 8)))
    seconds, steps, about = 3600, ((0, 1.0),), ""
    limits = ((TokenBucket, rate, burst),)

    if kind == "token bucket":
        about = f"bucket {rate:.3g}/s of {burst}"
    elif kind == "fixed window":
        count, length = _window(rate, chance.choice((1, 10, 60, 60, 300, 900)))
        limits = ((FixedWindow, count, length, chance.uniform(0, length)),)
        about = f"fixed {count}/{length:.3g} s"
    elif kind == "sliding window":
        count, length = _window(rate, chance.choice((1, 3, 10, 60, 60, 300)))
        limits = ((SlidingWindow, count, length),)
        about = f"sliding {count}/{length:.3g} s"
    elif kind == "two windows":
        length = chance.choice((300, 600, 1800))
        share = chance.uniform(0.4, 0.8)
        small, large = _window(rate, chance.choice((1, 5))), _window(rate * share, length)
        limits = ((SlidingWindow, *small), (FixedWindow, *large, chance.uniform(0, length)))
        seconds = max(seconds, 3 * length)
        about = f"{small[0]}/{small[1]:.3g} s and {large[0]}/{large[1]:.3g} s"
    elif kind == "concurrency":
        most = chance.randint(1, max(2, min(12, workers - 1)))
        options["latency"] = latency = max(latency, 0.1)
        limits = ((Concurrency, most),)
        rate = most / latency
        configured = rate * _log_uniform(chance, 1, 10)
        about = f"{most} at once, latency {latency:.2f} s"
    elif kind == "ban":
        options["ban"] = _log_uniform(chance, 8, 120)
        about = f"{rate:.3g}/s of {burst}, ban {options['ban']:.0f} s"
    elif kind == "limit steps":
        steps = _steps(chance, seconds)
        about = f"bucket {rate:.3g}/s of {burst}, {len(steps) - 1} steps"
    else:
        wave = Wave(rate, chance.uniform(120, 1800), chance.uniform(0.1, 0.4), chance.uniform(0.5, 0.95))
        options["tenant"] = wave
        about = f"{rate:.3g}/s of {burst}, tenant first {100 * wave.low:.0f}-{100 * wave.high:.0f} %"

    if says_retry_after:
        options["retry_after"] = "exact"
    if says_quota and kind != "ban":
        options["headers"] = "concurrency" if kind == "concurrency" else chance.choice(("full", "remaining", "policy"))
    if fails:
        options["failing"] = 0.02
    said = [name for name, told in (("Retry-After", says_retry_after), (options.get("headers", "") + " headers", "headers" in options),
                                    ("5xx", fails)) if told]
    about += f", {configured / rate:.1f}x" + "".join(", " + name for name in said)
    return Scenario(f"R{number}", about, seconds, configured, limits, 120, workers, steps, shape, kind, options=options)
