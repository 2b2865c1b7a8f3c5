"""W&B's files are named after their cells, and the names are safe on every system."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.export.wandb_files import file_names, write_sweeps
from colabctl.export.wandb_sweeps import WandbSweep
from colabctl.sharedfs.names import check_name
from tests.export.test_wandb_sweeps import plain


def sweep(**fixed: Any) -> WandbSweep:
    return WandbSweep("s", fixed, 1, {"method": "grid", "run_cap": 1})


def names(*sweeps: WandbSweep) -> list[str]:
    return file_names(sweeps, "bench")


def test_a_file_is_named_after_its_cell_and_branches() -> None:
    assert names(sweep(model="xgb", lr=1e-5, n=-3)) == ["model=xgb,lr=1e-05,n=-3.yaml"]
    assert names(sweep()) == ["bench.yaml"]


def test_unsafe_characters_of_a_name_are_replaced() -> None:
    assert names(
        sweep(a="data/raw\\x:y*"), sweep(a=[1, "b"]), sweep(a="../../etc"), sweep(a="é\n漢")
    ) == ["a=data-raw-x-y-.yaml", "a=1-b.yaml", "a=-etc.yaml", "a=é-n漢.yaml"]


@pytest.mark.parametrize(
    "sweeps",
    [
        [sweep(a="x"), sweep(a="X")],
        [sweep(a=1), sweep(a="1")],
        [sweep(a="x/y"), sweep(a="x:y")],
        [sweep(a="y" * 55, b="z" * 55), sweep(a="b")],
    ],
)
def test_names_that_are_similar_or_long_are_numbered(sweeps: list[WandbSweep]) -> None:
    first, second = names(*sweeps)
    assert (first[:4], second[:4]) == ("1-a=", "2-a=")
    assert len(first) < 120


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.dictionaries(
            st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,9}", fullmatch=True), plain, max_size=3
        )
    )
)
def test_every_name_is_safe_and_no_two_are_the_same_on_any_system(
    values: list[dict[str, Any]],
) -> None:
    files = names(*(sweep(**fixed) for fixed in values))
    for name in files:
        assert check_name(name, "file", longest=140) == name
    assert len({unicodedata.normalize("NFC", name).casefold() for name in files}) == len(values)


SWEEPS = [sweep(m="a"), sweep(m="b")]


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_is_created_with_a_file_for_each_sweep(tmp_path: Path) -> None:
    paths = write_sweeps(SWEEPS, tmp_path / "out", "bench", ["seed: left out"])
    assert [path.name for path in paths] == written(tmp_path / "out") == ["m=a.yaml", "m=b.yaml"]
    content = paths[0].read_text()
    assert content.splitlines()[:2] == ["# colabctl sweep bench, for W&B", "# seed: left out"]
    assert yaml.safe_load(content) == SWEEPS[0].config


def test_files_of_the_same_sweep_are_replaced_and_others_in_the_folder_left_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    write_sweeps(SWEEPS, tmp_path, "bench")
    (tmp_path / "m=a.yaml").write_text((tmp_path / "m=a.yaml").read_text() + "# old\n")
    (tmp_path / "m=b.yaml").write_text("")
    write_sweeps(SWEEPS, tmp_path, "bench")
    assert "old" not in (tmp_path / "m=a.yaml").read_text()
    assert (tmp_path / "m=b.yaml").read_text()
    assert (tmp_path / "mine.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    "content", ["method: grid\n", "# colabctl sweep benches, for W&B\n", "\x00"]
)
def test_a_foreign_file_is_kept_and_nothing_is_written(tmp_path: Path, content: str) -> None:
    (tmp_path / "m=b.yaml").write_text(content)
    with pytest.raises(UserError, match=r"m=b\.yaml exists and was not written from sweep bench"):
        write_sweeps(SWEEPS, tmp_path, "bench")
    assert written(tmp_path) == ["m=b.yaml"]
    assert (tmp_path / "m=b.yaml").read_text() == content
    write_sweeps(SWEEPS, tmp_path, "bench", replace=True)
    assert yaml.safe_load((tmp_path / "m=b.yaml").read_text()) == SWEEPS[1].config


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="out is a file; give a folder"):
        write_sweeps(SWEEPS, tmp_path / "out", "bench", replace=True)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m=a.yaml").mkdir()
    with pytest.raises(UserError, match=r"m=a\.yaml cannot be written: Is a directory"):
        write_sweeps(SWEEPS, tmp_path, "bench")


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"out cannot be written: there is no folder .*missing; create it"
    ):
        write_sweeps(SWEEPS, tmp_path / "missing" / "out", "bench")
