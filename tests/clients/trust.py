"""What a leaked key of the CA is worth: each TLS library is shown certificates that were signed with it.

The CA is bounded to two names. Whoever has its key signs for them, and each client must be content; and tries to sign
for more, and each client that trusts the CA must refuse, because of the name constraints and of nothing else.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clients import Done, run

NAME = "api.permitted.example"
ADDRESS = "127.0.0.1"
PERMITTED = f"*.permitted.example,{ADDRESS}"
FOREIGN = "evil.example"
FOREIGN_ADDRESS = "127.0.0.2"


@dataclass(frozen=True)
class Forgery:
    """A certificate for `host`, which a client connects to at the address `at`."""

    what: str
    host: str
    san: str  # empty: the host stands in the subject only
    good: bool = False
    at: str = ADDRESS
    by_sub_ca: bool = False

    @property
    def file(self) -> str:
        return self.what.replace(" ", "-")


FORGERIES = [
    Forgery("permitted name", NAME, f"DNS:{NAME}", good=True),
    Forgery("permitted address", ADDRESS, f"IP:{ADDRESS}", good=True),
    Forgery("foreign name", FOREIGN, f"DNS:{FOREIGN}"),
    Forgery("name that ends alike", f"evil{NAME[4:]}", f"DNS:evil{NAME[4:]}"),
    Forgery("foreign name beside a permitted one", NAME, f"DNS:{NAME},DNS:{FOREIGN}"),
    Forgery("foreign name in the subject", FOREIGN, ""),
    Forgery("foreign address", FOREIGN_ADDRESS, f"IP:{FOREIGN_ADDRESS}", at=FOREIGN_ADDRESS),
    Forgery("foreign address of the other family", "::1", "IP:::1", at="::1"),
    Forgery("permitted name by a CA below", NAME, f"DNS:{NAME}", by_sub_ca=True),
]


class LeakedKey:
    """The CA as `backoffd ca` makes it, and what the thief of its key makes of that."""

    def __init__(self, backoffd: Path, root: Path) -> None:
        self._backoffd = backoffd
        self._folder = root / "trust"

    @cached_property
    def root(self) -> Path:
        """The root certificate, which the clients trust. Everything else is made with it."""
        self._folder.mkdir()
        state = self._folder / "state"
        done = run([str(self._backoffd), "ca", "path", "--state-dir", str(state), "--intercept", PERMITTED])
        assert done.status == 0, done.text
        self._key = state / "ca" / "ca.key"
        chain = certificates_of((state / "ca" / "ca.pem").read_text())
        (self._folder / "issuer.pem").write_text(chain[0])
        self._sign("sub", "critical,CA:TRUE", "keyCertSign", "", "/CN=CA below", self._folder / "issuer.pem", self._key)
        for forgery in FORGERIES:
            self._forge(forgery)
        return state / "ca-root.pem"

    def leaf(self, forgery: Forgery) -> Path:
        return self._folder / f"{forgery.file}.pem"

    def between(self, forgery: Forgery) -> Path:
        """The certificates between leaf and root."""
        return self._folder / f"{forgery.file}.between.pem"

    def chain(self, forgery: Forgery) -> Path:
        return self._folder / f"{forgery.file}.chain.pem"

    def key(self, forgery: Forgery) -> Path:
        return self._folder / f"{forgery.file}.key"

    def _forge(self, forgery: Forgery) -> None:
        issuer, issuer_key = self._folder / "issuer.pem", self._key
        between = issuer.read_text()
        if forgery.by_sub_ca:
            issuer, issuer_key = self._folder / "sub.pem", self._folder / "sub.key"
            between = issuer.read_text() + between
        subject = "/" if forgery.san else f"/CN={forgery.host}"
        self._sign(forgery.file, "critical,CA:FALSE", "digitalSignature", forgery.san, subject, issuer, issuer_key)
        self.between(forgery).write_text(between)
        self.chain(forgery).write_text(self.leaf(forgery).read_text() + between)

    def _sign(self, name: str, constraints: str, usage: str, san: str, subject: str, issuer: Path, key: Path) -> None:
        lines = [f"basicConstraints={constraints}", f"keyUsage=critical,{usage}", "extendedKeyUsage=serverAuth"]
        lines += ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
        lines += [f"subjectAltName=critical,{san}"] if san else []
        at = self._folder / name
        at.with_suffix(".cnf").write_text("\n".join(lines))
        request = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._openssl([*request, "-subj", subject, "-keyout", f"{at}.key", "-out", f"{at}.csr"])
        sign = ["openssl", "x509", "-req", "-days", "10", "-in", f"{at}.csr", "-extfile", f"{at}.cnf"]
        self._openssl([*sign, "-CA", str(issuer), "-CAkey", str(key), "-CAcreateserial", "-out", f"{at}.pem"])

    def _openssl(self, command: list[str]) -> None:
        done = run(command)
        assert done.status == 0, done.text


def certificates_of(pem: str) -> list[str]:
    end = "-----END CERTIFICATE-----\n"
    return [part + end for part in pem.split(end) if part]


def is_address_of_ours(address: str) -> bool:
    """Not every machine has IPv6."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, 0), family=family).close()
    except OSError:
        return False
    return True


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Server:
    """Answers one TLS client after another with a chain, until it is closed."""

    def __init__(self, chain: Path, key: Path, address: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain, key)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(5)
            try:
                with self._context.wrap_socket(client, server_side=True) as tls:
                    tls.recv(4096)
                    tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes")
            except OSError:
                client.close()  # refused, as most of them are

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(6)


NODE = """
const [host, at, port, ca] = process.argv.slice(1), tls = require("tls"), fs = require("fs");
const name = require("net").isIP(host) ? {} : {servername: host};
const options = {host: at, port, ca: fs.readFileSync(ca), ...name};
const socket = tls.connect(options, () => { console.log("yes"); socket.end(); });
socket.on("error", error => { console.log(error.code, error.message); process.exit(1); });
"""

PYTHON = """
import socket, ssl, sys
host, at, port, ca = sys.argv[1:]
with socket.create_connection((at, port), 5) as plain:
    with ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname=host) as tls:
        print("yes")
"""


class Trust(unittest.TestCase):
    def __init__(self, method: str, leaked: LeakedKey) -> None:
        super().__init__(method)
        self.leaked = leaked

    def id(self) -> str:
        return f"name constraints: {self._testMethodName.removeprefix('test_').replace('_', ' ')}"

    def setUp(self) -> None:
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")

    def judged(self, forgery: Forgery, done: Done, *reasons: str) -> None:
        """A good certificate was taken; another was refused in one of these words."""
        if forgery.good:
            self.assertEqual(done.status, 0, f"{forgery.what}: {done.text}")
        else:
            self.assertNotEqual(done.status, 0, f"{forgery.what}: taken")
            self.assertTrue(any(reason in done.text for reason in reasons), f"{forgery.what}: {done.text}")

    def needs(self, program: str) -> None:
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")

    def connected(self, command: Callable[[Forgery, str, str], list[str]], *reasons: str) -> None:
        """`command` makes the client's command line of a forgery, the port it is served at and the root to trust."""
        root = str(self.leaked.root)
        for forgery in FORGERIES:
            if not is_address_of_ours(forgery.at):
                continue
            with Server(self.leaked.chain(forgery), self.leaked.key(forgery), forgery.at) as server:
                command_line = command(forgery, str(server.port), root)
                if command_line:
                    self.judged(forgery, run(command_line), *reasons)

    def test_openssl(self) -> None:
        for forgery in FORGERIES:
            command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(self.leaked.root)]
            command += ["-untrusted", str(self.leaked.between(forgery)), str(self.leaked.leaf(forgery))]
            self.judged(forgery, run(command), "subtree violation", "path length constraint exceeded")

    def test_gnutls(self) -> None:
        self.needs("certtool")
        for forgery in FORGERIES:
            command = ["certtool", "--verify", "--load-ca-certificate", str(self.leaked.root)]
            done = run([*command, "--infile", str(self.leaked.chain(forgery))])
            self.judged(forgery, done, "violates the signer's constraints", "signer is not a CA")

    def test_wget(self) -> None:
        """GnuTLS in a client; it cannot be told what a name resolves to, so addresses only."""
        self.needs("wget")

        def command(forgery: Forgery, port: str, root: str) -> list[str]:
            if forgery.host != forgery.at:
                return []
            wget = ["wget", "--no-config", "-nv", "--tries=1", "--timeout=5", "--no-hsts", f"--ca-certificate={root}"]
            return [*wget, "-O", "/dev/null", f"https://{in_url(forgery.host)}:{port}/"]

        self.connected(command, "is not trusted")

    def test_curl(self) -> None:
        self.needs("curl")

        def command(forgery: Forgery, port: str, root: str) -> list[str]:
            curl = ["curl", "-q", "-sS", "--max-time", "5", "--noproxy", "*", "--cacert", root]
            if forgery.host != forgery.at:
                curl += ["--resolve", f"{forgery.host}:{port}:{forgery.at}"]
            return [*curl, f"https://{in_url(forgery.host)}:{port}/"]

        self.connected(command, "subtree violation", "path length constraint exceeded")

    def test_python(self) -> None:
        def command(forgery: Forgery, port: str, root: str) -> list[str]:
            return ["/usr/bin/python3", "-c", PYTHON, forgery.host, forgery.at, port, root]

        self.connected(command, "subtree violation", "path length constraint exceeded")

    def test_node(self) -> None:
        self.needs("node")

        def command(forgery: Forgery, port: str, root: str) -> list[str]:
            return ["node", "-e", NODE, forgery.host, forgery.at, port, root]

        self.connected(command, "subtree violation", "PATH_LENGTH_EXCEEDED")


def groups(backoffd: Path, root: Path) -> list[list[unittest.TestCase]]:
    """`root` is a directory that is thrown away."""
    leaked = LeakedKey(backoffd, root)
    return [[Trust(name, leaked) for name in unittest.TestLoader().getTestCaseNames(Trust)]]
