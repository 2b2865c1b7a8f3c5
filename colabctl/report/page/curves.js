// Learning curves: the values that tasks reported while they ran.

function curvesFigure() {
  if (!F.curves.length) return null;
  const names = el("select", { "aria-label": "Reported value" }, ...F.curves.map((curve, number) => el("option", { value: String(number) }, cut(curve.name, 40))));
  let log = false;
  const logButton = el("button", { type: "button", "aria-pressed": "false", onclick: () => { log = !log; logButton.setAttribute("aria-pressed", String(log)); draw(one); } }, "Log");
  const place = el("div", { class: "plot" });
  const one = figure("curves", "Learning curves", { tools: [F.curves.length > 1 && names, logButton, saveButton("curves", place)].filter(Boolean) });
  names.addEventListener("change", () => draw(one));
  one.body.append(place);
  one.paint = () => {
    const { name, lines } = F.curves[Number(names.value) || 0];
    logButton.hidden = !lines.every((line) => line.y.every((each) => each > 0));
    const kinds = new Map();
    const add = (kind, colour, width, line) => {
      const dash = several ? sweepDash(sweepOf(line.row)) : kind === "pruned" ? "dot" : "solid";
      const key = `${kind} ${dash}`;
      if (!kinds.has(key)) kinds.set(key, { type: "scatter", mode: "lines", line: { color: colour, width, dash }, x: [], y: [], text: [], hoverinfo: kind === "faint" ? "skip" : "text", connectgaps: false });
      const trace = kinds.get(key);
      trace.x.push(...line.x, null);
      trace.y.push(...line.y, null);
      if (line.x.length === 1) Object.assign(trace, { mode: "lines+markers", marker: { size: 4 } });
      const label = rowLabel(line.row);
      trace.text.push(...line.x.map((x, at) => `${label}<br>${forPlotly(name)} ${short(line.y[at])} at ${short(x)}`), "");
    };
    const order = [...lines].sort((a, b) => (rank[b.row] ?? 2) - (rank[a.row] ?? 2));
    let best = null;
    for (const line of order) {
      if (!chosen[line.row]) add("faint", style("--faint"), 1, line);
    }
    for (const line of order) {
      if (!chosen[line.row]) continue;
      if (!Number.isNaN(rank[line.row])) {
        const place8 = Math.round(rank[line.row] * 8) / 8;
        add(`rank ${place8}`, colourOf(place8, 0.75), 1.3, line);
        if (best === null || rank[line.row] < rank[best.row]) best = line;
      } else add(statusOf(line.row), statusColour(statusOf(line.row)), 1.1, line);
    }
    if (best) add("best", style("--accent"), 2.6, best);
    plot(one, place, [...kinds.values()], {
      height: 320,
      xaxis: axisStyle({ title: "step", ...stepTicks(lines) }),
      yaxis: axisStyle({ type: log && !logButton.hidden ? "log" : "linear", title: name }),
    }, "Learning curves");
    const here = lines.filter((line) => chosen[line.row]).length;
    const pruned = lines.filter((line) => statusOf(line.row) === "pruned").length;
    return `${name} of ${isFiltered() ? `${here} of ` : ""}${counted(lines.length, "task")}${pruned ? `, ${pruned} of them stopped early` : ""}.`
      + (best ? ` The thick line is ${taskName(best.row)}, the best of them.` : "")
      + (F.curves[0].lines.length >= 200 ? " Of many tasks, the best, the worst, stopped ones and an even sample are drawn." : "");
  };
  return one;
}

function stepTicks(lines) {
  let [low, high] = [Infinity, -Infinity];
  for (const line of lines) {
    for (const x of line.x) {
      if (!Number.isInteger(x)) return {};
      [low, high] = [Math.min(low, x), Math.max(high, x)];
    }
  }
  return integerTicks(high - low);
}
