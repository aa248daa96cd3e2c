"""What the provider has seen and done, as GET /stats tells it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from .wire import Request

PATHS = 4096  # paths counted apart; later ones share the entry "other", so that a long run stays bounded


@dataclass
class Stats:
    connections: int = 0
    requests: int = 0
    accepted: int = 0  # by the limits
    refused: int = 0
    cuts: Counter[str] = field(default_factory=Counter)  # connections ended on purpose, by how
    statuses: Counter[str] = field(default_factory=Counter)
    paths: dict[str, Counter[str]] = field(default_factory=dict)
    recent: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=200))

    def arrived(self, request: Request, at: float) -> None:
        """`at` is seconds since the provider's start."""
        self.requests += 1
        self._path(request.path)["requests"] += 1
        self.recent.append(
            {"at": round(at, 4), "method": request.method, "target": request.target, "fields": request.fields}
        )

    def answered(self, request: Request, status: int) -> None:
        """A final head was sent in full."""
        self.statuses[str(status)] += 1
        self._path(request.path)[str(status)] += 1

    def _path(self, path: str) -> Counter[str]:
        return self.paths.setdefault(path if path in self.paths or len(self.paths) < PATHS else "other", Counter())

    def report(self, uptime: float, with_requests: bool) -> dict[str, object]:
        report: dict[str, object] = {
            "uptime": round(uptime, 3),
            "connections": self.connections,
            "requests": self.requests,
            "accepted": self.accepted,
            "refused": self.refused,
            "cuts": dict(self.cuts),
            "statuses": dict(self.statuses),
            "paths": {path: dict(counts) for path, counts in self.paths.items()},
        }
        if with_requests:
            report["recent"] = list(self.recent)
        return report
