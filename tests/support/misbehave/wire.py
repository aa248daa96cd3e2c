"""HTTP/1.1 on the wire: reading a request, and the one way in which bytes leave or a connection is cut."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

HEAD_LIMIT = 64 * 1024  # bytes of a request head, and of a chunk line


class BadRequest(Exception):
    """The request cannot be understood; the connection ends with 400 and this text."""


class Cut(Exception):
    """The connection has been cut on purpose: nothing more can be said on it."""


@dataclass
class Request:
    method: str
    target: str
    version: str
    fields: list[tuple[str, str]]
    path: str = ""
    query: str = ""
    body_bytes: int = 0
    body_sha256: str = ""
    _index: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)  # absolute-form and origin-form alike
        self.path, self.query = parts.path or "/", parts.query
        for name, value in self.fields:
            key = name.lower()
            self._index[key] = f"{self._index[key]}, {value}" if key in self._index else value

    def get(self, name: str) -> str | None:
        """The field's value; several lines are joined by commas."""
        return self._index.get(name)

    @property
    def room(self) -> str:
        """The first segment of the path: it says which part of the provider is meant."""
        return self.path.split("/")[1]

    @property
    def keep_alive(self) -> bool:
        options = (self.get("connection") or "").lower()
        return "close" not in options if self.version == "HTTP/1.1" else "keep-alive" in options


class Wire:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        # With no room above the socket's own, drain() returns only when the kernel has every byte. A cut then loses
        # none of what was said before it.
        if not writer.get_extra_info("ssl_object"):  # over TLS asyncio would wait for ever for a buffer below nothing
            writer.transport.set_write_buffer_limits(0)

    async def request(self) -> Request | None:
        """The next head; None where the client has left between requests."""
        try:
            block = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as short:
            if short.partial.strip():
                raise BadRequest("the head breaks off") from None
            return None
        except asyncio.LimitOverrunError:
            raise BadRequest("the head is too large") from None
        lines = block.decode("latin-1").strip("\r\n").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
            raise BadRequest(f"not a request line: {lines[0]!r}")
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise BadRequest(f"not a field line: {line!r}")
            fields.append((name, value.strip()))
        try:
            return Request(parts[0], parts[1], parts[2], fields)
        except ValueError:
            raise BadRequest(f"not a target: {parts[1]!r}") from None

    async def read_body(self, request: Request, keep: int = 0) -> bytes:
        """Reads the body to its end, notes its length and digest in the request, returns its first `keep` bytes."""
        if (request.get("expect") or "").lower() == "100-continue":
            await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        digest, kept = hashlib.sha256(), b""
        async for piece in self._body(request):
            digest.update(piece)
            request.body_bytes += len(piece)
            kept += piece[: keep - len(kept)]
        request.body_sha256 = digest.hexdigest()
        return kept

    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        try:
            if (request.get("transfer-encoding") or "").lower() == "chunked":
                while length := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                    yield await self._reader.readexactly(length)
                    await self._reader.readexactly(2)
                while await self._reader.readuntil(b"\r\n") != b"\r\n":  # trailers
                    pass
                return
            left = int(request.get("content-length") or 0)
            while left > 0:
                piece = await self._reader.readexactly(min(left, HEAD_LIMIT))
                left -= len(piece)
                yield piece
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            raise BadRequest("the body breaks off or is not framed") from None

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def silence(self, seconds: float) -> None:
        """Says nothing for a while; ends early, by Cut, when the client has left."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(left, 0.05))
            if self._reader.at_eof() or self._writer.transport.is_closing():
                await self.cut("close")

    async def cut(self, how: str) -> None:
        """Ends the connection by FIN ("close") or RST ("reset"), after all that was sent has had time to be read."""
        if how == "reset":
            await asyncio.sleep(0.02)  # a reset may overtake bytes the client has not read yet
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()
        raise Cut(how)
