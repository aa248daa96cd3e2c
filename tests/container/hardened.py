"""One sidecar alone: what it may do, what it answers, and how healthy it says it is."""

from __future__ import annotations

import os
import re
import signal
import unittest
from pathlib import Path

from engine import USER, World
from sidecar import Sidecar, right, wait_for

from harness import ProviderProcess, fetch


class Hardened(unittest.TestCase):
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        cls.provider = ProviderProcess()
        cls.addClassCleanup(cls.provider.stop)
        cls.sidecar = Sidecar(cls.world)
        cls.process = Path("/proc") / str(cls.sidecar.container.pid())

    def status(self, field: str) -> str:
        found = re.search(rf"^{field}:\s+(.*)$", (self.process / "status").read_text(), re.M)
        assert found
        return found[1]

    def test_it_answers_on_loopback_and_repairs_a_download(self) -> None:
        body = self.sidecar.download(f"{self.provider.url}/bytes/1MiB/a?fault=503@1-2")
        self.assertTrue(right(self.provider, "1MiB", body))

    def test_it_is_not_root(self) -> None:
        self.assertEqual(set(self.status("Uid").split() + self.status("Gid").split()), {str(USER)})

    def test_it_has_no_capabilities_and_can_get_none(self) -> None:
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(self.status(kind), 16), 0, kind)
        self.assertEqual(self.status("NoNewPrivs"), "1")

    def test_its_system_calls_are_filtered(self) -> None:
        self.assertEqual(self.status("Seccomp"), "2")

    def test_its_root_is_read_only(self) -> None:
        root = next(line.split() for line in (self.process / "mountinfo").read_text().splitlines()
                    if line.split()[4] == "/")  # fmt: skip
        self.assertIn("ro", root[5].split(","))

    def test_it_is_healthy(self) -> None:
        self.assertEqual(self.sidecar.container.health(), 0)

    def test_it_is_unhealthy_while_it_is_stopped_and_healthy_again(self) -> None:
        pid = self.sidecar.container.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            self.assertNotEqual(self.sidecar.container.health(), 0)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertTrue(wait_for(lambda: self.sidecar.container.health() == 0))

    def test_a_gate_is_flipped_by_exec(self) -> None:
        self.assertEqual(self.sidecar.container.exec("backoffd", "gate", "contextual-retry", "on").returncode, 0)
        body = self.sidecar.download(f"{self.provider.url}/bytes/1MiB/b?fault=close-body:half@1")  # on: it is resumed
        self.assertTrue(right(self.provider, "1MiB", body))
        self.assertEqual(self.sidecar.container.exec("backoffd", "gate", "contextual-retry", "off").returncode, 0)

    def test_its_metrics_can_be_scraped(self) -> None:
        self.assertIn("\nbackoffd_", fetch(f"{self.sidecar.admin}/metrics"))
