// The page's elements are made once and then kept up to date in place, so that focus, selection and a screen reader's
// place are never lost to a refresh. Text goes in as text only: nothing here parses HTML.

export const byId = (id) => document.getElementById(id);

// el("p", {class: "quiet"}, "text", child). An attribute that is false, null or undefined is left out.
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) setAttribute(element, attribute, value);
  element.append(...children);
  return element;
}

export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, value);
  }
}

export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

// Makes `parent` hold one element for each item, in their order. `make(item)` builds it, `update(element, item)` brings
// it up to date; an element that is in its place already is not moved. What is there without a key stays, before them.
export function reconcile(parent, items, keyOf, make, update) {
  const keyed = [...parent.children].filter((child) => child.dataset.key !== undefined);
  const old = new Map(keyed.map((child) => [child.dataset.key, child]));
  let next = keyed[0] ?? null;
  for (const item of items) {
    const key = String(keyOf(item));
    let element = old.get(key);
    old.delete(key);
    if (!element) {
      element = make(item);
      element.dataset.key = key;
    }
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
    update(element, item);
  }
  for (const gone of old.values()) gone.remove();
}

// <div><dt>…</dt><dd>…</dd></div> for each [name, value, class], inside a <dl>.
export function figures(list, rows) {
  reconcile(list, rows, ([name]) => name,
    ([name]) => el("div", {}, el("dt", {}, name), el("dd")),
    (row, [, value, kind]) => {
      setText(row.lastChild, value);
      setAttribute(row, "class", kind);
    });
}

// A sign, a word and a colour: nobody has to see the colour.
export function badge(element, state, sign, word) {
  setAttribute(element, "data-state", state);
  if (element.children.length !== 2) element.replaceChildren(el("span", {"aria-hidden": "true"}), " ", el("span"));
  setText(element.firstElementChild, sign);
  setText(element.lastElementChild, word);
}

let lastSaid = 0;
let waiting = [];
// Read out by a screen reader when it has a moment; several at once become one, at most every five seconds.
export function announce(sentence) {
  waiting.push(sentence);
  if (waiting.length > 1) return;
  setTimeout(() => {
    byId("announcement").textContent = waiting.length > 4 ? `${waiting.length} changes` : waiting.join(" ");
    waiting = [];
    lastSaid = Date.now();
  }, Math.max(100, lastSaid + 5000 - Date.now()));
}
