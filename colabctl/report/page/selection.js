// The selection: which rows are chosen, by ranges of numbers, names of categories, and a condition.
// It lives in the address of the page, so a link opens the page as someone left it.

const view = { log: false, sort: null, order: null, flipped: new Set(), all: false }; // how it is shown
const filters = new Map(); // column id -> {ranges: [[low, high]], codes: Set, unset: bool}
let where = { text: "", test: null, error: null };
const chosen = new Uint8Array(ROWS).fill(1);
let chosenCount = ROWS;
const listeners = [];

const isFiltered = () => filters.size > 0 || where.test !== null;
const onSelection = (listener) => listeners.push(listener);

function passes(filter, column, row) {
  if (!column.isSet(row)) return Boolean(filter.unset);
  if (column.kind === "category") return filter.codes.has(column.values[row]);
  const number = column.values[row];
  return filter.ranges.some(([low, high]) => number >= low && number <= high);
}

function choose() {
  const tests = [...filters].map(([id, filter]) => [filter, columns.get(id)]);
  chosenCount = 0;
  for (let row = 0; row < ROWS; row += 1) {
    const own = tests.every(([filter, column]) => passes(filter, column, row)) && (!where.test || where.test(row));
    chosen[row] = own ? 1 : 0;
    chosenCount += chosen[row];
  }
}

let pending = 0;
function changed({ quick = false } = {}) {
  choose();
  if (!quick) writeAddress();
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(() => listeners.forEach((listener) => listener(quick)));
}

const emptyFilter = () => ({ ranges: [], codes: new Set(), unset: false });
const isEmpty = (filter) => !filter.ranges.length && !filter.codes.size && !filter.unset;

function setFilter(id, filter, how) {
  if (!filter || isEmpty(filter)) filters.delete(id);
  else filters.set(id, filter);
  changed(how);
}

// Chooses exactly these categories of some columns: {id: [code, ...]}; the same again lifts that.
function toggleCodes(wanted) {
  const same = Object.entries(wanted).every(([id, codes]) => {
    const filter = filters.get(id);
    return filter && filter.codes.size === codes.length && codes.every((code) => filter.codes.has(code));
  });
  for (const [id, codes] of Object.entries(wanted)) {
    if (same) filters.delete(id);
    else filters.set(id, { ...emptyFilter(), codes: new Set(codes) });
  }
  changed();
}

function setWhere(text) {
  where = { text, test: null, error: null };
  if (text.trim()) {
    try {
      where.test = parseWhere(text);
    } catch (error) {
      if (!(error instanceof WhereError)) throw error;
      where.error = error;
    }
  }
  changed();
}

function clearSelection() {
  filters.clear();
  where = { text: "", test: null, error: null };
  changed();
}

// In words, for the bar and for figures that are read aloud.
function filterText(id, filter) {
  const column = columns.get(id);
  const parts = filter.ranges.map(([low, high]) =>
    low === -Infinity ? `≤ ${short(high)}` : high === Infinity ? `≥ ${short(low)}` : `${short(low)} – ${short(high)}`);
  parts.push(...[...filter.codes].slice(0, 4).map((code) => column.names[code]));
  if (filter.codes.size > 4) parts.push(`${filter.codes.size - 4} more`);
  if (filter.unset) parts.push("not set");
  return `${column.label || id}: ${parts.join(", ")}`;
}

function writeAddress() {
  const address = new URLSearchParams();
  for (const [id, filter] of filters) {
    const parts = filter.ranges.map(([low, high]) => `${low}..${high}`);
    parts.push(...[...filter.codes].map((code) => `=${encodeURIComponent(columns.get(id).names[code])}`));
    if (filter.unset) parts.push("unset");
    address.set(`f.${id}`, parts.join(","));
  }
  if (where.text) address.set("where", where.text);
  if (view.log) address.set("log", "1");
  if (view.sort) address.set("sort", view.sort);
  if (view.order) address.set("axes", view.order.map(encodeURIComponent).join(","));
  if (view.flipped.size) address.set("flip", [...view.flipped].map(encodeURIComponent).join(","));
  if (theme) address.set("theme", theme);
  try {
    history.replaceState(null, "", `#${address}`);
  } catch {
    // A page in a cell of a notebook has no address of its own.
  }
}

function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  const listed = (name) => (address.get(name) || "").split(",").filter(Boolean).map(decodeText);
  filters.clear();
  for (const [key, text] of address) {
    const column = key.startsWith("f.") && columns.get(key.slice(2));
    if (!column) continue;
    const filter = emptyFilter();
    for (const part of text.split(",")) {
      const [low, high] = part.split("..").map(Number);
      if (part === "unset") filter.unset = true;
      else if (part.startsWith("=") && column.kind === "category") {
        const code = column.names.indexOf(decodeText(part.slice(1)));
        if (code >= 0) filter.codes.add(code);
      } else if (column.kind === "number" && low <= high) filter.ranges.push([low, high]);
    }
    if (!isEmpty(filter)) filters.set(column.id, filter);
  }
  view.log = address.get("log") === "1";
  view.sort = address.get("sort");
  view.order = address.has("axes") ? listed("axes").filter((id) => columns.has(id)) : null;
  view.flipped = new Set(listed("flip"));
  theme = ["light", "dark"].includes(address.get("theme")) ? address.get("theme") : null;
  setWhere(address.get("where") || "");
}

function decodeText(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
