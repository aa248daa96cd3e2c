"""What happens to the files of a folder, told by the kernel at once (inotify(7))."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_EVENT = struct.Struct("iIII")
_KINDS = {0x20: "opened", 0x80: "moved to"}  # IN_OPEN, IN_MOVED_TO


class Watch:
    """One folder. Has fileno(), so that select() can wait for it."""

    def __init__(self, folder: Path) -> None:
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or _libc.inotify_add_watch(self._fd, os.fsencode(folder), sum(_KINDS)) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def fileno(self) -> int:
        return self._fd

    def read(self) -> list[tuple[str, str]]:
        """(file name, what happened to it) since the last call; never waits."""
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return []
        found = []
        while data:
            _, mask, _, length = _EVENT.unpack_from(data)
            name = data[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
            found.append((os.fsdecode(name), _KINDS.get(mask & sum(_KINDS), "")))
            data = data[_EVENT.size + length :]
        return found
