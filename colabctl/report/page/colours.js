// Colours of values, cells and statuses, which colour-blind people can tell apart.

// viridis (matplotlib), from its dark to its bright end.
const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];
// Okabe and Ito's, without black and yellow, which one of the two themes would hide.
const CELLS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#9467bd"];
const DASHES = ["solid", "dash", "dot"];

let theme = null; // "light", "dark", or null for the system's
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (theme ? theme === "dark" : systemDark.matches);

function mixed(scale, place) {
  const at = Math.min(Math.max(place, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(at), scale.length - 2);
  return scale[low].map((part, index) => Math.round(part + (scale[low + 1][index] - part) * (at - low)));
}

// The best values have the end that stands out from the background; the pale end is left out.
function colourOf(place, alpha = 1) {
  const at = isDark() ? 1 - 0.85 * place : 0.05 + 0.82 * place;
  return `rgba(${mixed(VIRIDIS, at).join(",")},${alpha})`;
}

// As colourOf, pale enough to write on.
function tintOf(place) {
  const base = isDark() ? [27, 30, 36] : [255, 255, 255];
  const share = 0.72 * (1 - place) + 0.06;
  const to = isDark() ? [64, 140, 150] : [98, 180, 175];
  return `rgb(${base.map((part, index) => Math.round(part + (to[index] - part) * share)).join(",")})`;
}

const STATUS_VARIABLES = {
  done: "--done", pruned: "--pruned", failed: "--failed", running: "--running",
  claimed: "--claimed", pending: "--pending", cancelled: "--pending",
  lost: "--failed", repeated: "--pruned", idle: "--idle",
};
// The value of a variable of the style sheet; they are asked for thousands of times in one drawing.
const known = new Map();
function style(name) {
  const key = `${isDark()} ${name}`;
  if (!known.has(key)) known.set(key, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return known.get(key);
}
const statusColour = (status) => style(STATUS_VARIABLES[status] || "--muted");
const cellColour = (number) => CELLS[number % CELLS.length];
const cellDash = (number) => DASHES[Math.floor(number / CELLS.length) % DASHES.length];
