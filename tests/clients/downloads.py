"""Every client downloads from the misbehaving provider and from nginx; what it gets must be right or plainly broken."""

from __future__ import annotations

import time
import unittest
from pathlib import Path

from clients import CLIENTS, Client, Done, Job
from support import ProxyProcess, content
from world import HOSTS, World, digest_of, write_entity

SIZE = 300_000  # bytes: several reads and several chunks, and still quick


class Downloads(unittest.TestCase):
    """The cases for one client."""

    def __init__(self, method: str, world: World, client: Client) -> None:
        super().__init__(method)
        self.world, self.client = world, client
        self._case = method.removeprefix("test_")  # part of URLs and file names, so that no two cases share any

    def id(self) -> str:
        return f"{self.client.name}: {self._testMethodName.removeprefix('test_').replace('_', ' ')}"

    def get(self, query: str, proxy: ProxyProcess, *more: str) -> Done:
        """Lets the client download SIZE bytes; `query` is what the provider is to do."""
        host = HOSTS[1 + CLIENTS.index(self.client)]
        self.path = f"/bytes/{SIZE}/{self.client.name}/{self._case}.pdf"
        self.proxy = proxy
        url = f"http://{host}:{self.world.provider.port}{self.path}?seed={self.seed}&{query}"
        return self.client.download(Job(url, proxy.url, self.file, self.world.ca()), *more)

    @property
    def seed(self) -> str:
        return f"{self.client.name}-{self._case}"

    @property
    def file(self) -> Path:
        return self.world.root / f"{self.seed}.out"

    def requests_seen(self) -> list[dict]:
        """What reached the provider; each must have come through the proxy."""
        recent = self.world.provider.stats()["recent"]
        seen = [request for request in recent if request["target"].startswith(self.path)]
        for request in seen:
            names = [name.lower() for name, _ in request["fields"]]
            self.assertIn("via", names, f"{self.client.name} went round the proxy")
        return seen

    def assert_right(self, done: Done, requests: int) -> None:
        """The client was content, the bytes are the entity's, and the provider was asked so many times."""
        self.assertEqual(done.status, 0, self.story(done))
        self.assertEqual(digest_of(self.file), content.sha256(self.seed, SIZE), self.story(done))
        self.assertEqual(len(self.requests_seen()), requests, self.story(done))

    def assert_broken(self, done: Done, requests: int) -> None:
        """The client knows that its download failed, and what it has is a beginning of the entity."""
        self.assertNotEqual(done.status, 0, "a broken body was taken for a whole one\n" + self.story(done))
        self.assertEqual(len(self.requests_seen()), requests, self.story(done))
        got = self.file.read_bytes() if self.file.exists() else b""
        whole = b"".join(content.pieces(self.seed, 0, SIZE))
        self.assertTrue(whole.startswith(got), "bytes of two entities were joined")

    def story(self, done: Done) -> str:
        return f"client: status {done.status}: {done.last_line}\nproxy: {self.world.log_of(self.proxy)}"

    # The standard policy

    def test_plain(self) -> None:
        self.assert_right(self.get("", self.world.standard), 1)

    def test_burst_of_503(self) -> None:
        self.assert_right(self.get("fault=503@1-2", self.world.standard), 3)

    def test_429_with_retry_after(self) -> None:
        began = time.monotonic()
        self.assert_right(self.get("fault=429:1@1", self.world.standard), 2)
        self.assertGreaterEqual(time.monotonic() - began, 1.0, "came back before Retry-After")

    def test_resets_before_the_body(self) -> None:
        self.assert_right(self.get("fault=reset@1,reset-head@2,close@3", self.world.standard), 4)

    def test_slow_chunks_and_a_pause(self) -> None:
        query = "framing=chunked&chunk=1000&fault=drip-head:200ms,stall:half:300ms"
        self.assert_right(self.get(query, self.world.standard), 1)

    def test_truncated_body_stays_broken_while_the_gate_is_off(self) -> None:
        self.assert_broken(self.get("fault=close-body:half@1", self.world.standard), 1)

    # The contextual policy

    def test_truncated_body_is_resumed(self) -> None:
        self.assert_right(self.get("fault=close-body:100000@1,reset-body:100000@2", self.world.contextual), 3)

    def test_truncated_chunks_are_resumed_by_date(self) -> None:
        query = "framing=chunked&chunk=7000&validator=lm&fault=close-body:half@1"
        self.assert_right(self.get(query, self.world.contextual), 2)

    def test_truncated_body_without_validator_stays_broken(self) -> None:
        self.assert_broken(self.get("validator=none&fault=close-body:half@1", self.world.contextual), 1)

    def test_changed_entity_is_never_joined(self) -> None:
        self.assert_broken(self.get("fault=close-body:half@1,changed@2-", self.world.contextual), 2)

    # nginx

    def test_file_from_nginx(self) -> None:
        self.get_from_nginx("")

    def test_https_through_a_tunnel(self) -> None:
        self.get_from_nginx("tls")

    def get_from_nginx(self, tls: str) -> None:
        nginx = self.world.nginx
        if not nginx:
            self.skipTest("nginx or openssl: not installed")
        self.proxy = self.world.standard
        path = f"/{self.client.name}-{self._case}.bin"
        write_entity(nginx.files / path[1:], self.seed, SIZE)
        job = Job(f"{nginx.tls_url if tls else nginx.url}{path}", self.proxy.url, self.file, self.world.ca())
        done = self.client.download(job)
        self.assertEqual(done.status, 0, self.story(done))
        self.assertEqual(digest_of(self.file), content.sha256(self.seed, SIZE))
        for line in nginx.lines_for(path):
            self.assertEqual('"-"' in line, bool(tls), f"Via in a tunnel, or none outside: {line}")


class OwnRanges(Downloads):
    """Clients that ask for ranges of their own, and what a resume must not be deceived by."""

    def test_part_is_resumed_in_its_place(self) -> None:
        """A range the client asked for is continued where it broke off, not where the entity began."""
        done = self.get("fault=close-body:1000@1", self.world.contextual, "-r", "5000-9999")
        self.assertEqual(done.status, 0, self.story(done))
        whole = b"".join(content.pieces(self.seed, 0, 10_000))
        self.assertEqual(self.file.read_bytes(), whole[5000:])
        asked = [dict(request["fields"])["Range"] for request in self.requests_seen()]
        self.assertEqual(asked, ["bytes=5000-9999", "bytes=6000-9999"])

    def test_wrong_answers_to_a_resume(self) -> None:
        """Each wrong in one thing; none may be joined to what the client already has."""
        for fault in ("offset", "total", "etag", "no-etag", "416", "coding", "multipart"):
            with self.subTest(fault):
                self._case = f"wrong_{fault}"
                done = self.get(f"fault=close-body:half@1,range-{fault}@2-", self.world.contextual)
                self.assertNotEqual(done.status, 0, self.story(done))
                got = self.file.read_bytes() if self.file.exists() else b""
                self.assertEqual(got, b"".join(content.pieces(self.seed, 0, SIZE))[: len(got)])

    def test_whole_answer_to_a_resume_is_continued(self) -> None:
        """A server that ignores Range but sends the same strong validator has sent the bytes we need."""
        self.assert_right(self.get("fault=close-body:half@1,range-ignore@2-", self.world.contextual), 2)

    def test_short_answers_to_a_resume_are_continued(self) -> None:
        done = self.get("fault=close-body:half@1,range-short@2", self.world.contextual)
        got = self.file.read_bytes() if self.file.exists() else b""
        self.assertEqual(got, b"".join(content.pieces(self.seed, 0, SIZE))[: len(got)])
        self.assertEqual(done.status == 0, len(got) == SIZE, self.story(done))


class Continued(Downloads):
    def test_a_partial_file_is_continued(self) -> None:
        """wget -c: a file begun earlier is completed, through one more cut."""
        write_entity(self.file, self.seed, 50_000)
        done = self.get("fault=close-body:100000@1", self.world.contextual, "-c")
        self.assert_right(done, 2)


class Split(Downloads):
    def test_four_connections_at_once(self) -> None:
        """aria2 asks for four ranges side by side; each is refused or cut once in three times."""
        size = 6 << 20
        path = f"/bytes/{size}/aria2c/split.iso"
        url = f"http://{HOSTS[-1]}:{self.world.provider.port}{path}?seed=split&fault=503@each3,close-body:200000@each4"
        self.proxy, self.path = self.world.contextual, path
        job = Job(url, self.proxy.url, self.file, self.world.ca())
        done = self.client.download(job, "--split=4", "--max-connection-per-server=4", "--min-split-size=1M")
        self.assertEqual(done.status, 0, self.story(done))
        self.assertEqual(digest_of(self.file), content.sha256("split", size))
        self.assertGreater(len(self.requests_seen()), 4)


class Missing(unittest.TestCase):
    """Stands for all cases of a client that cannot be tried here."""

    def __init__(self, client: Client) -> None:
        super().__init__("test_missing")
        self.client = client

    def id(self) -> str:
        return f"{self.client.name}: all"

    def test_missing(self) -> None:
        self.skipTest(self.client.missing())


def groups(world: World) -> list[list[unittest.TestCase]]:
    """The tests of each client, which run one after another; clients may run side by side."""
    names = unittest.TestLoader().getTestCaseNames(Downloads)
    more = {"curl": OwnRanges, "wget": Continued, "aria2c": Split}
    tests: list[list[unittest.TestCase]] = []
    for client in CLIENTS:
        if client.missing():
            tests.append([Missing(client)])
            continue
        # What is done for plain http cannot be seen through a tunnel.
        chosen = [name for name in names if "https" in name] if client.tunnels_http() else names
        tests.append([Downloads(name, world, client) for name in chosen])
        if own := more.get(client.name):
            tests[-1] += [own(name, world, client) for name in vars(own) if name.startswith("test_")]
    return tests
