"""A real Prometheus on a free loopback port that scrapes each second, ended by its own process id."""

from __future__ import annotations

import json
import subprocess
import tempfile
import urllib.error
import urllib.parse
from pathlib import Path

from support.harness import Child, fetch, free_port
from world import eventually


class Prometheus(Child):
    """`target`: the port that it scrapes. `rules`: a file of them."""

    def __init__(self, target: int, rules: Path) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="backoffd-prometheus-")
        config = Path(self.folder.name) / "config.yaml"
        # JSON is YAML, too.
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "backoffd", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
        }))  # fmt: skip
        port = free_port()
        self.log = Path(self.folder.name) / "log"
        with self.log.open("wb") as log:
            super().__init__(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder.name}/data",
                 f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.root = f"http://127.0.0.1:{port}"
        try:
            eventually(self._is_ready, "Prometheus serves")
        except BaseException:
            self.stop()
            raise

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.log.read_text()[-2000:])
        try:
            return "Ready" in fetch(self.root + "/-/ready")
        except OSError:
            return False

    def stop(self) -> None:
        super().stop()
        self.folder.cleanup()

    def api(self, path: str) -> object:
        return json.loads(fetch(f"{self.root}/api/v1/{path}"))["data"]

    def query(self, expression: str) -> list[dict]:
        """The series it makes now; AssertionError where Prometheus does not understand it."""
        try:
            return self.api("query?" + urllib.parse.urlencode({"query": expression}))["result"]  # type: ignore[index]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None
