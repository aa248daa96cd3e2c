"""A peer that takes what is written slowly but steadily is waited for, though for longer than timeouts.stall none of it is
seen to leave: the kernel's buffers hide minutes of it. Downloads, tunnels and uploads, over real sockets in real time."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from pathlib import Path

from support import ProxyProcess, fetch

STALL = 5  # seconds
LASTS = 14  # seconds: a peer of which nothing was seen would have been given up twice
STEP = 0.1  # seconds
TAKEN = 8 << 10  # bytes in each step


def take_slowly(peer: socket.socket, seconds: float, most: int = 1 << 40) -> int:
    """Reads at 80 KiB/s; how much came before `seconds` were over, `most` bytes or an end."""
    until, taken = time.monotonic() + seconds, 0
    while taken < most and time.monotonic() < until:
        data = peer.recv(min(TAKEN, most - taken))
        if not data:
            break
        taken += len(data)
        time.sleep(STEP)
    return taken


def read_head(peer: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = peer.recv(1)
        if not data:
            raise EOFError(f"no head but {head!r}")
        head += data
    return head


class Origin:
    """Answers GET with more than anybody takes here, and takes what is put there as slowly."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        peer, _ = self.listening.accept()
        with peer:
            try:
                head = read_head(peer)
                if head.startswith(b"GET"):
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                    while True:
                        peer.sendall(bytes(1 << 16))
                length = int(head.split(b"ontent-Length: ")[1].split(b"\r\n")[0])
                if take_slowly(peer, 4 * LASTS, length) == length:
                    peer.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                pass  # the proxy, or the test, has had enough


class SlowPeers(unittest.TestCase):
    def __init__(self, method: str, backoffd: Path, root: Path) -> None:
        super().__init__(method)
        self.backoffd, self.root = backoffd, root

    def id(self) -> str:
        return f"slow peers: {self._testMethodName.removeprefix('test_')}"

    def setUp(self) -> None:
        self.origin = Origin()
        self.addCleanup(self.origin.listening.close)
        settings = [f"timeouts.{name}={STALL}s" for name in ("stall", "response_head", "tunnel_idle")]
        flags = [part for setting in settings for part in ("--set", setting)]
        log = self.root / f"slow-{self._testMethodName}.log"
        self.proxy = ProxyProcess(self.backoffd, log, "--connect-ports", "any", "--workers", "1", *flags)
        self.addCleanup(self.proxy.stop)
        self.client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=4 * LASTS)
        self.addCleanup(self.client.close)

    def test_download(self) -> None:
        self.client.sendall(f"GET http://{self.origin.address}/ HTTP/1.1\r\nHost: {self.origin.address}\r\n\r\n".encode())
        self.assertIn(b" 200 ", read_head(self.client))
        began = time.monotonic()
        self.assertGreater(take_slowly(self.client, LASTS), 0)
        self.assertGreaterEqual(time.monotonic() - began, LASTS, "it was ended")

    def test_tunnel(self) -> None:
        self.client.sendall(f"CONNECT {self.origin.address} HTTP/1.1\r\nHost: {self.origin.address}\r\n\r\n".encode())
        self.assertIn(b" 200 ", read_head(self.client))
        self.client.sendall(b"GET / HTTP/1.1\r\nHost: origin\r\n\r\n")
        self.assertIn(b" 200 ", read_head(self.client))
        take_slowly(self.client, LASTS)  # of what the kernel holds the client sees no end
        in_flight = fetch(f"http://127.0.0.1:{self.proxy.admin_port}/exchanges")
        self.assertIn('"state":"tunnel"', in_flight.replace(" ", ""))

    def test_upload(self) -> None:
        body = bytes(int(LASTS / STEP) * TAKEN)  # the kernel's at once, on both sides
        head = f"PUT http://{self.origin.address}/ HTTP/1.1\r\nHost: {self.origin.address}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.client.sendall(head.encode() + body)
        self.assertIn(b" 204 ", read_head(self.client))


def groups(backoffd: Path, root: Path) -> list[list[unittest.TestCase]]:
    return [[SlowPeers(name, backoffd, root)] for name in unittest.TestLoader().getTestCaseNames(SlowPeers)]
