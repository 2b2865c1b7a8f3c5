// Parallel coordinates: a line for each task, an axis for each parameter that varies. Drawn on a
// canvas of our own: plotly's needs WebGL, which many browsers lack without a graphics processor,
// has no place for a parameter that a task does not have, and cannot be used with the keyboard.
// On a narrow screen the axes lie below each other.

const MOST_AXES = 14;
const QUICK_LINES = 1200; // while something is dragged

function parallelFigure() {
  const available = [...(several ? [fixed.sweep] : []), ...ordered, ...otherMetrics, ...(metricName ? [value] : []), fixed.seconds];
  if (!params.length) return null;
  const usual = [...(several ? [fixed.sweep] : []), ...ordered.slice(0, MOST_AXES), ...(metricName ? [value] : [])].map((column) => column.id);
  const menu = el("details", { class: "menu" }, el("summary", {}, "Axes"));
  const one = figure("parallel", "Parameters", {
    tools: [menu],
    hint: "Drag along an axis to choose tasks, press it to lift that. Drag a name to move its axis, press it to turn it over.",
  });
  one.quick = true;
  const canvas = el("canvas", { role: "img" });
  const labels = el("div", { class: "axes" });
  const tip = el("div", { class: "tip", hidden: true });
  const stage = el("div", { class: "stage" }, canvas, labels, tip);
  one.body.append(stage);
  const pen = canvas.getContext("2d");
  const behind = document.createElement("canvas"); // the faint lines, kept
  let axes = [];
  let box = null;
  let drag = null;
  let lit = -1;

  const order = () => view.order || usual;
  function fillMenu() {
    menu.replaceChildren(menu.firstChild, el("div", { class: "choices" }, ...available.map((column) => {
      const input = el("input", { type: "checkbox", onchange: () => {
        const now = order().filter((id) => id !== column.id);
        view.order = input.checked ? [...now, column.id] : now;
        arrange();
        writeAddress();
        draw(one);
      } });
      input.checked = order().includes(column.id);
      return el("label", {}, input, column.label || column.id);
    })));
  }

  function arrange() {
    axes = order().filter((id) => columns.has(id)).map((id) => axisOf(columns.get(id)));
    const width = stage.clientWidth || 600;
    const upright = width >= 640; // axes from bottom to top, side by side
    const rails = axes.some((axis) => axis.hasUnset);
    const step = 70;
    box = upright
      ? { upright, width, height: 400, top: 46, bottom: rails ? 52 : 22, left: 34, right: 74 }
      : { upright, width, height: (axes.length - 1) * step + 76, top: 42, bottom: 24, left: rails ? 44 : 14, right: 16, step };
    const scale = devicePixelRatio || 1;
    for (const each of [canvas, behind]) {
      each.width = Math.round(width * scale);
      each.height = Math.round(box.height * scale);
    }
    canvas.style.height = `${box.height}px`;
    canvas.style.width = `${width}px`;
    canvas.style.touchAction = upright ? "pan-x" : "pan-y";
    axes.forEach((axis, number) => {
      axis.at = upright
        ? box.left + (axes.length > 1 ? (number * (width - box.left - box.right)) / (axes.length - 1) : 0)
        : box.top + number * step;
    });
    placeLabels();
    drawBehind();
    fillMenu();
  }

  const along = (place) => (box.upright
    ? box.top + (1 - place) * (box.height - box.top - box.bottom)
    : box.left + place * (box.width - box.left - box.right));
  const rail = () => (box.upright ? box.height - 18 : 14);
  const back = (x, y) => (box.upright
    ? 1 - (y - box.top) / (box.height - box.top - box.bottom)
    : (x - box.left) / (box.width - box.left - box.right));
  const point = (axis, row) => {
    const place = axis.places[row];
    const far = place < 0 ? rail() : along(place);
    return box.upright ? [axis.at, far] : [far, axis.at];
  };

  function placeLabels() {
    const room = box.upright && axes.length > 1 ? axes[1].at - axes[0].at - 6 : 200;
    labels.replaceChildren(...axes.map((axis, number) => {
      const name = axis.column.label || axis.column.id;
      const button = el("button", {
        type: "button", title: `${name}${isLog(axis.column) ? ", logarithmic" : ""}. Arrow keys move it; Enter turns it over; + and − choose more or less; Delete lifts.`,
        style: box.upright
          ? { left: `${axis.at}px`, top: "6px", "max-width": `${Math.max(room, 40)}px` }
          : { left: "8px", top: `${axis.at - 36}px` },
      }, name);
      button.dataset.axis = axis.column.id;
      button.addEventListener("keydown", (event) => onKey(event, number));
      button.addEventListener("pointerdown", (event) => startMove(event, number, button));
      return button;
    }));
    if (!box.upright) return;
    for (const [number, button] of [...labels.children].entries()) { // above its axis, and inside
      const left = axes[number].at - button.offsetWidth / 2;
      button.style.left = `${Math.min(Math.max(left, 0), box.width - button.offsetWidth)}px`;
    }
  }

  function reorder(from, to) {
    const ids = axes.map((axis) => axis.column.id);
    const [moved] = ids.splice(from, 1);
    ids.splice(Math.min(Math.max(to, 0), ids.length), 0, moved);
    view.order = ids;
    refresh();
  }

  function turn(id) {
    if (view.flipped.has(id)) view.flipped.delete(id);
    else view.flipped.add(id);
    refresh();
  }

  function refresh() {
    arrange();
    writeAddress();
    draw(one);
  }

  function startMove(event, number, button) {
    const first = box.upright ? event.clientX : event.clientY;
    let moved = false;
    button.setPointerCapture(event.pointerId);
    const move = (now) => {
      const far = (box.upright ? now.clientX : now.clientY) - first;
      if (Math.abs(far) > 6) moved = true;
      if (moved) button.style.translate = box.upright ? `${far}px 0` : `0 ${far}px`;
    };
    const end = (now) => {
      button.removeEventListener("pointermove", move);
      if (!moved) return turn(axes[number].column.id);
      const at = axes[number].at + (box.upright ? now.clientX : now.clientY) - first;
      const nearest = axes.reduce((best, axis, place) => (Math.abs(axis.at - at) < Math.abs(axes[best].at - at) ? place : best), 0);
      return reorder(number, nearest);
    };
    button.addEventListener("pointermove", move);
    button.addEventListener("pointerup", end, { once: true });
  }

  function onKey(event, number) {
    const axis = axes[number];
    const id = axis.column.id;
    const focus = () => labels.querySelector(`[data-axis="${CSS.escape(id)}"]`)?.focus();
    if (["ArrowLeft", "ArrowUp"].includes(event.key)) reorder(number, number - 1);
    else if (["ArrowRight", "ArrowDown"].includes(event.key)) reorder(number, number + 1);
    else if (event.key === "Enter" || event.key === " ") turn(id);
    else if (event.key === "Delete" || event.key === "Backspace") setFilter(id, null);
    else if (["+", "-", "−"].includes(event.key)) {
      const filter = filters.get(id);
      const [span] = filter ? axis.spans(filter) : [];
      const [low, high] = span || [0, 1];
      const by = event.key === "+" ? 0.1 : -0.1;
      if (high + by - low > 0.02) setFilter(id, axis.filter(low, Math.min(high + by, 1)));
    } else return;
    event.preventDefault();
    focus();
  }

  function trace(context, row) {
    context.beginPath();
    axes.forEach((axis, number) => context[number ? "lineTo" : "moveTo"](...point(axis, row)));
    context.stroke();
  }

  function ready(context) {
    const scale = devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, box.width, box.height);
    context.lineJoin = "round";
  }

  function drawBehind() {
    const context = behind.getContext("2d");
    ready(context);
    context.strokeStyle = style("--faint");
    context.globalAlpha = started.length > 4000 ? 0.18 : started.length > 800 ? 0.35 : 0.6;
    context.lineWidth = 1;
    started.forEach((row) => trace(context, row));
  }

  const drawn = [...started].sort((a, b) => (Number.isNaN(rank[b]) ? 2 : rank[b]) - (Number.isNaN(rank[a]) ? 2 : rank[a]));

  function paint(quick) {
    if (!box || box.width !== stage.clientWidth) arrange();
    ready(pen);
    let rows = drawn.filter((row) => chosen[row]);
    if (isFiltered()) {
      pen.save();
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.drawImage(behind, 0, 0);
      pen.restore();
    }
    if (quick && rows.length > QUICK_LINES) rows = rows.filter((_, place) => place % Math.ceil(rows.length / QUICK_LINES) === 0);
    const count = rows.length;
    pen.globalAlpha = count < 60 ? 0.9 : count < 300 ? 0.65 : count < 1500 ? 0.4 : count < 5000 ? 0.22 : 0.13;
    pen.lineWidth = count < 300 ? 1.4 : 1;
    for (const row of rows) {
      pen.strokeStyle = Number.isNaN(rank[row]) ? statusColour(statusOf(row)) : colourOf(rank[row]);
      trace(pen, row);
    }
    if (lit >= 0) {
      pen.globalAlpha = 1;
      pen.lineWidth = 3;
      pen.strokeStyle = style("--ink");
      trace(pen, lit);
    }
    pen.globalAlpha = 1;
    drawAxes();
    canvas.setAttribute("aria-label", `Parallel coordinates of ${counted(started.length, "task")} over ${axes.map((axis) => axis.column.id).join(", ")}`);
    const without = started.filter((row) => Number.isNaN(rank[row])).length;
    return `${isFiltered() ? `${started.filter((row) => chosen[row]).length.toLocaleString("en")} of ` : ""}${counted(started.length, "task")} that ran, over ${counted(params.length, "parameter")} that differ.`
      + (metricName ? ` The darker the line, the better ${value.label}.`.replace("darker", isDark() ? "brighter" : "darker") : "")
      + (without && metricName ? ` ${without.toLocaleString("en")} without a value ${without === 1 ? "has" : "have"} the colour of ${without === 1 ? "its" : "their"} status.` : "");
  }

  function drawAxes() {
    const [ink, muted, paper, accent] = ["--ink", "--muted", "--paper", "--accent"].map(style);
    pen.font = `11px ${style("--font")}`;
    const halo = (text, x, y) => {
      pen.lineWidth = 3.5;
      pen.strokeStyle = paper;
      pen.globalAlpha = 0.9;
      pen.strokeText(text, x, y);
      pen.globalAlpha = 1;
      pen.fillStyle = ink;
      pen.fillText(text, x, y);
    };
    if (axes.some((axis) => axis.hasUnset)) {
      pen.setLineDash([3, 4]);
      pen.strokeStyle = muted;
      pen.lineWidth = 1;
      pen.beginPath();
      if (box.upright) {
        pen.moveTo(box.left - 10, rail());
        pen.lineTo(box.width - box.right + 10, rail());
      } else {
        pen.moveTo(rail(), box.top - 8);
        pen.lineTo(rail(), axes[axes.length - 1].at + 8);
      }
      pen.stroke();
      pen.setLineDash([]);
      pen.textAlign = box.upright ? "right" : "left";
      pen.textBaseline = box.upright ? "bottom" : "top";
      halo("not set", box.upright ? box.width - 4 : 4, box.upright ? rail() + 16 : axes[axes.length - 1].at + 10);
    }
    axes.forEach((axis, number) => {
      const ends = [along(0), along(1)];
      pen.strokeStyle = muted;
      pen.lineWidth = 1.2;
      pen.beginPath();
      if (box.upright) {
        pen.moveTo(axis.at, ends[0] + 4);
        pen.lineTo(axis.at, ends[1] - 4);
      } else {
        pen.moveTo(ends[0] - 4, axis.at);
        pen.lineTo(ends[1] + 4, axis.at);
      }
      pen.stroke();
      const filter = filters.get(axis.column.id);
      const spans = filter ? axis.spans(filter) : [];
      if (filter && filter.unset) spans.push(null);
      for (const span of spans) {
        pen.fillStyle = accent;
        pen.globalAlpha = 0.3;
        const [first, last] = span ? span.map(along).sort((a, b) => a - b) : [rail() - 8, rail() + 8];
        if (box.upright) pen.fillRect(axis.at - 7, first, 14, Math.max(last - first, 3));
        else pen.fillRect(first, axis.at - 7, Math.max(last - first, 3), 14);
        pen.globalAlpha = 1;
      }
      const last = number === axes.length - 1;
      const room = box.upright ? (last ? box.right - 10 : axes[number + 1].at - axis.at - 16) : 0;
      const fit = (text) => {
        if (!box.upright) return cut(text, 14);
        let kept = text;
        while (kept.length > 3 && pen.measureText(kept).width > room) kept = `${kept.slice(0, -2)}…`;
        return kept;
      };
      pen.textAlign = box.upright ? "left" : "center";
      pen.textBaseline = box.upright ? "middle" : "top";
      let free = -Infinity;
      for (const [place, name] of [...axis.ticks].sort((a, b) => along(a[0]) - along(b[0]))) {
        const at = along(place);
        const text = fit(name);
        const size = box.upright ? 12 : pen.measureText(text).width + 8;
        const x = box.upright ? at : Math.min(Math.max(at, size / 2), box.width - size / 2);
        if (x - size / 2 < free) continue;
        free = x + size / 2;
        if (box.upright) halo(text, axis.at + 6, at);
        else halo(text, x, axis.at + 5);
      }
    });
  }

  // The axis at a place of the screen, if there is one, and how far along it.
  function axisAt(event) {
    const { left, top } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const off = box.upright ? x : y;
    let nearest = 0;
    axes.forEach((axis, number) => {
      if (Math.abs(axis.at - off) < Math.abs(axes[nearest].at - off)) nearest = number;
    });
    const far = Math.abs((box.upright ? y : x) - rail());
    const onRail = axes[nearest].hasUnset && far < 12;
    return { axis: axes[nearest], near: Math.abs(axes[nearest].at - off) <= 24, place: back(x, y), onRail, x, y };
  }

  canvas.addEventListener("pointerdown", (event) => {
    const hit = axisAt(event);
    if (!hit.near) return;
    drag = { ...hit, from: hit.place, moved: false };
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      const { place } = axisAt(event);
      if (Math.abs(place - drag.from) > 0.012) drag.moved = true;
      if (drag.moved && !drag.onRail) {
        const clamp = (each) => Math.min(Math.max(each, 0), 1);
        setFilter(drag.axis.column.id, drag.axis.filter(...[clamp(drag.from), clamp(place)].sort((a, b) => a - b)), { quick: true });
      }
      return;
    }
    const hit = axisAt(event);
    canvas.style.cursor = hit.near ? "crosshair" : "default";
    light(hit.near ? -1 : nearestRow(hit.x, hit.y), hit);
  });
  const release = () => {
    if (!drag) return;
    const { axis, moved, onRail, from } = drag;
    const id = axis.column.id;
    drag = null;
    if (moved && !onRail) return changed();
    const filter = filters.get(id) || emptyFilter();
    if (onRail) return setFilter(id, { ...filter, unset: !filter.unset });
    if (axis.column.kind !== "category" || !filters.has(id)) {
      const alone = axis.column.kind === "category" ? axis.filter(from - 1e-6, from + 1e-6) : null;
      return setFilter(id, alone);
    }
    return setFilter(id, null);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => !drag && light(-1));

  function nearestRow(x, y) {
    const off = box.upright ? x : y;
    const next = axes.findIndex((axis) => axis.at > off);
    if (next < 1) return -1;
    const [first, second] = [axes[next - 1], axes[next]];
    const share = (off - first.at) / (second.at - first.at);
    const want = box.upright ? y : x;
    const index = box.upright ? 1 : 0;
    let found = -1;
    let least = 7;
    for (const row of drawn) {
      if (!chosen[row]) continue;
      const at = point(first, row)[index] * (1 - share) + point(second, row)[index] * share;
      if (Math.abs(at - want) <= least) [least, found] = [Math.abs(at - want), row];
    }
    return found;
  }

  function light(row, hit) {
    if (row !== lit) {
      lit = row;
      requestAnimationFrame(() => paint(drawn.length > 3000));
    }
    tip.hidden = row < 0;
    if (row < 0) return;
    tip.replaceChildren(el("b", {}, `${taskName(row)} ${statusOf(row)}`), ...axes.filter((axis) => axis.column.isSet(row)).map((axis) => el("span", {}, `${cut(axis.column.label || axis.column.id, 24)} = ${cut(axis.column.text(row), 32)}`)));
    tip.style.left = `${Math.min(hit.x + 14, Math.max(box.width - 210, 0))}px`;
    tip.style.top = `${Math.min(hit.y + 10, Math.max(box.height - tip.offsetHeight - 4, 0))}px`;
  }

  one.paint = paint;
  one.arrange = () => {
    box = null;
    if (view.order === null) fillMenu();
  };
  return one;
}
