"""A browser for tests: headless Chromium by chromedriver, spoken to in the W3C WebDriver protocol with the standard
library alone. Every wait has a bound."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.harness import Child, free_port

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name of a reference
PATIENCE = 20.0  # seconds a page may take to become what it should; generous, because test machines are slow
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--disable-features=Translate,OptimizationHints,MediaRouter", "--no-proxy-server", "--hide-scrollbars",
]  # fmt: skip


def missing() -> str:
    """What a machine lacks for it; "" when nothing."""
    return ", ".join(name for name in ("chromium", "chromedriver") if shutil.which(name) is None)


class WebDriverError(Exception):
    pass


class Browser(Child):
    """One browser with one page. `resolve`: names that it takes for 127.0.0.1."""

    def __init__(self, resolve: tuple[str, ...] = ()) -> None:
        port = free_port()
        super().__init__(
            ["chromedriver", f"--port={port}", "--log-level=OFF"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._root = f"http://127.0.0.1:{port}"
        self._session = ""
        try:
            self._session = self._start([*FLAGS, *(f"--host-resolver-rules=MAP {name} 127.0.0.1" for name in resolve)])
            self.cdp("Network.enable")
        except BaseException:
            self.stop()
            raise

    def _start(self, flags: list[str]) -> str:
        options = {"args": flags, "binary": shutil.which("chromium"), "perfLoggingPrefs": {"enableNetwork": True}}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        until = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, timeout=60)
                return "/session/" + answer["sessionId"]
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def _call(self, method: str, path: str, body: object = None, timeout: float = 30) -> object:
        data = None if method == "GET" or method == "DELETE" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._root + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            told = json.load(error)["value"]
            raise WebDriverError(f"{told['error']}: {told['message'].splitlines()[0]}") from None

    def stop(self) -> None:
        if self._session:
            try:
                self._call("DELETE", self._session)
            except (OSError, WebDriverError):
                pass  # the browser is gone already; its driver is ended all the same
        super().stop()

    # --- the page ---

    def open(self, url: str) -> None:
        self._call("POST", self._session + "/url", {"url": url})

    def script(self, code: str, *arguments: object) -> object:
        """The value of `code`, a function's body; a promise is waited for."""
        return self._call("POST", self._session + "/execute/sync", {"script": code, "args": list(arguments)})

    def cdp(self, command: str, **parameters: object) -> dict:
        """A command of the browser's own debugging protocol."""
        body = {"cmd": command, "params": parameters}
        return self._call("POST", self._session + "/goog/cdp/execute", body)  # type: ignore[return-value]

    def until(self, condition: str, *arguments: object, patience: float = PATIENCE) -> object:
        """Waits until `condition`, an expression, is true, and returns its value."""
        end = time.monotonic() + patience
        while True:
            value = self.script(f"return {condition}", *arguments)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"it did not become so in {patience:.0f} s: {condition} {arguments}")
            time.sleep(0.1)

    def find(self, selector: str) -> str:
        answer = self._call("POST", self._session + "/element", {"using": "css selector", "value": selector})
        return answer[ELEMENT]  # type: ignore[index]

    def click(self, selector: str) -> None:
        self._call("POST", f"{self._session}/element/{self.find(selector)}/click")

    def type(self, selector: str, text: str) -> None:
        self._call("POST", f"{self._session}/element/{self.find(selector)}/value", {"text": text})

    def keys(self, *keys: str) -> None:
        """Keys pressed one after the other, wherever the focus is."""
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call("POST", self._session + "/actions", {"actions": [{"type": "key", "id": "keys", "actions": presses}]})

    def size(self, width: int, height: int) -> None:
        phone = width < 700
        self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )  # fmt: skip

    def prefer(self, **media: str) -> None:
        """Media features by their names, with _ for -: prefer(prefers_color_scheme="dark")."""
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path: Path, whole: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = self.cdp("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(picture["data"]))

    # --- what the browser has to say ---

    def log(self, kind: str) -> list[dict]:
        """What was logged since the last call: "browser" (the console) or "performance" (the network)."""
        return self._call("POST", self._session + "/se/log", {"type": kind})  # type: ignore[return-value]

    def console(self) -> list[str]:
        return [entry["message"] for entry in self.log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requested(self) -> list[str]:
        """The URLs that were asked for."""
        urls = []
        for entry in self.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

    def accessible(self) -> list[dict]:
        """The page as assistive technology is told of it: role, name and further properties of each element."""
        nodes = self.cdp("Accessibility.getFullAXTree")["nodes"]
        return [
            {"role": node["role"]["value"], "name": node.get("name", {}).get("value", "")}
            | {one["name"]: one["value"].get("value") for one in node.get("properties", [])}
            for node in nodes
            if not node["ignored"]
        ]
