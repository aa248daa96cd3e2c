"""The proxies compared: how each is started, and what it can do."""

import dataclasses
import pathlib
import typing

from . import programs, template


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a proxy runs: its ports, its own directory, the connections it must be able to hold."""
    port: int
    origin_port: int
    directory: pathlib.Path
    connections: int  # client connections at once; each may need a second descriptor upstream
    admin_port: int
    options: "Options"

    @property
    def descriptors(self) -> int:
        return 2 * self.connections + 64


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says about the proxy under test."""
    binary: str
    access_log: str  # "on": a file in the temporary directory, as shipped; "off"
    extra: tuple[str, ...]
    tools: dict[str, str]
    as_root: bool


@dataclasses.dataclass(frozen=True)
class Peer:
    """`role` decides what its figures are for: "ours" is judged, a "peer" is judged against, the "floor" bounds both."""
    name: str
    role: str
    command: typing.Callable[[Place], list[str]]
    program: str | None = None  # found on the machine; None: brought by us
    tunnel: str | None = None  # how it carries a tunnel: "connect", or "raw" for a relay that needs no CONNECT


def nginx_command(config: str, directory: pathlib.Path) -> list[str]:
    return [programs.require("nginx"), "-p", str(directory), "-e", "stderr", "-c", config]


def nginx_user(as_root: bool) -> str:
    """Workers of a root master would drop to an account that may not read a temporary directory; without root the line draws a warning."""
    return "user root;" if as_root else ""


def _nginx(at: Place) -> list[str]:
    config = template.render("nginx.conf", at.directory, user=nginx_user(at.options.as_root), port=at.port, origin=at.origin_port,
                             connections=at.descriptors)
    return nginx_command(config, at.directory)


def _haproxy(at: Place) -> list[str]:
    config = template.render("haproxy.cfg", at.directory, port=at.port, origin=at.origin_port, connections=at.connections)
    return [programs.require("haproxy"), "-db", "-f", config]


def _squid(at: Place) -> list[str]:
    return [programs.require("squid"), "-N", "-f", template.render("squid.conf", at.directory, port=at.port, descriptors=at.descriptors)]


def _tinyproxy(at: Place) -> list[str]:
    config = template.render("tinyproxy.conf", at.directory, port=at.port, connections=at.connections)
    return [programs.require("tinyproxy"), "-d", "-c", config]


def _floor(at: Place) -> list[str]:
    return [at.options.tools["floor"], str(at.port), str(at.origin_port)]


def _floor_splice(at: Place) -> list[str]:
    return [*_floor(at), "splice"]


def _backoffd(at: Place) -> list[str]:
    log = str(at.directory / "access.log") if at.options.access_log == "on" else "off"
    return [at.options.binary, "--listen", f"127.0.0.1:{at.port}", "--admin", f"127.0.0.1:{at.admin_port}", "--workers", "1",
            "--allow", "127.0.0.0/8", "--connect-ports", "any", "--access-log", log, "--state-dir", str(at.directory / "state"),
            *at.options.extra]


def _none(_: Place) -> list[str]:
    return []


ALL = [
    Peer("direct", "floor", _none),
    Peer("floor", "floor", _floor, tunnel="raw"),
    Peer("floor-splice", "floor", _floor_splice, tunnel="raw"),
    Peer("nginx", "peer", _nginx, program="nginx"),
    Peer("haproxy", "peer", _haproxy, program="haproxy"),
    Peer("squid", "peer", _squid, program="squid", tunnel="connect"),
    Peer("tinyproxy", "peer", _tinyproxy, program="tinyproxy", tunnel="connect"),
    Peer("backoffd", "ours", _backoffd, tunnel="connect"),
]
BY_NAME = {peer.name: peer for peer in ALL}
