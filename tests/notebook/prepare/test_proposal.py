"""A plain notebook becomes the program of a sweep."""

import json
from typing import Any

import pytest
import yaml

from colabctl.declare.preview import draft
from colabctl.errors import UserError
from colabctl.notebook.parameters import check
from colabctl.notebook.prepare.proposal import Proposal, propose
from colabctl.notebook.reading import read
from tests.notebook.notebooks import content


def proposal(*cells: str | tuple[str, str], **options: Any) -> Proposal:
    """Return the proposal for a notebook; the copy and the sweep file must be valid."""
    made = propose(content(*cells), "MAIN.ipynb", "MAIN-sweep.ipynb", **options)
    check(read(made.content, "MAIN-sweep.ipynb"), [each.name for each in made.defaults])
    draft(made.sweep.encode(), "MAIN-sweep.yaml")
    return made


def sources(made: Proposal) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(made.content)["cells"]]


def ranges(made: Proposal) -> dict[str, Any]:
    parameters: dict[str, Any] = yaml.safe_load(made.sweep)["parameters"]
    return parameters


RESULT = "import colabctl\n\ntask = colabctl.task()\ntask.done("


def test_constants_come_together_above_the_first_cell_that_uses_them() -> None:
    made = proposal(
        "import os",
        "lr = 1e-3  # Karpathy's\nseed = 7",
        "data = load('data', seed)",
        "EPOCHS = 10",
        "model = build(lr)",
        "val_acc = fit(model, EPOCHS)",
    )
    assert sources(made) == [
        "import os",
        "seed = 7",
        "data = load('data', seed)",
        "# parameters\nlr = 1e-3  # Karpathy's\nEPOCHS = 10",
        "model = build(lr)",
        "val_acc = fit(model, EPOCHS)",
        f"{RESULT}val_acc=val_acc)",
    ]
    assert made.left == ("seed",)
    assert ranges(made) == {
        "lr": {"distribution": "log_uniform_values", "min": 0.0001, "max": 0.01},
        "EPOCHS": {"value": 10},
    }


def test_what_a_function_uses_counts_where_it_is_called() -> None:
    made = proposal(
        "dropout = 0.5",
        "def build():\n    return Net(dropout)",
        "def again(): return build()",
        "data = load()",
        "val_loss = train(again(), data)",
    )
    assert sources(made)[3] == "# parameters\ndropout = 0.5"


def test_constants_in_dictionaries_classes_options_and_calls_become_names() -> None:
    made = proposal(
        "config = {'lr': 1e-3, 'name': 'x', \"weight-decay\": 0.1}",
        "class Config:\n    hidden_size: int = 64\n    path = 'x'",
        "parser.add_argument('-b', '--batch-size', type=int, default=32)",
        "réseau = f('é', dropout=0.5); model.fit(x, epochs=5, validation_split=0.2)",
    )
    first, *others = sources(made)
    assert first.split("\n")[1:] == [
        "lr = 1e-3", "weight_decay = 0.1", "hidden_size = 64", "batch_size = 32", "dropout = 0.5",
        "epochs = 5",
    ]  # fmt: skip
    assert others == [
        "config = {'lr': lr, 'name': 'x', \"weight-decay\": weight_decay}",
        "class Config:\n    hidden_size: int = hidden_size\n    path = 'x'",
        "parser.add_argument('-b', '--batch-size', type=int, default=batch_size)",
        "réseau = f('é', dropout=dropout); model.fit(x, epochs=epochs, validation_split=0.2)",
        f'{RESULT}val_loss=model.history.history["val_loss"][-1])',
    ]


def test_one_value_under_two_spellings_becomes_one_parameter() -> None:
    made = proposal(
        "BATCH_SIZE = 64\nf(BATCH_SIZE)",
        "config = {'batch_size': 64}",
        "test_acc = fit(loader(batch_size=1))",
    )
    assert sources(made)[2:4] == [
        "config = {'batch_size': BATCH_SIZE}",
        "test_acc = fit(loader(batch_size=1))",
    ]


def test_a_name_that_means_something_else_is_not_reused() -> None:
    made = proposal("h = model.fit(x, epochs=30)", "epochs = range(30)\nplot(epochs)")
    assert sources(made)[0] == "# parameters\nepochs_value = 30"
    assert "epochs=epochs_value" in sources(made)[1]


def test_a_name_that_is_local_or_assigned_twice_is_left() -> None:
    made = proposal(
        "lr = 0.1\nf(lr)\nmomentum = 0.9",
        "momentum = 0.5\ng(momentum)",
        "def h(dropout): return net(dropout=0.5)",
        "val_acc = 1",
    )
    assert [each.name for each in made.defaults] == ["lr"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lr = 10**-3", {"distribution": "log_uniform_values", "min": 0.0001, "max": 0.01}),
        ("batch_size: int = 2 * 32", {"values": [32, 64, 128]}),
        ("dropout = 0.25", {"min": 0.0, "max": 0.5}),
        ("momentum = 0.9", {"min": 0.5, "max": 0.99}),
        ("weight_decay = 0", {"distribution": "log_uniform_values", "min": 0.00001, "max": 0.001}),
        ("num_layers = 2", {"min": 1, "max": 4}),
        ("n_estimators = 100", {"min": 50, "max": 200}),
        ("optimizer = 'Adam'", {"values": ["Adam", "Adamw", "Rmsprop", "Sgd"]}),
        ("optimizer = 'lamb'", {"value": "lamb"}),
        ("hiddenUnits = 100", {"values": [50, 100, 200]}),
        ("width = 1.5 #@param {type:'slider', min:1, max:3, step:0.1}", {"min": 1, "max": 3}),
        ("size = 'small' #@param ['small', \"large\"]", {"values": ["small", "large"]}),
        ('size = 3 #@param {type:"integer"}', {"values": [1, 3, 6]}),
    ],
)  # fmt: skip
def test_ranges_are_those_that_are_usual_or_that_a_form_gives(
    line: str, expected: dict[str, Any]
) -> None:
    made = proposal(line, "val_acc = f(lr, batch_size, dropout, momentum, weight_decay, num_layers, "
                    "n_estimators, optimizer, hiddenUnits, width, size)")  # fmt: skip
    assert list(ranges(made).values()) == [expected]


@pytest.mark.parametrize(
    ("cell", "result", "goal"),
    [
        ("val_acc = f()\ntrain_acc = f()\nloss = f()", "val_acc=val_acc", "maximize"),
        ("test_loss, test_acc = model.evaluate(x)", "test_acc=test_acc, test_loss=test_loss", "maximize"),
        (
            "model.compile('adam', metrics=['mae'])\nhistory = model.fit(x, validation_data=v)",
            'val_mae=history.history["val_mae"][-1], val_loss=history.history["val_loss"][-1]',
            "minimize",
        ),
        (
            "model.compile('adam', metrics=['accuracy'])\nmodel.evaluate(x, y)",
            "test_accuracy=model.evaluate(x, y)[1], test_loss=model.evaluate(x, y)[0]",
            "maximize",
        ),
        ("print('acc', accuracy_score(y, p))", "accuracy=accuracy_score(y, p)", "maximize"),
        ("print(model.score(x_test, y_test))", "score=model.score(x_test, y_test)", "maximize"),
        ("val_losses = []\nfor e in range(2): val_losses.append(1)", "val_loss=val_losses[-1]", "minimize"),
        ("for e in range(2):\n    val_f1 = f()", "val_f1=val_f1", "maximize"),
        ("trainer.evaluate()", "eval_loss=trainer.evaluate()['eval_loss']", "minimize"),
        ("learn.fit_one_cycle(3)", "valid_loss=learn.validate()[0]", "minimize"),
    ],
)  # fmt: skip
def test_the_last_cell_reports_what_is_measured(cell: str, result: str, goal: str) -> None:
    made = proposal("lr = 0.1\nf(lr)", cell)
    assert sources(made)[-1].replace('"', "'") == f"{RESULT}{result})".replace('"', "'")
    assert yaml.safe_load(made.sweep)["metric"]["goal"] == goal


@pytest.mark.parametrize(
    "cell",
    [
        "loss = nn.CrossEntropyLoss()",
        "loss_fn = 3",
        "def accuracy(): pass",
        "score = 'text'",
        "def train():\n    val_acc = 1\n    return val_acc",
    ],
)
def test_what_is_no_number_is_not_reported(cell: str) -> None:
    made = proposal("lr = 0.1\nf(lr)", cell)
    assert made.measures == ()
    assert len(sources(made)) == 3


def test_a_notebook_that_logs_with_wandb_needs_no_last_cell() -> None:
    made = proposal("lr = 0.1\nf(lr)", "import wandb\nwandb.log({'val_acc': 1})")
    assert len(sources(made)) == 3
    assert yaml.safe_load(made.sweep)["metric"] == {"name": "val_acc", "goal": "maximize"}


def test_the_user_chooses_parameters_and_metric() -> None:
    cells = ("lr = 0.1\nseed = 3\nsteps_taken = 4", "mine = f(lr, seed, steps_taken)")
    made = proposal(*cells, parameters=["seed", "lr"], metric="mine")
    assert list(ranges(made)) == ["seed", "lr"]
    assert sources(made)[-1] == f"{RESULT}mine=mine)"
    with pytest.raises(UserError, match=r"no constant sead .*; did you mean seed\?"):
        proposal(*cells, parameters=["sead"])
    with pytest.raises(UserError, match=r"no cell of MAIN.ipynb assigns other"):
        proposal(*cells, metric="other")


def test_what_is_there_already_stays() -> None:
    made = proposal("# parameters\nlr = 0.1", "val_acc = f(lr)")
    assert sources(made) == [
        "# parameters\nlr = 0.1",
        "val_acc = f(lr)",
        f"{RESULT}val_acc=val_acc)",
    ]
    made = proposal("lr = 0.1", "import colabctl\nloss = f(lr)\ncolabctl.task().done(loss=loss)")
    assert sources(made)[0] == "# parameters\nlr = 0.1"
    assert len(sources(made)) == 2


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("# parameters\nlr = 0.1", "colabctl.task().done(loss=lr)"), "records a result"),
        (("for task in sweep.tasks(): pass",), "loops over its tasks"),
        (("x = 1\nprint(x)",), "name the constants (such as x) to vary: --parameters"),
    ],
)
def test_there_may_be_nothing_to_propose(cells: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError) as raised:
        proposal(*cells)
    assert words in str(raised.value)


def test_the_copy_keeps_the_rest_of_the_file_but_no_outputs() -> None:
    node = json.loads(content("lr = 0.1", "val_acc = f(lr)"))
    node["metadata"]["colab"] = {"name": "MAIN.ipynb"}
    stream = {"output_type": "stream", "name": "stdout", "text": ["old"]}
    node["cells"][1] |= {"outputs": [stream], "execution_count": 7}
    made = json.loads(propose(json.dumps(node).encode(), "M", "M-sweep.ipynb").content)
    assert made["metadata"] == node["metadata"]
    assert [cell["outputs"] for cell in made["cells"]] == [[], [], []]
    assert len({cell["id"] for cell in made["cells"]}) == 3


def test_a_notebook_of_format_3_can_be_prepared() -> None:
    cells = [{"cell_type": "code", "input": text} for text in ("lr = 0.1", "val_acc = f(lr)")]
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}
    made = propose(json.dumps(old).encode(), "M", "M-sweep.ipynb")
    assert sources(made)[0] == "# parameters\nlr = 0.1"
