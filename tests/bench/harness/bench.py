"""What a measurement works with: an origin, proxies on demand, the load tools, and the rules of placement."""

import contextlib
import dataclasses
import json
import os
import pathlib
import tempfile
import typing

from . import certificates, peers, procfs, process, programs, template
from .case import Case
from .errors import Skipped

SMALL_BODY = "x" * 1024
BIG_BYTES = 1 << 30  # one GiB
FEW_CONNECTIONS = 512


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the command line decides for all cases."""
    seconds: int  # of timed load, for each proxy in each round
    rounds: int
    idle_clients: int
    requests: int  # counted under the tracer
    placement: str | None  # for all cases instead of their own
    options: peers.Options


@dataclasses.dataclass(frozen=True)
class Proxy:
    """A proxy that answers; `pid` is None for the direct path, `root` where TLS is not looked into."""
    port: int
    pid: int | None
    root: pathlib.Path | None = None

    def cpu_seconds(self) -> float:
        return procfs.cpu_seconds(self.pid) if self.pid is not None else 0.0

    def anonymous_bytes(self) -> int:
        return procfs.anonymous_bytes(self.pid) if self.pid is not None else 0


def _cores(placement: str) -> tuple[str | None, str | None]:
    """The cores of the proxy, and those of load and origin, as taskset takes them; None where the scheduler decides."""
    cores = [str(core) for core in sorted(os.sched_getaffinity(0))]
    if placement == "free" or len(cores) == 1:
        return None, None
    return cores[-1], cores[-1] if placement == "together" else ",".join(cores[:-1])


class Bench:
    """One case's surroundings: a temporary directory and a running origin, both gone when the context ends."""

    def __init__(self, settings: Settings, case: Case):
        self.settings, self.case = settings, case
        self._proxy_cores, self._other_cores = _cores(settings.placement or case.placement)
        self._connections = settings.idle_clients + 128 if case.crowded else FEW_CONNECTIONS
        self._stack = contextlib.ExitStack()
        self.origin_port, self._tls_origin_port = process.free_port(), process.free_port()

    def __enter__(self) -> "Bench":
        with contextlib.ExitStack() as stack:
            self._directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
            self._directory.chmod(0o755)  # a proxy that drops its privileges still has to find its own files
            files = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm")))
            files.chmod(0o755)
            self.origin = stack.enter_context(self._start_origin(files))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start_origin(self, files: pathlib.Path) -> process.Server:
        home = self._directory / "origin"
        home.mkdir()
        with open(files / "big", "wb") as big:
            big.truncate(BIG_BYTES)  # a hole in shared memory: zeros without a page behind them, so nothing has to be filled or evicted
        origin = certificates.self_signed(home, "origin")
        self._origin_root = origin.certificate
        config = template.render("origin.conf", home, user=peers.nginx_user(self.settings.options.as_root), port=self.origin_port,
                                 tls_port=self._tls_origin_port, certificate=origin.certificate, key=origin.key,
                                 connections=2 * self._connections, small=SMALL_BODY, files=files)
        return process.Server("origin", peers.nginx_command(config, home), self.origin_port, home, self._other_cores)

    def place(self, peer: peers.Peer) -> peers.Place:
        """A fresh port and directory for one start of PEER."""
        if peer.role == "ours" and not os.access(self.settings.options.binary, os.X_OK):
            raise Skipped("not built")
        if peer.program and programs.find(peer.program) is None:
            raise Skipped("not installed")
        home = pathlib.Path(tempfile.mkdtemp(prefix=f"{peer.name}-", dir=self._directory))
        home.chmod(0o755)
        return peers.Place(process.free_port(), self.origin_port, self._origin_root, home, self._connections, process.free_port(),
                           self.settings.options)

    @contextlib.contextmanager
    def proxy(self, peer: peers.Peer) -> typing.Iterator[Proxy]:
        """PEER freshly started and warmed by a few requests, ended with the context."""
        if peer.name == "direct":
            yield Proxy(self.origin_port, None)
            return
        at = self.place(peer)
        with self._started(peer, peer.command(at), at, None) as proxy:
            yield proxy

    @contextlib.contextmanager
    def intercepting_proxy(self, peer: peers.Peer) -> typing.Iterator[Proxy]:
        """The same, looking into TLS."""
        assert peer.intercepting is not None
        at = self.place(peer)
        interception = peer.intercepting(at)
        with self._started(peer, interception.command, at, interception.root) as proxy:
            yield proxy

    @contextlib.contextmanager
    def _started(self, peer: peers.Peer, command: list[str], at: peers.Place, root: pathlib.Path | None) -> typing.Iterator[Proxy]:
        with process.Server(peer.name, command, at.port, at.directory, self._proxy_cores) as server:
            proxy = Proxy(server.port, server.pid, root)
            self.get(proxy, clients=1, requests=20)
            yield proxy

    def load_command(self, tool: str, proxy: Proxy, path: str, *arguments: object) -> list[str]:
        command = [self.settings.options.tools[tool], str(proxy.port), str(self.origin_port), path, *map(str, arguments)]
        return process.on_cores(command, self._other_cores)

    def get(self, proxy: Proxy, clients: int, requests: int, seconds: float = 30, manner: str = "keep") -> dict[str, float]:
        """Small GETs until REQUESTS answers or SECONDS; what load_get reports."""
        return json.loads(process.run(self.load_command("load_get", proxy, "/small", clients, requests, seconds, manner), seconds + 60))

    def wrk(self, proxy: Proxy, clients: int) -> dict[str, float]:
        """Small keep-alive GETs in absolute form for the set seconds; what config/absolute.lua reports."""
        seconds, host = self.settings.seconds, f"127.0.0.1:{self.origin_port}"
        command = [programs.require("wrk"), "-t1", f"-c{clients}", f"-d{seconds}s", "-s", template.path("absolute.lua"),
                   f"http://127.0.0.1:{proxy.port}/", "--", f"http://{host}/small", host]
        out = process.run(process.on_cores(command, self._other_cores), seconds + 30)
        return json.loads(out.rpartition("RESULT ")[2])

    def tls(self, proxy: Proxy, path: str, manner: str, clients: int, requests: int, seconds: float) -> dict[str, float]:
        """What load_tls reports of MANNER, and as "cpu" the CPU-seconds that the proxy spent on it."""
        command = [self.settings.options.tools["load_tls"], str(proxy.port), str(self._tls_origin_port), path, str(proxy.root), manner,
                   str(clients), str(requests), str(seconds)]
        with process.Conversation(process.on_cores(command, self._other_cores)) as load:
            load.hear()  # connections that are to be open already are
            before = proxy.cpu_seconds()
            load.say()
            done = json.loads(load.hear())
            return {**done, "cpu": proxy.cpu_seconds() - before}
