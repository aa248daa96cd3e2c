"""Is it the number of requests at once that is limited? Refused and accepted answers by how many were in flight."""

from ..limits import INFINITY


class ConcurrencyCap:
    def __init__(self):
        self.cap = self._good = self._next = INFINITY
        self._fails = self._below = self._since_halved = 0
        self._clear()

    def _clear(self):
        self._accepted, self._refused = [0.0] * 65, [0.0] * 65

    def announce(self, cap: int):
        self.cap = self._good = cap

    def accepted(self, in_flight: int):
        self._accepted[min(64, in_flight)] += 1
        self._since_halved += 1
        if self._since_halved >= 1000:
            self._since_halved = 0
            self._accepted = [n * 0.5 for n in self._accepted]
            self._refused = [n * 0.5 for n in self._refused]

    def refused(self, in_flight: int):
        self._refused[min(64, in_flight)] += 1

    def tick(self, now: float, latency: float):
        if self.cap < INFINITY and now >= self._next:
            self._good, self.cap = self.cap, self.cap + 1
            self._next = now + max(10.0, 20 * latency)

    def explains(self, in_flight: int, now: float) -> bool:
        """It was the cap, raised by one, that was refused: nothing else is to be concluded."""
        if self.cap == INFINITY:
            return False
        if in_flight > self._good:
            self.cap, self._fails = self._good, min(6, self._fails + 1)
            self._next = now + 20.0 * 2 ** self._fails
            return True
        self._below += 1
        if self._below >= 4:
            self._below = 0
            if self.cap > 1 and in_flight == self.cap:
                self.cap -= 1
                self._good = self.cap
            else:
                self.cap = self._good = self._next = INFINITY
        return False

    def find(self, now: float) -> bool:
        if self.cap < INFINITY:
            return False
        cut = self._separating_cut()
        if cut is None:
            return False
        self.cap = self._good = cut
        self._below = self._fails = 0
        self._next = now + 20.0
        self._clear()
        return True

    def _separating_cut(self) -> int | None:
        """Youden's J of "refused if and only if more than that many are in flight"."""
        refused, accepted = sum(self._refused), sum(self._accepted)
        if refused < 4 or accepted < 40:
            return None
        best, cut, above_refused, above_accepted = 0.0, None, 0.0, 0.0
        for candidate in range(63, 0, -1):
            above_refused += self._refused[candidate + 1]
            above_accepted += self._accepted[candidate + 1]
            separation = above_refused / refused - above_accepted / accepted
            if separation > best:
                best, cut = separation, candidate
        return cut if best >= (0.8 if refused < 8 else 0.6) else None
