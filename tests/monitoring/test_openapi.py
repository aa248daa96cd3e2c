"""Each answer of the admin interface is as /openapi.json describes it, and all that it describes is answered.

That every route is described and no other is tried against the router's own table by tests/admin/openapi_test.cc."""

from __future__ import annotations

import copy
import json
import socket
import ssl
import tempfile
import threading
import unittest
from pathlib import Path

from described import Answer, Described, examples_of, faults_of
from world import TOKEN, World, eventually

BINARY = Path()
DOCUMENT = Path(__file__).parents[2] / "admin" / "web" / "openapi.json"

# The first try of each URL is refused and the second served: the contextual policy, which defers a `validate`, harms.
HARM = "/bytes/10/{}?fault=429@1"


class DocumentTest(unittest.TestCase):
    def setUp(self) -> None:
        self.described = Described(json.loads(DOCUMENT.read_text()))

    def test_it_is_valid(self) -> None:
        self.assertEqual(faults_of(self.described), [])

    def test_its_examples_are_as_it_says(self) -> None:
        examples = list(examples_of(self.described.document))
        self.assertGreater(len(examples), 20)
        for place, example, schema in examples:
            with self.subTest(place):
                self.described.validate(example, schema, place)

    def test_every_error_and_every_answer_of_json_has_an_example_or_a_schema_of_its_own(self) -> None:
        for method, path, operation in self.described.operations():
            for status, response in operation["responses"].items():
                for kind, media in self.described.resolve(response).get("content", {}).items():
                    with self.subTest(f"{method} {path} {status} {kind}"):
                        self.assertTrue(media["schema"] if status == "200" else "example" in media)

    def test_objects_are_closed(self) -> None:
        """A member that is not described fails, whatever object of ours it is in."""
        extended = {"Exchange", "Figures", "Limits"}  # parts of others, which are closed
        for place, schema in self.described.schemas():
            if "properties" in schema and place.rpartition("/")[2] not in extended:
                closed = (schema.get("additionalProperties"), schema.get("unevaluatedProperties"))
                self.assertIn(False, closed, place)

    def test_faults_are_found(self) -> None:
        """The judge is no yes-man."""
        document = copy.deepcopy(self.described.document)
        document["paths"]["/gates"]["get"]["respnses"] = {}
        document["components"]["schemas"]["Rate"]["$ref"] = "#/components/schemas/Nobody"
        document["paths"]["/learning/{kye}/reset"] = document["paths"].pop("/learning/{key}/reset")
        self.assertEqual(len(faults_of(Described(document))), 4)  # a reference that is wrong has a rate unused
        good = Answer(200, {"Content-Type": "application/json"}, b'{"status": "ok"}')
        self.described.judge("GET", "/healthz", good)
        for status, kind, body in (
            (200, "application/json", b'{"status": "ok", "more": 1}'),
            (200, "application/json", b"{}"),
            (200, "text/plain", b'{"status": "ok"}'),
            (418, "application/json", b'{"error": {"code": "x", "message": "y"}}'),
            (403, "application/json", b'{"error": {"code": "x"}}'),
        ):
            with self.subTest(body), self.assertRaises(AssertionError):
                self.described.judge("GET", "/healthz", Answer(status, {"Content-Type": kind}, body))


class AnswersTest(unittest.TestCase):
    """One proxy, and all of its calls: what it says while much happens, and each of its refusals."""

    def setUp(self) -> None:
        keys = tempfile.TemporaryDirectory(prefix="backoffd-token-")
        self.addCleanup(keys.cleanup)
        token = Path(keys.name) / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        gate = {"mode": "on", "percentage": 10}
        config = {
            "admin": {"token_file": str(token), "hosts": ["admin.example"]},
            "retry": {"base_delay": "1ms", "budget": {"ratio": 1, "min_per_second": 100000}},
            "gates": {"contextual-retry": gate, "thresholds": {"settle": "0s", "min_exchanges": 50}},
            "tls": {"intercept": ["x.example"]},
            "egress": {"connect_ports": [443]},
            "upstream_proxy": {"http": "http://127.0.0.1:1", "https": "direct"},
            "no_proxy": ["*"],
            "default_limits": {"max_wait": {"default": "20s", "download": "21s", "validate": "22s", "resolve": "23s",
                                            "extract": "24s", "manifest_fetch": "25s"}},
            "providers": [{
                "name": "slow", "hosts": ["localhost"], "limits": ["1/SECOND"], "max_rate": "2/SECOND",
                "max_concurrency": 1, "roles": [{"name": "r", "operations": ["resolve"], "limits": ["9/SECOND"]}],
                "operations": [{"path": "/bytes/*", "operation": "download"}],
            }],
        }  # fmt: skip
        environment = ("BACKOFFD_ENABLE_CONTEXTUAL_RETRY=1",)
        self.world = World(BINARY, config, "--enable-provider-learning", environment=environment)
        self.addCleanup(self.world.close)
        self.described = Described(self.world.told("/openapi.json"))
        self.gate = "/gates/contextual-retry"

    def look(self, path: str, query: str = "", template: str = "") -> object:
        """A GET that is judged."""
        answer = self.world.call("GET", path + query)
        self.described.judge("GET", template or path, answer)
        return answer.json() if answer.fields["Content-Type"] == "application/json" else answer.body

    def send(self, path: str, body: object, template: str = "") -> Answer:
        """A POST that is judged, and its body with it where it was taken."""
        answer = self.world.post(path, body)
        self.described.judge("POST", template or path, answer)
        wanted = self.described.resolve(self.described.operation("POST", template or path)["requestBody"])
        if answer.status < 300:
            self.described.validate(body, wanted["content"]["application/json"]["schema"], f"body of {path}")
        return answer

    def event(self) -> dict:
        """The next event of a listener, judged."""
        connection, answer = self.world.listen()
        try:
            head = Answer(answer.status, dict(answer.getheaders()), b"")
            self.described.judge("GET", "/events", head)
            return self.next_event(answer)
        finally:
            connection.close()

    def next_event(self, answer: object) -> dict:
        for line in answer:  # type: ignore[attr-defined]
            if line.startswith(b"data: "):
                state = json.loads(line.removeprefix(b"data: "))
                media = self.described.operation("GET", "/events")["responses"]["200"]["content"]["text/event-stream"]
                self.described.validate(state, media["x-events"]["state"], "a state event")
                return state
        raise AssertionError("the events have ended")

    def test_every_answer_is_as_described(self) -> None:
        self.files()
        self.experiment()
        self.learning()
        self.exchanges()
        self.interception()
        self.refusals()
        self.drain()
        self.assertEqual(self.described.never_answered(), set())
        self.assertEqual(self.described.never_met(), set())

    def files(self) -> None:
        self.look("/healthz")
        self.look("/readyz")
        self.look("/config")
        self.look("/metrics")
        self.look("/state")
        self.assertIn(b"<title>", self.look("/"))
        files = self.described.operation("GET", "/{file}")
        for name in files["parameters"][0]["schema"]["enum"]:
            self.look(f"/{name}", template="/{file}")
        for path, template in (("/", "/"), ("/app.js", "/{file}")):
            etag = self.world.call("GET", path).fields["ETag"]
            self.described.judge("GET", template, self.world.call("GET", path, fields={"If-None-Match": etag}))

    def experiment(self) -> None:
        """A gate that harms, until its guard takes it back."""
        before = self.look(self.gate, template="/gates/{name}")
        self.assertEqual(set(before["layers"]), {"default", "config", "environment"})
        body = {"mode": "on", "unit": "request", "guard": "enforce", "slice": "10m", "washout": "1m",
                "providers": ["*"], "ramp": [50, 100], "step": "1h"}  # fmt: skip
        self.send(self.gate, body, "/gates/{name}")
        self.send("/gates/provider-learning", "shadow", "/gates/{name}")  # no setting
        self.send("/gates/provider-learning", {"mode": "shadow"}, "/gates/{name}")
        asked = keys = 0

        def rolled_back() -> bool:
            nonlocal asked, keys
            for _ in range(20):
                asked += 1
                self.world.get(HARM.format(asked), {"Backoffd-Operation": "validate"})
            keys += len(self.look(f"{self.gate}/comparison", template="/gates/{name}/comparison")["keys"])
            return self.look(self.gate, template="/gates/{name}")["guard"]["rolled_back"]

        eventually(rolled_back, "the guard acts")
        self.assertGreater(keys, 0)
        self.look("/gates")
        for value in (True, False, {"mode": "on", "percentage": 50}, None):
            self.send(self.gate, value, "/gates/{name}")

    def learning(self) -> None:
        shown = self.look("/learning")["providers"]
        key = next(name for name in shown if name.endswith("@127.0.0.1"))
        self.assertIn("shadow", shown[key])
        self.send("/gates/provider-learning", None, "/gates/{name}")
        thread = threading.Thread(target=self.world.get, args=("/bytes/10/later?fault=429:2@1",))
        thread.start()
        self.addCleanup(thread.join)
        eventually(lambda: self.look("/learning")["providers"][key]["paused_until"], "the pause is told")
        self.event()
        thread.join()
        self.look("/history")
        self.send(f"/learning/{key}/reset", {}, "/learning/{key}/reset")

    def exchanges(self) -> None:
        threads = [
            threading.Thread(target=self.world.get, args=(f"/bytes/20/{i}?fault=slow-head:2s", None, "localhost"))
            for i in range(2)
        ]
        for one in threads:
            one.start()
            self.addCleanup(one.join)
        waiting = eventually(lambda: self.look("/exchanges", "?state=waiting")["exchanges"], "a request waits")
        self.assertEqual(waiting[0]["state"], "queued")
        eventually(lambda: self.look("/exchanges", "?state=active")["exchanges"], "a request is under way")
        self.look("/exchanges")
        self.assertTrue(self.look("/exchanges", "?state=recent")["exchanges"])
        state = self.event()
        self.assertTrue(state["exchanges"]["in_flight"] and state["exchanges"]["recent"])
        for one in threads:
            one.join()

    def interception(self) -> None:
        with socket.create_connection(("127.0.0.1", self.world.proxy.port), 20) as raw:
            raw.sendall(b"CONNECT x.example:443 HTTP/1.1\r\nHost: x.example:443\r\n\r\n")
            self.assertIn(b" 200 ", raw.recv(4096))
            with self.assertRaises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(raw, server_hostname="x.example")
        eventually(lambda: self.look("/interception")["learned_passthrough"], "the client's refusal is told")
        self.send("/interception/reset", {})

    def refusals(self) -> None:
        """Each call with everything that can be wrong about it."""
        concrete = {"/gates/{name}": self.gate, "/gates/{name}/comparison": f"{self.gate}/comparison",
                    "/learning/{key}/reset": "/learning/a@b/reset", "/{file}": "/app.js"}  # fmt: skip
        components = self.described.document["components"]["responses"]
        for method, template, _ in self.described.operations():
            method = method.upper()
            path = concrete.get(template, template)
            judge = lambda answer: self.described.judge(method, template, answer)  # noqa: B023, E731
            right = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            judge(self.world.call(method, path, fields=right | {"Host": "evil.example"}))
            judge(self.world.call(method, path, fields=right | {"Origin": "http://evil.example"}))
            judge(self.world.call(method, path, fields=right | {"Sec-Fetch-Site": "cross-site"}))
            host = b"Host: localhost\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"
            start = f"{method} {path} HTTP/1.1\r\n".encode()
            for malformed in (
                start + b"Host: localhost\r\nHost: localhost\r\n\r\n",
                start + host + b"bad line\r\n\r\n",
                start + host + b"Big: " + b"x" * 20000 + b"\r\n\r\n",
                start + host + b"Transfer-Encoding: gzip\r\n\r\n",
                start + host + b"Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000,
                f"{method} {path}?{'x' * 5000} HTTP/1.1\r\n".encode() + host + b"\r\n",
                f"{method} {path} HTTP/3.0\r\n".encode() + host + b"\r\n",
            ):
                answer = self.world.octets(malformed)
                self.assertIn(answer.status, (400, 413, 414, 431, 501, 505), malformed[:80])
                judge(answer)
            if method == "POST":
                judge(self.world.call(method, path, {}))
                judge(self.world.call(method, path, {}, {"Authorization": "Bearer wrong-token-entirely"}))
                judge(self.world.call(method, path, fields={"Authorization": right["Authorization"]}))
                judge(self.world.call(method, path, fields=right | {"Content-Type": "text/plain"}))
            for other in ("DELETE", "PUT", "OPTIONS"):
                answer = self.world.call(other, path, fields=right)
                self.assertEqual(answer.status, 405, (other, path))
                self.described.judge_response(components["MethodNotAllowed"], answer, f"{other} {path}")
                self.assertIn(method, answer.fields["Allow"].split(", "))
        self.described.judge_response(components["NotFound"], self.world.call("GET", "/nothing"), "GET /nothing")
        for method, path, template in (
            ("GET", "/gates/x", "/gates/{name}"),
            ("GET", "/gates/x/comparison", "/gates/{name}/comparison"),
            ("POST", "/gates/x", "/gates/{name}"),
            ("POST", "/learning/nobody@nowhere/reset", "/learning/{key}/reset"),
            ("GET", "/exchanges?state=odd", "/exchanges"),
        ):
            answer = self.world.post(path, True) if method == "POST" else self.world.call(method, path)
            self.assertEqual(answer.status, 400 if "odd" in path else 404)
            self.described.judge(method, template, answer)
        for body in ({"mode": "sideways"}, {"mode": "on", "percentage": 1000}, [], 3):
            self.assertEqual(self.send(self.gate, body, "/gates/{name}").status, 400)
        raw = self.world.call("POST", self.gate, fields=right | {"Content-Length": "0"})
        self.assertEqual((raw.status, raw.json()["error"]["code"]), (400, "bad_json"))
        self.described.judge("POST", "/gates/{name}", raw)

        listeners = [self.world.listen() for _ in range(16)]
        answer = self.world.call("GET", "/events")
        self.assertEqual(answer.status, 503)
        self.described.judge("GET", "/events", answer)
        for connection, _ in listeners:
            connection.close()

    def drain(self) -> None:
        held = threading.Thread(target=self.world.get, args=("/bytes/10/held?fault=slow-head:2s",))
        held.start()
        self.addCleanup(held.join)
        eventually(lambda: self.look("/exchanges", "?state=active")["exchanges"], "a request is under way")
        connection, answer = self.world.listen()
        self.addCleanup(connection.close)
        self.assertEqual(self.send("/drain", {}).status, 202)
        self.assertEqual(self.world.call("GET", "/readyz").status, 503)
        self.look("/readyz")
        self.look("/healthz")
        eventually(lambda: self.next_event(answer)["draining"], "an event tells of the drain")
