"""What the suite looks at: a misbehaving provider, the proxy, and calls of its admin interface as bytes."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from described import Answer
from support.harness import ProviderProcess, ProxyProcess

PATIENCE = 30.0  # seconds until what must come true does; generous, because test machines are slow
TOKEN = "a-token-of-some-length"


def eventually(holds: Callable[[], object], what: str) -> object:
    """The value of `holds` once it is true."""
    until = time.monotonic() + PATIENCE
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"it did not come true in {PATIENCE:.0f} s: {what}")
        time.sleep(0.1)


class World:
    """`config`: over the defaults of these tests."""

    def __init__(
        self, binary: Path, config: dict | None = None, *flags: str, environment: tuple[str, ...] = ()
    ) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="backoffd-monitoring-")
        root = Path(self.folder.name)
        (root / "config.json").write_text(
            json.dumps({"state_dir": self.folder.name, "access_log": "off", "workers": 1} | (config or {}))
        )
        within = ("env", *environment) if environment else ()
        arguments = ("--config", str(root / "config.json"), *flags)
        try:
            self.proxy = ProxyProcess(binary, root / "log", *arguments, within=within)
        except BaseException:
            self.folder.cleanup()
            raise
        self.provider = ProviderProcess()

    def close(self) -> None:
        self.proxy.stop()
        self.provider.stop()
        self.folder.cleanup()

    def get(self, path: str, fields: dict[str, str] | None = None, host: str = "127.0.0.1") -> int:
        """The status of one request through the proxy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=60)
        try:
            connection.request("GET", f"http://{host}:{self.provider.port}{path}", headers=fields or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def call(
        self, method: str, path: str, body: object = ..., fields: dict[str, str] | None = None
    ) -> Answer:
        """A call of the admin interface; `body` is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.admin_port, timeout=20)
        given = {} if body is ... else {"Content-Type": "application/json"}
        try:
            payload = None if body is ... else json.dumps(body)
            connection.request(method, path, payload, given | (fields or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def post(self, path: str, body: object) -> Answer:
        return self.call("POST", path, body, {"Authorization": f"Bearer {TOKEN}"})

    def told(self, path: str) -> dict:
        answer = self.call("GET", path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json()  # type: ignore[return-value]

    def metrics(self) -> str:
        return self.call("GET", "/metrics").body.decode()

    def octets(self, request: bytes) -> Answer:
        """The answer to these bytes as they are."""
        with socket.create_connection(("127.0.0.1", self.proxy.admin_port), 20) as connection:
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def listen(self) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.admin_port, timeout=20)
        connection.request("GET", "/events")
        return connection, connection.getresponse()
