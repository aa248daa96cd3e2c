#!/usr/bin/env python3
"""A gate that does harm is taken back by its guard, with the real program and the misbehaving provider.

    tests/experiment/run.py [--backoffd build/backoffd]

The provider refuses the first try of each URL with 429 and serves the second. The standard policy tries again and
succeeds; the contextual one defers a `validate`, as it should where somebody else can wait: here nobody does, and that
is the harm. Half of the requests meet it until the guard flips the gate off. Everything is on loopback; the last line
is "N passed, N failed, N skipped"; exit status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import json
import signal
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import verdict  # noqa: E402
from harness import ProviderProcess, ProxyProcess, fetch  # noqa: E402

PATIENCE = 60.0  # seconds until the guard must have acted; it takes a few
MOST = 5000  # requests


class Hook(http.server.BaseHTTPRequestHandler):
    """Notes what is posted to it, and asks for the first message once more."""

    seen: list[dict] = []
    keys: list[str] = []

    def do_POST(self) -> None:
        Hook.keys.append(self.headers["Idempotency-Key"])
        Hook.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if len(Hook.seen) == 1:
            self.send_response(503)
            self.send_header("Retry-After", "1")
        else:
            self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


class Guarded(unittest.TestCase):
    binary: Path

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="backoffd-experiment-")
        self.addCleanup(self.folder.cleanup)
        self.provider = ProviderProcess()
        self.addCleanup(self.provider.stop)
        Hook.seen, Hook.keys = [], []
        self.hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        self.addCleanup(self.hook.server_close)
        threading.Thread(target=self.hook.serve_forever, daemon=True).start()
        self.addCleanup(self.hook.shutdown)
        self.asked = 0

    def start(self, gate: dict) -> None:
        config = {
            "access_log": "off",
            "retry": {"base_delay": "1ms", "budget": {"ratio": 1, "min_per_second": 100000}},
            "gates": {
                "contextual-retry": gate,
                "thresholds": {"settle": "0s", "min_exchanges": 50},
                "webhook": f"http://127.0.0.1:{self.hook.server_port}/hook",
            },
        }
        path = Path(self.folder.name) / "config.json"
        path.write_text(json.dumps(config))
        self.log = Path(self.folder.name) / "log"
        self.proxy = ProxyProcess(self.binary, self.log, "--config", str(path))
        self.addCleanup(self.proxy.stop)
        self.client = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=30)
        self.addCleanup(self.client.close)

    def ask(self) -> int:
        """The status of one more request."""
        self.asked += 1
        self.client.request("GET", f"{self.provider.url}/bytes/10/{self.asked}?fault=429@1",
                            headers={"Backoffd-Operation": "validate"})  # fmt: skip
        answer = self.client.getresponse()
        answer.read()
        return answer.status

    def admin(self, path: str) -> dict:
        return json.loads(fetch(f"http://127.0.0.1:{self.proxy.admin_port}{path}"))

    def gate(self) -> dict:
        return self.admin("/gates/contextual-retry")

    def arms(self) -> dict:
        return self.admin("/gates/contextual-retry/comparison")["arms"]

    def eventually(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 10
        while not holds():
            self.assertLess(time.monotonic(), until, "it did not come true")
            time.sleep(0.05)

    def test_enforce_flips_a_harmful_gate_off(self) -> None:
        self.start({"mode": "on", "percentage": 50, "guard": "enforce"})
        until = time.monotonic() + PATIENCE
        statuses = []
        while not self.gate()["guard"]["rolled_back"]:
            self.assertTrue(time.monotonic() < until and self.asked < MOST, "the guard did not act")
            statuses += [self.ask() for _ in range(20)]
        self.assertEqual({200, 429}, set(statuses))
        print(f"rolled back after {self.asked} requests", flush=True)

        gate = self.gate()
        self.assertEqual(("off", "guard"), (gate["effective"]["mode"], gate["layer"]))
        act = gate["guard"]["acts"][-1]
        self.assertEqual(("rolled_back", "guard"), (act["act"], act["by"]))
        self.assertIn("success fell", act["why"])
        success = act["comparison"]["effects"]["success_rate"]
        self.assertEqual((1, 0), (success["control"], success["treatment"]))
        # The harm is over for everybody.
        self.assertEqual({200}, {self.ask() for _ in range(50)})
        metrics = fetch(f"http://127.0.0.1:{self.proxy.admin_port}/metrics")
        self.assertIn('backoffd_gate_rolled_back{gate="contextual-retry"} 1', metrics)
        self.assertIn('backoffd_gate_acts_total{gate="contextual-retry",act="rolled_back"} 1', metrics)
        self.eventually(lambda: len(Hook.seen) == 2)
        self.assertEqual(("contextual-retry", "rolled_back"), (Hook.seen[0]["gate"], Hook.seen[0]["act"]))
        self.assertEqual(Hook.seen[0], Hook.seen[1])
        self.assertEqual([f'"{Hook.seen[0]["id"]}"'] * 2, Hook.keys)
        self.eventually(lambda: "gate contextual-retry: rolled_back" in self.log.read_text())

    def test_report_says_so_and_leaves_it_on(self) -> None:
        self.start({"mode": "on", "percentage": 50})
        until = time.monotonic() + PATIENCE
        while self.gate()["verdict"] != "rollback":
            self.assertTrue(time.monotonic() < until and self.asked < MOST, "the verdict did not come")
            for _ in range(20):
                self.ask()
        gate = self.gate()
        self.assertEqual(("on", "config"), (gate["effective"]["mode"], gate["layer"]))
        self.assertEqual("advised", gate["guard"]["acts"][-1]["act"])
        # The client has its answer a moment before the exchange is counted.
        counted = lambda arms: arms["control"]["exchanges"] + arms["treatment"]["exchanges"]  # noqa: E731
        self.eventually(lambda: counted(self.arms()) == self.asked)
        arms = self.arms()
        self.assertEqual(arms["treatment"]["exchanges"], arms["treatment"]["429_given"])
        self.assertEqual(2, arms["control"]["attempts_per_exchange"])
        self.assertEqual(arms["control"]["exchanges"], arms["control"]["throttle_answers_received"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd", metavar="PATH")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that the children are ended
    Guarded.binary = options.backoffd.resolve()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Guarded)
    return verdict.run(suite)


if __name__ == "__main__":
    raise SystemExit(main())
