"""A new client connection for each request: accept, one exchange, farewell."""

import functools

from harness.bench import Bench
from harness.case import EVERYBODY, Case, Figure
from harness.peers import Peer

CLIENTS = 32


def measure(bench: Bench, peer: Peer, manner: str) -> dict[str, float]:
    with bench.proxy(peer) as proxy:
        bench.get(proxy, CLIENTS, requests=20 * CLIENTS, manner=manner)
        before = proxy.cpu_seconds()
        done = bench.get(proxy, CLIENTS, requests=10**9, seconds=bench.settings.seconds, manner=manner)
        spent = proxy.cpu_seconds() - before
    return {"cpu": spent / done["requests"] * 1e5, "rate": done["requests"] / done["seconds"]}


FIGURES = (Figure("cpu", "CPU-s per 100,000 requests", "<= best peer", digits=3),
           Figure("rate", "requests per second", "", digits=0, more_is_better=True))

CASE = Case(
    name="newconn", about=f"a new connection each request, Connection: close, {CLIENTS} at once", peers=EVERYBODY,
    measure=functools.partial(measure, manner="close"), figures=FIGURES)

# curl and a single requests.get() announce nothing: the proxy has to notice that they have gone.
CURL_CASE = Case(
    name="newconn-leave", about=f"a new connection each request, the client leaves unannounced, {CLIENTS} at once", peers=EVERYBODY,
    measure=functools.partial(measure, manner="leave"), figures=FIGURES)
