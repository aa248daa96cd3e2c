// Numbers as people read them. All times are seconds, all rates requests a second.

const fixed = (value, digits) => value.toLocaleString("en-GB",
  {minimumFractionDigits: digits, maximumFractionDigits: digits});
// Three figures that mean something.
function short(value) {
  const rounded = Number(value.toPrecision(3));
  return fixed(value, value >= 100 || Number.isInteger(rounded) ? 0 : value >= 10 ? 1 : 2);
}

export const count = (value) => (value ?? 0).toLocaleString("en-GB");

// In the unit that suits `like`, for figures that stand side by side.
export function rate(perSecond, like = null) {
  if (perSecond === null || perSecond === undefined) return "no limit";
  const scale = like ?? perSecond;
  if (scale === 0 || scale >= 1) return `${short(perSecond)}/s`;
  if (scale * 60 >= 1) return `${short(perSecond * 60)}/min`;
  return `${short(perSecond * 3600)}/h`;
}

export const percent = (share, digits = 1) => `${fixed(100 * share, digits)}\u00a0%`;
const sign = (value) => (value > 0 ? "+" : value < 0 ? "−" : "±");
export const signed = (value, digits = 1) => `${sign(value)}${fixed(Math.abs(value), digits)}`;

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
  return `${unit === 0 ? value : short(value)} ${units[unit]}`;
}

export function duration(seconds) {
  if (seconds < 0.0005) return seconds > 0 ? "< 1 ms" : "0 s";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${fixed(seconds, seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}

// Whole, and coarse: it changes under the reader's eyes.
export function age(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  return `${Math.floor(whole / 3600)} h`;
}

// A moment by the reader's own clock; the day where it is not today.
export function moment(text) {
  const at = new Date(text);
  const day = at.toDateString() === new Date().toDateString() ? "" :
    `${at.toLocaleDateString("en-GB", {day: "numeric", month: "short"})}, `;
  return `${day}${at.toLocaleTimeString("en-GB")}`;
}
