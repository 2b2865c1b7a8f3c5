"""Finds what works in a notebook by hand but not in a task, and says what to write instead."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from colabctl.notebook.cells import CodeCell
from colabctl.notebook.magics import INSTALL, KNOWN, Magic

COLAB = "google.colab"
_ASK = "a task has no one to ask"
# Calls that cannot succeed in a task, and what to do instead.
_IMPOSSIBLE = {
    "input": f"{_ASK}; use a parameter",
    "getpass.getpass": f"{_ASK}; name the secret in `secrets:` of colabctl.yaml, and read it with "
    "os.environ",
    f"{COLAB}.files.upload": f"{_ASK}; put the file into the project, and read it from there",
    "breakpoint": f"{_ASK}; remove it",
    "pdb.set_trace": f"{_ASK}; remove it",
    "condacolab.install": "it restarts the kernel, which ends the task; use %pip",
}
# Calls that do something else in a task, or may fail there.
_DIFFERENT = {
    f"{COLAB}.files.download": "a task has no browser, so the file is copied to the task's folder",
    f"{COLAB}.auth.authenticate_user": "a task cannot ask for an account; call it in the worker's "
    "notebook",
    f"{COLAB}.output.eval_js": "a task has no browser, so this fails there",
    "huggingface_hub.notebook_login": f"{_ASK}; name HF_TOKEN in `secrets:` of colabctl.yaml",
    "huggingface_hub.login": f"{_ASK}; name HF_TOKEN in `secrets:` of colabctl.yaml",
    "os.kill": "if it ends the kernel, it ends the task",
}
_TENSORBOARD = "no one sees TensorBoard in a task, so it is not started"
_MAGICS = {
    "load": "it runs nothing in a task; use %run",
    "loadpy": "it runs nothing in a task; use %run",
    "debug": f"{_ASK}; remove it",
    "pdb": f"{_ASK}; remove it",
    "tensorboard": _TENSORBOARD,
}
# Magics of extensions that are loaded without their own name in %load_ext.
_EXTENSION = (
    "no cell above loads an extension that has it; add the line %load_ext ..., or remove it"
)
_MOST_NAMES = 5  # of packages in a note
_PACKAGE = re.compile(r"[A-Za-z][\w.-]*")
# Commands that succeed only once, and what to write instead.
_ONCE = (
    (re.compile(r"^\s*git\s+clone\b"), "git clone", "test -d FOLDER || git clone ..."),
    (re.compile(r"^\s*mkdir\s+(?!-p\b|.*\s-p\b|.*--parents)"), "mkdir", "mkdir -p ..."),
    (re.compile(r"^\s*unzip\s+(?!.*-\w*[on])"), "unzip", "unzip -o ..."),
    (re.compile(r"^\s*ln\s+(?!.*-\w*f)"), "ln", "ln -sfn ..."),
)
_ASKS = (
    (re.compile(r"\bapt(?:-get)?\s+install\b(?!.*\s-\w*[yq])(?<!-y install)"), "apt install", "-y"),
    (re.compile(r"\bpip[\d.]*\s+uninstall\b(?!.*\s(?:-y|--yes))"), "pip uninstall", "-y"),
)
_MOUNT = "/content/drive"  # where worker notebooks mount the Drive
_COLAB_PATH = re.compile(r"/content/(?!g?drive/?$)")
# Not all of these expressions are evaluated.
_SOMETIMES = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.comprehension)


class Obstacle(NamedTuple):
    """Something that does not work in a task, or not as it does by hand.

    Attributes:
        cell: number of the cell, from 1.
        line: number of the line in it.
        text: what it is, and what to do.
        certain: whether every task fails there.
    """

    cell: int
    line: int
    text: str
    certain: bool = False

    def __str__(self) -> str:
        return f"cell {self.cell}, line {self.line}: {self.text}"


def obstacles(code: tuple[CodeCell, ...], body: int = 0) -> Iterator[Obstacle]:
    """Yield the obstacles in code cells; those from the index `body` on run for each task."""
    code = tuple(cell for cell in code if "skip-execution" not in cell.tags)
    names = _imported(code)
    extensions = False
    for cell in code:
        tolerated = "raises-exception" in cell.tags
        for magic in cell.magics:
            if magic.name in names:
                continue  # such as %wandb, which comes with the import
            extensions = extensions or magic.name in ("load_ext", "reload_ext")
            yield from _of_magic(cell, magic, extensions, below=cell.index > body)
        for call, always in _calls(cell.tree):
            name = _dotted(call.func, names)
            if name in _IMPOSSIBLE:
                text = f"{name}() cannot work: {_IMPOSSIBLE[name]}"
                yield Obstacle(cell.number, call.lineno, text, always and not tolerated)
            elif name in _DIFFERENT:
                yield Obstacle(cell.number, call.lineno, f"{name}(): {_DIFFERENT[name]}")
            elif name == f"{COLAB}.drive.mount":
                yield from _of_mount(cell, call)
    yield from _installs(code, body)
    yield from _colab_paths(code)


def assumes_colab(code: tuple[CodeCell, ...]) -> bool:
    """Return whether code imports google.colab as if it were always there.

    Code that checks for it, such as `try: import google.colab`, has a way to run elsewhere.
    """
    checks: set[bool] = set()
    for cell in (cell for cell in code if COLAB in cell.source):
        checks.update(False for magic in cell.magics if magic.argument.startswith(COLAB))
        todo: list[tuple[ast.AST, bool]] = [(cell.tree, False)]
        while todo:
            node, checked = todo.pop()
            if any(f"{name}.".startswith(f"{COLAB}.") for name in _modules(node)):
                checks.add(checked)
            elif isinstance(node, ast.Call) and ast.dump(ast.Constant(COLAB)) in ast.dump(node):
                checks.add(True)  # find_spec("google.colab")
            checked = checked or isinstance(node, ast.Try | ast.If)
            todo += [(child, checked) for child in ast.iter_child_nodes(node)]
    return checks == {False}


def _of_mount(cell: CodeCell, call: ast.Call) -> Iterator[Obstacle]:
    match call.args[:1]:
        case [ast.Constant(value=str(folder))] if folder.rstrip("/") != _MOUNT:
            text = f"worker notebooks mount the Drive at {_MOUNT}, not at {folder!r:.70}; use that"
            yield Obstacle(cell.number, call.lineno, text)


def _of_magic(cell: CodeCell, magic: Magic, extensions: bool, *, below: bool) -> Iterator[Obstacle]:
    at = (cell.number, magic.line)
    if magic.name in _MAGICS:
        yield Obstacle(*at, f"{magic}: {_MAGICS[magic.name]}")
    elif magic.name == "reset" and below:
        yield Obstacle(*at, "%reset deletes the task's parameters; remove it", certain=True)
    elif magic.name == "tensorflow_version" and magic.argument.startswith("1"):
        yield Obstacle(*at, "%tensorflow_version: TensorFlow 1 is not available", certain=True)
    elif magic.name and magic.name not in KNOWN and not extensions:
        yield Obstacle(*at, f"IPython does not know {magic}: {_EXTENSION}")
    for line, command in magic.commands():
        for text in _of_command(command):
            yield Obstacle(cell.number, line, text)


def _of_command(command: str) -> Iterator[str]:
    for pattern, name, better in _ONCE:
        if pattern.search(command):
            yield f"{name} fails if it has run before; write: {better}"
    for pattern, name, option in _ASKS:
        if pattern.search(command):
            yield f"{name} asks before it starts, but {_ASK}; add {option}"


def _installs(code: tuple[CodeCell, ...], body: int) -> Iterator[Obstacle]:
    """Yield what is installed above the index `body`, and what below, each together."""
    for below, when in (
        (False, "on each worker"),
        (True, "for every task; move this above the parameters cell"),
    ):
        matches = [
            (cell.number, line, match[1])
            for cell in code
            for magic in cell.magics
            for line, command in magic.commands()
            for match in INSTALL.finditer(command)
            if (cell.index > body) is below
        ]
        words = [word for *_, text in matches for word in re.sub("[\"']", "", text).split()]
        packages = list(dict.fromkeys(filter(_PACKAGE.match, words)))
        if matches:
            more = f" and {len(packages) - _MOST_NAMES} more" if len(packages) > _MOST_NAMES else ""
            what = ", ".join(packages[:_MOST_NAMES]) or "packages"
            yield Obstacle(*matches[0][:2], f"{what}{more} will be installed {when}")


def _colab_paths(code: tuple[CodeCell, ...]) -> Iterator[Obstacle]:
    """Yield the first path that only exists in Colab."""
    for cell in code:
        matches = [
            (node.lineno, node.value)
            for node in ast.walk(cell.tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _COLAB_PATH.match(node.value)
        ]
        matches += [
            (magic.line, word)
            for magic in cell.magics
            for word in magic.argument.split()
            if _COLAB_PATH.match(word)
        ]
        if matches:
            line, path = min(matches)
            text = f"{path!r:.70} exists only in Colab; write a path relative to the project"
            yield Obstacle(cell.number, line, text)
            return


# -- statements and calls -----------------------------------------------------------------------


def _statements(tree: ast.Module) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield all statements, and whether each always runs and an error in it ends the cell."""
    todo: list[tuple[ast.stmt, bool]] = [(node, True) for node in reversed(tree.body)]
    while todo:
        node, always = todo.pop()
        yield node, always
        inner = always and isinstance(node, ast.With) and not _suppresses(node)
        todo += [
            (child, inner)
            for child in reversed([*ast.iter_child_nodes(node)])
            if isinstance(child, ast.stmt)
        ]
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.ExceptHandler | ast.match_case):
                todo += [(child, False) for child in part.body]


def _suppresses(node: ast.With) -> bool:
    return "suppress" in ast.dump(node.items[0].context_expr)


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, bool]]:
    """Yield the calls in a cell, and whether each is always made."""
    for statement, always in _statements(tree):
        todo = [(node, always) for node in ast.iter_child_nodes(statement)]
        while todo:
            node, sure = todo.pop()
            if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
                continue
            if isinstance(node, ast.Call):
                yield node, sure
            sure = sure and not isinstance(node, _SOMETIMES)
            todo += [(child, sure) for child in ast.iter_child_nodes(node)]


def _modules(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [f"{module}.{alias.name}" for alias in names]
    return []


def _imported(code: tuple[CodeCell, ...]) -> dict[str, str]:
    """Return the dotted name of each name that is imported; "" for one that is defined here."""
    names: dict[str, str] = {}
    for cell in code:
        for node in ast.walk(cell.tree):
            match node:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        first = alias.name.partition(".")[0]
                        names[alias.asname or first] = alias.name if alias.asname else first
                case ast.ImportFrom(module=str(module), names=aliases):
                    for alias in aliases:
                        names[alias.asname or alias.name] = f"{module}.{alias.name}"
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    names[name] = ""
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return the dotted name of a function, with imported names written out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])
