// Axes: where each row lies on the axis of a column, from 0 to 1, and what a part of it chooses.

// Rows that have run or run now; the others have no line.
const started = Array.from({ length: ROWS }, (_, row) => row).filter((row) => ["done", "pruned", "failed", "running"].includes(statusOf(row)));

const isLog = (column) => (column.role === "metric" ? column === value && view.log : column.log);

function axisOf(column) {
  return column.kind === "category" ? categoryAxis(column) : numberAxis(column);
}

// Lines of one category are spread over its band, those with good values on top.
function categoryAxis(column) {
  const count = column.names.length;
  const down = view.flipped.has(column.id);
  const at = (code) => (down ? count - 1 - code : code);
  const band = 0.62 / count;
  const places = new Float32Array(ROWS);
  for (let row = 0; row < ROWS; row += 1) {
    const spread = Number.isNaN(rank[row]) ? 0.5 : 1 - rank[row];
    places[row] = column.isSet(row) ? (at(column.values[row]) + 0.5) / count + (spread - 0.5) * band : -1;
  }
  const every = Math.ceil(count / 24);
  return {
    column, places, hasUnset: started.some((row) => !column.isSet(row)),
    ticks: column.names.map((name, code) => [(at(code) + 0.5) / count, name]).filter((_, code) => code % every === 0),
    filter: (low, high) => ({
      ...emptyFilter(),
      codes: new Set(column.names.map((_, code) => code).filter((code) => (at(code) + 0.8) / count > low && (at(code) + 0.2) / count < high)),
    }),
    spans: (filter) => [...filter.codes].map((code) => [(at(code) + 0.08) / count, (at(code) + 0.92) / count]),
  };
}

function numberAxis(column) {
  const set = started.filter((row) => column.isSet(row));
  let low = Infinity;
  let high = -Infinity;
  for (const row of set) {
    low = Math.min(low, column.values[row]);
    high = Math.max(high, column.values[row]);
  }
  if (!set.length) [low, high] = [0, 1];
  const log = isLog(column) && low > 0;
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const to = (number) => (log ? (Math.log(number) - Math.log(low)) / (Math.log(high) - Math.log(low)) : (number - low) / (high - low));
  const from = (place) => (log ? Math.exp(Math.log(low) + place * (Math.log(high) - Math.log(low))) : low + place * (high - low));
  const flip = view.flipped.has(column.id) ? (place) => 1 - place : (place) => place;
  const places = new Float32Array(ROWS);
  for (let row = 0; row < ROWS; row += 1) places[row] = column.isSet(row) ? flip(to(column.values[row])) : -1;
  const marks = numberTicks(column, low, high, log);
  return {
    column, places, hasUnset: started.length > set.length,
    ticks: marks.map((number) => [flip(to(number)), short(number)]).filter(([place]) => place >= -1e-6 && place <= 1 + 1e-6),
    filter: (first, last) => {
      const ends = [from(flip(first)), from(flip(last))].sort((a, b) => a - b);
      const edge = (number, limit, open) => (Math.abs(to(number) - to(limit)) < 0.004 ? open : Number(number.toPrecision(4)));
      return { ...emptyFilter(), ranges: [[edge(ends[0], low, -Infinity), edge(ends[1], high, Infinity)]] };
    },
    spans: (filter) => filter.ranges.map(([first, last]) =>
      [first === -Infinity ? 0 : to(first), last === Infinity ? 1 : to(last)].map((place) => flip(Math.min(Math.max(place, 0), 1))).sort((a, b) => a - b)),
  };
}

// Listed numbers are named as they are.
function numberTicks(column, low, high, log) {
  if (column.listed && column.listed.length) return column.listed;
  return log ? logTicks(low, high) : linearTicks(low, high, 5, column.integers);
}

function linearTicks(low, high, count = 5, integers = false) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const sizes = [1, 2, 2.5, 5, 10].map((each) => each * power);
  if (integers) sizes.push(1, 2, 5);
  const step = sizes.filter((each) => !integers || Number.isInteger(each)).sort((a, b) => a - b).find((each) => each >= rough * 0.999);
  const marks = [];
  for (let number = Math.ceil(low / step - 1e-9) * step; number <= high + step * 1e-9 && marks.length < 12; number += step) marks.push(Number(number.toPrecision(8)));
  return marks;
}

function logTicks(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const decades = last - first + 1;
  if (decades < 3) {
    const marks = [];
    for (let power = first - 1; power <= last + 1; power += 1) for (const digit of [1, 2, 5]) marks.push(digit * 10 ** power);
    const inside = marks.filter((mark) => mark >= low && mark <= high);
    return inside.length > 1 ? inside : [low, high];
  }
  const every = Math.ceil(decades / 6);
  return Array.from({ length: decades }, (_, place) => 10 ** (first + place)).filter((_, place) => place % every === 0);
}
