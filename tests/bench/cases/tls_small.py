"""Small keep-alive GETs inside intercepted TLS, with TLS to the origin as well."""

from harness.bench import Bench
from harness.case import INTERCEPTING, Case, Figure
from harness.peers import Peer

CLIENTS = 64


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    with bench.intercepting_proxy(peer) as proxy:
        done = bench.tls(proxy, "/small", "keep", CLIENTS, requests=10**9, seconds=bench.settings.seconds)
    return {"cpu": done["cpu"] / done["requests"] * 1e5, "rate": done["requests"] / done["seconds"]}


CASE = Case(
    name="tls-small", about=f"small keep-alive GETs through interception, {CLIENTS} clients", peers=INTERCEPTING, measure=measure,
    figures=(Figure("cpu", "CPU-s per 100,000 requests", "<= 3", digits=3),
             Figure("rate", "requests per second", "", digits=0, more_is_better=True)))
