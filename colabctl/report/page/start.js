// Puts the page together.

function applyTheme() {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  writeAddress();
  fullRedraw();
}

function fullRedraw() {
  figures.forEach((one) => one.arrange && one.arrange());
  writeAddress();
  updateBar();
  redraw();
}

readAddress();
if (theme) document.documentElement.dataset.theme = theme;
drawHead();
drawBar();
const finished = ranked.length > 0 || started.length > 0;
const made = finished
  ? [bestFigure(), paretoFigure(), matrixFigure(), parallelFigure(), importanceFigure(), sliceFigure(), curvesFigure(), failuresFigure(), timelineFigure(), tableFigure()]
  : [timelineFigure(), tableFigure()];
document.getElementById("main").append(...made.filter((one) => one && !(one.id === "best" && !ranked.length) && !(one.id === "slices" && !ranked.length)).map((one) => one.root));
if (!finished) document.getElementById("main").prepend(el("p", { class: "empty wide" }, "No task has run yet, so there is nothing to draw. Start a worker with colabctl work, and make this page again."));
document.getElementById("foot").append(`Made ${when(F.made)} by colabctl ${F.version}, from what this machine had seen of the folder. ${F.sweeps.map((sweep) => sweep.guard).filter((each, at, all) => all.indexOf(each) === at).join("; ")}.`);
updateBar();
document.querySelectorAll(".scroll, .line").forEach(hintScroll);

systemDark.addEventListener("change", () => !theme && fullRedraw());
addEventListener("hashchange", () => { readAddress(); fullRedraw(); });
let resizing = 0;
let lastWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === lastWidth) return; // a phone's address bar changes the height alone
  lastWidth = innerWidth;
  clearTimeout(resizing);
  resizing = setTimeout(fullRedraw, 150);
});
// On paper: light, and everything drawn.
let themeBefore = null;
addEventListener("beforeprint", () => {
  themeBefore = theme;
  theme = "light";
  document.documentElement.dataset.theme = "light";
  figures.forEach((one) => one.arrange && one.arrange());
  redraw({ all: true });
});
addEventListener("afterprint", () => {
  theme = themeBefore;
  applyTheme();
});
document.documentElement.dataset.ready = "1";
