"""Kernels for Kaggle: their titles, what they ask for, and the accelerators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.project.notebooks.kaggle.accelerators import ACCELERATORS, find_accelerator
from colabctl.project.notebooks.kaggle.kernel import check_user, metadata, title_of

_NAMES = st.text(min_size=1, max_size=80)


@given(_NAMES, _NAMES, _NAMES, st.integers(1, 20))
def test_every_title_is_one_that_kaggle_takes(
    project: str, sweep: str, member: str, number: int
) -> None:
    title = title_of(project, sweep, member, number)
    assert 5 <= len(title) <= 50
    assert set(title) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert title[0] != "-" != title[-1]
    assert "--" not in title


def test_a_title_says_whose_worker_of_what_it_is() -> None:
    assert title_of("churn", "first", "ana", 2) == "churn-first-ana-2"


@pytest.mark.parametrize(
    "others",
    [("Проект", "поиск", "ana"), ("Проект", "другой", "ana"), ("churn", "x" * 90, "ana"),
     ("churn", "x" * 91, "ana"), ("churn", "a b", "ana"), ("churn", "a_b", "ana")],
)  # fmt: skip
def test_names_that_look_alike_to_kaggle_get_titles_of_their_own(
    others: tuple[str, str, str],
) -> None:
    titles = {title_of(*others, n) for n in (1, 2)} | {title_of("churn", "a-b", "ana", 1)}
    assert len(titles) == 3


def test_a_kernel_is_private_and_reaches_the_internet() -> None:
    described = metadata("ana", "churn-first-ana-1", ACCELERATORS["gpu-t4x2"])
    assert described["is_private"] is described["enable_internet"] is True
    assert (described["enable_gpu"], described["enable_tpu"]) == (True, False)
    assert described["machine_shape"] == "NvidiaTeslaT4"
    cpu = metadata("ana", "churn-first-ana-1", ACCELERATORS["cpu"])
    assert (cpu["enable_gpu"], cpu["machine_shape"]) == (False, "")


def test_an_accelerator_has_kaggles_name_too() -> None:
    assert find_accelerator("NvidiaTeslaT4") is find_accelerator("GPU-T4x2")
    assert find_accelerator("NvidiaTeslaT4").label == "GPU T4 x2"


@pytest.mark.parametrize("typed", ["gpu-t4", "t4x2", "gpu-t4-x2", "gput4x2"])
def test_an_unknown_accelerator_is_refused_with_the_nearest(typed: str) -> None:
    with pytest.raises(UserError, match=r"did you mean gpu-t4x2. there are cpu, gpu-t4x2"):
        find_accelerator(typed)


def test_a_name_that_is_no_account_is_refused() -> None:
    assert check_user(" Ana ") == "ana"
    for name in ("", "ana/churn", "ana lopez", "a" * 60):
        with pytest.raises(UserError, match="is not a username of Kaggle"):
            check_user(name)
