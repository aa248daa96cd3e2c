#!/usr/bin/env python3
"""The misbehaving provider: a real HTTP/1.1 server that fails the way real ones do, each time in the same way.

    provider.py --port 0                        prints {"host": "127.0.0.1", "port": 40123, "pid": 7} and serves
    curl 'http://127.0.0.1:40123/bytes/1MiB/a.pdf?fault=503@1-2'          503 twice, then the file
    curl http://127.0.0.1:40123/sha256/1MiB                               the SHA-256 it must have

Python's standard library only. What it does is chosen by the query of each URL, or by rules that give paths a query
without the client's knowledge: --rule '/works/*' 'limit=bucket:10/s&retry-after=delta'. A URL's own parameter wins over
a rule's, a later rule over an earlier one. An unknown parameter or fault is answered 400, so that no test rests on a
fault that never happens.

PATHS
    /bytes/SIZE[/any/name]    SIZE bytes (10, 64KiB, 3MB, 1GiB) that depend on `seed` alone;
                              GET and HEAD, ranges and conditional requests by RFC 9110
    /echo[/...]               the request as it came, as JSON; any method, the body by length and SHA-256
    /sha256/SIZE              hexadecimal SHA-256 of /bytes/SIZE; ?seed=S, and ?version=2 for the changed entity
    /stats                    counts as JSON: per status, per path, accepted and refused by limits, connections cut;
                              ?requests=1 adds the last 200 requests with their fields
    /reset                    POST: counts, tries and limits begin anew
    /rules                    GET: the rules; POST: lines "GLOB QUERY" that take the place of all
The last four neither misbehave nor count. Every other answer has X-Try: the number of this try of its URL.

PARAMETERS of an entity
    seed=TEXT                 content (default 0)
    validator=LIST            of strong (ETag, the default), weak (W/ ETag), lm (Last-Modified long ago, hence strong),
                              lm-now (Last-Modified = Date, hence weak), none
    framing=length|chunked|close    how the end of the body is told; chunk=SIZE of the chunks (default 64KiB)
    type=TYPE  field=Name:value     media type, more fields of the answer

PARAMETERS of faults
    id=TEXT                   tries are counted under this name (default: the URL as it was asked for)
    fault=KIND[:ARG]@WHEN,... all faults whose WHEN matches this try act together
      WHEN    3   2-4   2-    tries by number, from 1; without @WHEN the first
              all  each3      every try; tries 3, 6, 9 ...
              p0.2            one in five, chosen by --seed, the name and the number of the try: the same in each run
              t10-20          tries 10 to 20 seconds after the provider's start
      KIND    503[:RA]        that status in place of the entity; RA is its Retry-After: seconds, or date5 (an HTTP-date
                              in 5 seconds), or any other text as it is
              slow-head:2s    nothing for 2 s before the head;  drip-head:2s   the head byte by byte over 2 s
              reset  close    RST or FIN in place of a head;    garbage        something that is no HTTP
              reset-reused    RST in place of a head where the connection served a request before
              reset-head  close-head      half a head, then RST or FIN
              reset-body:N  close-body:N  N bytes of this answer's body (4096, 64KiB, half), then RST or FIN: a body cut
                              short under Content-Length, or chunked without its last chunk
              stall:N[:S]     N bytes, then S seconds (default 300) of silence, then the rest
              slow-body:N     N bytes a second
              close-quietly   a whole answer that promises keep-alive, then FIN
              changed[:SIZE]  another entity from here on (with @2-): other bytes, ETag, Last-Modified, and size
      wrong answers to a Range, and lawful ones that are no help:
              range-ignore    200 and the whole;                range-416      416 whatever was asked
              range-offset    Content-Range and bytes begin one later than asked
              range-total     a total one too large;            range-short    half of what was asked, truly labelled
              range-etag      another ETag;                     range-no-etag  no validator at all
              range-coding    a Content-Encoding;               range-multipart  multipart/byteranges of one part

PARAMETERS of limits
    limit=SPEC                several: all must hold. Requests with the same SPEC share one limit; pool=TEXT parts them
        bucket:10/s[:burst=N]     token bucket            sliding:100/60s[:strict]  any 60 s; strict: refusals count too
        fixed:60/60s[:strict]     window of 60 s          concurrent:3              under way, until the last body byte
        ban:5/s[:ban=30s]         bucket; a refusal bans for 30 s, a request during the ban begins it again
        bucket:20/s,5/s@10,20/s@20   falls after 10 s, rises after 20 s, counted from the limit's first request
    refuse=STATUS             of a refusal (default 429)
    retry-after=FORM          none (default), delta, date (the truth of the limit), or a literal value that may lie
    rate-fields=LIST          on every answer: draft10, draft03, x-seconds, x-epoch, x-millis, crossref
Limits are asked before faults: a refused request is a try, but meets no fault.

In a query string write & between parameters, and quote the URL for the shell; no sign used here needs escaping.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import signal
import ssl

from misbehave.server import Provider
from misbehave.units import SpecError
from misbehave.wire import HEAD_LIMIT

BACKLOG = 4096  # connections
TRIES_TO_LISTEN = 20


def arguments() -> argparse.Namespace:
    manual = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=manual)
    parser.add_argument("--host", action="append", help="address to listen on, several times (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one; see the line on stdout")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="serve https, with these PEM files")
    parser.add_argument("--seed", default="0", help="of the faults that come by chance (default 0)")
    parser.add_argument(
        "--rule", nargs=2, action="append", default=[], metavar=("GLOB", "QUERY"), help="a query for the paths GLOB"
    )
    return parser.parse_args()


async def listen(provider: Provider, hosts: list[str], port: int, tls: ssl.SSLContext | None) -> int:
    """Serves `hosts`, all at one port, and tells it. Chosen here (port 0), it is free at the first of them and may be
    taken at another: then a further one is tried."""
    tries = TRIES_TO_LISTEN if port == 0 else 1
    while True:
        servers, common = [], port
        try:
            for host in hosts:
                servers.append(
                    await asyncio.start_server(
                        provider.connection, host, common, limit=HEAD_LIMIT, backlog=BACKLOG, ssl=tls
                    )
                )
                common = servers[-1].sockets[0].getsockname()[1]
            return common
        except OSError as error:
            tries -= 1
            for server in servers:
                server.close()
            if error.errno != errno.EADDRINUSE or tries == 0:
                raise


async def main() -> None:
    options = arguments()
    try:
        provider = Provider(options.seed, [(glob, query) for glob, query in options.rule])
    except SpecError as error:
        raise SystemExit(f"--rule: {error}") from None
    hosts = options.host or ["127.0.0.1"]
    tls = None
    if options.tls:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*options.tls)
    port = await listen(provider, hosts, options.port, tls)
    print(json.dumps({"host": hosts[0], "port": port, "pid": os.getpid()}), flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main())
