// The Pareto front of a sweep with several metrics: the first against each other one.

const withFront = F.sweeps.filter((sweep) => sweep.front.length);

function paretoFigure() {
  const sweep = withFront[0];
  if (!sweep) return null;
  const number = F.sweeps.indexOf(sweep);
  const columnOfMetric = (name) => metrics.find((each) => each.id === name || each.id === `metrics.${name}`);
  const [first, ...others] = sweep.objectives.map((each) => ({ ...each, column: columnOfMetric(each.name) })).filter((each) => each.column && each.column.kind === "number");
  if (!first || !others.length) return null;
  const place = el("div", { class: "plot" });
  const one = figure("pareto", "Pareto front", { tools: [saveButton("pareto", place)] });
  one.body.append(place);
  const tasks = new Set(sweep.front);
  one.paint = () => {
    const across = Math.max(1, Math.min(others.length, Math.floor(place.clientWidth / 330)));
    const down = Math.ceil(others.length / across);
    const height = down * 330;
    const rows = [...Array(ROWS).keys()].filter((row) => sweepOf(row) === number && statusOf(row) === "done");
    const traces = [];
    const layout = {};
    others.forEach((other, at) => {
      const suffix = at ? String(at + 1) : "";
      const [x, y] = [at % across, Math.floor(at / across)];
      const top = 1 - y / down;
      layout[`xaxis${suffix}`] = axisStyle({ domain: [x / across + 0.09 / across, (x + 1) / across - 0.02], anchor: `y${suffix}`, title: cut(`${first.name} (${first.goal})`, 40) });
      layout[`yaxis${suffix}`] = axisStyle({ domain: [top - (330 - 60) / height, top - 8 / height], anchor: `x${suffix}`, title: cut(`${other.name} (${other.goal})`, 40) });
      const set = rows.filter((row) => first.column.isSet(row) && other.column.isSet(row));
      const dots = (own, marker) => ({
        type: "scatter", mode: "markers", x: own.map((row) => first.column.values[row]), y: own.map((row) => other.column.values[row]),
        xaxis: `x${suffix}`, yaxis: `y${suffix}`, hoverinfo: "text", text: own.map(rowLabel), marker,
      });
      const front = set.filter((row) => tasks.has(F.fixed.task[row])).sort((a, b) => first.column.values[a] - first.column.values[b]);
      const rest = set.filter((row) => !tasks.has(F.fixed.task[row]));
      traces.push(dots(rest.filter((row) => !chosen[row]), { size: 5, color: style("--faint") }));
      traces.push(dots(rest.filter((row) => chosen[row]), { size: 6, color: style("--muted"), opacity: 0.7 }));
      const line = dots(front, { size: 9, color: style("--accent") });
      traces.push(others.length === 1 && !sweep.repeated ? { ...line, mode: "lines+markers", line: { shape: "linear", width: 1.5, color: style("--accent") } } : line);
    });
    plot(one, place, traces, { height, margin: { l: 30, r: 6, t: 4, b: 8 }, ...layout }, `Pareto front of ${sweep.name}`);
    return `${counted(sweep.front.length, "task")} of ${sweep.name}${sweep.repeated ? ", the repeats of configurations" : ""} that no other one beats in all of ${sweep.objectives.map((each) => each.name).join(", ")}: ${sweep.front.slice(0, 12).map((task) => `t${String(task).padStart(6, "0")}`).join(", ")}${sweep.front.length > 12 ? " and others" : ""}.`;
  };
  return one;
}
