"""The best that can be reached: it sees the provider's state, and so is never refused."""

from ..limits import INFINITY
from .policy import Policy


class Unbounded(Policy):
    """Whatever the provider has to give."""
    knows_everything = True

    def __init__(self, scenario, provider, random):
        super().__init__(scenario, provider, random)
        self._provider = provider

    def next_time(self, now, in_flight):
        if self._provider.fits(now):
            return now
        wait = self._provider.wait(now)
        return now + max(wait, 1e-6) if wait < INFINITY else INFINITY

    def on_send(self, now, request):
        self._provider.take(now)


class Oracle(Unbounded):
    """... but never above the configured limit, with a burst of one second of it."""

    def __init__(self, scenario, provider, random):
        super().__init__(scenario, provider, random)
        self._burst = self._tokens = max(1.0, self.limit)
        self._filled = 0.0

    def next_time(self, now, in_flight):
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self.limit)
        self._filled = now
        if self._tokens < 1 - 1e-9:
            return now + (1 - self._tokens) / self.limit + 1e-9
        return super().next_time(now, in_flight)

    def on_send(self, now, request):
        super().on_send(now, request)
        self._tokens -= 1
