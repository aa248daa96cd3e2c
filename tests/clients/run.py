#!/usr/bin/env python3
"""Real clients through the real proxy.

    tests/clients/run.py [--backoffd build/backoffd] [-k WORD] [--jobs 3] [--seconds 150]

Starts its own origins and proxies on free loopback ports and ends them by their process ids. Clients that are not
installed are skipped and named. The last line is "N passed, N failed, N skipped"; exit status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
import traceback
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apt
import curl_cases
import downloads
import git_http
import intercepted
import npm
import slow_peers
import trust
from world import World

ROOT = Path(__file__).resolve().parents[2]


class Tally(unittest.TestResult):
    """Counts and prints; tests report from several threads."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0
        self.lock = threading.Lock()

    def tell(self, test: unittest.TestCase, seconds: float, own: unittest.TestResult) -> None:
        """Takes over the result of one test that has run by itself."""
        problems = own.failures + own.errors
        with self.lock:
            self.failures += problems
            self.skipped += own.skipped
            self.passed += not problems and not own.skipped
            word = "FAIL" if problems else "skip" if own.skipped else "ok"
            why = f": {own.skipped[0][1]}" if own.skipped else ""
            print(f"{word:5}{test.id()} ({seconds:.1f} s){why}", flush=True)
            for _, text in problems:
                print(text, flush=True)


def run_group(group: list[unittest.TestCase], tally: Tally, until: float) -> None:
    """Runs tests one after another; one that would begin after `until` (monotonic seconds) has failed."""
    for test in group:
        own = unittest.TestResult()
        began = time.monotonic()
        if began < until:
            test.run(own)
        else:
            own.failures.append((test, "not run: out of time\n"))
        tally.tell(test, time.monotonic() - began, own)


class Survival(unittest.TestCase):
    """After all that: the proxies still run, and end well when told to."""

    def __init__(self, method: str, world: World) -> None:
        super().__init__(method)
        self.world = world

    def id(self) -> str:
        return "backoffd: lived through it and drains"

    def test_survival(self) -> None:
        for proxy in self.world.proxies:
            self.assertIsNone(proxy.process.poll(), self.world.log_of(proxy))
            proxy.process.terminate()
            self.assertEqual(proxy.process.wait(5), 0, self.world.log_of(proxy))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd", metavar="PATH")
    parser.add_argument("-k", default="", metavar="WORD", help="only tests whose name has this in it")
    parser.add_argument("--jobs", type=int, default=3, help="clients side by side (default 3)")
    parser.add_argument("--seconds", type=float, default=150, help="no test begins later than this (default 150)")
    options = parser.parse_args()
    if not options.backoffd.is_file():
        print(f"{options.backoffd}: not built yet\n0 passed, 1 failed")
        return 1
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that the children are ended
    began = time.monotonic()
    tally = Tally()
    try:
        world = World(options.backoffd, [*apt.source_hosts(), *npm.registry_hosts()])
    except (OSError, RuntimeError):
        traceback.print_exc()
        print("0 passed, 1 failed")
        return 1
    pool = ThreadPoolExecutor(options.jobs)
    try:
        groups = [
            *npm.groups(world), *apt.groups(world), *git_http.groups(world), *intercepted.groups(world),
            *curl_cases.groups(world), *downloads.groups(world), *trust.groups(options.backoffd, world.root),
            *slow_peers.groups(options.backoffd, world.root),
        ]  # fmt: skip
        chosen = [[test for test in group if options.k in test.id()] for group in groups]
        until = began + options.seconds
        for future in [pool.submit(run_group, group, tally, until) for group in chosen]:
            future.result()
        run_group([Survival("test_survival", world)], tally, until)
    finally:
        # In this order: without a proxy the clients that still run end by themselves.
        world.close()
        pool.shutdown(cancel_futures=True)
    print(f"took {time.monotonic() - began:.0f} s")
    print(f"{tally.passed} passed, {len(tally.failures)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
