"""What the image is: small, nearly empty, of a user who is nobody else, and with a health check of its own."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import unittest

from engine import IMAGE, USER, World, podman

MOST_BYTES = 15_000_000
MAY_HOLD = ("etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/local/bin/backoffd")
MAY_HOLD_BELOW = ("usr/share/doc/backoffd/",)


def files_of(image: str, world: World) -> dict[str, tarfile.TarInfo]:
    """Every file and folder of the image, by its path."""
    name = world.name("files")
    world.remove_later("rm", "--force", "--ignore", "--volumes", name)
    podman("create", "--pull=never", "--name", name, image)
    exported = subprocess.run(["podman", "export", name], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return {member.name.rstrip("/"): member for member in archive}


class Image(unittest.TestCase):
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        cls.told = json.loads(podman("image", "inspect", IMAGE).stdout)[0]
        cls.files = files_of(IMAGE, cls.world)

    def test_it_has_at_most_15_megabytes(self) -> None:
        print(f"image: {self.told['Size'] / 1e6:.1f} MB", flush=True)
        self.assertLessEqual(self.told["Size"], MOST_BYTES)

    def test_it_holds_the_program_its_user_the_roots_and_licences_and_nothing_else(self) -> None:
        found = [path for path, member in self.files.items() if not member.isdir()]
        engine = ("etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "run/.containerenv")  # by export
        strange = [
            path for path in found
            if path not in MAY_HOLD + engine and not path.startswith((*MAY_HOLD_BELOW, "dev/", "proc/", "sys/"))
        ]  # fmt: skip
        self.assertEqual(strange, [])
        self.assertEqual([path for path in MAY_HOLD if path not in found], [])

    def test_it_says_under_what_licences_its_parts_are(self) -> None:
        licences = {path.rsplit("/", 1)[-1] for path in self.files if path.startswith(MAY_HOLD_BELOW)}
        self.assertLessEqual({"LICENSE", "libssl-dev", "libevent-dev", "libc6-dev", "node-llhttp"}, licences)

    def test_its_user_is_a_number_and_not_root(self) -> None:
        self.assertEqual(self.told["User"], f"{USER}:{USER}")

    def test_the_folders_that_it_writes_are_its_users_and_all_else_is_roots(self) -> None:
        owned = sorted(path for path, member in self.files.items() if member.uid != 0)
        self.assertEqual(owned, ["run/backoffd", "var/lib/backoffd"])

    def test_nothing_in_it_may_be_written_by_others_or_raises_privileges(self) -> None:
        loose = [path for path, member in self.files.items()
                 if not member.issym() and member.mode & 0o6002
                 and not path.startswith(("dev", "proc", "sys"))]  # fmt: skip
        self.assertEqual([path for path in loose if path not in ("tmp", "run", "var/tmp")], [])

    def test_volume_ports_and_labels(self) -> None:
        config = self.told["Config"]
        self.assertEqual(list(config["Volumes"]), ["/var/lib/backoffd"])
        self.assertEqual(set(config["ExposedPorts"]), {"8080/tcp", "9901/tcp"})
        labels = config["Labels"]
        self.assertEqual(labels["org.opencontainers.image.licenses"], "Apache-2.0")
        self.assertRegex(labels["org.opencontainers.image.version"], r"^\d+\.\d+\.\d+$")

    def test_its_health_check_is_the_program_itself(self) -> None:
        self.assertEqual(self.told["Healthcheck"]["Test"], ["CMD", "backoffd", "health"])
