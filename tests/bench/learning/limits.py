"""What a provider can limit. Each kind answers: would one more request at time t be accepted (fits), take it, how long until one would be
(wait), and what headers could say of it (announced). Times are seconds and never go back."""

import collections
import math

INFINITY = float("inf")
_EXACT = 1e-9  # what sums of floats may lose
_AFTER = 1e-6  # safely inside the next window


class Schedule:
    """A factor on a limit that changes in steps: ((from second, factor), ...)."""

    def __init__(self, steps=((0, 1.0),)):
        self.steps = tuple(steps)
        self._current = 0

    def __call__(self, t: float) -> float:
        while self._current + 1 < len(self.steps) and self.steps[self._current + 1][0] <= t:
            self._current += 1
        return self.steps[self._current][1]


class Announced:
    """What RateLimit headers carry: quota, length of its window, what is left, seconds until there is more."""
    __slots__ = ("quota", "window", "remaining", "reset")

    def __init__(self, quota: int, window: float, remaining: float, reset: float):
        self.quota, self.window = int(quota), window
        self.remaining, self.reset = int(max(0, remaining)), max(1, math.ceil(reset))


class TokenBucket:
    """`rate` a second on average, up to `burst` at once."""

    def __init__(self, rate: float, burst: float, schedule: Schedule | None = None):
        self.rate, self.burst, self.schedule = rate, burst, schedule or Schedule()
        self.tokens, self._filled = float(burst), 0.0

    def _fill(self, t: float):
        if t > self._filled:
            self.tokens = min(self.burst, self.tokens + (t - self._filled) * self.rate * self.schedule(t))
            self._filled = t

    def fits(self, t: float) -> bool:
        self._fill(t)
        return self.tokens >= 1 - _EXACT

    def take(self, t: float):
        self.tokens -= 1

    def wait(self, t: float) -> float:
        self._fill(t)
        return max(0.0, (1 - self.tokens) / (self.rate * self.schedule(t)))

    def announced(self, t: float) -> Announced:
        return Announced(self.burst, max(1, round(self.burst / (self.rate * self.schedule(t)))), self.tokens, self.wait(t))


class FixedWindow:
    """`count` in each window of `length` seconds; the windows begin `offset` seconds early."""

    def __init__(self, count: int, length: float, offset: float = 0.0, schedule: Schedule | None = None):
        self.count, self.length, self.offset, self.schedule = count, length, offset, schedule or Schedule()
        self._number, self._taken = None, 0

    def _roll(self, t: float):
        number = math.floor((t + self.offset) / self.length)
        if number != self._number:
            self._number, self._taken = number, 0

    def _limit(self, t: float) -> float:
        return self.count * self.schedule(t)

    def _left(self, t: float) -> float:
        return (self._number + 1) * self.length - self.offset - t

    def fits(self, t: float) -> bool:
        self._roll(t)
        return self._taken + 1 <= self._limit(t) + _EXACT

    def take(self, t: float):
        self._taken += 1

    def wait(self, t: float) -> float:
        return 0.0 if self.fits(t) else self._left(t) + _AFTER

    def announced(self, t: float) -> Announced:
        self._roll(t)
        return Announced(self._limit(t), self.length, self._limit(t) - self._taken, self._left(t))


class SlidingWindow:
    """`count` in any `length` seconds; (1, 3) is a strict spacing."""

    def __init__(self, count: int, length: float, schedule: Schedule | None = None):
        self.count, self.length, self.schedule = count, length, schedule or Schedule()
        self._taken = collections.deque()

    def _roll(self, t: float):
        while self._taken and self._taken[0] <= t - self.length:
            self._taken.popleft()

    def _limit(self, t: float) -> float:
        return self.count * self.schedule(t)

    def fits(self, t: float) -> bool:
        self._roll(t)
        return len(self._taken) + 1 <= self._limit(t) + _EXACT

    def take(self, t: float):
        self._taken.append(t)

    def wait(self, t: float) -> float:
        if self.fits(t) or not self._taken:
            return 0.0
        return max(0.0, self._taken[0] + self.length - t) + _AFTER

    def announced(self, t: float) -> Announced:
        self._roll(t)
        left = self._taken[0] + self.length - t if self._taken else self.length
        return Announced(self._limit(t), self.length, self._limit(t) - len(self._taken), left)


class Concurrency:
    """`most` requests at once. The provider counts `busy`."""

    def __init__(self, most: int, schedule: Schedule | None = None):
        self.most, self.schedule, self.busy = most, schedule or Schedule(), 0

    def allowed(self, t: float) -> float:
        return self.most * self.schedule(t)

    def fits(self, t: float) -> bool:
        return self.busy < self.allowed(t)

    def take(self, t: float):
        pass

    def wait(self, t: float) -> float:
        return 0.0 if self.fits(t) else INFINITY

    def announced(self, t: float) -> None:
        return None
