"""The page itself: what is on it, how it is told to assistive technology, by keyboard, narrow, dark, disconnected."""

from __future__ import annotations

import unittest
import urllib.request
from pathlib import Path

from webdriver import Browser
from world import World

BINARY = Path()
SCREENSHOTS = Path()

TAB, ENTER, ESCAPE, SPACE, RIGHT = "\ue004", "\ue007", "\ue00c", " ", "\ue014"
LIVE = "document.getElementById('connection').dataset.state === 'live'"

# The least contrast of any text with what is behind it, by WCAG 2.2 (1.4.3), and where it is.
CONTRAST = """
const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const colour = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const c = colour(getComputedStyle(element).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c;
  }
  return [255, 255, 255];
};
let worst = {ratio: 21};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (element.closest('.unseen, noscript, .skip')) continue;
  const a = luminance(colour(getComputedStyle(element).color)), b = luminance(behind(element));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < worst.ratio) worst = {ratio, text: walker.currentNode.data.trim(), of: element.className};
}
return worst;
"""


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World(BINARY, {"providers": [{"name": "archive", "hosts": ["127.0.0.1"], "limits": ["40/SECOND"]}]})
        cls.addClassCleanup(cls.world.close)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.stop)

    def setUp(self) -> None:
        self.browser.size(1440, 900)
        self.browser.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
        self.browser.log("browser")
        self.browser.log("performance")
        self.open()

    def open(self) -> None:
        self.browser.open(self.world.url + "/")
        self.browser.until(LIVE)

    def with_traffic(self) -> None:
        self.assertEqual(self.world.get("/bytes/1KiB/a?fault=503@1&id=retried"), 200)
        self.browser.until("document.querySelector('.key h3')")
        self.browser.until("document.querySelector('#recent tbody tr')")

    def test_0_says_how_to_begin_where_nothing_has_come_through(self) -> None:
        told = self.browser.until("document.querySelector('#welcome:not([hidden])')?.textContent")
        self.assertIn(f"http_proxy=http://127.0.0.1:{self.world.proxy.port}", told)
        self.browser.screenshot(SCREENSHOTS / "empty.png")
        self.with_traffic()
        self.browser.until("document.getElementById('welcome').hidden")

    def test_shows_who_is_asked_and_what_was_retried(self) -> None:
        self.with_traffic()
        card = self.browser.until("document.querySelector('.key').textContent")
        self.assertIn("archive@127.0.0.1", card)
        self.assertIn("of 40/s", card)
        self.assertIn("retry", self.browser.script("return document.querySelector('#recent tbody tr').textContent"))

    def test_asks_nobody_else_and_complains_of_nothing(self) -> None:
        self.with_traffic()
        self.browser.until("document.querySelectorAll('.gate').length === 2")
        urls = self.browser.requested()
        self.assertGreater(len(urls), 10)
        self.assertEqual([url for url in urls if not url.startswith(self.world.url + "/")], [])
        self.assertEqual(self.browser.console(), [])

    def test_has_landmarks_headings_and_names_for_everything(self) -> None:
        self.with_traffic()
        self.browser.until("document.querySelectorAll('.gate').length === 2")
        nodes = self.browser.accessible()
        roles = [node["role"] for node in nodes]
        for role in ("banner", "main", "contentinfo"):
            self.assertEqual(roles.count(role), 1, role)
        names = {role: [node["name"] for node in nodes if node["role"] == role] for role in set(roles)}
        for name in ("Providers", "Gates", "In flight", "Retried, resumed, refused"):
            self.assertIn(name, names["region"])
        levels = [node["level"] for node in nodes if node["role"] == "heading"]
        self.assertEqual(levels[0], 1)
        self.assertTrue(all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels)
        spoken = ("button", "link", "radio", "spinbutton", "searchbox", "textbox", "image", "img", "table", "article",
                  "group", "columnheader")  # fmt: skip
        for node in nodes:
            if node["role"] in spoken:
                self.assertTrue(node["name"].strip(), node)
        self.assertIn("Reset archive@127.0.0.1", names["button"])
        self.assertIn("status", roles)
        chart = (names.get("image") or names["img"])[0]
        self.assertIn("configured 40/s", chart)

    def test_is_worked_by_keyboard_and_shows_the_focus(self) -> None:
        self.browser.until("document.querySelectorAll('.gate').length === 2")
        self.browser.keys(TAB)
        self.assertIn("Skip", self.browser.script("return document.activeElement.textContent"))
        for _ in range(30):
            if self.browser.script("return document.activeElement.name === 'mode-contextual-retry'"):
                break
            self.browser.keys(TAB)
            outline = (
                "getComputedStyle(document.activeElement.matches('.choice input') ? "
                "document.activeElement.nextElementSibling : document.activeElement).outlineStyle"
            )
            self.assertNotEqual(self.browser.script(f"return {outline}"), "none")
        self.browser.keys(RIGHT)
        self.assertEqual(self.browser.script("return document.activeElement.value"), "shadow")
        self.browser.keys(ENTER)
        self.browser.until("document.querySelector('#gate-list .badge').dataset.state === 'shadow'")
        self.assertEqual(self.world.gate("contextual-retry")["mode"], "shadow")
        self.browser.click("#gate-list .gate button.small")
        self.browser.until("document.querySelector('#gate-list .badge').dataset.state === 'unknown'")
        self.assertEqual(self.world.gate("contextual-retry")["mode"], "off")

    def test_fits_a_narrow_phone(self) -> None:
        self.browser.size(320, 640)
        self.open()
        self.with_traffic()
        self.assertEqual(self.browser.script("return document.documentElement.scrollWidth"), 320)
        outside = (
            "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility() && !e.closest('.unseen, thead') "
            "&& e.getBoundingClientRect().right > 321).map((e) => e.outerHTML.slice(0, 80))"
        )
        self.assertEqual(self.browser.script(f"return {outside}"), [])
        self.browser.screenshot(SCREENSHOTS / "phone.png")

    def test_fits_a_window_at_twice_its_size(self) -> None:
        """WCAG 2.2 (1.4.4, 1.4.10): nothing is cut off and nothing scrolls sideways."""
        for width in (720, 360):  # of 1440, at 200 % and 400 %
            self.browser.size(width, 450)
            self.open()
            self.with_traffic()
            self.assertEqual(self.browser.script("return document.documentElement.scrollWidth"), width)

    def test_a_question_is_answered_by_keyboard_and_gives_the_focus_back(self) -> None:
        self.with_traffic()
        self.browser.script("document.querySelector('.key-head button').focus()")
        focus = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
        for key in (ENTER, SPACE):
            self.browser.keys(key)
            self.assertTrue(self.browser.script("return document.getElementById('ask-reset').open"))
            for _ in range(5):  # the page behind it cannot be reached
                self.browser.keys(TAB)
                inside = "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
                self.assertTrue(self.browser.script(f"return {inside}"))
            self.browser.keys(ESCAPE)
            self.assertFalse(self.browser.script("return document.getElementById('ask-reset').open"))
            self.assertEqual(self.browser.script(f"return {focus}"), "Reset archive@127.0.0.1")

    def test_says_aloud_what_changes_and_not_what_counts(self) -> None:
        self.with_traffic()
        live = "[...document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log]')]"
        spoken = self.browser.script(f"return {live}.filter((e) => e.checkVisibility()).map((e) => e.id)")
        self.assertEqual(spoken, ["announcement"])
        before = self.browser.script("return document.getElementById('announcement').textContent")
        self.assertEqual(self.world.get("/bytes/1KiB/b"), 200)
        self.browser.until("document.querySelector('#totals').textContent.includes('answered')")
        self.browser.script("return new Promise((done) => setTimeout(done, 2500))")
        self.assertEqual(self.browser.script("return document.getElementById('announcement').textContent"), before)

    def test_many_keys_are_lines_below_a_few_cards(self) -> None:
        told = self.browser.script("""
            return import("/providers.js").then(({showProviders}) => {
              const keys = Array.from({length: 60}, (_, i) => ({key: `p@host-${String(i).padStart(2, "0")}`,
                state: i === 59 ? "reducing" : "normal", configured_limit: 5, effective_limit: 5, reduction_pct: 0,
                queued: 0, in_flight: 0, requests: 1, retries: 0, throttle_answers: 0, hints: 0}));
              const state = {time: new Date().toISOString(), keys, keys_total: 70};
              const history = {of: () => [], recentRate: () => 0, seconds: 1};
              showProviders(state, history);
              const count = (selector) => document.querySelectorAll(selector).length;
              const first = document.querySelector(".key h3").textContent;
              const more = document.getElementById("keys-more").textContent;
              const shown = [count(".key"), count("#others tbody tr"), first, more];
              document.querySelector("#others tbody tr:last-child button").click();
              return [...shown, document.querySelector(".key h3").textContent, count(".key"),
                document.activeElement.id, document.getElementById("others").hidden];
            })""")
        self.assertEqual(told, [6, 54, "p@host-59", "10 more that are asked less are not shown.",
                                "p@host-58", 1, "find", True])  # fmt: skip

    def test_long_lists_are_folded(self) -> None:
        for i in range(10):
            self.assertEqual(self.world.get(f"/bytes/10/f{i}?fault=503@1"), 200)
        rows = "document.querySelectorAll('#recent tbody tr').length"
        more = "document.querySelector('#recent .more')"
        self.browser.until(f"!{more}.hidden && Number({more}.textContent.match(/^Show all (\\d+)$/)?.[1]) >= 10")
        self.assertEqual(self.browser.script(f"return {rows}"), 8)
        self.browser.script(f"{more}.focus()")
        self.browser.keys(ENTER)
        self.assertGreaterEqual(self.browser.script(f"return {rows}"), 10)
        self.assertEqual(self.browser.script(f"return {more}.textContent"), "Show 8 only")

    def test_a_rate_is_taken_over_enough_requests_to_tell(self) -> None:
        told = self.browser.script("""
            return Promise.all([import("/history.js"), import("/format.js")]).then(([{History}, format]) => {
              const history = new History();
              const add = (time, requests) => history.add(time, [{key: "slow@a", requests, state: "normal",
                throttle_answers: 0, queued: 0}]);
              const rates = [];
              for (let time = 0; time <= 120; ++time) {
                add(time, Math.floor(time / 3));  // one in three seconds
                if (time >= 118) rates.push(format.rate(history.recentRate("slow@a", time)));
              }
              return [rates, [0.3 - 1e-16, 8, 8.6, 0.4].map((one) => format.rate(one)), format.rate(0.85, 1)];
            })""")
        self.assertEqual(told, [["20/min", "20/min", "20/min"], ["18/min", "8/s", "8.60/s", "24/min"], "0.85/s"])

    def test_can_be_read_in_light_and_dark(self) -> None:
        grounds = []
        for scheme in ("light", "dark"):
            self.browser.prefer(prefers_color_scheme=scheme)
            self.open()
            self.with_traffic()
            self.browser.screenshot(SCREENSHOTS / f"{scheme}.png")
            worst = self.browser.script(CONTRAST)
            self.assertGreaterEqual(worst["ratio"], 4.5, (scheme, worst))
            grounds.append(self.browser.script("return getComputedStyle(document.body).backgroundColor"))
        self.assertNotEqual(*grounds)

    def test_moves_nothing_for_whom_motion_is_too_much(self) -> None:
        moving = "[...document.querySelectorAll('*')].some((e) => getComputedStyle(e).transitionDuration !== '0s')"
        self.assertTrue(self.browser.script(f"return {moving}"))
        self.browser.prefer(prefers_reduced_motion="reduce")
        self.assertFalse(self.browser.script(f"return {moving}"))

    def test_says_when_as_many_listen_as_may(self) -> None:
        world = World(BINARY)
        self.addCleanup(world.close)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        listeners = [opener.open(world.url + "/events", timeout=20) for _ in range(16)]
        self.browser.open(world.url + "/")
        self.browser.until("document.getElementById('connection').dataset.state === 'full'")
        self.assertIn("As many listen", self.browser.script("return document.getElementById('banner').textContent"))
        self.browser.until("document.getElementById('announcement').textContent.includes('too many')")
        for one in listeners:
            one.close()
        self.browser.until(LIVE)
        self.assertTrue(self.browser.script("return document.getElementById('banner').hidden"))

    def test_says_when_the_proxy_is_gone(self) -> None:
        world = World(BINARY)
        self.addCleanup(world.close)
        self.browser.open(world.url + "/")
        self.browser.until(LIVE)
        world.proxy.stop()
        self.browser.until("document.getElementById('connection').dataset.state === 'lost'")
        banner = self.browser.until("document.querySelector('#banner:not([hidden])')?.textContent")
        self.assertIn("does not answer", banner)
        self.browser.until("document.getElementById('announcement').textContent.includes('lost')")
