"""apt-get with this machine's own sources: packages through the proxy equal those that came directly."""

from __future__ import annotations

import hashlib
import re
import shutil
import unittest
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from clients import Done, run
from world import World

PACKAGES = ["hostname", "hello", "sl"]  # small ones that every Debian has had for decades; apt pipelines them


@cache
def source_hosts() -> list[str]:
    """Hosts of the sources that speak http; the proxy must be allowed to dial them wherever they are."""
    if not shutil.which("apt-get"):
        return []
    uris = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).text.split()
    return sorted({urlsplit(uri).hostname or "" for uri in uris if uri.startswith("http://")})


class Apt(unittest.TestCase):
    def __init__(self, method: str, world: World) -> None:
        super().__init__(method)
        self.world = world

    def id(self) -> str:
        return "apt-get: packages from this machine's sources"

    def apt(self, name: str, *arguments: str, timeout: float = 30) -> Done:
        """Runs apt-get in a directory of its own; `timeout` in seconds."""
        where = self.world.root / name
        where.mkdir(exist_ok=True)
        # Images of containers keep no cache of the package lists, and to read them takes apt seconds each time.
        caches = [f"Dir::Cache::{kind}={self.world.root / kind}" for kind in ("pkgcache", "srcpkgcache")]
        settings = ["APT::Sandbox::User=root", "Acquire::Retries=0", *caches]
        flags = [part for setting in settings for part in ("-o", setting)]
        return run(["apt-get", "-q", *flags, *arguments], timeout=timeout, cwd=where)

    def test_download(self) -> None:
        if not shutil.which("apt-get"):
            self.skipTest("apt-get is not installed")
        if not source_hosts():
            self.skipTest("no source of this machine speaks http (https only)")
        if "Acquire::http::Proxy" in run(["apt-config", "dump"]).text:
            self.skipTest("this machine's apt has a proxy of its own")
        uris = self.apt("apt-uris", "download", "--print-uris", *PACKAGES)
        if uris.status or len(re.findall(r"^'http://", uris.text, re.M)) != len(PACKAGES):
            self.skipTest(f"apt has no http source for {', '.join(PACKAGES)}; run apt-get update first")
        direct = self.apt("apt-direct", "download", *PACKAGES)
        if direct.status:
            self.skipTest(f"the sources cannot be reached directly: {direct.last_line}")
        proxy = f"Acquire::http::Proxy={self.world.standard.url}"
        through = self.apt("apt-through", "-o", proxy, "-o", "Debug::Acquire::http=true", "download", *PACKAGES)
        self.assertEqual(through.status, 0, f"{through.text[-3000:]}\n{self.world.log_of(self.world.standard)}")
        # Debug shows each answer's head: that of the proxy bears its Via.
        self.assertRegex(through.text.lower(), r"\bvia: ", "apt went round the proxy")
        self.assertEqual(self._digests("apt-direct"), self._digests("apt-through"))
        self.assertEqual(len(self._digests("apt-direct")), len(PACKAGES))

    def _digests(self, name: str) -> dict[str, str]:
        files = Path(self.world.root / name).glob("*.deb")
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def groups(world: World) -> list[list[unittest.TestCase]]:
    return [[Apt("test_download", world)]]
