"""What the simulator asks of a policy."""


class Policy:
    knows_everything = False  # it takes its places at the provider itself, so that nothing it sends is refused

    def __init__(self, scenario, provider, random):
        self.limit, self.random = float(scenario.configured), random

    def next_time(self, now: float, in_flight: int) -> float:
        """When may the next request start? now, later, or infinity where only an answer can change it."""
        raise NotImplementedError

    def on_send(self, now: float, request):
        pass

    def on_answer(self, now: float, request, answer):
        pass

    def on_idle(self, now: float):
        """Nothing waits."""

    def retry_delay(self, now: float, request, answer) -> float:
        """Seconds until a request that was not served queues again."""
        return 0.0

    def full_jitter(self, attempt: int) -> float:
        return self.random.uniform(0, min(60.0, 0.5 * 2 ** (attempt - 1)))

    def close(self):
        """The run is over."""
