"""Runs a suite of unittest, and ends with what tests/run.py reads: "N passed, N failed, N skipped"."""

from __future__ import annotations

import sys
import unittest


def run(suite: unittest.TestSuite) -> int:
    """The exit status: 0 where something ran and nothing failed."""
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    # A test counts once, however many of its subtests fail.
    failed = {getattr(test, "test_case", test) for test, _ in result.failures + result.errors}
    # A set-up of a class or module that fails is a failure, and no test that ran.
    ran_and_failed = sum(isinstance(test, unittest.TestCase) for test in failed)
    passed = result.testsRun - len(result.skipped) - ran_and_failed
    print(f"{passed} passed, {len(failed)} failed, {len(result.skipped)} skipped")
    return 1 if failed or not result.testsRun else 0
