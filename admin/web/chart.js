// A key's last minutes as one picture: the limit in force against the configured one, what was sent below it, refusals
// at the foot, and the times when nothing may be sent. Plain SVG, drawn anew each second; colours are the stylesheet's.

import {el, setAttribute, setText} from "./dom.js";
import * as format from "./format.js";

const kWidth = 1000;  // of the drawing; it is stretched to what room there is
const kHeight = 100;
const kColumns = [150, 100, 50, 30, 15];  // the most that leave each a few requests
const kSvg = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}) {
  const element = document.createElementNS(kSvg, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

// 1, 2 or 5 times a power of ten, at or above the value.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * 0.999);
}

const held = (state) => state === "paused" || state === "exhausted";

export class Chart {
  #svg = svg("svg", {viewBox: `0 0 ${kWidth} ${kHeight}`, preserveAspectRatio: "none", "aria-hidden": "true"});
  #parts = {};
  #cursor = svg("line", {class: "cursor", y1: 0, y2: kHeight, visibility: "hidden"});
  #y = [el("span", {class: "tick y"}), el("span", {class: "tick y"})];
  #x = [0, 1, 2].map((i) => el("span", {class: i === 2 ? "tick x last" : "tick x"}));
  #reading = el("span", {class: "reading", hidden: ""});
  #ticks = el("div", {"aria-hidden": "true"});
  #drawn = null;
  #pointer = null;
  element = el("div", {class: "chart", role: "img"});

  constructor() {
    for (const share of [0, 0.5, 1]) {
      this.#svg.append(svg("line", {class: "grid", x1: 0, x2: kWidth, y1: share * kHeight, y2: share * kHeight}));
    }
    for (const name of ["held", "sent", "room", "configured", "limit", "held-line", "refused"]) {
      this.#svg.append(this.#parts[name] = svg("path", {class: name}));
    }
    this.#svg.append(this.#cursor);
    this.#ticks.append(...this.#y, ...this.#x, this.#reading);
    this.element.append(this.#svg, this.#ticks);
    this.element.addEventListener("pointermove", (event) => this.#point(event));
    this.element.addEventListener("pointerleave", () => this.#point(null));
  }

  // The last `span` seconds before `now`.
  draw(samples, now, span) {
    const shown = samples.filter((sample) => sample.time > now - span);
    const sent = shown.reduce((sum, sample) => sum + sample.sent, 0);
    const columns = columnsOf(shown, now, span, kColumns.find((count) => sent >= 4 * count) ?? kColumns.at(-1));
    const step = span / columns.length;
    let top = 0;
    for (const column of columns) top = Math.max(top, column.sent / step);
    for (const sample of shown) top = Math.max(top, sample.configured ?? 0, sample.effective ?? 0);
    top = roundUp(Math.max(top * 1.05, 0.02));
    this.#drawn = {shown, now, span, top, columns};

    const x = (time) => Math.round((1 - (now - time) / span) * kWidth * 10) / 10;
    const y = (value) => Math.round((1 - value / top) * kHeight * 10) / 10;
    const d = (name, path) => setAttribute(this.#parts[name], "d", path);
    d("sent", sentPath(columns, step, y));
    const limit = stepPath(shown, (sample) => sample.effective, x, y);
    d("limit", limit.line);
    d("room", limit.area);
    d("configured", stepPath(shown, (sample) => sample.configured, x, y).line);
    const spans = heldSpans(shown);
    d("held", spans.map(([from, to]) => `M${x(from)} 0H${x(to)}V${kHeight}H${x(from)}Z`).join(""));
    d("held-line", spans.map(([from, to]) => `M${x(from)} ${kHeight}H${x(to)}`).join(""));
    d("refused", refusedPath(columns));

    this.#labels(top, span);
    setAttribute(this.element, "aria-label", summary(shown, span));
    if (this.#pointer !== null) this.#read();
  }

  #labels(top, span) {
    [top, 0].forEach((value, i) => {
      setText(this.#y[i], value === 0 ? "0" : format.rate(value));
      this.#place(this.#y[i], "y", value === 0 ? 1 : 0);
    });
    [span, span / 2, 0].forEach((ago, i) => {
      setText(this.#x[i], ago === 0 ? "now" : `−${format.duration(ago).replace(" 0 s", "")}`);
      this.#place(this.#x[i], "x", 1 - ago / span);
    });
  }

  // By the object model and not by a style attribute, which the page's policy forbids.
  #place(tick, axis, share) {
    if (axis === "y") tick.style.top = `calc(8px + (100% - 24px) * ${share})`;
    else tick.style.left = `calc(44px + (100% - 44px) * ${share})`;
  }

  #point(event) {
    if (event) {
      const box = this.#svg.getBoundingClientRect();
      this.#pointer = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    } else {
      this.#pointer = null;
    }
    this.#read();
  }

  #read() {
    const there = this.#pointer !== null && this.#drawn !== null && this.#drawn.shown.length > 0;
    setAttribute(this.#cursor, "visibility", there ? "visible" : "hidden");
    this.#reading.hidden = !there;
    if (!there) return;
    const {shown, now, span, columns} = this.#drawn;
    const time = now - span * (1 - this.#pointer);
    const sample = shown.findLast((one) => one.time <= time) ?? shown[0];
    const column = columns[Math.min(columns.length - 1, Math.floor(this.#pointer * columns.length))];
    for (const end of ["x1", "x2"]) setAttribute(this.#cursor, end, this.#pointer * kWidth);
    const sent = column.sent * columns.length / span;
    setText(this.#reading, `${format.duration(Math.max(0, now - sample.time)).replace(" 0 s", "")} ago: limit ` +
      `${format.rate(sample.effective)}, sent ${format.rate(sent)}, ${sample.queued} waiting` +
      (column.refused > 0 ? `, ${column.refused} refused` : "") + (held(sample.state) ? `, ${sample.state}` : ""));
    this.#reading.style.left = this.#pointer < 0.5 ? "" : "48px";
    this.#reading.style.right = this.#pointer < 0.5 ? "4px" : "";
  }
}

function columnsOf(shown, now, span, count) {
  const columns = Array.from({length: count}, () => ({sent: 0, refused: 0}));
  for (const sample of shown) {
    // A sample is of a whole second: where columns are shorter, its requests are spread over them.
    const from = (1 - (now - sample.time + 1) / span) * count;
    const to = (1 - (now - sample.time) / span) * count;
    for (let i = Math.max(0, Math.floor(from)); i < Math.min(count, to); ++i) {
      columns[i].sent += sample.sent * (Math.min(i + 1, to) - Math.max(i, from)) / (to - from);
    }
    columns[Math.min(count - 1, Math.max(0, Math.ceil(to) - 1))].refused += sample.refused;
  }
  return columns;
}

function sentPath(columns, step, y) {
  const width = kWidth / columns.length;
  const path = columns.map(({sent}, i) => `V${y(sent / step)}H${((i + 1) * width).toFixed(1)}`).join("");
  return `M0 ${kHeight}${path}V${kHeight}Z`;
}

function refusedPath(columns) {
  const middle = (i) => ((i + 0.5) * kWidth / columns.length).toFixed(1);
  const mark = ({refused}, i) => (refused > 0 ? `M${middle(i)} ${kHeight}v${-Math.min(30, 10 + refused)}` : "");
  return columns.map(mark).join("");
}

// A line that stays level until the value changes, and the area below it. Breaks where there is no value or no sample.
function stepPath(samples, valueOf, x, y) {
  const path = {line: "", area: ""};
  let begun = null;
  const close = (at) => {
    if (begun === null) return;
    path.line += `H${x(at)}`;
    path.area += `H${x(at)}V${kHeight}H${begun}Z`;
    begun = null;
  };
  let before = null;
  for (const sample of samples) {
    const value = valueOf(sample);
    const gap = before !== null && sample.time - before.time > 3;
    if (value === null || gap) close(gap ? before.time : sample.time - 1);
    if (value !== null) {
      if (begun === null) {
        begun = x(sample.time - 1);
        const start = `M${begun} ${y(value)}`;
        path.line += start;
        path.area += start;
      } else if (value !== valueOf(before)) {
        const turn = `H${x(sample.time - 1)}V${y(value)}`;
        path.line += turn;
        path.area += turn;
      }
    }
    before = sample;
  }
  if (before !== null) close(before.time);
  return path;
}

function heldSpans(samples) {
  const spans = [];
  for (const {time, state} of samples) {
    if (!held(state)) continue;
    if (spans.length > 0 && spans.at(-1)[1] >= time - 2) spans.at(-1)[1] = time;
    else spans.push([time - 1, time]);
  }
  return spans;
}

function summary(shown, span) {
  if (shown.length === 0) return "No traffic yet.";
  const last = shown.at(-1);
  const sum = (name) => shown.reduce((total, sample) => total + sample[name], 0);
  const limits = shown.map((sample) => sample.effective).filter((value) => value !== null);
  const lowest = limits.length > 0 ? ` The lowest was ${format.rate(Math.min(...limits))}.` : "";
  return `Last ${format.duration(span).replace(" 0 s", "")}: limit in force ${format.rate(last.effective)}, ` +
    `configured ${format.rate(last.configured)}.${lowest} ${format.count(sum("sent"))} requests sent, ` +
    `${format.count(sum("refused"))} refused.`;
}
