"""The same GiB through a CONNECT tunnel. The floor takes the request as it is: it relays everything anyway."""

from harness.bench import Bench
from harness.case import Case, Figure
from harness.peers import Peer

from . import bulk


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    assert peer.tunnel is not None
    return bulk.measure_through(bench, peer, peer.tunnel)


CASE = Case(
    name="tunnel", about="1 GiB through a CONNECT tunnel", measure=measure, placement="apart",
    peers=("floor", "floor-splice", "squid", "tinyproxy", "backoffd"),
    figures=(Figure("cpu", "CPU-s per GiB", "<= 0.25, 1.15 x floor-splice", digits=3), bulk.FIGURE_RATE))
