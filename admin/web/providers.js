// One card for each provider@host: its state, limit, queue and refusals, the chart, and why it is so.

import {announce, badge, byId, el, figures, reconcile, setAttribute, setText} from "./dom.js";
import {ask, post} from "./call.js";
import {Chart} from "./chart.js";
import * as format from "./format.js";
import {keyStates} from "./words.js";

const kMostCards = 8;   // where there are more keys, all but the first of them are lines
const kFewestCards = 6;
const kBySign = ["exhausted", "paused", "reducing", "recovering"];

const views = new WeakMap();  // of a card: its parts
const lastStates = new Map();
let search = "";
let span = 0;  // seconds that the charts show; 0: not chosen yet
let redraw = () => {};

export function setUpProviders() {
  byId("find").addEventListener("input", (event) => {
    search = event.target.value.trim().toLowerCase();
    redraw();
  });
  byId("span").addEventListener("change", (event) => {
    span = Number(event.target.value);
    redraw();
  });
}

// As much as there is to be seen, to begin with.
function chooseSpan(history) {
  const choices = [...document.querySelectorAll("#span input")];
  const choice = choices.find(({value}) => Number(value) >= Math.min(300, history.seconds));
  choice.checked = true;
  span = Number(choice.value);
}

export function showProviders(state, history) {
  if (span === 0) chooseSpan(history);
  redraw = () => show(state, history);
  redraw();
  changesOf(lastStates, state.keys).forEach(announce);
}

// What needs attention first, then by name: an order that does not jump about with the traffic.
function ordered(keys) {
  const rank = ({state}) => (kBySign.includes(state) ? 0 : 1);
  return keys.toSorted((a, b) => rank(a) - rank(b) || a.key.localeCompare(b.key));
}

function show(state, history) {
  const {keys} = state;
  byId("find").parentElement.hidden = keys.length < 4 && search === "";
  document.querySelector(".legend").hidden = keys.length === 0;
  byId("span").hidden = keys.length === 0;
  const found = ordered(keys.filter(({key}) => key.toLowerCase().includes(search)));
  const cards = found.slice(0, found.length > kMostCards ? kFewestCards : kMostCards);
  const lines = found.slice(cards.length);
  const affected = keys.filter((key) => kBySign.includes(key.state)).length;
  setText(byId("providers-count"), keys.length === 0 ? "" :
    `${format.count(state.keys_total)} known, ${affected === 0 ? "none held back" : `${affected} held back`}`);
  const now = Math.floor(Date.parse(state.time) / 1000);
  reconcile(byId("keys"), cards, ({key}) => key, makeCard, (card, key) => updateCard(card, key, history, now));
  byId("others").hidden = lines.length === 0;
  reconcile(byId("others").tBodies[0], lines, ({key}) => key, makeLine,
    (row, key) => updateLine(row, key, history, now));
  const untold = state.keys_total - keys.length;
  const more = byId("keys-more");
  more.hidden = untold <= 0 && (found.length > 0 || keys.length === 0);
  setText(more, found.length === 0 ? "No key contains that." :
    `${format.count(untold)} more that are asked less are not shown.`);
}

// The same as a card in one line; its name brings the card.
function makeLine({key}) {
  const name = el("button", {type: "button", class: "link", "aria-label": `Show ${key}`}, key);
  name.addEventListener("click", () => {
    const find = byId("find");
    find.value = key;
    find.dispatchEvent(new Event("input"));
    find.focus();
  });
  // Roles and labels are for a narrow page, which lays rows out as blocks and has no heads.
  const cell = (label) => el("td", {role: "cell", class: label ? "number" : "number wide", "data-label": label});
  return el("tr", {role: "row"}, el("th", {scope: "row", role: "rowheader"}, name),
    el("td", {role: "cell"}, el("span", {class: "badge"})), ...["limit", null, "sent", null, null, "429s"].map(cell));
}

function updateLine(row, key, history, now) {
  const [, state, limit, configured, sent, waiting, inFlight, refused] = row.children;
  badge(state.firstChild, key.state, ...(keyStates[key.state] ?? ["○", key.state]));
  setText(limit, format.rate(key.effective_limit, key.configured_limit));
  setAttribute(limit, "data-label", key.effective_limit === null ? "" : "limit");
  setText(configured, format.rate(key.configured_limit));
  setText(sent, format.rate(history.recentRate(key.key, now)));
  setText(waiting, format.count(key.queued));
  setText(inFlight, format.count(key.in_flight));
  setText(refused, format.count(key.throttle_answers));
}

function makeCard({key}) {
  const at = key.lastIndexOf("@");
  const title = el("h3", {id: `key-${key}`}, key.slice(0, at), el("span", {class: "at"}, key.slice(at)));
  const parts = {
    badge: el("span", {class: "badge"}),
    reset: el("button", {type: "button", class: "small", "aria-label": `Reset ${key}`}, "Reset…"),
    effective: el("strong"),
    configured: el("span", {class: "quiet"}),
    figures: el("dl", {class: "figures"}),
    chart: new Chart(),
    why: el("p", {class: "why"}),
    minutes: el("tbody"),
    details: el("details", {class: "minutes", "aria-label": `${key} by the minute`}),
  };
  parts.details.append(el("summary", {}, "By the minute"), el("table", {"aria-label": `${key} by the minute`},
    el("thead", {}, el("tr", {}, ...["Minute", "Limit", "Sent", "Refused", "Waiting"].map((name, i) =>
      el("th", {scope: "col", class: i > 0 ? "number" : null}, name)))), parts.minutes));
  parts.reset.addEventListener("click", () => reset(key, parts));
  const card = el("article", {class: "key", "aria-labelledby": title.id},
    el("div", {class: "key-head"}, title, parts.badge, parts.reset),
    el("div", {}, el("p", {class: "rate"}, parts.effective, parts.configured), parts.figures),
    parts.chart.element, parts.why, parts.details);
  views.set(card, parts);
  return card;
}

function updateCard(card, key, history, now) {
  const parts = views.get(card);
  const samples = history.of(key.key);
  badge(parts.badge, key.state, ...(keyStates[key.state] ?? ["○", key.state]));
  setText(parts.effective, format.rate(key.effective_limit, key.configured_limit));
  setText(parts.configured, describeLimit(key));
  figures(parts.figures, [
    ["sent", format.rate(history.recentRate(key.key, now))],
    ["waiting", format.count(key.queued), key.queued > 0 ? "some" : null],
    ["in flight", key.max_concurrency ? `${key.in_flight} of ${key.max_concurrency}` : format.count(key.in_flight)],
    ["429s", format.count(key.throttle_answers), samples.some((s) => s.refused > 0) ? "told" : null],
    ["retries", format.count(key.retries)],
    ["hints", format.count(key.hints)],
  ]);
  parts.chart.draw(samples, now, span);
  const why = describeReason(key, now);
  parts.why.hidden = why === "";
  setText(parts.why, why);
  if (parts.details.open) showMinutes(parts.minutes, samples, now);
}

function describeLimit(key) {
  if (key.configured_limit === null) return key.effective_limit === null ? "configured" : "learned; none configured";
  const reduced = key.reduction_pct >= 0.5 ? `, −${key.reduction_pct.toFixed(0)} %` : "";
  return `of ${format.rate(key.configured_limit)}${reduced}`;
}

function describeReason(key, now) {
  const until = key.paused_until ? Math.round(Date.parse(key.paused_until) / 1000 - now) : 0;
  const paused = until > 0 ? `Nothing is sent for another ${format.duration(until)}. ` : "";
  if (!key.reason) return paused;
  const sentence = key.reason[0].toUpperCase() + key.reason.slice(1);
  const ago = format.age(now - Date.parse(key.changed) / 1000);
  return `${paused}${sentence}${/[.!?]$/.test(sentence) ? "" : "."} (${ago} ago)`;
}

function showMinutes(body, samples, now) {
  const minutes = [];
  for (let i = 0; i < 15; ++i) {
    const within = samples.filter(({time}) => time > now - 60 * (i + 1) && time <= now - 60 * i);
    if (within.length === 0) continue;
    const sum = (name) => within.reduce((total, sample) => total + sample[name], 0);
    minutes.push({ago: i, cells: [format.rate(within.at(-1).effective), format.count(sum("sent")),
      format.count(sum("refused")), format.count(Math.max(...within.map(({queued}) => queued)))]});
  }
  reconcile(body, minutes, ({ago}) => ago,
    ({ago}) => el("tr", {}, el("th", {scope: "row"}, ago === 0 ? "this" : `${ago} min ago`),
      ...Array.from({length: 4}, () => el("td", {class: "number"}))),
    (row, {cells}) => cells.forEach((text, i) => setText(row.children[i + 1], text)));
}

async function reset(key, parts) {
  const agreed = await ask(byId("ask-reset"), () => setText(byId("ask-reset-why"),
    `The configured limit of ${key} is used in full at once, and what its server says is learned anew.`));
  if (!agreed) return;
  try {
    const told = await post(`learning/${encodeURIComponent(key)}/reset`, {});
    if (told) announce(`What was learned of ${key} is forgotten.`);
  } catch (error) {
    parts.why.hidden = false;
    setText(parts.why, error.message);
    announce(error.message);
  }
}

// What has become of `keys` since `states` (a Map from key to state) was brought up to date by it, in sentences.
export function changesOf(states, keys) {
  const told = new Set(keys.map(({key}) => key));
  for (const key of states.keys()) {
    if (!told.has(key)) states.delete(key);
  }
  const changes = [];
  for (const {key, state} of keys) {
    const before = states.get(key);
    states.set(key, state);
    const matters = kBySign.includes(state) || kBySign.includes(before);
    if (before !== undefined && before !== state && matters) changes.push(`${key} is ${keyStates[state][1]}.`);
  }
  return changes;
}
