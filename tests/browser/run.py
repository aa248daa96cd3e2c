#!/usr/bin/env python3
"""The dashboard in headless Chromium: what a person sees, does and is protected from. Ends with "N passed, N failed, N
skipped"; the screenshots are in the folder `screenshots` of the build tree."""

from __future__ import annotations

import argparse
import sys
import unittest
from pathlib import Path

import test_page
import test_security
import test_traffic
from support import verdict  # the path is world.py's
from webdriver import missing

MODULES = [test_page, test_traffic, test_security]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backoffd", type=Path, default=Path("build/backoffd"))
    parser.add_argument("names", nargs="*", help="only tests whose name contains one of these")
    options = parser.parse_args()
    for module in MODULES:
        module.BINARY = options.backoffd
        module.SCREENSHOTS = options.backoffd.parent / "screenshots"
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in options.names] or None
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in MODULES)
    if lacking := missing():
        print(f"there is no {lacking} here (make deps-test installs it)")
        print(f"0 passed, 0 failed, {suite.countTestCases()} skipped")
        return 0
    return verdict.run(suite)


if __name__ == "__main__":
    sys.exit(main())
