"""A small origin over http or https that throttles and breaks off on request, and the certificate it shows."""

from __future__ import annotations

import hashlib
import http.server
import re
import ssl
import subprocess
import threading
from collections import Counter
from pathlib import Path

ENTITY = hashlib.sha256(b"entity").digest() * 8192  # 256 KiB
ETAG = '"entity"'


class Certificate:
    """Self-signed, for localhost."""

    def __init__(self, root: Path) -> None:
        self.file, self.key = root / "origin.pem", root / "origin.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", self.key, "-out", self.file],
            check=True, capture_output=True,
        )  # fmt: skip


class Handler(http.server.BaseHTTPRequestHandler):
    """/ok/...; /429/... refuses the first try of each path; /cut/... ends its first answer in the middle."""

    protocol_version = "HTTP/1.1"
    server: Origin

    def do_GET(self) -> None:
        self.server.tries[self.path] += 1
        first = self.server.tries[self.path] == 1
        if self.path.startswith("/429/") and first:
            self.answer(429, b"", {"Retry-After": "1"})
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.headers.get("If-Range", ETAG) == ETAG:
            start = int(asked[1])
            self.server.saved += start
            self.answer(206, ENTITY[start:], {"Content-Range": f"bytes {start}-{len(ENTITY) - 1}/{len(ENTITY)}"})
        elif self.path.startswith("/cut/") and first:
            self.answer(200, ENTITY[: len(ENTITY) // 2], {"Content-Length": str(len(ENTITY))})
            self.close_connection = True
        else:
            self.answer(200, ENTITY)

    def answer(self, status: int, body: bytes, fields: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "ETag": ETAG, **(fields or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Origin(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate: Certificate | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tries: Counter[str] = Counter()
        self.saved = 0  # bytes that a Range left out
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate.file, certificate.key)
        self.url = f"{'https' if certificate else 'http'}://localhost:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address) -> None:
        # The handshake belongs to the connection's own thread: a client that dawdles must not hold up the others.
        if self.context:
            request.settimeout(10)
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address) -> None:
        pass  # a client that does not trust us, or has seen enough
