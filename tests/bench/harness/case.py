"""A row of the table: what is measured, in which unit, against which target, and how."""

import dataclasses
import typing

if typing.TYPE_CHECKING:
    from .bench import Bench
    from .peers import Peer


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number a case yields for each proxy. A lower one is better unless `more_is_better`."""
    key: str
    title: str  # with its unit
    target: str  # in words, as the project has set it; empty where it has set none
    digits: int = 2
    more_is_better: bool = False


@dataclasses.dataclass(frozen=True)
class Case:
    """`measure` runs the work once through one freshly started proxy and returns Figure.key → value."""
    name: str
    about: str
    figures: tuple[Figure, ...]
    peers: tuple[str, ...]
    measure: typing.Callable[["Bench", "Peer"], dict[str, float]]
    rounds: int = 3  # at most this many; fewer for what hardly varies
    placement: str = "free"  # one of PLACEMENTS
    crowded: bool = False  # proxies and origin are configured for all the idle clients instead of a few hundred connections


# Who runs on which core. Waking a process on another core costs a multiple of waking one on the same, so where the scheduler happens to put
# three processes can outweigh what they do.
PLACEMENTS = {
    "free": "the scheduler decides",
    "apart": "the proxy has the last core to itself, load and origin share the rest",
    "together": "load, proxy and origin share the last core",
}
EVERYBODY = ("floor", "nginx", "haproxy", "squid", "tinyproxy", "backoffd")
KEEPING = tuple(name for name in EVERYBODY if name != "tinyproxy")  # it closes each client connection after one answer
INTERCEPTING = ("squid", "backoffd")
