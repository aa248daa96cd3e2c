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
const form = document.createElement("form");
form.method = "POST";
form.action = admin + "/gates/contextual-retry";
form.enctype = "text/plain";
form.target = "_blank";
form.innerHTML = "<input name='true//' value=''>";
document.body.append(form);
form.submit();
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


class SecurityTest(unittest.TestCase):
    def setUp(self) -> None:
        self.world = World(BINARY)
        self.addCleanup(self.world.close)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Strangers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.port = server.server_address[1]
        self.browser = Browser(resolve=("evil.example",))
        self.addCleanup(self.browser.stop)

    def expect_nothing_done(self) -> None:
        self.assertEqual(self.world.gate("contextual-retry")["mode"], "off")
        self.assertEqual(self.world.told("/readyz"), {"status": "ready"})

    def test_a_page_of_another_origin_reads_nothing_and_changes_nothing(self) -> None:
        for page in (f"http://127.0.0.1:{self.port}/", f"http://evil.example:{self.port}/"):
            self.browser.open(page)
            tries = self.browser.script("return (async () => {" + ATTACK + "}).apply(null, arguments)", self.world.url)
            self.assertEqual(len(tries), 11)
            for name, result in tries.items():
                if name == "beacon":
                    continue  # the browser says only that it was sent
                self.assertTrue(result.startswith(("refused", "opaque 0 0")), (page, name, result))
            self.expect_nothing_done()

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
        self.expect_nothing_done()
