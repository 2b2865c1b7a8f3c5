"""A sweep as its file declares it, with the keys of W&B's format and colabctl's own."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from colabctl.budget import Budget, Patience
from colabctl.needs import Rule as NeedRule
from colabctl.notebook.kernel_options import Keep, KernelOptions, ShellErrors
from colabctl.notify import Notify
from colabctl.repeat import Repeat
from colabctl.search.language import libraries
from colabctl.search.language.commands.command_words import read_command
from colabctl.search.language.document import from_python
from colabctl.search.language.fields import Fields
from colabctl.search.language.foreach import read_exclude, read_foreach
from colabctl.search.language.limits.budget import duration, read_budget, read_patience
from colabctl.search.language.limits.needs import read_needs
from colabctl.search.language.links.where import read_where
from colabctl.search.language.links.zip import read_zip
from colabctl.search.language.metric import Metric, read_metric, read_metrics
from colabctl.search.language.notify import read_notify
from colabctl.search.language.parameters import ParametersReader
from colabctl.search.language.problems import Problems
from colabctl.search.language.repeat import read_repeat
from colabctl.search.language.scheduler import (
    Scheduler,
    check_scheduler,
    is_scheduled,
    is_unclear,
    read_scheduler,
)
from colabctl.search.language.stage import read_stage
from colabctl.search.language.start_with import StartPoint, read_start_with
from colabctl.search.language.stopping.early_terminate import read_early_terminate
from colabctl.search.language.stopping.stopping_rules import Rule
from colabctl.search.language.words import note_words
from colabctl.search.space.cells import Exclusion
from colabctl.search.space.space import Space
from colabctl.yamlfile.problems import shown

Method = Literal["grid", "random", "bayes", "optuna"]
SamplerName = Literal["auto", "tpe", "gp", "cmaes", "qmc", "nsga2"]
Claims = Literal["eager", "careful"]

_KERNEL_KEYS = ("kernel", "kernel_tasks", "shell_errors", "keep_notebooks")
_KEYS = (
    *("method", "parameters", "metric", "metrics", "early_terminate", "run_cap"),
    *("program", "command", "name", "description"),
    *("foreach", "trials", "exclude", "sampler", "seed", "repeat", "aggregate"),
    *("start_with", "learn_from", "budget", "patience"),
    *("max_retries", "task_timeout", "code", "cwd", "claims", "process_tasks", "keep_wandb"),
    *("notify", "stage", "zip", "where", "scheduler", "needs"),
    *_KERNEL_KEYS,
)
_WANDB_KEYS = (
    *("entity", "project", "controller", "job", "image_uri", "apiVersion", "kind"),
    *("queue", "resource", "resource_args", "launch", "docker", "settings", "tags", "group"),
    *("notes", "job_type", "prior_runs", "wandb"),
)
"""Keys of W&B's sweeps, launch jobs and runs that mean nothing here."""
MOST_EARLIER = 100
"""Sweeps in `learn_from`."""
_SYNONYMS = {
    "params": "parameters",
    "count": "run_cap",
    "max_trials": "trials",
    "n_trials": "trials",
    "num_trials": "trials",
    "early_stop": "early_terminate",
    "early_stopping": "early_terminate",
    "retries": "max_retries",
    "timeout": "task_timeout",
    "repeats": "repeat",
    "n_repeats": "repeat",
    "seeds": "repeat",
    "folds": "repeat",
    "constraints": "where",
    "constraint": "where",
    "max_time": "budget",
    "time_budget": "budget",
    "time_limit": "budget",
    "gpu": "needs",
    "gpus": "needs",
    "memory": "needs",
    "resources": "needs",
    "requirements": "needs",
    "requires": "needs",
}
"""Words from other tools that difflib cannot match to the right word."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """The keys of a sweep file, checked; `content` is the file as plain values."""

    source: str
    method: Method
    parameters: Space
    name: str | None = None
    description: str | None = None
    metric: Metric | None = None
    metrics: tuple[Metric, ...] = ()
    """Several metrics, in place of one."""
    program: str | None = None
    command: tuple[str, ...] | None = None
    foreach: tuple[str, ...] = ()
    trials: int | None = None
    exclude: tuple[Exclusion, ...] = ()
    run_cap: int | None = None
    repeat: Repeat | None = None
    """The tasks of each configuration, if there are several."""
    sampler: SamplerName = "auto"
    """Proposes the parameters of deferred tasks."""
    early_terminate: Rule | None = None
    start_with: tuple[StartPoint, ...] = ()
    """The points of the first tasks."""
    learn_from: tuple[str, ...] = ()
    """Earlier sweeps whose trials a Bayesian search learns from."""
    seed: int = 0
    max_retries: int = 1
    task_timeout: float | None = None
    """Seconds."""
    budget: Budget | None = None
    patience: Patience | None = None
    code: tuple[str, ...] = ()
    """Files and folders that tasks need, besides what is found."""
    cwd: str | None = None
    """The current folder of tasks, from the project's root."""
    claims: Claims = "eager"
    process_tasks: int = 0
    """Number of tasks after which a function's process is replaced; 0 for never."""
    kernels: KernelOptions = field(default_factory=KernelOptions)
    keep_wandb: bool = False
    notify: Notify | None = None
    """Where workers send messages, and when."""
    stage: Mapping[str, str] = field(default_factory=dict)
    """What workers copy to their own disk, by name: paths from the project's root."""
    needs: tuple[NeedRule, ...] = ()
    """What a machine must have to run the tasks."""
    scheduler: Scheduler | None = None
    """Functions of the user by which Optuna chooses parameters."""
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def written_method(self) -> str:
        """The method as the file has it: custom runs as bayes or optuna."""
        return str(self.content.get("method", self.method))


def read(text: str | bytes | Mapping[str, Any], source: str) -> Declaration:
    """Return the sweep that a YAML text, or a mapping from Python, declares.

    `source` is the name of the file, for messages. Raises InvalidFileError (a UserError) with all
    problems, each with its line and column if there is a text.
    """
    if isinstance(text, Mapping):
        document, not_plain = from_python(text, source)
    else:
        from colabctl.yamlfile.reader import read_yaml  # noqa: PLC0415 - Python needs no YAML

        document, not_plain = read_yaml(text, source)
    problems = Problems(document, not_plain)
    if fault := _no_sweep(document.content):
        problems.add((), fault)
        problems.raise_if_any()
    declaration = _declaration(source, Fields(document.content, (), problems))
    note_words(problems)
    problems.raise_if_any()
    return replace(declaration, notes=tuple(problems.notes()))


def _no_sweep(content: Any) -> str | None:
    """Return why the content of a file cannot be a sweep, and the usual fix; None if it can."""
    what = "a sweep file is a map with method:, parameters: and other keys"
    match content:
        case None:
            return f"is empty; {what}"
        case [dict(), *_] if any("method" in item for item in content if isinstance(item, dict)):
            return f"is a list, but {what}; remove the dashes before the keys"
        case str() if "\uff1a" in content:
            return f"contains {shown(content)}; write an ordinary : after each key, and a space"
        case str() if ":" in content:
            return f"contains {shown(content)}; write a space after the colon of each key"
        case dict():
            nested = (key for key, value in content.items() if _is_sweep(value))
            key = None if _is_sweep(content) else next(nested, None)
            return (
                f"has its sweep under {key}:; move its keys to the top of the file" if key else None
            )
    return f"contains {shown(content)}; {what}"


def _is_sweep(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and "method" in content
        and not isinstance(content["method"], dict)
    )


def read_declared(content: bytes, source: str) -> Declaration:
    """Return the declaration in the sweep.yaml of a declared sweep; raises as `read` does.

    A file that is too large for YAML was declared from Python, so it is JSON.
    """
    from colabctl.yamlfile.reader import LARGEST  # noqa: PLC0415 - loads PyYAML

    if len(content) > LARGEST:
        with suppress(ValueError, RecursionError):
            tree = json.loads(content)
            if isinstance(tree, dict):
                return read(tree, source)
    return read(content, source)


def _declaration(source: str, top: Fields) -> Declaration:
    """Return the declaration; record problems, whose keys get placeholder values."""
    _check_keys(top)
    method = _method(top)
    metric, metrics = read_metric(top), read_metrics(top)
    check_scheduler(top)
    has_metric = top.has("metric") or top.has("metrics")
    if (method == "bayes" or is_scheduled(top)) and not has_metric:
        word = top.content["method"]
        top.problem("method", f"{word} needs metric:, as in {{name: val_loss, goal: minimize}}")
    if method == "optuna" and not is_scheduled(top):
        metric = _of_objective(top, metric)
    _check_for_notebooks(top)
    listed = _space(top, method)
    scheduler = read_scheduler(top, listed)
    if scheduler:  # Optuna chooses the others
        fixed = top.texts("foreach") or ()
        listed = Space.of(each for each in listed.parameters if each.name in fixed)
    space = read_where(top, read_zip(top, listed), of_objective=method == "optuna")
    foreach = read_foreach(top, space)
    repeat = read_repeat(top, space, method)
    retries = top.whole("max_retries", least=0)
    return Declaration(
        source=source,
        method=method or "random",
        parameters=space,
        name=top.text("name") if top.content.get("name") != "" else None,
        description=top.text("description") if top.content.get("description") != "" else None,
        metric=metric,
        metrics=metrics,
        program=top.text("program"),
        command=read_command(top, space),
        foreach=foreach,
        trials=top.whole("trials", least=1),
        exclude=read_exclude(top, space, foreach),
        run_cap=top.whole("run_cap", least=1),
        repeat=repeat,
        sampler=_sampler(top, method),
        early_terminate=read_early_terminate(top, metric),
        start_with=read_start_with(top, space, foreach, declared=method != "optuna"),
        learn_from=_learn_from(top, method),
        seed=top.whole("seed") or 0,
        max_retries=1 if retries is None else retries,
        task_timeout=duration(top, "task_timeout"),
        budget=read_budget(top),
        patience=read_patience(top),
        code=top.texts("code") or (),
        cwd=top.text("cwd"),
        claims=top.word("claims", get_args(Claims)) or "eager",
        process_tasks=_process_tasks(top),
        kernels=_kernels(top),
        keep_wandb=top.flag("keep_wandb") or False,
        notify=read_notify(top),
        stage=read_stage(top),
        needs=read_needs(top, space, repeat, foreach, method),
        scheduler=scheduler,
        content=top.content,
    )


def _check_keys(top: Fields) -> None:
    """Refuse, note or ignore the keys that mean nothing here."""
    for key in _WANDB_KEYS:
        if top.has(key):
            top.note(key, "used by W&B only, has no effect here")
    top.look_for_unknown(_KEYS, _WANDB_KEYS, _SYNONYMS)


def _method(top: Fields) -> Method | None:
    method = top.content.get("method")
    if method is None:
        top.problems.add((), "method: is missing; add method: grid, random, bayes or optuna")
        return None
    if method == "custom":  # Optuna proposes the parameters, by functions of the user or alone
        return "optuna" if is_scheduled(top) else "bayes"
    methods: tuple[Method, ...] = get_args(Method)
    if method not in methods:
        top.word("method", (*methods, "custom"))  # records the problem
        return None
    return top.word("method", methods)


def _of_objective(top: Fields, metric: Metric | None) -> Metric | None:
    """Check the program of an Optuna objective; return its metric, which is "value" by default."""
    program = top.content.get("program")
    if not isinstance(program, str) or ":" not in program:
        top.problem(
            "program" if top.has("program") else "method",
            'optuna needs the objective as program:, as in "study.py:objective"',
        )
    return metric if top.has("metric") or top.has("metrics") else Metric("value")


def _check_for_notebooks(top: Fields) -> None:
    program = top.content.get("program")
    if isinstance(program, str) and program.endswith(".ipynb"):
        return
    for key in _KERNEL_KEYS:
        if top.has(key):
            top.note(key, "for notebooks only, ignored")


def _kernels(top: Fields) -> KernelOptions:
    return KernelOptions(
        fresh=top.word("kernel", ("warm", "fresh")) == "fresh",
        kernel_tasks=top.whole("kernel_tasks", least=1) or 0,
        shell_errors=top.word("shell_errors", get_args(ShellErrors)) or "raise",
        keep=top.word("keep_notebooks", get_args(Keep)) or "failed",
    )


def _process_tasks(top: Fields) -> int:
    number = top.whole("process_tasks", least=1) or 0
    program = top.content.get("program")
    if number and not (isinstance(program, str) and ":" in program):
        top.note("process_tasks", "for functions only, ignored; notebooks have kernel_tasks")
        return 0
    return number


def _sampler(top: Fields, method: Method | None) -> SamplerName:
    samplers: tuple[SamplerName, ...] = get_args(SamplerName)
    sampler = top.word("sampler", samplers)
    if method not in ("bayes", "optuna"):
        if sampler and method:
            top.problem("sampler", f"has no effect with method: {method}; use method: bayes")
        return sampler or "auto"
    if method == "optuna" and sampler == "auto":
        top.problem("sampler", "auto is for method: bayes; name the sampler, as in sampler: tpe")
    if sampler in ("gp", "cmaes") and top.has("metrics"):
        top.problem("sampler", f"{sampler} searches for one metric; use tpe or nsga2")
    is_bayes = top.content.get("method") == "bayes"  # W&B's Optuna for method: custom is TPE
    default: SamplerName = "auto" if is_bayes else "tpe"
    missing = libraries.missing(sampler or default, objective=method == "optuna")
    if missing:
        subject = "sampler" if sampler else "method"
        top.note(
            subject,
            f"{sampler or method} needs {', '.join(missing)} on each worker, and this machine "
            f"lacks {'them' if len(missing) > 1 else 'it'}; run: {libraries.command(missing)}",
        )
    return sampler or default


def _learn_from(top: Fields, method: Method | None) -> tuple[str, ...]:
    if top.has("learn_from") and method not in ("bayes", None):
        written = top.content["method"]
        top.problem("learn_from", f"has no effect with method: {written}; use method: bayes")
    names = dict.fromkeys(top.texts("learn_from", "the name of a sweep") or ())
    if len(names) > MOST_EARLIER:
        top.problem("learn_from", f"lists {len(names)} sweeps; {MOST_EARLIER} is the limit")
    return tuple(names)


def _space(top: Fields, method: Method | None) -> Space:
    parameters = top.content.get("parameters")
    if is_scheduled(top):
        if not parameters and top.content["scheduler"].get("search_space"):
            return Space()
    elif method == "optuna":
        if not parameters:
            return Space()
        foreach = top.content.get("foreach")
        for name in parameters if isinstance(parameters, dict) else ():
            if name not in (foreach if isinstance(foreach, list) else [foreach]):
                message = "an objective suggests its own parameters; list only those in foreach"
                top.problems.add(("parameters", name), message, key=True)
    if not parameters:
        if is_unclear(top):
            return Space()
        message = "is missing or empty; list the parameters, as in {lr: {values: [1e-3, 1e-4]}}"
        top.problems.add(("parameters",), message, key=True)
        return Space()
    return ParametersReader(top.problems, method == "grid").space(parameters, ("parameters",))
