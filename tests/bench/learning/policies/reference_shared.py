"""A shared pool that refuses whatever we do: there the pace follows what is accepted, uphill."""

import collections


class SharedPool:
    def __init__(self):
        self.active, self.accepted, self.refused = False, 0, 0
        self._since, self._high, self._pace_before = 0.0, 0, 0.0
        self._points = collections.deque(maxlen=8)

    def interval(self, pace: float, floor: float, top: float, now: float) -> float:
        """After an answer: the pace to hold from here on."""
        answers = self.accepted + self.refused
        if answers < 20 or now - self._since < 5.0:
            return pace
        share, rate = self.refused / answers, self.accepted / (now - self._since)
        self._since, self.accepted, self.refused = now, 0, 0
        if not self.active:
            self._high = self._high + 1 if share >= 0.12 else 0
            if self._high <= 1:
                self._pace_before = pace
            if self._high < 2:
                return pace
            self.active = True
            self._points.clear()
            return max(pace, self._pace_before)
        if share < 0.04:
            self.active, self._high = False, 0
            return pace
        self._points.append((pace, rate))
        return max(floor, min(top, pace * (1.15 if self._climbing_pays() else 0.9)))

    def _climbing_pays(self) -> bool:
        count = len(self._points)
        pace, rate = (sum(point[i] for point in self._points) / count for i in (0, 1))
        variance = sum((x - pace) ** 2 for x, _ in self._points)
        covariance = sum((x - pace) * (y - rate) for x, y in self._points)
        return count < 3 or variance < 0.01 * count * pace * pace or covariance / variance >= 0.5 * rate / pace
