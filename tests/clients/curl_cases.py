"""curl sends bodies, asks for heads, and meets stale connections; what the provider saw must be right."""

from __future__ import annotations

import json
import unittest
from pathlib import Path

from clients import Done, run
from support import ProxyProcess
from world import HOSTS, World, digest_of, write_entity

HOST = HOSTS[-2]


class Curl(unittest.TestCase):
    def __init__(self, method: str, world: World) -> None:
        super().__init__(method)
        self.world = world
        self.proxy: ProxyProcess = world.standard
        self._case = method.removeprefix("test_")

    def id(self) -> str:
        return f"curl: {self._case.replace('_', ' ')}"

    def setUp(self) -> None:
        if run(["curl", "--version"]).status:
            self.skipTest("curl is not installed")

    def curl(self, url: str, *more: str) -> Done:
        command = ["curl", "-q", "-sS", "--max-time", "12", "--noproxy", "", "-x", self.proxy.url, *more, url]
        done = run(command)
        self.assertEqual(done.status, 0, f"{done.text}\n{self.world.log_of(self.proxy)}")
        return done

    def url(self, path: str, query: str) -> str:
        return f"http://{HOST}:{self.world.provider.port}{path}/{self._case}?{query}"

    def body(self, size: int) -> Path:
        file = self.world.root / f"{self._case}.in"
        write_entity(file, self._case, size)
        return file

    def echoed(self, url: str, file: Path, *more: str) -> None:
        """The provider got the whole body of the file."""
        seen = json.loads(self.curl(url, *more).text)
        self.assertEqual(seen["body_sha256"], digest_of(file))

    def tries(self) -> int:
        recent = self.world.provider.stats()["recent"]
        return sum(f"/{self._case}?" in request["target"] for request in recent)

    def test_put_is_replayed(self) -> None:
        file = self.body(500_000)
        self.echoed(self.url("/echo", "fault=503@1-2"), file, "-T", str(file))
        self.assertEqual(self.tries(), 3)

    def test_chunked_put_is_replayed(self) -> None:
        file = self.body(500_000)
        self.echoed(self.url("/echo", "fault=reset@1"), file, "-T", str(file), "-H", "Transfer-Encoding: chunked")
        self.assertEqual(self.tries(), 2)

    def test_post_is_sent_once(self) -> None:
        done = self.curl(self.url("/echo", "fault=503@1"), "-d", "key=value", "-i")
        self.assertRegex(done.text, r"^HTTP/1.1 503 ")
        self.assertRegex(done.text.lower(), r"\r\nbackoffd-verdict: not_idempotent\r\n")
        self.assertIn("503 as asked", done.text)
        self.assertEqual(self.tries(), 1)

    def test_post_with_a_key_is_replayed(self) -> None:
        done = self.curl(self.url("/echo", "fault=503@1"), "-d", "key=value", "-H", "Idempotency-Key: 1")
        self.assertEqual(json.loads(done.text)["body"], "key=value")
        self.assertEqual(self.tries(), 2)

    def test_large_upload_streams(self) -> None:
        """Eight times the replay limit; curl waits for 100 (Continue) first."""
        file = self.body(8 << 20)
        self.echoed(self.url("/echo", ""), file, "-T", str(file), "-H", "Expect: 100-continue")

    def test_large_upload_is_sent_once(self) -> None:
        file = self.body(3 << 20)
        done = self.curl(self.url("/echo", "fault=503@1"), "-T", str(file), "-i")
        self.assertRegex(done.text.lower(), r"\r\nbackoffd-verdict: body_too_large\r\n")
        self.assertEqual(self.tries(), 1)

    def test_head(self) -> None:
        done = self.curl(self.url("/bytes/12345", "fault=503@1"), "-I")
        self.assertRegex(done.text, r"^HTTP/1.1 200 ")
        self.assertRegex(done.text.lower(), r"\r\ncontent-length: 12345\r\n")
        self.assertRegex(done.text.lower(), r"\r\nbackoffd-attempts: 2\r\n")

    def test_last_answer_is_relayed_whole(self) -> None:
        """Six attempts, and the client gets the sixth answer as it came."""
        done = self.curl(self.url("/bytes/9", "fault=503@all"), "-i")
        self.assertRegex(done.text, r"^HTTP/1.1 503 ")
        self.assertRegex(done.text.lower(), r"\r\nbackoffd-verdict: attempts\r\n")
        self.assertTrue(done.text.endswith("try 6: 503 as asked\n"), done.text)

    def test_wait_that_does_not_fit_is_answered_now(self) -> None:
        done = self.curl(self.url("/bytes/9", "fault=429:3600@1"), "-i", "--max-time", "5")
        self.assertRegex(done.text, r"^HTTP/1.1 429 ")
        self.assertRegex(done.text.lower(), r"\r\nretry-after: 3600\r\n")
        self.assertRegex(done.text.lower(), r"\r\nbackoffd-verdict: deadline\r\n")

    def test_stale_connections_cost_nothing(self) -> None:
        """The provider ends or resets kept connections; no try is counted for it and no wait is made."""
        for fault in ("close-quietly@all", "reset-reused@all"):
            for number in range(4):
                url = self.url("/bytes/1000", f"fault={fault}&id={fault}{number}")
                done = self.curl(url, "-D", "-", "-o", "/dev/null")
                self.assertRegex(done.text, r"^HTTP/1.1 200 ")
                self.assertRegex(done.text.lower(), r"\r\nbackoffd-attempts: 1\r\n")


def groups(world: World) -> list[list[unittest.TestCase]]:
    return [[Curl(name, world) for name in unittest.TestLoader().getTestCaseNames(Curl)]]
