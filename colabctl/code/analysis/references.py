"""What a file of code refers to: modules, files and folders, found without running it."""

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from colabctl.code.analysis.constants import PATHS, Scope, name_of, values

_LONGEST = 300  # characters of a constant that may be a path
# A constant with spaces is a command line if it names a program.
_COMMAND = re.compile(r"\.(py|sh|bash|R|jl|ipynb)\b|\s-m\s", re.IGNORECASE)
# These write the file that their argument names.
_WRITERS = frozenset(
    {
        *("save", "savez", "savetxt", "savefig", "dump", "to_csv", "to_json", "to_pickle"),
        *("write_text", "write_bytes", "mkdir", "makedirs", "FileHandler", "SummaryWriter"),
        *(
            "basicConfig",
            "save_model",
            "save_weights",
            "ModelCheckpoint",
            "remove",
            "unlink",
            "rmtree",
        ),
    }
)
# These list the modules of a package, which is then imported whole.
_LISTERS = frozenset(
    {"glob", "iglob", "rglob", "listdir", "scandir", "iterdir", "iter_modules", "walk_packages"}
)
_IMPORTERS = frozenset({"import_module", "__import__", "run_module"})
_FIRST_IMPORTS = re.compile(
    rb"(?m)^[ \t]*"
    rb"(?:from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+\(?([\w, \t]*)|import[ \t]+([\w., \t]+))"
)
_CONFIG_PATHS = ("config_path", "config_dir")
_TEXTS = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Name, ast.Attribute)
_LEAVES = frozenset({ast.Name, ast.Pass, ast.Break, ast.Continue, str, int, bytes, bool, float})
_SILENT = frozenset(
    {
        *("ctx", "op", "ops", "id", "attr", "name", "arg", "annotation", "returns", "kind"),
        *("type_comment", "type_ignores", "simple", "lineno", "is_async", "conversion"),
    }
)
_MEANINGFUL = frozenset(
    {
        *(ast.Constant, ast.Expr, ast.Import, ast.ImportFrom, ast.arg, ast.Assign, ast.AnnAssign),
        *(ast.NamedExpr, ast.AugAssign, ast.For, ast.BinOp, ast.JoinedStr, ast.Call, ast.Try),
        ast.If,
    }
)


@dataclass(frozen=True)
class Import:
    """An import of a module.

    Attributes:
        module: its dotted name, from the package for a relative import.
        names: what is imported from it; each may be a module too.
        level: number of leading dots.
        line: line number.
        is_optional: whether the program continues without it, as in `try: import x`.
    """

    module: str
    names: tuple[str, ...] = ()
    level: int = 0
    line: int = 0
    is_optional: bool = False


@dataclass(frozen=True)
class References:
    """What a file refers to.

    Attributes:
        imports: the modules that it imports.
        packages: prefixes of module names that it computes, such as "models." or ".", each with
            the line number.
        strings: texts that may name a file, a folder or a module.
        configs: folders of configuration files, with those inside them.
        roots: folders that it adds to sys.path.
        unknown: line numbers of imports whose module cannot be known.
        lists: whether it lists the modules of a package, to import them.
        written: files and folders that it writes or creates.
        fault: why the file cannot be parsed, "" if it can.
    """

    imports: tuple[Import, ...] = ()
    packages: tuple[tuple[str, int], ...] = ()
    strings: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    roots: tuple[str, ...] = ()
    unknown: tuple[int, ...] = ()
    lists: bool = False
    written: frozenset[str] = frozenset()
    fault: str = ""


def of_python(content: bytes, scope: Scope) -> References:
    """Return what a Python file refers to; of one that cannot be parsed, what its lines import."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about the user's "\d"
            tree = ast.parse(content)
    except SyntaxError as error:
        fault = f"{error.msg}, line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        fault = str(error)
    else:
        return of_trees([tree], scope)
    return References(imports=tuple(_first_imports(content)), fault=fault)


def of_trees(trees: Iterable[ast.Module], scope: Scope) -> References:
    """Return what parsed Python refers to, such as the cells of a notebook."""
    reader = _Reader()
    for tree in trees:
        reader.read(tree)
    return reader.references(replace(scope, names=reader.names))


def _first_imports(content: bytes) -> Iterator[Import]:
    for hit in _FIRST_IMPORTS.finditer(content):
        dots, module, names, modules = (part.decode(errors="replace") for part in hit.groups(b""))
        for name in modules.split(","):
            if name.strip():
                yield Import(name.split()[0], is_optional=True)
        if dots or module:
            words = tuple(word.split()[0] for word in names.split(",") if word.strip())
            yield Import(module, words, len(dots), is_optional=True)


@dataclass
class _Reader:
    """Walks over trees once, and evaluates what it found when all names are known."""

    names: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    imports: list[Import] = field(default_factory=list)
    computed: list[ast.Call] = field(default_factory=list)
    strings: set[str] = field(default_factory=set)
    paths: list[ast.expr] = field(default_factory=list)
    configs: list[ast.expr] = field(default_factory=list)
    roots: list[ast.expr] = field(default_factory=list)
    writes: list[ast.expr] = field(default_factory=list)
    parameters: set[str] = field(default_factory=set)
    lists: bool = False

    def read(self, tree: ast.Module) -> None:
        # A large program has a million nodes, so those without a meaning here are passed quickly.
        todo: list[tuple[ast.AST, bool]] = [(tree, False)]
        while todo:
            node, optional = todo.pop()
            kind = node.__class__
            if kind in _MEANINGFUL:
                if kind is ast.Try or (kind is ast.If and _is_for_types(node)):
                    optional = True
                elif self._is_read(node, optional):
                    continue
            for name in _telling(node._fields):
                value = getattr(node, name, None)
                if value.__class__ is list:
                    todo += [(each, optional) for each in value if isinstance(each, ast.AST)]
                elif value is not None and value.__class__ not in _LEAVES:
                    todo.append((value, optional))

    def _is_read(self, node: ast.AST, optional: bool) -> bool:
        """Note what a node says; return whether there is nothing more in it to look at."""
        match node:
            case ast.Constant(value=text):
                self._add_string(text)
                return True
            case ast.Expr(value=ast.Constant()):  # a docstring
                return True
            case ast.Import(names=names):
                self.imports += [
                    Import(each.name, line=node.lineno, is_optional=optional) for each in names
                ]
                return True
            case ast.ImportFrom(module=module, names=names, level=level):
                froms = tuple(each.name for each in names)
                self.imports.append(Import(module or "", froms, level, node.lineno, optional))
                return True
            case ast.arg(arg=name):
                self.parameters.add(name)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value)
            case ast.NamedExpr(target=target, value=value):
                self._assign(target, value)
            case ast.AugAssign(target=ast.Attribute(attr="path"), value=value):
                self.roots.append(value)
            case ast.For(target=target, iter=iterable):
                self._assign(target, iterable)
            case ast.BinOp() if _is_sum_of_numbers(node):
                pass
            case ast.BinOp(op=ast.Add() | ast.Div()) | ast.JoinedStr():
                self.paths.append(node)
            case ast.Call():
                return self._is_written(node)
        return False

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id].append(value)
        elif isinstance(target, ast.Attribute) and _is_sys_path(target):
            self.roots.append(value)

    def _is_written(self, call: ast.Call) -> bool:
        """Note what a call says; return whether it only writes a file."""
        name = name_of(call.func)
        on_path = isinstance(call.func, ast.Attribute) and _is_sys_path(call.func.value)
        if (on_path and name in ("insert", "append", "extend")) or name == "addsitedir":
            self.roots += call.args[-1:]
        elif name in _IMPORTERS:
            self.computed.append(call)
        elif name in _LISTERS:
            self.lists = True
        elif name in _WRITERS or (name == "open" and _writes(call)):
            self.writes += [*call.args, *(each.value for each in call.keywords)]
            self.writes += [call.func.value] if isinstance(call.func, ast.Attribute) else []
            return all(isinstance(each, _TEXTS) for each in call.args)
        if name in PATHS or name in _LISTERS:
            self.paths.append(call)
        self.configs += [each.value for each in call.keywords if each.arg in _CONFIG_PATHS]
        return False

    def _add_string(self, text: object) -> None:
        if not isinstance(text, str) or not 0 < len(text) <= _LONGEST or "\0" in text:
            return
        is_word = len(text.split(None, 1)) == 1 and text == text.strip()
        if is_word or _COMMAND.search(text) or ("\n" not in text and "/" in text):
            self.strings.add(text)

    def references(self, scope: Scope) -> References:
        imports, packages, unknown = list(self.imports), [], []
        # A parameter may have any value, also if a variable of its name has one.
        names = {name: each for name, each in self.names.items() if name not in self.parameters}
        for call in self.computed:
            hit, prefix = _computed(call, replace(scope, names=names))
            imports += hit
            if prefix:
                packages.append((prefix, call.lineno))
            elif not hit:
                unknown.append(call.lineno)
        paths = {text for node in self.paths for text in values(node, scope) if text}
        return References(
            imports=tuple(sorted(imports, key=lambda each: (each.line, each.module))),
            packages=tuple(packages),
            strings=frozenset(self.strings | {path for path in paths if len(path) <= _LONGEST}),
            configs=frozenset(text for node in self.configs for text in values(node, scope)),
            roots=tuple(
                dict.fromkeys(text for node in self.roots for text in _folders(node, scope))
            ),
            unknown=tuple(unknown),
            lists=self.lists and bool(self.computed or "__all__" in self.names),
            written=frozenset(text for node in self.writes for text in values(node, scope) if text),
        )


def _folders(node: ast.expr, scope: Scope) -> Sequence[str]:
    """Return the folders that an expression adds to sys.path, which may contain sys.path."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = [each for side in (node.left, node.right) for each in _folders(side, scope)]
        if both and any(isinstance(side, ast.List) for side in (node.left, node.right)):
            return both
    return [path or "." for path in values(node, scope)]


def _computed(call: ast.Call, scope: Scope) -> tuple[list[Import], str]:
    """Return what a call of import_module imports; else the prefix of the names that it imports."""
    arguments = [
        *call.args,
        *(each.value for each in call.keywords if each.arg in ("name", "package")),
    ]
    if not arguments:
        return [], ""
    names = values(arguments[0], scope)
    if names:
        split = [(name.lstrip("."), len(name) - len(name.lstrip("."))) for name in names]
        return [Import(module, (), level, call.lineno) for module, level in split], ""
    is_own = any(getattr(each, "id", "") in ("__name__", "__package__") for each in arguments[1:])
    return [], _prefix(arguments[0], scope) or ("." if is_own else "")


def _prefix(node: ast.expr, scope: Scope) -> str:
    """Return the constant start of a computed text, up to its last dot."""
    match node:
        case ast.JoinedStr(values=[first, *_]):
            start = _prefix(first, scope) if not isinstance(first, ast.Constant) else first.value
        case ast.FormattedValue(value=inner):
            start = "." if getattr(inner, "id", "") in ("__name__", "__package__") else ""
            start = start or next(iter(values(inner, scope)), "")
        case ast.Name(id="__name__" | "__package__"):
            return "."
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            names = values(left, scope)
            start = names[0].partition("%")[0] if names else _prefix(left, scope)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            start = text.partition("{")[0]
        case _:
            start = ""
    text = str(start)
    return text[: text.rfind(".") + 1]


def _writes(call: ast.Call) -> bool:
    mode = call.args[1] if len(call.args) > 1 else None
    mode = next((each.value for each in call.keywords if each.arg == "mode"), mode)
    if mode is None and call.args and isinstance(call.func, ast.Attribute):
        mode = call.args[0]  # Path(...).open("w")
    return (
        isinstance(mode, ast.Constant)
        and bool(set(str(mode.value)) & set("wax+"))
        and (len(str(mode.value)) <= 3)
    )


@cache
def _telling(fields: tuple[str, ...]) -> list[str]:
    """Return the fields of a node that may hold others with a meaning here."""
    return [name for name in fields if name not in _SILENT]


def _is_sum_of_numbers(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.Constant) and not isinstance(side.value, str)
        for side in (node.left, node.right)
    )


def _is_sys_path(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "path" and name_of(node.value) == "sys"


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and name_of(node.test) == "TYPE_CHECKING"
