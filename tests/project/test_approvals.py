"""Approvals: where they are saved, and which ones count."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.approvals import Approval, approvals_for

APPROVAL = Approval(
    "d1", "churn", "first", "train.py", (), 1.0, {"train.py": b"print(1)\n"},
    plan={"command": ["python", "train.py"], "total": 2}, declaration=b"method: grid\n",
)  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="each system has a folder of its own for this")
def test_approvals_are_in_the_users_configuration_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    approvals = approvals_for(tmp_path / "project", {}, drive=tmp_path / "none")
    assert approvals.folder == tmp_path / "config/colabctl/approvals"


def test_on_colab_approvals_are_in_the_members_own_drive(tmp_path: Path) -> None:
    approvals = approvals_for(tmp_path / "project", {}, drive=tmp_path)
    assert approvals.folder == tmp_path / "colabctl-approvals"


def test_a_chosen_folder_overrides_the_default(tmp_path: Path) -> None:
    environ = {"COLABCTL_APPROVALS": str(tmp_path / "mine")}
    assert approvals_for(tmp_path / "project", environ, tmp_path).folder == tmp_path / "mine"


def test_a_folder_inside_the_project_is_refused(tmp_path: Path) -> None:
    environ = {"COLABCTL_APPROVALS": str(tmp_path / "mine")}
    with pytest.raises(UserError, match="set COLABCTL_APPROVALS to a folder of your own"):
        approvals_for(tmp_path, environ)


def test_an_approval_is_saved_with_its_code(tmp_path: Path) -> None:
    approvals = approvals_for(tmp_path / "project", {"COLABCTL_APPROVALS": str(tmp_path / "mine")})
    assert not approvals.has("d1")
    assert approvals.latest("churn", "first") is None
    assert approvals.latest_plan("churn", "first") is None
    approvals.add(APPROVAL)
    approvals.add(replace(APPROVAL, digest="d2", approved_at=2.0))
    assert approvals.has("d1")
    assert approvals.latest("churn", "first") == replace(APPROVAL, digest="d2", approved_at=2.0)
    assert approvals.latest_plan("churn", "first") == APPROVAL.plan
    assert approvals.latest("other", "first") is None


def test_what_is_approved_again_is_the_latest(tmp_path: Path) -> None:
    approvals = approvals_for(tmp_path / "project", {"COLABCTL_APPROVALS": str(tmp_path / "mine")})
    for digest, at in (("d1", 1.0), ("d2", 2.0), ("d1", 3.0)):
        approvals.add(replace(APPROVAL, digest=digest, approved_at=at))
    assert approvals.latest("churn", "first") == replace(APPROVAL, approved_at=3.0)


def test_without_an_approval_of_the_sweep_the_latest_of_its_program_counts(tmp_path: Path) -> None:
    approvals = approvals_for(tmp_path / "project", {"COLABCTL_APPROVALS": str(tmp_path / "mine")})
    newer = replace(APPROVAL, digest="d2", sweep="second", approved_at=2.0)
    for approval in (APPROVAL, newer):
        approvals.add(approval)
    assert approvals.latest("churn", "first", "train.py") == APPROVAL
    assert approvals.latest("churn", "third", "train.py") == newer
    assert approvals.latest("churn", "third", "other.py") is None


def test_an_approval_that_was_not_saved_completely_does_not_count(tmp_path: Path) -> None:
    approvals = approvals_for(tmp_path / "project", {"COLABCTL_APPROVALS": str(tmp_path / "mine")})
    (tmp_path / "mine/d1/code").mkdir(parents=True)
    assert not approvals.has("d1")
    approvals.add(APPROVAL)
    assert approvals.latest("churn", "first") == APPROVAL
