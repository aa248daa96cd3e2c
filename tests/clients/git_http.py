"""git through the proxy: the smart protocol with clone, fetch and push over http and inside https, and the dumb one from
nginx."""

from __future__ import annotations

import shutil
import unittest
from pathlib import Path

from clients import Done, run
from git_server import GitServer
from world import World, write_entity


class Git(unittest.TestCase):
    def __init__(self, method: str, world: World) -> None:
        super().__init__(method)
        self.world = world
        self.proxy = world.standard

    def id(self) -> str:
        return f"git: {self._testMethodName.removeprefix('test_').replace('_', ' ')}"

    def setUp(self) -> None:
        if not shutil.which("git"):
            self.skipTest("git is not installed")
        self.root = self.world.root / self._testMethodName
        self.work = self.root / "work"
        self.bare = self.root / "served" / "books.git"
        self.bare.parent.mkdir(parents=True)
        self.git("init", "-q", "-b", "main", str(self.work))
        self.commit("first", 400_000)
        self.git("clone", "-q", "--bare", str(self.work), str(self.bare))

    def git(self, *arguments: str, where: Path | None = None) -> Done:
        """Runs git through the proxy, as a user who has set http.proxy; it must succeed."""
        settings = {"http.proxy": self.proxy.url, "user.name": "t", "user.email": "t@example.org"}
        settings |= {"http.sslCAInfo": str(self.world.root_of_interception)}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        done = run(["git", *flags, *arguments], cwd=where, GIT_TERMINAL_PROMPT="0")
        self.assertEqual(done.status, 0, f"git {arguments[0]}: {done.text}\n{self.world.log_of(self.proxy)}")
        return done

    def commit(self, name: str, size: int) -> None:
        """One file of `size` bytes that does not compress."""
        write_entity(self.work / name, name, size)
        self.git("add", name, where=self.work)
        self.git("commit", "-q", "-m", name, where=self.work)

    def head(self, where: Path) -> str:
        return self.git("rev-parse", "HEAD", where=where).text.strip()

    def test_smart_protocol(self) -> None:
        """Each page is refused once with 503. A push larger than the replay limit streams through in chunks."""
        self.clone_push_and_pull(GitServer(self.bare.parent))

    def test_smart_protocol_inside_https(self) -> None:
        nginx = self.world.nginx
        if not nginx:
            self.skipTest("nginx or openssl: not installed")
        self.proxy = self.world.intercepting
        self.clone_push_and_pull(GitServer(self.bare.parent, (nginx.ca, nginx.key)))

    def clone_push_and_pull(self, server: GitServer) -> None:
        self.addCleanup(server.stop)
        self.git("config", "http.receivepack", "true", where=self.bare)
        clone = self.root / "clone"
        self.git("clone", "-q", f"{server.url}/books.git", str(clone))
        self.assertEqual(self.head(clone), self.head(self.work))
        self.commit("second", 3 << 20)
        self.git("push", "-q", f"{server.url}/books.git", "main", where=self.work)
        self.assertEqual(self.head(self.bare), self.head(self.work))
        self.git("pull", "-q", where=clone)
        self.git("fsck", "--strict", where=clone)
        self.assertEqual(self.head(clone), self.head(self.work))
        self.assertTrue(all(via for _, _, via in server.seen), "git went round the proxy")
        gets = [path for method, path, _ in server.seen if method == "GET"]
        self.assertGreater(len(gets), len(set(gets)), "no page was asked for again")

    def test_dumb_protocol(self) -> None:
        nginx = self.world.nginx
        if not nginx:
            self.skipTest("nginx or openssl: not installed")
        self.git("update-server-info", where=self.bare)
        shutil.copytree(self.bare, nginx.files / "dumb.git")
        clone = self.root / "clone"
        self.git("clone", "-q", f"{nginx.url}/dumb.git", str(clone))
        self.git("fsck", "--strict", where=clone)
        self.assertEqual(self.head(clone), self.head(self.work))


def groups(world: World) -> list[list[unittest.TestCase]]:
    return [[Git(name, world) for name in unittest.TestLoader().getTestCaseNames(Git)]]
