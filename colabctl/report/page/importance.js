// How much each parameter decides the metric, in each cell.

// A parameter may be called "constructor", which every object answers to.
const shareOf = (row, name) => (Object.hasOwn(row.shares, name) ? row.shares[name] : undefined);

function importanceFigure() {
  const every = F.sweeps.flatMap((sweep) => sweep.importance.cells.map((cell) => ({
    ...cell, title: [...(several ? [sweep.name] : []), ...Object.values(cell.cell)].join(", "), method: sweep.importance.method,
  })));
  const rows = every.filter((row) => Object.keys(row.shares).length);
  const without = every.some((row) => row.tasks) ? withoutShares(every) : "";
  if (!rows.length && !without) return null;
  const totals = new Map();
  for (const row of rows) for (const [name, share] of Object.entries(row.shares)) totals.set(name, (totals.get(name) || 0) + share);
  const names = [...totals].sort((a, b) => b[1] - a[1]).map(([name]) => name).slice(0, 30);
  const one = figure("importance", "Importance");
  const bars = (share, name) => el("td", { title: share === undefined ? `${name} is not set here` : `${name}: ${short(share)}` },
    share === undefined ? el("span", { class: "none" }, "–")
      : el("span", { class: "share" }, el("i", { style: { width: `${Math.round(share * 100)}%` } }), el("span", {}, share.toFixed(2))));
  const table = rows.length === 1
    ? el("table", { class: "importance" }, el("tbody", {}, ...names.map((name) => el("tr", {}, el("th", { scope: "row" }, cut(name, 40)), bars(shareOf(rows[0], name), name)))))
    : el("table", { class: "importance" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "cell"), ...names.map((name) => el("th", { scope: "col" }, cut(name, 24))))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, el("th", { scope: "row" }, cut(row.title, 40)), ...names.map((name) => bars(shareOf(row, name), name))))));
  if (rows.length) one.body.append(el("div", { class: "scroll" }, table));
  else one.paint = () => without;
  if (!rows.length) return one;
  const methods = [...new Set(rows.map((row) => row.method))].join("; ");
  one.paint = () => `How much each parameter decides ${value.label}, from all finished tasks of ${rows.length === 1 ? "the sweep" : "a cell"}: ${methods}. ${without}`;
  return one;
}

// What the cells lack for which nothing can be said.
function withoutShares(every) {
  const reasons = {
    parameters: "only one parameter is free, so it decides all",
    tasks: `fewer than ${F.fewest} tasks have a value`,
    differences: "nothing follows from its values",
    room: "only the first cells are looked at",
  };
  return Object.entries(reasons).map(([lacks, reason]) => {
    const own = every.filter((row) => row.lacks === lacks);
    if (!own.length) return "";
    if (every.length === F.sweeps.length && !several) return `Nothing is shown: ${reason}.`;
    const titles = own.slice(0, 6).map((row) => cut(row.title || "the sweep", 40)).join("; ");
    return `Not shown, as ${reason}: ${titles}${own.length > 6 ? ` and ${counted(own.length - 6, "more cell")}` : ""}.`;
  }).filter(Boolean).join(" ");
}
