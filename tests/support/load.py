"""Clients that ask through a proxy as fast as they are answered, on an event loop and thread of their own."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

AFTER_FAILURE = 0.1  # seconds a client waits after anything but 200, so that a refused one does not spin


class Load:
    """`clients` kept-alive connections to 127.0.0.1:`proxy_port`; each asks for the next of `urls` as soon as it has
    its answer, and begins anew when its connection ends. `statuses` counts the answers by status, and as "broken" the
    exchanges that had none."""

    def __init__(self, proxy_port: int, urls: Iterable[str], clients: int) -> None:
        self._port, self._urls, self._clients = proxy_port, itertools.cycle(urls), clients
        self.statuses: Counter[int | str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._all())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _all(self) -> None:
        await asyncio.gather(*(self._client() for _ in range(self._clients)))

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _client(self) -> None:
        while True:
            with suppress(OSError, EOFError, ValueError):
                await self._connection()
            self.statuses["broken"] += 1
            await asyncio.sleep(AFTER_FAILURE)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                url = next(self._urls)
                writer.write(f"GET {url} HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n\r\n".encode())
                status = await _answer(reader)
                self.statuses[status] += 1
                if status != 200:
                    await asyncio.sleep(AFTER_FAILURE)
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of the next answer, whose body (told by Content-Length) is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = head.partition("\r\ncontent-length:")[2].partition("\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split(" ", 2)[1])
