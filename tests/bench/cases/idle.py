"""Many clients that were served once and now say nothing: the user memory a proxy keeps for each."""

import json
import time

from harness import process
from harness.bench import Bench
from harness.case import KEEPING, Case, Figure
from harness.errors import Skipped
from harness.peers import Peer

MOST_CLIENTS = 10_000
SETTLE_SECONDS = 1.5  # for buffers given back by a timer
SECONDS_AT_MOST = 90


def held_bytes(bench: Bench, peer: Peer, path: str, count: int, way: str) -> float:
    """Bytes of anonymous memory the proxy holds for each of COUNT connections that load_hold keeps open by WAY."""
    with bench.proxy(peer) as proxy:
        before = proxy.anonymous_bytes()
        with process.Conversation(bench.load_command("load_hold", proxy, path, count, SECONDS_AT_MOST, way)) as load:
            load.hear()
            time.sleep(SETTLE_SECONDS)
            held = proxy.anonymous_bytes() - before
            load.say()
            still_open = json.loads(load.hear())["open"]
    if still_open < count:
        raise Skipped(f"closed {count - still_open} of {count} connections by itself")
    return held / count


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    return {"bytes": held_bytes(bench, peer, "/small", bench.settings.idle_clients, "get")}


def measure_tunnel(bench: Bench, peer: Peer) -> dict[str, float]:
    assert peer.tunnel is not None
    return {"bytes": held_bytes(bench, peer, "/small", bench.settings.idle_clients, peer.tunnel)}


CASE = Case(
    name="idle", about=f"up to {MOST_CLIENTS:,} idle keep-alive clients", peers=KEEPING, measure=measure, rounds=1,
    crowded=True, figures=(Figure("bytes", "user memory, bytes per client", "<= 1,024; 512 as the stretch", digits=0),))

TUNNEL_CASE = Case(
    name="idle-tunnel", about=f"up to {MOST_CLIENTS:,} idle CONNECT tunnels", peers=("floor", "squid", "tinyproxy", "backoffd"),
    measure=measure_tunnel, rounds=1, crowded=True,
    figures=(Figure("bytes", "user memory, bytes per tunnel", "<= 1,024", digits=0),))
