#!/usr/bin/python3
"""Draws what learning did in one real run as SVG: the provider's limit, the limit that was learned, what was accepted
and when something was refused, over the status that GET /learning told.

    tests/bench/learning_chart.py           runs the case `steps` of learning_real.py (four minutes) and draws it
    tests/bench/learning_chart.py --samples build/bench-learning-real.json       draws what that bench has measured
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from html import escape
from pathlib import Path

sys.dont_write_bytecode = True  # leave the source tree as it is; before the imports that would write there

import learning_real  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 860, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 56, 70  # margins around the plot
GRID, INK, FAINT = "#dddddd", "#333333", "#777777"
LIMIT, LEARNED, ACCEPTED, REFUSED = "#999999", "#1f5fa8", "#8fc1a9", "#c0392b"
TINTS = {"paused": "#f9dcd8", "exhausted": "#e6dcf3", "reducing": "#fdf3d8", "recovering": "#e3f1fb"}  # of statuses


class Plot:
    """Maps (seconds, requests/s) to points of the drawing and collects its elements."""

    def __init__(self, seconds: float, most: float) -> None:
        self._seconds, self._most = seconds, most
        self._elements: list[str] = []

    def x(self, t: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * t / self._seconds, 1)

    def y(self, rate: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate / self._most, 1)

    def box(self, t0: float, t1: float, rate: float, colour: str) -> None:
        self._elements.append(
            f'<rect x="{self.x(t0)}" y="{self.y(rate)}" width="{round(self.x(t1) - self.x(t0), 1)}" '
            f'height="{round(self.y(0) - self.y(rate), 1)}" fill="{colour}"/>'
        )

    def line(self, points: list[tuple[float, float]], colour: str, width: float, dash: str = "") -> None:
        path = " ".join(f"{self.x(t)},{self.y(rate)}" for t, rate in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._elements.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'
        )

    def text(self, x: float, y: float, words: str, colour: str = INK, anchor: str = "start", size: int = 12) -> None:
        self._elements.append(
            f'<text x="{x}" y="{y}" fill="{colour}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def raw(self, element: str) -> None:
        self._elements.append(element)

    def axes(self) -> None:
        for rate in range(0, int(self._most) + 1, 10):
            self.line([(0, rate), (self._seconds, rate)], GRID, 1)
            self.text(LEFT - 8, self.y(rate) + 4, str(rate), FAINT, "end")
        for t in range(0, int(self._seconds) + 1, 10 if self._seconds <= 200 else 60):
            self.text(self.x(t), HEIGHT - BOTTOM + 18, str(t), FAINT, "middle")
        self.text(LEFT - 8, TOP - 12, "requests/s", FAINT, "end" if LEFT > 70 else "middle")
        self.text(WIDTH - RIGHT, HEIGHT - BOTTOM + 34, "seconds", FAINT, "end")

    def legend(self, statuses: set[str]) -> None:
        x, y = LEFT, HEIGHT - 22
        for colour, words in (
            (LIMIT, "the provider's limit"), (LEARNED, "effective limit"), (ACCEPTED, "accepted"),
            (REFUSED, "refused (429)"),
            *((tint, status) for status, tint in TINTS.items() if status in statuses),
        ):  # fmt: skip
            self.raw(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}" stroke="{FAINT}"/>')
            self.text(x + 17, y + 10, words)
            x += 34 + round(6.6 * len(words))

    def svg(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(self._elements) + "\n</svg>\n"
        )


def draw(run: dict) -> str:
    """`run`: one case of learning_real's samples."""
    samples, allowed = run["samples"], run["allowed"]
    allowed = [allowed[1], *allowed[1:]]  # the first second has the burst in it
    seconds, configured = len(allowed), run["configured"]
    most = max(configured, *allowed) * 1.25
    plot = Plot(seconds, most)
    for status, same in itertools.groupby(samples, key=lambda sample: sample["status"]):
        spell = list(same)
        following = samples[min(samples.index(spell[-1]) + 1, len(samples) - 1)]
        if status in TINTS:
            plot.box(spell[0]["t"], min(following["t"], seconds), most, TINTS[status])
    plot.axes()
    accepted = learning_real.by_second(samples, seconds)
    for second, count in enumerate(accepted):
        plot.box(second + 0.1, second + 0.9, min(count, most), ACCEPTED)
    steps = [(second + edge, rate) for second, rate in enumerate(allowed) for edge in (0, 1)]
    plot.line(steps, LIMIT, 2, "6 4")
    learned = [(sample["t"], sample["effective"] or configured) for sample in samples if sample["t"] <= seconds]
    plot.line(learned, LEARNED, 2.5)
    for before, after in zip(samples, samples[1:]):
        if after["refused"] > before["refused"] and after["t"] <= seconds:
            plot.raw(f'<circle cx="{plot.x(after["t"])}" cy="{plot.y(most)}" r="3.5" fill="{REFUSED}"/>')
    refused = samples[-1]["refused"]
    plot.text(LEFT, 20, run["about"], size=14)
    plot.text(
        WIDTH - RIGHT, 20, f"{refused} of {refused + samples[-1]['accepted']} requests were refused", FAINT, "end"
    )
    plot.legend({sample["status"] for sample in samples})
    return plot.svg()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd")
    parser.add_argument("--samples", type=Path, help="what learning_real.py kept; without it the case is run")
    parser.add_argument("--case", default="steps", choices=[case.name for case in learning_real.CASES])
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "bench" / "learning.svg")
    options = parser.parse_args()
    if options.samples:
        run = json.loads(options.samples.read_text())[options.case]
    else:
        case = next(case for case in learning_real.CASES if case.name == options.case)
        figures, samples = learning_real.measure(case, options.backoffd)
        print(f"{case.name:<12}{learning_real.row(figures)}")
        run = learning_real.kept(case, samples)
    options.out.write_text(draw(run))
    print(f"drawn: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
