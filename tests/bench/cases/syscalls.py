"""System calls for each small keep-alive request, counted by strace over a fixed number of them."""

import json
import signal
import subprocess
import tempfile

from harness import process, procfs, programs
from harness.bench import Bench
from harness.case import KEEPING, Case, Figure
from harness.errors import Failed
from harness.peers import Peer

CLIENTS = 64


class Tracer:
    """strace -c on a running tree; `calls()` ends it and tells the sum."""

    def __init__(self, pid: int):
        self._summary = tempfile.NamedTemporaryFile("r", prefix="bench-strace-")
        members = procfs.tree(pid)
        command = [programs.require("strace"), "-c", "-f", "-o", self._summary.name, *(part for m in members for part in ("-p", str(m)))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for _ in members:
            line = self._process.stderr.readline()
            if " attached" not in line:
                self.close()
                raise Failed(f"strace: {line.strip() or 'ended'}")

    def calls(self) -> int:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        for line in self._summary.read().splitlines():
            if line.endswith(" total"):
                return int(line.split()[3])
        raise Failed("strace wrote no total")

    def close(self) -> None:
        process.end(self._process)
        self._summary.close()


def measure(bench: Bench, peer: Peer) -> dict[str, float]:
    with bench.proxy(peer) as proxy:
        assert proxy.pid is not None
        command = bench.load_command("load_get", proxy, "/small", CLIENTS, bench.settings.requests, 60, "keep", "hold")
        with process.Conversation(command) as load:
            load.hear()  # connections open and warm: only requests are traced
            tracer = Tracer(proxy.pid)
            try:
                load.say()
                done = json.loads(load.hear())
                calls = tracer.calls()
            finally:
                tracer.close()
    return {"calls": calls / done["requests"]}


CASE = Case(
    name="syscalls", about=f"system calls per small keep-alive GET, {CLIENTS} clients, strace", peers=KEEPING, measure=measure, rounds=1,
    figures=(Figure("calls", "system calls per request", "<= 4.2"),))
