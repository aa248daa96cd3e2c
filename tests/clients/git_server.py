"""git's own http-backend behind Python's server, with each page refused once; for tests of git through the proxy."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class GitServer(ThreadingHTTPServer):
    """Serves the bare repositories below `root`; `seen` is (method, path, Via) of every request."""

    daemon_threads = True

    def __init__(self, root: Path, certificate: tuple[Path, Path] | None = None) -> None:
        """`certificate`: files of a certificate for localhost and of its key, to be served over https."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.seen: list[tuple[str, str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            # The handshake belongs to the connection's own thread, not to the one that accepts.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.url = f"https://localhost:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: GitServer

    def do_GET(self) -> None:
        first = not any(method == "GET" and path == self.path for method, path, _ in self.server.seen)
        self._note()
        if first:
            self._answer(503, [("Content-Type", "text/plain")], b"not yet\n")
        else:
            self._backend(b"")

    def do_POST(self) -> None:
        self._note()
        self._backend(b"".join(self._body()))

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent: `seen` is the record."""

    def _note(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers["Via"]))

    def _body(self) -> Iterator[bytes]:
        if self.headers["Transfer-Encoding"] != "chunked":
            yield self.rfile.read(int(self.headers["Content-Length"] or 0))
            return
        while length := int(self.rfile.readline(), 16):
            yield self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
            "REMOTE_USER": "tester",  # http-backend lets in pushes of those a server has let in
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [tuple(line.decode().split(": ", 1)) for line in head.split(b"\r\n")]
        status = next((int(value[:3]) for name, value in fields if name == "Status"), 200)
        self._answer(status, [field for field in fields if field[0] != "Status"], content)

    def _answer(self, status: int, fields: list[tuple[str, ...]], body: bytes) -> None:
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
