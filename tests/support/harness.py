"""Children of a test: a misbehaving provider and a proxy on free ports, ended by their own process id."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PROVIDER = Path(__file__).with_name("provider.py")
PATIENCE = 60.0  # seconds that a child may take to serve, or to answer; generous, because test machines are slow


class Child:
    """One process we started. `stop` ends it and waits, so that its ports are free afterwards."""

    def __init__(self, command: list[str], **popen: object) -> None:
        self.process = subprocess.Popen(command, **popen)  # type: ignore[call-overload]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class ProviderProcess(Child):
    """The misbehaving provider; `url` is its root, without a slash at the end."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, str(PROVIDER), "--port", "0", *arguments]
        super().__init__(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the provider did not start: {' '.join(command)}")
        self.port: int = json.loads(line)["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def stats(self) -> dict:
        return json.loads(fetch(f"{self.url}/stats?requests=1"))


class ProxyProcess(Child):
    """backoffd on free loopback ports; `url` is what a client takes as its proxy. `within` is a command that executes
    the one that follows it in its own place (nice, unshare)."""

    def __init__(self, binary: Path, log: Path, *arguments: str, within: tuple[str, ...] = (), **popen: object) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            *within, str(binary), "--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}",
            "--allow", "127.0.0.0/8", "--allow", "::1/128", *arguments,
        ]  # fmt: skip
        self._log = log.open("ab")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BACKOFFD_", "DOCSTOKG_"))}
        super().__init__(command, stdout=self._log, stderr=subprocess.STDOUT, env=clean, **popen)
        until = time.monotonic() + PATIENCE
        while not _accepts(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"the proxy does not serve: {' '.join(command)}\n{log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        super().stop()
        self._log.close()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def _ports_of_listeners() -> Iterator[int]:
    """Ports below those the kernel gives to connections, in an order of this process's own. One of the kernel's range
    may go to somebody's connection before the child listens there, even to the one that asks whether it does."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    below = range(max(1024, first - 16384), first)
    return itertools.cycle(random.SystemRandom().sample(below, len(below)) or [0])


_ports = _ports_of_listeners()


def free_port() -> int:
    """A loopback port that was free a moment ago, and that only a listener takes."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", next(_ports)))
            return probe.getsockname()[1]


def fetch(url: str, data: bytes | None = None) -> str:
    """The text at `url`, straight from the server whatever proxy the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, data, timeout=PATIENCE) as answer:
        return answer.read().decode()
