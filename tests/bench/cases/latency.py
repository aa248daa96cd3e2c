"""One client asking again and again: the time a proxy adds while nothing waits in a queue.

Only proxies that keep the client connection: wrk does not count the time to open one, which would be a present to the others.
"""

from harness.bench import Bench
from harness.case import KEEPING, Case, Figure
from harness.peers import Peer


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    with bench.proxy(peer) as proxy:
        bench.get(proxy, clients=1, requests=1000)
        done = bench.wrk(proxy, clients=1)
    return {"p50": done["p50_us"], "p99": done["p99_us"]}


FIGURES = (Figure("p50", "median, us", "<= best peer", digits=0), Figure("p99", "99th percentile, us", "<= best peer", digits=0))

# Left to itself the scheduler keeps the three processes on one core or spreads them, and the median jumps by a factor of five between the two.
# Both are measured on purpose: apart, where a request pays for wake-ups across cores, and together, where only the work itself is left.
CASE = Case(
    name="latency", about="one client, small keep-alive GETs, proxy on a core of its own", peers=("direct", *KEEPING), measure=measure,
    placement="apart", figures=FIGURES)

ONE_CORE_CASE = Case(
    name="latency-one-core", about="the same with client, proxy and origin on one core", peers=("direct", *KEEPING), measure=measure,
    placement="together", figures=FIGURES)
