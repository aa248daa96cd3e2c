// Changes: POST with JSON. Where the proxy asks for a token, the person is asked; it stays in this tab.

import {byId, el} from "./dom.js";

const kSlot = "backoffd-token";

// Resolves to whether the dialog was agreed to. `prepare` may set its texts.
export function ask(dialog, prepare = () => {}) {
  prepare(dialog);
  dialog.returnValue = "cancel";
  dialog.showModal();
  const cancel = dialog.querySelector("[value=cancel]");
  cancel.onclick = () => dialog.close("cancel");
  const form = dialog.querySelector("form");
  form.onsubmit = (event) => {
    event.preventDefault();
    dialog.close("agreed");
  };
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "agreed"), {once: true});
  });
}

// The answer's JSON. Throws an Error with a sentence for people; null: the person did not want to give a token.
export async function post(path, body) {
  for (;;) {
    const token = sessionStorage.getItem(kSlot);
    const answer = await fetch(path, {
      method: "POST",
      headers: {"Content-Type": "application/json", ...(token ? {Authorization: `Bearer ${token}`} : {})},
      body: JSON.stringify(body),
    }).catch(() => null);
    if (!answer) throw new Error("The proxy does not answer.");
    if (answer.status === 401) {
      sessionStorage.removeItem(kSlot);
      if (!await askToken(token !== null)) return null;
      continue;
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error?.message ?? `The proxy answered ${answer.status}.`);
    return told;
  }
}

async function askToken(wasWrong) {
  const dialog = byId("ask-token");
  const input = byId("token");
  const agreed = await ask(dialog, () => {
    input.value = "";
    dialog.querySelector(".error")?.remove();
    if (wasWrong) input.after(el("p", {class: "error", role: "alert"}, "That token was not the right one."));
  });
  // Only characters that a field value may hold, or fetch() would throw.
  const token = input.value.trim().replace(/[^\x21-\x7e]/g, "");
  input.value = "";
  if (!agreed || token === "") return false;
  sessionStorage.setItem(kSlot, token);
  return true;
}
