#!/usr/bin/python3
"""What learning reaches at simulated providers: accepted requests in per cent of what the provider had to give, and the share of answers that
throttle; ours beside a policy that knows everything (oracle), AWS adaptive retry and the reference model.

    tests/bench/learning.py                                 the fixed scenarios and R901-R960
    tests/bench/learning.py --scenarios S01,S14 --seeds 3
    tests/bench/learning.py --scenarios R1-R100 --policies oracle,ours

The oracle never goes above the configured limit, as ours does not: where that is below the provider's, neither reaches 100.
"""

import argparse
import multiprocessing
import os
import pathlib
import re
import statistics
import sys

sys.dont_write_bytecode = True  # leave the source tree as it is; before the imports that would write there

from learning import policies, random_scenarios, report, simulator
from learning.scenarios import FIXED

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _scenario(key: str):
    return FIXED[key] if key in FIXED else random_scenarios.scenario(int(key[1:]))


def _keys(text: str) -> list[str]:
    keys = []
    for part in text.split(","):
        span = re.fullmatch(r"R(\d{1,6})(?:-R?(\d{1,6}))?", part)
        if part == "S":
            keys += FIXED
        elif span:
            first = int(span[1])
            keys += [f"R{number}" for number in range(first, int(span[2] or first) + 1)]
        elif part in FIXED:
            keys.append(part)
        else:
            raise argparse.ArgumentTypeError(f"no such scenario: {part}; there are S01-S{len(FIXED)}, S for all of them, and R1, R2-R9, ...")
    return keys


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in policies.NAMES]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(policies.NAMES)}")
    return names


def _measure(job):
    key, seed, names, command = job
    policies.Driver.command = command
    scenario = _scenario(key)
    best = simulator.run(scenario, policies.Unbounded, seed)
    figures = {}
    for name in names:
        result = best if name == "unbounded" else simulator.run(scenario, policies.NAMES[name], seed)
        figures[name] = (result.accepted / max(1, best.accepted), result.refused_share)
    return key, figures


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=_keys, default=None, metavar="KEYS", help="such as S01,S14,R1-R100; S: all the fixed ones")
    parser.add_argument("--policies", type=_names, default=["oracle", "aws", "reference", "ours"], metavar="A,B,...",
                        help="of " + ", ".join(policies.NAMES))
    parser.add_argument("--seeds", type=int, default=2, help="runs of each (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: %(default)s)")
    parser.add_argument("--driver", default=str(ROOT / "build" / "learning-driver"), metavar="FILE", help="the product's learner")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="keeps the tables there too")
    return parser.parse_args()


def main():
    arguments = _arguments()
    if "ours" in arguments.policies and not os.access(arguments.driver, os.X_OK):
        raise SystemExit(f"{arguments.driver}: no such program; make {arguments.driver}")
    keys = arguments.scenarios or [*FIXED, *_keys("R901-R960")]
    jobs = [(key, seed, arguments.policies, arguments.driver) for key in keys for seed in range(1, arguments.seeds + 1)]
    measured = {}
    with multiprocessing.Pool(arguments.jobs) as pool:
        for done, (key, figures) in enumerate(pool.imap_unordered(_measure, jobs), 1):
            for name, pair in figures.items():
                measured.setdefault((key, name), []).append(pair)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(jobs)}", end="", file=sys.stderr, flush=True)
    figures = {at: tuple(statistics.fmean(column) for column in zip(*pairs)) for at, pairs in measured.items()}
    texts = []
    for title, chosen in (("Fixed scenarios", [key for key in keys if key in FIXED]), ("Random scenarios", [key for key in keys if key not in FIXED])):
        if chosen:
            title = f"{title}, mean of {arguments.seeds}: accepted in % of what the provider had to give, throttling answers in %"
            texts.append(report.table(title, [_scenario(key) for key in chosen], figures, arguments.policies))
    text = "\n".join(texts)
    print("\n" + text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
