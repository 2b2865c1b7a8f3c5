"""Paths in a program are known without running it."""

import ast

import pytest

from colabctl.code.analysis.constants import Scope, values

HERE = Scope("/p/src/train.py", "/p", "/p/src/train.py")


def value(text: str, **names: str) -> tuple[str, ...]:
    known = {name: [ast.parse(each, mode="eval").body] for name, each in names.items()}
    scope = Scope(HERE.file, HERE.cwd, HERE.program, known)
    return values(ast.parse(text, mode="eval").body, scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__file__", "/p/src/train.py"),
        ("os.path.dirname(__file__)", "/p/src"),
        ("os.path.dirname(os.path.dirname(os.path.realpath(__file__)))", "/p"),
        ("Path(__file__).resolve().parent.parent / 'data'", "/p/data"),
        ("Path(__file__).parents[1]", "/p"),
        ("str(Path(__file__).absolute().parent / '..')", "/p/src/.."),
        ("pathlib.Path(os.getcwd()) / 'x' / 'y'", "/p/x/y"),
        ("os.path.join(os.path.dirname(__file__), os.pardir, 'lib')", "/p/src/../lib"),
        ("f'{os.path.dirname(__file__)}/conf'", "/p/src/conf"),
        ("os.path.abspath('..')", ".."),
        ("Path.cwd().joinpath('a', 'b')", "/p/a/b"),
        ("os.environ.get('CONF', 'conf')", "conf"),
        ("os.path.dirname(sys.argv[0])", "/p/src"),
    ],
)
def test_a_path_has_its_value(text: str, expected: str) -> None:
    assert value(text) == (expected,)


@pytest.mark.parametrize("text", ["input()", "args.path", "', '.join(names)", "1 + x", "f(x)[0]"])
def test_what_is_not_known_has_none(text: str) -> None:
    assert value(text) == ()


def test_names_have_the_values_that_are_assigned_to_them() -> None:
    assert value("ROOT / 'x'", ROOT="Path(__file__).parent") == ("/p/src/x",)
    assert value("a", a="['x', 'y']") == ("x", "y")


def test_names_in_a_circle_and_names_that_grow_end() -> None:
    assert value("a", a="b + a", b="a + a + 'x'") == ()
    many = {f"a{i}": f"a{i + 1} + a{i + 1}" for i in range(60)}
    assert value("a0", **many) == ()
