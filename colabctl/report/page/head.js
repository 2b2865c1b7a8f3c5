// The head: how each sweep stands, its best task to copy, who ran it; and the bar with the selection.

// Words of `colabctl status`.
const COUNT_WORDS = { pending: "waiting" };

function progressBar(sweep) {
  const bar = el("div", { class: "progress", role: "img", "aria-label": Object.entries(sweep.counts).filter(([, n]) => n).map(([name, n]) => `${n} ${COUNT_WORDS[name] || name}`).join(", ") });
  const legend = el("ul", { class: "counts" });
  for (const [name, count] of Object.entries(sweep.counts)) {
    if (!count) continue;
    const colour = `var(${STATUS_VARIABLES[name]})`;
    bar.append(el("span", { style: { flex: String(count), background: colour } }));
    const code = fixed.status.names.indexOf(name);
    const entry = [el("i", { style: { background: colour } }), `${count.toLocaleString("en")} ${COUNT_WORDS[name] || name}`];
    legend.append(el("li", {}, code < 0 ? el("span", {}, ...entry)
      : el("button", { type: "button", title: `Choose the tasks with status ${name}`, onclick: () => toggleCodes({ status: [code] }) }, ...entry)));
  }
  if (sweep.duplicates) legend.append(el("li", {}, el("span", {}, counted(sweep.duplicates, "duplicate result"))));
  return [bar, legend];
}

function bestOf(sweep) {
  const best = sweep.best;
  if (!best) {
    const finished = sweep.counts.done + sweep.counts.pruned + sweep.counts.failed;
    return el("p", { class: "empty" }, !finished ? "No task has finished yet."
      : sweep.front.length ? `${counted(sweep.front.length, "task")} on the Pareto front of ${sweep.objectives.map((each) => each.name).join(", ")}.`
      : sweep.objectives.length ? `No finished task has reported all of ${sweep.objectives.map((each) => each.name).join(", ")}.`
      : sweep.metric ? `No finished task has reported ${sweep.metric}.` : "The sweep names no metric, so there is no best task.");
  }
  return el("div", { class: "best" },
    el("div", { class: "figure" }, el("span", { class: "big" }, short(best.value)),
      el("span", { class: "what" }, `best ${sweep.metric}`, el("br"), `${best.repeats && `${best.repeats.trim()}, `}${best.task}${best.member ? `, by ${best.member}` : ""}`)),
    el("div", { class: "params" }, ...best.params.map(([name, given]) => el("span", { class: "param" }, el("b", {}, name), ` ${/^-?[\d.]+(e-?\d+)?$/i.test(given) ? short(Number(given)) : cut(given, 60)}`))),
    el("pre", { class: "line", tabindex: "0", "aria-label": "The best parameters as options" }, best.line),
    el("div", { class: "buttons" }, copyButton("Copy as options", best.line, "The parameters as --name=value"),
      copyButton("Copy as YAML", best.yaml, "The parameters as YAML")));
}

function sweepCard(sweep) {
  const facts = [
    ["declared", `${sweep.declared[0]}, ${when(sweep.declared[1])}`],
    ["ran by", sweep.members.join(", ") || "no one yet"],
    ["ran on", cut(sweep.machines.join("; "), 120)],
    ["search", sweep.method],
    ["program", sweep.program],
    ["digest", sweep.digest && sweep.digest.slice(0, 12)],
    ["extended", sweep.extended.join("; ")],
    ["decided", sweep.steering.join("; ")],
    ["left", sweep.left ? `about ${duration(sweep.left)}` : null],
  ].filter(([, text]) => text);
  return el("article", { class: "sweep" },
    el("div", { class: "name" }, several && sign(sweepDash(F.sweeps.indexOf(sweep)), "currentColor", sweepSymbol(F.sweeps.indexOf(sweep))), el("h1", {}, sweep.name), el("span", { class: `state ${sweep.state}` }, `${sweep.state}${sweep.ordered ? ` by ${sweep.ordered}` : ""}`)),
    sweep.title && el("p", { class: "note" }, sweep.title),
    ...progressBar(sweep),
    bestOf(sweep),
    el("dl", {}, ...facts.flatMap(([name, text]) => [el("dt", {}, name), el("dd", name === "digest" ? { title: `${sweep.digest}, of all that a worker runs, as colabctl trust ${sweep.name} shows it`, class: "mono" } : {}, text)])),
    sweep.shown !== null && el("p", { class: "gap" }, `This page shows ${sweep.shown.toLocaleString("en")} of ${counted(sweep.total, "task")}: the best, failed and running ones, and an even sample of the others. Counts, best values and the table of cells are of all.`),
    ...sweep.gaps.map((gap) => el("p", { class: "gap" }, gap)));
}

function drawHead() {
  const head = document.getElementById("head");
  head.classList.toggle("several", several);
  head.append(...F.sweeps.map(sweepCard));
  const constant = F.constant.map(([name, given]) => `${name} = ${cut(given, 60)}`);
  if (constant.length) head.append(el("p", { class: "constant" }, el("b", {}, "The same in all: "), constant.join(", ")));
}

// The bar stays in sight: what is chosen, and what to do with it.
const bar = {};
function drawBar() {
  bar.count = el("strong", { id: "count", "aria-live": "polite" });
  bar.chips = el("span", { class: "chips" });
  bar.where = el("input", {
    id: "where", type: "search", spellcheck: "false", autocomplete: "off", "aria-label": "Choose tasks by a condition",
    placeholder: conditionExample(), title: "A condition, as for colabctl results --where",
  });
  bar.error = el("p", { id: "where-error", role: "alert" });
  let typing = 0;
  bar.where.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => setWhere(bar.where.value), 150);
  });
  bar.log = el("button", { type: "button", "aria-pressed": "false", onclick: () => { view.log = !view.log; fullRedraw(); } }, "Log");
  bar.log.title = `A logarithmic axis for ${value.label}`;
  bar.theme = el("button", { type: "button", title: "Dark or light", onclick: () => { theme = isDark() ? "light" : "dark"; applyTheme(); } });
  bar.clear = el("button", { type: "button", onclick: clearSelection }, "Clear");
  document.getElementById("bar").append(
    el("div", { class: "row" }, bar.count, bar.where, el("span", { class: "buttons" }, bar.clear,
      metricName && allValues().every((each) => each > 0) && bar.log,
      copyButton("Copy link", () => location.href, "The page as it is now, with its selection"), bar.theme)),
    bar.error, bar.chips);
  onSelection(updateBar);
}

// A condition that chooses some tasks of this page, and not all.
function conditionExample() {
  const name = (column) => (/^[A-Za-z_][\w.]*$/.test(column.id) ? column.id : `\`${column.id}\``);
  const below = params.filter((column) => column.kind === "number").map((column) => {
    const numbers = [...new Set(Array.from(column.values).filter((each) => !Number.isNaN(each)))].sort((a, b) => a - b);
    return `${name(column)} < ${short(numbers[Math.ceil(numbers.length / 2)] ?? 0)}`;
  });
  const equal = params.filter((column) => column.kind === "category" && column.names.length && column.names[0].length < 24).map((column) => `${name(column)} == '${column.names[0]}'`);
  const both = below.length && equal.length ? [`${below[0]} and ${equal[0]}`] : [];
  return [...both, ...below, ...equal].slice(0, 8).find(dividesRows) || "status == 'done'";
}

function dividesRows(text) {
  try {
    const test = parseWhere(text);
    let count = 0;
    for (let row = 0; row < ROWS; row += 1) count += test(row) ? 1 : 0;
    return count > 0 && count < ROWS;
  } catch (error) {
    if (!(error instanceof WhereError)) throw error;
    return false;
  }
}

function updateBar() {
  bar.count.textContent = isFiltered() ? `${chosenCount.toLocaleString("en")} of ${counted(ROWS, "task")}` : counted(ROWS, "task");
  if (document.activeElement !== bar.where) bar.where.value = where.text;
  bar.error.textContent = where.error ? `At character ${where.error.place + 1}: ${where.error.message}` : "";
  bar.where.setAttribute("aria-invalid", String(Boolean(where.error)));
  bar.clear.disabled = !isFiltered() && !where.text;
  bar.log.setAttribute("aria-pressed", String(view.log));
  bar.theme.textContent = isDark() ? "Light" : "Dark";
  bar.chips.replaceChildren(...[...filters].map(([id, filter]) =>
    el("button", { type: "button", class: "chip", title: "Lift this", onclick: () => setFilter(id, null) }, cut(filterText(id, filter), 60), el("span", { "aria-hidden": "true" }, " ×"))));
}
