"""The design that the product's learner was made from, as it was before anything was added to it: a fixed model to compare with.

Limit events are held and tested; a measured limit, a known cap on requests at once or a fall-back pace follows from what ended the event;
probes with a loss budget lead back up; a shared pool that refuses whatever we do is climbed instead."""

import collections
import math

from ..limits import INFINITY
from .policy import Policy
from .reference_concurrency import ConcurrencyCap
from .reference_probes import Probes
from .reference_shared import SharedPool

_OPEN, _HOLD, _TEST = range(3)
_FLOOR = 1 / 60


class Reference(Policy):
    def __init__(self, scenario, provider, random):
        super().__init__(scenario, provider, random)
        self.pace, self.top = self.limit, self.limit
        self._mode, self._hold, self._hold_until, self._test = _OPEN, 0.0, 0.0, None
        self._number, self._cut_at, self._next, self._first_send, self._last_send = 0, -1.0, 0.0, None, 0.0
        self._strikes, self._leak_at, self._leak_accepted = 0.0, 0.0, 0
        self._began, self._rate, self._was_probe, self._answers, self._failed_tests, self._told = 0.0, 0.0, False, 0, 0, 0.0
        self._ban_ok = self._ban_bad = 0.0
        self._accepts, self._total, self._ends = collections.deque(maxlen=512), 0, collections.deque(maxlen=4)
        self._last_idle, self._resumed_at, self._resumed_sends = -INFINITY, 0.0, 0
        self._safe, self._pace_since, self._latency = 0.0, 0.0, 0.2
        self._left, self._reset, self._quota, self._window, self._read, self._announced = INFINITY, 0.0, 0, 0.0, -1, INFINITY
        self._cap, self._probes, self._shared = ConcurrencyCap(), Probes(), SharedPool()

    # --- sending ---

    def _current_rate(self, now):
        rate = min(self.pace * self._probes.gain, self._announced)
        if self._first_send is not None and now - self._first_send < 3.0:
            rate = min(rate, max(1.0, self.limit / 8 * 2 ** (now - self._first_send)))
        return max(rate, 1e-3)

    def next_time(self, now, in_flight):
        if self._mode != _OPEN:
            if self._mode == _HOLD:
                if now < self._hold_until:
                    return self._hold_until
                self._mode, self._test = _TEST, None
            return INFINITY if self._test else now
        self._tick(now)
        if in_flight >= self._cap.cap:
            return INFINITY
        if self._reset > now:
            if self._left <= 0:
                return self._reset + 0.02
            if self._window > 2 and self._left < 0.1 * self._quota:  # the last tenth is spread evenly
                even = self._last_send + (self._reset - self._last_send) / (self._left + 1)
                return max(now, self._next, min(self._reset + 0.02, even))
        return max(now, self._next)

    def on_send(self, now, request):
        if self._first_send is None:
            self._first_send = self._leak_at = now
        self._number += 1
        request.tag, self._last_send = self._number, now
        self._left -= 1
        self._resumed_sends += 1
        self._probes.on_send()
        if self._mode == _TEST:
            self._test = request
        rate = self._current_rate(now)
        behind = 2.0 if self._cap.cap < INFINITY else min(1 / rate, 0.1)
        self._next = max(self._next, now - behind) + 1 / rate

    def on_idle(self, now):
        self._last_idle = now

    def retry_delay(self, now, request, answer):
        return 0.0 if answer.throttled else self.full_jitter(request.attempt)

    def _tick(self, now):
        if now - self._pace_since >= 60.0:
            self._safe = self.pace
        self._cap.tick(now, self._latency)
        if self._shared.active:
            self._probes.gain = 1.0
            return
        pace = self._probes.tick(self.pace, self.top, self._last_idle < now - 1.0, now)
        if pace != self.pace:
            self.pace, self._pace_since = pace, now

    # --- answers ---

    def on_answer(self, now, request, answer):
        self._read_headers(now, request, answer.said)
        if answer.throttled:
            self._refused(now, request, answer.said)
        else:
            self._served(now, request, answer.status)
        before = self._shared.active
        self.pace = self._shared.interval(self.pace, _FLOOR, self.top, now)
        if self._shared.active and not before:
            self._probes.gain = 1.0
        elif before and not self._shared.active:
            self._strikes, self._pace_since = 0, now
            self._probes.restart(now, 1)

    def _read_headers(self, now, request, said):
        if said.get("concurrency", 0) > 0:
            self._cap.announce(min(said["concurrency"], 64))
        if "remaining" in said:
            if request.tag >= self._read:
                self._read = request.tag
                self._left = said["remaining"] - (self._number - request.tag)
                self._reset, self._quota = now + said["reset"], said["quota"]
                self._window = said.get("window", max(self._window, said["reset"]))
        elif said.get("quota", 0) > 0 and said.get("window", 0) > 0:
            self._announced = said["quota"] / said["window"]

    def _steady(self, now):
        return self._mode == _OPEN and self._resumed_sends > 10 and now - self._resumed_at > max(1.0, 3 * self._latency)

    def _refused(self, now, request, said):
        self._answers += 1
        told = said.get("retry_after", 0) or (said["reset"] if said.get("remaining", 1) == 0 else 0)
        if self._steady(now):
            self._cap.refused(request.in_flight)
        if request.sent_at <= self._cut_at:  # sent before the last decision: the same event
            if told and self._mode == _HOLD and self._failed_tests == 0:
                self._hold_until = max(self._hold_until, now + told)
            return
        self._cut_at = now
        if self._mode == _OPEN and self._cap.explains(request.in_flight, now):
            return
        self._strikes += 1
        if self._mode == _TEST:
            self._test = None
            self._failed_tests += 1
            self._ban_bad = max(self._ban_bad, self._hold)
            self._hold = min(120.0, max(2 * self._hold if self._hold < 4 else 0.0, 0.5 * (now - self._began)))
        else:
            self._begin_event(now)
        if self._shared.active and self._failed_tests < 10:
            self._hold = min(self._hold, max(1.0, 2 / self.pace))
        wait = self._hold * self.random.uniform(0.95, 1.1)
        if told > 0:
            self._told = max(self._told, told)
            wait = told + self.random.uniform(0.0, min(0.5, 0.1 * told)) if self._failed_tests == 0 else max(wait, told)
        self._hold_until, self._mode = now + wait, _HOLD

    def _begin_event(self, now):
        if not self._probes.probing:
            self._shared.refused += 1
        self._began, self._failed_tests, self._answers, self._told = now, 0, 1, 0.0
        self._rate, self._was_probe = min(self.pace * self._probes.gain, self._announced), self._probes.probing
        self._probes.gain = 1.0
        self._hold = 0.25
        if self._ban_ok >= 3.0:  # silent bans were long the last time: no early poking
            self._hold = self._ban_ok if self._ban_bad >= 0.5 * self._ban_ok else math.sqrt(self._ban_ok * max(self._ban_bad, 1.0))

    def _served(self, now, request, status):
        self._latency += 0.1 * (now - request.sent_at - self._latency)
        if status == 200:
            self._total += 1
            self._accepts.append(now)
            self._shared.accepted += 1
            self._leak_strikes(now)
            if self._steady(now):
                self._cap.accepted(request.in_flight)
        if self._mode == _TEST and request is self._test:
            self._end_event(now, request)

    def _leak_strikes(self, now):
        self._leak_accepted += 1
        while self._strikes > 0 and now - self._leak_at >= 30.0 and self._leak_accepted >= 100:
            self._strikes = max(0.0, self._strikes - 1)
            self._leak_at += 30.0
            self._leak_accepted -= 100
        if self._strikes <= 0:
            self._leak_at, self._leak_accepted = now, 0

    # --- the verdict at the end of an event ---

    def _end_event(self, now, test):
        lost = test.sent_at - self._began
        self._mode, self._test, self._resumed_at, self._resumed_sends = _OPEN, None, now, 0
        if not self._shared.active:
            (self._hard if lost >= max(6.0, 4 / self._rate) else self._soft)(now, lost)
        self._pace_since = now
        self._ends.append((now, self._total))
        self._next = max(now, test.sent_at + 1 / max(self.pace, 1e-3))

    def _hard(self, now, lost):
        """A ban or a used-up window."""
        self._ban_ok = 0.0 if self._told else self._hold
        if self._ban_bad >= self._ban_ok:
            self._ban_bad = 0.0
        self._probes.banned_at = now
        self._probes.remember(self._rate, now)
        if self._was_probe:
            self._probes.failed(self.pace, lost, self._answers, now)
        elif 0.5 * self._rate <= self._safe < self._rate:
            self.pace = self._safe * 0.99
            self._probes.failed(self.pace, lost, self._answers, now)
        else:
            width = max(2.0, 10 / self._rate)
            count = self._count(self._began - width, self._began)
            span = min(width, max(0.5, self._began - self._first_send))
            self.pace = max(_FLOOR, 0.7 * (min(self._rate, count / span) if count >= 5 else self._rate))
            self._probes.cut(self.pace, now)

    def _soft(self, now, lost):
        """A rate, or a number of requests at once."""
        if self._failed_tests == 0 and not self._told and self._hold < 1.0:
            self._ban_ok = self._ban_bad = 0.0  # an early poke worked: no ban
        if self._cap.find(now):
            self._strikes = 0
            self._probes.restart(now, 2)
        elif self._was_probe:
            self._probes.remember(self._rate, now)
            self._probes.failed(self.pace, lost, self._answers, now)
        elif self._strikes >= 3 or self._answers >= 3:  # one or two refusals by themselves change nothing
            measured = self._measure(now)
            points = 10 if self._strikes < 5 else 20 if self._strikes < 10 else 30
            wanted = 0.98 * measured if measured else max(self._rate - points / 100 * self.limit, 0.7 * self._rate)
            self.pace = max(_FLOOR, 0.5 * self._rate, min(wanted, 0.97 * self._rate))
            self._probes.remember_lower(self._rate, now)
            self._probes.cut(self.pace, now)

    def _count(self, begin, end):
        count = 0
        for t in reversed(self._accepts):
            if t < begin:
                break
            count += t <= end
        return count

    def _measure(self, now):
        """The limit: exactly what is accepted from one empty bucket to another, or else of late."""
        ends = [end for end in self._ends if now - end[0] <= 120.0]
        if len(ends) >= 2 and now - ends[0][0] >= 1.0 and self._last_idle < ends[0][0] and self._total - ends[0][1] >= 3:
            return (self._total - ends[0][1]) / (now - ends[0][0])
        width = min(120.0, max(5.0, 30 / self._rate), now - self._first_send)
        if width < 1.0 or self._last_idle > now - width:
            return None
        count = self._count(now - width, now)
        return count / width if count >= 5 else None
