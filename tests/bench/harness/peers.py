"""The proxies compared: how each is started, and what it can do."""

import dataclasses
import pathlib
import shutil
import typing

from . import certificates, process, programs, template


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a proxy runs: its ports, its own directory, the connections it must be able to hold."""
    port: int
    origin_port: int
    origin_root: pathlib.Path  # certificate that the origin's TLS leads to
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
class Interception:
    """How a proxy is started that looks into TLS, and the root that its clients have to trust, there once it listens."""
    command: list[str]
    root: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Peer:
    """`role` decides what its figures are for: "ours" is judged, a "peer" is judged against, the "floor" bounds both."""
    name: str
    role: str
    command: typing.Callable[[Place], list[str]]
    program: str | None = None  # found on the machine; None: brought by us
    tunnel: str | None = None  # how it carries a tunnel: "connect", or "raw" for a relay that needs no CONNECT
    intercepting: typing.Callable[[Place], Interception] | None = None


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
    return _squid_command(template.render("squid.conf", at.directory, listen=f"127.0.0.1:{at.port}", descriptors=at.descriptors))


def _squid_command(config: str) -> list[str]:
    return [programs.require("squid"), "-N", "-f", config]


def _squid_intercepting(at: Place) -> Interception:
    authority = certificates.self_signed(at.directory, "authority")
    certgen, leaves = programs.require("security_file_certgen"), at.directory / "leaves"
    process.run([certgen, "-c", "-s", str(leaves), "-M", "64MB"], seconds=20)
    if at.options.as_root:  # it drops its privileges, and its helper writes there
        for path in (leaves, *leaves.rglob("*")):
            shutil.chown(path, "proxy")
    plain = template.render("squid.conf", at.directory, descriptors=at.descriptors,
                            listen=f"127.0.0.1:{at.port} ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=64MB "
                                   f"tls-cert={authority.certificate} tls-key={authority.key}")
    config = template.render("squid_bump.conf", at.directory, plain=plain, certgen=certgen, leaves=leaves, origin_root=at.origin_root)
    return Interception(_squid_command(config), authority.certificate)


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


def _backoffd_intercepting(at: Place) -> Interception:
    published = at.directory / "published"
    return Interception([*_backoffd(at), "--intercept", "all", "--ca", "ephemeral", "--upstream-ca", str(at.origin_root),
                         "--set", f"tls.publish_dir={published}"], published / "ca-root.pem")


def _none(_: Place) -> list[str]:
    return []


ALL = [
    Peer("direct", "floor", _none),
    Peer("aes-gcm", "floor", _none),
    Peer("floor", "floor", _floor, tunnel="raw"),
    Peer("floor-splice", "floor", _floor_splice, tunnel="raw"),
    Peer("nginx", "peer", _nginx, program="nginx"),
    Peer("haproxy", "peer", _haproxy, program="haproxy"),
    Peer("squid", "peer", _squid, program="squid", tunnel="connect", intercepting=_squid_intercepting),
    Peer("tinyproxy", "peer", _tinyproxy, program="tinyproxy", tunnel="connect"),
    Peer("backoffd", "ours", _backoffd, tunnel="connect", intercepting=_backoffd_intercepting),
]
BY_NAME = {peer.name: peer for peer in ALL}
