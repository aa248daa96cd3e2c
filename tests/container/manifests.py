"""The Kubernetes files, really run: as they are, but for the app's image and what the engine cannot do."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

import yaml
from compose import SAYS, in_app
from engine import IMAGE, ROOT, TOOLS, USER, Container, World, podman
from sidecar import wait_for

KUBERNETES = ROOT / "docker" / "kubernetes"


def documents(file: Path) -> list[dict]:
    return list(yaml.safe_load_all(file.read_text()))


class Kubernetes(unittest.TestCase):
    """The Pod in its classic form. This engine has no sidecars among the init containers and no fsGroup, wants no ports
    where there is no network, and hands out a Secret undecoded; so the token is a file of this machine."""

    world: World

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="backoffd-pod-")
        cls.addClassCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        token = Path(folder.name) / "token"
        token.write_text(documents(KUBERNETES / "token.yaml")[0]["stringData"]["token"])
        os.chown(token, 0, USER)
        token.chmod(0o440)

        (pod,) = documents(KUBERNETES / "classic" / "pod.yaml")
        (config,) = documents(KUBERNETES / "config.yaml")
        name = pod["metadata"]["name"] = cls.world.name("pod")
        config["metadata"]["name"] = cls.world.name("config")
        for container in pod["spec"]["containers"]:
            container.pop("ports", None)
            container["image"] = IMAGE
            if container["name"] == "app":
                container |= {"image": TOOLS, "command": ["sleep", "600"]}
        renamed = {volume["name"]: cls.world.name(volume["name"]) for volume in pod["spec"]["volumes"]}
        for volume in pod["spec"]["volumes"]:
            volume["name"] = renamed[volume["name"]]
            if "configMap" in volume:
                volume["configMap"]["name"] = config["metadata"]["name"]
            if volume.pop("secret", None):
                volume["hostPath"] = {"path": folder.name}
            cls.world.remove_later("volume", "rm", "--force", volume["name"])
        for container in pod["spec"]["containers"]:
            for mount in container["volumeMounts"]:
                mount["name"] = renamed[mount["name"]]
        cls.world.remove_later("volume", "rm", "--force", config["metadata"]["name"])
        cls.world.remove_later("pod", "rm", "--force", "--time", "0", name)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump_all([config, pod], file)
            file.flush()
            podman("play", "kube", "--network", "none", "--start=false", file.name)
        cls.sidecar, cls.app = Container(f"{name}-backoffd"), Container(f"{name}-app")
        cls.sidecar.start()  # first: without fsGroup a volume is of the user who mounts it first
        cls.app.start()
        if not wait_for(lambda: cls.sidecar.exec("backoffd", "health").returncode == 0):
            raise RuntimeError(cls.sidecar.logs()[:2000])

    def test_probes_and_metrics_answer_in_the_pod(self) -> None:
        for path in ("readyz", "healthz", "metrics"):
            self.assertEqual(in_app(self.app, f"{SAYS} --noproxy '*' http://127.0.0.1:9901/{path}"), "200")

    def test_the_app_goes_through_the_sidecar(self) -> None:
        self.assertEqual(in_app(self.app, f"{SAYS} http://169.254.169.254/"), "403")  # which refuses this one

    def test_the_app_has_the_bundle_and_not_the_key(self) -> None:
        self.assertEqual(in_app(self.app, "ls /run/backoffd"), "ca-bundle.pem\nca-root.pem\n", self.sidecar.logs())
        self.assertEqual(in_app(self.app, "ls /var/lib/backoffd 2>/dev/null"), "")

    def test_a_gate_is_flipped_by_exec_with_the_secret_token_and_not_without(self) -> None:
        flipped = self.sidecar.exec("backoffd", "gate", "contextual-retry", "on")
        self.assertEqual(flipped.returncode, 0, flipped.stderr)
        post = "-X POST -H 'Content-Type: application/json' -d '{}' --noproxy '*'"
        self.assertEqual(in_app(self.app, f"{SAYS} {post} http://127.0.0.1:9901/drain"), "401")

    def test_the_security_context_is_kept(self) -> None:
        status = Path(f"/proc/{self.sidecar.pid()}/status").read_text()
        for line in (f"Uid:\t{USER}\t", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
            self.assertIn(line, status)
