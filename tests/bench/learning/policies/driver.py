"""The throttle and learner of the product, in another process: one JSON object a line (see learning_driver.cc)."""

import json
import subprocess

from .. import wire
from ..limits import INFINITY
from .policy import Policy


class Driver(Policy):
    command = "build/learning-driver"

    def __init__(self, scenario, provider, random):
        super().__init__(scenario, provider, random)
        self._shape = scenario.shape
        self._sent = 0
        self._process = subprocess.Popen([self.command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1 << 16)
        self._tell(op="start", limit=self.limit, workers=scenario.workers, seed=random.randrange(1 << 31))

    def _tell(self, **message):
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def _ask(self, **message):
        self._tell(**message)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.command} ended at {message}")
        return json.loads(answer)

    def next_time(self, now, in_flight):
        at = self._ask(op="next", now=now, in_flight=in_flight)["at"]
        return INFINITY if at is None else at

    def on_send(self, now, request):
        self._sent += 1
        request.tag = self._sent
        self._tell(op="send", now=now, id=request.tag, in_flight=request.in_flight)

    def on_answer(self, now, request, answer):
        headers = wire.headers(answer.said, self._shape, now)
        self._tell(op="response", now=now, id=request.tag, status=answer.status, headers=headers)

    def on_idle(self, now):
        self._tell(op="idle", now=now)

    def retry_delay(self, now, request, answer):
        return self._ask(op="delay", now=now, id=request.tag, attempt=request.attempt, status=answer.status)["wait"]

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
