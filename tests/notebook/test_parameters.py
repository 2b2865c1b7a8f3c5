"""Before anything runs, a check makes sure that the notebook gets each parameter."""

import pytest

from colabctl.errors import UserError
from colabctl.notebook.parameters import check
from tests.notebook.notebooks import notebook

DONE = "import colabctl; colabctl.task().done()"
CELL = "# parameters\nlr = 0.1\nbatch: int = 32\n(depth, (width, *rest)) = 1, (2, 3)\n"


def problems(names: list[str], *cells: str, cell: str = CELL) -> list[str]:
    with pytest.raises(UserError) as raised:
        check(notebook(cell, *cells), names)
    return str(raised.value).split("\n")


def test_parameters_that_the_cell_assigns_are_accepted() -> None:
    assert check(notebook(CELL, DONE), ["lr", "batch", "depth", "width", "rest"]) == ()


def test_a_parameter_that_is_assigned_nowhere_is_named_with_the_nearest() -> None:
    assert problems(["lr", "batches", "zeta"]) == [
        "MAIN.ipynb: cell 1, the parameters cell, does not assign batches; did you mean batch?",
        (
            "MAIN.ipynb: cell 1, the parameters cell, does not assign zeta; "
            "write its default there: zeta = ..."
        ),
    ]


def test_an_annotation_alone_assigns_nothing() -> None:
    assert len(problems(["lr"], cell="# parameters\nlr: float")) == 1


@pytest.mark.parametrize(
    "later",
    [
        "lr = 0.5",
        "lr: float = 0.5",
        "a = lr = 0.5",
        "a, [lr] = 1, [2]",
        "for lr in (1, 2): pass",
        "import numpy as lr",
        "from module import lr",
        "with open('x') as lr: pass",
        "if DEBUG:\n    lr = 1\nelse:\n    lr = 2",
        "if DEBUG:\n    lr = 1\nelif SMALL:\n    lr = 2\nelse:\n    lr = 3",
        "if __name__ == '__main__':\n    lr = 1",
        "if True: lr = 1",
        "try: lr = load()\nexcept Exception: pass",
        "match x:\n    case [lr]: pass\nlr = 1",
        "if (lr := 3): pass",
        "[y := 1 for x in z if (lr := x)]",
        "def lr(): pass",
        "class lr: pass",
        "lr = !cat lr.txt",
        "%%time\nlr = 1",
        "%matplotlib inline\nlr = 1",
    ],
)
def test_a_later_cell_that_assigns_a_parameter_again_is_an_error(later: str) -> None:
    (problem,) = problems(["lr"], "print(1)", later)
    assert problem.startswith("MAIN.ipynb: cell 3, line ")
    assert "assigns lr again, so the sweep's value is lost: " in problem


@pytest.mark.parametrize(
    "later",
    [
        "if DEBUG:\n    lr = 1",
        "if DEBUG: pass\nelse: lr = 1",
        "if DEBUG:\n    lr = 1\nelif SMALL:\n    lr = 2",
        "if DEBUG: lr = 1\nelse: lr = lr * 2",
        "match x:\n    case [lr]: pass",
        "try: pass\nexcept Exception as lr: pass",
        "try: load()\nexcept Exception: lr = 1",
        "def f():\n    global lr\n    lr = 1",
    ],
)
def test_a_later_cell_that_may_assign_a_parameter_again_is_noted(later: str) -> None:
    (note,) = check(notebook(CELL, DONE, later), ["lr"])
    assert note.startswith("MAIN.ipynb: cell 3, line ")
    assert "may assign lr again, and then the sweep's value is lost: " in note


def test_a_branch_that_never_runs_does_not_matter() -> None:
    assert check(notebook(CELL, DONE, "if False:\n    lr = 1"), ["lr"]) == ()


def test_the_line_that_assigns_it_again_is_shown() -> None:
    assert problems(["lr"], "print(1)\n\n    # text", "x = 1\nlr = 0.5  # better") == [
        (
            "MAIN.ipynb: cell 3, line 2 assigns lr again, so the sweep's value is lost: "
            "'lr = 0.5  # better'; delete that line or use another name there"
        )
    ]


@pytest.mark.parametrize(
    "later",
    [
        "lr *= 2",
        "lr = float(lr)",
        "lr = lr / batch",
        "a, lr = 1, round(lr)",
        "if lr is None:\n    lr = 0.5",
        "if 'lr' not in globals():\n    lr = 0.5",
        "try:\n    lr\nexcept NameError:\n    lr = 0.5",
        "[lr for lr in range(3)]",
        "def f():\n    lr = 1",
        "f = lambda lr: lr",
        "class A:\n    lr = 1",
        "model.lr = 1\noptions['lr'] = 1",
        "print(lr == 0.5)",
        "f(lr=0.5)",
        "lr: float",
        "del lr",
        "%%bash\nlr=1",
        "# lr = 1",
    ],
)
def test_using_a_parameter_or_binding_its_name_in_another_scope_is_not_an_error(later: str) -> None:
    check(notebook(CELL, later), ["lr"])


def test_a_cell_above_may_use_the_name() -> None:
    check(notebook("lr = 3", CELL), ["lr"])


@pytest.mark.parametrize(
    ("name", "better"), [("a.b", "a_b"), ("a-b", "a_b"), ("lambda", "lambda_"), ("1st", "1st_")]
)
def test_a_name_that_python_cannot_assign_is_an_error(name: str, better: str) -> None:
    assert problems([name]) == [
        (
            f"MAIN.ipynb: parameter {name!r} is not a Python name; rename it in the sweep, "
            f"for example to {better}"
        )
    ]


def test_all_problems_are_reported_together() -> None:
    messages = problems(["a.b", "nothing", "lr", "batch"], "lr = 1\nlr = 2", "batch = 2")
    assert len(messages) == 4


def test_a_name_computed_from_a_default_is_noted() -> None:
    cell = "# parameters\nlr = 0.1\nout = f'run_{lr}'\nfile = out + '.txt'\nother = 3"
    assert check(notebook(cell, DONE), ["lr"]) == (
        (
            "MAIN.ipynb: cell 1, line 3 computes out from the default of lr, before the sweep's value "
            "is set; move it to a cell below"
        ),
        (
            "MAIN.ipynb: cell 1, line 4 computes file from the default of lr, before the sweep's value "
            "is set; move it to a cell below"
        ),
    )


def test_a_derived_name_that_is_itself_a_parameter_is_not_noted() -> None:
    assert check(notebook("# parameters\na = 1\nb = 2 * a", DONE), ["a", "b"]) == ()


def test_a_star_import_below_is_noted() -> None:
    (note,) = check(notebook(CELL, DONE, "from settings import *"), ["lr"])
    assert "cell 3, line 1 imports every name of a module" in note


def test_a_line_that_may_be_a_mistake_is_noted() -> None:
    (note,) = check(notebook(CELL, DONE, "git add x\nprint(1"), ["lr"])
    assert note.startswith("MAIN.ipynb: cell 3, line ")
    assert "is not Python" in note


@pytest.mark.parametrize(
    "above", ["import colabctl\ntask = colabctl.task()", "from colabctl import task as t\nt()"]
)
def test_asking_for_the_task_above_the_parameters_is_an_error_where_that_runs_once(
    above: str,
) -> None:
    document = notebook(above, CELL)
    with pytest.raises(
        UserError, match=r"cell 1, line 2 asks for its task above .* `kernel: fresh`"
    ):
        check(document, ["lr"])
    assert check(document, ["lr"], warm=False) == ()


def test_a_loop_gets_no_parameters_and_so_has_none_to_check() -> None:
    assert check(notebook("for task in sweep.tasks(): pass"), ["lr"]) == ()


def test_a_notebook_without_a_result_is_noted_with_the_command_that_proposes_one() -> None:
    (note,) = check(notebook(CELL, "print(lr)"), ["lr"])
    assert "no cell records a result" in note
    assert note.endswith("colabctl notebook prepare MAIN.ipynb")


def test_what_cannot_work_is_an_error_and_what_may_not_is_a_note() -> None:
    (problem,) = problems(["lr"], DONE, "x = input('Name? ')")
    assert problem == (
        "MAIN.ipynb: cell 3, line 1: input() cannot work: a task has no one to ask; use a parameter"
    )
    (note,) = check(notebook(CELL, DONE, "if ASK:\n    x = input('Name? ')"), ["lr"])
    assert note.startswith("MAIN.ipynb: cell 3, line 2: input() cannot work")
