// Figures: a title, a sentence that says in words what is drawn, and the drawing. They are drawn
// when they come into sight, and drawn again when the selection, the theme or the width changes.

const figures = [];
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const own = figures.find((each) => each.root === entry.target);
      own.visible = entry.isIntersecting;
      if (own.visible && own.stale) draw(own);
    }
  },
  { rootMargin: "300px 0px" },
);

function figure(id, title, { hint = null, tools = [], wide = true } = {}) {
  const note = el("p", { class: "note", id: `${id}-note` });
  const body = el("div", { class: "body" });
  const root = el("section", { id, class: wide ? "wide" : "half", "aria-labelledby": `${id}-title` },
    el("div", { class: "title" }, el("h2", { id: `${id}-title` }, title), el("div", { class: "tools" }, ...tools)),
    note, hint && el("p", { class: "hint" }, hint), body);
  const made = { id, root, body, note, stale: true, visible: false, paint: () => {}, quick: false };
  figures.push(made);
  seen.observe(root);
  return made;
}

function draw(one, quick = false) {
  one.stale = false;
  const words = one.paint(quick);
  if (words !== undefined) one.note.textContent = words;
}

function redraw({ all = false, quick = false } = {}) {
  for (const one of figures) {
    if (quick && !one.quick) one.stale = true;
    else if (all || one.visible) draw(one, quick);
    else one.stale = true;
  }
}

onSelection((quick) => redraw({ quick }));

// Marks of a plot's axis of whole numbers that spans so much; plotly finds those of a longer one.
const integerTicks = (span) => (span < 9 ? { tick0: 0, dtick: 1 } : {});

// How plotly draws here.
const touch = matchMedia("(pointer: coarse)").matches;
const PLOTLY = { displaylogo: false, displayModeBar: false, responsive: false };

// A button that saves a drawing as a picture of lines and letters, for a paper.
function saveButton(name, place) {
  return el("button", { type: "button", title: "Save the figure as an SVG file", onclick: () => Plotly.downloadImage(place, { format: "svg", filename: `${F.sweeps.map((sweep) => sweep.name).join("-")}-${name}` }) }, "SVG");
}

function axisStyle(more = {}) {
  return {
    gridcolor: style("--grid"), linecolor: style("--line"), zeroline: false, automargin: true,
    tickfont: { color: style("--muted"), size: 11 }, tickcolor: style("--line"), ...more,
    title: more.title ? { text: forPlotly(more.title), font: { color: style("--muted"), size: 11 }, standoff: 8 } : undefined,
  };
}

function plot(one, place, traces, layout, label) {
  const width = place.clientWidth || 300;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", label);
  return Plotly.react(
    place,
    traces,
    {
      width,
      margin: { l: 48, r: 12, t: 8, b: 40 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: style("--font"), size: 12, color: style("--ink") },
      hoverlabel: { bgcolor: style("--panel"), bordercolor: style("--line"), font: { color: style("--ink"), family: style("--font"), size: 12 }, align: "left" },
      hovermode: "closest",
      dragmode: touch ? false : "zoom",
      showlegend: false,
      uirevision: "keep",
      ...layout,
    },
    PLOTLY,
  );
}

// What a row is, for a label beside the pointer.
function rowLabel(row) {
  const lines = [`<b>${taskName(row)}</b> ${forPlotly(statusOf(row))}`];
  if (several) lines.push(`sweep ${forPlotly(F.sweeps[sweepOf(row)].name)}`);
  if (hasValue(row)) lines.push(`${forPlotly(value.label)} ${value.text(row)}`);
  for (const column of ordered.slice(0, 12)) {
    if (column.isSet(row)) lines.push(`${forPlotly(cut(column.id, 30))} = ${forPlotly(cut(column.text(row), 40))}`);
  }
  return lines.join("<br>");
}

// At most `most` of the rows, evenly spread, with the best of them.
function thinned(rows, most) {
  if (rows.length <= most) return rows;
  const kept = new Set(rows.filter(hasValue).sort((a, b) => cost(a) - cost(b)).slice(0, Math.floor(most / 5)));
  const step = rows.length / (most - kept.size);
  for (let at = 0; kept.size < most && at < rows.length; at += step) kept.add(rows[Math.floor(at)]);
  return [...kept];
}

// Parameters that divide the sweep into cells first; then those that most tasks have, and those that
// the same tasks have beside each other.
const ordered = (() => {
  const dividing = new Set(cells.flatMap((cell) => Object.keys(cell.values)));
  const present = new Map(params.map((column) => {
    let count = 0;
    let first = ROWS;
    for (let row = ROWS - 1; row >= 0; row -= 1) if (column.isSet(row)) [count, first] = [count + 1, row];
    return [column, [dividing.has(column.id) ? 0 : 1, -count, first]];
  }));
  return [...params].sort((a, b) => present.get(a).map((each, at) => each - present.get(b)[at]).find((each) => each) || 0);
})();

const logOf = (numbers) => view.log && numbers.every((number) => number > 0);
const metricAxis = (log, more = {}) => axisStyle({ type: log ? "log" : "linear", title: value.label, ...more });
const allValues = () => ranked.map((row) => value.values[row]).filter(Number.isFinite);
