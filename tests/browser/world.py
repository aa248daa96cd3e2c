"""What the dashboard's tests look at: a misbehaving provider, the proxy, load through it, and the admin's own word."""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from pathlib import Path

from webdriver import Browser  # noqa: F401  (puts tests/ on the path)
from support.harness import ProviderProcess, ProxyProcess, fetch


class World:
    """`config`: over the defaults of these tests. `rules`: of the provider."""

    def __init__(self, binary: Path, config: dict | None = None, rules: str = "") -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="backoffd-browser-")
        file = Path(self.folder.name) / "config.json"
        file.write_text(json.dumps({"state_dir": self.folder.name, "access_log": "off", "workers": 1} | (config or {})))
        # The proxy first: where it cannot start, nothing is left running.
        self.proxy = ProxyProcess(binary, Path(self.folder.name) / "log", "--config", str(file))
        self.provider = ProviderProcess()
        self.rules(rules)
        self.url = f"http://127.0.0.1:{self.proxy.admin_port}"
        self._loads: list[threading.Thread] = []
        self._stop = threading.Event()

    def rules(self, text: str) -> None:
        fetch(self.provider.url + "/rules", text.encode())

    def get(self, path: str, fields: dict[str, str] | None = None) -> int:
        """The status of one request through the proxy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=60)
        try:
            connection.request("GET", self.provider.url + path, headers=fields or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def load(self, clients: int, path: str, seconds: float) -> None:
        """Clients that ask as fast as they are answered, for so long at the most."""
        until = time.monotonic() + seconds

        def ask() -> None:
            while time.monotonic() < until and not self._stop.is_set():
                try:
                    self.get(path)
                except OSError:
                    return

        for _ in range(clients):
            self._loads.append(threading.Thread(target=ask, daemon=True))
            self._loads[-1].start()

    def told(self, path: str) -> dict:
        return json.loads(fetch(self.url + path))

    def gate(self, name: str) -> dict:
        return self.told("/gates")["gates"][name]["effective"]

    def close(self) -> None:
        self._stop.set()
        self.proxy.stop()
        for load in self._loads:
            load.join(60)
        self.provider.stop()
        self.folder.cleanup()
