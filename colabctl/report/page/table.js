// The table of the chosen tasks: sorted by any column, a hundred at a time, to copy as CSV.

const PER_PAGE = 100;

function tableFigure() {
  let shown = PER_PAGE;
  const allButton = el("button", { type: "button", "aria-pressed": "false", onclick: () => { view.all = !view.all; allButton.setAttribute("aria-pressed", String(view.all)); draw(one); } }, "All columns");
  const one = figure("table", "Tasks", { tools: [allButton, copyButton("Copy CSV", () => asCsv(sorted()), "The chosen tasks, in this order, with all columns")] });
  const table = el("table", { class: "tasks" });
  const more = el("button", { type: "button", class: "more", onclick: () => { shown += PER_PAGE * 5; draw(one); } }, "Show more");
  one.body.append(el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The chosen tasks" }, table), more);
  onSelection(() => (shown = PER_PAGE));
  one.quick = true;
  one.paint = (quick) => {
    const rows = sorted();
    const some = tableColumns();
    const visible = rows.slice(0, quick ? Math.min(shown, 30) : shown);
    const [key, down] = sortKey();
    table.replaceChildren(
      el("thead", {}, el("tr", {}, ...some.map((column) => el("th", { scope: "col", class: column.kind === "number" && column !== fixed.task ? "number" : null, "aria-sort": column.id === key ? (down ? "descending" : "ascending") : null },
        el("button", { type: "button", onclick: () => sortBy(column) }, cut(column.label || column.id, 30), el("span", { "aria-hidden": "true" }, column.id === key ? (down ? " ↓" : " ↑") : "")))))),
      el("tbody", {}, ...visible.map((row) => el("tr", {}, ...some.map((column) => tableCell(column, row))))));
    more.hidden = rows.length <= shown;
    return `${isFiltered() ? `${rows.length.toLocaleString("en")} of ` : ""}${counted(ROWS, "task")}${rows.length > visible.length ? `, ${visible.length} of them shown` : ""}.`;
  };

  function sortBy(column) {
    const [key, down] = sortKey();
    view.sort = column.id === key && !down ? `-${column.id}` : column.id;
    writeAddress();
    draw(one);
  }
  return one;
}

const ofVersion = fixed.version ? [fixed.version] : [];

function tableColumns() {
  const base = [fixed.task, ...(several ? [fixed.sweep] : []), fixed.status, ...(metricName ? [value] : []), ...ordered.slice(0, view.all ? undefined : 16)];
  const rest = view.all ? [...otherMetrics, fixed.attempt, fixed.worker, fixed.cause] : otherMetrics.slice(0, 4);
  return [...base, ...rest, ...ofVersion, fixed.seconds, fixed.member];
}

function sortKey() {
  if (view.sort && columns.has(view.sort.replace(/^-/, ""))) return [view.sort.replace(/^-/, ""), view.sort.startsWith("-")];
  if (metricName && ranked.length) return [value.id, goals[0] < 0];
  return ["task", false];
}

function sorted() {
  const [key, down] = sortKey();
  const column = columns.get(key);
  const rows = [];
  for (let row = 0; row < ROWS; row += 1) if (chosen[row]) rows.push(row);
  const names = column.kind === "category" && column.names.map((name, code) => [name, code]).sort((a, b) => a[0].localeCompare(b[0]));
  const place = names && new Map(names.map(([, code], at) => [code, at]));
  const at = (row) => (!column.isSet(row) ? NaN : place ? place.get(column.values[row]) : column.values[row]);
  return rows.sort((a, b) => {
    const [first, second] = [at(a), at(b)];
    if (Number.isNaN(first) || Number.isNaN(second)) return Number.isNaN(first) - Number.isNaN(second) || a - b;
    return (down ? second - first : first - second) || a - b;
  });
}

function tableCell(column, row) {
  if (column === fixed.task) {
    const folder = folderOf(row);
    return el("th", { scope: "row" }, folder ? el("a", { href: folder, title: "The folder of this task's files" }, taskName(row)) : taskName(row));
  }
  if (column === fixed.status) return el("td", {}, el("span", { class: "status" }, el("i", { style: { background: `var(${STATUS_VARIABLES[statusOf(row)]})` } }), statusOf(row)));
  const text = column === fixed.seconds && column.isSet(row) ? duration(column.values[row]) : cut(column.text(row), 40);
  return el("td", { class: column.kind === "number" ? "number" : null, title: column.text(row).length > 40 ? column.text(row) : null }, text);
}

// A spreadsheet takes such a text for a formula (OWASP, "CSV Injection"), so it gets an apostrophe.
const FORMULA = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function asCsv(rows) {
  const quoted = (text) => {
    const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const all = [fixed.task, fixed.sweep, fixed.status, ...params, ...(metricName ? [value] : []), ...otherMetrics, fixed.attempt, ...ofVersion, fixed.seconds, fixed.member, fixed.worker];
  const lines = [all.map((column) => quoted(column.id))];
  for (const row of rows) lines.push(all.map((column) => quoted(column.whole(row))));
  return lines.map((line) => `${line.join(",")}\n`).join("");
}
