"""The programs a run needs: where they are, which Debian package brings them, and the C tools built from this directory."""

import os
import pathlib
import shutil
import subprocess

from .errors import Failed

SOURCES = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "squid": "squid-openssl", "tinyproxy": "tinyproxy", "wrk": "wrk", "strace": "strace",
            "taskset": "util-linux", "openssl": "openssl", "cc": "gcc libc6-dev libssl-dev", "security_file_certgen": "squid-openssl"}
C_TOOLS = {"floor": "floor.c", "load_get": "tools/load_get.c", "load_hold": "tools/load_hold.c", "load_bulk": "tools/load_bulk.c",
           "load_tls": "tools/load_tls.c", "launch": "tools/launch.c"}
_LIBRARIES = {"load_tls": ("-lssl", "-lcrypto")}
_SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin:/usr/lib/squid"  # where Debian keeps daemons, outside a user's PATH


def find(program: str) -> str | None:
    return shutil.which(program, path=_SEARCH)


def require(program: str) -> str:
    found = find(program)
    if found is None:
        raise Failed(f"{program} is not installed")
    return found


def install_line(programs: list[str]) -> str:
    packages = sorted({PACKAGES[program] for program in programs})
    return "apt-get install --yes --no-install-recommends " + " ".join(packages)


def install(programs: list[str]) -> None:
    """Installs what PROGRAMS need; RUNLEVEL=1 keeps the packages from starting their daemons."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for line in ("apt-get update", install_line(programs)):
        subprocess.run(line.split(), env=quiet, check=True)


def build_tools(directory: pathlib.Path) -> dict[str, str]:
    """Compiles the C tools that are older than their sources; name → path."""
    directory.mkdir(parents=True, exist_ok=True)
    newest_header = max(header.stat().st_mtime for header in SOURCES.glob("tools/*.h"))
    built = {}
    for name, source in C_TOOLS.items():
        target, source_file = directory / name, SOURCES / source
        if not target.exists() or target.stat().st_mtime < max(newest_header, source_file.stat().st_mtime):
            subprocess.run([require("cc"), "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-o", str(target), str(source_file),
                            *_LIBRARIES.get(name, ())], check=True)
        built[name] = str(target)
    return built
