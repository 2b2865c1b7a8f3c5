// The table of cells, such as models times data sets: best, mean and spread, and how many tasks.
// A click chooses the tasks of a cell.

function statsOf(rows) {
  const values = rows.map((row) => value.values[row]).filter(Number.isFinite);
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
  const spread = values.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  const goal = rows.length ? goals[sweepOf(rows[0])] : 1;
  return {
    count: values.length,
    best: values.length ? goal * values.reduce((least, each) => Math.min(least, goal * each), Infinity) : null,
    mean: values.length ? mean : null,
    sd: values.length > 1 ? Math.sqrt(spread / (values.length - 1)) : null,
  };
}

function matrixFigure() {
  const names = [...new Set(cells.flatMap((cell) => Object.keys(cell.values)))];
  if (several) names.unshift("sweep");
  if (cells.length < 2 || !names.length) return null;
  const distinct = (name) => [...new Set(cells.map((cell) => valueIn(cell, name)))];
  const across = names.length > 1 ? names[names.length - 1] : null;
  const one = figure("cells", "Cells", { hint: "Choose a cell, a row or a column to see its tasks in all figures." });
  one.quick = true;
  const table = el("table", { class: "matrix" });
  one.body.append(el("div", { class: "scroll" }, table));
  one.paint = () => {
    const down = names.filter((name) => name !== across);
    const rowKeys = [...new Set(cells.map((cell) => down.map((name) => valueIn(cell, name)).join("\u0000")))];
    const columnKeys = across ? distinct(across) : [null];
    const groups = new Map();
    if (isFiltered()) {
      for (const row of ranked) {
        if (!chosen[row]) continue;
        const cell = F.fixed.cell[row];
        if (!groups.has(cell)) groups.set(cell, []);
        groups.get(cell).push(row);
      }
    }
    const shown = cells.map((cell, number) => (isFiltered() ? { ...cell, ...statsOf(groups.get(number) || []) } : cell));
    const tint = tints(shown, across);
    table.replaceChildren(
      el("caption", { class: "aside" }, `Best ${value.label}, mean and standard deviation, and number of tasks, by ${names.join(" and ")}`),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, down.join(", ") || null),
        ...columnKeys.map((key) => el("th", { scope: "col" }, key === null ? value.label : pick(key, { [across]: key }))))),
      el("tbody", {}, ...rowKeys.map((key) => {
        const wanted = Object.fromEntries(key.split("\u0000").map((each, place) => [down[place], each]));
        return el("tr", {}, el("th", { scope: "row" }, pick(Object.values(wanted).join(", "), wanted)),
          ...columnKeys.map((column) => {
            const number = cells.findIndex((cell) => down.every((name) => valueIn(cell, name) === wanted[name]) && (column === null || valueIn(cell, across) === column));
            return el("td", {}, number < 0 ? el("span", { class: "none" }, "–")
              : cellButton(shown[number], tint(number), { ...wanted, ...(column === null ? {} : { [across]: column }) }));
          }));
      })));
    const best = shown.filter((cell) => cell.best !== null).sort((a, b) => goals[a.sweep] * a.best - goals[b.sweep] * b.best)[0];
    return best ? `Best, mean ± standard deviation, and number of tasks. The best ${value.label} is ${short(best.best)}, in ${best.title}.${across ? ` The stronger the colour, the better for ${across === "sweep" ? "the sweep" : `one ${across}`}.` : ""}` : `${cells.length} cells; none has a value of ${value.label} yet.`;
  };
  return one;
}

const valuesOf = (cell) => ({ ...(several ? { sweep: F.sweeps[cell.sweep].name } : {}), ...cell.values });
const valueIn = (cell, name) => (name === "sweep" && several ? F.sweeps[cell.sweep].name : Object.hasOwn(cell.values, name) ? cell.values[name] : "");

// Within a column, or a sweep's metric, which values are good: different data sets do not compare.
function tints(shown, across) {
  const groups = new Map();
  shown.forEach((cell, number) => {
    const key = across && across !== "sweep" ? `${cell.sweep} ${valueIn(cell, across)}` : String(cell.sweep);
    if (!groups.has(key)) groups.set(key, []);
    if (cell.best !== null) groups.get(key).push([goals[cell.sweep] * cell.best, number]);
  });
  const places = new Map();
  for (const own of groups.values()) {
    const costs = own.map(([each]) => each);
    const [low, high] = [Math.min(...costs), Math.max(...costs)];
    for (const [each, number] of own) places.set(number, high > low ? (each - low) / (high - low) : 0);
  }
  return (number) => (places.has(number) ? tintOf(places.get(number)) : "transparent");
}

function codesFor(wanted) {
  const found = Object.create(null);
  for (const [name, text] of Object.entries(wanted)) {
    const column = columns.get(name);
    if (!column || column.kind !== "category") return null;
    found[name] = [column.names.indexOf(text)];
  }
  return found;
}

function chooseValues(wanted) {
  const codes = codesFor(wanted);
  if (codes) toggleCodes(codes);
  else for (const [name, text] of Object.entries(wanted)) setFilter(name, { ...emptyFilter(), ranges: [[Number(text), Number(text)]] });
}

function isChosen(wanted) {
  return Object.entries(wanted).every(([name, text]) => {
    const filter = filters.get(name);
    const column = columns.get(name);
    return filter && column && column.kind === "category" && filter.codes.has(column.names.indexOf(text));
  });
}

function pick(label, wanted) {
  return el("button", { type: "button", "aria-pressed": String(isChosen(wanted)), onclick: () => chooseValues(wanted) }, cut(label, 40));
}

function cellButton(cell, colour, wanted) {
  const label = `${cell.title}: best ${cell.best === null ? "none" : short(cell.best)}, ${counted(cell.count, "task")}`;
  return el("button", { type: "button", class: "cell", "aria-label": label, "aria-pressed": String(isChosen(wanted)), style: { background: colour }, onclick: () => chooseValues(wanted) },
    el("b", {}, cell.best === null ? "–" : short(cell.best)),
    el("span", {}, cell.mean === null ? "" : `${short(Number(cell.mean.toPrecision(3)))}${cell.sd === null ? "" : ` ± ${short(Number(cell.sd.toPrecision(2)))}`}`),
    el("small", {}, `${cell.count === cell.total || isFiltered() ? counted(cell.count, "task") : `${cell.count} of ${counted(cell.total, "task")}`}${cell.failed && !isFiltered() ? `, ${cell.failed} failed` : ""}`));
}
