"""tests/support as these tests import it, and a proxy that keeps what it learns."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from harness import ProviderProcess, ProxyProcess, fetch  # noqa: E402
from load import Load  # noqa: E402

__all__ = ["LearningProxy", "Load", "fetch", "learned", "load_of", "provider", "wait_for"]

HOSTS = [f"127.0.0.{number}" for number in range(1, 9)]  # a key each
RULE = ("*", "limit=bucket:20/s&retry-after=1")  # so that there is something to learn all the time


def provider() -> ProviderProcess:
    return ProviderProcess("--rule", *RULE, *(word for host in HOSTS for word in ("--host", host)))


def load_of(proxy: ProxyProcess, origin: ProviderProcess, clients: int = 16) -> Load:
    return Load(proxy.port, [f"http://{host}:{origin.port}/bytes/100/x" for host in HOSTS], clients)


class LearningProxy(ProxyProcess):
    """backoffd with learning on, and its state in `state`."""

    def __init__(self, binary: Path, log: Path, state: Path, **more: object) -> None:
        self.log = log
        before = self._starts()
        super().__init__(
            binary, log, "--workers", "2", "--access-log", "off", "--enable-provider-learning",
            "--provider-learning-path", str(state), **more,
        )  # fmt: skip
        # Its port takes connections a little before it has read what it knows.
        wait_for(lambda: self._starts() > before)

    def _starts(self) -> int:
        return self.log.read_text().count(" serves on ") if self.log.exists() else 0

    def learning(self) -> dict:
        """GET /learning, by key."""
        return json.loads(fetch(f"http://127.0.0.1:{self.admin_port}/learning"))["providers"]

    def serves(self, origin: ProviderProcess) -> bool:
        """One download through it succeeds."""
        with Load(self.port, [f"{origin.url}/sha256/10"], 1) as load:
            return wait_for(lambda: load.statuses[200] > 0)

    def told(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stop()


def wait_for(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it held within that time, which is for slow machines."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def learned(keys: int, saved: float, samples: int = 50) -> dict:
    """Learned state of so many keys, as the program writes it. `saved` is Unix time."""
    return {
        "format": "backoffd-learning",
        "version": 1,
        "algorithm": 1,
        "saved": saved,
        "keys": [
            {
                "key": f"seed{number:04}@seed{number:04}.example",
                "reduction_pct": number % 80,
                "base_rate": 10,
                "recovery_times": [1 + number % 7] * samples,
            }
            for number in range(keys)
        ],
    }
