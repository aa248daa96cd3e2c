"""The way back up: when to try a higher pace, how much higher, for how long, and how long to rest after a refusal."""

from ..limits import INFINITY


class Probes:
    def __init__(self):
        self.gain, self.banned_at = 1.0, -INFINITY
        self._began = self._ends = 0.0
        self._sent = self._successes = self._failures = 0
        self._next, self._refused, self._refused_at = INFINITY, INFINITY, -INFINITY
        self._credit, self._credit_at = 120.0, 0.0

    @property
    def probing(self) -> bool:
        return self.gain > 1

    def on_send(self):
        self._sent += self.probing

    def tick(self, pace: float, top: float, saturated: bool, now: float) -> float:
        """The pace to hold from here on."""
        if pace >= top - 1e-9:
            self.gain = 1.0
        elif self.probing:
            if now >= self._ends:
                pace = self._end(pace, top, now)
        elif now >= self._next and saturated:
            self._begin(pace, top, now)
        return pace

    def _end(self, pace, top, now):
        tried, self.gain = pace * self.gain, 1.0
        if self._sent < 0.8 * pace * (now - self._began):  # not made use of: shows nothing
            self._next = now + 5.0
            return pace
        self._successes, self._failures, self._next = self._successes + 1, 0, now
        if min(top, tried) >= self._refused:
            self._refused = INFINITY
        return min(top, tried)

    def _begin(self, pace, top, now):
        if now - self._refused_at > 600:
            self._refused = INFINITY
        step = 0.05 * 2 ** self._successes
        if pace < self._refused < INFINITY:
            step = max(0.05, (self._refused / pace - 1) / 2)
        step = min(step, 1.0, top / pace - 1)
        self.gain, self._began, self._sent = 1 + step, now, 0
        self._ends = now + max(2.0, 3 / pace, 1.5 / step * (2.0 if now - self.banned_at < 3600 else 1.0))

    def failed(self, pace: float, lost: float, refusals: int, now: float):
        self._failures, self._successes = self._failures + 1, 0
        rest = max(5.0, 20 / pace) * 2 ** min(self._failures - 1, 3)
        rest = min(max(rest, refusals / (0.01 * pace)), 900.0)
        if lost > 1.0:
            self._credit = min(180.0, self._credit + 0.02 * (now - self._credit_at)) - lost
            self._credit_at = now
            rest = max(min(rest, 60.0), (lost - self._credit) / 0.02)  # until another such loss is covered
        self._next = now + rest

    def cut(self, pace: float, now: float):
        self._successes, self._next = 0, now + max(5.0, 20 / pace)

    def remember(self, rate: float, now: float):
        self._refused, self._refused_at = rate, now

    def remember_lower(self, rate: float, now: float):
        self._refused = min(rate, self._refused) if now - self._refused_at < 60 else rate
        self._refused_at = now

    def restart(self, now: float, boldness: int):
        self._refused, self._next, self._successes = INFINITY, now, boldness
