#!/usr/bin/env python3
"""What an operator's tools see: the admin interface as its OpenAPI document says, metrics as Prometheus takes them, the
Grafana dashboard and the alert rules. Ends with "N passed, N failed, N skipped". Needs Debian's own Python
(python3-jsonschema) and its package prometheus."""

from __future__ import annotations

import argparse
import shutil
import sys
import unittest
from pathlib import Path

import test_openapi
import test_prometheus
from support import verdict  # the path is world.py's

MODULES = [test_openapi, test_prometheus]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backoffd", type=Path, default=Path("build/backoffd"))
    parser.add_argument("names", nargs="*", help="only tests whose name contains one of these")
    options = parser.parse_args()
    for module in MODULES:
        module.BINARY = options.backoffd.absolute()
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in options.names] or None
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in MODULES)
    if lacking := [name for name in ("prometheus", "promtool") if shutil.which(name) is None]:
        print(f"there is no {' and no '.join(lacking)} here (make deps-test installs it)")
        print(f"0 passed, 0 failed, {suite.countTestCases()} skipped")
        return 0
    return verdict.run(suite)


if __name__ == "__main__":
    sys.exit(main())
