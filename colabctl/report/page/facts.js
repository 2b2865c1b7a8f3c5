// The facts of the page, as columns by title. A column answers for a row: its number or the code of
// its category (NaN or -1 where the row has none), and its text.

const F = JSON.parse(document.getElementById("facts").textContent);
const ROWS = F.rows;
const several = F.sweeps.length > 1;

function numberColumn(id, numbers, more = {}) {
  const values = Float64Array.from(numbers, (value) => (value === null ? NaN : value));
  const odd = more.odd || {};
  const column = { id, kind: "number", log: false, ...more, values };
  column.text = (row) => (row in odd ? odd[row] : Number.isNaN(values[row]) ? "" : short(values[row]));
  column.whole = (row) => (row in odd ? odd[row] : Number.isNaN(values[row]) ? "" : String(values[row]));
  column.isSet = (row) => !Number.isNaN(values[row]);
  column.integers = values.every((each) => Number.isNaN(each) || Number.isInteger(each));
  return column;
}

function categoryColumn(id, names, codes, more = {}) {
  const column = { id, kind: "category", names, ...more, values: Int32Array.from(codes) };
  column.text = (row) => (column.values[row] < 0 ? "" : names[column.values[row]]);
  column.whole = column.text;
  column.isSet = (row) => column.values[row] >= 0;
  return column;
}

function columnOf(id, given, more) {
  return given.codes
    ? categoryColumn(id, given.names, given.codes, more)
    : numberColumn(id, given.numbers, { log: given.log, odd: given.odd, listed: given.listed || [], ...more });
}

const metricName = (() => {
  const names = [...new Set(F.sweeps.map((sweep) => sweep.metric).filter(Boolean))];
  return names.length === 1 ? names[0] : names.length ? "metric" : null;
})();
const goals = F.sweeps.map((sweep) => (sweep.goal === "maximize" ? -1 : 1)); // times a value: less is better

const params = F.params.map((given) => columnOf(given.title, given, { role: "parameter" }));
const metrics = F.metrics.map((given) => columnOf(given.title, given, { role: "metric" }));
const value = columnOf(metricName || "metric", F.fixed.value, { role: "metric", isValue: true });
value.id = metricName && !params.some((each) => each.id === metricName) ? metricName : "value";
value.label = metricName || "metric";
const isReported = (each) => each.id === metricName || each.id === `metrics.${metricName}`;
const reported = metrics.find(isReported);
const otherMetrics = metrics.filter((each) => !isReported(each));

const fixed = {
  task: numberColumn("task", F.fixed.task),
  sweep: categoryColumn("sweep", F.sweeps.map((sweep) => sweep.name), F.fixed.sweep),
  status: categoryColumn("status", F.fixed.status.names, F.fixed.status.codes),
  member: categoryColumn("member", F.fixed.member.names, F.fixed.member.codes),
  worker: categoryColumn("worker", F.fixed.worker.names, F.fixed.worker.codes),
  attempt: numberColumn("attempt", F.fixed.attempt),
  seconds: numberColumn("seconds", F.fixed.seconds),
  start: numberColumn("start", F.fixed.start),
  cause: categoryColumn("cause", F.fixed.cause.names, F.fixed.cause.codes),
  ...(F.fixed.version && { version: numberColumn("version", F.fixed.version) }),
};
fixed.task.text = fixed.task.whole = (row) => taskName(row);

const columns = new Map();
for (const column of [...params, ...otherMetrics, value, ...Object.values(fixed)]) {
  if (!columns.has(column.id)) columns.set(column.id, column);
}

const cells = F.cells.map((cell) => ({
  ...cell,
  title: [...(several ? [F.sweeps[cell.sweep].name] : []), ...Object.values(cell.values)].join(", "),
}));

function taskName(row) {
  return `t${String(F.fixed.task[row]).padStart(6, "0")}`;
}

const statusOf = (row) => fixed.status.text(row);
const sweepOf = (row) => F.fixed.sweep[row];
const hasValue = (row) => value.isSet(row);

// Less is better, whatever the goal of the row's sweep.
const cost = (row) => goals[sweepOf(row)] * value.values[row];

const finishedAt = (row) => fixed.start.values[row] + fixed.seconds.values[row];

const firstRow = F.sweeps.map((_, sweep) => F.fixed.sweep.indexOf(sweep));

function folderOf(row) {
  const { runs, usual, other } = F.sweeps[sweepOf(row)].links;
  const own = row - firstRow[sweepOf(row)];
  if (!usual[own]) return Object.hasOwn(other, own) ? `${other[own]}/` : null;
  const worker = fixed.worker.text(row);
  const index = F.fixed.task[row];
  const two = (number) => String(number).padStart(2, "0");
  const last = `${String(index).padStart(6, "0")}-${F.fixed.attempt[row]}-${worker}`;
  const parts = [worker, two(Math.floor(index / 10000)), two(Math.floor(index / 100) % 100), last];
  return `${runs}/${parts.map(encodeURIComponent).join("/")}/`;
}

// The rows with a value, the best first, and the rank of each row from 0 (best) to 1 (worst); among
// the rows of its sweep, where sweeps have different metrics.
const ranked = Array.from({ length: ROWS }, (_, row) => row).filter(hasValue);
ranked.sort((a, b) => cost(a) - cost(b) || a - b);
const rank = new Float64Array(ROWS).fill(NaN);
const unlike = new Set(F.sweeps.map((sweep) => JSON.stringify([sweep.metric, sweep.goal]))).size > 1;
for (const own of unlike ? F.sweeps.map((_, sweep) => ranked.filter((row) => sweepOf(row) === sweep)) : [ranked]) {
  own.forEach((row, place) => (rank[row] = own.length > 1 ? place / (own.length - 1) : 0));
}
