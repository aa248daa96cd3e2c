"""A program on a terminal of its own, and what it has written there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time

PATIENCE = 30  # seconds; how slow a machine may be


class Terminal:
    def __init__(self, command: list[str], environment: dict[str, str], rows: int = 24, columns: int = 100) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            try:
                os.execvpe(command[0], command, environment)
            finally:
                os._exit(127)
        self.status: int | None = None
        self.text = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read_more(self, wait: float) -> bool:
        """False: nothing came, or nothing will."""
        if not select.select([self.master], [], [], wait)[0]:
            return False
        try:
            part = os.read(self.master, 65536)
        except OSError:  # the program has closed its side
            return False
        self.text += part.decode(errors="replace")
        return bool(part)

    def read_until(self, what: str) -> str:
        """What came up to and with `what`, which is then read."""
        until = time.monotonic() + PATIENCE
        while what not in self.text:
            if time.monotonic() > until or (not self.read_more(1) and self.ended()):
                raise AssertionError(f"no {what!r} in {self.text!r}")
        end = self.text.index(what) + len(what)
        got, self.text = self.text[:end], self.text[end:]
        return got

    def ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait(self) -> int:
        """The exit status; what it wrote last is in `text`."""
        until = time.monotonic() + PATIENCE
        while not self.ended():
            assert time.monotonic() < until, f"it does not end: {self.text!r}"
            self.read_more(0.05)
        while self.read_more(0.05):
            pass
        return self.status

    def close(self) -> None:
        if not self.ended():
            os.kill(self.pid, 9)
            self.wait()
        os.close(self.master)
