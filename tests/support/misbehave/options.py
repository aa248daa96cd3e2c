"""Behaviour as a query string: the parameters a URL or a rule may carry."""

from __future__ import annotations

from urllib.parse import parse_qs

from .units import SpecError

KNOWN = {
    "fault", "limit", "pool", "refuse", "retry-after", "rate-fields", "seed", "framing", "chunk", "validator",
    "type", "field", "id",
}  # fmt: skip


class Options:
    """Parameters by name; a parameter may be given several times."""

    def __init__(self, query: str = "") -> None:
        self._values = parse_qs(query, keep_blank_values=True) if query else {}

    def over(self, weaker: Options) -> Options:
        """These parameters, and the weaker ones where these are silent."""
        merged = Options()
        merged._values = weaker._values | self._values
        return merged

    def one(self, name: str, default: str) -> str:
        return self._values[name][-1] if name in self._values else default

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def checked(self) -> Options:
        """Refuses a name the provider does not know: a mistyped fault that never happens would be a test of nothing."""
        unknown = sorted(self._values.keys() - KNOWN)
        if unknown:
            raise SpecError(f"unknown parameter: {', '.join(unknown)}")
        return self
