"""How a command ends when it was used wrongly, and when something else is wrong."""

from __future__ import annotations

from case import Case

FAILED, WRONG_USE, NO_PROXY, OWN_FAILURE = 1, 2, 3, 125


class Exit(Case):
    def test_a_wrong_value_of_an_argument_is_wrong_use(self) -> None:
        for arguments in (
            ("status", "--admin", "nonsense"), ("--workers", "x"), ("--set", "foo=1", "check"),
            ("check", "--connect-ports", "0"), ("learning", "--admin", "nonsense"), ("ca", "show", "--ca", "nowhere"),
            ("gate", "contextual-retry", "--ramp", "10,1"), ("gate", "contextual-retry", "on", "--slice", "100h"),
            ("gate", "contextual-retry", "--ramp", "1,10", "--percentage", "5"),
        ):  # fmt: skip
            done = self.run_it(*arguments)
            self.assertEqual((done.returncode, done.stdout), (WRONG_USE, ""), (arguments, done.stderr))
        self.assertEqual(self.run_it("exec", "--listen", "nonsense", "--", "true").returncode, OWN_FAILURE)

    def test_a_percentage_is_refused_in_words_for_people(self) -> None:
        for flag in ("--percentage", "--ramp"):
            for value in ("101", "abc", "nan"):
                done = self.run_it("gate", "contextual-retry", "on", flag, value)
                self.assertEqual(done.returncode, WRONG_USE)
                self.assertIn(f"{flag}: {value} is no percentage from 0 to 100", done.stderr)

    def test_both_of_what_excludes_each_other_are_named(self) -> None:
        said = self.run_it("gate", "contextual-retry", "--ramp", "1,10", "--percentage", "5").stderr
        self.assertIn("--ramp", said)
        self.assertIn("--percentage", said)

    def test_what_is_wrong_elsewhere_is_not(self) -> None:
        config = self.temporary / "config.json"
        config.write_text('{"workers": "x"}')
        self.assertEqual(self.run_it("check", "--config", str(config)).returncode, FAILED)
        self.assertEqual(self.run_it("check", "--config", str(config), "--listen", "x").returncode, FAILED)
        self.assertEqual(self.run_it("status", "--admin", "127.0.0.1:9").returncode, NO_PROXY)
        self.environment["BACKOFFD_ADMIN"] = "nonsense"
        self.assertEqual(self.run_it("status").returncode, FAILED)

    def test_arguments_too_many_are_listed_as_they_were_given(self) -> None:
        done = self.run_it("status", "one", "two", "three")
        self.assertEqual(done.returncode, WRONG_USE)
        self.assertIn("one two three", done.stderr)
