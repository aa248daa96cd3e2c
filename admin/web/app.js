// The dashboard: a feed of states, and the parts of the page that show them.

import {announce, byId, setAttribute, setText} from "./dom.js";
import {showExchanges} from "./exchanges.js";
import {Feed} from "./feed.js";
import {showGates} from "./gates.js";
import {setUpProviders, showProviders} from "./providers.js";
import {showSummary} from "./summary.js";

const kTitle = document.title;
let connection = "waiting";

function show(state) {
  showSummary(state);
  showProviders(state, feed.history);
  showGates(state);
  showExchanges(state);
  const held = state.keys.filter(({state: word}) => ["paused", "exhausted", "reducing"].includes(word)).length;
  document.title = held > 0 ? `(${held}) ${kTitle}` : kTitle;
}

function showConnection(now) {
  if (now === connection) return;
  const first = connection === "waiting";
  connection = now;
  const live = now === "live";
  setAttribute(byId("connection"), "data-state", now);
  setText(byId("connection"), live ? "live" : "connection lost");
  byId("banner").hidden = live;
  setText(byId("banner"), live ? "" :
    "The proxy does not answer. What is shown is the last that was heard of it; it is tried again every few seconds.");
  if (!live) announce("The connection to the proxy is lost.");
  else if (!first) announce("The connection to the proxy is back.");
}

setUpProviders();
const feed = new Feed(show, showConnection);
