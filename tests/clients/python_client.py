#!/usr/bin/env python3
"""Downloads one URL with a Python HTTP library, as a plain user of it would.

    python_client.py LIBRARY URL PROXY FILE CA

LIBRARY is requests, urllib3, httpx, aiohttp or urllib. Exit status 0 means that the library saw a complete 200.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import urllib.request

TIMEOUT = 12  # seconds
PIECE = 65536  # bytes


class Short(Exception):
    """Fewer bytes than announced: requests 2 on urllib3 1 does not tell its user."""


def by_requests(url: str, proxy: str, file: str, ca: str) -> None:
    import requests

    session = requests.Session()
    session.trust_env = False  # the proxy is given here, whatever the environment says
    session.proxies = {"http": proxy, "https": proxy}
    with session.get(url, stream=True, timeout=TIMEOUT, verify=ca) as answer, open(file, "wb") as out:
        answer.raise_for_status()
        for piece in answer.iter_content(PIECE):
            out.write(piece)
        _check_length(answer.headers.get("content-length"), out.tell())


def by_urllib3(url: str, proxy: str, file: str, ca: str) -> None:
    import urllib3

    manager = urllib3.ProxyManager(proxy, ca_certs=ca, timeout=TIMEOUT, retries=False)
    answer = manager.request("GET", url, preload_content=False)
    if answer.status != 200:
        raise SystemExit(f"status {answer.status}")
    with open(file, "wb") as out:
        for piece in answer.stream(PIECE):
            out.write(piece)
        _check_length(answer.headers.get("content-length"), out.tell())


def by_httpx(url: str, proxy: str, file: str, ca: str) -> None:
    import httpx

    # The argument was renamed in httpx 0.26.
    name = "proxy" if tuple(map(int, httpx.__version__.split(".")[:2])) >= (0, 26) else "proxies"
    with httpx.Client(verify=ca, timeout=TIMEOUT, trust_env=False, **{name: proxy}) as client:
        with client.stream("GET", url) as answer, open(file, "wb") as out:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                out.write(piece)


def by_aiohttp(url: str, proxy: str, file: str, ca: str) -> None:
    import aiohttp

    async def download() -> None:
        context = ssl.create_default_context(cafile=ca)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.get(url, proxy=proxy, ssl=context) as answer:
                answer.raise_for_status()
                with open(file, "wb") as out:
                    async for piece in answer.content.iter_chunked(PIECE):
                        out.write(piece)

    asyncio.run(download())


def by_urllib(url: str, proxy: str, file: str, ca: str) -> None:
    handlers = [
        urllib.request.ProxyHandler({"http": proxy, "https": proxy}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
    ]
    with urllib.request.build_opener(*handlers).open(url, timeout=TIMEOUT) as answer, open(file, "wb") as out:
        while piece := answer.read(PIECE):
            out.write(piece)
        _check_length(answer.headers.get("content-length"), out.tell())


def _check_length(announced: str | None, got: int) -> None:
    if announced is not None and int(announced) != got:
        raise Short(f"{got} of {announced} bytes")


if __name__ == "__main__":
    _, library, *rest = sys.argv
    globals()[f"by_{library}"](*rest)
