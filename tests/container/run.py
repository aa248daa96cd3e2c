#!/usr/bin/env python3
"""The container sidecar, built and run.

    tests/container/run.py [--built | --prepare] [-k WORD]

Builds the image (unless --built), runs it hardened, beside an app, by the Kubernetes and Compose files, and ends with
"N passed, N failed". Needs root on a machine with podman; whatever it lacks then is a failure.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import time
import unittest

from compose import Compose, ExistingApp
from engine import ROOT, TOOLS, World, podman  # it brings tests/support into the path
from hardened import Hardened
from image import Image
from lifecycle import LifeCycle
from lint import Lint
from manifests import Kubernetes
from pair import Pair

import verdict

CASES = (Lint, Image, Hardened, LifeCycle, Pair, Kubernetes, Compose, ExistingApp)


def build(stage: str = "runtime") -> None:
    began = time.monotonic()
    built = subprocess.run([ROOT / "docker" / "build.sh", stage], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode != 0:
        told = built.stdout.decode(errors="replace")[-5000:]
        raise SystemExit(f"docker/build.sh {stage}: exit {built.returncode}\n{told}")
    print(f"image: {stage} built in {time.monotonic() - began:.0f} s", flush=True)


def build_tools() -> None:
    base = subprocess.run([ROOT / "docker" / "base.sh"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    here = ROOT / "tests" / "container"
    podman(
        "build", "--quiet", "--isolation", "chroot", "--layers", "--pull=never", "--build-arg", f"BASE={base}",
        "--tag", TOOLS, "--file", str(here / "tools.Dockerfile"), str(here), timeout=600,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--built", action="store_true", help="the image is there already")
    parser.add_argument("--prepare", action="store_true", help="only have ready what needs no source of ours")
    parser.add_argument("-k", default="", metavar="WORD", help="only tests whose name has this in it")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("not root: no containers can be run here\n0 passed, 0 failed")
        return 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda caught, frame: sys.exit(128 + caught))  # so that what was made is removed
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a test opens a thousand connections
    if options.prepare:
        build("packages")
        build_tools()
        return 0
    if not options.built:
        build()
    build_tools()
    world = World()
    try:
        suite = unittest.TestSuite()
        for case in CASES:
            case.world = world
            tests = unittest.defaultTestLoader.loadTestsFromTestCase(case)
            suite.addTests(test for test in tests if options.k in test.id())
        return verdict.run(suite)
    finally:
        world.close()


if __name__ == "__main__":
    raise SystemExit(main())
