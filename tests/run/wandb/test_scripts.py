"""Scripts written for W&B run unchanged as tasks, with the real `wandb` package and no server."""

import importlib.util
import math
import os
from collections.abc import Iterator

import pytest

from tests.run.wandb.outcomes import Outcomes, outcomes_of
from tests.run.wandb.scripts import CASES, NAMES

if importlib.util.find_spec("wandb") is None and not os.environ.get("CI"):
    pytest.skip("needs wandb", allow_module_level=True)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    folder = tmp_path_factory.mktemp("wandb")
    with outcomes_of(NAMES, CASES, folder) as outcomes:
        assert len(list((folder / "churn").glob("**/*.wandb"))) == 1  # that of `here`
        yield outcomes


def test_parameters_win_over_the_configuration_of_a_run(ran: Outcomes) -> None:
    assert ran("configuration").metrics == {
        "lr": 1e-5,
        "sum": 3 + 16 + 96,
        "optimizer.momentum": 0.9,
        "optimizer.name": "sgd",
        "sweep": "cases",
        "named": True,
        "offline": True,
    }


def test_a_script_may_read_its_command_line_as_well(ran: Outcomes) -> None:
    assert ran("arguments").metrics == {"lr": 1e-5, "same": True}


def test_each_step_is_a_report_and_the_last_values_are_metrics(
    ran: Outcomes,
) -> None:
    steps = ran("steps")
    *finite, (last, diverged) = steps.reports
    assert finite == [
        (0, {"loss": 3}),
        (10, {"loss": 2, "epoch": 0}),
        (11, {"loss": 1.5, "accuracy": 0.5}),
    ]
    assert last == 12
    assert set(diverged) == {"loss", "step", "self"}
    assert math.isnan(diverged["loss"])
    assert steps.metrics == {"accuracy": 0.5, "epoch": 0, "loss": None, "self": 5, "step": 4}


def test_nested_names_are_joined_by_dots(ran: Outcomes) -> None:
    nested = ran("nested")
    assert nested.reports == [
        (0, {"val.f1": 0.5, "val.by.class.a": 1, "train/loss": 2, "x.y": 3}),
        (1, {"val.f1": 0.75}),
    ]
    assert nested.metrics == {"val.f1": 0.75, "val.by.class.a": 1, "train/loss": 2, "x.y": 3}


def test_metrics_are_the_summary_and_the_last_values(ran: Outcomes) -> None:
    assert ran("summaries").metrics == {
        "loss": 2,
        "loss.min": 1,
        "accuracy": 0.75,
        "accuracy.max": 1,
        "accuracy.mean": 0.75,
        "hidden": 1,
        "val/loss": 2,
        "epoch": 0,  # W&B adds it, as the axis of val/loss
        "best.epoch": 3,
        "best.note": "good",
        "kept": True,
    }


def test_only_numbers_booleans_and_short_texts_are_metrics(ran: Outcomes) -> None:
    assert ran("media").reports == [(0, {"loss": 0.5})]
    assert ran("media").metrics == {"loss": 0.5, "word": "short", "flag": True}


def test_of_several_runs_all_count_the_last_one_first(ran: Outcomes) -> None:
    assert ran("again").reports == [(0, {"fold": 0, "loss_0": 1}), (0, {"fold": 1, "loss_1": 1})]
    assert ran("again").metrics == {"fold": 1, "loss_0": 1, "loss_1": 1}


def test_a_run_that_is_kept_in_the_project_is_found_there(ran: Outcomes) -> None:
    assert ran("here").metrics == {"loss": 1}
    assert ran("here").reports == [(0, {"loss": 1})]


def test_metrics_from_the_task_itself_win(ran: Outcomes) -> None:
    assert ran("both").metrics == {"loss": 1, "accuracy": 2, "extra": 3}
    assert sorted(ran("both").reports) == [(0, {"loss": 1, "accuracy": 1}), (7, {"mine": 1})]


def test_a_script_that_makes_no_run_is_done_without_metrics(ran: Outcomes) -> None:
    assert ran("unused").metrics == {}


def test_a_run_that_crashes_has_failed_and_keeps_its_reports(
    ran: Outcomes,
) -> None:
    crashed = ran("crashed")
    assert crashed.row["status"] == "failed"
    assert (
        crashed.row["error"] == "the program ended with exit code 1: RuntimeError: no more memory"
    )
    assert crashed.reports == [(0, {"loss": 3}), (1, {"loss": 2})]


def test_a_script_that_is_killed_keeps_what_it_had_reported(ran: Outcomes) -> None:
    killed = ran("killed")
    assert killed.row["status"] == "failed"
    assert killed.reports == [(0, {"loss": 3})]
