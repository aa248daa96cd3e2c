"""A provider of the simulation: limits, latency, what it does with what exceeds them, and what it says about them."""

import math
import random

from .limits import INFINITY, Concurrency

REFUSING = 0.010  # seconds a refusal takes


class Answer:
    __slots__ = ("status", "said", "seconds", "throttled")

    def __init__(self, status: int, said: dict, seconds: float, throttled: bool):
        self.status = status
        self.said = said  # what its headers mean: any of retry_after, quota, window, remaining, reset, concurrency
        self.seconds = seconds  # until it is sent
        self.throttled = throttled


class Provider:
    """`retry_after`: None, "exact" or a number of seconds that is always said. `headers`: None, "full" (quota, window, remaining, reset),
    "remaining" (no window), "policy" (quota and window alone), "concurrency". `ban`: seconds that each refusal begins anew. `refused_count`:
    refusals use the limits up too. `failing`: share of 500s; `outages`: ((from, to), ...) of nothing else. `tenant`: another client's
    requests a second at time t, which come first."""

    def __init__(self, limits, seed: int, latency: float = 0.2, spread: float = 0.4, retry_after=None, headers=None, ban: float = 0.0,
                 refused_count: bool = False, failing: float = 0.0, outages=(), tenant=None, throttle_status: int = 429):
        self.limits = limits
        self._capped = [limit for limit in limits if isinstance(limit, Concurrency)]
        self._median, self._spread = math.log(latency) - spread * spread / 2, spread
        self._retry_after, self._headers = retry_after, headers
        self._ban, self._refused_count, self._failing, self._outages = ban, refused_count, failing, outages
        self._throttle_status = throttle_status
        self._random = random.Random(seed * 7919 + 13)
        self._banned_until = self._banned_since = 0.0
        self.longest_ban = 0.0
        self._tenant, self._tenant_random = tenant, random.Random(seed * 104729 + 7)
        self._tenant_next = self._tenant_random.expovariate(max(1e-9, tenant(0.0))) if tenant else INFINITY

    # --- asked by the policy that knows everything ---

    def fits(self, t: float) -> bool:
        while self._tenant_next <= t:
            self._tenant_takes(self._tenant_next)
        return all(limit.fits(t) for limit in self.limits)

    def wait(self, t: float) -> float:
        return max(limit.wait(t) for limit in self.limits)

    def take(self, t: float):
        for limit in self.limits:
            limit.take(t)
        self._occupy(1)

    # --- the way of a request ---

    def arrive(self, t: float) -> Answer:
        if self._ban and t < self._banned_until:
            return self._refuse(t)
        if self.fits(t):
            self.take(t)
            return self.serve(t)
        if self._refused_count:
            for limit in self.limits:
                limit.take(t)
        return self._refuse(t)

    def serve(self, t: float) -> Answer:
        seconds, status = self._random.lognormvariate(self._median, self._spread), 200
        if self._failing and self._random.random() < self._failing:
            seconds, status = seconds * 0.5, 500
        if any(begin <= t < end for begin, end in self._outages):
            seconds, status = 0.05, 500
        return Answer(status, self._say(t), seconds, False)

    def served(self):
        self._occupy(-1)

    # --- how ---

    def _tenant_takes(self, t: float):
        bucket = self.limits[0]
        bucket.fits(t)
        if bucket.tokens > -0.5 * bucket.burst:  # it comes first: it is let in where we would not be
            bucket.take(t)
        self._tenant_next = t + self._tenant_random.expovariate(max(1e-6, self._tenant(t)))

    def _occupy(self, change: int):
        for cap in self._capped:
            cap.busy += change

    def _refuse(self, t: float) -> Answer:
        if self._ban:
            if t >= self._banned_until:
                self._banned_since = t
            self._banned_until = t + self._ban
            self.longest_ban = max(self.longest_ban, self._banned_until - self._banned_since)
        said = self._say(t)
        if self._retry_after == "exact":
            wait = max(self.wait(t), self._banned_until - t if self._ban else 0.0)
            said["retry_after"] = max(1, math.ceil(wait if wait < INFINITY else 1))
        elif self._retry_after:
            said["retry_after"] = self._retry_after
        return Answer(self._throttle_status, said, REFUSING, True)

    def _say(self, t: float) -> dict:
        if not self._headers:
            return {}
        if self._headers == "concurrency":
            return {"concurrency": int(self._capped[-1].allowed(t))} if self._capped else {}
        known = [announced for announced in (limit.announced(t) for limit in self.limits) if announced]
        if not known:
            return {}
        tightest = min(known, key=lambda announced: announced.remaining / max(1, announced.quota))
        if self._headers == "policy":
            return {"quota": tightest.quota, "window": tightest.window}
        said = {"quota": tightest.quota, "remaining": tightest.remaining, "reset": tightest.reset}
        if self._headers == "full":
            said["window"] = tightest.window
        return said
