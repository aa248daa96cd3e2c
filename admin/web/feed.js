// What the proxy says of itself, once a second (server-sent events), with the past to begin with. Says when the
// connection is lost or that too many listen, and comes back by itself.

import {History} from "./history.js";

const kRetry = 3000;    // milliseconds
const kSilence = 5000;  // an event is due every second; longer without one is a lost connection

export class Feed {
  history = new History();
  #onState;
  #onConnection;
  #source = null;
  #heard = 0;
  #draining = false;  // the events end after one, and are asked for anew until the process ends
  #retry = 0;

  // `onState(state)`: each event. `onConnection(state)`: "live", "lost", or "full": as many listen as may.
  constructor(onState, onConnection) {
    this.#onState = onState;
    this.#onConnection = onConnection;
    setInterval(() => this.#watch(), 1000);
    this.#open();
  }

  async #open() {
    this.#heard = Date.now();
    try {
      const answer = await fetch("history", {cache: "no-store"});
      if (!answer.ok) throw new Error(answer.statusText);
      this.history.load(await answer.json());
    } catch {
      this.#lost();
      return;
    }
    this.#source = new EventSource("events");
    this.#source.addEventListener("state", (event) => {
      const gap = Date.now() - this.#heard;
      this.#heard = Date.now();
      // A page in the background may sleep: what it missed is in the history.
      if (gap > kSilence) {
        this.#close();
        this.#open();
        return;
      }
      const state = JSON.parse(event.data);
      this.#draining = state.draining;
      this.history.add(Math.floor(Date.parse(state.time) / 1000), state.keys);
      this.#onConnection("live");
      this.#onState(state);
    });
    this.#source.onerror = () => {
      this.#close();
      if (this.#draining) this.#again();
      else this.#why();
    };
  }

  #watch() {
    if (this.#source && !document.hidden && Date.now() - this.#heard > kSilence) this.#lost();
  }

  // Of a refusal the events say nothing; asked for their head alone, the proxy does.
  async #why() {
    const head = await fetch("events", {method: "HEAD", cache: "no-store"}).catch(() => null);
    if (head?.status === 503) {
      this.#onConnection("full");
      this.#again();
    } else {
      this.#lost();
    }
  }

  #lost() {
    this.#onConnection("lost");
    this.#again();
  }

  #again() {
    this.#close();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), kRetry);
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }
}
