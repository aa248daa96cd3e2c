"""The adaptive retry mode of the AWS SDKs as botocore has it: CUBIC on the sending rate (C .4, beta .7), measured in half seconds with an
EWMA of .8, never below .5 a second nor above twice what was measured."""

import math

from ..limits import INFINITY
from .policy import Policy


class AwsAdaptive(Policy):
    def __init__(self, scenario, provider, random):
        super().__init__(scenario, provider, random)
        self._enabled = False
        self._largest = self._plateau = self._last_refusal = 0.0
        self._fill = self._capacity = 1.0
        self._tokens = self._filled = 0.0
        self._measured, self._sent, self._half_second = 0.0, 0, 0.0

    def _refill(self, now):
        self._tokens = min(self._capacity, self._tokens + (now - self._filled) * self._fill)
        self._filled = now

    def next_time(self, now, in_flight):
        if not self._enabled:
            return now
        self._refill(now)
        return now if self._tokens >= 1 - 1e-9 else now + (1 - self._tokens) / self._fill + 1e-9

    def on_send(self, now, request):
        if self._enabled:
            self._tokens -= 1

    def on_answer(self, now, request, answer):
        self._measure(now)
        if answer.throttled:
            rate = min(self._measured, self._fill) if self._enabled else self._measured
            self._largest, self._last_refusal = rate, now
            self._plateau = (rate * 0.3 / 0.4) ** (1 / 3)
            self._enabled = True
            wanted = rate * 0.7
        else:
            wanted = 0.4 * (now - self._last_refusal - self._plateau) ** 3 + self._largest
        rate = min(wanted, 2.0 * self._measured)
        self._refill(now)
        self._fill, self._capacity = max(rate, 0.5), rate if rate >= 1 else 1
        self._tokens = min(self._tokens, self._capacity)

    def _measure(self, now):
        self._sent += 1
        half_second = math.floor(now * 2) / 2
        if half_second > self._half_second:
            self._measured = self._measured * 0.2 + self._sent / (half_second - self._half_second) * 0.8
            self._sent, self._half_second = 0, half_second

    def retry_delay(self, now, request, answer):
        return min(self.random.random() * 2 ** (request.attempt - 1), 20.0)
