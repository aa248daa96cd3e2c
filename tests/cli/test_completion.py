"""Completion, tried in the shells themselves."""

from __future__ import annotations

import subprocess

from case import Case
from terminal import PATIENCE

GATES = ["contextual-retry", "provider-learning"]
MODES = ["off", "on", "reset", "shadow"]
COMMANDS = ["ca", "check", "compare", "completion", "drain", "env", "exec", "gate", "health", "learning", "status"]


class Shell(Case):
    """Cases for a shell that can be asked. What is typed so far, and the words that it offers."""

    name = ""

    def setUp(self) -> None:
        super().setUp()
        self.script = self.temporary / self.name
        self.script.write_text(self.run_it("completion", self.name).stdout)
        (self.temporary / "config-file").touch()
        (self.temporary / "config-folder").mkdir()

    def offered(self, line: str) -> list[str]:
        raise NotImplementedError

    def ask(self, *command: str) -> list[str]:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE,
                              cwd=self.temporary)  # fmt: skip
        self.assertEqual(done.stderr, "")
        return sorted({line.split("\t")[0] for line in done.stdout.splitlines()})


class Asked:
    def test_the_script_is_well_formed(self) -> None:
        self.assertEqual(self.ask(self.name, "-n", str(self.script)), [])

    def test_subcommands(self) -> None:
        self.assertEqual(self.offered("backoffd "), COMMANDS)
        self.assertEqual(self.offered("backoffd co"), ["compare", "completion"])
        self.assertEqual(self.offered("backoffd --config x --enable-contextual-retry h"), ["health"])

    def test_gates_and_modes(self) -> None:
        self.assertEqual(self.offered("backoffd gate "), GATES)
        self.assertEqual(self.offered("backoffd --output json compare p"), ["provider-learning"])
        self.assertEqual(self.offered("backoffd gate contextual-retry "), MODES)
        self.assertEqual(self.offered("backoffd gate --percentage 10 contextual-retry s"), ["shadow"])
        self.assertEqual(self.offered("backoffd gate contextual-retry on "), [])

    def test_flags(self) -> None:
        self.assertEqual(self.offered("backoffd gate --per"), ["--percentage"])
        self.assertEqual(self.offered("backoffd status --per"), [])
        self.assertEqual(self.offered("backoffd drain --wa"), ["--wait"])
        self.assertEqual(self.offered("backoffd status --token"), ["--token-file"])
        self.assertEqual(self.offered("backoffd --help"), ["--help", "--help-keys"])

    def test_values_of_flags(self) -> None:
        self.assertEqual(self.offered("backoffd status --output "), ["json", "table"])
        self.assertEqual(self.offered("backoffd gate contextual-retry on --guard e"), ["enforce"])
        self.assertEqual(self.offered("backoffd env --format f"), ["fish"])

    def test_words_of_subcommands(self) -> None:
        self.assertEqual(self.offered("backoffd learning r"), ["reset"])
        self.assertEqual(self.offered("backoffd ca "), ["bundle", "path", "rotate", "show"])
        self.assertEqual(self.offered("backoffd completion "), ["bash", "fish", "zsh"])

    def test_files(self) -> None:
        self.assertEqual([word.rstrip("/") for word in self.offered("backoffd --config config-")],
                         ["config-file", "config-folder"])  # fmt: skip
        self.assertEqual([word.rstrip("/") for word in self.offered("backoffd --state-dir config-")], ["config-folder"])

    def test_another_command_behind_the_dashes(self) -> None:
        self.assertIn("mktemp", self.offered("backoffd exec --quiet -- mktem"))


class Bash(Asked, Shell):
    name = "bash"

    def offered(self, line: str) -> list[str]:
        *before, last = line.split(" ")
        script = f"""
            source '{self.script}'
            COMP_WORDS=({' '.join(before)} '{last}')
            COMP_CWORD={len(before)}
            _backoffd
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return [word for word in self.ask("bash", "--norc", "-c", script) if word]

    def test_a_value_behind_an_equals_sign(self) -> None:
        self.assertEqual(self.offered("backoffd status --output = j"), ["json"])
        self.assertEqual(self.offered("backoffd --output = json gate "), GATES)


class Fish(Asked, Shell):
    name = "fish"

    def offered(self, line: str) -> list[str]:
        script = f"source '{self.script}'; complete -C '{line}'"
        return [word for word in self.ask("fish", "--no-config", "-c", script) if "=" not in word]


class Zsh(Asked, Shell):
    """Completion in zsh needs its line editor: it is given a terminal, and every match is written to a file."""

    name = "zsh"

    def setUp(self) -> None:
        super().setUp()
        self.matches = self.temporary / "matches"
        (self.temporary / "_backoffd").write_text(self.script.read_text())
        (self.temporary / ".zshrc").write_text(f"""
            PS1='ready> '
            fpath=('{self.temporary}' $fpath)
            autoload -Uz compinit && compinit -u -d '{self.folder}/zcompdump'
            compadd() {{
              local -a found
              builtin compadd -O found "$@" 2>/dev/null
              print -rl -- $found >> '{self.matches}'
              builtin compadd "$@"
            }}
            finished() {{ print -rn -- 'fin''ished' }}
            zle -N finished
            bindkey '^X' finished
        """)
        self.environment["ZDOTDIR"] = str(self.temporary)

    def offered(self, line: str) -> list[str]:
        self.matches.write_text("")
        terminal = self.on_terminal(["zsh", "-i"])
        terminal.read_until("ready> ")
        terminal.type(f"cd {self.temporary}\r")
        terminal.read_until("ready> ")
        terminal.type(f"{line}\t")
        terminal.type("\x18")
        terminal.read_until("finished")
        words = {word.rstrip("=") for word in self.matches.read_text().splitlines()}
        *_, last = line.split(" ")
        return sorted(word for word in words if word and word.startswith(last) and (last or not word.startswith("-")))
