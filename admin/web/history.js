// The last 15 minutes of each key, a sample a second: what the proxy remembers (/history), continued by the events.

const kKept = 900;  // seconds
const kWindows = [5, 15, 60];  // seconds that a rate is taken over
const kEnough = 10;            // requests

// A sample covers the second before `time` (seconds since 1970). Limits: null where there is none.
export class History {
  #keys = new Map();
  #last = new Map();

  // `answer`: of GET /history. Takes the place of everything.
  load(answer) {
    this.#keys.clear();
    this.#last.clear();
    const end = Date.parse(answer.end) / 1000;
    for (const [key, series] of Object.entries(answer.keys)) {
      const from = end - series.requests.length + 1;
      this.#keys.set(key, series.requests.map((sent, i) => ({
        time: from + i,
        sent,
        refused: series.throttle_answers[i],
        queued: series.queued[i],
        configured: series.configured_limit[i],
        effective: series.effective_limit[i],
        state: answer.states[series.state[i]],
      })));
    }
  }

  // One state event: counters become differences. What was not told of for so long is forgotten, or a page that is open
  // all day would keep every key it ever saw.
  add(time, keys) {
    for (const key of keys) {
      let samples = this.#keys.get(key.key);
      if (!samples) this.#keys.set(key.key, samples = []);
      const before = this.#last.get(key.key);
      this.#last.set(key.key, key);
      if (samples.length > 0 && samples.at(-1).time >= time) continue;  // the history has it
      const difference = (name) => before && key[name] >= before[name] ? key[name] - before[name] : 0;
      samples.push({
        time,
        sent: difference("requests"),
        refused: difference("throttle_answers"),
        queued: key.queued,
        configured: key.configured_limit,
        effective: key.effective_limit,
        state: key.state,
      });
      while (samples[0].time <= time - kKept) samples.shift();
    }
    for (const [key, samples] of this.#keys) {
      if (samples.length > 0 && samples.at(-1).time > time - kKept) continue;
      this.#keys.delete(key);
      this.#last.delete(key);
    }
  }

  get size() {
    return this.#keys.size;
  }

  get seconds() {
    return Math.max(0, ...[...this.#keys.values()].map((samples) => samples.length));
  }

  of(key) {
    return this.#keys.get(key) ?? [];
  }

  // Requests a second, over as few seconds as hold enough of them to tell: a slow key's last few would say now nothing,
  // now more than its limit.
  recentRate(key, now) {
    const samples = this.of(key);
    const sentWithin = (seconds) => samples.reduce((sum, one) => sum + (one.time > now - seconds ? one.sent : 0), 0);
    const known = Math.max(kWindows[0], now - (samples[0]?.time ?? now) + 1);
    const seconds = Math.min(known, kWindows.find((window) => sentWithin(window) >= kEnough) ?? kWindows.at(-1));
    return sentWithin(seconds) / seconds;
  }
}
