// Both arms of a gate side by side over a window of time, all keys together and each by itself, and the evidence for
// the verdict. Asked for every few seconds, as it is too much for each event.

import {el, reconcile, setAttribute, setText} from "./dom.js";
import * as format from "./format.js";

const kLook = 5000;  // milliseconds between two looks

const kWindows = [["5m", "5 min"], ["1h", "1 h"], ["since_flip", "since the flip"]];
const kSides = ["control", "treatment"];
const kMostKeys = 12;

// [label, of an arm's figures, name of the effect that compares it, how its difference is told]
const points = (value) => `${format.signed(100 * value)}\u00a0pt`;
const parts = (value) => `${format.signed(100 * value)}\u00a0%`;
const ofSome = (tell) => (arm) => (arm.exchanges > 0 ? tell(arm) : "–");
const share = (name) => ofSome((arm) => format.percent(arm[name] / arm.exchanges));
const kExchanges = ["exchanges", (arm) => format.count(arm.exchanges)];
const kGood = ["good answers", share("successes"), "success_rate", points];
const kThrottled = ["met a 429", share("throttled_exchanges"), "throttled_share", points];
const kTypical = ["typical time", ofSome((arm) => format.duration(arm.seconds_to_end.p50)), "latency", parts];
const kRows = [
  kExchanges,
  kGood,
  kThrottled,
  ["given a 429", share("429_given")],
  kTypical,
  ["slowest 5 %", ofSome((arm) => format.duration(arm.seconds_to_end.p95)), "latency_p95", parts],
  ["in the queue", ofSome((arm) => format.duration(arm.queue_wait_mean))],
  ["attempts each", ofSome((arm) => arm.attempts_per_exchange.toFixed(2))],
  ["timeouts", (arm) => format.count(arm.timeouts)],
  ["bodies resumed", (arm) => format.count(arm.resumed_bodies)],
  ["bodies broken", (arm) => format.count(arm.broken_bodies)],
];
const kColumnsOfKey = [kExchanges, kGood, kThrottled, kTypical];

const tableHead = (first, names) => el("thead", {}, el("tr", {}, el("th", {scope: "col"}, first),
  ...names.map((name) => el("th", {scope: "col", class: "number"}, name))));
const rowOf = (name, cells) => el("tr", {}, el("th", {scope: "row"}, name),
  ...Array.from({length: cells}, () => el("td", {class: "number"})));

export class GateFigures {
  #name;
  #on = false;           // the gate is not off
  #window = "since_flip";
  #comparison = null;    // as it was last told
  #judgedAs = null;      // the verdict when the evidence was last opened or closed
  #looked = 0;
  #windows;
  #arms;
  #keys;
  #more = el("p", {class: "quiet"});
  #byKey;
  #why;
  #evidence = el("ul", {class: "evidence"});
  element = el("div", {hidden: ""});

  constructor(name) {
    this.#name = name;
    this.#windows = el("fieldset", {class: "choice small"},
      el("legend", {class: "unseen"}, `Time that the figures of ${name} are of`),
      ...kWindows.map(([value, text]) => el("label", {}, el("input", {type: "radio", name: `window-${name}`, value,
        checked: value === this.#window ? "" : null}), el("span", {}, text))));
    this.#windows.addEventListener("change", (event) => {
      this.#window = event.target.value;
      this.#draw();
    });
    const unnamed = el("span", {class: "unseen"}, "figure");
    this.#arms = el("table", {class: "arms", "aria-label": `Arms of ${name}`},
      tableHead(unnamed, [...kSides, "difference"]), el("tbody"));
    this.#keys = el("table", {class: "arms by-key", "aria-label": `Arms of ${name} by key`},
      tableHead("arm", kColumnsOfKey.map(([label]) => label)));
    this.#byKey = el("details", {"aria-label": `${name} by key`}, el("summary", {}, "By key"), this.#keys, this.#more);
    this.#byKey.addEventListener("toggle", () => this.#draw());
    this.#why = el("details", {"aria-label": `Evidence about ${name}`}, el("summary", {}, "Evidence"), this.#evidence);
    this.element.append(this.#why, this.#windows, this.#arms, this.#byKey);
  }

  // To be called each second.
  show(on) {
    if (on !== this.#on) this.#looked = 0;
    this.#on = on;
    if (!on) this.element.hidden = true;
    if (!on || Date.now() - this.#looked < kLook) return;
    this.#looked = Date.now();
    this.#look();
  }

  // The gate was flipped: what is known of it is over.
  begin() {
    this.#looked = 0;
  }

  async #look() {
    const answer = await fetch(`gates/${this.#name}/comparison`, {cache: "no-store"}).catch(() => null);
    const comparison = answer?.ok ? await answer.json().catch(() => null) : null;
    if (!comparison) return;
    this.#comparison = comparison;
    this.element.hidden = !this.#on;
    this.#draw();
  }

  #draw() {
    if (!this.#comparison) return;
    const {arms, windows, verdict, evidence} = this.#comparison;
    const some = kSides.some((side) => arms[side].exchanges > 0);
    this.#windows.hidden = this.#arms.hidden = this.#byKey.hidden = !some;
    this.#drawArms(windows[this.#window]);
    if (this.#byKey.open) this.#drawKeys();
    this.#why.hidden = evidence.length === 0;
    // What asks for a decision is not hidden; what the person has closed stays closed.
    if (verdict !== this.#judgedAs) this.#why.open = ["observe", "rollback"].includes(verdict);
    this.#judgedAs = verdict;
    reconcile(this.#evidence, evidence, (sentence) => sentence, () => el("li"),
      (item, sentence) => setText(item, sentence));
  }

  // The effects are of the time since the flip, and so are their intervals.
  #drawArms(arms) {
    const {effects} = this.#comparison;
    const compared = this.#window === "since_flip" && Object.values(effects).some(isSure);
    setAttribute(this.#arms.tHead.rows[0].lastChild, "hidden", compared ? null : "");
    reconcile(this.#arms.tBodies[0], kRows, ([label]) => label, ([label]) => rowOf(label, 3),
      (row, [, value, effect, told]) => {
        kSides.forEach((side, i) => setText(row.children[i + 1], value(arms[side])));
        setAttribute(row.children[3], "hidden", compared ? null : "");
        if (compared) showEffect(row.children[3], effect && effects[effect], told);
      });
  }

  #drawKeys() {
    const exchanges = (arms) => kSides.reduce((sum, side) => sum + arms[side].exchanges, 0);
    const keys = Object.entries(this.#comparison.keys).map(([key, windows]) => ({key, arms: windows[this.#window]}))
      .filter(({arms}) => arms && exchanges(arms) > 0).sort((a, b) => exchanges(b.arms) - exchanges(a.arms));
    const shown = keys.slice(0, kMostKeys);
    reconcile(this.#keys, shown, ({key}) => key,
      ({key}) => el("tbody", {}, el("tr", {}, el("th", {scope: "rowgroup", colspan: kColumnsOfKey.length + 1}, key)),
        ...kSides.map((side) => rowOf(side, kColumnsOfKey.length))),
      (body, {arms}) => kSides.forEach((side, i) => kColumnsOfKey.forEach(([, value], column) =>
        setText(body.rows[i + 1].children[column + 1], value(arms[side])))));
    this.#keys.hidden = shown.length === 0;
    setText(this.#more, shown.length === 0 ? "Nothing ended in this time." : keys.length === shown.length ? "" :
      `${keys.length - shown.length} more with fewer exchanges.`);
  }
}

// An interval that holds every possible value says nothing.
const known = (value) => value !== null && value !== undefined && Math.abs(value) < 1;
const isSure = ({low, high}) => known(low) && known(high);

function showEffect(cell, effect, told) {
  const sure = effect && isSure(effect);
  if (cell.children.length !== 2) cell.replaceChildren(el("span"), el("span", {class: "detail"}));
  setText(cell.firstChild, sure ? told(effect.difference) : "");
  setText(cell.lastChild, sure ? `${told(effect.low)} to ${told(effect.high)}` : "");
  setAttribute(cell, "title", sure ? effect.test : null);
}
