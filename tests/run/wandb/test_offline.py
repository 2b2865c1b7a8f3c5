"""Scripts that ask W&B for its server, a sweep of their own, or another mode, run as one task."""

import importlib.util
import os
from collections.abc import Iterator

import pytest

from tests.run.wandb.outcomes import Outcomes, outcomes_of

if importlib.util.find_spec("wandb") is None and not os.environ.get("CI"):
    pytest.skip("needs wandb", allow_module_level=True)

SCRIPTS = '''
import argparse, multiprocessing, os, sys
import wandb

def modes():
    """Nobody is asked for a key, and nothing is lost, whatever the code says."""
    os.environ["WANDB_MODE"] = "online"
    wandb.login(key="k" * 40)
    wandb.setup()
    loud = wandb.Settings(mode="online", quiet=False, silent=False)
    for number, options in enumerate((
        {"mode": "online", "project": "p", "entity": "e", "resume": "must", "force": True},
        {"settings": loud},
        {"settings": {"mode": "disabled"}},
        {"mode": "disabled"},
    )):
        with wandb.init(**options) as run:
            run.log({f"mode_{number}": number})
            run.summary["offline"] = run.offline

def folder():
    """The summary that W&B computes is found wherever the run is."""
    wandb.init(dir="results/mine")
    wandb.define_metric("accuracy", summary="max")
    for accuracy in (0.5, 0.75, 0.25):
        wandb.log({"accuracy": accuracy})

def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    parser.add_argument("--depth", default=3)
    given, _ = parser.parse_known_args()
    wandb.init(config={"lr": 9})
    wandb.config.update(given)
    wandb.config.update({"lr": 8}, allow_val_change=True)
    wandb.config.setdefaults({"lr": 7, "width": 5})
    wandb.log({"lr": wandb.config.lr, "depth": wandb.config.depth, "width": wandb.config.width})

def server():
    """What only sends is harmless; what needs an answer fails at once."""
    run = wandb.init()
    artifact = wandb.Artifact("data", type="dataset")
    artifact.add_file(__file__)
    run.log_artifact(artifact).wait()
    run.link_artifact(artifact, "models/churn")
    wandb.save(__file__)
    run.alert("done", "text")
    for name, call in (
        ("api", lambda: wandb.Api()),
        ("artifact", lambda: run.use_artifact("data:latest")),
        ("restore", lambda: wandb.restore("model.pt")),
    ):
        try:
            call()
        except RuntimeError as error:
            run.summary[name] = str(error)

def agent():
    """The whole sweep of a script is one call of its function."""
    def train():
        with wandb.init(config={"lr": 9}) as run:
            run.log({"lr": run.config.lr, "calls": len(calls)})
    calls = []
    search = {"method": "random", "parameters": {"lr": {"min": 0, "max": 1.0}, "momentum": {}}}
    for _ in range(2):
        sweep = wandb.sweep(search, project="p")
        wandb.agent(sweep, function=lambda: (calls.append(1), train()), count=20)
    wandb.init()
    wandb.summary["sweep"] = sweep

def program():
    wandb.init(settings=wandb.Settings(quiet=False, silent=False))
    wandb.log({"loss": 1})
    wandb.agent("e/p/abc", count=3)

def controller():
    wandb.controller("abc")

def rank(number):
    wandb.init(group="ranks")
    wandb.log({"loss": 1.0, f"rank_{number}": number})
    wandb.finish()

def ranks():
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=rank, args=(number,)) for number in range(2)]
    [child.start() for child in children]
    [child.join() for child in children]

def forked():
    run = wandb.init()
    run.log({"loss": 3})
    child = os.fork()
    if child == 0:
        run.log({"child": 1})
        os._exit(0)
    os.waitpid(child, 0)
    run.log({"loss": 2})

if __name__ == "__main__":
    globals()[next(word for word in sys.argv if "case=" in word).removeprefix("--case=")]()
'''

NAMES = (
    "modes",
    "folder",
    "arguments",
    "server",
    "agent",
    "program",
    "controller",
    "ranks",
    "forked",
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    with outcomes_of(NAMES, SCRIPTS, tmp_path_factory.mktemp("wandb")) as outcomes:
        yield outcomes


def test_no_mode_in_the_code_loses_a_metric_or_goes_online(ran: Outcomes) -> None:
    assert ran("modes").metrics == {
        "mode_0": 0,
        "mode_1": 1,
        "mode_2": 2,
        "mode_3": 3,
        "offline": True,
    }


def test_a_summary_that_wandb_computes_counts_wherever_the_run_is(ran: Outcomes) -> None:
    assert ran("folder").metrics == {"accuracy": 0.25, "accuracy.max": 0.75}


def test_parameters_win_over_what_the_script_sets_and_new_names_are_added(ran: Outcomes) -> None:
    assert ran("arguments").metrics == {"lr": 1e-5, "depth": 3, "width": 5}


def test_what_needs_the_server_says_what_to_do_instead(ran: Outcomes) -> None:
    online = "or set WANDB_MODE=online and WANDB_API_KEY before `colabctl work`"
    metrics = ran("server").metrics
    assert metrics["api"].startswith("wandb.Api needs W&B's server, but")
    assert "; copy the files into the project and read them there, " in metrics["artifact"]
    assert "`colabctl.task().earlier`" in metrics["restore"]
    assert all(text.endswith(online) for text in metrics.values())


def test_the_sweep_in_a_script_is_answered_by_one_call_of_its_function(ran: Outcomes) -> None:
    assert ran("agent").metrics == {"lr": 1e-5, "calls": 1, "sweep": "cases"}


def test_a_sweep_of_programs_is_refused_with_the_fix(ran: Outcomes) -> None:
    program = ran("program")
    assert program.row["status"] == "failed"
    assert program.row["error"].startswith(
        "the program ended with exit code 1: RuntimeError: wandb.agent without function= starts"
    )
    assert program.row["error"].endswith("name that program as program: in the sweep file")
    assert "wandb.controller runs a sweep of its own" in ran("controller").row["error"]


def test_no_message_names_the_folder_of_the_run(ran: Outcomes) -> None:
    output = ran("program").output
    assert "wandb sync" not in output
    assert "offline-run" not in output


def test_runs_of_several_processes_all_count(ran: Outcomes) -> None:
    assert ran("ranks").metrics == {"loss": 1.0, "rank_0": 0, "rank_1": 1}
    assert sorted(step or 0 for step, _ in ran("ranks").reports) == [0, 0]
    assert ran("forked").metrics == {"loss": 2, "child": 1}
    assert ran("forked").reports == [(0, {"loss": 3}), (0, {"child": 1}), (1, {"loss": 2})]
