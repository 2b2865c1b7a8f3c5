"""Who works here: said, remembered on this machine, configured, or the only one."""

from dataclasses import replace
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.create import create
from colabctl.project.current_member import (
    CurrentMember,
    current_member,
    login_name,
    remember,
    remembered,
)
from colabctl.project.layout import Layout
from colabctl.project.members import add


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder where this machine remembers its member."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "machine"))
    return tmp_path / "machine"


def test_the_first_source_that_names_a_member_decides(project: Layout) -> None:
    add(project, "cleo")
    config = replace(load(project.root, {}), member="ana")
    assert current_member(config, {}) == CurrentMember("ana", "configuration")
    remember(project.root, "ben")
    assert current_member(config, {}) == CurrentMember("ben", "remembered")
    environ = {"COLABCTL_MEMBER": "cleo"}
    assert current_member(config, environ) == CurrentMember("cleo", "environment")
    assert current_member(config, environ, "ana") == CurrentMember("ana", "option")


def test_the_only_member_is_the_current_one(tmp_path: Path) -> None:
    create(tmp_path / "churn", "churn", "ana", ["ana"])
    assert current_member(load(tmp_path / "churn", {}), {}) == CurrentMember("ana", "only")


@pytest.mark.parametrize("name", ["ANA", "Ana"])
def test_case_does_not_matter(project: Layout, name: str) -> None:
    assert current_member(load(project.root, {}), {}, name).name == "ana"
    remember(project.root, name)
    assert current_member(load(project.root, {}), {}).name == "ana"


def test_with_several_members_the_person_is_asked(project: Layout) -> None:
    questions: list[tuple[list[str], str]] = []

    def ask(members: object, reason: str) -> str:
        questions.append((list(members), reason))  # type: ignore[call-overload]
        return "ben"

    assert current_member(load(project.root, {}), {}, ask=ask) == CurrentMember("ben", "answer")
    assert questions == [(["ana", "ben"], "")]


@pytest.mark.parametrize("answer", [None, ""])
def test_without_an_answer_the_error_says_how_to_set_the_member(
    project: Layout, answer: str | None
) -> None:
    with pytest.raises(UserError, match=r"ana, ben.*colabctl me NAME.*--member.*COLABCTL_MEMBER"):
        current_member(load(project.root, {}), {}, ask=lambda *_: answer)
    with pytest.raises(UserError, match=r"ana, ben"):
        current_member(load(project.root, {}), {})


def test_a_project_without_members_says_how_to_join(tmp_path: Path) -> None:
    create(tmp_path / "churn")
    with pytest.raises(UserError, match="colabctl member add NAME"):
        current_member(load(tmp_path / "churn", {}), {})


def test_an_unknown_name_gets_the_most_similar_member_and_how_to_join(project: Layout) -> None:
    with pytest.raises(UserError) as refusal:
        current_member(load(project.root, {}), {}, "anna")
    assert str(refusal.value) == (
        "'anna' is not a member of this project (members: ana, ben); "
        "did you mean ana? If not: colabctl member add anna"
    )


def test_each_project_remembers_its_own_member(project: Layout, tmp_path: Path) -> None:
    remember(project.root, "ben")
    assert remembered(tmp_path / "other") is None
    (tmp_path / "link").symlink_to(project.root)
    assert remembered(tmp_path / "link") == "ben"
    remember(project.root, "ana")
    assert remembered(project.root) == "ana"


def test_nothing_is_remembered_in_the_project(project: Layout) -> None:
    before = sorted(project.root.rglob("*"))
    remember(project.root, "ben")
    assert sorted(project.root.rglob("*")) == before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 2, "member": "ana"}', b'{"format": 1, "member": 3}',
                b'{"format": 1, "member": "../x"}']
)  # fmt: skip
def test_a_damaged_record_is_ignored(project: Layout, machine: Path, content: bytes) -> None:
    remember(project.root, "ben")
    (record,) = machine.rglob("*.json")
    record.write_bytes(content)
    assert remembered(project.root) is None


def test_a_member_who_was_renamed_since_is_asked_again(project: Layout) -> None:
    remember(project.root, "cleo")
    reasons: list[str] = []

    def ask(_: object, reason: str) -> str:
        reasons.append(reason)
        return "ana"

    assert current_member(load(project.root, {}), {}, ask=ask).name == "ana"
    assert "you were cleo" in reasons[0]
    with pytest.raises(UserError, match="you were cleo on this machine, but cleo is not"):
        current_member(load(project.root, {}), {})


@pytest.mark.parametrize(
    ("login", "name"),
    [
        ("ana", "ana"),
        ("CORP\\ana", "ana"),
        ("ana smith", "ana-smith"),
        (".hidden.", "hidden"),
        ("workers", "me"),
        ("con", "me"),
        ("///", "me"),
        ("josé", "josé"),
    ],
)
def test_a_login_name_becomes_a_valid_member_name(
    login: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", login)
    assert login_name() == name
