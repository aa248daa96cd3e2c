"""The metrics as a real Prometheus takes them, and what an operator loads into it and into Grafana: each name and each
label that the dashboard and the alerts ask for is there once there was traffic."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from prometheus import Prometheus
from world import World, eventually

BINARY = Path()
DOCKER = Path(__file__).parents[2] / "docker"
ALERTS = DOCKER / "alerts.yaml"
DASHBOARD = DOCKER / "grafana-dashboard.json"

# What Grafana puts in for its variables.
VARIABLES = {"$__rate_interval": "30s", "$__range": "1h", "$instance": ".*", "$provider": ".*"}
SELECTOR = re.compile(r"\b((?:backoffd|process)_[a-z_]+|up)\b(\{[^}]*\})?")
# Labels of series whose number a client can raise, which therefore is bounded (kMostKeySeries), and of all others.
OPEN = {"key", "provider"}
CLOSED = {"le", "class", "outcome", "verdict", "refusal", "gate", "mode", "act", "arm", "version"}


def run(*command: str, given: str | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)


def expressions() -> list[tuple[str, str]]:
    """Panel and expression, for each of the dashboard."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found.append((panel["title"], expression))
    return found


class PrometheusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        config = {
            "retry": {"base_delay": "1ms"},
            "gates": {"contextual-retry": {"mode": "on", "percentage": 50}},
            "providers": [{"name": "test", "hosts": ["127.0.0.1"], "limits": ["200/SECOND"]}],
        }
        cls.world = World(BINARY, config)
        cls.addClassCleanup(cls.world.close)
        cls.prometheus = Prometheus(cls.world.proxy.admin_port, ALERTS)
        cls.addClassCleanup(cls.prometheus.stop)
        eventually(lambda: cls.value("up") == 1, "the target is up")
        cls.before = cls.value("backoffd_attempts_total")
        for i in range(20):
            cls.world.get(f"/bytes/10KiB/{i}?fault=429@1")
        cls.world.get("/bytes/10", {"Backoffd-Operation": "odd"})  # a refusal of ours
        # Two scrapes with the traffic in them: rates need that.
        last = cls.counted("backoffd_attempts_total")
        eventually(lambda: cls.value(f"count_over_time((backoffd_attempts_total == {last})[10s:1s])") >= 2, "scrapes")

    @classmethod
    def value(cls, expression: str) -> float:
        result = cls.prometheus.query(expression)
        return float(result[0]["value"][1]) if result else float("nan")

    @classmethod
    def counted(cls, name: str) -> float:
        """What the proxy itself says."""
        return float(re.search(rf"^{name} (\S+)$", cls.world.metrics(), re.M)[1])

    def test_promtool_has_nothing_to_say_of_the_metrics(self) -> None:
        checked = run("promtool", "check", "metrics", given=self.world.metrics())
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_promtool_finds_what_is_wrong(self) -> None:
        wrong = "# HELP a_milliseconds Times.\n# TYPE a_milliseconds gauge\na_milliseconds 1\n"
        self.assertIn("base unit", run("promtool", "check", "metrics", given=wrong).stderr)

    def test_a_scrape_is_whole_and_what_traffic_raised_arrives(self) -> None:
        targets = self.prometheus.api("targets")["activeTargets"]
        self.assertEqual([(one["health"], one["lastError"]) for one in targets], [("up", "")])
        self.assertEqual(self.before, 0)
        self.assertEqual(self.value("backoffd_attempts_total"), self.counted("backoffd_attempts_total"))
        self.assertGreater(self.value("backoffd_attempts_total"), 20)
        self.assertEqual(self.value("backoffd_exchange_attempts_count"), 21)
        self.assertEqual(self.value('backoffd_exchange_attempts_bucket{le="0"}'), 1)  # the one that was refused
        self.assertEqual(self.value('sum(backoffd_gate_arm_exchanges_total{gate="contextual-retry"})'), 20)
        self.assertEqual(self.value("sum(backoffd_key_throttle_answers_total)"), 20)

    def test_types_and_help_arrive_as_they_are_meant(self) -> None:
        metadata = self.prometheus.api("metadata")
        ours = {name: of[0] for name, of in metadata.items() if name.startswith(("backoffd_", "process_"))}
        self.assertGreater(len(ours), 60)
        for name, of in ours.items():
            with self.subTest(name):
                self.assertEqual(of["type"] == "counter", name.endswith("_total"))
                self.assertRegex(of["help"], r"^[A-Z0-9.].*\.$")

    def test_labels_are_bounded(self) -> None:
        for series in self.prometheus.query('{job="backoffd",__name__=~"backoffd_.*|process_.*"}'):
            labels = set(series["metric"]) - {"__name__", "job", "instance"}
            self.assertLessEqual(labels, OPEN | CLOSED, series["metric"])
            if labels & OPEN:
                self.assertTrue(series["metric"]["__name__"].startswith("backoffd_key_"))

    def test_the_process_is_told_as_by_everybody_else(self) -> None:
        for figure, least, most in (
            ("time() - process_start_time_seconds", 0, 600), ("process_open_fds", 5, 1000),
            ("process_max_fds", 256, float("inf")), ("process_resident_memory_bytes", 1e6, 1e10),
        ):  # fmt: skip
            value = self.value(figure)
            self.assertTrue(least <= value <= most, (figure, value))

    # --- alerts ---

    def test_every_alert_fires_and_does_not_fire(self) -> None:
        tested = run("promtool", "test", "rules", str(DOCKER / "alerts_test.yaml"))
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)
        tests = (DOCKER / "alerts_test.yaml").read_text()
        names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
        self.assertGreater(len(names), 15)
        for name in names:
            self.assertRegex(tests, rf"alertname: {name}, eval_time: \S+, exp_alerts: \[\]")
            self.assertRegex(tests, rf"alertname: {name}\n\s+eval_time: \S+\n\s+exp_alerts:\n\s+- exp_labels")

    def test_alerts_ask_for_what_there_is(self) -> None:
        groups = self.prometheus.api("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        self.assertEqual(len(rules), len(re.findall(r"- alert: ", ALERTS.read_text())))
        for rule in rules:
            with self.subTest(rule["name"]):
                eventually(lambda: self.health(rule["name"]) == "ok", "it is evaluated")
                self.expect_to_be_there(rule["query"])

    def health(self, name: str) -> str:
        rules = [rule for group in self.prometheus.api("rules")["groups"] for rule in group["rules"]]
        return next(rule["health"] for rule in rules if rule["name"] == name)

    def expect_to_be_there(self, expression: str) -> None:
        """Each series that the expression selects."""
        selected = SELECTOR.findall(re.sub(r"\bby \([^)]*\)|\bon \([^)]*\)", "", expression))
        self.assertTrue(selected, expression)
        for name, matchers in selected:
            found = self.prometheus.query(f"count({name}{matchers})")
            self.assertTrue(found, f"there is no {name}{matchers}")
            for word in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
                self.assertTrue(self.prometheus.query(f'count({name}{{{word}!=""}})'), f"{name} has no {word}")

    # --- the dashboard ---

    def test_each_expression_of_the_dashboard_is_understood_by_promtool(self) -> None:
        rules = [{"record": f"panel:expression_{i}", "expr": one} for i, (_, one) in enumerate(expressions())]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            checked = run("promtool", "check", "rules", file.name)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn(f"{len(rules)} rules found", checked.stdout)

    def test_each_panel_of_the_dashboard_has_something_to_show(self) -> None:
        self.assertGreater(len(expressions()), 40)
        for panel, expression in expressions():
            with self.subTest(panel):
                self.expect_to_be_there(expression)
                found = self.prometheus.query(expression)
                self.assertTrue(found, expression)
                for words in re.findall(r"^[^(]*sum by \(([^)]*)\)", expression):
                    for word in words.split(", "):
                        self.assertTrue(all(one["metric"].get(word) for one in found), (expression, word))

    def test_legends_name_labels_that_there_are(self) -> None:
        dashboard = json.loads(DASHBOARD.read_text())
        plain = dict(zip([t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])], expressions()))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                found = self.prometheus.query(plain[target["expr"]][1])
                for word in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                    with self.subTest(panel["title"], label=word):
                        self.assertTrue(found and all(word in one["metric"] for one in found))

    def test_the_dashboard_can_be_imported_anywhere(self) -> None:
        dashboard = json.loads(DASHBOARD.read_text())
        variables = {one["name"]: one for one in dashboard["templating"]["list"]}
        self.assertEqual(variables["datasource"]["type"], "datasource")
        source = {"type": "prometheus", "uid": "${datasource}"}
        panels = [one for one in dashboard["panels"] if one["type"] != "row"]
        for panel in panels:
            self.assertEqual([panel["datasource"]] + [one["datasource"] for one in panel["targets"]],
                             [source] * (1 + len(panel["targets"])))  # fmt: skip
        numbers = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        places = [(x, y) for panel in dashboard["panels"] for x in self.columns(panel) for y in self.lines(panel)]
        self.assertEqual(len(places), len(set(places)), "panels lie on each other")
        for one in variables.values():
            if one["type"] == "query":
                selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", one["query"]["query"]).groups()
                selector = selector.replace("$instance", ".*")
                self.assertTrue(self.prometheus.query(f"count by ({label}) ({selector})")[0]["metric"][label])

    @staticmethod
    def columns(panel: dict) -> range:
        return range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])

    @staticmethod
    def lines(panel: dict) -> range:
        return range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
