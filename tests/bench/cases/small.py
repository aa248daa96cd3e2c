"""Small keep-alive GETs from 64 clients: what a proxy costs for each request, once everything is open and warm."""

from harness.bench import Bench
from harness.case import EVERYBODY, Case, Figure
from harness.errors import Failed
from harness.peers import Peer

CLIENTS = 64


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    with bench.proxy(peer) as proxy:
        bench.get(proxy, clients=CLIENTS, requests=50 * CLIENTS)
        before = proxy.cpu_seconds()
        done = bench.wrk(proxy, CLIENTS)
        spent = proxy.cpu_seconds() - before
    if done["status_errors"] or not done["requests"]:
        raise Failed(f"{done['status_errors']} of {done['requests']} answers were no success")
    return {"cpu": spent / done["requests"] * 1e5, "rate": done["requests"] / done["seconds"]}


CASE = Case(
    name="small", about=f"small keep-alive GETs, {CLIENTS} clients, wrk", peers=EVERYBODY, measure=measure,
    figures=(Figure("cpu", "CPU-s per 100,000 requests", "<= 0.9 x best peer", digits=3),
             Figure("rate", "requests per second", "", digits=0, more_is_better=True)))
