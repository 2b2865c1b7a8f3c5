// Elements and texts. Text from the facts only ever becomes the text of an element.

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, given] of Object.entries(attributes)) {
    if (given === null || given === undefined || given === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), given);
    else if (name === "class") made.className = given;
    else if (name === "style") Object.entries(given).forEach(([key, each]) => made.style.setProperty(key, each));
    else made.setAttribute(name, given === true ? "" : given);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// A number with four digits, as short as it gets.
function short(number) {
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  if (Number.isInteger(number) && size < 1e6) return String(number);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return number.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  }
  return String(Number(number.toPrecision(4)));
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function duration(seconds) {
  if (!(seconds >= 0)) return "";
  if (seconds < 1) return `${short(Number(seconds.toPrecision(2)))} s`;
  if (seconds < 60) return `${Number(seconds.toPrecision(seconds < 10 ? 2 : 3))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds / 60) % 60)).padStart(2, "0")} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds / 3600) % 24)} h`;
}

const when = (iso) => iso.replace("T", " ").replace(/:\d\d\+00:00$/, " UTC");

function cut(text, most = 40) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

// plotly reads some HTML in its texts.
const forPlotly = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function copyButton(label, text, title) {
  const button = el("button", { class: "copy", type: "button", title }, label);
  button.addEventListener("click", async () => {
    const done = await copy(typeof text === "function" ? text() : text);
    button.textContent = done ? "Copied" : "Not allowed here";
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

// Marks what lies out of sight on either side of a box that scrolls; the style fades those edges.
function hintScroll(box) {
  const mark = () => {
    box.toggleAttribute("data-left", box.scrollLeft > 2);
    box.toggleAttribute("data-right", box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
  };
  box.addEventListener("scroll", mark, { passive: true });
  const watch = new ResizeObserver(mark);
  [box, ...box.children].forEach((each) => watch.observe(each));
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "aside" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
