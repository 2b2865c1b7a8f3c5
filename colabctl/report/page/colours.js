// Colours of values, cells and statuses, which colour-blind people can tell apart.

// viridis (matplotlib), from its dark to its bright end.
const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];
// Okabe and Ito's, without black and yellow, which one of the two themes would hide.
const CELLS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#9467bd"];
// The dashes of lines by plotly's names, as lengths of the line and its gaps.
const DASHES = { solid: "", dash: "8 5", dot: "2 3", dashdot: "8 3 2 3", longdash: "13 5", longdashdot: "13 4 2 4" };
const SYMBOLS = ["circle", "diamond", "triangle-up", "square", "cross", "x"];

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
  lost: "--failed", duplicate: "--pruned", discarded: "--muted", idle: "--idle",
};
// The value of a variable of the style sheet; they are asked for thousands of times in one drawing.
const known = new Map();
function style(name) {
  const key = `${isDark()} ${name}`;
  if (!known.has(key)) known.set(key, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return known.get(key);
}
const statusColour = (status) => style(STATUS_VARIABLES[status] || "--muted");

// A sweep among others has its own dash and symbol in all figures, and cells with the same values
// have the same colour in all sweeps. In one sweep, cells beyond the colours differ by their dashes.
const cellKinds = [...new Set(cells.map((cell) => JSON.stringify(cell.values)))];
const kindOf = (number) => cellKinds.indexOf(JSON.stringify(cells[number].values));
const sweepDash = (sweep) => Object.keys(DASHES)[sweep % 6];
const sweepSymbol = (sweep) => SYMBOLS[sweep % 6];
const cellColour = (number) => CELLS[kindOf(number) % CELLS.length];
const cellDash = (number) => (several ? sweepDash(cells[number].sweep) : Object.keys(DASHES)[Math.floor(number / CELLS.length) % 3]);

// A short line, and a symbol on it, as a sign for a legend.
function sign(dash, colour, symbol = null) {
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, each]) => made.setAttribute(key, each));
    return made;
  };
  const drawn = svg("svg", { width: 34, height: 12, class: "sign", "aria-hidden": "true" });
  drawn.append(svg("line", { x1: 1, x2: 33, y1: 6, y2: 6, stroke: colour, "stroke-width": 2.2, "stroke-dasharray": DASHES[dash] || "none" }));
  const shapes = {
    circle: "M17 2a4 4 0 1 0 .01 0z", diamond: "M17 1l5 5-5 5-5-5z", "triangle-up": "M17 1l5 9h-10z", square: "M13 2h8v8h-8z",
    cross: "M15.5 1h3v3.5H22v3h-3.5V11h-3V7.5H12v-3h3.5z", x: "M13 1l4 4 4-4 1 1-4 4 4 4-1 1-4-4-4 4-1-1 4-4-4-4z",
  };
  if (symbol) drawn.append(svg("path", { d: shapes[symbol], fill: colour }));
  return drawn;
}
