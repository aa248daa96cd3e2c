"""All proxies of a case in alternation: round after round, every second one in reverse, so that a drift of the machine meets all alike."""

import dataclasses
import statistics
import typing

from . import peers
from .bench import Bench, Settings
from .case import Case
from .errors import Failed, Skipped


@dataclasses.dataclass
class Results:
    """Of one case: figure key → proxy → a value each round; and proxy → why it has none."""
    case: Case
    values: dict[str, dict[str, list[float]]]
    absent: dict[str, str]
    proxies: list[str]

    def median(self, key: str, proxy: str) -> float | None:
        taken = self.values[key].get(proxy)
        return statistics.median(taken) if taken else None


def run(case: Case, names: list[str], settings: Settings, tell: typing.Callable[[str], None]) -> Results:
    results = Results(case, {figure.key: {} for figure in case.figures}, {}, [name for name in names if name in case.peers])
    with Bench(settings, case) as bench:
        for number in range(min(settings.rounds, case.rounds)):
            for name in results.proxies if number % 2 == 0 else reversed(results.proxies):
                if name in results.absent:
                    continue
                try:
                    figures = case.measure(bench, peers.BY_NAME[name])
                except (Failed, Skipped) as reason:
                    # Half a row would compare rounds that the others ran under other conditions: the proxy leaves the case altogether.
                    results.absent[name] = f"{'failed' if isinstance(reason, Failed) else 'skipped'}: {reason}"
                    for taken in results.values.values():
                        taken.pop(name, None)
                    tell(f"{case.name} {name}: {results.absent[name]}")
                    continue
                for key, value in figures.items():
                    results.values[key].setdefault(name, []).append(value)
                tell(f"{case.name} round {number + 1} {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))
    return results
