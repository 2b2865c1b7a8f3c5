"""What `promote` copies, records, lists and finds."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Say, refused
from tests.cli.see.test_status import claim, done
from tests.processes import Project
from tests.screen import Screen

WRITER = "ana-vm-1"
SPACE = (
    "method: grid\nmetric: {name: loss, goal: minimize}\nmax_retries: 0\n"
    "parameters: {model: {values: [svm, mlp]}, lr: {values: [0.1, 0.01]}}\n"
)


def record(project: Project, name: str) -> dict[str, Any]:
    text = (project.root / f"results/final/{name}.origin.yaml").read_text()
    return dict(yaml.safe_load(text))


def earlier(project: Project) -> list[str]:
    folder = project.root / "results/final/earlier"
    return sorted(p.relative_to(folder).as_posix().partition("/")[2] for p in folder.rglob("*.pt"))


@pytest.fixture
def model(project: Project) -> Path:
    return project.write("results/ana/model.pt", "weights")


@pytest.fixture
def sweep(project: Project) -> Project:
    """Provide a sweep whose task 2 is the best by loss, and 3 by accuracy."""
    project.declare("first", SPACE)
    losses, accuracies = (0.4, 0.3, 0.1, 0.2), (0.5, 0.6, 0.7, 0.8)
    outcomes = [
        done(n, loss=loss, accuracy=accuracy)
        for n, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True))
    ]
    project.journal("first", claim(*range(4)), *outcomes)
    for n in range(4):
        project.write(f"{attempt(n)}/model.pt", f"weights {n}")
        project.write(f"{attempt(n)}/plots/loss.txt", f"plot {n}")
    return project


def attempt(task: int) -> str:
    return f"sweeps/first/runs/{WRITER}/00/00/{task:06d}-1-{WRITER}"


def test_a_file_is_copied_and_its_record_says_where_it_came_from(
    project: Project, say: Say, model: Path
) -> None:
    answer = say("promote", "results/ana/model.pt", "--note", "best of three seeds")
    assert answer.code == 0
    assert answer.out == f"{project.root}/results/final/model.pt\n"
    assert "7 bytes, promoted by ana on 20" in answer.err
    assert (project.root / "results/final/model.pt").read_text() == "weights"
    origin = record(project, "model.pt")
    assert origin["path"] == "results/ana/model.pt"
    assert origin["promoted_by"] == "ana"
    assert origin["note"] == "best of three seeds"
    assert "task" not in origin
    first = (project.root / "results/final/model.pt.origin.yaml").read_text().splitlines()[0]
    assert first.startswith("# model.pt: promoted by ana on 20")
    assert first.endswith("from results/ana/model.pt")


def test_a_second_promotion_of_the_same_changes_nothing(
    project: Project, say: Say, model: Path
) -> None:
    say("promote", str(model))
    before = record(project, "model.pt")
    answer = say("promote", str(model))
    assert answer.code == 0
    assert "is the same already" in answer.err
    assert record(project, "model.pt") == before
    assert earlier(project) == []


def test_what_is_replaced_is_shown_before_and_kept(project: Project, say: Say, model: Path) -> None:
    say("promote", str(model))
    model.write_text("better weights")
    answer = say("promote", str(model), COLABCTL_MEMBER="ben")
    assert answer.code == 1
    assert "results/final/model.pt exists: 7 bytes, promoted by ana" in answer.err
    assert "add --yes" in answer.err
    assert (project.root / "results/final/model.pt").read_text() == "weights"
    answer = say("promote", str(model), "--yes", COLABCTL_MEMBER="ben")
    assert answer.code == 0
    assert (project.root / "results/final/model.pt").read_text() == "better weights"
    assert record(project, "model.pt")["promoted_by"] == "ben"
    [folder] = (project.root / "results/final/earlier").iterdir()
    assert str(folder.relative_to(project.root)) in answer.err
    assert sorted(path.name for path in folder.iterdir()) == ["model.pt", "model.pt.origin.yaml"]
    assert (folder / "model.pt").read_text() == "weights"


def test_a_final_result_that_someone_put_there_by_hand_is_kept_too(
    project: Project, say: Say, model: Path
) -> None:
    project.write("results/final/model.pt", "by hand")
    answer = say("promote", str(model), "--yes")
    assert "no record says who promoted it" in answer.err
    assert earlier(project) == ["model.pt"]


def test_a_file_of_a_task_brings_the_tasks_parameters_metrics_and_code(
    sweep: Project, say: Say
) -> None:
    assert say("promote", f"{attempt(1)}/model.pt").code == 0
    task = record(sweep, "model.pt")["task"]
    assert (task["sweep"], task["task"], task["attempt"]) == ("first", "t000001", 1)
    assert task["params"] == {"model": "mlp", "lr": 0.1}
    assert task["metrics"] == {"loss": 0.3, "accuracy": 0.6}
    assert task["member"] == "ana"
    assert len(task["run_digest"]) == 64
    assert "model.pt of t000001 of first" in say("promote", "--list").out


def test_the_best_task_is_promoted_with_its_folder_and_its_row(sweep: Project, say: Say) -> None:
    answer = say("promote", "first", "--best")
    assert answer.code == 0, answer.err
    assert "t000002 is the best of first: loss 0.1" in answer.err
    final = sweep.root / "results/final/first-best"
    assert (final / "model.pt").read_text() == "weights 2"
    assert (final / "plots/loss.txt").read_text() == "plot 2"
    assert json.loads((final / "result.json").read_text())["params"] == {"model": "svm", "lr": 0.01}
    assert record(sweep, "first-best")["best"] == {"metric": "loss", "goal": "minimize"}
    assert say("promote", "--check").code == 0


def test_the_best_can_be_by_another_metric_and_under_a_condition(sweep: Project, say: Say) -> None:
    refused(say("promote", "first", "--best", "--metric", "accuracy"), "add --goal", "accuracy")
    by = ("--best", "--metric", "accuracy", "--goal", "maximize")
    assert say("promote", "first", *by).code == 0
    assert record(sweep, "first-best")["task"]["task"] == "t000003"
    assert say("promote", "first", *by, "--where", "model == 'svm'", "--name", "svm").code == 0
    assert record(sweep, "svm")["task"]["task"] == "t000002"


def test_a_named_task_is_promoted_under_its_name(sweep: Project, say: Say) -> None:
    assert say("promote", "first", "0").code == 0
    assert (sweep.root / "results/final/first-t000000/model.pt").read_text() == "weights 0"


def test_a_task_of_an_archived_sweep_is_promoted_too(sweep: Project, say: Say) -> None:
    say("archive", "first", "--yes")
    assert say("promote", "first", "t000003", "--json").json[0]["final"] == (
        "results/final/first-t000003"
    )


def test_a_task_without_files_is_promoted_as_its_row(project: Project, say: Say) -> None:
    project.declare("first", SPACE)
    project.journal("first", claim(0), done(0, loss=0.5))
    assert say("promote", "first", "--best").code == 0
    final = project.root / "results/final/first-best"
    assert [path.name for path in final.iterdir()] == ["result.json"]
    assert say("promote", "--check").code == 0
    assert "is the same already" in say("promote", "first", "--best").err


def test_a_result_json_of_the_task_itself_is_not_replaced(sweep: Project, say: Say) -> None:
    sweep.write(f"{attempt(2)}/result.json", "own")
    assert say("promote", "first", "--best").code == 0
    assert (sweep.root / "results/final/first-best/result.json").read_text() == "own"
    assert say("promote", "--check").code == 0


def test_a_file_outside_of_the_project_says_on_which_machine_it_was(
    project: Project, say: Say, tmp_path: Path
) -> None:
    outside = tmp_path / "weights.bin"
    outside.write_text("w")
    assert say("promote", str(outside)).code == 0
    origin = record(project, "weights.bin")
    assert origin["path"] == str(outside)
    assert origin["host"] == os.uname().nodename
    outside.unlink()
    assert say("promote", "--check").code == 0


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ["say what to promote"]),
        (("results/ana/mdel.pt",), ["no 'results/ana/mdel.pt'", "did you mean model.pt?"]),
        (("frst", "0"), ["did you mean first?"]),
        (("first",), ["is a sweep", "--best"]),
        (("first", "t9"), ["is not a task of first"]),
        (("first", "0", "1"), ["one task of first at a time"]),
        (("first", "--best", "--metric", "los", "--goal", "minimize"), ["did you mean loss?"]),
        (("first", "--best", "--where", "loss > 7"), ["no done task of first meets"]),
        (("first", "0", "--where", "loss > 7"), ["add --best"]),
        (("results",), ["contains", "results/final"]),
        (("results/ana/model.pt", "--name", "aux.pt"), ["device on Windows", "--name"]),
        (("results/ana/model.pt", "--name", "Earlier"), ["reserved"]),
        (("results/ana/model.pt", "--name", "model (1).pt"), ["looks like a copy"]),
        (("results/ana/model.pt", "--name", "../x"), ["contains /"]),
        (("results/ana/model.pt", "--note", " "), ["--note is empty"]),
        (("results/ana/model.pt", "first.yaml", "--name", "x"), ["one at a time"]),
        (("--list", "--check"), ["used alone"]),
    ],
)
def test_what_cannot_be_promoted_is_said_in_one_line(
    sweep: Project, say: Say, model: Path, arguments: tuple[str, ...], parts: list[str]
) -> None:
    sweep.write("first.yaml", "")
    refused(say("promote", *arguments), *parts)
    assert list((sweep.root / "results/final").iterdir()) == []


def test_a_sweep_without_a_finished_task_has_no_best(project: Project, say: Say) -> None:
    project.declare("first", SPACE)
    refused(say("promote", "first", "--best"), "no task of first is done yet", "status first")


def test_a_final_result_is_not_promoted_again_from_itself(
    project: Project, say: Say, model: Path
) -> None:
    say("promote", str(model))
    refused(say("promote", "results/final/model.pt"), "is a final result already")


def test_names_that_only_case_tells_apart_are_refused(
    project: Project, say: Say, model: Path
) -> None:
    say("promote", str(model))
    project.write("results/ana/MODEL.pt", "other")
    refused(say("promote", "results/ana/MODEL.pt"), "only in case", "--name")


def test_secrets_are_not_written_to_records(project: Project, say: Say) -> None:
    config = project.root / "colabctl.yaml"
    config.write_text(f"{config.read_text()}\nsecrets: [HF_TOKEN]\n")
    project.declare("first", SPACE.replace("svm", "hf_secret"), HF_TOKEN="hf_secret")
    project.journal("first", claim(0), done(0, loss=0.5))
    note = "see hf_secret"
    assert say("promote", "first", "0", "--note", note, HF_TOKEN="hf_secret").code == 0
    final = project.root / "results/final"
    texts = [path.read_text() for path in final.rglob("*") if path.is_file()]
    assert len(texts) == 2
    assert not any("hf_secret" in text for text in texts)
    assert all("[HF_TOKEN]" in text for text in texts)


def test_the_list_says_who_promoted_what_from_where(sweep: Project, say: Say, model: Path) -> None:
    say("promote", str(model))
    say("promote", "first", "--best", COLABCTL_MEMBER="ben")
    sweep.write("results/final/hand.txt", "x")
    listed = say("promote", "--list", "--json").json
    assert [(each["name"], each["still"]) for each in listed] == [
        ("first-best", "there"),
        ("hand.txt", None),
        ("model.pt", "same"),
    ]
    lines = say("promote", "--list").out.splitlines()
    assert lines[0].split() == ["name", "by", "promoted", "size", "from", "origin", "note"]
    assert "t000002 of first" in lines[1]
    model.write_text("changed, and longer")
    assert "changed" in say("promote", "--list").out
    model.unlink()
    assert "gone" in say("promote", "--list").out
    assert "not looked at" in lines[1]


def test_the_list_and_the_check_say_the_present_name_of_a_member(
    project: Project, say: Say, model: Path
) -> None:
    say("promote", str(model), COLABCTL_MEMBER="ben")
    assert say("member", "rename", "ben", "benjamin").code == 0
    assert "  benjamin  " in say("promote", "--list").out
    (project.root / "results/final/model.pt").write_text("WEIGHTS")
    assert "after benjamin promoted it" in say("promote", "--check").out


def test_on_a_terminal_no_line_of_the_list_or_the_check_is_too_long(
    sweep: Project, say: Say
) -> None:
    say("promote", "first", "--best", "--note", "we agreed on this one after a long discussion")
    sweep.write(f"{attempt(2)}/{'long-name-' * 9}.txt", "x")
    for option, code in (("--list", 0), ("--check", 3)):
        with Screen(sweep, "promote", option, columns=80, rows=30) as screen:
            assert screen.end() == code
            written = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen.written)
        assert max(len(line.rpartition("\r")[2]) for line in written.split("\r\n")) <= 80


def test_the_check_finds_nothing_where_nothing_changed(
    sweep: Project, say: Say, model: Path
) -> None:
    say("promote", str(model))
    say("promote", "first", "--best")
    answer = say("promote", "--check")
    assert (answer.code, answer.out) == (0, "2 final results, all as promoted\n")


def found(say: Say) -> dict[str, str]:
    answer = say("promote", "--check", "--json")
    assert answer.code == (3 if any(each["level"] == "wrong" for each in answer.json) else 0)
    return {each["kind"]: each["fix"] for each in answer.json}


def test_the_check_finds_each_change_with_what_to_do(sweep: Project, say: Say, model: Path) -> None:
    say("promote", str(model))
    final = sweep.root / "results/final/model.pt"
    model.write_text("WEIGHTS")  # of the same size
    assert found(say).keys() == {"origin-changed"}
    assert "colabctl promote results/ana/model.pt --name model.pt" in found(say)["origin-changed"]
    model.unlink()
    assert found(say).keys() == {"origin-gone"}
    model.write_text("weights")
    assert found(say) == {}
    final.write_text("WEIGHTS")
    assert found(say).keys() == {"changed"}
    final.unlink()
    assert found(say).keys() == {"missing"}
    final.write_text("weights")
    sidecar = final.with_name("model.pt.origin.yaml")
    text = sidecar.read_text()
    sidecar.write_text(text.replace("promoted_by: ana", "promoted_by: ben"))
    assert found(say).keys() == {"record-changed"}
    sidecar.write_text("&a [*a")
    assert found(say).keys() == {"record-changed"}


def test_the_check_names_the_files_of_a_folder_that_differ(sweep: Project, say: Say) -> None:
    sweep.write("results/ana/run/a.txt", "a")
    sweep.write("results/ana/run/b/c.txt", "c")
    say("promote", "results/ana/run")
    sweep.write("results/ana/run/b/c.txt", "changed")
    assert "run was copied from it: b/c.txt" in say("promote", "--check").out


def test_a_final_result_whose_origin_lost_files_stays_as_it_is(sweep: Project, say: Say) -> None:
    say("promote", "first", "--best")
    (sweep.root / attempt(2) / "model.pt").unlink()
    answer = say("promote", "--check")
    assert answer.code == 0
    assert "are gone: model.pt\n" in answer.out
    assert "fix: nothing, if that was intended: first-best is a complete copy" in answer.out
    sweep.write(f"{attempt(2)}/plots/loss.txt", "another plot")
    answer = say("promote", "--check")
    assert answer.code == 3
    assert "from it: plots/loss.txt; and files of it are gone: model.pt" in answer.out
    assert "keep first-best, which has them all" in answer.out
    assert "promote it again" not in answer.out


def test_no_one_is_told_to_promote_again_what_has_gone(
    project: Project, say: Say, model: Path
) -> None:
    say("promote", str(model))
    model.unlink()
    (project.root / "results/final/model.pt").write_text("WEIGHTS")
    assert "restore it from the folder's version history\n" in say("promote", "--check").out
    (project.root / "results/final/model.pt").unlink()
    out = say("promote", "--check").out
    assert "restore it from the Drive's trash\n" in out
    assert "promote it again" not in out


def test_the_files_that_a_final_result_would_lose_are_named_before_it_is_replaced(
    sweep: Project, say: Say
) -> None:
    say("promote", "first", "--best")
    (sweep.root / attempt(2) / "model.pt").unlink()
    sweep.write(f"{attempt(2)}/plots/loss.txt", "plot x")  # of the same size
    sweep.write(f"{attempt(2)}/new.txt", "new")
    answer = say("promote", "first", "--best")
    assert answer.code == 1
    assert "  new: new.txt\n  different: plots/loss.txt\n  missing: model.pt\n" in answer.err
    assert "the new one: 2 files, 9 bytes, last changed on 20" in answer.err
    assert (sweep.root / "results/final/first-best/model.pt").read_text() == "weights 2"
    assert say("promote", "first", "--best", "--yes").code == 0
    assert earlier(sweep) == ["first-best/model.pt"]


def test_a_person_is_asked_as_such_about_files_that_would_be_missing(
    sweep: Project, say: Say
) -> None:
    say("promote", "first", "--best")
    (sweep.root / attempt(2) / "model.pt").unlink()
    with Screen(sweep, "promote", "first", "--best") as screen:
        screen.until(lambda screen: "[y/N]" in screen.text)
        assert "lacks 1 file of the one that exists; replace it" in screen.text.replace("\n", "")
        screen.type("n\n")
        assert screen.end() == 1
    assert (sweep.root / "results/final/first-best/model.pt").exists()


SAVED = {"000001.pkl": "half", "000001.pkl.saved.json": "{}", "model.txt": "own"}


def test_the_saves_of_a_half_trained_model_are_copied_only_if_asked_for(
    sweep: Project, say: Say
) -> None:
    for name, text in SAVED.items():
        sweep.write(f"{attempt(2)}/saves/{name}", text)
    final = sweep.root / "results/final"
    answer = say("promote", "first", "t000002")
    assert "half-trained model (6 bytes) are left out; --with-saves" in answer.err
    assert [each.name for each in (final / "first-t000002/saves").iterdir()] == ["model.txt"]
    say("promote", attempt(2), "--name", "by-path")
    assert [each.name for each in (final / "by-path/saves").iterdir()] == ["model.txt"]
    assert found(say) == {}
    assert say("promote", "first", "t000002").err.endswith("from t000002 of first\n")
    say("promote", "first", "t000002", "--with-saves", "--name", "all")
    assert sorted(each.name for each in (final / "all/saves").iterdir()) == sorted(SAVED)
    assert found(say) == {}
    sweep.write(f"{attempt(2)}/saves/model.txt", "changed")
    fixes = say("promote", "--check").out
    assert "promote first t000002 --name all --with-saves" in fixes
    assert "promote first t000002 --name first-t000002\n" in fixes


@pytest.mark.parametrize("folder", ["models", "results", "data/raw", "notebooks", "sweeps", "."])
def test_a_folder_of_everyone_is_no_result_unless_it_has_a_name(
    project: Project, say: Say, folder: str
) -> None:
    (project.root / "colabctl.yaml").open("a").write("paths: {checkpoints: models}\n")
    project.write("models/ana/best.pt", "weights")
    project.write(f"{folder}/some.txt", "x")
    refused(say("promote", folder), "promote a file or folder")
    assert list((project.root / "results/final").iterdir()) == []
    if folder == "models":
        refused(say("promote", folder), "everyone's checkpoints", "models/NAME")
        assert say("promote", folder, "--name", "ours").code == 0


def test_the_check_finds_a_better_best_and_a_discarded_task(project: Project, say: Say) -> None:
    project.declare("first", SPACE)
    project.journal("first", claim(0), done(0, loss=0.5))
    say("promote", "first", "--best")
    project.journal("first", claim(1), done(1, loss=0.4), writer="ben-vm-2")
    assert found(say) == {"better": "promote it: colabctl promote first --best --name first-best"}
    say("promote", "first", "--best", "--yes")
    assert found(say) == {}
    say("discard", "first", "--task", "1", "--yes")
    assert found(say).keys() == {"discarded"}


def test_the_check_says_that_a_sweep_was_deleted(project: Project, say: Say) -> None:
    project.declare("first", SPACE)
    project.journal("first", claim(0), done(0, loss=0.5))
    say("promote", "first", "--best")
    (project.root / "sweeps/first").rename(project.root.parent / "elsewhere")
    assert found(say).keys() == {"origin-gone"}


def test_a_promotion_that_was_killed_is_found_after_an_hour(
    project: Project, say: Say, model: Path
) -> None:
    staging = project.root / "results/final/.promoting-2026-11-29-203000-ana-1a2b"
    staging.mkdir()
    assert found(say) == {}
    long_ago = time.time() - 2 * 3600
    os.utime(staging, (long_ago, long_ago))
    assert f"rm -r {staging}" in found(say)["interrupted"]


def test_a_record_cannot_make_the_check_read_outside_of_the_project(
    project: Project, say: Say, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "private").write_text("secret")
    say("promote", str(model))
    sidecar = project.root / "results/final/model.pt.origin.yaml"
    for path in ("../private", str(tmp_path / "private")):
        sidecar.write_text(sidecar.read_text().replace("results/ana/model.pt", path))
        assert found(say).keys() == {"record-changed"}
        assert say("promote", "--list", "--json").json[0]["still"] == "outside"


def test_a_project_folder_of_finals_that_someone_deleted_is_created_again(
    project: Project, say: Say, model: Path
) -> None:
    (project.root / "results/final").rmdir()
    assert say("promote", "--check").code == 0
    assert say("promote", "--list").out.startswith("no final results in results/final")
    assert say("promote", str(model)).code == 0


def test_a_link_is_followed_within_the_project_and_never_out_of_it(
    project: Project, say: Say, model: Path, tmp_path: Path
) -> None:
    folder = project.root / "results/ana/run"
    folder.mkdir()
    (folder / "inside.pt").symlink_to("../model.pt")
    assert say("promote", str(folder)).code == 0
    final = project.root / "results/final/run/inside.pt"
    assert (final.read_text(), final.is_symlink()) == ("weights", False)
    (tmp_path / "private").write_text("secret")
    (folder / "out").symlink_to(tmp_path / "private")
    refused(say("promote", str(folder), "--name", "other"), "leads out of the project")
    (folder / "out").unlink()
    (folder / "out").symlink_to("..")
    refused(say("promote", str(folder), "--name", "other"), "in a circle")


def test_a_final_folder_that_leads_out_of_the_project_is_not_used(
    project: Project, say: Say, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.root / "results/final").rmdir()
    (project.root / "results/final").symlink_to(tmp_path / "elsewhere")
    refused(say("promote", str(model)), "leads out of the project")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_replaced_does_not_leave_the_project_through_a_link(
    project: Project, say: Say, model: Path, tmp_path: Path
) -> None:
    say("promote", str(model))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (project.root / "results/final/earlier").symlink_to(elsewhere)
    model.write_bytes(b"new")
    said = say("promote", str(model), "--yes")
    assert (said.code, "leads out of the project" in said.err) == (1, True)
    assert not list(elsewhere.iterdir())
    doctor = say("doctor")
    assert (doctor.code, "results/final/earlier" in doctor.out) == (3, True)


def test_the_check_names_final_results_without_a_record_and_a_link(
    project: Project, say: Say, model: Path, tmp_path: Path
) -> None:
    say("promote", str(model))
    (project.root / f"results/final/{model.name}.origin.yaml").unlink()
    checked = say("promote", "--check")
    assert checked.code == 3
    assert f"{model.name} has no record of where it came from" in checked.out
    final = project.root / "results/final"
    final.rename(tmp_path / "final")
    final.symlink_to(tmp_path / "final")
    checked = say("promote", "--check")
    assert (checked.code, "leads out of the project" in checked.out) == (3, True)
