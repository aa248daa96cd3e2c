"""What all client tests share: the origins, and the proxy with the contextual gate off, on, and on inside https."""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

import nginx
from support import Child, ProviderProcess, ProxyProcess, content

# A key is a host: each client gets a loopback address of its own, so that no client uses up another's retry budget.
HOSTS = [f"127.0.0.{number}" for number in range(1, 21)]


class World:
    def __init__(self, backoffd: Path, allowed: list[str]) -> None:
        """`allowed` are further hosts the proxy may dial: those of this machine's package sources."""
        self._directory = tempfile.TemporaryDirectory(prefix="backoffd-clients-")
        self.root = Path(self._directory.name)
        self._children: list[Child] = []
        self._names: dict[ProxyProcess, str] = {}
        self.nginx: nginx.Nginx | None = None
        try:
            self.provider = self._keep(ProviderProcess(*[part for host in HOSTS for part in ("--host", host)]))
            if not nginx.missing():
                self.nginx = self._keep(nginx.Nginx(self.root / "nginx", self.provider.port))
            flags = [part for host in allowed for part in ("--allow", host)]
            self.standard = self._keep(self._proxy(backoffd, "standard", *flags))
            flags.append("--enable-contextual-retry")
            self.contextual = self._keep(self._proxy(backoffd, "contextual", *flags))
            roots = ["--upstream-ca", str(self.nginx.ca)] if self.nginx else []
            self.intercepting = self._keep(self._proxy(backoffd, "intercepting", *flags, "--intercept", "all", *roots))
            # The proxy's root alone: a client that is content with it has seen none but the proxy's certificates.
            self.root_of_interception = self.root / "intercepting" / "ca-root.pem"
        except BaseException:
            self.close()
            raise

    def _proxy(self, backoffd: Path, name: str, *flags: str) -> ProxyProcess:
        state = self.root / name
        state.mkdir(mode=0o700)
        # Short back-off: these tests are about clients, and the waits are tested with the policy.
        settings = ["--set", "retry.base_delay=50ms", "--connect-ports", "any", "--workers", "2"]
        files = ["--state-dir", str(state), "--access-log", str(self.root / f"{name}.access.log")]
        proxy = ProxyProcess(backoffd, self.root / f"{name}.log", *settings, *files, *flags)
        self._names[proxy] = name
        return proxy

    def _keep(self, child):
        self._children.append(child)
        return child

    def ca(self) -> Path:
        """Certificates that clients are to trust; an empty file where nothing speaks TLS."""
        if self.nginx:
            return self.nginx.ca
        empty = self.root / "empty.pem"
        empty.touch()
        return empty

    @property
    def proxies(self) -> list[ProxyProcess]:
        return list(self._names)

    def log_of(self, proxy: ProxyProcess) -> str:
        """The end of what a proxy said, for a report of failure."""
        name = self._names[proxy]
        texts = []
        for path in (self.root / f"{name}.log", self.root / f"{name}.access.log"):
            if path.exists():
                texts.append("\n".join(path.read_text(errors="replace").splitlines()[-12:]))
        return "\n".join(texts)

    def logged(self, proxy: ProxyProcess, text: str) -> bool:
        """Does the access log hold it? A line is written when its exchange is over, and a moment later."""
        path = self.root / f"{self._names[proxy]}.access.log"
        until = time.monotonic() + 5
        while text not in path.read_text(errors="replace"):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        for child in reversed(self._children):
            child.stop()
        self._directory.cleanup()


def digest_of(file: Path) -> str:
    """SHA-256 of a file, or why there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "no file"


def write_entity(file: Path, seed: str, size: int) -> None:
    """Puts the provider's content into a file; `size` in bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for piece in content.pieces(seed, 0, size):
            out.write(piece)
