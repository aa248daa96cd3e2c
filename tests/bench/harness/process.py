"""Child processes that end with us: started with a known pid, ended by that pid, killed by the kernel should we be killed."""

import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

from . import procfs
from .errors import Failed

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_handed_out: set[int] = set()


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A loopback port nobody listens on, below the ephemeral range so that no outgoing connection takes it meanwhile."""
    for _ in range(1000):
        port = random.randint(20000, 32000)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise Failed("no free port between 20000 and 32000")


def on_cores(command: list[str], cores: str | None) -> list[str]:
    """COMMAND kept to CORES ("0", "0,1"); taskset becomes the command, so the pid stays."""
    return ["taskset", "-c", cores, *command] if cores else command


def end(process: subprocess.Popen, patience: float = 5.0) -> None:
    """SIGTERM, PATIENCE seconds, then SIGKILL for what is left of the tree."""
    if process.poll() is not None:
        return
    members = procfs.tree(process.pid)
    process.terminate()
    try:
        process.wait(patience)
        return
    except subprocess.TimeoutExpired:
        pass
    for pid in members:
        if pid in procfs.tree(process.pid):
            os.kill(pid, signal.SIGKILL)
    process.wait()


class Server:
    """A listening process: a context manager that enters once PORT accepts and leaves with the process ended."""

    def __init__(self, name: str, command: list[str], port: int, directory: pathlib.Path, cores: str | None = None):
        self.name, self.port = name, port
        self._command, self._log = on_cores(command, cores), directory / f"{name}.log"
        self._process: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> "Server":
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        try:
            self._wait_until_it_listens(15.0)
        except BaseException:
            end(self._process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        end(self._process)

    def _wait_until_it_listens(self, seconds: float) -> None:
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise Failed(f"{self.name} ended at start: {self._last_words()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise Failed(f"{self.name} does not listen after {seconds:.0f} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def run(command: list[str], seconds: float) -> str:
    """Runs COMMAND to its end within SECONDS; its stdout. A failure carries its last line of stderr."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=_die_with_parent)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"{os.path.basename(command[0])} still ran after {seconds:.0f} s") from None
    finally:
        end(process)
    if process.returncode != 0:
        words = (err or out).strip().splitlines()
        raise Failed(words[-1] if words else f"{command[0]} ended with {process.returncode}")
    return out


class Conversation:
    """A process that is led by lines: it prints one, waits for one on its stdin, and ends when its stdin ends."""

    def __init__(self, command: list[str]):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                         preexec_fn=_die_with_parent)

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            end(self._process)

    def hear(self) -> str:
        """The next line; the tool's own alarm bounds the wait."""
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise Failed(self._process.stderr.read().strip() or "the load tool ended early")
        return line

    def say(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
