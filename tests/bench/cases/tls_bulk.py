"""One body of 1 GiB inside intercepted TLS, beside what decrypting and encrypting a GiB costs by itself."""

from harness import process, programs
from harness.bench import Bench
from harness.case import INTERCEPTING, Case, Figure
from harness.errors import Failed
from harness.peers import Peer

from . import bulk

RECORD = 16384


def _cipher_seconds_per_gib(direction: list[str]) -> float:
    """CPU-seconds that `openssl speed` needs for a GiB in whole records, one way."""
    said = process.run([programs.require("openssl"), "speed", "-mr", "-seconds", "1", "-bytes", str(RECORD), *direction, "-evp", "aes-256-gcm"],
                       seconds=30)
    for line in said.splitlines():
        if line.startswith("+F:"):  # +F:number:cipher:bytes per second of user time
            return 2**30 / float(line.rpartition(":")[2])
    raise Failed("openssl speed told no figure")


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    if peer.name == "aes-gcm":
        return {"cpu": _cipher_seconds_per_gib(["-decrypt"]) + _cipher_seconds_per_gib([])}
    with bench.intercepting_proxy(peer) as proxy:
        done = bench.tls(proxy, "/big", "bulk", clients=1, requests=1, seconds=bulk.SECONDS_AT_MOST)
    gib = done["bytes"] / 2**30
    return {"cpu": done["cpu"] / gib, "rate": gib / done["seconds"]}


CASE = Case(
    name="tls-bulk", about="a 1 GiB body through interception; aes-gcm: what the cipher costs both ways", measure=measure, placement="apart",
    peers=("aes-gcm", *INTERCEPTING), figures=(Figure("cpu", "CPU-s per GiB", "<= 1.0", digits=3), bulk.FIGURE_RATE))
