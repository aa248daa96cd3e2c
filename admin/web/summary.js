// The proxy as a whole: one line of figures in the head of the page, and what to do where nothing has come through yet.

import {badge, byId, el, figures, setText} from "./dom.js";
import * as format from "./format.js";

const kSeconds = 10;  // that rates are taken over
const states = [];    // the last of them

const rateOf = (name) => {
  const first = states[0], last = states.at(-1);
  const seconds = (Date.parse(last.time) - Date.parse(first.time)) / 1000;
  return seconds > 0 ? Math.max(0, last.totals[name] - first.totals[name]) / seconds : 0;
};

export function showSummary(state) {
  // Counters that went back are those of another process.
  if (states.length > 0 && state.totals.requests < states.at(-1).totals.requests) states.length = 0;
  states.push(state);
  if (states.length > kSeconds + 1) states.shift();

  const {totals} = state;
  const waiting = state.keys.reduce((sum, key) => sum + key.queued, 0);
  const rows = [
    ["answered", format.rate(rateOf("requests"))],
    ["in flight", format.count(totals.in_flight)],
    ["waiting", format.count(waiting)],
    ["429s no client saw", format.count(totals.absorbed_throttles)],
    ["bodies resumed", format.count(totals.resumed_bodies)],
    ["broken", format.count(totals.broken_bodies)],
    ["to clients", `${format.bytes(rateOf("bytes_to_clients"))}/s`],
  ];
  figures(byId("totals"), rows);
  if (state.draining) badge(byId("service"), "draining", "◆", "draining");
  else badge(byId("service"), "ready", "●", "serving");
  setText(byId("version"), `backoffd ${state.version}`);
  showWelcome(state);
}

// A wildcard address is not one that a client can be given.
function reachable(listener) {
  const port = listener.slice(listener.lastIndexOf(":") + 1);
  const host = listener.slice(0, listener.lastIndexOf(":"));
  return host === "0.0.0.0" || host === "[::]" ? `${location.hostname}:${port}` : listener;
}

function showWelcome(state) {
  const welcome = byId("welcome");
  welcome.hidden = state.keys.length > 0;
  if (welcome.hidden || welcome.children.length > 0) return;
  const proxy = `http://${reachable(state.listeners[0] ?? "127.0.0.1:8080")}`;
  welcome.append(
    el("h3", {}, "Nothing has come through yet"),
    el("p", {}, "Point a downloader at this proxy, and each host it asks appears here with its limit and " +
      "how it answers."),
    el("pre", {tabindex: "0", "aria-label": "Commands to try"},
      `export http_proxy=${proxy} https_proxy=${proxy}\ncurl -sI http://example.org/\n\n# or for one command\n` +
      `curl -x ${proxy} http://example.org/`),
    el("p", {class: "quiet"}, "https:// passes as a tunnel, whose inside is neither retried nor resumed, unless " +
      "interception is on."),
  );
}
