"""Every client downloads over https that the proxy looks into: what it does for http it does there too."""

from __future__ import annotations

import time
import unittest

from clients import CLIENTS, Client, Done, Job
from downloads import SIZE, Downloads
from support import ProxyProcess
from world import World


class Intercepted(Downloads):
    """The provider stands behind nginx, which speaks TLS for it."""

    def id(self) -> str:
        return super().id().replace(": ", ": inside https, ", 1)

    @property
    def seed(self) -> str:
        return f"tls-{super().seed}"

    def get(self, query: str, proxy: ProxyProcess, *more: str) -> Done:
        assert self.world.nginx
        self.path = f"/bytes/{SIZE}/{self.client.name}/tls-{self._case}.pdf"
        self.proxy = proxy
        url = f"{self.world.nginx.tls_url}{self.path}?seed={self.seed}&{query}"
        return self.client.download(Job(url, proxy.url, self.file, self.world.root_of_interception), *more)

    def test_plain(self) -> None:
        self.assert_right(self.get("", self.world.intercepting), 1)

    def test_burst_of_503(self) -> None:
        self.assert_right(self.get("fault=503@1-2", self.world.intercepting), 3)

    def test_429_with_retry_after(self) -> None:
        began = time.monotonic()
        self.assert_right(self.get("fault=429:1@1", self.world.intercepting), 2)
        self.assertGreaterEqual(time.monotonic() - began, 1.0, "came back before Retry-After")

    def test_truncated_body_is_resumed(self) -> None:
        self.assert_right(self.get("fault=close-body:100000@1,close-body:100000@2", self.world.intercepting), 3)

    def test_truncated_body_without_validator_stays_broken(self) -> None:
        self.assert_broken(self.get("validator=none&fault=close-body:half@1", self.world.intercepting), 1)


class Untrusting(Intercepted):
    """A client that was not given the CA: it must refuse, and after that be left alone."""

    def test_refuses_and_is_passed_through_the_next_time(self) -> None:
        nginx = self.world.nginx
        assert nginx
        host = "127.0.0.1"  # another host than the others', who are to stay intercepted
        url = f"{nginx.tls_url.replace('localhost', host)}/ready"
        self.proxy = self.world.intercepting
        job = Job(url, self.proxy.url, self.file, nginx.ca)
        first = self.client.download(job)
        self.assertNotEqual(first.status, 0, "a certificate of a CA it does not know was accepted\n" + self.story(first))
        second = self.client.download(job)
        self.assertEqual(second.status, 0, self.story(second))
        self.assertEqual(self.file.read_text(), "ready")


CASES = [name for name in vars(Intercepted) if name.startswith("test_")]


def _tests_of(client: Client, world: World) -> list[unittest.TestCase]:
    tests: list[unittest.TestCase] = [Intercepted(name, world, client) for name in CASES]
    if client.name == "curl":
        tests += [Untrusting(name, world, client) for name in vars(Untrusting) if name.startswith("test_")]
    return tests


def groups(world: World) -> list[list[unittest.TestCase]]:
    if not world.nginx:
        return []
    return [_tests_of(client, world) for client in CLIENTS if not client.missing()]
