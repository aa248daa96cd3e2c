"""npm with the registry that this machine uses: the package that came through the proxy equals the one that came
directly, through a tunnel and through an interception."""

from __future__ import annotations

import hashlib
import os
import shutil
import unittest
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from clients import Done, run
from support import ProxyProcess
from world import World

PACKAGE = "is-number@7.0.0"  # small, without dependencies, and known to every registry
SYSTEM_ROOTS = [os.environ.get("SSL_CERT_FILE", ""), "/etc/ssl/certs/ca-certificates.crt"]


@cache
def registry() -> str:
    """This machine's, as its configuration names it; "" without npm."""
    if not shutil.which("npm"):
        return ""
    done = run(["npm", "config", "get", "registry"], HOME=os.environ.get("HOME", "/"))
    return next((line for line in done.text.split() if line.startswith("http")), "")


def registry_hosts() -> list[str]:
    """The proxy must be allowed to dial it wherever it is."""
    host = urlsplit(registry()).hostname
    return [host] if host else []


class Npm(unittest.TestCase):
    def __init__(self, method: str, world: World) -> None:
        super().__init__(method)
        self.world = world

    def id(self) -> str:
        return f"npm: {self._testMethodName.removeprefix('test_').replace('_', ' ')}"

    def pack(self, name: str, proxy: ProxyProcess | None) -> tuple[Done, str]:
        """Fetches the package in a directory and with a cache of its own; how it went, and the digest of what came."""
        where = self.world.root / f"npm-{name}"
        where.mkdir()
        roots = where / "roots.pem"
        system = next((path for path in SYSTEM_ROOTS if path and Path(path).is_file()), None)
        ours = [self.world.root_of_interception] if proxy is self.world.intercepting else []
        roots.write_text("".join(Path(path).read_text() for path in ([system] if system else []) + ours))
        # Quick to give up: the proxy is the one that retries.
        settings = {"cache": str(where / "cache"), "cafile": str(roots), "fetch_retries": "0", "update_notifier": "false"}
        if proxy:
            settings |= {"proxy": proxy.url, "https_proxy": proxy.url, "noproxy": ""}
        variables = {f"npm_config_{key}": value for key, value in settings.items()}
        home = os.environ.get("HOME", "/")  # where this machine's user says which registry, and how to log in there
        done = run(["npm", "pack", "--silent", PACKAGE], timeout=40, cwd=where, HOME=home, **variables)
        packed = next(iter(where.glob("*.tgz")), None)
        return done, hashlib.sha256(packed.read_bytes()).hexdigest() if packed else "nothing"

    def compare(self, name: str, proxy: ProxyProcess, scheme: str) -> None:
        if not registry():
            self.skipTest("npm is not installed")
        direct, right = self.pack(f"{name}-direct", None)
        if direct.status:
            self.skipTest(f"the registry cannot be reached directly: {direct.last_line}")
        through, got = self.pack(name, proxy)
        self.assertEqual(through.status, 0, f"{through.text[-2000:]}\n{self.world.log_of(proxy)}")
        self.assertEqual(got, right)
        if registry().startswith("https:"):
            line = f"scheme={scheme} host={urlsplit(registry()).hostname} "
            self.assertTrue(self.world.logged(proxy, line), f"npm went round the proxy\n{self.world.log_of(proxy)}")

    def test_package_through_a_tunnel(self) -> None:
        self.compare("tunnel", self.world.standard, "connect")

    def test_package_inside_https(self) -> None:
        self.compare("inside", self.world.intercepting, "https")


def groups(world: World) -> list[list[unittest.TestCase]]:
    return [[Npm(name, world)] for name in unittest.TestLoader().getTestCaseNames(Npm)]
