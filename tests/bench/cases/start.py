"""From exec to the first 200, and the memory resident then."""

import json

from harness import process, procfs
from harness.bench import Bench
from harness.case import EVERYBODY, Case, Figure
from harness.peers import Peer

LAUNCHES = 5  # in each round; the fastest counts, for a launch can be held up by the machine but not hurried by it
SECONDS_AT_MOST = 20


def _launch(bench: Bench, peer: Peer) -> tuple[float, float]:
    """Milliseconds to the first 200, and MiB resident then."""
    at = bench.place(peer)
    command = [bench.settings.options.tools["launch"], str(at.port), str(at.origin_port), "/small", str(SECONDS_AT_MOST),
               *peer.command(at)]
    with process.Conversation(command) as launch:
        started = json.loads(launch.hear())
        return started["ms"], procfs.resident_bytes(started["pid"]) / 2**20


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    milliseconds, resident = min(_launch(bench, peer) for _ in range(LAUNCHES))
    return {"ms": milliseconds, "rss": resident}


CASE = Case(
    name="start", about=f"exec to the first 200, the fastest of {LAUNCHES}; resident memory then", peers=EVERYBODY, measure=measure,
    figures=(Figure("ms", "time to the first 200, ms", "<= 5"), Figure("rss", "resident at start, MiB", "<= 8")))
