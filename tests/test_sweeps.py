"""Folders that hold a sweep with one name: which of them are one sweep, and how each is called."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.ledger import Plan, read_plan
from colabctl.project.layout import Layout
from colabctl.sweeps import Held, differing, every_sweep, find_sweep, journal_folders, settle
from tests.ledger.test_plan import PLAN

BASE = replace(PLAN, sweep="s", consistency="eventual")
PLANS = st.builds(
    lambda seed, member, when: replace(BASE, seed=seed, declared_by=member, declared_at=when),
    st.integers(0, 2),
    st.sampled_from(["ana", "ben"]),
    st.sampled_from([1.0, 2.0, 3.0]),
)
NAMES = ("s", "s (1)", "s (2)", "s (3)", "s (4)")


def seen(plans: list[Plan], names: tuple[str, ...]) -> dict[str, tuple[Plan, frozenset[str]]]:
    """Return, by the names of sweeps on one machine, the plan of the first and its group."""
    folders = {Path("sweeps", name): plan for name, plan in zip(names, plans, strict=False)}
    sweeps = settle("s", [Held(*pair) for pair in folders.items()], names)
    return {
        sweep.name: (
            folders[sweep.root],
            frozenset(folders[root].encode().decode() for root in (sweep.root, *sweep.twins)),
        )
        for sweep in sweeps
    }


@given(st.lists(PLANS, min_size=1, max_size=4), st.data())
def test_every_machine_finds_the_same_sweeps_under_the_same_names(
    plans: list[Plan], data: st.DataObject
) -> None:
    first = seen(plans, NAMES)
    order = data.draw(st.permutations(plans))
    names = data.draw(st.sampled_from(list(permutations(NAMES, len(plans)))))
    assert seen(order, names) == first
    assert len(first) == len({plan.run_digest for plan in plans})
    winner = min(plans, key=lambda plan: (plan.declared_at, plan.declared_by, plan.run_digest))
    assert first["s"][0] == winner
    for name, (plan, _) in first.items():
        assert name == "s" or name == f"s-{plan.run_digest[:6]}"


def hold(root: Path, name: str, plan: Plan) -> Path:
    folder = root / "sweeps" / name
    folder.mkdir(parents=True)
    (folder / "plan.json").write_bytes(plan.encode())
    return folder


def test_a_sweep_whose_plain_folder_is_not_here_is_found_in_its_twin(tmp_path: Path) -> None:
    folder = hold(tmp_path, "s (1)", BASE)
    sweep = find_sweep(Layout(tmp_path), "s")
    assert (sweep.name, sweep.root, sweep.twins) == ("s", folder, ())
    assert [each.name for each in every_sweep(Layout(tmp_path))] == ["s"]


def test_a_copy_on_a_coherent_folder_is_no_twin(tmp_path: Path) -> None:
    hold(tmp_path, "s", replace(BASE, consistency="coherent"))
    hold(tmp_path, "s (1)", replace(BASE, consistency="coherent", declared_at=0.0))
    assert [(each.name, each.twins) for each in every_sweep(Layout(tmp_path))] == [("s", ())]


def test_another_name_leads_to_another_sweep_whose_approval_stays_the_same(tmp_path: Path) -> None:
    hold(tmp_path, "s", BASE)
    other = replace(BASE, seed=5, declared_at=BASE.declared_at + 1)
    folder = hold(tmp_path, "s (1)", other)
    name = f"s-{other.run_digest[:6]}"
    layout = Layout(tmp_path)
    sweep = find_sweep(layout, name)
    assert (sweep.root, sweep.name) == (folder, name)
    known = read_plan(sweep.plan).known_as(name)
    assert (known.sweep, known.run_digest) == (name, other.run_digest)
    assert find_sweep(layout, "s", other.run_digest) == sweep
    (sentence,) = differing(find_sweep(layout, "s"), BASE)
    assert sentence == next(differing(sweep, known))
    assert f"is {name}; nothing is lost" in sentence


def test_a_name_that_is_taken_gets_more_digits(tmp_path: Path) -> None:
    hold(tmp_path, "s", BASE)
    other = replace(BASE, seed=5, declared_at=BASE.declared_at + 1)
    hold(tmp_path, "s (1)", other)
    hold(tmp_path, f"s-{other.run_digest[:6]}", replace(BASE, sweep=f"s-{other.run_digest[:6]}"))
    names = [each.name for each in every_sweep(Layout(tmp_path))]
    assert names == ["s", f"s-{other.run_digest[:6]}", f"s-{other.run_digest[:12]}"]


def test_journals_are_found_in_all_folders_that_hold_a_sweep(tmp_path: Path) -> None:
    own, twin = hold(tmp_path, "s", BASE), hold(tmp_path, "s (1)", BASE)
    other = hold(tmp_path, "s (2)", replace(BASE, seed=5))
    folders = [own / "journal", own / "journal (1)", twin / "journal"]
    for folder in (*folders, other / "journal"):
        folder.mkdir()
    sweep = find_sweep(Layout(tmp_path), "s")
    assert sorted(journal_folders(sweep, BASE)) == folders


@pytest.mark.parametrize("seed", [0, 5])
def test_two_plans_in_one_folder_are_told_if_they_differ(tmp_path: Path, seed: int) -> None:
    folder = hold(tmp_path, "s", BASE)
    (folder / "plan (1).json").write_bytes(replace(BASE, seed=seed, declared_at=9.0).encode())
    said = list(differing(find_sweep(Layout(tmp_path), "s"), BASE))
    assert len(said) == (seed != BASE.seed)
    assert all("two different plans" in sentence for sentence in said)


@pytest.mark.parametrize("name", ["Exp1: Eigenvalus", "exp1 eigenvalues", "Exp1/Eigenvalues 2"])
def test_a_slip_in_a_title_names_the_sweep(tmp_path: Path, name: str) -> None:
    folder = "Exp1-Eigenvalues"
    hold(tmp_path, folder, replace(BASE, sweep=folder, title="Exp1: Eigenvalues"))
    assert find_sweep(Layout(tmp_path), "Exp1: Eigenvalues").name == folder
    with pytest.raises(UserError, match=f"does not exist; did you mean {folder}\\?"):
        find_sweep(Layout(tmp_path), name)


def test_a_title_whose_name_is_unlike_it_is_found_by_the_title(tmp_path: Path) -> None:
    hold(tmp_path, "sweep", replace(BASE, sweep="sweep", title="¿¿ ???"))
    with pytest.raises(UserError, match=r"does not exist; did you mean '¿¿ \?\?\?'\?"):
        find_sweep(Layout(tmp_path), "¿¿ ??")


def test_a_name_like_no_sweep_says_what_a_name_may_have(tmp_path: Path) -> None:
    hold(tmp_path, "s", BASE)
    with pytest.raises(UserError, match="contains /; use letters"):
        find_sweep(Layout(tmp_path), "../../etc/passwd")
