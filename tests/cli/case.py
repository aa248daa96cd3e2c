"""What the tests of the command line share: the program, a clean environment, a proxy that runs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import ProxyProcess
from terminal import PATIENCE, Terminal


class Case(unittest.TestCase):
    backoffd: Path
    folder: Path

    def setUp(self) -> None:
        self.temporary = Path(tempfile.mkdtemp(dir=self.folder))
        ours = ("BACKOFFD_", "DOCSTOKG_", "NO_COLOR", "XDG_", "LC_", "LANG")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.environment |= {
            "TERM": "xterm", "HOME": str(self.temporary), "LC_ALL": "C.UTF-8",
            "PATH": f"{self.backoffd.parent}:{os.environ['PATH']}",
        }  # fmt: skip

    def start_proxy(self, *flags: str) -> ProxyProcess:
        """From now on the commands ask it."""
        proxy = ProxyProcess(self.backoffd, self.temporary / "log", "--access-log", "off", *flags)
        self.addCleanup(proxy.stop)
        self.environment["BACKOFFD_ADMIN"] = f"127.0.0.1:{proxy.admin_port}"
        return proxy

    def run_it(self, *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
        options = {"env": self.environment, "capture_output": True, "text": True, "timeout": PATIENCE, **more}
        return subprocess.run([str(self.backoffd), *arguments], **options)

    def on_terminal(self, command: list[str], **size: int) -> Terminal:
        terminal = Terminal(command, self.environment, **size)
        self.addCleanup(terminal.close)
        return terminal
