#!/usr/bin/env python3
"""The command line as people have it: on terminals, in three shells, beside a proxy that runs.

    tests/cli/run.py [--backoffd build/backoffd] [-k WORD]
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

import case  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd", metavar="PATH")
    parser.add_argument("-k", default="", metavar="WORD", help="only tests whose name has this in it")
    options = parser.parse_args()
    case.Case.backoffd = options.backoffd.resolve()
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{options.k}*"]
    modules = [importlib.import_module(path.stem) for path in sorted(Path(__file__).parent.glob("test_*.py"))]
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in modules)
    with tempfile.TemporaryDirectory(prefix="backoffd-cli-test-") as folder:
        case.Case.folder = Path(folder)
        os.chdir(folder)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    raise SystemExit(main())
