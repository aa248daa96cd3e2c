"""The Compose files by docker-compose, which speaks to podman as to docker's engine: compose.yaml with an app that waits,
and somebody else's file after README's recipe. This engine gives no network here, so `pod` has loopback alone and
publishes nothing, and it runs no health checks of its own accord, so the tests do."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml
from engine import ROOT, TOOLS, Container, World
from sidecar import wait_for

from harness import Child

DOCKER = ROOT / "docker"
COMPOSE = DOCKER / "compose.yaml"
DEMO = DOCKER / "compose.demo.yaml"
SAYS = "curl -sS -o /dev/null -w '%{http_code}' -m 10 "
REFUSED = "http://169.254.169.254/"  # by the sidecar, which thereby answers

WAITS = {"image": TOOLS, "command": ["sleep", "600"]}
ALONE = WAITS | {"networks": None, "ports": None, "network_mode": "none", "stop_signal": "SIGKILL"}

# What somebody has who has no sidecar yet: a port, a network, and a health check of the app on itself.
EXISTING = {
    "services": {
        "web": {
            "image": TOOLS,
            "command": ["python3", "-m", "http.server", "8000"],
            "ports": ["127.0.0.1:8000:8000"],
            "networks": ["front"],
            "environment": {"GREETING": "hello"},
            "healthcheck": {"test": ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://localhost:8000/"]},
        }
    },
    "networks": {"front": {}},
}


def in_app(app: Container, command: str) -> str:
    ran = app.exec("sh", "-c", command)
    return ran.stdout + ran.stderr


def beside_a_sidecar(existing: dict, name: str) -> dict:
    """The file `existing` after README's recipe for its service `name`."""
    ours = yaml.safe_load(COMPOSE.read_text())
    made = copy.deepcopy(existing)
    app, pod = made["services"][name], copy.deepcopy(ours["services"]["pod"])
    for key in ("ports", "networks"):
        pod[key] = app.pop(key)
    for key in list(ours["services"]["app"])[-4:]:
        value = ours["services"]["app"][key]
        app[key] = app.get(key, {}) | value if isinstance(value, dict) else value
    made["services"] |= {"pod": pod, "backoffd": ours["services"]["backoffd"]}
    made["volumes"] = existing.get("volumes", {}) | ours["volumes"]
    return made


def config(*files: Path) -> subprocess.CompletedProcess[str]:
    """What docker-compose makes of the files."""
    named = (word for file in files for word in ("--file", str(file)))
    return subprocess.run(["docker-compose", *named, "config"], capture_output=True, text=True, timeout=60)


class Project:
    """A project that was brought up: its containers, and whether the app was there before the sidecar was healthy."""

    def __init__(self, test: type[unittest.TestCase], world: World, file: dict, app: str) -> None:
        folder = tempfile.TemporaryDirectory(prefix="backoffd-compose-")
        test.addClassCleanup(folder.cleanup)
        socket = Path(folder.name) / "engine.sock"
        engine = Child(["podman", "system", "service", "--time", "0", f"unix://{socket}"], stderr=subprocess.DEVNULL)
        test.addClassCleanup(engine.stop)
        if not wait_for(socket.exists):
            raise RuntimeError("podman system service: no socket")
        pod = file["services"]["pod"] | ALONE
        file["services"]["pod"] = {key: value for key, value in pod.items() if value is not None}
        written = Path(folder.name) / "compose.yaml"
        written.write_text(yaml.safe_dump(file))
        project = world.name("compose")
        for volume in ("backoffd-state", "backoffd-ca"):
            world.remove_later("volume", "rm", "--force", f"{project}_{volume}")
        for service in ("pod", "backoffd", app):
            world.remove_later("rm", "--force", "--ignore", "--time", "0", f"{project}_{service}_1")
        up = Child(
            ["docker-compose", "--project-name", project, "--project-directory", str(DOCKER), "--file", str(written),
             "up", "--detach"],
            env=os.environ | {"DOCKER_HOST": f"unix://{socket}"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        test.addClassCleanup(up.stop)
        self.sidecar, self.app = Container(f"{project}_backoffd_1"), Container(f"{project}_{app}_1")
        if not wait_for(lambda: self.sidecar.exec("backoffd", "health").returncode == 0):
            raise RuntimeError("the sidecar is not healthy")
        self.app_was_early = self.app.exists()
        self.sidecar.health()
        if up.process.wait(60) != 0:
            raise RuntimeError(f"docker-compose up: {up.process.stdout.read().decode()}")  # type: ignore[union-attr]


class Compose(unittest.TestCase):
    """compose.yaml itself."""

    world: World

    @classmethod
    def setUpClass(cls) -> None:
        file = yaml.safe_load(COMPOSE.read_text())
        file["services"]["app"] |= WAITS
        cls.project = Project(cls, cls.world, file, "app")
        cls.app, cls.sidecar = cls.project.app, cls.project.sidecar

    def test_the_app_starts_once_the_sidecar_is_healthy(self) -> None:
        self.assertFalse(self.project.app_was_early)
        self.assertNotEqual(self.app.pid(), 0)

    def test_the_app_shares_the_sidecars_loopback(self) -> None:
        self.assertEqual(in_app(self.app, f"{SAYS} http://127.0.0.1:9901/readyz"), "200")
        self.assertEqual(in_app(self.app, f"{SAYS} {REFUSED}"), "403")

    def test_the_app_has_the_bundle_and_not_the_key(self) -> None:
        self.assertEqual(in_app(self.app, "ls /run/backoffd"), "ca-bundle.pem\nca-root.pem\n")
        self.assertNotEqual(self.app.exec("touch", "/run/backoffd/x").returncode, 0)

    def test_a_sidecar_that_crashed_is_started_again_and_serves_the_same_app(self) -> None:
        crashed = self.sidecar.pid()
        os.kill(crashed, signal.SIGKILL)
        self.assertTrue(wait_for(lambda: self.sidecar.pid() not in (0, crashed)))
        self.assertTrue(wait_for(lambda: in_app(self.app, f"{SAYS} http://127.0.0.1:9901/readyz") == "200", 10))
        self.assertEqual(in_app(self.app, f"{SAYS} {REFUSED}"), "403")

    def test_it_runs_the_apps_own_command_and_the_demo_its_request(self) -> None:
        own = yaml.safe_load(config(COMPOSE).stdout)["services"]["app"]
        self.assertNotIn("command", own)
        demo = yaml.safe_load(config(COMPOSE, DEMO).stdout)["services"]["app"]
        self.assertEqual(demo["command"][0], "curl")
        self.assertEqual(demo | {"image": "", "command": ""}, own | {"image": "", "command": ""})


class ExistingApp(unittest.TestCase):
    """Somebody's own compose file, after the recipe."""

    world: World

    @classmethod
    def setUpClass(cls) -> None:
        cls.project = Project(cls, cls.world, beside_a_sidecar(EXISTING, "web"), "web")
        cls.app = cls.project.app
        cls.serves = wait_for(lambda: in_app(cls.app, f"{SAYS} http://localhost:8000/") == "200")

    def told_of(self, file: dict) -> tuple[int, str]:
        with tempfile.TemporaryDirectory(prefix="backoffd-compose-") as folder:
            written = Path(folder) / "compose.yaml"
            written.write_text(yaml.safe_dump(file))
            told = config(written)
        return told.returncode, told.stderr

    def test_the_result_is_well_formed_and_the_port_and_the_network_are_the_pods(self) -> None:
        made = beside_a_sidecar(EXISTING, "web")
        self.assertEqual(self.told_of(made), (0, ""))
        self.assertEqual(made["services"]["pod"]["ports"], ["127.0.0.1:8000:8000"])
        self.assertEqual(made["services"]["pod"]["networks"], ["front"])

    def test_a_network_that_stays_with_the_app_is_refused(self) -> None:
        made = beside_a_sidecar(EXISTING, "web")
        made["services"]["web"]["networks"] = ["front"]
        code, told = self.told_of(made)
        self.assertNotEqual(code, 0)
        self.assertIn("network_mode", told)

    def test_the_app_serves_and_keeps_its_environment(self) -> None:
        self.assertTrue(self.serves)
        self.assertEqual(in_app(self.app, "echo $GREETING"), "hello\n")

    def test_its_own_health_check_goes_past_the_sidecar(self) -> None:
        self.assertEqual(self.app.health(), 0)
        through = f"env -u no_proxy -u NO_PROXY {SAYS} http://localhost:8000/"
        self.assertEqual(in_app(self.app, through), "403")

    def test_everything_else_goes_through_it(self) -> None:
        self.assertEqual(in_app(self.app, f"{SAYS} {REFUSED}"), "403")
