// The gates: what is in force and who set it, a switch, how far the ramp has come, and what the guard did and why.

import {badge, byId, el, reconcile, setAttribute, setText} from "./dom.js";
import * as format from "./format.js";
import {GateFigures} from "./gate_figures.js";
import {GateForm} from "./gate_form.js";
import {acts, gates, guards, layers, verdicts} from "./words.js";

const kMostActs = 6;  // that are told of
const views = new WeakMap();

export function showGates(state) {
  const now = Date.parse(state.time) / 1000;
  reconcile(byId("gate-list"), Object.entries(state.gates), ([name]) => name,
    ([name]) => makeGate(name), (card, [name, gate]) => updateGate(card, name, gate, now));
}

function makeGate(name) {
  const title = el("h3", {id: `gate-${name}`}, name);
  const parts = {
    badge: el("span", {class: "badge"}),
    form: new GateForm(name, () => parts.figures.begin()),
    ramp: el("ol", {class: "ramp", "aria-label": `Ramp of ${name}`}),
    rampNext: el("p", {class: "quiet"}),
    layer: el("p", {class: "quiet"}),
    outstanding: outstandingBox(name),
    judged: el("p", {class: "verdict"}),
    verdict: el("span", {class: "badge"}),
    guard: el("span", {class: "quiet"}),
    figures: new GateFigures(name),
    past: el("details", {"aria-label": `What happened to ${name}`}, el("summary", {}, "What happened")),
    acts: el("ul", {class: "acts"}),
  };
  const card = el("article", {class: "gate", "aria-labelledby": title.id},
    el("div", {class: "gate-head"}, title, parts.badge), el("p", {class: "quiet"}, gates[name] ?? ""),
    parts.form.element, parts.ramp, parts.rampNext, parts.layer, parts.outstanding.element, parts.judged,
    parts.figures.element, parts.past);
  parts.judged.append(parts.verdict, parts.guard);
  parts.past.append(parts.acts);
  views.set(card, parts);
  return card;
}

function updateGate(card, name, gate, now) {
  const parts = views.get(card);
  const {effective, guard} = gate;
  const on = effective.mode !== "off";
  badge(parts.badge, on ? effective.mode : guard.rolled_back ? "rollback" : "unknown", on ? "●" : "○",
    on ? `${effective.mode}, ${effective.percentage} %` : guard.rolled_back ? "off, rolled back" : "off");
  parts.form.show(gate);
  showRamp(parts, gate, now);
  setText(parts.layer, describe(gate));
  showOutstanding(parts.outstanding, guard.acts.at(-1), now);
  parts.judged.hidden = !on;
  badge(parts.verdict, gate.verdict, ...(verdicts[gate.verdict] ?? ["○", gate.verdict]));
  setText(parts.guard, `guard: ${guard.mode}, ${guards[guard.mode] ?? ""}` +
    (guard.blind ? "; at 100 % there is no control to compare with" : ""));
  parts.past.hidden = guard.acts.length === 0;
  reconcile(parts.acts, guard.acts.slice(-kMostActs).reverse(), ({at, act}) => `${at} ${act}`,
    (act) => el("li", {}, moment(act.at), ` ${tell(act)}`), () => {});
  parts.figures.show(on);
}

const moment = (at) => el("time", {datetime: at}, format.moment(at));

function tell({act, by, why, percentage}) {
  const who = layers[by] ?? `the ${by}`;
  const sentence = (acts[act] ?? ((one) => `${one} ${act}`))(who, percentage);
  return act === "flipped" ? `${sentence}: ${why}${why === "off" ? "" : `, ${percentage} %`}` : `${sentence}: ${why}`;
}

function describe({effective, layer}) {
  const whom = effective.providers?.length > 0 ? `, for ${effective.providers.join(", ")}` : "";
  const unit = {request: "each request", client: "each client", key: "each key", slice: `a key for ${effective.slice}`};
  return `Set by ${layers[layer] ?? layer}. An arm is drawn for ${unit[effective.unit] ?? effective.unit}${whom}.`;
}

function showRamp(parts, {effective, guard}, now) {
  const stages = effective.ramp ?? [];
  const climbs = stages.length > 0 && effective.mode === "on";
  parts.ramp.hidden = parts.rampNext.hidden = !climbs;
  if (!climbs) return;
  const at = stages.indexOf(effective.percentage);
  reconcile(parts.ramp, stages, (stage) => stage, (stage) => el("li", {}, `${stage} %`), (item, stage) => {
    setAttribute(item, "aria-current", stages.indexOf(stage) === at ? "step" : null);
    setAttribute(item, "class", stages.indexOf(stage) < at ? "done" : null);
  });
  setText(parts.rampNext, at + 1 === stages.length ? "The ramp is at its end." :
    `Stage ${at + 1} of ${stages.length}; ${stages[at + 1]} % ${whenNext(guard, now)}.`);
}

function whenNext({held_by: reason, next_stage_at: due}, now) {
  if (reason) return `has to wait: ${reason}`;
  if (!due) return "now";
  return `at ${format.moment(due)}, in ${format.age(Date.parse(due) / 1000 - now)}, where nothing speaks against it`;
}

// --- what the guard did, or would have done, and nobody has answered yet ---

function outstandingBox(name) {
  const box = {
    element: el("section", {class: "outstanding", "aria-label": `The guard of ${name}`, hidden: ""}),
    said: el("h4"),
    when: el("p", {class: "quiet"}),
    why: el("p"),
    figures: el("ul", {class: "evidence"}),
    next: el("p"),
  };
  box.element.append(box.said, box.when, box.why, box.figures, box.next);
  return box;
}

function showOutstanding(box, act, now) {
  const back = act?.act === "rolled_back";
  box.element.hidden = !back && act?.act !== "advised";
  if (box.element.hidden) return;
  setAttribute(box.element, "data-act", act.act);
  setText(box.said, back ? `Rolled back by the ${act.by}` : `The ${act.by} would have rolled it back`);
  setText(box.when, `${format.moment(act.at)}, ${format.age(now - Date.parse(act.at) / 1000)} ago`);
  setText(box.why, sentenceOf(act.why));
  reconcile(box.figures, act.comparison.evidence.filter((one) => one !== act.why), (one) => one, () => el("li"),
    (item, one) => setText(item, sentenceOf(one)));
  setText(box.next, back ? "It stays off until somebody switches it on again." :
    "It is still on: its guard reports and does not act.");
}

function sentenceOf(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
