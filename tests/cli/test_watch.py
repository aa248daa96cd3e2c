"""--watch on a terminal and in a pipe, and colours."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess

from case import Case

OTHER_SCREEN, FIRST_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


class Watch(Case):
    def watch(self, *arguments: str, **size: int):
        return self.on_terminal([str(self.backoffd), *arguments, "--watch", "--interval", "100ms"], **size)

    def test_it_is_redrawn_until_control_c(self) -> None:
        self.start_proxy()
        terminal = self.watch("status")
        before = terminal.read_until("control-C ends it")
        self.assertIn(OTHER_SCREEN, before)
        for _ in range(3):
            terminal.read_until("\x1b[H")  # again from the top
            terminal.read_until("provider-learning")
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 0)
        _, _, after = terminal.text.rpartition(FIRST_SCREEN)
        self.assertIn("\x1b[?25h", terminal.text)  # the cursor is there again
        self.assertIn("serves", after)  # what was seen last stays

    def test_a_change_is_seen(self) -> None:
        self.start_proxy()
        terminal = self.watch("gate", "contextual-retry")
        terminal.read_until("contextual-retry\x1b[0m: \x1b[2moff")
        self.assertEqual(self.run_it("gate", "contextual-retry", "shadow").returncode, 0)
        terminal.read_until("shadow for 100 % of requests")

    def test_a_proxy_that_goes_away_is_told(self) -> None:
        proxy = self.start_proxy()
        terminal = self.watch("learning")
        terminal.read_until("Nothing is known of any provider yet.")
        proxy.stop()
        self.assertEqual(terminal.wait(), 3)
        _, _, after = terminal.text.rpartition(FIRST_SCREEN)
        self.assertIn("backoffd: the proxy has gone: no answer from the admin interface", after)

    def test_nobody_there_from_the_first_is_an_error_on_the_first_screen(self) -> None:
        self.environment["BACKOFFD_ADMIN"] = "127.0.0.1:1"
        terminal = self.watch("status")
        self.assertEqual(terminal.wait(), 3)
        self.assertNotIn(OTHER_SCREEN, terminal.text)
        self.assertIn("Connection refused", terminal.text)

    def test_a_small_terminal_is_not_scrolled(self) -> None:
        self.start_proxy()
        terminal = self.watch("compare", "contextual-retry", rows=6)
        frame = terminal.read_until("\x1b[J")
        self.assertLessEqual(frame.count("\n"), 5)

    def test_a_pipe_gets_lines_of_json(self) -> None:
        self.start_proxy()
        for ends_it in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen(
                [str(self.backoffd), "gate", "--watch", "--interval", "50ms"], env=self.environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            for _ in range(3):
                gates = json.loads(process.stdout.readline())["gates"]
                self.assertEqual(list(gates), ["contextual-retry", "provider-learning"])
            process.send_signal(ends_it)
            _, complaint = process.communicate()
            self.assertEqual((process.returncode, complaint), (0, ""))

    def test_so_does_a_terminal_that_asks_for_it(self) -> None:
        self.start_proxy()
        terminal = self.watch("status", "--output", "json")
        line = terminal.read_until("\r\n")
        self.assertFalse(json.loads(line)["draining"])
        terminal.read_until("\r\n")

    def test_an_interrupted_call_ends_at_once(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.environment["BACKOFFD_ADMIN"] = f"127.0.0.1:{silent.getsockname()[1]}"
            terminal = self.watch("status", "--timeout", "1h")
            caller, _ = silent.accept()
            with caller:
                caller.recv(4096)
                terminal.type("\x03")
                self.assertEqual(terminal.wait(), 0)


class Colours(Case):
    def test_on_a_terminal_only_and_not_where_nobody_wants_them(self) -> None:
        self.start_proxy()
        status = [str(self.backoffd), "status"]
        colourful = self.on_terminal(status)
        colourful.wait()
        self.assertIn("\x1b[32mserves\x1b[0m", colourful.text)
        self.assertNotIn("\x1b", self.run_it("status").stdout)
        for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
            with self.subTest(name):
                kept, self.environment = self.environment, {**self.environment, name: value}
                plain = self.on_terminal(status)
                plain.wait()
                self.assertNotIn("\x1b", plain.text)
                self.environment = kept

    def test_tables_keep_to_80_columns(self) -> None:
        self.start_proxy("--enable-contextual-retry", "--enable-provider-learning")
        self.environment["NO_COLOR"] = "1"
        for arguments in (["status"], ["gate"], ["learning"], ["compare", "contextual-retry"]):
            terminal = self.on_terminal([str(self.backoffd), *arguments], columns=80)
            self.assertEqual(terminal.wait(), 0)
            lines = [line for line in terminal.text.splitlines() if re.match(r"\S+( \S+)*  ", line)]
            self.assertLessEqual(max((len(line) for line in lines), default=0), 80, lines)


class Commands(Case):
    def test_the_configuration_is_checked(self) -> None:
        file = self.temporary / "c.json"
        file.write_text('{"retry": {"max_attempts": 0}}')
        for arguments in (("check",), ("--check",)):
            done = self.run_it(*arguments, "--config", str(file))
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("retry.max_attempts: 0", done.stderr)
            self.assertEqual(self.run_it(*arguments).returncode, 0)

    def test_a_drain_is_waited_for(self) -> None:
        proxy = self.start_proxy()
        done = self.run_it("drain", "--wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"It has gone after \S+ m?s\.\n$")
        self.assertEqual(proxy.process.wait(10), 0)
        self.assertEqual(self.run_it("health").returncode, 1)
        self.assertEqual(self.run_it("status").returncode, 3)

    def test_an_answer_to_which_nobody_listens_ends_it(self) -> None:
        self.start_proxy()
        command = f"'{self.backoffd}' status --watch --interval 10ms | head -n 1"
        done = subprocess.run(["bash", "-c", command + '; echo "${PIPESTATUS[0]}"'], env=self.environment,
                              capture_output=True, text=True, timeout=30)  # fmt: skip
        self.assertEqual(done.stdout.splitlines()[1], str(128 + signal.SIGPIPE))
