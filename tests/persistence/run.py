#!/usr/bin/env python3
"""Learned state over restarts, crashes and bad disks, with the real program.

    tests/persistence/run.py [--backoffd build/backoffd] [--kills 25] [--seed N] [-k WORD]

Starts its own origins and proxies on free loopback ports and ends them by their process ids. The last line is
"N passed, N failed, N skipped"; exit status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

import kills  # it brings tests/support into the path
import verdict
from bad_state import BadState

ROOT = Path(__file__).resolve().parents[2]


class Kills(unittest.TestCase):
    def __init__(self, method: str, binary: Path, count: int, seed: int) -> None:
        super().__init__(method)
        self._binary, self._count, self._seed = binary, count, seed

    def test_nothing_that_was_written_is_lost_by_kills(self) -> None:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="backoffd-kills-") as folder:
            faults, seen = kills.run(self._binary, Path(folder), self._count, self._seed)
        figures = ", ".join(f"{count} {what}" for what, count in seen.items())
        print(f"seed {self._seed}: {figures}, {len(faults)} faults in {time.monotonic() - began:.0f} s", flush=True)
        self.assertEqual(faults, [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd", metavar="PATH")
    parser.add_argument("--kills", type=int, default=25, help="how often the program is killed (default 25)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of their moments (default: any)")
    parser.add_argument("-k", default="", metavar="WORD", help="only tests whose name has this in it")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that the children are ended
    BadState.binary = options.backoffd.resolve()
    tests = [
        Kills("test_nothing_that_was_written_is_lost_by_kills", BadState.binary, options.kills, options.seed),
        *unittest.defaultTestLoader.loadTestsFromTestCase(BadState),
    ]
    suite = unittest.TestSuite(test for test in tests if options.k in test.id())
    return verdict.run(suite)


if __name__ == "__main__":
    raise SystemExit(main())
