#!/usr/bin/env python3
"""Shows what the proxy is for: the same downloads from a misbehaving provider, by curl directly and through backoffd.

    tests/support/demo.py [--backoffd build/backoffd]

Everything runs on free loopback ports and is gone afterwards. Exit status 1 if a download through the proxy is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness import ProviderProcess, ProxyProcess
from misbehave import content

ROOT = Path(__file__).resolve().parents[2]
SIZE = 2 << 20  # bytes of each file
LIMITED = "127.0.0.2"  # a host of its own, because limits and budgets are kept by host
CONFIG = {"providers": [{"name": "library", "hosts": [LIMITED], "limits": ["5/SECOND"]}]}


@dataclass(frozen=True)
class Case:
    title: str
    query: str
    host: str = "127.0.0.1"
    files: int = 1  # asked for at once
    size: int = SIZE  # bytes of each


CASES = [
    Case("503 to the first two tries", "fault=503@1-2"),
    Case("429 with Retry-After: 2", "fault=429:2@1"),
    Case("reset before the head, then inside it", "fault=reset@1,reset-head@2"),
    Case("body cut at a third, then reset at half", "fault=close-body:700000@1,reset-body:half@2"),
    Case("12 files at once, 5 a second allowed", "limit=bucket:5/s&retry-after=delta", LIMITED, 12, 20_000),
]


@dataclass(frozen=True)
class Result:
    statuses: list[str]
    bytes: int
    right: int  # files with the right SHA-256
    attempts: list[int]  # what Backoffd-Attempts says, where it is there
    asked: int  # requests that reached the provider
    seconds: float


def download(case: Case, way: str, provider: ProviderProcess, proxy: str | None, directory: Path) -> Result:
    """Lets one curl take all files of a case; `way` keeps the provider's counts of the two ways apart."""
    number = CASES.index(case) + 1
    path = f"/bytes/{case.size}/{way}/case{number}.pdf"
    command = ["curl", "-q", "-s", "--fail", "--parallel", "--parallel-immediate"]
    command += ["-w", "%{http_code} %{size_download} %header{backoffd-attempts}\\n"]
    # Said outright, because the environment may name another proxy or exempt loopback from any.
    command += ["--noproxy", "", "-x", proxy] if proxy else ["--noproxy", "*"]
    files = [directory / f"{way}{number}-{index}" for index in range(case.files)]
    for index, file in enumerate(files):
        command += ["-o", str(file), f"http://{case.host}:{provider.port}{path}?seed={index}&{case.query}"]
    began = time.monotonic()
    # --parallel shows its progress whatever -s says.
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=90)
    seconds = time.monotonic() - began
    lines = [line.split(" ") for line in done.stdout.splitlines()]
    right = sum(_digest(file) == content.sha256(str(index), case.size) for index, file in enumerate(files))
    attempts = [int(line[2]) for line in lines if line[2]]
    asked = provider.stats()["paths"].get(path, {}).get("requests", 0)
    statuses, total = [line[0] for line in lines], sum(int(line[1]) for line in lines)
    return Result(statuses, total, right, attempts, asked, seconds)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


HEADING = "{:41}{:10}{:16}{:>9}  {:8}{:>8}{:>7}     time".format(
    "what the provider does", "curl", "status", "bytes", "right", "attempts", "asked"
)


def row(title: str, way: str, case: Case, result: Result) -> str:
    """One line of the table."""
    names = {"000": "no answer"}
    counts = Counter(names.get(status, status) for status in result.statuses)
    status = " ".join(f"{count}x {name}" if case.files > 1 else name for name, count in counts.items())
    right = "yes" if result.right == case.files else f"{result.right} of {case.files}" if case.files > 1 else "NO"
    attempts = "-"
    if result.attempts:
        least, most = min(result.attempts), max(result.attempts)
        attempts = str(least) if least == most else f"{least} to {most}"
    return (
        f"{title:41}{way:10}{status:16}{result.bytes:>9}  {right:8}{attempts:>8}{result.asked:>7}"
        f"{result.seconds:>7.1f} s"
    )


def show(provider: ProviderProcess, proxy: ProxyProcess, directory: Path) -> bool:
    """Prints the table; true if every download through the proxy was right."""
    print(HEADING)
    good = True
    for case in CASES:
        direct = download(case, "direct", provider, None, directory)
        print(row(case.title, "directly", case, direct))
        through = download(case, "proxied", provider, proxy.url, directory)
        print(row("", "backoffd", case, through), flush=True)
        good &= through.right == case.files and set(through.statuses) == {"200"}
    print("\nright: SHA-256 as it must be. attempts: Backoffd-Attempts, told before the body and so without resumes.")
    print("asked: requests that reached the provider.")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd", metavar="PATH")
    options = parser.parse_args()
    if not options.backoffd.is_file():
        parser.error(f"{options.backoffd}: not built yet")
    if not shutil.which("curl"):
        parser.error("curl is not installed")
    signal.signal(signal.SIGTERM, lambda number, frame: parser.exit(143))  # so that the children below are ended
    with tempfile.TemporaryDirectory(prefix="backoffd-demo-") as name:
        directory = Path(name)
        (directory / "config.json").write_text(json.dumps(CONFIG, indent=2))
        provider = ProviderProcess("--host", "127.0.0.1", "--host", LIMITED)
        try:
            files = ["--config", str(directory / "config.json"), "--state-dir", str(directory), "--access-log", "off"]
            proxy = ProxyProcess(options.backoffd, directory / "log", *files, "--enable-contextual-retry")
            try:
                good = show(provider, proxy, directory)
            finally:
                proxy.stop()
        finally:
            provider.stop()
    print("\nEvery download through backoffd is right." if good else "\nA download through backoffd is WRONG.")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
