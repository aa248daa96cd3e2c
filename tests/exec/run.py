#!/usr/bin/env python3
"""`backoffd exec` and `backoffd env` as their users have them: real commands below the real program.

    tests/exec/run.py [--backoffd build/backoffd] [-k WORD]
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import resource
import select
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from harness import ProxyProcess, free_port  # noqa: E402
from origin import ENTITY, Certificate, Origin  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds; how slow a machine may be
OURS = ("proxy", "cert", "ca_bundle", "cainfo", "cafile", "ca_file", "wgetrc", "ssl_ca", "backoffd", "docstokg", "xdg")
CURL = ("curl", "-sS", "--noproxy", "")  # through the proxy, whatever NO_PROXY says
DIRECT = "curl -sS --noproxy '*'"


def clean_environment() -> dict[str, str]:
    """Without anything that this is about."""
    return {name: value for name, value in os.environ.items() if not any(word in name.lower() for word in OURS)}


class Case(unittest.TestCase):
    backoffd: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="backoffd-exec-test-")
        cls.root = Path(cls.folder.name)
        cls.certificate = Certificate(cls.root)
        cls.secure = Origin(cls.certificate)
        cls.plain = Origin()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.secure.shutdown()
        cls.plain.shutdown()
        cls.folder.cleanup()

    def setUp(self) -> None:
        self.temporary = Path(tempfile.mkdtemp(dir=self.root))
        self.environment = {**clean_environment(), "TMPDIR": str(self.temporary), "HOME": str(self.temporary)}

    def command(self, *command: str, flags: tuple[str, ...] = ()) -> list[str]:
        return [str(self.backoffd), "exec", *flags, "--", *command]

    def run_exec(self, *command: str, flags: tuple[str, ...] = (), **more: object) -> subprocess.CompletedProcess[str]:
        options = {"env": self.environment, "capture_output": True, "text": True, "timeout": PATIENCE, **more}
        return subprocess.run(self.command(*command, flags=flags), **options)

    def start(self, *command: str, flags: tuple[str, ...] = (), **more: object) -> subprocess.Popen[str]:
        """Runs until it has said "ready"."""
        options = {"env": self.environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        process = subprocess.Popen(self.command(*command, flags=flags), start_new_session=True, **options)
        self.addCleanup(self.end, process)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        """With the command, which would hold the pipes open."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def trusting(self) -> tuple[str, ...]:
        return ("--upstream-ca", str(self.certificate.file))

    def left_over(self) -> list[str]:
        return [path.name for path in self.temporary.glob("backoffd-*")]


class ExitStatus(Case):
    def test_that_of_the_command(self) -> None:
        for status in (0, 1, 3, 255):
            self.assertEqual(self.run_exec("sh", "-c", f"exit {status}").returncode, status)

    def test_128_and_the_signal_that_ended_it(self) -> None:
        for name, number in (("KILL", 9), ("TERM", 15), ("PIPE", 13)):
            self.assertEqual(self.run_exec("sh", "-c", f"kill -{name} $$").returncode, 128 + number)

    def test_as_a_shell_has_it_where_there_is_nothing_to_run(self) -> None:
        missing = self.run_exec("no-such-command-at-all")
        self.assertEqual(missing.returncode, 127)
        self.assertEqual(missing.stderr, "backoffd: no-such-command-at-all: command not found\n")
        plain = self.temporary / "plain"
        plain.touch(mode=0o644)
        denied = self.run_exec(str(plain))
        self.assertEqual(denied.returncode, 126)
        self.assertEqual(denied.stderr, f"backoffd: {plain}: Permission denied\n")
        self.assertEqual(self.left_over(), [])

    def test_125_where_the_failure_is_ours(self) -> None:
        wrong = self.run_exec("true", flags=("--intercept", "https://x/"))
        self.assertEqual(wrong.returncode, 125)
        self.assertIn("--intercept[0]", wrong.stderr)
        unreadable = self.run_exec("true", flags=("--upstream-ca", "/no/such.pem"))
        self.assertEqual(unreadable.returncode, 125)
        self.assertIn("/no/such.pem", unreadable.stderr)

    def test_the_dashes_are_asked_for(self) -> None:
        told = subprocess.run([self.backoffd, "exec", "curl", "-O", "x"], capture_output=True, text=True)
        self.assertEqual(told.returncode, 2)
        self.assertIn("backoffd exec -- curl", told.stderr)


class Environment(Case):
    def variables(self, *, flags: tuple[str, ...] = (), **more: str) -> dict[str, str]:
        done = self.run_exec("env", "-0", flags=flags, env={**self.environment, **more})
        return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)

    def test_tools_are_pointed_at_the_proxy_and_the_bundle(self) -> None:
        found = self.variables(NO_PROXY="lab.example", SSL_CERT_FILE=str(self.certificate.file), http_proxy="")
        self.assertRegex(found["http_proxy"], r"^http://127\.0\.0\.1:\d+$")
        for name in ("https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            self.assertEqual(found[name], found["http_proxy"], name)
        self.assertEqual(found["NO_PROXY"], "lab.example")
        self.assertNotIn("no_proxy", found)
        bundle = found["SSL_CERT_FILE"]
        self.assertTrue(bundle.startswith(str(self.temporary)), bundle)
        for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT",
                     "CARGO_HTTP_CAINFO", "npm_config_cafile"):  # fmt: skip
            self.assertEqual(found[name], bundle, name)

    def test_the_rest_is_as_it_was(self) -> None:
        found = self.variables(PLAIN="a\nb", intact="1")
        for name in ("PATH", "HOME", "PLAIN", "intact"):
            self.assertEqual(found[name], {**self.environment, "PLAIN": "a\nb", "intact": "1"}[name])

    def test_where_nothing_is_intercepted_the_roots_are_left_alone(self) -> None:
        found = self.variables(flags=("--intercept", "none"), CURL_CA_BUNDLE="/mine.pem")
        self.assertIn("http_proxy", found)
        self.assertEqual(found["CURL_CA_BUNDLE"], "/mine.pem")
        self.assertNotIn("SSL_CERT_FILE", found)

    def test_the_bundle_is_private_public_and_gone_afterwards(self) -> None:
        runtime = self.temporary / "runtime"
        runtime.mkdir(mode=0o700)
        script = 'stat -c "%a %F" "$(dirname "$SSL_CERT_FILE")"; cat "$SSL_CERT_FILE"; echo "$SSL_CERT_FILE"'
        done = self.run_exec("sh", "-c", script, env={**self.environment, "XDG_RUNTIME_DIR": str(runtime),
                                                      "SSL_CERT_FILE": str(self.certificate.file)})  # fmt: skip
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "700 directory")
        self.assertTrue(lines[-1].startswith(f"{runtime}/backoffd-"))
        self.assertEqual(done.stdout.count("BEGIN CERTIFICATE"), 2)  # the system's, and ours
        self.assertNotIn("PRIVATE KEY", done.stdout)
        self.assertFalse(Path(lines[-1]).parent.exists())
        self.assertEqual(self.run_exec("sh", "-c", "kill -KILL $$").returncode, 137)
        self.assertEqual(self.left_over(), [])

    def test_what_the_users_wgetrc_says_still_holds(self) -> None:
        (self.temporary / ".wgetrc").write_text("user_agent = mine")
        lines = self.run_exec("sh", "-c", 'cat "$WGETRC"').stdout.splitlines()
        self.assertEqual(lines[0], "user_agent = mine")
        self.assertRegex(lines[1], r"^ca_certificate = .*/ca-bundle\.pem$")

    def test_limits_and_signals_are_those_that_we_got(self) -> None:
        soft = 256

        def as_nohup() -> None:
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

        # Without the file's own shell: a shell changes some of it for itself.
        done = self.run_exec("cat", "/proc/self/status", "/proc/self/limits", preexec_fn=as_nohup, restore_signals=True)
        status = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
        self.assertEqual(int(status["SigBlk"], 16), 0)
        ordinary = (1 << 31) - 1  # those above are the C library's own
        self.assertEqual(int(status["SigIgn"], 16) & ordinary, 1 << (signal.SIGHUP - 1))
        self.assertRegex(done.stdout, rf"Max open files\s+{soft}\s")


class Terminal(Case):
    def test_standard_input_and_output_are_the_commands(self) -> None:
        done = self.run_exec("cat", flags=("--quiet",), input="through\n")
        self.assertEqual((done.stdout, done.stderr), ("through\n", ""))

    def on_terminal(self, *command: str) -> tuple[int, int]:
        pid, master = pty.fork()
        if pid == 0:
            os.execve(str(self.backoffd), self.command(*command, flags=("--quiet",)), self.environment)
        self.addCleanup(os.close, master)
        return pid, master

    def read_until(self, master: int, text: bytes) -> bytes:
        got = b""
        until = time.monotonic() + PATIENCE
        while text not in got and time.monotonic() < until:
            if select.select([master], [], [], 1)[0]:
                try:
                    got += os.read(master, 4096)
                except OSError:  # the other side is closed
                    break
        self.assertIn(text, got)
        return got

    def test_the_terminal_is_the_commands(self) -> None:
        pid, master = self.on_terminal("sh", "-c", 'test -t 0 && test -t 1 && read line && echo "got $line"')
        os.write(master, b"typed\n")
        self.read_until(master, b"got typed")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_control_c_reaches_the_command_once_and_leaves_us_alone(self) -> None:
        script = 'n=0; trap "n=\\$((n+1))" INT; echo ready; sleep 1; sleep 1; echo "interrupts: $n"; exit 7'
        pid, master = self.on_terminal("sh", "-c", script)
        self.read_until(master, b"ready")
        os.write(master, b"\x03")
        self.read_until(master, b"interrupts: 1")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 7)

    def test_control_c_ends_a_command_that_does_not_mind_it(self) -> None:
        pid, master = self.on_terminal("sh", "-c", "echo ready; exec sleep 60")
        self.read_until(master, b"ready")
        os.write(master, b"\x03")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130)


class Signals(Case):
    def test_what_a_process_sends_us_reaches_the_command(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            script = f"trap 'echo caught; exit {40 + number}' {number}; echo ready; while :; do sleep 0.1; done"
            process = self.start("sh", "-c", script)
            process.send_signal(number)
            out, _ = process.communicate(timeout=PATIENCE)
            self.assertEqual((out, process.returncode), ("caught\n", 40 + number), number)

    def test_a_command_that_dies_of_it_is_told_so(self) -> None:
        process = self.start("sh", "-c", "echo ready; exec sleep 60")
        process.terminate()
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertEqual(self.left_over(), [])


class Downloads(Case):
    def curl(self, url: str, *, flags: tuple[str, ...] = (), **more: object) -> subprocess.CompletedProcess[str]:
        file = self.temporary / "download"
        done = self.run_exec(*CURL, "-o", str(file), "-w", "%{http_code}", url, flags=flags, **more)
        self.body = file.read_bytes() if file.exists() else b""
        return done

    def test_https_is_retried(self) -> None:
        done = self.curl(f"{self.secure.url}/429/a", flags=self.trusting())
        self.assertEqual((done.stdout, self.body), ("200", ENTITY))
        self.assertEqual(done.stderr, "backoffd: 1 request, 1 retry; 1 429 avoided\n")

    def test_https_is_resumed(self) -> None:
        done = self.curl(f"{self.secure.url}/cut/a", flags=(*self.trusting(), "--enable-contextual-retry"))
        self.assertEqual((done.stdout, self.body), ("200", ENTITY))
        self.assertEqual(done.stderr, "backoffd: 1 request, 1 retry; 1 body resumed, 128.0 KiB not fetched again\n")
        self.assertEqual(self.secure.saved, len(ENTITY) // 2)

    def test_http_is_retried(self) -> None:
        done = self.curl(f"{self.plain.url}/429/b")
        self.assertEqual((done.stdout, self.body), ("200", ENTITY))
        self.assertEqual(done.stderr, "backoffd: 1 request, 1 retry; 1 429 avoided\n")

    def test_a_held_request_is_told(self) -> None:
        both = [part for n in range(2) for part in ("-o", "/dev/null", f"{self.plain.url}/ok/{n}")]
        flags = ("--set", 'default_limits.limits=["1/SECOND"]')
        done = self.run_exec(*CURL, *both, flags=flags)
        self.assertRegex(done.stderr, r"^backoffd: 2 requests, 0 retries; 1 request held for \d\.\d s in all\n$")

    def test_quiet_is_quiet(self) -> None:
        self.assertEqual(self.curl(f"{self.plain.url}/ok/q", flags=("--quiet",)).stderr, "")

    def test_upstreams_are_judged_by_the_roots_that_the_environment_named_before(self) -> None:
        environment = {**self.environment, "SSL_CERT_FILE": str(self.certificate.file)}
        trusted = self.curl(f"{self.secure.url}/ok/r", env=environment)
        self.assertEqual((trusted.stdout, self.body), ("200", ENTITY))
        refused = self.curl(f"{self.secure.url}/ok/s")
        self.assertEqual(refused.stdout, "502")
        self.assertIn(b"does not verify", self.body)

    def test_a_parent_proxy_of_the_environment_stays_in_the_way(self) -> None:
        log = self.temporary / "parent.access.log"
        state = self.temporary / "parent"
        state.mkdir()
        parent = ProxyProcess(self.backoffd, self.temporary / "parent.log", "--state-dir", str(state), "--access-log",
                              str(log), "--connect-ports", "any")  # fmt: skip
        self.addCleanup(parent.stop)
        environment = {**self.environment, "HTTP_PROXY": parent.url, "HTTPS_PROXY": parent.url}
        self.assertEqual(self.curl(f"{self.plain.url}/ok/p", env=environment).stdout, "200")
        self.assertEqual(self.curl(f"{self.secure.url}/ok/p", env=environment, flags=self.trusting()).stdout, "200")
        parent.stop()
        methods = [line.split(" method=")[1].split()[0] for line in log.read_text().splitlines()]
        self.assertCountEqual(methods, ["GET", "CONNECT"])  # each worker writes its own lines

    def test_a_drain_from_outside_leaves_the_command_alone(self) -> None:
        port = free_port()
        drain = f"{DIRECT} -X POST -H 'Content-Type: application/json' -d '{{}}' http://127.0.0.1:{port}/drain"
        script = f"{drain}; sleep 1; echo still here; exit 5"
        done = self.run_exec("sh", "-c", script, flags=("--admin", f"127.0.0.1:{port}"))
        self.assertEqual(done.returncode, 5)
        self.assertTrue(done.stdout.endswith("still here\n"), done.stdout)

    def test_the_admin_interface_is_there_for_the_asking(self) -> None:
        port = free_port()
        script = f"{DIRECT} http://127.0.0.1:{port}/interception"
        told = json.loads(self.run_exec("sh", "-c", script, flags=("--admin", f"127.0.0.1:{port}")).stdout)
        self.assertEqual(told["intercept"], "all")
        self.assertTrue(told["ca"]["may_sign"]["any"])
        self.assertEqual(self.run_exec("sh", "-c", script).returncode, 7)  # curl: nobody there


class Learning(Case):
    LEARNS = ("--enable-provider-learning",)

    def setUp(self) -> None:
        super().setUp()
        self.environment["XDG_STATE_HOME"] = str(self.temporary / "state")
        self.file = self.temporary / "state" / "backoffd" / "learning.json"

    def learn(self) -> None:
        url = f"{self.plain.url}/429/{self.id()}"
        self.assertEqual(self.run_exec(*CURL, "-o", "/dev/null", url, flags=self.LEARNS).returncode, 0)

    def test_what_was_learned_is_known_to_the_next_run(self) -> None:
        self.learn()
        self.assertEqual(stat.S_IMODE(self.file.parent.stat().st_mode), 0o700)
        port = free_port()
        script = f"{DIRECT} http://127.0.0.1:{port}/learning"
        told = self.run_exec("sh", "-c", script, flags=(*self.LEARNS, "--admin", f"127.0.0.1:{port}")).stdout
        self.assertEqual(list(json.loads(told)["providers"]), ["localhost@localhost"])

    def test_nothing_is_kept_where_nothing_is_learned(self) -> None:
        self.run_exec("true")
        self.assertFalse(self.file.parent.exists())

    def test_two_at_once_work_and_say_so_in_a_line(self) -> None:
        first = self.start("sh", "-c", "echo ready; read line", flags=self.LEARNS, stdin=subprocess.PIPE)
        second = self.run_exec("true", flags=(*self.LEARNS, "--quiet"))
        self.assertEqual(second.returncode, 0)
        self.assertLessEqual(len(second.stderr.splitlines()), 1, second.stderr)
        first.communicate("go\n", timeout=PATIENCE)
        self.assertEqual(first.returncode, 0)


class Env(Case):
    """`eval "$(backoffd env)"` beside a sidecar."""

    def sidecar(self, settings: dict) -> ProxyProcess:
        config = self.temporary / "config.json"
        config.write_text(json.dumps({"state_dir": str(self.temporary / "state dir"), **settings}))
        flags = ("--config", str(config), "--connect-ports", "any", "--access-log", "off", *self.trusting())
        proxy = ProxyProcess(self.backoffd, self.temporary / "sidecar.log", *flags)
        self.addCleanup(proxy.stop)
        return proxy

    def shell(self, proxy: ProxyProcess, script: str) -> subprocess.CompletedProcess[str]:
        ask = f"{shlex.quote(str(self.backoffd))} env --admin 127.0.0.1:{proxy.admin_port}"
        return subprocess.run(["sh", "-c", f'eval "$({ask})"; {script}'], env=self.environment, capture_output=True,
                              text=True, timeout=PATIENCE)  # fmt: skip

    def test_a_shell_is_pointed_at_an_intercepting_sidecar(self) -> None:
        proxy = self.sidecar({"tls": {"intercept": "providers"}, "providers": [{"name": "o", "hosts": ["localhost"]}]})
        done = self.shell(proxy, f"curl -sS --noproxy '' -o /dev/null -w '%{{http_code}}' {self.secure.url}/429/env")
        self.assertEqual((done.stdout, done.stderr), ("200", ""))
        self.assertEqual(self.secure.tries["/429/env"], 2)

    def test_a_shell_is_pointed_at_one_that_does_not(self) -> None:
        done = self.shell(self.sidecar({}), "echo $http_proxy; env | grep -c CERT")
        self.assertRegex(done.stdout, r"^http://127\.0\.0\.1:\d+\n0\n$")
        self.assertEqual(done.stderr, "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backoffd", type=Path, default=ROOT / "build" / "backoffd", metavar="PATH")
    parser.add_argument("-k", default="", metavar="WORD", help="only tests whose name has this in it")
    options = parser.parse_args()
    Case.backoffd = options.backoffd.resolve()
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{options.k}*"]
    result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromModule(sys.modules[__name__]))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    raise SystemExit(main())
