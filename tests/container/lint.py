"""The files of the container against what reads them: Dockerfile, Compose, Kubernetes types, kustomize, shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import yaml
from compose import COMPOSE, DEMO
from engine import ROOT, VERSION, World
from manifests import KUBERNETES, documents

# Outside the clone, and kept: a second run installs nothing.
TOOLS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backoffd" / "container-lint"
MONITORING = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"
TYPES = {  # kind -> module, and the name of its type there
    "ConfigMap": ("kubernetes-types/core/v1", "ConfigMap"),
    "Deployment": ("kubernetes-types/apps/v1", "Deployment"),
    "NetworkPolicy": ("kubernetes-types/networking/v1", "NetworkPolicy"),
    "Pod": ("kubernetes-types/core/v1", "Pod"),
    "PodMonitor": (f"{MONITORING}/PodMonitor", "IPodMonitor"),
    "Secret": ("kubernetes-types/core/v1", "Secret"),
}
APPS = ("pod.yaml", "deployment.yaml", "classic/pod.yaml", "classic/deployment.yaml")


def run(*command: str | Path, cwd: Path = ROOT) -> tuple[int, str]:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    return ran.returncode, ran.stdout + ran.stderr


def tool(name: str, *arguments: str | Path) -> tuple[int, str]:
    return run(TOOLS / "node_modules" / ".bin" / name, *arguments, cwd=TOOLS)


def as_typescript(manifests: list[dict]) -> str:
    """A program that the compiler takes if, and only if, every manifest has the keys and types of its kind."""
    lines = []
    for number, manifest in enumerate(manifests):
        module, name = TYPES[manifest["kind"]]
        lines.append(f'import type {{ {name} as T{number} }} from "{module}";')
        lines.append(f"export const m{number}: T{number} = {json.dumps(manifest)};")
    return "\n".join(lines)


def pod_spec(manifest: dict) -> dict:
    return manifest["spec"]["template"]["spec"] if manifest["kind"] == "Deployment" else manifest["spec"]


def sidecar(manifest: dict) -> dict:
    spec = pod_spec(manifest)
    found = [c for c in spec.get("initContainers", []) + spec["containers"] if c["name"] == "backoffd"]
    return {key: value for key, value in found[0].items() if key != "restartPolicy"}


class Lint(unittest.TestCase):
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        wanted = Path(__file__).parent / "lint" / "package.json"
        installed = TOOLS / "package.json"
        if not installed.exists() or installed.read_text() != wanted.read_text():
            shutil.rmtree(TOOLS, ignore_errors=True)
            TOOLS.mkdir(parents=True)
            code, told = run(
                "npm", "install", "--prefix", TOOLS, "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock",
                *(f"{name}@{version}" for name, version in json.loads(wanted.read_text())["devDependencies"].items()),
            )  # fmt: skip
            if code != 0:
                raise RuntimeError(f"npm install: {told}")
            shutil.copy(wanted, installed)
        cls.manifests = [document for file in sorted(KUBERNETES.rglob("*.yaml")) if file.name != "kustomization.yaml"
                         for document in documents(file)]  # fmt: skip

    def compiles(self, manifests: list[dict]) -> tuple[int, str]:
        (TOOLS / "manifests.ts").write_text(as_typescript(manifests))
        return tool("tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "manifests.ts")

    def test_dockerfile(self) -> None:
        for file in (ROOT / "docker" / "Dockerfile", Path(__file__).parent / "tools.Dockerfile"):
            self.assertEqual(tool("dockerfile-utils", "lint", file), (0, ""), file)

    def test_the_base_is_pinned_by_its_digest(self) -> None:
        written = (ROOT / "docker" / "Dockerfile").read_text()
        self.assertRegex(written, r"(?m)^ARG BASE=debian@sha256:[0-9a-f]{64}$")
        self.assertEqual(re.findall(r"(?m)^FROM (\S+)", written), ["${BASE}", "packages", "build", "scratch"])

    def test_compose(self) -> None:
        for file in (COMPOSE, DEMO):
            code, told = tool("dclint", file)
            self.assertEqual(code, 0, told)

    def test_kubernetes_files_are_of_their_types(self) -> None:
        self.assertEqual(len(self.manifests), 8)
        code, told = self.compiles(self.manifests)
        self.assertEqual(code, 0, told)

    def test_a_key_that_is_misspelled_would_be_found(self) -> None:
        for manifest in self.manifests:
            with self.subTest(manifest["kind"]):
                self.assertNotEqual(self.compiles([manifest | {"metadata": {"nmae": "x"}}])[0], 0)

    def test_kustomize_takes_the_folder(self) -> None:
        code, told = run("kubectl", "kustomize", KUBERNETES)
        self.assertEqual(code, 0, told)
        self.assertEqual({document["kind"] for document in yaml.safe_load_all(told)}, {"ConfigMap", "Deployment"})

    def test_the_sidecar_is_the_same_in_every_form(self) -> None:
        forms = [sidecar(documents(KUBERNETES / name)[0]) for name in APPS]
        for form in forms[1:]:
            self.assertEqual(form, forms[0])
        native = pod_spec(documents(KUBERNETES / "pod.yaml")[0])
        self.assertEqual(native["initContainers"][0]["restartPolicy"], "Always")

    def test_the_app_can_become_nobody_else_in_any_form(self) -> None:
        for name in APPS:
            (app,) = (c for c in pod_spec(documents(KUBERNETES / name)[0])["containers"] if c["name"] == "app")
            held = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
            self.assertEqual(app["securityContext"], held, name)

    def test_the_image_is_this_version(self) -> None:
        self.assertEqual(sidecar(documents(KUBERNETES / "pod.yaml")[0])["image"], f"backoffd:{VERSION}")
        self.assertEqual(yaml.safe_load(COMPOSE.read_text())["services"]["backoffd"]["image"], f"backoffd:{VERSION}")

    def test_shell_scripts(self) -> None:
        files = [ROOT / ".ci" / "run", *(ROOT / "docker").rglob("*")]
        scripts = [file for file in files if file.is_file() and re.match(rb"#!/(usr/bin/env |bin/)(ba)?sh", file.read_bytes())]
        self.assertGreater(len(scripts), 6)
        code, told = run("shellcheck", *scripts)
        self.assertEqual(code, 0, told)
