"""State files, folders and disks as they must not be: the program starts and serves all the same, says what is wrong,
and destroys nothing."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from support import LearningProxy, learned, load_of, provider, wait_for

WORD = re.compile(r"^\S+Z (\w+) learning: ", re.M)


def can_mount() -> bool:
    """May this process mount in a namespace of its own?"""
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return tried.returncode == 0


def on_a_disk_of_its_own(folder: Path, then: str) -> tuple[str, ...]:
    """A command that runs the one after it with `folder` on a disk of 256 KiB, after copying its content there and
    executing the shell's `then` in it. Nobody else sees that disk but through /proc/PID/root."""
    disk = "mount -t tmpfs -o size=256k tmpfs . && cd $PWD"
    script = f"cd '{folder}' && cp -a . ../copy && {disk} && cp -a ../copy/. . && {then} && exec \"$@\""
    return ("unshare", "-m", "sh", "-c", script, "sh")


class BadState(unittest.TestCase):
    binary: Path

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="backoffd-state-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = self.folder / "kept" / "learning.json"
        self.state.parent.mkdir()
        self.origin = provider()
        self.addCleanup(self.origin.stop)

    def start(self, log: str = "log", **more: object) -> LearningProxy:
        """REQUIRES: a log of its own for each proxy of a test."""
        proxy = LearningProxy(self.binary, self.folder / log, self.state, **more)
        self.addCleanup(proxy.stop)
        return proxy

    def write(self, keys: int) -> bytes:
        self.state.write_text(json.dumps(learned(keys, time.time(), samples=3)))
        return self.state.read_bytes()

    def weights(self, proxy: LearningProxy) -> list[str]:
        """How grave the messages about learned state were."""
        return [word for word in WORD.findall(proxy.told()) if word != "info"]

    def assert_ends_well(self, proxy: LearningProxy) -> None:
        self.assertTrue(proxy.serves(self.origin), proxy.told())
        proxy.process.terminate()
        self.assertEqual(proxy.process.wait(30), 0, proxy.told())

    def test_a_file_that_no_program_wrote_is_moved_aside(self) -> None:
        whole = self.write(20)
        chance = random.Random(3)
        flipped = bytearray(whole)
        for _ in range(5):
            flipped[chance.randrange(len(flipped))] ^= 0x80
        bad = {
            "empty": b"",
            "truncated early": whole[:30],
            "truncated late": whole[:-2],
            "followed by another": whole + whole,
            "flipped bits": bytes(flipped),
            "zeros": bytes(len(whole)),
            "no UTF-8": b"\xff" + whole,
            "another program's": b'{"version": 1, "keys": []}',
            "deep": b"[" * 100_000,
        }
        for what, content in bad.items():
            with self.subTest(what):
                self.state.write_bytes(content)
                proxy = self.start(what)
                self.assertEqual(self.weights(proxy), ["warning"], proxy.told())
                self.assertIn("learning starts empty", proxy.told())
                aside = list(self.state.parent.glob("*.corrupt-*"))
                self.assertEqual([path.read_bytes() for path in aside], [content])
                self.assertEqual(proxy.learning(), {})
                self.assert_ends_well(proxy)
                aside[0].unlink()

    def test_after_a_bad_file_state_is_kept_again(self) -> None:
        self.state.write_bytes(b"{")
        proxy = self.start()
        with load_of(proxy, self.origin):
            self.assertTrue(wait_for(self.state.exists), proxy.told())
        self.assertTrue(json.loads(self.state.read_bytes())["keys"])

    def test_a_newer_file_is_refused_clearly_and_left_alone(self) -> None:
        state = learned(5, time.time())
        for change in ({"version": 2}, {"algorithm": 1000}, {"version": 7, "keys": "of another kind"}):
            with self.subTest(change):
                self.state.write_text(json.dumps(state | change))
                before = self.state.read_bytes()
                proxy = self.start(str(change))
                self.assertEqual(self.weights(proxy), ["error"], proxy.told())
                self.assertIn("newer than", proxy.told())
                self.assertEqual(proxy.learning(), {})
                with load_of(proxy, self.origin):
                    self.assertTrue(wait_for(lambda: bool(proxy.learning())))  # it learns all the same
                self.assert_ends_well(proxy)
                self.assertEqual(self.state.read_bytes(), before)

    def test_a_path_that_can_hold_no_file_is_told(self) -> None:
        (self.state.parent / "file").write_text("in the way")
        (self.state.parent / "locked.lock").mkdir()
        loop = self.state.parent / "loop"
        loop.symlink_to(loop)
        for what, path in {
            "a folder": self.state.parent,
            "a device": Path("/dev/full"),
            "below a file": self.state.parent / "file" / "learning.json",
            "its lock is a folder": self.state.parent / "locked",
            "a link to itself": loop,
            "a name too long": self.state.parent / ("n" * 300),
        }.items():
            with self.subTest(what):
                self.state = path
                proxy = self.start(what)
                self.assertTrue(self.weights(proxy), proxy.told())
                self.assert_ends_well(proxy)

    def test_of_two_processes_the_second_is_told_and_keeps_nothing(self) -> None:
        self.write(5)
        first = self.start("first")
        second = self.start("second")
        self.assertEqual(self.weights(second), ["error"], second.told())
        self.assertIn("in use by another process", second.told())
        self.assertEqual(len(first.learning()), 5)
        self.assertEqual(second.learning(), {})
        with load_of(second, self.origin):
            self.assertTrue(wait_for(lambda: bool(second.learning())))
        self.assert_ends_well(second)
        keys = {key["key"] for key in json.loads(self.state.read_bytes())["keys"]}
        self.assertTrue(all(key.startswith("seed") for key in keys), keys)
        first.kill()
        third = self.start("third")  # the lock ended with its holder
        self.assertEqual(self.weights(third), [], third.told())
        self.assertEqual(len(third.learning()), 5)

    def test_a_folder_that_cannot_be_written_is_told_and_read_all_the_same(self) -> None:
        self.write(5)
        if os.geteuid() != 0:
            self.state.parent.chmod(0o555)
            self.addCleanup(self.state.parent.chmod, 0o755)
            proxy = self.start()
        elif can_mount():
            proxy = self.start(within=on_a_disk_of_its_own(self.state.parent, "mount -o remount,ro ."))
        else:
            self.skipTest("root may write everywhere, and mount nothing here")
        self.assertEqual(self.weights(proxy), ["warning"], proxy.told())
        self.assertIn("state is not kept: cannot open", proxy.told())
        self.assertEqual(len(proxy.learning()), 5)
        self.assert_ends_well(proxy)

    @unittest.skipUnless(can_mount(), "needs to mount a small disk")
    def test_a_full_disk_leaves_the_old_file_whole_until_there_is_room(self) -> None:
        before = self.write(100)
        fill = "dd if=/dev/zero of=filler bs=1k 2>/dev/null || rm -f nothing"
        proxy = self.start(within=on_a_disk_of_its_own(self.state.parent, fill))
        inside = Path(f"/proc/{proxy.process.pid}/root{self.state.parent}")
        state = inside / self.state.name
        with load_of(proxy, self.origin):
            self.assertTrue(wait_for(lambda: "state is not kept" in proxy.told()), "not told")
            self.assertIn("No space left on device", proxy.told())
            self.assertEqual(state.read_bytes(), before)
            self.assertFalse((inside / "learning.json.tmp").exists())
            self.assertTrue(proxy.serves(self.origin))
            (inside / "filler").unlink()
            self.assertTrue(wait_for(lambda: state.read_bytes() != before), proxy.told())
        self.assertGreaterEqual(len(json.loads(state.read_bytes())["keys"]), 100)
        self.assertEqual(self.weights(proxy), ["warning"], proxy.told())
        self.assertTrue(wait_for(lambda: "is kept in" in proxy.told()))

    def test_a_file_that_may_not_grow_leaves_the_old_one_whole(self) -> None:
        before = self.write(100)

        def bound() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        self.assertEqual(signal.getsignal(signal.SIGXFSZ), signal.SIG_IGN)  # as Python does, and hands on
        proxy = self.start(preexec_fn=bound, restore_signals=False)
        with load_of(proxy, self.origin):
            self.assertTrue(wait_for(lambda: "File too large" in proxy.told()), "not told")
        self.assertEqual(self.state.read_bytes(), before)
        self.assertFalse((self.state.parent / "learning.json.tmp").exists())
        self.assert_ends_well(proxy)

    def test_what_replaces_the_file_is_on_the_disk_first(self) -> None:
        self.write(5)
        trace = self.folder / "trace"
        # -D: the program keeps the process id that is waited for
        strace = ("strace", "-D", "-f", "-y", "-o", str(trace), "-e", "trace=fsync,fdatasync,/^rename")
        if shutil.which("strace") is None:
            self.skipTest("strace is not there")
        if subprocess.run([*strace, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("nothing may be traced here")
        proxy = self.start(within=strace)
        with load_of(proxy, self.origin):
            folder = re.escape(str(self.state.parent))
            told = re.compile(
                rf"fsync\(\d+<{folder}/learning\.json\.tmp>\) += 0\n(?:.*\n)*?"
                rf".*rename.*learning\.json\.tmp.*learning\.json\".* = 0\n(?:.*\n)*?"
                rf".*fsync\(\d+<{folder}>\) += 0\n"
            )
            self.assertTrue(wait_for(lambda: told.search(trace.read_text()) is not None), trace.read_text())
        first = re.search(r"rename|fsync", trace.read_text())
        self.assertEqual(first[0], "fsync")
