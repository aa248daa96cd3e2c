"""One client machine with a number of workers, one policy that says when they may send, one provider: run in virtual time.

Deterministic: the same scenario, policy and seed give the same run. A scenario without bursts is saturated: every worker has the next
request at hand at once. A refused or failed request is tried again until it is served."""

import collections
import dataclasses
import heapq
import random

from .limits import INFINITY

NETWORK = 0.015  # seconds each way

_ARRIVES, _ANSWERED, _RECEIVED, _AGAIN, _BURST, _WAKE = range(6)


class Request:
    __slots__ = ("born", "attempt", "sent_at", "in_flight", "tag", "granted")

    def __init__(self, born: float):
        self.born, self.attempt, self.sent_at, self.in_flight = born, 0, 0.0, 0
        self.tag = None  # the policy's
        self.granted = False  # the policy that knows everything has taken its place already


@dataclasses.dataclass
class Result:
    accepted: int = 0
    answers: int = 0
    refused: int = 0
    failed: int = 0
    longest_gap: float = 0.0
    longest_ban: float = 0.0
    each_second: list = dataclasses.field(default_factory=list)
    delays: list = dataclasses.field(default_factory=list)

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, self.answers)

    def delay(self, share: float) -> float:
        return self.delays[min(len(self.delays) - 1, int(share * len(self.delays)))] if self.delays else INFINITY


def run(scenario, make_policy, seed: int) -> Result:
    return _Run(scenario, make_policy, seed).result


class _Run:
    def __init__(self, scenario, make_policy, seed: int):
        self._provider = scenario.provider(seed)
        self._end, self._workers = scenario.seconds, scenario.workers
        self._policy = make_policy(scenario, self._provider, random.Random(seed * 31337 + 5))
        self._bursts = scenario.bursts(seed) if scenario.bursts else None
        self._events, self._count = [], 0
        self._waiting, self._retries, self._outside = collections.deque(), collections.deque(), collections.deque()
        self._open = self._in_flight = 0
        self._wake_at, self._last_accepted = INFINITY, 0.0
        self.result = Result(each_second=[0] * (int(self._end) + 2))
        try:
            self._simulate()
        finally:
            self._policy.close()

    def _simulate(self):
        if self._bursts is None:
            for _ in range(self._workers):
                self._waiting.append(Request(0.0))
                self._open += 1
        for t, size in self._bursts or ():
            self._push(t, _BURST, size)
        self._push(0.0, _WAKE, None)
        while self._events:
            now, _, kind, what = heapq.heappop(self._events)
            if now > self._end:
                break
            if kind == _ARRIVES:
                answer = self._provider.serve(now) if what.granted else self._provider.arrive(now)
                what.granted = False
                self._push(now + answer.seconds, _ANSWERED, (what, answer))
                continue
            if kind == _ANSWERED:
                if not what[1].throttled:
                    self._provider.served()
                self._push(now + NETWORK, _RECEIVED, what)
                continue
            if kind == _RECEIVED:
                self._receive(now, *what)
            elif kind == _AGAIN:
                self._retries.append(what)
            elif kind == _BURST:
                self._outside.extend(Request(now) for _ in range(what))
            elif now >= self._wake_at - 1e-12:
                self._wake_at = INFINITY
            self._dispatch(now)
        if self._bursts is None:
            self.result.longest_gap = max(self.result.longest_gap, self._end - self._last_accepted)
        self.result.longest_ban = self._provider.longest_ban
        self.result.delays.sort()

    def _push(self, t: float, kind: int, what):
        self._count += 1
        heapq.heappush(self._events, (t, self._count, kind, what))

    def _receive(self, now: float, request: Request, answer):
        result = self.result
        self._in_flight -= 1
        result.answers += 1
        self._policy.on_answer(now, request, answer)
        if answer.status == 200:
            result.accepted += 1
            result.each_second[int(now)] += 1
            if self._bursts is None or request.born <= self._last_accepted:
                result.longest_gap = max(result.longest_gap, now - self._last_accepted)
            self._last_accepted = now
            result.delays.append(now - request.born)
            if self._bursts is None:
                self._waiting.append(Request(now))
            else:
                self._open -= 1
            return
        if answer.throttled:
            result.refused += 1
        else:
            result.failed += 1
        delay = self._policy.retry_delay(now, request, answer)
        if delay > 0:
            self._push(now + delay, _AGAIN, request)
        else:
            self._retries.append(request)

    def _dispatch(self, now: float):
        while True:
            while self._outside and self._open < self._workers:
                self._waiting.append(self._outside.popleft())
                self._open += 1
            if not (self._retries or self._waiting):
                self._policy.on_idle(now)
                return
            at = self._policy.next_time(now, self._in_flight)
            if at > now + 1e-9:
                if at < self._wake_at - 1e-9 and at < INFINITY:
                    self._wake_at = at
                    self._push(at, _WAKE, None)
                return
            request = self._retries.popleft() if self._retries else self._waiting.popleft()
            request.attempt += 1
            request.sent_at = now
            self._in_flight += 1
            request.in_flight = self._in_flight
            request.granted = self._policy.knows_everything
            self._policy.on_send(now, request)
            self._push(now + NETWORK, _ARRIVES, request)
