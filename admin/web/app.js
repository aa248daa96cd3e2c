// The dashboard: a feed of states, and the parts of the page that show them.

import {announce, byId, setAttribute, setText} from "./dom.js";
import {setUpExchanges, showExchanges} from "./exchanges.js";
import {Feed} from "./feed.js";
import {showGates} from "./gates.js";
import {setUpProviders, showProviders} from "./providers.js";
import {showSummary} from "./summary.js";

const kTitle = document.title;
let connection = "waiting";

// Short, for the banner, and said once.
const kConnections = {
  live: ["live", "", "The connection to the proxy is back."],
  lost: ["connection lost",
    "The proxy does not answer. What is shown is the last that was heard of it; it is tried again every few seconds.",
    "The connection to the proxy is lost."],
  full: ["not live",
    "As many listen to this proxy as may: each open page of it counts, and whatever else takes its events. " +
    "Close one; it is tried again every few seconds.",
    "This page is not live: too many listen to the proxy."],
};

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
  const [short, banner, said] = kConnections[now];
  setAttribute(byId("connection"), "data-state", now);
  setText(byId("connection"), short);
  byId("banner").hidden = banner === "";
  setText(byId("banner"), banner);
  if (!(now === "live" && first)) announce(said);
}

setUpProviders();
setUpExchanges();
const feed = new Feed(show, showConnection);
