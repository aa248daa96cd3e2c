"""Clients that asked for 1 GiB and stopped reading: the user memory a proxy fills for each of them."""

from harness.bench import Bench
from harness.case import EVERYBODY, Case, Figure
from harness.peers import Peer

from . import idle

SLEEPERS = 16  # several, so that what one costs stands clear of the allocator's rounding


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    return {"kib": idle.held_bytes(bench, peer, "/big", SLEEPERS, "sleep") / 1024}


CASE = Case(
    name="sleeper", about="clients asleep inside a 1 GiB body", peers=EVERYBODY, measure=measure, rounds=1,
    figures=(Figure("kib", "user memory, KiB per sleeper", "<= 512", digits=1),))
