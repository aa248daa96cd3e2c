"""An nginx of our own over http and https, from a directory that is thrown away: static files, and /bytes/ of the
misbehaving provider, whose faults it passes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from support import Child, fetch, free_port

CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {root}/pid;
error_log {root}/error.log;
events {{ worker_connections 512; }}
http {{
    types {{ application/pdf pdf; }}
    default_type application/octet-stream;
    log_format seen '$request_method $uri $status "$http_via"';
    access_log {root}/access.log seen;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
    uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {root}/cert.pem;
        ssl_certificate_key {root}/key.pem;
        root {root}/files;
        location /bytes/ {{
            proxy_pass http://127.0.0.1:{provider_port};
            proxy_http_version 1.1;
            proxy_buffering off;
        }}
    }}
}}
"""


def missing() -> str:
    """Why nginx cannot be tried here; "" if it can."""
    lacking = [name for name in ("nginx", "openssl") if not find(name)]
    return f"{' and '.join(lacking)}: not installed" if lacking else ""


def find(name: str) -> str | None:
    """Debian keeps nginx in /usr/sbin, which an ordinary user's PATH lacks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")


class Nginx(Child):
    """`files` is the document root; `ca` is the certificate that clients must trust for https://localhost."""

    def __init__(self, root: Path, provider_port: int) -> None:
        self.root = root
        self.files = root / "files"
        self.files.mkdir(parents=True)
        self.ca = root / "cert.pem"
        self.key = root / "key.pem"
        self.port, tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://localhost:{tls_port}"
        self._make_certificate()
        user = "user root;" if os.geteuid() == 0 else ""
        config = CONFIG.format(root=root, port=self.port, tls_port=tls_port, user=user, provider_port=provider_port)
        (root / "nginx.conf").write_text(config)
        nginx = find("nginx")
        assert nginx
        super().__init__([nginx, "-p", str(root), "-c", str(root / "nginx.conf")], stderr=subprocess.DEVNULL)
        (self.files / "ready").write_text("ready")
        for _ in range(200):
            try:
                fetch(f"{self.url}/ready")
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"nginx does not serve: {(root / 'error.log').read_text()}")

    def _make_certificate(self) -> None:
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-keyout", str(self.key), "-out", str(self.ca), "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)

    def lines_for(self, path: str) -> list[str]:
        """What the access log says of a path, each line ending in the Via that came with the request."""
        return [line for line in (self.root / "access.log").read_text().splitlines() if f" {path} " in line]
