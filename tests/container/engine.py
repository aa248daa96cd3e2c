"""Containers as these tests make them: podman's, named after this run, and gone with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

VERSION = re.search('kVersion = "(.*)"', (ROOT / "admin" / "version.h").read_text())[1]  # type: ignore[index]
IMAGE = f"localhost/backoffd:{VERSION}"
TOOLS = "localhost/backoffd-tools:latest"  # of tools.Dockerfile
USER = 65532  # the image's
HARDENED = (
    "--read-only", "--cap-drop=ALL", "--security-opt", "no-new-privileges", "--pids-limit", "64",
)  # fmt: skip

if os.geteuid() == 0:
    os.environ["CONTAINERS_CONF"] = str(ROOT / "docker" / "containers.conf")


def podman(*arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(["podman", *arguments], capture_output=True, text=True, errors="replace", timeout=timeout)
    if check and ran.returncode != 0:
        raise RuntimeError(f"podman {' '.join(arguments)}: exit {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran


class World:
    """What one run makes. `close` removes all of it, the last first, however far it came."""

    def __init__(self) -> None:
        self._mine = f"backoffd-test-{os.getpid()}"
        self._number = 0
        self._made: list[tuple[str, ...]] = []  # how each thing is removed

    def name(self, what: str) -> str:
        self._number += 1
        return f"{self._mine}-{what}-{self._number}"

    def container(self, what: str, *options: str, image: str = IMAGE, command: tuple[str, ...] = ()) -> Container:
        name = self.name(what)
        self._made.append(("rm", "--force", "--ignore", "--volumes", "--time", "0", name))
        podman("run", "--detach", "--pull=never", "--name", name, *options, image, *command)
        return Container(name)

    def volume(self, what: str) -> str:
        name = self.name(what)
        self._made.append(("volume", "rm", "--force", name))
        podman("volume", "create", name)
        return name

    def extract(self, path: str, folder: Path) -> Path:
        """A file of the image, on this machine."""
        name = self.name("extract")
        self.remove_later("rm", "--force", "--ignore", "--volumes", name)
        podman("create", "--pull=never", "--name", name, IMAGE)
        podman("cp", f"{name}:{path}", str(folder))
        return folder / Path(path).name

    def remove_later(self, *arguments: str) -> None:
        self._made.append(arguments)

    def close(self) -> None:
        while self._made:
            podman(*self._made.pop(), check=False)


class Container:
    """One that was started; it may have ended since."""

    def __init__(self, name: str) -> None:
        self.name = name

    def inspect(self) -> dict:
        return json.loads(podman("inspect", self.name).stdout)[0]

    def exists(self) -> bool:
        return podman("container", "exists", self.name, check=False).returncode == 0

    def pid(self) -> int:
        """Of its first process, as the machine sees it; 0 where it does not run."""
        return self.inspect()["State"]["Pid"]

    def exec(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return podman("exec", self.name, *command, check=False, timeout=timeout)

    def health(self) -> int:
        """The exit status of the image's own HEALTHCHECK."""
        return podman("healthcheck", "run", self.name, check=False).returncode

    def logs(self) -> str:
        ran = podman("logs", self.name)
        return ran.stdout + ran.stderr

    def stop(self, seconds: int = 30) -> int:
        """SIGTERM, and SIGKILL if that did not help in time. The exit status."""
        podman("stop", "--time", str(seconds), self.name)
        return self.inspect()["State"]["ExitCode"]

    def kill(self) -> None:
        podman("kill", "--signal", "KILL", self.name)
        podman("wait", self.name)

    def start(self) -> None:
        podman("start", self.name)


def volume_folder(volume: str) -> Path:
    return Path(json.loads(podman("volume", "inspect", volume).stdout)[0]["Mountpoint"])
