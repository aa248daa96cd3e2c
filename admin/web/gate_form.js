// A gate's switch: its mode, the share of the units that it treats, and whether its ramp chooses that share.

import {announce, el, setText} from "./dom.js";
import {post} from "./call.js";

const kModes = ["off", "shadow", "on"];

// What the admin interface is told to put `chosen` in the place of `setting`: a share or a ramp, never both.
export function settingOf(setting, chosen) {
  const {percentage, ramp, step, ...kept} = setting;
  return {...kept, mode: chosen.mode, ...(chosen.byRamp ? {ramp, step} : {percentage: chosen.percentage})};
}

export class GateForm {
  #name;
  #onFlip;
  #setting = null;       // in force
  #mayTakeBack = false;  // there is a setting of the admin interface
  #touched = false;      // the person has begun to change something
  #modes;
  #share;
  #byRamp = el("input", {type: "checkbox"});
  #rampChoice;
  #hint = el("p", {class: "hint", hidden: ""});
  #apply = el("button", {type: "submit", class: "main", hidden: ""}, "Apply");
  #undo = el("button", {type: "button", hidden: ""}, "Cancel");
  #back = el("button", {type: "button", class: "small", hidden: ""}, "Take back");
  #error = el("p", {class: "error", role: "alert", hidden: ""});
  element;

  // `onFlip(gate)`: what the proxy answered to a flip.
  constructor(name, onFlip) {
    this.#name = name;
    this.#onFlip = onFlip;
    this.#modes = kModes.map((mode) => el("input", {type: "radio", name: `mode-${name}`, value: mode}));
    const describedBy = this.#hint.id = `hint-${name}`;
    this.#share = el("input", {type: "number", min: "0", max: "100", step: "any", required: "", id: `share-${name}`,
      "aria-describedby": describedBy});
    this.#byRamp.id = `ramp-${name}`;
    this.#byRamp.setAttribute("aria-describedby", describedBy);
    this.#rampChoice = el("label", {class: "by-ramp", hidden: ""}, this.#byRamp, "by its ramp");
    this.#back.setAttribute("aria-label", `Take back what was set here for ${name}`);
    this.element = el("form", {"aria-label": `Flip ${name}`},
      el("fieldset", {class: "choice"}, el("legend", {class: "unseen"}, `Mode of ${name}`),
        ...kModes.map((mode, i) => el("label", {}, this.#modes[i], el("span", {}, mode)))),
      el("span", {class: "share"}, el("label", {for: this.#share.id}, "for"), this.#share,
        el("span", {"aria-hidden": "true"}, "%"), el("span", {class: "unseen"}, "percent")),
      this.#rampChoice, this.#hint, el("span", {class: "pair"}, this.#apply, this.#undo), this.#back, this.#error);
    this.element.addEventListener("input", (event) => this.#change(event.target));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(settingOf(this.#setting, this.#chosen));
    });
    this.#undo.addEventListener("click", () => {
      this.#reset();
      this.#focusMode();
    });
    this.#back.addEventListener("click", () => this.#send(null));
  }

  // A choice that the person has begun stays as it is.
  show(gate) {
    this.#setting = gate.effective;
    this.#mayTakeBack = "admin" in gate.layers;
    if (!this.#touched) this.#reset();
  }

  get #hasRamp() {
    return this.#setting.ramp?.length > 0;
  }

  get #chosen() {
    return {
      mode: this.#modes.find((mode) => mode.checked)?.value ?? "off",
      percentage: Number(this.#share.value),
      byRamp: this.#hasRamp && this.#byRamp.checked,
    };
  }

  #reset() {
    this.#touched = false;
    for (const mode of this.#modes) mode.checked = mode.value === this.#setting.mode;
    this.#share.value = this.#setting.percentage;
    this.#byRamp.checked = this.#hasRamp;
    this.#rampChoice.hidden = !this.#hasRamp;
    this.#showButtons();
  }

  // Whoever names a share wants that one, and whoever turns to the ramp wants none.
  #change(input) {
    if (input === this.#share) this.#byRamp.checked = false;
    if (input === this.#byRamp && this.#byRamp.checked) this.#share.value = this.#setting.percentage;
    const {mode, percentage, byRamp} = this.#chosen;
    this.#touched = mode !== this.#setting.mode || percentage !== this.#setting.percentage || byRamp !== this.#hasRamp;
    this.#showButtons();
  }

  #showButtons() {
    this.#apply.hidden = this.#undo.hidden = !this.#touched;
    this.#back.hidden = this.#touched || !this.#mayTakeBack;
    this.#hint.hidden = !this.#touched || !this.#hasRamp;
    const {mode, percentage, byRamp} = this.#chosen;
    const begins = mode === "off" ? "Keeps the ramp for the next time." :
      `Begins the ramp anew, at ${this.#setting.ramp?.[0]} %.`;
    setText(this.#hint, byRamp ? begins : `Ends the ramp: ${percentage} % until somebody changes it.`);
  }

  // null: what was set here is taken back.
  async #send(setting) {
    const buttons = [this.#apply, this.#undo, this.#back];
    for (const button of buttons) button.disabled = true;
    this.#error.hidden = true;
    try {
      const gate = await post(`gates/${this.#name}`, setting);
      if (!gate) return;
      const focused = buttons.includes(document.activeElement) || document.activeElement === document.body;
      this.#touched = false;
      this.show(gate);
      if (focused) this.#focusMode();
      announce(`${this.#name} is ${gate.effective.mode}, ${gate.effective.percentage} percent.`);
      this.#onFlip(gate);
    } catch (error) {
      setText(this.#error, error.message);
      this.#error.hidden = false;
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  #focusMode() {
    this.#modes.find((mode) => mode.checked).focus();
  }
}
