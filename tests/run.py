#!/usr/bin/env python3
"""Runs every test suite of a build tree and ends with one line: "N passed, N failed, N skipped".

Each suite prints its own report; what it says of itself is added up. A suite that ends without a summary, with an
exit code that its summary does not explain, or not at all, counts as one failure. As many run side by side as there are
processors: most of their time is spent waiting for something to happen.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

GTEST = {
    "passed": re.compile(r"^\[  PASSED  \] (\d+) tests?\.", re.M),
    "failed": re.compile(r"^\[  FAILED  \] (\d+) tests?, listed", re.M),
    "skipped": re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed", re.M),
}
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests?", re.M)
UNITTEST_BAD = re.compile(r"(failures|errors|skipped)=(\d+)")


def counts(text: str) -> tuple[int, int, int] | None:
    """(passed, failed, skipped) as the suite's own last words have it; None when it has none."""
    plain = PLAIN.findall(text)
    if plain:
        return tuple(int(n or 0) for n in plain[-1])
    if GTEST["passed"].search(text):
        return tuple(int(m.group(1)) if (m := GTEST[k].search(text)) else 0 for k in ("passed", "failed", "skipped"))
    ran = UNITTEST_RAN.search(text)
    if ran:
        bad = {k: int(v) for k, v in UNITTEST_BAD.findall(text)}
        failed = bad.get("failures", 0) + bad.get("errors", 0)
        return int(ran.group(1)) - failed - bad.get("skipped", 0), failed, bad.get("skipped", 0)
    return None


# Debian's own Python has the clients that its packages bring.
DEBIAN_PYTHON = "/usr/bin/python3"


def suites(out: str) -> list[tuple[str, list[str]]]:
    """Every suite with its command; the longest come first, so that none is left to run alone at the end."""

    def program(name: str) -> tuple[str, list[str]]:
        return name, [os.path.join(out, name), "--gtest_brief=1"]

    def script(name: str, python: str = sys.executable) -> tuple[str, list[str]]:
        return name, [python, f"tests/{name}/run.py", "--backoffd", os.path.join(out, "backoffd")]

    replays = [
        (os.path.basename(path), [path, f"tests/fuzz/corpus/{os.path.basename(path).removeprefix('replay-')}"])
        for path in sorted(glob.glob(os.path.join(out, "replay-*")))
    ]
    return [
        script("browser"),
        program("proxy-test"),
        script("persistence"),
        script("clients", DEBIAN_PYTHON),
        program("admin-test"),
        script("monitoring", DEBIAN_PYTHON),
        script("exec", DEBIAN_PYTHON),
        script("cli"),
        program("policy-test"),
        script("experiment"),
        ("provider", [sys.executable, "tests/support/provider_test.py"]),
        *replays,
    ]


# What a suite may take: several times what the slowest one does with a sanitizer.
SUITE_SECONDS = 1200


def default_signals() -> None:
    """As from a terminal, also under nohup and as a shell's background job: an ignored signal is inherited."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def run(name: str, command: list[str]) -> tuple[str, tuple[int, int, int]]:
    """What to print of one suite, and its counts."""
    started = time.monotonic()
    # A file and no pipe: what a suite has left running may hold its output open.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        try:
            ended = subprocess.run(command, timeout=SUITE_SECONDS, preexec_fn=default_signals, **streams)
            how, good = f"exit code {ended.returncode}", ended.returncode == 0
        except subprocess.TimeoutExpired:
            how, good = f"ended after {SUITE_SECONDS} s", False
        output.seek(0)
        text = output.read()
    found = counts(text)
    if found is None or (not good and found[1] == 0):
        found = (found or (0, 0, 0))[0], (found or (0, 0, 0))[1] + 1, (found or (0, 0, 0))[2]
    report = f"{text}\n{name}: {how}\n" if found[1] else ""
    took = time.monotonic() - started
    return f"{report}{name}: {found[0]} passed, {found[1]} failed, {found[2]} skipped ({took:.1f} s)", found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="build", help="the build tree with the test programs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="suites side by side")
    parser.add_argument("names", nargs="*", help="only these suites")
    options = parser.parse_args()
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        chosen = [suite for suite in suites(options.out) if not options.names or suite[0] in options.names]
        for done in concurrent.futures.as_completed([pool.submit(run, *suite) for suite in chosen]):
            text, found = done.result()
            print(text, flush=True)
            total = [a + b for a, b in zip(total, found)]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
