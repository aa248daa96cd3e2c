"""How a sidecar begins and ends: start-up, the orchestrator's signals, state over restarts; and what it takes."""

from __future__ import annotations

import http.client
import re
import tempfile
import threading
import time
import unittest
from contextlib import ExitStack, closing
from pathlib import Path

from engine import USER, Container, World, volume_folder
from sidecar import LEARNS, Sidecar, right, wait_for

from harness import ProviderProcess, ProxyProcess, fetch
from load import Load


def memory(sidecar: Sidecar, field: str) -> float:
    """MiB of its process, by /proc."""
    found = re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{sidecar.container.pid()}/status").read_text(), re.M)
    assert found
    return int(found[1]) / 1024


def ready_after(program: Path, log: Path) -> float:
    """Seconds from its start to the first 200 of /readyz."""
    began = time.perf_counter()
    proxy = ProxyProcess(program, log)
    try:
        fetch(f"http://127.0.0.1:{proxy.admin_port}/readyz")
        return time.perf_counter() - began
    finally:
        proxy.stop()


class LifeCycle(unittest.TestCase):
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        cls.provider = ProviderProcess("--rule", "/bytes/100/*", "limit=bucket:20/s&retry-after=1")
        cls.addClassCleanup(cls.provider.stop)

    def learn(self, sidecar: Sidecar, state: Path) -> None:
        """Until it has learned something and written it down, which it does every 5 s."""
        with Load(sidecar.port, [f"{self.provider.url}/bytes/100/x"], 8):
            self.assertTrue(wait_for(state.exists, 60))

    def test_what_it_learned_is_on_the_volume_and_there_after_a_restart(self) -> None:
        for end in (Container.stop, Container.kill):
            with self.subTest(end.__name__):
                volume = self.world.volume("state")
                state = volume_folder(volume) / "learning.json"
                sidecar = Sidecar(self.world, *LEARNS, options=("--volume", f"{volume}:/var/lib/backoffd"))
                self.learn(sidecar, state)
                self.assertEqual(state.stat().st_uid, USER)
                end(sidecar.container)
                sidecar.container.start()
                sidecar.wait_until_ready()
                self.assertIn("1 keys restored", sidecar.container.logs())

    def test_a_download_under_way_finishes_on_stop_while_it_is_no_longer_ready(self) -> None:
        sidecar = Sidecar(self.world)
        url = f"{self.provider.url}/bytes/1MiB/slow?fault=slow-body:300000"  # 3.5 s
        body: list[bytes] = []
        download = threading.Thread(target=lambda: body.append(sidecar.download(url)))
        download.start()
        exit_status: list[int] = []
        stop = threading.Thread(target=lambda: exit_status.append(sidecar.container.stop()))
        self.assertTrue(wait_for(lambda: "/bytes/1MiB/slow" in self.provider.stats()["paths"], 5))
        stop.start()
        self.assertTrue(wait_for(lambda: sidecar.readiness() == 503, 5))
        self.assertTrue(download.is_alive())
        download.join()
        stop.join()
        self.assertTrue(right(self.provider, "1MiB", body[0]))
        self.assertEqual(exit_status, [0])

    def test_it_is_ready_in_less_than_100_milliseconds(self) -> None:
        with tempfile.TemporaryDirectory(prefix="backoffd-start-") as folder:
            program = self.world.extract("/usr/local/bin/backoffd", Path(folder))
            took = sorted(ready_after(program, Path(folder) / str(start)) for start in range(5))
        print(f"ready after {', '.join(f'{seconds * 1000:.0f}' for seconds in took)} ms", flush=True)
        self.assertLess(took[0], 0.1)

    def test_it_bears_a_thousand_idle_connections_with_32_mebibytes(self) -> None:
        sidecar = Sidecar(self.world, memory="32m")
        before = memory(sidecar, "VmRSS")
        with ExitStack() as opened:
            for _ in range(1000):
                client = opened.enter_context(closing(http.client.HTTPConnection("127.0.0.1", sidecar.port)))
                client.request("GET", f"{self.provider.url}/echo")
                client.getresponse().read()
            after = memory(sidecar, "VmRSS")
        print(f"1,000 idle connections: {before:.1f} MiB became {after:.1f}", flush=True)
        self.assertLess(after, before + 8)

    def test_it_keeps_to_the_cpu_quota(self) -> None:
        sidecar = Sidecar(self.world, options=("--cpus", "0.5"))
        self.assertRegex(sidecar.container.logs(), r"1 worker: \d+ cores?, a quota of 0\.5 by /sys/fs/cgroup/")

    def test_it_bears_load_with_32_mebibytes(self) -> None:
        sidecar = Sidecar(self.world, memory="32m")
        with Load(sidecar.port, [f"{self.provider.url}/bytes/1MiB/load"], 64) as load:
            self.assertTrue(wait_for(lambda: load.statuses[200] >= 2000, 60), load.statuses)
        state = sidecar.container.inspect()["State"]
        self.assertTrue(state["Running"] and not state["OOMKilled"], state)
        self.assertEqual(load.statuses["broken"], 0)
        print(f"64 downloads of 1 MiB at once, {load.statuses[200]} in all: {memory(sidecar, 'VmHWM'):.1f} MiB at most")
