"""A page of somebody else's in the same browser, on the same machine: it can neither read the proxy's state nor flip a
gate, from another port, from another name, and by a name that comes to mean this machine (DNS rebinding)."""

from __future__ import annotations

import http.server
import threading
import unittest
from pathlib import Path

from webdriver import Browser
from world import World

BINARY = Path()
SCREENSHOTS = Path()

# Everything a page can try at an address. What it gets to know of the answer is in the result.
ATTACK = """
const admin = arguments[0];
const tries = {};
const attempt = async (name, action) => {
  try { tries[name] = await action(); } catch (error) { tries[name] = `refused: ${error.name}`; }
};
const read = async (answer) => `${answer.type} ${answer.status} ${(await answer.text()).length}`;
const json = {"Content-Type": "application/json"};
await attempt("read", async () => read(await fetch(admin + "/gates")));
await attempt("read blindly", async () => read(await fetch(admin + "/gates", {mode: "no-cors"})));
await attempt("flip", async () => read(await fetch(admin + "/gates/contextual-retry",
  {method: "POST", body: "true", headers: json})));
await attempt("flip as text", async () => read(await fetch(admin + "/gates/contextual-retry",
  {method: "POST", body: "true", mode: "no-cors"})));
await attempt("flip with a blob's type", async () => read(await fetch(admin + "/gates/contextual-retry",
  {method: "POST", body: new Blob(["true"], {type: "application/json"}), mode: "no-cors"})));
const blob = new Blob(["{}"], {type: "text/plain"});
await attempt("beacon", async () => `${navigator.sendBeacon(admin + "/drain", blob)}`);
await attempt("request of old", () => new Promise((resolve) => {
  const request = new XMLHttpRequest();
  request.open("POST", admin + "/gates/contextual-retry");
  request.setRequestHeader("Content-Type", "text/plain");
  request.onload = () => resolve(`${request.status} ${request.responseText.length}`);
  request.onerror = () => resolve("refused");
  request.send("true");
}));
for (const method of ["PUT", "DELETE", "PATCH"]) {
  await attempt(method, async () => read(await fetch(admin + "/gates/contextual-retry", {method, body: "true"})));
}
await attempt("socket", () => new Promise((resolve) => {
  const socket = new WebSocket(admin.replace("http", "ws") + "/events");
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("refused");
}));
const element = (name, tag, attribute, path) => attempt(name, () => new Promise((resolve) => {
  const made = document.createElement(tag);
  made.onload = () => resolve("loaded");
  made.onerror = () => resolve("refused");
  if (tag === "link") made.rel = "stylesheet";
  made[attribute] = admin + path;
  document.body.append(made);
  setTimeout(() => resolve("refused: silent"), 3000);
}));
await element("script", "script", "src", "/app.js");
await element("style", "link", "href", "/style.css");
await element("picture", "img", "src", "/icon.svg");
await attempt("events", () => new Promise((resolve) => {
  const events = new EventSource(admin + "/events");
  events.addEventListener("state", () => resolve("heard"));
  events.onerror = () => { events.close(); resolve("refused"); };
  setTimeout(() => resolve("refused: silent"), 4000);
}));
await attempt("frame", () => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.onload = () => {
    try { resolve(`loaded ${frame.contentDocument.body.textContent.length}`); } catch { resolve("refused"); }
  };
  frame.src = admin + "/";
  document.body.append(frame);
}));
// What a form says is JSON, as far as a form can.
for (const kind of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
  await attempt(`form of ${kind}`, () => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.name = `into ${kind}`;
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", action: admin + "/gates/contextual-retry", enctype: kind, target: frame.name});
    form.innerHTML = `<input name='{"mode":"on","providers":["' value='"]}'>`;
    document.body.append(frame, form);
    frame.onload = () => {
      let text = null;
      try { text = frame.contentDocument.body.textContent; } catch { }
      if (text === null) resolve("refused");
      else if (text !== "") resolve(`read ${text.length}`);
    };
    form.submit();
    setTimeout(() => resolve("refused: silent"), 3000);
  }));
}
return tries;
"""


class Strangers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = b"<!doctype html><title>somebody else's</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        pass


class Naive(Strangers):
    """An interface that does as it is told: what reaches it is what a browser does not keep back by itself."""

    def do_POST(self) -> None:
        self.server.seen.append((self.path, self.headers["Content-Type"] or "none"))  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.do_GET()


class SecurityTest(unittest.TestCase):
    def setUp(self) -> None:
        self.world = World(BINARY)
        self.addCleanup(self.world.close)
        self.port = self.serve(Strangers).server_address[1]
        self.browser = Browser(resolve=("evil.example",))
        self.addCleanup(self.browser.stop)

    def serve(self, kind: type[http.server.BaseHTTPRequestHandler]) -> http.server.ThreadingHTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
        server.seen = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def attack(self, page: str, admin: str) -> dict[str, str]:
        self.browser.open(page)
        tries = self.browser.script("return (async () => {" + ATTACK + "}).apply(null, arguments)", admin)
        return tries  # type: ignore[return-value]

    def expect_nothing_done(self) -> None:
        self.assertEqual(self.world.gate("contextual-retry")["mode"], "off")
        self.assertEqual(self.world.told("/readyz"), {"status": "ready"})

    def test_a_page_of_another_origin_reads_nothing_and_changes_nothing(self) -> None:
        for page in (f"http://127.0.0.1:{self.port}/", f"http://evil.example:{self.port}/"):
            tries = self.attack(page, self.world.url)
            self.assertEqual(len(tries), 19)
            for name, result in tries.items():
                if name == "beacon":
                    continue  # the browser says only that it was sent
                self.assertTrue(result.startswith(("refused", "opaque 0 0")), (page, name, result))
            self.expect_nothing_done()

    def test_the_browser_alone_would_not_keep_these_back(self) -> None:
        """What is refused above does arrive, so it is we who refuse it."""
        naive = self.serve(Naive)
        self.attack(f"http://evil.example:{self.port}/", f"http://127.0.0.1:{naive.server_address[1]}")
        seen = naive.seen  # type: ignore[attr-defined]
        arrived = {(path, kind.split(";")[0]) for path, kind in seen}
        gate = "/gates/contextual-retry"
        forms = {(gate, "application/x-www-form-urlencoded"), (gate, "multipart/form-data")}
        # A type that a page may not choose without asking is left out.
        self.assertEqual(arrived, {(gate, "text/plain"), (gate, "none"), ("/drain", "text/plain")} | forms)
        texts = [kind for path, kind in seen if path == gate and kind.startswith("text/plain")]
        self.assertEqual(len(texts), 3)  # fetch, the request of old, the form

    def test_a_name_that_comes_to_mean_this_machine_is_no_name_of_ours(self) -> None:
        admin = f"http://evil.example:{self.world.proxy.admin_port}"
        self.browser.open(admin + "/gates")
        self.assertIn("host_not_allowed", self.browser.script("return document.body.textContent"))
        # The page's origin is the admin port itself now: the browser no longer stands in the way, nor, for this test,
        # the policy of our own answer.
        self.browser.cdp("Page.setBypassCSP", enabled=True)
        self.browser.open(admin + "/gates")
        tries = self.browser.script(
            "return (async () => { const one = async (path, how) => (await fetch(path, how)).status;"
            "return [await one('/gates'), await one('/events'), await one('/'), await one('/gates/contextual-retry',"
            "{method: 'POST', body: 'true', headers: {'Content-Type': 'application/json'}})]; })()"
        )
        self.assertEqual(tries, [403, 403, 403, 403])
        heard = self.browser.script(
            "return new Promise((resolve) => { const events = new EventSource('/events');"
            "events.addEventListener('state', () => resolve('heard')); events.onerror = () => resolve('refused'); })"
        )
        self.assertEqual(heard, "refused")
        self.expect_nothing_done()
