"""The dashboard while something happens: a gate is flipped, a limit is reduced and given back, a key is reset, a token
is asked for."""

from __future__ import annotations

import tempfile
import time
import unittest
from pathlib import Path

from webdriver import Browser
from world import World

BINARY = Path()
SCREENSHOTS = Path()

STATE = "document.querySelector('.key .badge')?.dataset.state"
# How far the line of the limit in force comes down below that of the configured one, as a part of the chart's height.
DEPTH = """(() => {
  const pathOf = (part) => document.querySelector(`.chart .${part}`).getAttribute("d");
  const heights = (part) => [...pathOf(part).matchAll(/[MV]([\\d.]+)( [\\d.]+)?/g)].map(([, a, b]) => Number(b ?? a));
  return (Math.max(...heights("limit")) - Math.min(...heights("configured"))) / 100;
})()"""
PROVIDER = {"name": "archive", "hosts": ["127.0.0.1"], "limits": ["40/SECOND"]}
TOKEN = "correct-horse-battery-staple"


class TrafficTest(unittest.TestCase):
    def begin(self, config: dict, rules: str = "") -> World:
        world = World(BINARY, config, rules)
        self.addCleanup(world.close)
        self.browser = Browser()
        self.addCleanup(self.browser.stop)
        self.browser.size(1440, 900)
        self.browser.open(world.url + "/")
        self.browser.until("document.querySelectorAll('.gate').length === 2")
        return world

    def choose(self, gate: str, mode: str, share: str = "", apply: bool = True) -> None:
        self.browser.click(f"input[name='mode-{gate}'][value='{mode}']")
        if share:
            # Told to the page as well: what nobody has touched is filled in anew each second.
            field = f"document.getElementById('share-{gate}')"
            self.browser.script(f"{field}.value = ''; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))")
            self.browser.type(f"#share-{gate}", share)
        if apply:
            self.browser.click(f"form[aria-label='Flip {gate}'] button[type='submit']")

    def test_a_reduction_appears_and_goes_when_the_server_gives_way(self) -> None:
        """A quarter of what is configured is all that the server takes, until it takes everything."""
        learning = {"providers": [PROVIDER], "gates": {"provider-learning": True}}
        world = self.begin(learning, "/bytes/* limit=bucket:10/s")
        world.load(16, "/bytes/1KiB/a", 600)
        self.browser.until(f"['reducing', 'recovering'].includes({STATE})", patience=60)
        shown = "document.querySelector('.key .rate').textContent"
        self.browser.until(f"Number({shown}.match(/−(\\d+) %/)?.[1]) >= 60", patience=120)
        self.assertIn("of 40/s", self.browser.script(f"return {shown}"))
        # At least half of the picture's height is between the two limits.
        self.browser.until(f"{DEPTH} >= 0.5", patience=60)
        self.browser.until("document.querySelector('.chart .refused').getAttribute('d').length > 0")
        chart = "document.querySelector('.chart').getAttribute('aria-label')"
        told = self.browser.script(f"return {chart}")
        self.assertIn("configured 40/s", told)
        self.assertRegex(told, r"[1-9]\d* refused")
        self.assertTrue(self.browser.script("return document.querySelector('.key .why').textContent"))
        self.assertIn("(1)", self.browser.until(f"['reducing'].includes({STATE}) ? document.title : '(1)'"))
        self.browser.screenshot(SCREENSHOTS / "reduced.png")
        world.rules("")
        self.browser.until(f"{STATE} === 'normal' && {shown}.startsWith('40/s')", patience=420)
        self.browser.until("document.title === 'backoffd'")
        # What is over can still be seen: the way down and back.
        self.browser.click("#span label:last-child input")
        self.browser.until(f"{DEPTH} >= 0.5")
        self.assertRegex(self.browser.script(f"return {chart}"), r"in force 40/s.*The lowest was 1\d(\.\d+)?/s")
        self.browser.screenshot(SCREENSHOTS / "given-back.png")
        self.assertEqual(self.browser.console(), [])

    def test_a_key_is_reset_after_a_question(self) -> None:
        learning = {"providers": [PROVIDER], "gates": {"provider-learning": True}}
        world = self.begin(learning, "/bytes/* limit=bucket:5/s")
        world.load(8, "/bytes/1KiB/a", 30)
        self.browser.until(f"['reducing', 'recovering'].includes({STATE})", patience=60)
        world.rules("")
        self.browser.click(".key-head button")
        self.assertTrue(self.browser.script("return document.getElementById('ask-reset').open"))
        self.browser.click("#ask-reset [value=cancel]")
        self.assertIn(world.told("/learning")["providers"]["archive@127.0.0.1"]["status"], ("reducing", "recovering"))
        self.browser.click(".key-head button")
        self.browser.click("#ask-reset .main")
        self.browser.until(f"['unknown', 'normal'].includes({STATE})")
        self.browser.until("document.getElementById('announcement').textContent.includes('forgotten')")

    def test_a_gate_is_flipped_for_a_share_and_taken_back(self) -> None:
        world = self.begin({"gates": {"contextual-retry": {"mode": "shadow", "unit": "client", "washout": "5s"}}})
        before = world.gate("contextual-retry")
        self.choose("contextual-retry", "on", "25")
        self.browser.until("document.querySelector('#gate-list .badge').textContent.includes('on, 25 %')")
        # All that was not asked about stays as it was.
        self.assertEqual(world.gate("contextual-retry"), before | {"mode": "on", "percentage": 25.0})
        self.browser.until("document.getElementById('announcement').textContent.includes('25 percent')")
        self.browser.click("#gate-list .gate button.small")
        self.browser.until("document.querySelector('#gate-list .badge').textContent.includes('shadow')")
        self.assertEqual(world.gate("contextual-retry"), before)

    def test_a_share_set_by_hand_ends_the_ramp(self) -> None:
        gate = {"mode": "on", "unit": "client", "ramp": [1, 10, 100], "step": "1h"}
        world = self.begin({"gates": {"contextual-retry": gate}})
        stage = self.browser.until("document.querySelector('.ramp [aria-current=step]')?.textContent")
        self.assertEqual(stage, "1 %")
        self.assertIn("Stage 1 of 3; 10 % at", self.browser.script("return document.querySelector('.gate').textContent"))
        self.choose("contextual-retry", "on", "25", apply=False)
        hint = "document.getElementById('hint-contextual-retry').textContent"
        self.assertIn("Ends the ramp: 25 %", self.browser.script(f"return {hint}"))
        self.browser.click("#ramp-contextual-retry")
        self.assertFalse(self.browser.script("return document.querySelector('.gate .main').checkVisibility()"))
        self.choose("contextual-retry", "on", "25")
        self.browser.until("document.querySelector('#gate-list .badge').textContent.includes('on, 25 %')")
        now = world.gate("contextual-retry")
        self.assertEqual((now["percentage"], now["ramp"], now["unit"]), (25, [], "client"))
        self.assertFalse(self.browser.script("return document.querySelector('.ramp').checkVisibility()"))

    def test_a_rollback_is_told_with_its_figures_and_answered_by_switching_on_again(self) -> None:
        world = self.begin({
            "retry": {"base_delay": "1ms", "budget": {"ratio": 1, "min_per_second": 100000}},
            "gates": {
                "contextual-retry": {"mode": "on", "ramp": [50, 100], "step": "1h", "guard": "enforce"},
                "thresholds": {"settle": "0s", "min_exchanges": 50, "alpha": 0.5},
            },
        })  # fmt: skip
        until = time.monotonic() + 60
        asked = 0
        while not world.told("/gates/contextual-retry")["guard"]["rolled_back"]:
            self.assertLess(time.monotonic(), until, "the guard did not act")
            for _ in range(20):
                asked += 1
                world.get(f"/bytes/10/{asked}?fault=429@1", {"Backoffd-Operation": "validate"})
        told = self.browser.until("document.querySelector('.outstanding:not([hidden])')?.textContent")
        for part in ("Rolled back by the guard", "ago", "Success fell by", "in treatment", "in control"):
            self.assertIn(part, told)
        self.assertIn("the guard rolled it back", self.browser.script("return document.querySelector('.acts').textContent"))
        self.browser.screenshot(SCREENSHOTS / "rolled-back.png")
        self.choose("contextual-retry", "on", apply=False)
        hint = "document.getElementById('hint-contextual-retry').textContent"
        self.assertIn("Begins the ramp anew, at 50 %", self.browser.script(f"return {hint}"))
        self.choose("contextual-retry", "on", "5")
        self.browser.until("document.querySelector('#gate-list .badge').textContent.includes('on, 5 %')")
        self.assertEqual(world.gate("contextual-retry")["percentage"], 5)
        self.assertFalse(world.told("/gates/contextual-retry")["guard"]["rolled_back"])
        self.assertFalse(self.browser.script("return document.querySelector('.outstanding').checkVisibility()"))

    def test_the_history_forgets_keys_that_are_no_longer_told_of(self) -> None:
        self.begin({})
        kept = self.browser.script("""
            return import("/history.js").then(({History}) => {
              const history = new History(), key = {requests: 0, throttle_answers: 0, queued: 0, state: "normal"};
              const add = (time, name) => history.add(time, [{...key, key: name}]);
              add(1, "gone@a"); add(1, "kept@b"); add(900, "kept@b");
              const before = history.size;
              add(901, "new@c");
              return [before, history.size, history.of("gone@a").length, history.of("kept@b").length];
            })""")
        self.assertEqual(kept, [2, 2, 0, 2])

    def test_what_was_last_told_of_a_key_goes_with_it(self) -> None:
        self.begin({})
        told = self.browser.script("""
            return import("/providers.js").then(({changesOf}) => {
              const states = new Map(), all = (...pairs) => pairs.map(([key, state]) => ({key, state}));
              const first = changesOf(states, all(["gone@a", "reducing"], ["kept@b", "normal"]));
              const then = changesOf(states, all(["kept@b", "reducing"]));
              const back = changesOf(states, all(["gone@a", "normal"], ["kept@b", "reducing"]));
              return [first, then.length, then[0].startsWith("kept@b is "), back, [...states.keys()].sort()];
            })""")
        self.assertEqual(told, [[], 1, True, [], ["gone@a", "kept@b"]])

    def test_a_ramp_that_waits_says_why(self) -> None:
        gate = {"mode": "on", "ramp": [10, 100], "step": "1s", "guard": "enforce"}
        self.begin({"gates": {"contextual-retry": gate}})
        self.browser.until("document.querySelector('.gate').textContent.includes('has to wait: an arm has too few')")

    def test_a_change_that_is_begun_is_not_lost_to_the_next_event(self) -> None:
        self.begin({})
        self.browser.click("input[name='mode-contextual-retry'][value='on']")
        self.browser.script("return new Promise((done) => setTimeout(done, 2500))")
        self.assertTrue(self.browser.script("return document.querySelector(\"input[value='on']\").checked"))
        self.browser.click("form[aria-label='Flip contextual-retry'] button[type='button']")
        self.assertTrue(self.browser.script("return document.querySelector(\"input[value='off']\").checked"))

    def test_both_arms_are_side_by_side(self) -> None:
        world = self.begin({"gates": {"contextual-retry": {"mode": "on", "percentage": 50}}})
        for i in range(40):
            world.get(f"/bytes/10/{i}")
        cell = "document.querySelector('.arms:not([hidden]) tbody tr td:nth-child({})')?.textContent"
        arms = [int(self.browser.until(cell.format(i))) for i in (2, 3)]
        self.assertTrue(all(arms) and sum(arms) <= 40, arms)
        # Named as in the evidence, by the command line and in the metrics.
        cells = "[...document.querySelector('.arms thead tr').cells].map((cell) => cell.textContent)"
        heads = self.browser.script(f"return {cells}")
        self.assertEqual(heads[1:], ["control", "treatment", "difference"])
        self.assertIn("not enough data", self.browser.script("return document.querySelector('.verdict').textContent"))
        # The same over the last minutes, without the difference, and by key.
        self.browser.click("input[name='window-contextual-retry'][value='5m']")
        recent = [int(self.browser.until(cell.format(i))) for i in (2, 3)]
        self.assertTrue(all(recent) and sum(recent) <= 40, recent)
        self.assertTrue(self.browser.script("return document.querySelector('.arms tbody td:nth-child(4)').hidden"))
        self.browser.click("details[aria-label='contextual-retry by key'] summary")
        by_key = self.browser.until("document.querySelector('.by-key tbody')?.textContent")
        self.assertIn("127.0.0.1", by_key)

    def test_the_token_is_asked_for_and_kept_in_the_tab_alone(self) -> None:
        file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "token"
        file.write_text(TOKEN + "\n")
        file.chmod(0o600)
        world = self.begin({"admin": {"token_file": str(file)}})
        asks = "document.getElementById('ask-token').open"
        self.choose("contextual-retry", "on")
        self.browser.until(asks)
        self.browser.type("#token", "not-the-right-token")
        self.browser.click("#ask-token .main")
        self.browser.until("document.querySelector('#ask-token .error')")
        self.assertEqual(world.gate("contextual-retry")["mode"], "off")
        self.browser.type("#token", TOKEN)
        self.browser.click("#ask-token .main")
        self.browser.until("document.querySelector('#gate-list .badge').dataset.state === 'on'")
        self.assertEqual(world.gate("contextual-retry")["mode"], "on")
        self.choose("contextual-retry", "off")
        self.browser.until("document.querySelector('#gate-list .badge').dataset.state === 'unknown'")
        self.assertFalse(self.browser.script(f"return {asks}"))
        places = "document.cookie, localStorage.length, sessionStorage.length, location.href"
        kept = self.browser.script(f"return [{places}]")
        self.assertEqual(kept, ["", 0, 1, world.url + "/"])
        self.assertNotIn(TOKEN, self.browser.script("return document.documentElement.outerHTML"))
