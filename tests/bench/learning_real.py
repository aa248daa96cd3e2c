#!/usr/bin/python3
"""Learned limits with real sockets in real time: the program between 64 clients and tests/support/provider.py, beside
what the simulator says of the same provider, the same clients and the same throttle in virtual time.

    tests/bench/learning_real.py                       every case, 13 minutes
    tests/bench/learning_real.py bucket window --scale 0.5
    tests/bench/learning_real.py --list

Every client asks again as soon as it is answered, so that the limit is all there is to hold them. Goodput is what the
provider accepted, in per cent of what its limit had to give in that time (its burst counted); `settled` the same of the
last half, or of the last half of what comes after the limit's last change (a little over 100 where some of the burst
was left for it); `429` the share of the provider's answers; `to 90 %` the seconds until the provider had given 90 % of
its limit over ten seconds (or two windows) and did so on the whole from there to the end, counted from the limit's last
change.

All traffic stays on 127.0.0.1. The table goes to standard output and --out, the samples behind it to the same with .json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # leave the source tree as it is; before the imports that would write there

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))  # first: this folder has another harness

from harness import ProviderProcess, ProxyProcess, fetch  # noqa: E402
from learning import policies, simulator  # noqa: E402
from learning.limits import Concurrency, FixedWindow, TokenBucket  # noqa: E402
from learning.scenarios import Scenario  # noqa: E402
from load import Load  # noqa: E402

CLIENTS = 64
WORKERS = 4
SAMPLE = 0.5  # seconds
SEEDS = 5  # of the simulation
LOOKED_AT = 10  # seconds over which convergence is looked at


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    about: str
    limit: str  # of the provider, as provider.py writes it
    configured: int  # requests/s
    seconds: float
    simulated: tuple  # the same limit in the simulator
    latency: float = 0.1  # seconds the provider takes to answer
    retry_after: str = "none"
    ban: float = 0.0
    steps: tuple = ((0, 1.0),)  # factors on the limit, from these seconds on

    def allowed(self, second: int) -> float:
        """What the provider has to give in that second of the run; a burst counts as part of the first."""
        kind, *figures = self.simulated
        factor = [factor for since, factor in self.steps if since <= second][-1]
        if kind is TokenBucket:
            rate, burst = figures
            return rate * factor + (burst if second == 0 else 0)
        if kind is FixedWindow:
            count, length = figures
            return count / length * factor
        return figures[0] / self.latency * factor

    def scaled(self, scale: float) -> Case:
        """The same, shorter or longer. Steps of the limit are moved with it."""
        def limit(text: str) -> str:
            rate, at, begins = text.partition("@")
            return rate + (f"@{float(begins) * scale:g}" if at else "")

        return dataclasses.replace(
            self,
            seconds=round(self.seconds * scale),
            limit=",".join(limit(step) for step in self.limit.split(",")),
            steps=tuple((since * scale, factor) for since, factor in self.steps),
        )


CASES = (
    Case("bucket", "token bucket 200/s, configured 400/s", "bucket:200/s", 400, 60, (TokenBucket, 200, 200)),
    Case("window", "300 in each 10 s, configured 60/s, silent", "fixed:300/10s", 60, 90, (FixedWindow, 300, 10)),
    Case("concurrency", "3 at once, 150 ms each, configured 60/s", "concurrent:3", 60, 90, (Concurrency, 3),
         latency=0.15),
    Case("ban", "20/s, each refusal bans for 3 s, configured 40/s", "ban:20/s:ban=3s", 40, 180, (TokenBucket, 20, 20),
         ban=3),
    Case("seconds", "20/s, Retry-After in seconds, configured 100/s", "bucket:20/s", 100, 60, (TokenBucket, 20, 20),
         retry_after="delta"),
    Case("date", "20/s, Retry-After as a date, configured 100/s", "bucket:20/s", 100, 60, (TokenBucket, 20, 20),
         retry_after="date"),
    Case("steps", "40/s, 10/s after 30 s, 40/s again after 90 s", "bucket:40/s,10/s@30,40/s@90", 40, 240,
         (TokenBucket, 40, 40), steps=((0, 1), (30, 0.25), (90, 1))),
)  # fmt: skip


@dataclasses.dataclass
class Figures:
    goodput: float  # per cent
    settled: float  # per cent
    refused: float  # per cent of the answers
    converged: float  # seconds; infinity: never


def figures(case: Case, accepted: list[float], refused: float) -> Figures:
    """`accepted` by second of the run."""
    seconds = len(accepted)
    allowed = [case.allowed(second) for second in range(seconds)]
    changed = round(case.steps[-1][0])

    def share(begin: int, end: int) -> float:
        return 100 * sum(accepted[begin:end]) / sum(allowed[begin:end])

    window = LOOKED_AT * (2 if case.simulated[0] is FixedWindow else 1)
    begins = range(changed, seconds - window + 1)
    reached = [t for t in begins if share(t, t + window) >= 90 and share(t, seconds) >= 90]
    return Figures(
        share(0, seconds),
        share(max(changed + (seconds - changed) // 2, seconds // 2), seconds),
        100 * refused / max(1, refused + sum(accepted)),
        reached[0] - changed if reached else float("inf"),
    )


def by_second(samples: list[dict], seconds: int) -> list[float]:
    """What a count that only grows has grown by in each second; between two samples it grows evenly."""
    def count(t: float) -> float:
        after = next((sample for sample in samples if sample["t"] >= t), samples[-1])
        before = samples[max(0, samples.index(after) - 1)]
        span = after["t"] - before["t"]
        share = min(1.0, (t - before["t"]) / span) if span > 0 else 1.0
        return before["accepted"] + share * (after["accepted"] - before["accepted"])

    return [count(second + 1) - count(second) for second in range(seconds)]


def measure(case: Case, backoffd: Path) -> tuple[Figures, list[dict]]:
    """One run in real time; also what was seen every SAMPLE seconds."""
    rule = f"limit={case.limit}&retry-after={case.retry_after}&fault=slow-head:{case.latency}s@all"
    with tempfile.TemporaryDirectory(prefix="backoffd-bench-") as folder:
        config = Path(folder) / "config.json"
        limits = [f"{case.configured}/SECOND"]
        known = {"name": "bench", "hosts": ["127.0.0.1"], "limits": limits, "max_wait": "1h"}
        config.write_text(json.dumps({"providers": [known]}))
        origin = ProviderProcess("--rule", "*", rule)
        try:
            proxy = ProxyProcess(backoffd, Path(folder) / "log", "--config", str(config), "--workers", str(WORKERS),
                                 "--access-log", "off", "--enable-provider-learning")  # fmt: skip
            try:
                samples = _samples(case, origin, proxy)
            finally:
                proxy.stop()
        finally:
            origin.stop()
    accepted = by_second(samples, int(case.seconds))
    return figures(case, accepted, samples[-1]["refused"]), samples


def _samples(case: Case, origin: ProviderProcess, proxy: ProxyProcess) -> list[dict]:
    samples = []
    with Load(proxy.port, [f"{origin.url}/bytes/200/x"], CLIENTS):
        began = time.monotonic()
        while not samples or samples[-1]["t"] < case.seconds:
            time.sleep(max(0.0, began + len(samples) * SAMPLE - time.monotonic()))
            seen = json.loads(fetch(f"{origin.url}/stats"))
            t = time.monotonic() - began
            learning = json.loads(fetch(f"http://127.0.0.1:{proxy.admin_port}/learning"))["providers"]
            entry = next(iter(learning.values()), {})
            samples.append({
                "t": round(t, 3), "accepted": seen["accepted"], "refused": seen["refused"],
                "status": entry.get("status"), "effective": entry.get("effective_limit"),
                "reduction": entry.get("reduction_pct"), "reason": (entry.get("last_change") or {}).get("reason"),
            })  # fmt: skip
    return samples


def kept(case: Case, samples: list[dict]) -> dict:
    """A run as the chart draws it."""
    allowed = [case.allowed(second) for second in range(int(case.seconds))]
    return {"about": case.about, "configured": case.configured, "allowed": allowed, "samples": samples}


def simulate(case: Case, driver: Path) -> Figures | None:
    """The same in the simulator, the mean of some seeds; none where its driver has not been built."""
    if not driver.is_file():
        return None
    policies.Driver.command = str(driver)
    simulator.NETWORK = 0.0002  # loopback
    scenario = Scenario(
        case.name, case.about, case.seconds, case.configured, (case.simulated,), workers=CLIENTS, steps=case.steps,
        shape="date" if case.retry_after == "date" else "ietf",
        options={"latency": case.latency, "spread": 0.0, "ban": case.ban,
                 "retry_after": None if case.retry_after == "none" else "exact"},
    )  # fmt: skip
    runs = [simulator.run(scenario, policies.Driver, seed) for seed in range(1, SEEDS + 1)]
    all_figures = [figures(case, run.each_second[: int(case.seconds)], run.refused) for run in runs]
    return Figures(*(statistics.mean(column) for column in zip(*map(dataclasses.astuple, all_figures))))


COLUMNS = f"{'goodput':>9}{'settled':>9}{'429':>8}{'to 90 %':>9}"


def row(figures_of: Figures | None) -> str:
    if figures_of is None:
        return f"{'-':>9}{'-':>9}{'-':>8}{'-':>9}"
    reached = f"{figures_of.converged:.0f} s" if figures_of.converged < float("inf") else "never"
    return f"{figures_of.goodput:>7.1f} %{figures_of.settled:>7.1f} %{figures_of.refused:>6.2f} %{reached:>9}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd")
    parser.add_argument("--driver", type=Path, default=ROOT / "build" / "learning-driver", help="of the simulator")
    parser.add_argument("--scale", type=float, default=1.0, help="of the lengths of the runs (default 1)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench-learning-real.txt")
    parser.add_argument("--list", action="store_true", help="say which cases there are")
    options = parser.parse_args()
    if options.list:
        for case in CASES:
            print(f"{case.name:<12}{case.about}, {case.seconds:.0f} s")
        return 0
    unknown = set(options.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    lines, everything = [], {}

    def tell(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    tell(f"{CLIENTS} clients, {WORKERS} workers, {os.cpu_count()} cores; load is the machine's own, others included")
    tell(f"{'':<12}{'real':>35}   |{'simulated':>35}\n{'case':<12}{COLUMNS}   |{COLUMNS}")
    for case in CASES:
        if options.cases and case.name not in options.cases:
            continue
        case = case.scaled(options.scale)
        real, samples = measure(case, options.backoffd)
        load = os.getloadavg()[0]
        tell(f"{case.name:<12}{row(real)}   |{row(simulate(case, options.driver))}   {case.about}; load {load:.1f}")
        everything[case.name] = kept(case, samples)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")
    options.out.with_suffix(".json").write_text(json.dumps(everything))
    return 0


if __name__ == "__main__":
    sys.exit(main())
