"""Throw-away certificates: ECDSA P-256 for every party, so that nobody computes with cheaper or dearer keys than another."""

import dataclasses
import pathlib

from . import process, programs


@dataclasses.dataclass(frozen=True)
class SelfSigned:
    """PEM files of a certificate that is its own root, good for a server at 127.0.0.1 and for signing others."""
    certificate: pathlib.Path
    key: pathlib.Path


def self_signed(directory: pathlib.Path, name: str) -> SelfSigned:
    made = SelfSigned(directory / f"{name}.pem", directory / f"{name}.key")
    process.run([programs.require("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(made.certificate), "-keyout", str(made.key)],
                seconds=20)
    return made
