#!/usr/bin/env python3
"""Checks that includes run down only: admin -> proxy -> policy, and inside proxy: flow -> http, tls -> net.

Third-party headers stay where the design puts them: none in policy/, llhttp and RapidJSON each in one corner.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#include\s+[<"]([^">]+)[">]', re.M)
ROOMS = ["policy", "proxy/net", "proxy/tls", "proxy/http", "proxy", "admin"]
MAY_SEE = {
    "policy": {"policy"},
    "proxy/net": {"policy", "proxy/net", "proxy/config.h"},
    "proxy/tls": {"policy", "proxy/net", "proxy/tls", "proxy/config.h"},
    "proxy/http": {"policy", "proxy/net", "proxy/http", "proxy/config.h"},
    "proxy": {"policy", "proxy/net", "proxy/tls", "proxy/http", "proxy"},
    "admin": {"policy", "proxy/net", "proxy/tls", "proxy/http", "proxy", "admin"},
}
# header prefix -> the only files (by prefix) that may include it
ONLY_IN = {
    "event2/": ("proxy/",),
    "ares.h": ("proxy/net/",),
    "llhttp.h": ("proxy/http/",),
    "rapidjson/": ("admin/json",),
    "openssl/": ("proxy/tls/", "proxy/net/handles.h", "admin/auth"),
    "CLI/": ("admin/cli",),
    "prometheus/": ("admin/metric_families",),
    "libpsl.h": ("admin/",),
    "spdlog/": ("proxy/", "admin/"),
}
EVENT_IN_ADMIN = "event2/buffer.h"  # the admin answers into a Stream's evbuffer


def room_of(path: str) -> str:
    return "/".join(path.split("/")[:-1])


def allowed(room: str, included: str) -> bool:
    return any(included == seen or room_of(included) == seen for seen in MAY_SEE[room])


def main() -> int:
    faults = []
    files = [p for top in ("policy", "proxy", "admin") for p in sorted(pathlib.Path(top).rglob("*")) if p.suffix in (".h", ".cc")]
    for path in files:
        room = room_of(str(path))
        if room not in MAY_SEE:
            faults.append(f"{path}: no such room: {room}")
            continue
        for included in INCLUDE.findall(path.read_text()):
            if included.split("/")[0] in ("policy", "proxy", "admin"):
                if not allowed(room, included):
                    faults.append(f"{path}: {room} must not include {included}")
            for prefix, places in ONLY_IN.items():
                if included.startswith(prefix) and not str(path).startswith(places):
                    if not (included == EVENT_IN_ADMIN and room == "admin"):
                        faults.append(f"{path}: {included} belongs to {', '.join(places)}")
    for fault in faults:
        print(fault)
    print(f"arrows: {len(files)} files, {len(faults)} against the arrows")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
