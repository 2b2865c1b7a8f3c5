"""Doctor looks at final results without reading them."""

import pytest

from tests.doctor.test_doctor import doctor
from tests.processes import Project


def levels(project: Project) -> list[tuple[str, str]]:
    checks = [each for each in doctor(project.root)[1] if each["check"] == "finals"]
    assert all("promote --check" in each["fix"] for each in checks if each["level"] != "ok")
    return [(each["level"], each["what"]) for each in checks]


@pytest.fixture
def promoted(project: Project) -> Project:
    project.write("results/ana/model.pt", "weights")
    assert project.run("promote", "results/ana/model.pt").code == 0
    return project


def test_a_project_without_final_results_has_no_line(project: Project) -> None:
    assert levels(project) == []


def test_a_final_result_as_promoted_is_fine(promoted: Project) -> None:
    assert levels(promoted) == [("ok", "final results: 1, each of the size that was promoted")]


def test_an_origin_that_has_gone_is_worth_a_note(promoted: Project) -> None:
    (promoted.root / "results/ana/model.pt").unlink()
    gone = "results/ana/model.pt, which model.pt was copied from, is gone"
    assert levels(promoted) == [("note", gone)]


def test_a_final_result_of_another_size_or_without_its_file_is_wrong(promoted: Project) -> None:
    final = promoted.root / "results/final/model.pt"
    final.write_text("other")
    what = "model.pt has 5 bytes, and had 7 bytes when ana promoted it"
    assert levels(promoted) == [("wrong", what)]
    final.unlink()
    assert levels(promoted) == [("wrong", "model.pt is not in results/final, but its record is")]
    final.with_name("model.pt.origin.yaml").write_text("nonsense")
    ((level, _),) = levels(promoted)
    assert level == "wrong"
