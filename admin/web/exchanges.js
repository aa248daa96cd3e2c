// What is in flight, and the last exchanges that needed a retry, a resume or a refusal.

import {badge, byId, el, reconcile, setAttribute, setText} from "./dom.js";
import * as format from "./format.js";
import {exchangeStates, outcome} from "./words.js";

const kMostRecent = 30;
const kMostFlying = 20;
const kFirst = 8;  // of either that are shown unless somebody wants all
let recent = [];  // the newest first
const unfolded = new Set();  // the sections that are shown whole
let redraw = () => {};

export function setUpExchanges() {
  for (const section of document.querySelectorAll(".exchanges")) {
    section.querySelector(".more").addEventListener("click", () => {
      if (!unfolded.delete(section)) unfolded.add(section);
      redraw();
    });
  }
}

export function showExchanges(state) {
  const known = new Set(recent.map(({id}) => id));
  const fresh = state.exchanges.recent.filter(({id}) => !known.has(id));
  recent = [...fresh, ...recent].sort((a, b) => b.ended - a.ended).slice(0, kMostRecent);
  redraw = () => show(state);
  redraw();
}

function show(state) {
  const now = Date.parse(state.time) / 1000;
  const total = state.exchanges.in_flight_total;
  const flying = state.exchanges.in_flight.slice(0, kMostFlying);
  const cut = total > flying.length ? `; the oldest ${flying.length} can be shown` : "";
  setText(byId("flight-count"), total > 0 ? `${format.count(total)}${cut}` : "");
  fill(byId("flight"), flying, makeFlying, updateFlying);
  setText(byId("recent-count"), recent.length > 0 ? `the last ${recent.length}` : "");
  fill(byId("recent"), recent, makeRecent, (row, exchange) => updateRecent(row, exchange, now));
}

function fill(section, exchanges, make, update) {
  const table = section.querySelector("table");
  table.hidden = exchanges.length === 0;
  section.querySelector(".nothing").hidden = exchanges.length > 0;
  const more = section.querySelector(".more");
  const all = unfolded.has(section);
  more.hidden = exchanges.length <= kFirst;
  setText(more, all ? `Show ${kFirst} only` : `Show all ${exchanges.length}`);
  reconcile(table.tBodies[0], all ? exchanges : exchanges.slice(0, kFirst), ({id}) => id, make, update);
}

// The roles are those that cells have anyway: a narrow page lays rows out as blocks, and some browsers forget them.
const cell = (kind, ...content) => el("td", {role: "cell", class: kind}, ...content);
const number = (kind = "") => cell(`number ${kind}`);

function request({method, scheme, host, port, path}) {
  const usual = scheme === "https" || scheme === "connect" ? 443 : 80;
  const where = `${host}${port === usual ? "" : `:${port}`}`;
  return cell("request", el("span", {class: "method"}, method), " ",
    scheme === "connect" ? where : `${scheme === "https" ? "https://" : ""}${where}${path}`);
}

function makeFlying(exchange) {
  const what = request(exchange);
  what.append(el("span", {class: "detail narrow"}, `${exchange.operation} · ${exchange.key}`));
  return el("tr", {role: "row"}, number(), cell(null, el("span", {class: "badge"})), what, cell("wide"),
    cell("wide word"), number("wide"), number());
}

function updateFlying(row, exchange) {
  const [age, state, , key, operation, attempts, moved] = row.children;
  setText(age, format.age(exchange.age));
  badge(state.firstChild, exchange.state, ...(exchangeStates[exchange.state] ?? ["○", exchange.state]));
  setText(key, exchange.key);
  setText(operation, exchange.operation);
  setText(attempts, exchange.attempts);
  setText(moved, format.bytes(exchange.bytes_out + exchange.bytes_in));
}

function makeRecent(exchange) {
  const [kind, sign, words] = outcome(exchange);
  const what = cell(null, el("span", {class: "badge"}));
  badge(what.firstChild, kind, sign, words);
  const detail = [exchange.detail, exchange.resumed_at > 0 ? `continued at ${format.bytes(exchange.resumed_at)}` : ""];
  what.append(el("span", {class: "detail"}, detail.filter(Boolean).join("; ")));
  const asked = request(exchange);
  const tries = `${exchange.attempts} ${exchange.attempts === 1 ? "attempt" : "attempts"}`;
  asked.append(el("span", {class: "detail narrow"}, `${tries}, ${format.duration(exchange.total)}`));
  const row = el("tr", {role: "row"}, number(), what, asked, cell("wide", exchange.key), number("wide"), number("wide"),
    number("wide"), number());
  const [, , , , attempts, waited, took, status] = row.children;
  setText(attempts, exchange.attempts);
  setText(waited, format.duration(exchange.queued + exchange.backoff));
  setText(took, format.duration(exchange.total));
  setText(status, exchange.status || "–");
  setAttribute(row, "title", `${exchange.id}, ${exchange.client}, ${exchange.operation}`);
  return row;
}

function updateRecent(row, exchange, now) {
  setText(row.firstChild, format.age(now - exchange.ended));
}
