// Failures by cause, with what the failing tasks have in common.

function failuresFigure() {
  if (!F.causes.length) return null;
  const one = figure("failures", "Failures");
  const list = el("ol", { class: "causes" });
  one.body.append(list);
  const most = Math.max(...F.causes.map((cause) => cause.tasks));
  one.paint = () => {
    list.replaceChildren(...F.causes.map((cause) => {
      const code = fixed.cause.names.indexOf(cause.id);
      const filter = filters.get("cause");
      const again = [cause.failed && `${cause.failed} failed for good`, cause.retry && `${cause.retry} to be tried again`,
        cause.tasks - cause.failed - cause.retry > 0 && `${cause.tasks - cause.failed - cause.retry} went on to finish or to fail otherwise`].filter(Boolean).join(", ");
      return el("li", {},
        el("div", { class: "cause" }, el("span", { class: "size", style: { width: `${Math.max((cause.tasks / most) * 100, 2)}%` } }), el("b", {}, counted(cause.tasks, "task")),
          el("code", {}, cut(cause.error, 200))),
        el("p", {}, [several && F.sweeps[cause.sweep].name, cause.place, again, cause.attempts > cause.tasks && counted(cause.attempts, "attempt")].filter(Boolean).join(" · ")),
        cause.shared && el("p", { class: "shared" }, cause.shared),
        el("div", { class: "buttons" }, code >= 0 && el("button", { type: "button", "aria-pressed": String(Boolean(filter && filter.codes.has(code))), onclick: () => toggleCodes({ cause: [code] }) }, "Choose these tasks"),
          cause.output.length > 0 && el("details", {}, el("summary", {}, `What ${cause.example} printed last`), el("pre", { tabindex: "0" }, cause.output.join("\n")))));
    }));
    const tasks = F.causes.reduce((sum, cause) => sum + cause.failed, 0);
    return `${counted(F.causes.length, "cause")}; ${counted(tasks, "task")} failed for good.${F.causes.length > 1 ? ` The bars share one scale: a whole bar is ${counted(most, "task")}.` : ""}`;
  };
  return one;
}
