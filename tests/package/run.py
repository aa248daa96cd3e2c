#!/usr/bin/env python3
"""The Debian package: looked at by lintian, installed in a root of its own, run as its unit says, queried and purged.

    tests/package/run.py build/deb/backoffd_VERSION_ARCH.deb [-k WORD]

Needs root: whatever the machine lacks then is a failure. The service runs in a network namespace of its own, on the ports
that the package comes with.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import verdict  # noqa: E402

PATIENCE = 30  # seconds; how slow a machine may be
UNIT = "lib/systemd/system/backoffd.service"
SETTINGS = "etc/backoffd/backoffd.json"
FOLDERS = {  # that systemd makes for a unit
    "StateDirectory": "var/lib",
    "LogsDirectory": "var/log",
    "CacheDirectory": "var/cache",
    "ConfigurationDirectory": "etc",
    "RuntimeDirectory": "run",
}


def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if check and ran.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))}: exit {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran


def unit(root: Path) -> dict[str, str]:
    """The last value of each setting of the unit."""
    lines = (root / UNIT).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Za-z]+=", line))


class Service:
    """The package's service as its unit starts it: its command, its user, its folders, its socket for notifications."""

    def __init__(self, root: Path) -> None:
        self.root = root
        told = unit(root)
        user = told["User"]
        self._runtime = root / "run" / told["RuntimeDirectory"]
        for kind, parent in FOLDERS.items():
            if kind in told:
                folder = root / parent / told[kind]
                if not folder.exists():
                    folder.mkdir(mode=int(told.get(f"{kind}Mode", "0755"), 8), parents=True)
                run("chroot", root, "chown", f"{user}:{user}", f"/{parent}/{told[kind]}")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = root / "run/notify"
        path.unlink(missing_ok=True)
        self._notify.bind(str(path))
        path.chmod(0o777)
        self._notify.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            [
                "unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                "chroot", f"--userspec={user}:{user}", str(root),
                "env", "-i", "NOTIFY_SOCKET=/run/notify", *shlex.split(told["ExecStart"]),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def told(self) -> str:
        """What the service manager hears next."""
        return self._notify.recv(4096).decode()

    def inside(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command on the machine that the service runs on."""
        return run("nsenter", "--net", "--target", str(self.process.pid), "chroot", self.root, *command, check=check)

    def get(self, url: str, proxy: str) -> int:
        """The status of a GET through `proxy`, asked from beside the service."""
        host, port = proxy.split(":")
        asked = f"GET {url} HTTP/1.0\\r\\n\\r\\n"
        script = f"exec 3<>/dev/tcp/{host}/{port}; printf '{asked}' >&3; cat <&3"
        return int(self.inside("bash", "-c", script).stdout.split()[1])

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self._notify.close()
        shutil.rmtree(self._runtime, ignore_errors=True)  # the only one that goes with the service


class Package(unittest.TestCase):
    deb: Path
    root: Path

    def dpkg(self, *arguments: str) -> str:
        return run("chroot", self.root, "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "dpkg", *arguments).stdout

    def test_1_lintian_finds_no_error_and_no_warning(self) -> None:
        changes = next(self.deb.parent.glob("*.changes"))
        found = run("lintian", "--allow-root", "--fail-on", "none", changes).stdout
        self.assertEqual(found, "")

    def test_2_everything_is_in_its_place(self) -> None:
        listing = run("dpkg-deb", "--contents", self.deb).stdout
        for path in (
            "usr/bin/backoffd", UNIT, SETTINGS, "usr/share/man/man1/backoffd.1.gz",
            "usr/share/bash-completion/completions/backoffd", "usr/share/zsh/vendor-completions/_backoffd",
            "usr/share/fish/vendor_completions.d/backoffd.fish",
        ):  # fmt: skip
            self.assertIn(f" ./{path}\n", listing)
        notices = re.findall(r" \./usr/share/doc/backoffd/notices/([a-z0-9-]+)(?:\.gz)?\n", listing)
        self.assertLessEqual({"libcli11-dev", "libfmt-dev", "libspdlog-dev", "rapidjson-dev"}, set(notices))
        self.assertTrue({"libllhttp-dev", "node-llhttp"} & set(notices))
        self.assertIn("backoffd", (self.root / "etc/passwd").read_text())

    def test_3_the_unit_is_well_formed_and_hardened(self) -> None:
        verified = run("systemd-analyze", "verify", "--man=no", f"--root={self.root}", "backoffd.service", check=False)
        self.assertNotIn("backoffd.service:", verified.stderr)
        judged = run("systemd-analyze", "security", "--offline=true", f"--root={self.root}", "backoffd.service")
        exposure = float(re.search(r"exposure level for backoffd\.service: ([0-9.]+)", judged.stdout).group(1))
        self.assertLess(exposure, 2.0)

    def test_4_it_serves_as_its_unit_starts_it(self) -> None:
        service = Service(self.root)
        self.addCleanup(service.close)
        self.assertEqual(service.told(), "READY=1")
        self.assertEqual(service.inside("backoffd", "health").returncode, 0)
        status = json.loads(service.inside("backoffd", "status", "--output", "json").stdout)
        self.assertIn(status["version"], self.deb.name)
        # Loopback is no destination unless it is allowed; that the refusal comes shows the proxy's port at work.
        self.assertEqual(service.get("http://127.0.0.1:9/", "127.0.0.1:8080"), 403)
        service.inside("backoffd", "gate", "provider-learning", "on")
        gates = json.loads(service.inside("backoffd", "gate", "--output", "json").stdout)
        self.assertIn('"on"', json.dumps(gates))
        self.assertEqual(service.end(), 0)
        self.assertEqual(service.told(), "STOPPING=1")
        self.assertEqual((self.root / "var/lib/backoffd").stat().st_mode & 0o777, 0o700)

    def test_5_settings_of_the_operator_outlive_removal_and_nothing_outlives_purge(self) -> None:
        settings = self.root / SETTINGS
        settings.write_text(settings.read_text().replace("{", '{\n  "workers": 1,', 1))
        self.dpkg("--remove", "backoffd")
        self.assertFalse((self.root / "usr/bin/backoffd").exists())
        self.assertIn('"workers": 1', settings.read_text())
        self.dpkg("--purge", "backoffd")
        self.assertFalse(settings.parent.exists())
        self.assertFalse((self.root / "var/lib/backoffd").exists())
        left = [path for path in run("find", self.root, "-name", "*backoffd*").stdout.split()]
        self.assertEqual(left, [])


def install(deb: Path, root: Path) -> None:
    began = time.monotonic()
    run(
        ROOT / "docker" / "debian_root.sh", root, "--include=systemd",
        f"--customize-hook=copy-in {shlex.quote(str(deb))} /var/tmp",
        '--customize-hook=APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get update -qq',
        f"--customize-hook=chroot \"$1\" apt-get install -qq --yes --no-install-recommends /var/tmp/{deb.name}",
        f"--customize-hook=rm \"$1\"/var/tmp/{deb.name}",
    )  # fmt: skip
    print(f"installed in a root of its own in {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deb", type=Path)
    parser.add_argument("-k", default="", metavar="WORD", help="only tests whose name has this in it")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("not root: no package can be installed here\n0 passed, 0 failed")
        return 0
    with tempfile.TemporaryDirectory(prefix="backoffd-package-", ignore_cleanup_errors=True) as folder:
        Package.deb = options.deb.resolve()
        Package.root = Path(folder) / "root"
        install(Package.deb, Package.root)
        tests = unittest.defaultTestLoader.loadTestsFromTestCase(Package)
        suite = unittest.TestSuite(test for test in tests if options.k in test.id())
        return verdict.run(suite)


if __name__ == "__main__":
    raise SystemExit(main())
