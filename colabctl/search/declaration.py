"""A sweep as its file declares it: every key of W&B's form, and those that W&B does not have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from colabctl.durations import parse_duration
from colabctl.errors import UserError
from colabctl.search.cells import Exclusion, check_exclude, check_foreach
from colabctl.search.document import Document, from_python
from colabctl.search.fields import Fields
from colabctl.search.objective import Metric, read_early_terminate, read_metric
from colabctl.search.parameters import ParametersReader
from colabctl.search.problems import Findings, did_you_mean, nearest, shown
from colabctl.search.space import Space

Method = Literal["grid", "random", "bayes"]
Claims = Literal["eager", "careful"]

_METHODS: tuple[Method, ...] = ("grid", "random", "bayes")
_CLAIMS: tuple[Claims, ...] = ("eager", "careful")

_OURS = (
    "foreach",
    "trials",
    "exclude",
    "seed",
    "max_retries",
    "task_timeout",
    "code",
    "claims",
)
_WANDB = (
    "method",
    "parameters",
    "metric",
    "early_terminate",
    "run_cap",
    "program",
    "command",
    "name",
    "description",
)
_MEANINGLESS = ("entity", "project", "controller", "job", "image_uri", "apiVersion", "kind")
_REFUSED = {
    "metrics": "several metrics need W&B's external optimisers; name the main one under metric:",
    "scheduler": "W&B's external optimisers do not run here; use method: bayes",
}
_OTHER_WORDS = {
    "params": "parameters",
    "space": "parameters",
    "count": "run_cap",
    "max_trials": "trials",
    "n_trials": "trials",
    "num_trials": "trials",
    "repeat": "trials",
    "early_stop": "early_terminate",
    "early_stopping": "early_terminate",
    "objective": "metric",
    "retries": "max_retries",
    "timeout": "task_timeout",
    "script": "program",
}
"""What people coming from elsewhere may write, too unlike the right word for difflib to see it."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a sweep file says, checked; `content` is the file as plain values."""

    source: str
    method: Method
    parameters: Space
    name: str | None = None
    description: str | None = None
    metric: Metric | None = None
    program: str | None = None
    command: tuple[str, ...] | None = None
    foreach: tuple[str, ...] = ()
    trials: int | None = None
    exclude: tuple[Exclusion, ...] = ()
    run_cap: int | None = None
    early_terminate: Mapping[str, Any] | None = None
    seed: int = 0
    max_retries: int = 1
    task_timeout: float | None = None
    """Seconds."""
    code: tuple[str, ...] = ()
    """Files and folders that tasks need beside the program."""
    claims: Claims = "eager"
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()


def read(text: str | bytes | Mapping[str, Any], source: str) -> Declaration:
    """Return the sweep that a YAML text, or a mapping from Python, declares.

    `source` is the name of the file for messages. Raises SweepFileError (a UserError) with all that
    is wrong, each with its line and column where there is a text.
    """
    if isinstance(text, Mapping):
        document, problems = from_python(text, source)
    else:
        from colabctl.search.text import from_text  # noqa: PLC0415 - Python needs no YAML

        document, problems = from_text(text, source)
    findings = Findings(document, problems)
    declaration = _declaration(document, findings)
    findings.refuse_if_wrong()
    assert declaration is not None
    return declaration


def _declaration(document: Document, findings: Findings) -> Declaration | None:
    """Return the declaration; None only with a problem in `findings`."""
    content = document.content
    if not isinstance(content, dict):
        what = "is empty" if content is None else f"holds {shown(content)}"
        findings.problem((), f"{what}; a sweep file is a map with method:, parameters: and others")
        return None
    top = Fields(content, (), findings)
    _check_keys(top)
    method = _method(top)
    metric = read_metric(top)
    if method == "bayes" and not top.has("metric"):
        findings.problem((), "method: bayes needs metric:, as in {name: val_loss, goal: minimize}")
    space, foreach, exclude = _space(top, method)
    if method is None:
        return None
    return Declaration(
        source=document.source,
        method=method,
        parameters=space,
        name=top.text("name"),
        description=top.text("description"),
        metric=metric,
        program=top.text("program"),
        command=_command(top),
        foreach=foreach,
        trials=top.whole("trials", least=1),
        exclude=exclude,
        run_cap=top.whole("run_cap", least=1),
        early_terminate=read_early_terminate(top, metric),
        seed=top.whole("seed") or 0,
        max_retries=_max_retries(top),
        task_timeout=_task_timeout(top),
        code=top.texts("code") or (),
        claims=_claims(top),
        content=content,
        notes=tuple(findings.notes()),
    )
