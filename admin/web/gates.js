// The gates: what is in force and who set it, a switch with a share, and both arms side by side with the verdict.

import {announce, badge, byId, el, reconcile, setAttribute, setText} from "./dom.js";
import {post} from "./call.js";
import * as format from "./format.js";
import {gates, guards, layers, verdicts} from "./words.js";

const kLook = 5000;  // milliseconds between two looks at a comparison
const kModes = ["off", "shadow", "on"];
const views = new WeakMap();

export function showGates(state) {
  reconcile(byId("gate-list"), Object.entries(state.gates), ([name]) => name,
    ([name]) => makeGate(name), (card, [name, gate]) => updateGate(card, name, gate));
}

function makeGate(name) {
  const title = el("h3", {id: `gate-${name}`}, name);
  const parts = {
    badge: el("span", {class: "badge"}),
    layer: el("span"),
    modes: kModes.map((mode) => el("input", {type: "radio", name: `mode-${name}`, value: mode})),
    share: el("input", {type: "number", min: "0", max: "100", step: "any", required: "", id: `share-${name}`}),
    apply: el("button", {type: "submit", class: "main", hidden: ""}, "Apply"),
    undo: el("button", {type: "button", hidden: ""}, "Cancel"),
    back: el("button", {type: "button", class: "small", hidden: ""}, "Take back"),
    error: el("p", {class: "error", role: "alert", hidden: ""}),
    judged: el("div", {class: "verdict"}),
    verdict: el("span", {class: "badge"}),
    guard: el("span", {class: "quiet"}),
    why: el("details", {"aria-label": `Evidence about ${name}`}, el("summary", {}, "Evidence")),
    evidence: el("ul", {class: "evidence"}),
    arms: armsTable(name),
    act: el("p", {class: "quiet"}),
    shown: null,     // the setting in force
    touched: false,  // the person has begun to change something
    looked: 0,
    judgedAs: null,  // the verdict when the evidence was last opened or closed
  };
  const form = el("form", {"aria-label": `Flip ${name}`},
    el("fieldset", {class: "choice"}, el("legend", {class: "unseen"}, `Mode of ${name}`),
      ...kModes.map((mode, i) => el("label", {}, parts.modes[i], el("span", {}, mode)))),
    el("span", {class: "share"}, el("label", {for: parts.share.id}, "for"), parts.share,
      el("span", {"aria-hidden": "true"}, "%"), el("span", {class: "unseen"}, "percent")),
    parts.apply, parts.undo);
  form.addEventListener("input", () => touch(parts));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    flip(name, parts, {...parts.shown, mode: chosenMode(parts), percentage: Number(parts.share.value)});
  });
  parts.undo.addEventListener("click", () => {
    parts.touched = false;
    showSetting(parts);
    parts.modes.find((mode) => mode.checked).focus();
  });
  parts.back.addEventListener("click", () => flip(name, parts, null));
  const card = el("article", {class: "gate", "aria-labelledby": title.id},
    el("div", {class: "gate-head"}, title, parts.badge), el("p", {class: "quiet"}, gates[name] ?? ""), form,
    parts.error, el("p", {class: "quiet"}, parts.layer, " ", parts.back), parts.judged, parts.arms, parts.why,
    parts.act);
  parts.judged.append(parts.verdict, parts.guard);
  parts.why.append(parts.evidence);
  views.set(card, parts);
  return card;
}

const chosenMode = (parts) => parts.modes.find((mode) => mode.checked)?.value ?? "off";

function touch(parts) {
  parts.touched = chosenMode(parts) !== parts.shown.mode || Number(parts.share.value) !== parts.shown.percentage;
  showButtons(parts);
}

function showButtons(parts) {
  parts.apply.hidden = !parts.touched;
  parts.undo.hidden = !parts.touched;
  parts.back.hidden = parts.touched || !parts.mayTakeBack;
}

function showSetting(parts) {
  for (const mode of parts.modes) mode.checked = mode.value === parts.shown.mode;
  parts.share.value = parts.shown.percentage;
  showButtons(parts);
}

function updateGate(card, name, gate) {
  const parts = views.get(card);
  const {effective} = gate;
  parts.shown = effective;
  parts.mayTakeBack = "admin" in gate.layers;
  if (!parts.touched) showSetting(parts);
  const on = effective.mode !== "off";
  badge(parts.badge, on ? effective.mode : "unknown", on ? "●" : "○",
    on ? `${effective.mode}, ${effective.percentage} %` : "off");
  setText(parts.layer, describe(gate));
  parts.judged.hidden = !on;
  badge(parts.verdict, gate.verdict, ...(verdicts[gate.verdict] ?? ["○", gate.verdict]));
  const mode = gate.guard?.mode;
  setText(parts.guard, mode ? `guard: ${mode}, ${guards[mode] ?? ""}` : "");
  const last = gate.guard?.acts?.findLast(({act}) => act !== "flipped");
  setText(parts.act, last ? `${last.act.replaceAll("_", " ")} by ${last.by}, ${last.at}: ${last.why}` : "");
  parts.act.hidden = !last;
  if (Date.now() - parts.looked > kLook) {
    parts.looked = Date.now();
    look(name, parts, on);
  }
}

function describe({effective, layer}) {
  const whom = effective.providers?.length > 0 ? `, for ${effective.providers.join(", ")}` : "";
  const unit = {request: "each request", client: "each client", key: "each key", slice: `a key for ${effective.slice}`};
  return `Set by ${layers[layer] ?? layer}. An arm is drawn for ${unit[effective.unit] ?? effective.unit}${whom}.` +
    (effective.ramp?.length > 0 ? ` Ramp: ${effective.ramp.join(", ")} %, a step every ${effective.step}.` : "");
}

async function flip(name, parts, setting) {
  parts.apply.disabled = parts.back.disabled = true;
  parts.error.hidden = true;
  try {
    const gate = await post(`gates/${name}`, setting);
    if (gate) {
      parts.touched = false;
      parts.looked = 0;
      parts.shown = gate.effective;
      parts.mayTakeBack = "admin" in gate.layers;
      const focused = [parts.apply, parts.back].includes(document.activeElement);
      showSetting(parts);
      if (focused) parts.modes.find((mode) => mode.checked).focus();
      announce(`${name} is ${gate.effective.mode}, ${gate.effective.percentage} percent.`);
    }
  } catch (error) {
    setText(parts.error, error.message);
    parts.error.hidden = false;
  } finally {
    parts.apply.disabled = parts.back.disabled = false;
  }
}

// --- both arms ---

function armsTable(name) {
  return el("table", {class: "arms", "aria-label": `Arms of ${name}`, hidden: ""},
    el("thead", {}, el("tr", {}, ...["", "off", "on", "difference"].map((head, i) =>
      el("th", {scope: "col", class: i > 0 ? "number" : null}, head || el("span", {class: "unseen"}, "figure"))))),
    el("tbody"));
}

// [label, of an arm's figures, name of the effect that compares it, how its difference is told]
const kPoints = (value) => `${format.signed(100 * value)}\u00a0pt`;
const kParts = (value) => `${format.signed(100 * value)}\u00a0%`;
const share = (arm, of) => (arm.exchanges > 0 ? format.percent(of / arm.exchanges) : "–");
const kRows = [
  ["exchanges", (arm) => format.count(arm.exchanges)],
  ["good answers", (arm) => share(arm, arm.successes), "success_rate", kPoints],
  ["met a 429", (arm) => share(arm, arm.throttled_exchanges), "throttled_share", kPoints],
  ["given a 429", (arm) => share(arm, arm["429_given"])],
  ["typical time", (arm) => (arm.exchanges > 0 ? format.duration(arm.seconds_to_end.p50) : "–"), "latency", kParts],
  ["slowest 5 %", (arm) => (arm.exchanges > 0 ? format.duration(arm.seconds_to_end.p95) : "–"), "latency_p95", kParts],
  ["attempts each", (arm) => (arm.exchanges > 0 ? arm.attempts_per_exchange.toFixed(2) : "–")],
  ["bodies resumed", (arm) => format.count(arm.resumed_bodies)],
  ["bodies broken", (arm) => format.count(arm.broken_bodies)],
];

async function look(name, parts, on) {
  const answer = await fetch(`gates/${name}/comparison`, {cache: "no-store"}).catch(() => null);
  if (!answer?.ok) return;
  const comparison = await answer.json().catch(() => null);
  if (!comparison) return;
  const {control, treatment} = comparison.arms;
  parts.arms.hidden = !on || control.exchanges === 0 || treatment.exchanges === 0;
  parts.why.hidden = !on || comparison.evidence.length === 0;
  // What asks for a decision is not hidden; what the person has closed stays closed.
  if (comparison.verdict !== parts.judgedAs) parts.why.open = ["observe", "rollback"].includes(comparison.verdict);
  parts.judgedAs = comparison.verdict;
  reconcile(parts.evidence, comparison.evidence, (sentence) => sentence, () => el("li"),
    (item, sentence) => setText(item, sentence));
  reconcile(parts.arms.tBodies[0], kRows, ([label]) => label,
    ([label]) => el("tr", {}, el("th", {scope: "row"}, label),
      ...Array.from({length: 3}, () => el("td", {class: "number"}))),
    (row, [, value, effectName, told]) => {
      setText(row.children[1], value(control));
      setText(row.children[2], value(treatment));
      showEffect(row.children[3], effectName && comparison.effects[effectName], told);
    });
}

// An interval that holds every possible value says nothing.
const known = (value) => value !== null && value !== undefined && Math.abs(value) < 1;

function showEffect(cell, effect, told) {
  const sure = effect && known(effect.low) && known(effect.high);
  if (cell.children.length !== 2) cell.replaceChildren(el("span"), el("span", {class: "detail"}));
  setText(cell.firstChild, sure ? told(effect.difference) : "");
  setText(cell.lastChild, sure ? `${told(effect.low)} to ${told(effect.high)}` : "");
  setAttribute(cell, "title", sure ? effect.test : null);
}
