"""The table and its JSON: absolute figures, and each as a ratio to the best peer of the same run."""

import json
import os
import pathlib
import platform
import typing

from . import peers
from .case import Figure
from .rounds import Results


def best_peer(results: Results, figure: Figure) -> str | None:
    """The peer with the best median; neither the floor nor we ourselves."""
    rivals = [(results.median(figure.key, name), name) for name in results.proxies if peers.BY_NAME[name].role == "peer"]
    measured = [(value, name) for value, name in rivals if value is not None]
    if not measured:
        return None
    return (max if figure.more_is_better else min)(measured)[1]


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _row(results: Results, figure: Figure, columns: list[str]) -> list[str]:
    best = best_peer(results, figure)
    reference = results.median(figure.key, best) if best else None
    cells = [results.case.name, figure.title]
    for name in columns:
        value = results.median(figure.key, name)
        if value is None:
            cells.append("!" if results.absent.get(name, "").startswith("failed") else "-")
        elif reference:
            cells.append(f"{_number(value, figure.digits)} ({value / reference:.2f}x)")
        else:
            cells.append(_number(value, figure.digits))
    return [*cells, best or "-", figure.target]


def table(all_results: list[Results]) -> str:
    """One line a figure, one column a proxy; in brackets the ratio to the best peer of that line."""
    columns = [peer.name for peer in peers.ALL if any(peer.name in results.proxies for results in all_results)]
    rows = [["case", "figure", *columns, "best peer", "target"]]
    for results in all_results:
        rows += [_row(results, figure, columns) for figure in results.case.figures]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    left_aligned = {0, 1, len(widths) - 2, len(widths) - 1}
    lines = ["  ".join(cell.ljust(width) if i in left_aligned else cell.rjust(width)
                       for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    notes = [f"{results.case.name} {name}: {reason}" for results in all_results for name, reason in results.absent.items()]
    lines += ["", "Medians over the rounds; in brackets the ratio to the best peer. - does not apply or was not measured, ! failed.", *notes]
    return "\n".join(lines) + "\n"


def as_json(all_results: list[Results], settings: dict[str, typing.Any]) -> dict[str, typing.Any]:
    figures = []
    for results in all_results:
        for figure in results.case.figures:
            best = best_peer(results, figure)
            reference = results.median(figure.key, best) if best else None
            medians = {name: results.median(figure.key, name) for name in results.values[figure.key]}
            figures.append({
                "case": results.case.name, "key": figure.key, "title": figure.title, "target": figure.target,
                "more_is_better": figure.more_is_better, "best_peer": best, "median": medians,
                "ratio_to_best_peer": {name: value / reference for name, value in medians.items()} if reference else {},
                "rounds": results.values[figure.key], "absent": results.absent,
            })
    machine = {"kernel": platform.release(), "cores": len(os.sched_getaffinity(0))}
    return {"machine": machine, "settings": settings, "figures": figures}


def keep(directory: pathlib.Path, name: str, text: str, data: dict[str, typing.Any]) -> None:
    """Writes NAME.txt and NAME.json to DIRECTORY, over those of an earlier run of the same name."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.txt").write_text(text)
    (directory / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n")
