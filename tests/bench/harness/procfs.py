"""What a process and its descendants cost, as the kernel counts it."""

import os
import pathlib
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PROC = pathlib.Path("/proc")


def tree(pid: int) -> list[int]:
    """PID and all its living descendants."""
    found, open_ends = [], [pid]
    while open_ends:
        parent = open_ends.pop()
        found.append(parent)
        for children in (PROC / str(parent) / "task").glob("*/children"):
            try:
                open_ends += map(int, children.read_text().split())
            except OSError:
                continue  # the thread ended meanwhile
    return found


def _reaped_seconds(pid: int) -> float:
    """CPU-seconds of children that ended and were waited for: cutime + cstime."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS_PER_SECOND


def cpu_seconds(pid: int) -> float:
    """CPU-seconds (user + system) of the tree, ended threads and children included.

    The process CPU clock is the sum that utime + stime of /proc/PID/stat show, in nanoseconds instead of ticks of 10 ms: a GiB costs so
    few ticks that rounding alone would be several per cent.
    """
    total = 0.0
    for member in tree(pid):
        process_clock = (~member << 3) | 2  # clock_getcpuclockid(3) without libc
        total += time.clock_gettime(process_clock) + _reaped_seconds(member)
    return total


def _kib(pid: int, file: str, field: str) -> int:
    for line in (PROC / str(pid) / file).read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def anonymous_bytes(pid: int) -> int:
    """Bytes of anonymous memory resident in the tree: heap, stacks and written data, no files, nothing of the kernel."""
    return sum(_kib(member, "smaps_rollup", "Anonymous") for member in tree(pid)) * 1024


def resident_bytes(pid: int) -> int:
    """Resident set of the tree, in bytes; pages shared by two processes count twice, as `ps` counts them."""
    return sum(_kib(member, "status", "VmRSS") for member in tree(pid)) * 1024
