"""The manual page, judged by those who show it, and where `make install` puts things."""

from __future__ import annotations

import subprocess
from pathlib import Path

from case import Case

MANUAL = Path(__file__).resolve().parents[2] / "admin" / "backoffd.1"


class Manual(Case):
    def judged(self, *command: str) -> str:
        environment = {**self.environment, "MANWIDTH": "80", "MANROFFOPT": ""}
        done = subprocess.run([*command, str(MANUAL)], env=environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_man_shows_it_without_a_warning(self) -> None:
        page = self.judged("man", "--warnings", "-E", "UTF-8", "-l")
        for heading in ("NAME", "SYNOPSIS", "SUBCOMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"):
            self.assertIn(f"\n{heading}\n", page)
        self.assertIn("--percentage 0..100", page)

    def test_mandoc_has_nothing_to_complain_of(self) -> None:
        complaints = self.judged("mandoc", "-Tlint", "-Wwarning").splitlines()
        # It bears no date: it is of a version.
        self.assertEqual([line for line in complaints if "missing date" not in line], [])
