"""Finds what a notebook measures: names and expressions that its last cell can report."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from colabctl.notebook.cells import CodeCell

_WORDS = re.compile(
    r"acc(uracy)?|loss|f1|auc|auroc|roc_auc|rmse|rmsle|mse|mae|mape|r2|error|err|score|precision|recall|"
    r"bleu|rouge|iou|miou|dice|perplexity|ppl|wer|cer|ndcg|mrr|psnr|ssim|kappa|mcc|map|top1|top5|reward|"
    r"return|fid|elbo|nll"
)
_LOWER = re.compile(
    r"loss|rmse|rmsle|mse|mae|mape|error|err|perplexity|ppl|wer|cer|fid|nll|log_loss|.*_error"
)
_VALIDATION = frozenset({"val", "valid", "validation", "dev", "eval", "oof", "cv", "holdout"})
_TEST = frozenset({"test", "tst"})
_TRAIN = frozenset(
    {"train", "training", "tr", "running", "epoch", "batch", "step", "total", "curr"}
)
# Names with these words hold something else than a number.
_OTHER = frozenset(
    """
    criterion curve df dict fig fn func function hist history list log matrix meter metric metrics
    name names obj object plot scale tracker weight weights
    """.split()  # noqa: SIM905 - a list would be longer
)
_PLURALS = {
    "losses": "loss", "accs": "acc", "accuracies": "accuracy", "scores": "score", "errors": "error",
}  # fmt: skip
_FIT = ("fit", "fit_generator")
_SCORERS = re.compile(r"(\w+)_(score|error)|mean_\w+_error|log_loss|r2_score|roc_auc_score")
_MOST = 3  # measures to report


@dataclass(frozen=True)
class Measure:
    """A number that the last cell of a notebook can report.

    Attributes:
        name: the metric's name.
        expression: what computes it there; "" if the notebook already reports it with W&B.
        origin: where it comes from.
        rank: how well it suits a sweep; more is better.
    """

    name: str
    expression: str
    origin: str
    rank: float

    @property
    def goal(self) -> str:
        """Whether a sweep should minimize or maximize it."""
        last = [word for word in _split(self.name) if _WORDS.fullmatch(word)]
        lower = _LOWER.fullmatch(self.name) or (last and _LOWER.fullmatch(last[-1]))
        return "minimize" if lower else "maximize"


def measures(code: Sequence[CodeCell]) -> list[Measure]:
    """Return what a notebook measures, the best first, each name once."""
    by_name: dict[str, Measure] = {}
    compiled = _compiled(code)
    lists = _lists(code)
    for cell in code:
        for measure in _of_cell(cell, compiled, lists):
            later = replace(measure, rank=measure.rank + cell.index / 1000)
            if measure.name not in by_name or later.rank >= by_name[measure.name].rank:
                by_name[measure.name] = later
    return sorted(by_name.values(), key=lambda measure: -measure.rank)


def chosen(ranked: Sequence[Measure]) -> list[Measure]:
    """Return the measures to propose: the best, and others that are almost as good."""
    if not ranked:
        return []
    enough = ranked[0].rank - 6
    several = {
        re.sub("accuracy", "acc", measure.name.lower()): measure
        for measure in reversed(ranked)
        if measure.rank >= enough
    }
    return list(reversed(several.values()))[:_MOST]


def named(code: Sequence[CodeCell], name: str) -> Measure | None:
    """Return the measure with this name: one that was found, or a name that some cell binds."""
    for measure in measures(code):
        if measure.name == name:
            return measure
    lists = _lists(code)
    for cell in code:
        for node in _top_level(cell.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
                expression = f"{name}[-1]" if name in lists else name
                return Measure(name, expression, f"cell {cell.number}, line {node.lineno}", 0)
    return None


def _of_cell(cell: CodeCell, compiled: tuple[str, ...], lists: frozenset[str]) -> Iterator[Measure]:
    for node in _top_level(cell.tree):
        where = f"cell {cell.number}, line {getattr(node, 'lineno', 1)}"
        match node:
            case ast.Assign(targets=[target], value=value):
                yield from _of_assignment(target, value, compiled, lists, where)
            case ast.AugAssign(target=ast.Name(id=name)):
                yield from _of_name(name, None, lists, where)
            case ast.Expr(value=ast.Call() as call):
                yield from _of_call(call, compiled, where)


def _of_assignment(
    target: ast.expr,
    value: ast.expr,
    compiled: tuple[str, ...],
    lists: frozenset[str],
    where: str,
) -> Iterator[Measure]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            if isinstance(part, ast.Name):
                yield from _of_name(part.id, None, lists, where)
        return
    if not isinstance(target, ast.Name):
        return
    name, method = target.id, _method(value)
    if method in _FIT and isinstance(getattr(value, "func", None), ast.Attribute):
        yield from _of_history(f"{name}.history", value, compiled, where)
    elif method.startswith("evaluate") and not compiled and _is_metric(name):
        yield from _of_name(name, None, lists, where)
    elif method in ("evaluate", "evaluate_generator") and not _is_trainer(value):
        yield from _of_evaluation(name, compiled, where)
    elif method == "evaluate":
        yield Measure("eval_loss", f'{name}["eval_loss"]', where, _rank("eval_loss"))
    else:
        yield from _of_name(name, value, lists, where)


def _of_name(
    name: str, value: ast.expr | None, lists: frozenset[str], where: str
) -> Iterator[Measure]:
    words, is_list = _split(name), name in lists
    if not is_list and words[-1] in _PLURALS:
        return
    singular = [_PLURALS.get(word, word) for word in words]
    if not any(_WORDS.fullmatch(word) for word in singular) or set(words) & _OTHER:
        return
    if value is not None and _is_object(value):
        return
    rank = _rank("_".join(singular)) - (1 if is_list else 0)
    if is_list:  # the last of one for each epoch, for example
        metric = "_".join(singular) if singular != words else name
        yield Measure(metric, f"{name}[-1]", where, rank)
    else:
        yield Measure(name, name, where, rank)


def _of_call(call: ast.Call, compiled: tuple[str, ...], where: str) -> Iterator[Measure]:
    method = _method(call)
    if method in _FIT and isinstance(call.func, ast.Attribute):
        owner = ast.unparse(call.func.value)
        yield from _of_history(f"{owner}.history.history", call, compiled, where)
    elif method == "evaluate" and _is_trainer(call):
        yield Measure("eval_loss", f'{ast.unparse(call)}["eval_loss"]', where, _rank("eval_loss"))
    elif method == "evaluate":
        yield from _of_evaluation(ast.unparse(call), compiled, where)
    elif method in ("fine_tune", "fit_one_cycle", "fit_flat_cos"):  # fastai
        owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else "learn"
        yield Measure("valid_loss", f"{owner}.validate()[0]", where, _rank("valid_loss"))
    elif method in ("log", "log_metrics") and call.args and isinstance(call.args[0], ast.Dict):
        for part in call.args[0].keys:
            if isinstance(part, ast.Constant) and _is_metric(str(part.value)):
                yield Measure(str(part.value), "", where, _rank(str(part.value)) + 2)
    elif method == "print":
        yield from _of_print(call, where)


def _of_evaluation(result: str, compiled: tuple[str, ...], where: str) -> Iterator[Measure]:
    """Yield what the `evaluate` of Keras returns: the loss, or a list with the loss and metrics."""
    for index, key in enumerate(("loss", *compiled)):
        if key:
            place = f"{result}[{index}]" if compiled else result
            yield Measure(f"test_{key}", place, where, _rank(f"test_{key}") + 1)


def _of_print(call: ast.Call, where: str) -> Iterator[Measure]:
    """Yield the scores that are computed only to be printed."""
    for part in ast.walk(call):
        if not isinstance(part, ast.Call):
            continue
        scorer = _method(part)
        if _SCORERS.fullmatch(scorer):
            name = scorer.removesuffix("_score")
            yield Measure(name, ast.unparse(part), where, 15)
        elif scorer == "score" and len(part.args) == 2:
            yield Measure("score", ast.unparse(part), where, 14)


def _of_history(
    history: str, call: ast.expr, compiled: tuple[str, ...], where: str
) -> Iterator[Measure]:
    keywords = {keyword.arg for keyword in getattr(call, "keywords", [])}
    validated = bool(keywords & {"validation_data", "validation_split"})
    if not validated and "epochs" not in keywords:
        return  # not the `fit` of Keras
    prefix = "val_" if validated else ""
    for key in filter(None, ("loss", *compiled)):
        name = f"{prefix}{key}"
        yield Measure(name, f'{history}["{name}"][-1]', where, _rank(name) - 2)


def _rank(name: str) -> float:
    words = set(_split(name))
    of_data = 30 if words & _VALIDATION else 22 if words & _TEST else 12
    if words & _TRAIN:
        of_data = 4
    best = 2 if "best" in words else 0
    last = "loss" if "loss" in words else ""
    return of_data + best + (0 if last else 3)


def _split(name: str) -> list[str]:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_").replace("-", "_").split("_")


def _is_metric(name: str) -> bool:
    words = [word for part in re.split(r"[/ .]", name) for word in _split(part)]
    return any(_WORDS.fullmatch(word) for word in words)


def _method(node: ast.expr | None) -> str:
    """Return the last part of the name of the function that is called."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_trainer(call: ast.expr) -> bool:
    return "trainer" in ast.unparse(call).partition("(")[0].lower()


def _is_object(value: ast.expr) -> bool:
    """Whether a value is no number: an instance of a class, a text, a function."""
    match value:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name[:1].isupper() or name in ("load", "load_metric", "DataFrame", "dict")
        case ast.Constant(value=str() | None) | ast.Lambda() | ast.Dict() | ast.JoinedStr():
            return True
    return False


def _lists(code: Sequence[CodeCell]) -> frozenset[str]:
    """Return the names that hold lists: of epochs, for example."""
    names: set[str] = set()
    for cell in code:
        for node in _top_level(cell.tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() | ast.ListComp()):
                    names.add(name)
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript(value=value)) if (
                    ast.unparse(value).endswith(("history", "history_dict"))
                ):
                    names.add(name)
    return frozenset(names)


def _compiled(code: Sequence[CodeCell]) -> tuple[str, ...]:
    """Return what Keras computes besides the loss; "" for metrics that have no name in the code."""
    for cell in code:
        for node in ast.walk(cell.tree):
            if _method(node if isinstance(node, ast.expr) else None) != "compile":
                continue
            for keyword in getattr(node, "keywords", []):
                if keyword.arg == "metrics":
                    parts = getattr(keyword.value, "elts", [keyword.value])
                    names = [p.value if isinstance(p, ast.Constant) else "" for p in parts]
                    return tuple(map(str, names))
    return ()


def _top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a cell outside of functions and classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        yield node
        yield from _top_level(node)
