#!/usr/bin/python3
"""The same work through backoffd and through the proxies Debian ships, side by side.

    tests/bench/run.py                      every case
    tests/bench/run.py small latency        some of them
    tests/bench/run.py small --peers nginx,haproxy,backoffd --seconds 1 --rounds 2

Everything runs on loopback with one worker for each proxy and nginx as the origin; caching and logging are off for the others. The table
shows absolute figures and, in brackets, the ratio to the best peer of the same run: machines differ, ratios last. The floor is a relay that
copies bytes and understands nothing. Table and raw figures are kept under build/bench/.
"""

import argparse
import os
import pathlib
import resource
import signal
import sys

sys.dont_write_bytecode = True  # leave the source tree as it is; before the imports that would write there

import cases
from cases.idle import MOST_CLIENTS
from harness import peers, programs, report, rounds
from harness.bench import Settings
from harness.case import PLACEMENTS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _names(known: list[str]):
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return chosen
    return parse


def _arguments() -> argparse.Namespace:
    placements = "\n".join(f"  {name:17} {meaning}" for name, meaning in PLACEMENTS.items())
    listing = "\n".join(f"  {case.name:17} {case.about}" for case in cases.ALL)
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"cases:\n{listing}\n\nplacements:\n{placements}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="cases to run (default: all)")
    parser.add_argument("--peers", type=_names(list(peers.BY_NAME)), default=list(peers.BY_NAME), metavar="A,B,...",
                        help="proxies to run: " + ", ".join(peers.BY_NAME))
    parser.add_argument("--seconds", type=int, default=2, help="timed load for each proxy in each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of alternation; memory and system calls take one (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=10_000, help="requests counted under strace (default: %(default)s)")
    parser.add_argument("--idle-clients", type=int, default=MOST_CLIENTS, help="idle clients and tunnels (default and most: %(default)s)")
    parser.add_argument("--placement", choices=PLACEMENTS, help="who runs on which core, for all cases instead of each one's own")
    parser.add_argument("--backoffd", default=str(ROOT / "build" / "backoffd"), metavar="FILE", help="the program under test")
    parser.add_argument("--backoffd-access-log", choices=("on", "off"), default="on", help="on, as shipped, or off as the others have it")
    parser.add_argument("--backoffd-arg", action="append", default=[], metavar="ARG", help="one more argument for backoffd; may be repeated")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "bench", metavar="DIR", help="where tools and results are kept")
    parser.add_argument("--install", action="store_true", help="install what is missing (root only)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in cases.BY_NAME]
    if unknown:
        parser.error(f"unknown case: {', '.join(unknown)}; known: {', '.join(cases.BY_NAME)}")
    if arguments.seconds < 1 or arguments.rounds < 1 or arguments.requests < 1 or not 1 <= arguments.idle_clients <= MOST_CLIENTS:
        parser.error(f"--seconds, --rounds and --requests are at least 1, --idle-clients 1 to {MOST_CLIENTS}")
    return arguments


def _have_programs(may_install: bool) -> None:
    missing = [program for program in programs.PACKAGES if programs.find(program) is None]
    if not missing:
        return
    if may_install and os.geteuid() == 0:
        programs.install(missing)
        return
    print(f"missing: {', '.join(missing)}. As root: {programs.install_line(missing)}", file=sys.stderr)
    if {"nginx", "wrk", "taskset", "openssl", "cc"} & set(missing):
        sys.exit(1)  # without an origin, a load or a compiler there is nothing to run; without a peer there still is


def _idle_clients_allowed(wanted: int) -> int:
    """Raises the descriptor limit as far as we may; how many idle clients then fit (a proxy needs two descriptors for a tunnel)."""
    needed = 2 * wanted + 4096
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(needed, soft), max(needed, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    allowed = min(wanted, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1024) // 2)
    if allowed < wanted:
        print(f"only {allowed} idle clients: the limit of open files is {hard} and may not be raised", file=sys.stderr)
    return allowed


def _end_politely(*_: object) -> None:
    raise KeyboardInterrupt  # as Ctrl-C: every context manager ends the processes it started


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _end_politely)
    _have_programs(arguments.install)
    chosen = [case for case in cases.ALL if not arguments.cases or case.name in arguments.cases]
    options = peers.Options(arguments.backoffd, arguments.backoffd_access_log, tuple(arguments.backoffd_arg),
                            programs.build_tools(arguments.out / "tools"), os.geteuid() == 0)
    settings = Settings(arguments.seconds, arguments.rounds, _idle_clients_allowed(arguments.idle_clients), arguments.requests,
                        arguments.placement, options)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    done = []
    try:
        for case in chosen:
            tell(f"-- {case.name}: {case.about}")
            done.append(rounds.run(case, arguments.peers, settings, tell))
    except KeyboardInterrupt:
        tell("stopped: the table holds the cases that were finished")
    text = report.table(done)
    name = "all" if len(chosen) == len(cases.ALL) else "-".join(case.name for case in chosen)
    kept = {"seconds": settings.seconds, "rounds": settings.rounds, "requests": settings.requests, "idle_clients": settings.idle_clients,
            "placement": settings.placement or "each case's own", "backoffd_access_log": options.access_log}
    report.keep(arguments.out, name, text, report.as_json(done, kept))
    print(text, end="")
    failed = any(reason.startswith("failed") for results in done for reason in results.absent.values())
    return 1 if failed or len(done) < len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
