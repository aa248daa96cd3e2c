"""The image run the way an operator would who trusts it with nothing, on free ports of this machine's loopback."""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from engine import HARDENED, Container, World

from harness import ProviderProcess, fetch, free_port

LEARNS = ("--enable-provider-learning", "--state-dir", "/var/lib/backoffd")


class Sidecar:
    """`options` are the engine's, `arguments` the program's. Returns once it is ready."""

    def __init__(self, world: World, *arguments: str, options: tuple[str, ...] = (), memory: str = "64m") -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin = f"http://127.0.0.1:{self.admin_port}"
        self.container: Container = world.container(
            "sidecar", *HARDENED, "--network", "host", "--memory", memory,
            "--env", f"BACKOFFD_ADMIN=127.0.0.1:{self.admin_port}", *options,
            command=("--listen", f"127.0.0.1:{self.port}", "--allow", "127.0.0.0/8", *arguments),
        )  # fmt: skip
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        if not wait_for(lambda: self.readiness() == 200):
            raise RuntimeError(f"the sidecar is not ready:\n{self.container.logs()[-2000:]}")

    def readiness(self) -> int:
        """The status of GET /readyz; 0 where nobody answers."""
        try:
            with _straight().open(f"{self.admin}/readyz", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def download(self, url: str, timeout: float = 60) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": self.url}))
        with opener.open(url, timeout=timeout) as answer:
            return answer.read()


def right(provider: ProviderProcess, size: str, body: bytes) -> bool:
    return hashlib.sha256(body).hexdigest() == fetch(f"{provider.url}/sha256/{size}").strip()


def wait_for(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it held within that time, which is for slow machines."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _straight() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
