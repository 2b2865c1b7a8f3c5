// Slices: the metric against each parameter, one plot each, with the best task marked.

const MOST_POINTS = 900; // of a plot

function sliceFigure() {
  if (!metricName || !params.length) return null;
  let shown = 12;
  const more = el("button", { type: "button", onclick: () => { shown += 24; draw(one); } }, "Show more");
  const place = el("div", { class: "plot" });
  const one = figure("slices", "Slices", { tools: [params.length > shown && more, saveButton("slices", place)].filter(Boolean) });
  one.body.append(place);
  one.paint = () => {
    const some = ordered.slice(0, shown);
    more.hidden = shown >= params.length;
    const log = logOf(allValues());
    const across = Math.max(1, Math.min(some.length, Math.floor(place.clientWidth / 270)));
    const down = Math.ceil(some.length / across);
    const finite = ranked.filter((row) => Number.isFinite(value.values[row]));
    const inside = thinned(finite.filter((row) => chosen[row]), MOST_POINTS);
    const outside = isFiltered() ? thinned(finite.filter((row) => !chosen[row]), MOST_POINTS) : [];
    const best = finite.find((row) => chosen[row]);
    const traces = [];
    const layout = {};
    const each = 206;
    const height = down * each;
    const values = inside.concat(outside).map((row) => value.values[row]);
    const marks = values.length && !log ? { tickvals: linearTicks(Math.min(...values), Math.max(...values) || 1, 4) } : {};
    some.forEach((column, number) => {
      const suffix = number ? String(number + 1) : "";
      const [x, y] = [number % across, Math.floor(number / across)];
      const [left, right] = [x / across + 0.035 / across * 2, (x + 1) / across - 0.02];
      const top = 1 - y / down;
      layout[`xaxis${suffix}`] = axisStyle({ domain: [left, right], anchor: `y${suffix}`, title: cut(column.id, 34), ...sliceTicks(column, (place.clientWidth / across) * 0.83), showgrid: column.kind === "number" });
      layout[`yaxis${suffix}`] = metricAxis(log, { domain: [top - (each - 46) / height, top - 8 / height], anchor: `x${suffix}`, title: undefined, ...marks, automargin: false, ...(number ? { matches: "y" } : {}) });
      const dots = (rows, marker, hover) => {
        const own = rows.filter((row) => column.isSet(row));
        return {
          type: "scatter", mode: "markers", x: own.map((row) => sliceX(column, row)), y: own.map((row) => value.values[row]),
          xaxis: `x${suffix}`, yaxis: `y${suffix}`, hoverinfo: hover ? "text" : "skip", text: hover ? own.map(rowLabel) : undefined,
          marker: typeof marker === "function" ? marker(own) : marker,
        };
      };
      traces.push(dots(outside, { size: 4, color: style("--faint") }, false));
      traces.push(dots(inside, (own) => ({ size: several ? 6.5 : 5.5, symbol: several ? own.map((row) => sweepSymbol(sweepOf(row))) : "circle", opacity: 0.75, color: own.map((row) => colourOf(rank[row])), line: { width: 0 } }), true));
      if (best !== undefined) traces.push(dots([best], { size: 13, symbol: "star", color: style("--accent"), line: { width: 1, color: style("--paper") } }, true));
    });
    plot(one, place, traces, { height, margin: { l: 26, r: 6, t: 4, b: 4 }, ...layout }, `${value.label} against each parameter`);
    const sampled = finite.length > MOST_POINTS ? ` Of many tasks, an even sample of ${MOST_POINTS} and the best are drawn.` : "";
    return `${value.label} against each parameter; the star is the best of the chosen tasks.${sampled}`;
  };
  return one;
}

// Categories lie beside each other, and their points are spread a little.
function sliceX(column, row) {
  if (column.kind === "number") return column.values[row];
  return column.values[row] + (((row * 0.618034) % 1) - 0.5) * 0.5;
}

// Those marks, in order, whose texts do not touch the one before.
function apart(marks, at, width) {
  let free = -Infinity;
  return marks.filter((mark) => {
    if (at(mark) - width(mark) / 2 < free) return false;
    free = at(mark) + width(mark) / 2;
    return true;
  });
}

// How many characters of each text can stand, so that none touches its neighbour; each has so much room.
function longest(sizes, room) {
  for (let most = Math.max(...sizes, 5); most > 5; most -= 1) {
    const widths = sizes.map((size) => Math.min(size, most));
    if (widths.every((width, place) => (width + (widths[place + 1] ?? width)) / 2 <= room || (place === widths.length - 1 && width <= room * 1.4))) return most;
  }
  return 5;
}

function sliceTicks(column, room) {
  if (column.kind === "number") {
    const set = Array.from(column.values).filter((each) => !Number.isNaN(each));
    const [low, high] = [set.reduce((a, b) => Math.min(a, b)), set.reduce((a, b) => Math.max(a, b))];
    const type = column.log ? "log" : "linear";
    if (!column.log && !column.listed.length) return { type, nticks: 5, ...(column.integers ? integerTicks(high - low) : {}) };
    const to = column.log ? Math.log : Number;
    const tickvals = apart(numberTicks(column, low, high, column.log), (each) => ((to(each) - to(low)) / (to(high) - to(low) || 1)) * room, (each) => short(each).length * 6.5 + 6);
    return { type, tickvals, ticktext: tickvals.map(short), tickangle: 0 };
  }
  const every = Math.ceil(column.names.length / 12);
  const some = column.names.map((name, code) => [code, name]).filter(([code]) => code % every === 0);
  const most = longest(some.map(([, name]) => name.length), (room * every) / (column.names.length + 0.2) / 6 - 0.5);
  const kept = some.map(([code, name]) => [code, forPlotly(cut(name, most))]);
  return { type: "linear", tickvals: kept.map(([code]) => code), ticktext: kept.map(([, name]) => name), tickangle: 0, range: [-0.6, column.names.length - 0.4] };
}
