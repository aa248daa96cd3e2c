"""One body of 1 GiB with Content-Length: what moving bytes costs."""

import json

from harness import process
from harness.bench import Bench
from harness.case import Case, Figure
from harness.peers import Peer

SECONDS_AT_MOST = 60


def measure_through(bench: Bench, peer: Peer, way: str) -> dict[str, float]:
    """The big body through PEER by WAY ("get", "connect", "raw"): CPU-seconds and rate for each GiB."""
    with bench.proxy(peer) as proxy:
        command = bench.load_command("load_bulk", proxy, "/big", SECONDS_AT_MOST, way)
        before = proxy.cpu_seconds()
        done = json.loads(process.run(command, SECONDS_AT_MOST + 5))
        spent = proxy.cpu_seconds() - before
    gib = done["bytes"] / 2**30
    return {"cpu": spent / gib, "rate": gib / done["seconds"]}


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    return measure_through(bench, peer, "get")


FIGURE_RATE = Figure("rate", "GiB per second", "", more_is_better=True)

CASE = Case(
    name="bulk", about="a 1 GiB body with Content-Length", measure=measure, placement="apart",
    peers=("floor", "floor-splice", "nginx", "haproxy", "squid", "tinyproxy", "backoffd"),
    figures=(Figure("cpu", "CPU-s per GiB", "<= 0.9 x haproxy", digits=3), FIGURE_RATE))
