#!/usr/bin/env python3
"""The misbehaving provider does what its manual says: tests that use it may rely on it."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import socket
import sys
import time
import unittest
from email.utils import parsedate_to_datetime
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

import provider  # noqa: E402
from harness import ProviderProcess, fetch  # noqa: E402
from misbehave import content, limits  # noqa: E402
from misbehave.recipe import recipe_for  # noqa: E402
from misbehave.server import Provider  # noqa: E402

Reply = tuple[int, dict[str, str], bytes]


class Content(unittest.TestCase):
    def test_a_slice_is_the_same_bytes_as_the_whole(self) -> None:
        whole = b"".join(content.pieces("s", 0, 200_000))
        for start, stop in ((0, 1), (65_535, 65_537), (70_000, 199_999), (131_072, 131_073)):
            self.assertEqual(b"".join(content.pieces("s", start, stop, 1000)), whole[start:stop])
        self.assertEqual(hashlib.sha256(whole).hexdigest(), content.sha256("s", 200_000))

    def test_blocks_and_seeds_differ(self) -> None:
        first, second = content.pieces("s", 0, 2 * content.BLOCK)
        self.assertNotEqual(first, second)
        self.assertNotEqual(first, next(content.pieces("t", 0, content.BLOCK)))


class Listening(unittest.TestCase):
    def test_a_port_that_is_taken_at_a_further_address_is_given_up_for_another(self) -> None:
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.2", 0))
            taken = stranger.getsockname()[1]
            real, asked = asyncio.start_server, []

            async def start_server(client, host, port, **options):
                asked.append((host, port))
                return await real(client, host, taken if len(asked) == 1 else port, **options)

            with mock.patch.object(asyncio, "start_server", start_server):
                port = asyncio.run(provider.listen(Provider("0", []), ["127.0.0.1", "127.0.0.2"], 0, None))
        self.assertNotEqual(taken, port)
        self.assertEqual(
            [("127.0.0.1", 0), ("127.0.0.2", taken), ("127.0.0.1", 0), ("127.0.0.2", port)], asked
        )

    def test_a_port_that_was_asked_for_is_the_only_one_tried(self) -> None:
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 0))
            taken = stranger.getsockname()[1]
            with self.assertRaises(OSError):
                asyncio.run(provider.listen(Provider("0", []), ["127.0.0.1"], taken, None))


class Limits(unittest.TestCase):
    """Pure, in virtual time."""

    def play(self, spec: str, times: list[float]) -> str:
        """One letter a request: + accepted, - refused."""
        limit = limits.parse(spec, times[0])
        seen = ""
        for now in times:
            accepted = limit.ask(now).accepted
            limit.take(now) if accepted else limit.refuse(now)
            seen += "+" if accepted else "-"
        return seen

    def test_patterns(self) -> None:
        for spec, times, expected in [
            ("bucket:2/s", [0, 0, 0, 0.5, 0.5], "++-+-"),
            ("bucket:10/s:burst=1", [0, 0.05, 0.1, 0.2], "+-++"),
            ("fixed:2/10s", [0, 9, 9.9, 10, 10, 10], "++-++-"),
            ("sliding:2/10s", [0, 9, 9.9, 10, 10, 19], "++-+-+"),
            ("sliding:2/10s:strict", [0, 1, 9, 10, 11, 18], "++----"),
            ("ban:1/s:ban=5s", [0, 0.1, 4, 8.9, 13.9], "+---+"),
            ("bucket:1/s,2/s@10", [0, 0, 10, 10, 10, 10.5, 10.5], "+-++-+-"),
        ]:
            with self.subTest(spec):
                self.assertEqual(self.play(spec, times), expected)

    def test_a_refusal_says_truly_when_to_come_back(self) -> None:
        for spec in ("bucket:3/s", "fixed:3/7s", "sliding:3/7s", "ban:3/s:ban=5s"):
            with self.subTest(spec):
                limit, now = limits.parse(spec, 0.0), 0.0
                for _ in range(3):
                    self.assertTrue(limit.ask(now).accepted)
                    limit.take(now)
                    now += 0.01
                refused = limit.ask(now)
                self.assertFalse(refused.accepted)
                limit.refuse(now)
                self.assertFalse(limit.ask(now + refused.reset - 0.001).accepted)
                self.assertTrue(limit.ask(now + refused.reset + 0.001).accepted)

    def test_concurrency_is_given_back(self) -> None:
        limit = limits.parse("concurrent:1", 0)
        limit.take(0)
        self.assertFalse(limit.ask(0).accepted)
        limit.release()
        self.assertTrue(limit.ask(0).accepted)

    def test_nonsense_is_refused(self) -> None:
        misspelt = ("bucket", "bucket:10", "leaky:1/s", "bucket:0/s", "bucket:1/s:x=2", "concurrent:x", "fixed:1/0s")
        for spec in misspelt:
            with self.subTest(spec), self.assertRaises(ValueError):
                limits.parse(spec, 0)


class Recipes(unittest.TestCase):
    def tries(self, when: str, count: int, uptime: float = 0) -> list[int]:
        seen = range(1, count + 1)
        return [n for n in seen if recipe_for(f"503@{when}", "s", "/x", n, uptime).status == 503]

    def test_when(self) -> None:
        self.assertEqual(self.tries("2", 4), [2])
        self.assertEqual(self.tries("2-3", 4), [2, 3])
        self.assertEqual(self.tries("3-", 5), [3, 4, 5])
        self.assertEqual(self.tries("all", 2), [1, 2])
        self.assertEqual(self.tries("each3", 7), [3, 6])
        self.assertEqual(self.tries("t5-6", 1, 5.5), [1])
        self.assertEqual(self.tries("t5-6", 1, 6.0), [])

    def test_chance_is_the_same_in_each_run(self) -> None:
        chosen = self.tries("p0.25", 1000)
        self.assertEqual(chosen, self.tries("p0.25", 1000))
        self.assertGreater(len(chosen), 180)
        self.assertLess(len(chosen), 320)


class OverTheWire(unittest.TestCase):
    provider: ProviderProcess

    @classmethod
    def setUpClass(cls) -> None:
        cls.provider = ProviderProcess("--rule", "/ruled/*", "fault=503@all", "--rule", "/bytes/*/ruled", "seed=ruled")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.provider.stop()

    def setUp(self) -> None:
        fetch(f"{self.provider.url}/reset", b"")

    def ask(self, target: str, method: str = "GET", body: bytes | None = None, **fields: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.provider.port, timeout=10)
        try:
            connection.request(method, target, body, {name.replace("_", "-"): text for name, text in fields.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def raw(self, target: str, requests: int = 1) -> tuple[bytes, str]:
        """All bytes that came before the end, and how it ended: close or reset."""
        head = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.provider.port), 10) as sock:
            sock.sendall(head * requests)
            got = b""
            try:
                while piece := sock.recv(65536):
                    got += piece
                return got, "close"
            except ConnectionResetError:
                return got, "reset"

    def body(self, size: int, seed: str = "0") -> bytes:
        return b"".join(content.pieces(seed, 0, size))

    # Entities

    def test_bytes_are_those_of_the_digest(self) -> None:
        _, _, body = self.ask("/bytes/200000/a.pdf?seed=q")
        told = fetch(f"{self.provider.url}/sha256/200000?seed=q").strip()
        self.assertEqual(hashlib.sha256(body).hexdigest(), told)

    def test_framings_carry_the_same_body(self) -> None:
        for framing in ("length", "chunked", "close"):
            for method in ("GET", "HEAD"):
                status, fields, body = self.ask(f"/bytes/100000?framing={framing}&chunk=7000", method)
                self.assertEqual(status, 200)
                self.assertEqual(body, self.body(100_000) if method == "GET" else b"")
                self.assertEqual("content-length" in fields, framing == "length")

    def test_ranges(self) -> None:
        whole = self.body(1000)
        for asked, start, stop in (
            ("bytes=10-19", 10, 20),
            ("bytes=990-", 990, 1000),
            ("bytes=-5", 995, 1000),
            ("bytes=5-9999", 5, 1000),
        ):
            status, fields, body = self.ask("/bytes/1000", Range=asked)
            self.assertEqual((status, body), (206, whole[start:stop]), asked)
            self.assertEqual(fields["content-range"], f"bytes {start}-{stop - 1}/1000")
        status, fields, _ = self.ask("/bytes/1000", Range="bytes=1000-")
        self.assertEqual((status, fields["content-range"]), (416, "bytes */1000"))
        for ignored in ("bytes=1-2,5-6", "lines=1-2", "bytes=9-2", "bytes=-"):
            self.assertEqual(self.ask("/bytes/1000", Range=ignored)[0], 200, ignored)

    def test_if_range_honours_strong_validators_only(self) -> None:
        for validator, name, expected in (("strong", "etag", 206), ("weak", "etag", 200), ("lm", "last-modified", 206)):
            _, fields, _ = self.ask(f"/bytes/100?validator={validator}")
            status, _, _ = self.ask(f"/bytes/100?validator={validator}", Range="bytes=5-", If_Range=fields[name])
            self.assertEqual(status, expected, validator)
        self.assertEqual(self.ask("/bytes/100", Range="bytes=5-", If_Range='"other"')[0], 200)
        self.assertEqual(self.ask("/bytes/100?validator=none", Range="bytes=5-", If_Range='""')[0], 200)

    def test_conditional_requests(self) -> None:
        _, fields, _ = self.ask("/bytes/100?validator=weak,lm")
        status, _, body = self.ask("/bytes/100?validator=weak,lm", If_None_Match=fields["etag"])
        self.assertEqual((status, body), (304, b""))
        self.assertEqual(self.ask("/bytes/100?validator=lm", If_Modified_Since=fields["last-modified"])[0], 304)
        self.assertEqual(self.ask("/bytes/100", If_None_Match='"other"')[0], 200)

    def test_wrong_ranges_are_wrong_in_one_thing(self) -> None:
        whole = self.body(1000)
        right = ("bytes 100-999/1000", whole[100:])
        for fault, place, body in (
            ("offset", "bytes 101-999/1000", whole[101:]),
            ("total", "bytes 100-999/1001", whole[100:]),
            ("short", "bytes 100-549/1000", whole[100:550]),
            ("etag", *right),
            ("no-etag", *right),
            ("coding", *right),
        ):
            status, fields, got = self.ask(f"/bytes/1000?fault=range-{fault}", Range="bytes=100-")
            self.assertEqual((status, fields["content-range"], got), (206, place, body), fault)
        self.assertEqual(self.ask("/bytes/1000?fault=range-ignore", Range="bytes=100-")[0], 200)
        self.assertEqual(self.ask("/bytes/1000?fault=range-416", Range="bytes=100-")[0], 416)
        _, fields, got = self.ask("/bytes/1000?fault=range-multipart", Range="bytes=100-")
        self.assertTrue(fields["content-type"].startswith("multipart/byteranges"))
        self.assertIn(whole[100:], got)

    def test_a_changed_entity_is_another(self) -> None:
        target = "/bytes/1000?validator=strong,lm&fault=changed:500@2-"
        (_, first, _), (_, second, body) = self.ask(target), self.ask(target)
        self.assertNotEqual((first["etag"], first["last-modified"]), (second["etag"], second["last-modified"]))
        told = fetch(f"{self.provider.url}/sha256/500?version=2").strip()
        self.assertEqual(hashlib.sha256(body).hexdigest(), told)

    # Faults

    def test_a_burst_of_errors_ends(self) -> None:
        statuses = [self.ask("/bytes/9?fault=503:2@1-2")[0] for _ in range(3)]
        self.assertEqual(statuses, [503, 503, 200])

    def test_retry_after_in_its_forms(self) -> None:
        self.assertEqual(self.ask("/bytes/9?fault=429:7")[1]["retry-after"], "7")
        _, fields, _ = self.ask("/bytes/9?fault=429:date7")
        wait = parsedate_to_datetime(fields["retry-after"]) - parsedate_to_datetime(fields["date"])
        self.assertIn(wait.total_seconds(), (7, 8))
        self.assertEqual(self.ask("/bytes/9?fault=429:soon")[1]["retry-after"], "soon")
        self.assertNotIn("retry-after", self.ask("/bytes/9?fault=429&id=bare")[1])

    def test_cuts(self) -> None:
        for how in ("reset", "close"):
            self.assertEqual(self.raw(f"/bytes/9?fault={how}"), (b"", how))
            got, end = self.raw(f"/bytes/9?fault={how}-head")
            self.assertTrue(got.startswith(b"HTTP/1.1 200"))
            self.assertNotIn(b"\r\n\r\n", got)
            self.assertEqual(end, how)
            for position, expected in (("70000", 70_000), ("half", 50_000), ("0", 0)):
                got, end = self.raw(f"/bytes/100000?fault={how}-body:{position}")
                self.assertEqual(got.partition(b"\r\n\r\n")[2], self.body(expected))
                self.assertEqual(end, how)

    def test_a_chunked_body_breaks_off_without_its_last_chunk(self) -> None:
        for position in ("4000", "1000", "9999999"):
            got, end = self.raw(f"/bytes/10000?framing=chunked&chunk=1500&fault=close-body:{position}")
            self.assertEqual(end, "close")
            self.assertFalse(got.endswith(b"0\r\n\r\n"))

    def test_slowness(self) -> None:
        for fault in ("slow-head:300ms", "drip-head:300ms", "stall:500:300ms", "slow-body:3000"):
            began = time.monotonic()
            self.assertEqual(self.ask(f"/bytes/1000?fault={fault}")[2], self.body(1000), fault)
            self.assertGreater(time.monotonic() - began, 0.29, fault)

    def test_reused_connections_can_fail(self) -> None:
        target = "/bytes/9?fault=reset-reused@all"
        self.assertEqual(self.ask(target)[0], 200)
        got, end = self.raw(target, requests=2)
        self.assertEqual((got.count(b"HTTP/1.1 200"), end), (1, "reset"))
        got, end = self.raw("/bytes/9?fault=close-quietly")
        self.assertEqual((got.partition(b"\r\n\r\n")[2], end), (self.body(9), "close"))
        self.assertNotIn(b"Connection: close", got)

    def test_garbage_is_no_http(self) -> None:
        self.assertFalse(self.raw("/bytes/9?fault=garbage")[0].startswith(b"HTTP/"))

    def test_unknown_words_are_told(self) -> None:
        for query in ("fualt=503", "fault=sloth", "fault=503@often", "limit=leaky:1/s", "validator=x", "framing=x"):
            self.assertEqual(self.ask(f"/bytes/9?{query}")[0], 400, query)

    # Limits

    def test_a_refusal_with_every_family_of_fields(self) -> None:
        target = "/bytes/9?limit=fixed:1/100s&limit=concurrent:5&retry-after=delta&rate-fields="
        self.ask(target + "draft10")
        for family, name, pattern in (
            ("draft10", "ratelimit-policy", r'^"limit0";q=1;w=100, "limit1";q=5;qu="concurrent-requests"$'),
            ("draft10", "ratelimit", r'^"limit0";r=0;t=(100|9\d), "limit1";r=4$'),
            ("draft03", "ratelimit-reset", r"^(100|9\d)$"),
            ("x-seconds", "x-ratelimit-reset", r"^(100|9\d)$"),
            ("x-epoch", "x-ratelimit-reset", r"^\d{10}$"),
            ("x-millis", "x-ratelimit-reset", r"^\d{13}$"),
            ("crossref", "x-rate-limit-interval", r"^100s$"),
            ("crossref", "x-concurrency-limit", r"^5$"),
        ):
            status, fields, _ = self.ask(target + family)
            self.assertEqual(status, 429)
            self.assertRegex(fields["retry-after"], r"^(100|9\d)$")
            self.assertRegex(fields[name], pattern, family)
        told = self.provider.stats()
        self.assertEqual((told["accepted"], told["refused"]), (1, 8))

    def test_pools_part_and_urls_share_a_limit(self) -> None:
        ask = lambda path, pool: self.ask(f"/bytes/{path}?limit=fixed:1/100s&pool={pool}&refuse=503")[0]  # noqa: E731
        self.assertEqual([ask("1", "a"), ask("2", "a"), ask("2", "b")], [200, 503, 200])

    def test_concurrency_counts_until_the_last_byte(self) -> None:
        slow = "/bytes/1000?limit=concurrent:1&fault=stall:500:400ms@1"
        with socket.create_connection(("127.0.0.1", self.provider.port), 10) as first:
            first.sendall(f"GET {slow} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertTrue(first.recv(100))
            self.assertEqual(self.ask(slow)[0], 429)
        time.sleep(0.2)  # the first client has left: its place is free again
        self.assertEqual(self.ask(slow)[0], 200)

    # Requests and control

    def test_echo_tells_the_request(self) -> None:
        for body in (b"abc", None):
            _, _, answer = self.ask("/echo/x?id=1", "PUT", body, X_Some="thing")
            seen = json.loads(answer)
            self.assertEqual((seen["method"], seen["target"]), ("PUT", "/echo/x?id=1"))
            self.assertIn(["X-Some", "thing"], seen["fields"])
            self.assertEqual(seen["body_sha256"], hashlib.sha256(body or b"").hexdigest())

    def test_chunked_request_bodies_and_expectations(self) -> None:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.provider.port), 10) as sock:
            sock.sendall(head)
            self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 100"))
            sock.sendall(b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n")
            answer = sock.makefile("rb").read()
        self.assertEqual(json.loads(answer.partition(b"\r\n\r\n")[2])["body"], "abc0123456789")

    def test_rules_give_paths_a_behaviour_and_can_change(self) -> None:
        self.assertEqual(self.ask("/ruled/x")[0], 503)
        self.assertEqual(self.ask("/bytes/50/ruled")[2], self.body(50, "ruled"))
        self.assertEqual(self.ask("/bytes/50/ruled?seed=own")[2], self.body(50, "own"))
        before = json.loads(fetch(f"{self.provider.url}/rules"))
        fetch(f"{self.provider.url}/rules", b"/bytes/* fault=500@all\n")
        self.assertEqual(self.ask("/bytes/50/ruled")[0], 500)
        fetch(f"{self.provider.url}/rules", "\n".join(" ".join(rule) for rule in before).encode())
        self.assertEqual(self.ask("/bytes/50/ruled")[0], 200)

    def test_stats_count_what_was_answered(self) -> None:
        self.ask("/bytes/9?fault=503")
        self.ask("/bytes/9?fault=503")
        self.raw("/bytes/9?fault=reset")
        told = self.provider.stats()
        self.assertEqual(told["statuses"], {"503": 1, "200": 1})
        self.assertEqual(told["paths"], {"/bytes/9": {"requests": 3, "503": 1, "200": 1}})
        self.assertEqual(told["cuts"].get("reset"), 1)
        self.assertEqual(told["recent"][0]["target"], "/bytes/9?fault=503")

    def test_a_client_that_leaves_inside_its_body_is_counted(self) -> None:
        with socket.create_connection(("127.0.0.1", self.provider.port), 10) as sock:
            sock.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        time.sleep(0.1)  # for the 400, which nobody takes
        self.assertEqual(self.provider.stats()["cuts"].get("by the client"), 1)

    def test_what_is_no_request_gets_400(self) -> None:
        for head in (b"nonsense", b"GET / HTTP/3", b"GET / HTTP/1.1\r\nno colon", b"GET http://[ HTTP/1.1"):
            with socket.create_connection(("127.0.0.1", self.provider.port), 10) as sock:
                sock.sendall(head + b"\r\n\r\n")
                self.assertTrue(sock.makefile("rb").read().startswith(b"HTTP/1.1 400"), head)


if __name__ == "__main__":
    unittest.main()
