// The timeline of workers: what each ran and when, where it idled, and what did not count.

const SPAN_KINDS = ["done", "pruned", "failed", "running", "duplicate", "discarded", "lost"];

function timelineFigure() {
  if (!F.workers.length) return null;
  const place = el("div", { class: "plot" });
  const one = figure("timeline", "Workers", { tools: [saveButton("workers", place)] });
  const legend = el("ul", { class: "counts" });
  one.body.append(legend, place);
  const lanes = laneTops();
  const end = F.workers.reduce((most, worker) => Math.max(most, worker.end ?? worker.seen ?? 0), F.spans.reduce((most, span) => Math.max(most, span[3]), 0));
  one.paint = () => {
    const narrow = place.clientWidth < 640;
    const height = Math.min(Math.max(lanes.total * (lanes.total > 30 ? 12 : 20), 60) + 60, 1400);
    const traces = [idleTrace(lanes, end), ...SPAN_KINDS.flatMap((kind) => spanTraces(kind, lanes))];
    plot(one, place, traces, {
      height, barmode: "overlay", bargap: 0.1, margin: { l: 8, r: 12, t: 4, b: 36 },
      xaxis: axisStyle({ range: [0, end * 1.01 || 1], ...timeTicks(end, narrow ? 4 : 8), title: "time since the first task began" }),
      yaxis: axisStyle({ range: [lanes.total, 0], showgrid: false, tickvals: F.workers.map((_, number) => lanes.middle[number]), ticktext: F.workers.map((worker) => forPlotly(workerLabel(worker, narrow))), ticks: "" }),
    }, "Timeline of the workers");
    const totals = {};
    const joined = F.spans.some((span) => span[5] > 1);
    for (const [, kind, , , , count] of F.spans) totals[kind] = (totals[kind] || 0) + count;
    legend.replaceChildren(...SPAN_KINDS.filter((kind) => totals[kind]).map((kind) => el("li", {}, el("span", {}, el("i", { class: hatched(kind) ? `hatched ${kind}` : "", style: { background: hatched(kind) ? null : `var(${STATUS_VARIABLES[kind]})`, "--hatch": `var(${STATUS_VARIABLES[kind]})` } }), joined && !hatched(kind) ? kind : `${totals[kind].toLocaleString("en")} ${kind}`))),
      el("li", {}, el("span", {}, el("i", { style: { background: "var(--idle)" } }), "idle")));
    const busy = F.spans.reduce((sum, span) => sum + span[3] - span[2], 0);
    const there = F.workers.reduce((sum, worker, number) => sum + stay(worker, end)[1] * lanes.used[number], 0);
    const duplicates = F.sweeps.reduce((sum, sweep) => sum + sweep.duplicates, 0);
    return `${counted(F.workers.length, "worker")} in ${duration(end)}${there > 0 ? `; tasks took ${Math.min(Math.round((busy / there) * 100), 100)} % of the workers' time, from the start of the first task` : ""}.`
      + (totals.lost ? ` ${counted(totals.lost, "attempt")} lost with ${totals.lost === 1 ? "its" : "their"} workers.` : "")
      + (totals.discarded ? ` ${counted(totals.discarded, "result")} ${totals.discarded === 1 ? "was" : "were"} discarded by a member and ${totals.discarded === 1 ? "does" : "do"} not count.` : "")
      + (duplicates ? ` ${counted(duplicates, "duplicate result")}: ${duplicates === 1 ? "its task" : "their tasks"} had a result already.` : "")
      + (joined ? " Short tasks are joined with their neighbours." : "");
  };
  return one;
}

const HATCHES = { lost: "/", duplicate: "x", discarded: "-" };
const hatched = (kind) => Object.hasOwn(HATCHES, kind);

function workerLabel(worker, narrow) {
  const parts = [several && !narrow && F.sweeps[worker.sweep].name, worker.member || worker.name, !narrow && worker.host].filter(Boolean);
  return cut(parts.join(" · "), narrow ? 12 : 34);
}

// The rows of the drawing: one for each slot of each worker; spans take the first free slot.
function laneTops() {
  const ends = F.workers.map((worker) => new Array(Math.max(1, Math.min(worker.jobs, 64))).fill(-Infinity));
  const slots = F.spans.map(([worker, , start, stop]) => {
    const own = ends[worker];
    let slot = own.findIndex((each) => each <= start + 0.02);
    if (slot < 0) slot = own.indexOf(Math.min(...own));
    own[slot] = Math.max(own[slot], stop);
    return slot;
  });
  const used = ends.map((own) => own.length);
  const tops = [];
  let total = 0;
  for (const count of used) {
    tops.push(total);
    total += count;
  }
  return { tops, used, total, slots, middle: tops.map((top, number) => top + used[number] / 2) };
}

// When a worker was there, as its start and length, from the start of the first task.
function stay(worker, end) {
  const start = Math.max(worker.start ?? 0, 0);
  return [start, Math.max((worker.end ?? (worker.lives ? end : worker.seen) ?? 0) - start, 0)];
}

function idleTrace(lanes, end) {
  return {
    type: "bar", orientation: "h", y: lanes.middle, base: F.workers.map((worker) => stay(worker, end)[0]),
    x: F.workers.map((worker) => stay(worker, end)[1]), width: lanes.used.map((count) => count * 0.84),
    marker: { color: style("--idle"), line: { width: 0 } }, hoverinfo: "text",
    text: F.workers.map((worker) => `${forPlotly(worker.name)}<br>${forPlotly(worker.member)} on ${forPlotly(worker.host)}${worker.machine ? `<br>${forPlotly(worker.machine)}` : ""}`), textposition: "none",
  };
}

function spanTraces(kind, lanes) {
  const own = F.spans.map((span, number) => [span, lanes.slots[number]]).filter(([span]) => span[1] === kind);
  return [true, false].map((inside) => {
    const some = own.filter(([span]) => (span[4] < 0 || chosen[span[4]] === 1) === inside);
    if (!some.length) return null;
    const colour = inside ? statusColour(kind) : style("--faint");
    return {
      type: "bar", orientation: "h", y: some.map(([span, slot]) => lanes.tops[span[0]] + slot + 0.5), base: some.map(([span]) => span[2]),
      x: some.map(([span]) => Math.max(span[3] - span[2], 0.01)), width: 0.7, hoverinfo: "text", textposition: "none",
      marker: { color: hatched(kind) ? style("--paper") : colour, line: { width: hatched(kind) ? 1 : F.spans.length > 40 * lanes.total ? 0 : 0.6, color: hatched(kind) ? colour : style("--paper") }, pattern: hatched(kind) ? { shape: HATCHES[kind], fgcolor: colour, bgcolor: style("--paper"), size: 6, solidity: 0.4 } : undefined },
      text: some.map(([span]) => `<b>${kind}</b> ${span[4] >= 0 ? `${taskName(span[4])}, ` : span[5] > 1 ? `${span[5]} tasks, ` : ""}${duration(span[3] - span[2])}<br>${forPlotly(F.workers[span[0]].name)}`),
    };
  }).filter(Boolean);
}
