"""The clients: how each downloads a URL through a proxy, with its own retries off so that the proxy's work is seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
DEBIAN_MODULES = "/usr/share/nodejs"  # where Debian keeps Node's libraries
ROOTS = ("ssl_cert_file", "ssl_cert_dir", "ca_bundle", "sslcainfo", "ssl_cainfo", "extra_ca_certs")  # variables
TIMEOUT = 15  # seconds one client may take; the longest takes two on a quiet machine


@dataclass(frozen=True)
class Job:
    """One download."""

    url: str
    proxy: str  # http://127.0.0.1:PORT
    file: Path  # where the client is to write
    ca: Path  # certificates the client is to trust


@dataclass(frozen=True)
class Done:
    status: int  # exit status of the client
    text: str  # what it printed

    @property
    def last_line(self) -> str:
        return (self.text.strip().splitlines() or ["(silent)"])[-1]


def run(command: list[str], timeout: float = TIMEOUT, cwd: Path | None = None, **environment: str) -> Done:
    """Runs a client with no proxy, roots, rc file or home of this machine's user in its way; `timeout` in seconds."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith(("_proxy", *ROOTS))}
    clean |= {"LC_ALL": "C", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"} | environment
    try:
        done = subprocess.run(
            command, env=clean, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Done(124, f"{command[0]}: no end within {timeout} s")
    return Done(done.returncode, done.stdout.decode(errors="replace"))


def curl(job: Job, *more: str) -> Done:
    command = ["curl", "-q", "-sS", "--fail", "--noproxy", "", "-x", job.proxy, "--cacert", str(job.ca)]
    return run([*command, "-o", str(job.file), *more, job.url])


def wget(job: Job, *more: str) -> Done:
    proxies = [part for name in ("http", "https") for part in ("-e", f"{name}_proxy={job.proxy}")]
    command = ["wget", "--no-config", "-nv", "--tries=1", "--timeout=12", "--no-hsts", f"--ca-certificate={job.ca}"]
    return run([*command, "-e", "use_proxy=yes", *proxies, *more, "-O", str(job.file), job.url])


def aria2c(job: Job, *more: str) -> Done:
    command = [
        "aria2c", "--no-conf", "--quiet", "--max-tries=1", "--split=1", "--file-allocation=none", "--allow-overwrite",
        "--auto-file-renaming=false", f"--all-proxy={job.proxy}", f"--ca-certificate={job.ca}",
        f"--dir={job.file.parent}", f"--out={job.file.name}",
    ]  # fmt: skip
    return run([*command, *more, job.url])


@cache
def python_with(library: str) -> str | None:
    """A Python that has the library: the one that runs this, or the distribution's."""
    for python in (sys.executable, "/usr/bin/python3"):
        if shutil.which(python) and run([python, "-c", f"import {library}"]).status == 0:
            return python
    return None


def python_library(library: str) -> Callable[[Job], Done]:
    def download(job: Job) -> Done:
        script = str(HERE / "python_client.py")
        python = python_with(library) or sys.executable
        return run([python, script, library, job.url, job.proxy, str(job.file), str(job.ca)])

    return download


def node(way: str) -> Callable[[Job], Done]:
    def download(job: Job) -> Done:
        flags = ["--use-env-proxy"] if way == "fetch" and node_reads_proxy_variables() else []
        command = ["node", *flags, str(HERE / "node_client.mjs"), way, job.url, job.proxy, str(job.file)]
        variables = {"NODE_EXTRA_CA_CERTS": str(job.ca), "HTTP_PROXY": job.proxy, "HTTPS_PROXY": job.proxy}
        return run(command, **variables, NODE_PATH=DEBIAN_MODULES)

    return download


def _program(name: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(name) else f"{name} is not installed"


def _library(name: str) -> Callable[[], str]:
    return lambda: "" if python_with(name) else f"no Python here has {name}"


@cache
def node_reads_proxy_variables() -> bool:
    return run(["node", "--use-env-proxy", "-e", "0"]).status == 0


def _fetch_missing() -> str:
    if not shutil.which("node"):
        return "node is not installed"
    if node_reads_proxy_variables() or run(["node", "-e", "require('undici')"], NODE_PATH=DEBIAN_MODULES).status == 0:
        return ""
    return "this Node's fetch takes no proxy from the environment, and undici is not installed"


@dataclass(frozen=True)
class Client:
    name: str
    download: Callable[..., Done]
    missing: Callable[[], str]  # why it cannot be tried here; "" if it can
    tunnels_http: Callable[[], bool] = lambda: False  # it asks for a tunnel for plain http too


CLIENTS = [
    Client("curl", curl, _program("curl")),
    Client("wget", wget, _program("wget")),
    Client("aria2c", aria2c, _program("aria2c")),
    Client("urllib", python_library("urllib"), _library("urllib")),
    Client("requests", python_library("requests"), _library("requests")),
    Client("urllib3", python_library("urllib3"), _library("urllib3")),
    Client("httpx", python_library("httpx"), _library("httpx")),
    Client("aiohttp", python_library("aiohttp"), _library("aiohttp")),
    Client("node-http", node("http"), _program("node")),
    Client("node-fetch", node("fetch"), _fetch_missing, lambda: not node_reads_proxy_variables()),  # undici does
]
