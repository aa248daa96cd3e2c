"""What programs read: --output json of every command that has something to say, and what people read in its place."""

from __future__ import annotations

import json
import time

from case import Case

LEARNED = {
    "format": "backoffd-learning", "version": 1, "algorithm": 1, "saved": time.time(),
    "keys": [{"key": "archive@a.example", "reduction_pct": 40, "base_rate": 10, "recovery_times": [2, 2]}],
}  # fmt: skip


class Json(Case):
    def told(self, *arguments: str, status: int = 0) -> dict:
        done = self.run_it(*arguments, "--output", "json")
        self.assertEqual((done.returncode, done.stderr), (status, ""), arguments)
        return json.loads(done.stdout)

    def test_every_command_has_it(self) -> None:
        self.start_proxy()
        self.assertFalse(self.told("status")["draining"])
        self.assertIn("contextual-retry", self.told("gate")["gates"])
        self.assertEqual(self.told("gate", "contextual-retry", "shadow")["effective"]["mode"], "shadow")
        self.assertEqual(self.told("compare", "contextual-retry")["gate"], "contextual-retry")
        self.assertEqual(self.told("learning"), {"providers": {}})
        self.assertEqual(self.told("health"), {"status": "ready"})
        self.assertEqual(self.told("check"), {"good": True, "problems": []})
        self.assertEqual(self.told("drain")["status"], "draining")

    def test_check_lists_every_fault_with_its_place(self) -> None:
        config = self.temporary / "config.json"
        config.write_text('{"workers": "x", "retry": {"max_attempts": 0}, "nonsense": 1}')
        told = self.told("check", "--config", str(config), status=1)
        self.assertFalse(told["good"])
        self.assertEqual({one["where"] for one in told["problems"]}, {"workers", "retry.max_attempts", "nonsense"})
        self.assertTrue(all(one["what"] for one in told["problems"]))
        told = self.told("check", "--workers", "x", status=2)
        self.assertEqual([one["where"] for one in told["problems"]], ["--workers"])


class Words(Case):
    def test_only_a_flip_is_said_to_hold_until_a_restart(self) -> None:
        self.start_proxy()
        said = "until the proxy is restarted"
        self.assertIn(said, self.run_it("gate", "contextual-retry", "on", "--percentage", "10").stdout)
        self.assertNotIn(said, self.run_it("gate", "contextual-retry", "reset").stdout)

    def test_of_no_exchange_no_time_is_told(self) -> None:
        self.start_proxy()
        said = self.run_it("compare", "contextual-retry").stdout
        self.assertEqual(said.count("off"), 1, said)
        self.assertRegex(said, r"to the end, p50 / p95 / p99 +- +-\n")
        self.assertRegex(said, r"attempts per exchange +- +-\n")

    def test_what_was_learned_is_read_from_the_file_where_no_proxy_runs(self) -> None:
        state = self.temporary / "learning.json"
        state.write_text(json.dumps(LEARNED))
        nobody = ("--admin", "127.0.0.1:9", "--provider-learning-path", str(state))
        done = self.run_it("learning", *nobody)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("archive@a.example", done.stdout)
        self.assertIn(f"this is from {state}, saved ", done.stderr)
        self.assertIn("127.0.0.1:9", done.stderr)
        providers = json.loads(self.run_it("learning", "--output", "json", *nobody).stdout)["providers"]
        self.assertEqual(list(providers), ["archive@a.example"])
        missing = self.run_it("learning", "--admin", "127.0.0.1:9", "--provider-learning-path", "/nonexistent/file")
        self.assertEqual((missing.returncode, missing.stdout), (3, ""))
