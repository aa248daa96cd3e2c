#!/usr/bin/env python3
"""Runs every test suite of a build tree and ends with one line: "N passed, N failed, N skipped".

Each suite prints its own report; what it says of itself is added up. A suite that ends without a summary, or with an
exit code that its summary does not explain, counts as one failure.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
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


def suites(out: str) -> list[tuple[str, list[str]]]:
    programs = [(name, [os.path.join(out, name), "--gtest_brief=1"]) for name in ("policy-test", "proxy-test", "admin-test")]
    replays = [
        (os.path.basename(path), [path, f"tests/fuzz/corpus/{os.path.basename(path).removeprefix('replay-')}"])
        for path in sorted(glob.glob(os.path.join(out, "replay-*")))
    ]
    scripts = [
        ("provider", [sys.executable, "tests/support/provider_test.py"]),
        ("browser", [sys.executable, "tests/browser/run.py", "--backoffd", os.path.join(out, "backoffd")]),
        ("persistence", [sys.executable, "tests/persistence/run.py", "--backoffd", os.path.join(out, "backoffd")]),
        ("experiment", [sys.executable, "tests/experiment/run.py", "--backoffd", os.path.join(out, "backoffd")]),
        ("clients", ["/usr/bin/python3", "tests/clients/run.py", "--backoffd", os.path.join(out, "backoffd")]),
        ("exec", ["/usr/bin/python3", "tests/exec/run.py", "--backoffd", os.path.join(out, "backoffd")]),
    ]
    return programs + replays + scripts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="build", help="the build tree with the test programs")
    parser.add_argument("names", nargs="*", help="only these suites")
    options = parser.parse_args()
    total = [0, 0, 0]
    for name, command in suites(options.out):
        if options.names and name not in options.names:
            continue
        started = time.monotonic()
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        found = counts(run.stdout)
        if found is None or (run.returncode != 0 and found[1] == 0):
            found = (found or (0, 0, 0))[0], (found or (0, 0, 0))[1] + 1, (found or (0, 0, 0))[2]
        if found[1]:
            print(run.stdout)
            print(f"{name}: exit code {run.returncode}")
        print(f"{name}: {found[0]} passed, {found[1]} failed, {found[2]} skipped ({time.monotonic() - started:.1f} s)", flush=True)
        total = [a + b for a, b in zip(total, found)]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
