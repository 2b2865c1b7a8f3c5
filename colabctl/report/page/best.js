// The best value so far in each cell, against the tasks that have finished and against time.

const MOST_LINES = several ? 16 : 24;

// The rows of each cell with a value, in the order in which they ended.
function byCell(rows) {
  const groups = new Map();
  for (const row of rows) {
    const cell = F.fixed.cell[row];
    if (!groups.has(cell)) groups.set(cell, []);
    groups.get(cell).push(row);
  }
  for (const own of groups.values()) own.sort((a, b) => finishedAt(a) - finishedAt(b) || a - b);
  return groups;
}

// Steps of the best so far: its rows, at which task each came, and where the line ends.
function steps(rows) {
  const better = [];
  let best = Infinity;
  rows.forEach((row, place) => {
    if (cost(row) < best) {
      best = cost(row);
      better.push([place + 1, row]);
    }
  });
  return better;
}

function stepTraces(groups, latest, faint) {
  const order = [...groups.keys()].sort((a, b) => a - b);
  return order.flatMap((cell) => {
    const rows = groups.get(cell);
    const better = steps(rows);
    const last = better[better.length - 1][1];
    const line = { shape: "hv", width: faint ? 1 : 1.8, color: faint ? style("--faint") : cellColour(cell), dash: cellDash(cell) };
    const common = {
      type: "scatter", mode: "lines", line,
      hoverinfo: faint ? "skip" : "text", text: [...better, [0, last]].map(([, row]) => `${forPlotly(cells[cell].title)}<br>${rowLabel(row)}`),
    };
    const y = [...better.map(([, row]) => value.values[row]), value.values[last]];
    return [
      { ...common, x: [...better.map(([place]) => place), rows.length], y, xaxis: "x" },
      { ...common, x: [...better.map(([, row]) => finishedAt(row)), latest], y, xaxis: "x2", yaxis: "y2" },
    ];
  });
}

// Marks of a time axis that begins at 0: whole seconds, minutes, hours or days.
function timeTicks(end, count = 6) {
  const units = [[1, "s"], [60, "min"], [3600, "h"], [86400, "d"]];
  const unit = units.filter(([size]) => size * 3 <= end).pop() || units[0];
  const rough = end / unit[0] / count;
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) || 1;
  const tickvals = [];
  for (let at = 0; at <= end / unit[0] + step / 2; at += step) tickvals.push(at * unit[0]);
  return { tickvals, ticktext: tickvals.map((at) => `${short(at / unit[0])} ${unit[1]}`) };
}

function bestFigure() {
  const place = el("div", { class: "plot" });
  const one = figure("best", "Best so far", { tools: [saveButton("best", place)] });
  const legend = el("ul", { class: "legend" });
  one.body.append(legend, place);
  one.paint = () => {
    const all = ranked.filter((row) => Number.isFinite(value.values[row]) && finishedAt(row) >= 0);
    const rows = all.filter((row) => chosen[row]);
    const latest = all.reduce((most, row) => Math.max(most, finishedAt(row)), 0);
    const every = byCell(rows);
    const leading = [...every].sort((a, b) => Math.min(...a[1].map(cost)) - Math.min(...b[1].map(cost)));
    const groups = new Map(leading.slice(0, MOST_LINES).sort((a, b) => a[0] - b[0]));
    const narrow = place.clientWidth < 640;
    const log = logOf(allValues());
    const traces = [
      ...(isFiltered() ? stepTraces(byCell(all), latest, true).slice(0, 2 * MOST_LINES) : []),
      ...stepTraces(groups, latest, false),
    ];
    const domains = narrow
      ? { x: [0, 1], x2: [0, 1], y: [0.6, 1], y2: [0, 0.4] }
      : { x: [0, 0.475], x2: [0.525, 1], y: [0, 1], y2: [0, 1] };
    const words = sentence(rows, every.size);
    plot(one, place, traces, {
      height: narrow ? 480 : 290,
      margin: { l: 52, r: 10, t: 8, b: 44 },
      xaxis: axisStyle({ domain: domains.x, title: `finished tasks${cells.length > 1 ? " of the cell" : ""}${F.sweeps.some((sweep) => sweep.shown !== null) ? ", in the sample" : ""}`, rangemode: "tozero", anchor: "y", ...integerTicks(Math.max(0, ...[...groups.values()].map((own) => own.length))) }),
      yaxis: metricAxis(log, { domain: domains.y }),
      xaxis2: axisStyle({ domain: domains.x2, title: "time since the first task began", anchor: "y2", rangemode: "tozero", ...timeTicks(latest, narrow ? 4 : 6) }),
      yaxis2: metricAxis(log, { domain: domains.y2, anchor: "x2", title: narrow ? value.label : undefined, matches: "y" }),
    }, words);
    legend.replaceChildren(...(cells.length > 1 ? [...groups.keys()].sort((a, b) => a - b) : []).map((cell) => el("li", {},
      el("button", { type: "button", title: "Choose the tasks of this cell", onclick: () => chooseValues(valuesOf(cells[cell])) },
        sign(cellDash(cell), cellColour(cell)), cut(cells[cell].title, 40)))));
    return words;
  };
  return one;
}

function sentence(rows, groups) {
  if (!rows.length) return "No chosen task has a value.";
  if (unlike) {
    return F.sweeps.map((sweep, number) => {
      const own = ranked.find((row) => sweepOf(row) === number && chosen[row]);
      return own === undefined ? `${sweep.name} has no value` : `The best ${sweep.metric} of ${sweep.name} is ${value.text(own)}, reached by ${taskName(own)}`;
    }).join(". ") + ".";
  }
  const first = rows.reduce((best, row) => (cost(row) < cost(best) ? row : best));
  const before = rows.filter((row) => finishedAt(row) <= finishedAt(first)).length;
  const runs = started.filter((row) => statusOf(row) === "running").length;
  return `${value.label} ${value.text(first)} is the best, reached by ${taskName(first)} as task ${before} of ${rows.length}, after ${duration(finishedAt(first))}.`
    + (runs ? ` ${counted(runs, "task")} still running.` : "")
    + (groups > MOST_LINES ? ` The ${MOST_LINES} best of ${groups} cells are drawn.` : "");
}
