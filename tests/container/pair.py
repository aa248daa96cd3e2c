"""An app beside its sidecar in one network namespace, with egress.nft: the sidecar's user alone gets out. What is out
there is a misbehaving provider on another loopback address."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

from engine import HARDENED, ROOT, TOOLS, USER, Container, World
from sidecar import wait_for

OUTSIDE = "127.0.0.2"
PROVIDER = "provider.test"
HTTP, HTTPS = 8000, 8443
PROXY = "http://127.0.0.1:8080"
APP = {
    "http_proxy": PROXY,
    "https_proxy": PROXY,
    "CURL_CA_BUNDLE": "/run/backoffd/ca-bundle.pem",
}
SIDECAR = (
    "--state-dir", "/var/lib/backoffd", "--enable-contextual-retry", "--allow", OUTSIDE, "--connect-ports", str(HTTPS),
    "--intercept", PROVIDER, "--set", "tls.publish_dir=/run/backoffd", "--upstream-ca", "/certificates/provider.pem",
)  # fmt: skip


def make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={PROVIDER}", "-addext", f"subjectAltName=DNS:{PROVIDER}",
         "-keyout", folder / "provider.key", "-out", folder / "provider.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    for file in (folder, *folder.iterdir()):
        file.chmod(0o755)  # it is read by the users of three containers


class Pair(unittest.TestCase):
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="backoffd-pair-")
        cls.addClassCleanup(folder.cleanup)
        make_certificate(Path(folder.name))
        public = cls.world.volume("public")
        certificates = ("--volume", f"{folder.name}:/certificates:ro")
        cls.sidecar = cls.world.container(
            "sidecar", *HARDENED, "--network", "none", "--add-host", f"{PROVIDER}:{OUTSIDE}", "--memory", "64m",
            "--volume", f"{cls.world.volume('state')}:/var/lib/backoffd", "--volume", f"{public}:/run/backoffd",
            *certificates, command=SIDECAR,
        )  # fmt: skip
        cls.inside = inside = ("--network", f"container:{cls.sidecar.name}")
        subprocess.run(
            ["nsenter", "--net", "--target", str(cls.sidecar.pid()),
             "nft", "--file", str(ROOT / "docker" / "kubernetes" / "egress.nft")], check=True,
        )  # fmt: skip
        for port, tls in ((HTTP, ()), (HTTPS, ("--tls", "/certificates/provider.pem", "/certificates/provider.key"))):
            cls.world.container(
                "provider", *inside, *certificates, "--volume", f"{ROOT}/tests/support:/support:ro", image=TOOLS,
                command=("python3", "-B", "/support/provider.py", "--host", OUTSIDE, "--port", str(port), *tls),
            )  # fmt: skip
        if not wait_for(lambda: cls.sidecar.exec("backoffd", "health").returncode == 0):
            raise RuntimeError(cls.sidecar.logs())
        cls.app: Container = cls.world.container(
            "app", *inside, "--volume", f"{public}:/run/backoffd:ro",
            *(word for name, value in APP.items() for word in ("--env", f"{name}={value}")),
            image=TOOLS, command=("sleep", "600"),
        )  # fmt: skip

    def run_in_app(self, command: str) -> tuple[int, str]:
        ran = self.app.exec("sh", "-c", command)
        return ran.returncode, ran.stdout.strip() + ran.stderr.strip()

    def expect_repaired(self, origin: str, fault: str) -> None:
        _, expected = self.run_in_app(f"curl -sS -m 30 {origin}/sha256/1MiB")
        _, got = self.run_in_app(f"curl -sS -m 30 '{origin}/bytes/1MiB/x?fault={fault}' | sha256sum | cut -d' ' -f1")
        self.assertRegex(expected, "^[0-9a-f]{64}$")
        self.assertEqual(got, expected)

    def test_there_is_no_network_but_loopback(self) -> None:
        code, devices = self.run_in_app("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")
        self.assertEqual((code, devices), (0, "lo"))

    def test_the_app_has_no_other_way_out(self) -> None:
        for scheme, port in (("http", HTTP), ("https", HTTPS)):
            url = f"{scheme}://{PROVIDER}:{port}/bytes/1/x"
            code, told = self.run_in_app(f"curl -sS -m 5 --noproxy '*' --resolve {PROVIDER}:{port}:{OUTSIDE} {url}")
            self.assertEqual(code, 7, told)  # curl: failed to connect

    def test_root_gets_out_with_capabilities_and_not_without(self) -> None:
        without = ("--cap-drop=ALL", "--security-opt", "no-new-privileges")
        url = f"http://{OUTSIDE}:{HTTP}/bytes/1/x"
        for options, gets_out in (((), True), (without, False)):
            app = self.world.container(
                "root", *self.inside, "--user", "0", *options, image=TOOLS, command=("sleep", "600")
            )
            plain = app.exec("curl", "-sS", "-m", "5", url)
            self.assertEqual(plain.returncode, 7, plain.stderr)
            as_sidecar = app.exec("setpriv", f"--reuid={USER}", "curl", "-sS", "-m", "5", url)
            self.assertEqual(as_sidecar.returncode == 0, gets_out, as_sidecar.stderr)

    def test_http_is_repaired(self) -> None:
        for fault in ("503@1-2", "429:1@1", "reset@1", "close-body:half@1"):
            with self.subTest(fault):
                self.expect_repaired(f"http://{PROVIDER}:{HTTP}", fault)

    def test_https_is_repaired_in_an_app_that_trusts_the_published_bundle(self) -> None:
        for fault in ("503@1-2", "429:1@1", "reset@1", "close-body:half@1"):
            with self.subTest(fault):
                self.expect_repaired(f"https://{PROVIDER}:{HTTPS}", fault)

    def test_the_app_sees_the_public_part_of_the_ca_alone_and_cannot_change_it(self) -> None:
        self.assertEqual(self.run_in_app("ls /run/backoffd"), (0, "ca-bundle.pem\nca-root.pem"))
        self.assertEqual(self.run_in_app("grep -l 'PRIVATE KEY' /run/backoffd/*"), (1, ""))
        code, told = self.run_in_app("touch /run/backoffd/x")
        self.assertNotEqual(code, 0)
        self.assertIn("Read-only", told)
