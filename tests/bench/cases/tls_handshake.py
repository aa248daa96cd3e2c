"""Interception of short-lived clients: each brings a CONNECT, a handshake, one small GET, and leaves.

What OpenSSL computes for a handshake is most of it. `own` is the whole less a new connection in plain through the same proxy; `mint` compares
two greetings of the same hosts, of which only the first has to make their leaves.
"""

from harness.bench import Bench, Proxy
from harness.case import INTERCEPTING, Case, Figure
from harness.peers import Peer

CLIENTS = 32
NO_END = 10**9
HOSTS = 512  # so few that every proxy keeps all their leaves
SECONDS_AT_MOST = 60


def _plain_milliseconds(bench: Bench, proxy: Proxy) -> float:
    before = proxy.cpu_seconds()
    done = bench.get(proxy, CLIENTS, requests=NO_END, seconds=bench.settings.seconds / 2, manner="leave")
    return (proxy.cpu_seconds() - before) / done["requests"] * 1e3


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    with bench.intercepting_proxy(peer) as proxy:
        seconds = bench.settings.seconds
        bench.tls(proxy, "/small", "full", CLIENTS, requests=10 * CLIENTS, seconds=seconds)
        full = bench.tls(proxy, "/small", "full", CLIENTS, NO_END, seconds)
        resumed = bench.tls(proxy, "/small", "resumed", CLIENTS, NO_END, seconds)
        plain = _plain_milliseconds(bench, proxy)
        first, again = (bench.tls(proxy, "/small", "greet", CLIENTS, HOSTS, SECONDS_AT_MOST)["cpu"] for _ in range(2))
    each = full["cpu"] / full["requests"] * 1e3
    figures = {"full": each, "own": each - plain, "mint": (first - again) / HOSTS * 1e3}
    if resumed["resumed"] == resumed["requests"]:
        figures["resumed"] = resumed["cpu"] / resumed["requests"] * 1e3
    return figures


CASE = Case(
    name="tls-handshake", about=f"CONNECT, TLS 1.3 handshake, one small GET, leave; {CLIENTS} at once", peers=INTERCEPTING, measure=measure,
    figures=(Figure("full", "full handshakes, CPU-s per 1,000 connections", "<= 0.4", digits=3),
             Figure("resumed", "resumed by ticket, CPU-s per 1,000", "", digits=3),
             Figure("own", "a full handshake by itself, CPU-ms", "", digits=3),
             Figure("mint", "minting a leaf, CPU-ms", "", digits=3)))
