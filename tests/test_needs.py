"""What tasks need, what each task at a time has on a machine, and the words for both."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.needs import (
    ANYTHING,
    NOTHING,
    Capacity,
    Need,
    Rule,
    advice,
    capacity,
    decode,
    encode,
    needed,
    share_of,
    value_of,
)

GB = 10**9
T4, A100 = 15360 << 20, 40960 << 20


def test_a_t4_has_16_gb_and_no_17() -> None:
    has = capacity([T4], 13 * GB, 1, 1)
    assert Need(1, 16 * GB).fits(has)
    assert Need(1, 17 * GB).lacking(has) == Need(1, 17 * GB)
    assert Need(1, 16 * GB, 14 * GB).lacking(has) == Need(memory=14 * GB)


def test_tasks_at_a_time_share_memory_and_the_memory_of_a_gpu() -> None:
    assert capacity([T4], 12 * GB, 4, 1) == Capacity(1, T4 // 4, 3 * GB)
    assert capacity([T4, A100], 12 * GB, 3, 1) == Capacity(1, T4 // 2, 4 * GB)
    assert capacity([T4, A100], 12 * GB, 1, 1) == Capacity(2, T4, 12 * GB)
    assert capacity([], 12 * GB, 2, 1) == Capacity(0, None, 6 * GB)


def test_what_is_not_known_counts_as_enough_but_no_gpu_is_known() -> None:
    assert Need(1, 500 * GB, 500 * GB).fits(capacity([None], None, 1, 1))
    assert not Need(1).fits(capacity([], None, 1, 1))
    assert Need(64, 500 * GB, 500 * GB).fits(ANYTHING)


@given(st.integers(0, 16), st.integers(1, 16), st.integers(0, 8))
def test_a_share_of_gpus_is_never_more_than_there_are(gpus: int, jobs: int, need: int) -> None:
    each = share_of(gpus, jobs, need)
    assert each <= gpus
    assert (each > 0) == (gpus > 0)
    if each > 1:
        assert each * jobs <= gpus


def test_a_task_needs_the_most_of_all_that_applies() -> None:
    assert Need(1, 8) | Need(2, 4, 3) | NOTHING == Need(2, 8, 3)


@pytest.mark.parametrize(
    ("where", "params", "applies"),
    [
        (None, {}, True),
        ("model = 'vit'", {"model": "vit"}, True),
        ("model = 'vit' and width > 8", {"model": "vit", "width": 8}, False),
        ("model = 'vit'", {}, False),
        ("not (model = 'vit')", {}, True),
        ("width > 8", {"width": "wide"}, False),
        ("optimizer.lr > 0.1", {"optimizer": {"lr": 0.2}}, True),
        ("optimizer.lr > 0.1", {"optimizer.lr": 0.2}, True),
        ("optimizer.lr > 0.1", {"optimizer": 3}, False),
    ],
)
def test_a_rule_applies_where_its_condition_holds(
    where: str | None, params: dict[str, Any], applies: bool
) -> None:
    assert Rule(Need(1), where).applies(params) is applies
    assert all(value_of(params, name) is not None for name in Rule(Need(1), where).names)


def test_rules_survive_the_plan() -> None:
    rules = (Rule(Need(memory=4)), Rule(Need(1, 16 * GB), "a.b = 'x'"))
    assert decode(encode(rules)) == rules
    assert encode(rules)[1] == {"gpu": 1, "gpu_memory": 16 * GB, "where": "a.b = 'x'"}


def test_needs_and_capacities_are_told_in_a_few_words() -> None:
    assert str(Need(1, 16 * GB, 12 * GB)) == "a GPU with 16 GB and 12 GB of memory"
    assert str(Need(2, 16 * GB)) == "2 GPUs with 16 GB each"
    has = Capacity(1, T4, 13 * GB)
    assert has.of(Need(1, 24 * GB), "Tesla T4") == "a Tesla T4 with 16.1 GB"
    assert has.of(Need(memory=24 * GB)) == "13 GB of memory"
    assert Capacity().of(Need(1)) == "no GPU"
    assert needed({Need(1): 1}) == "the task left needs a GPU"
    assert needed({Need(1): 3, Need(memory=GB): 1}) == (
        "of the tasks left, 3 need a GPU, 1 needs 1 GB of memory"
    )


@pytest.mark.parametrize(
    ("need", "text"),
    [
        (Need(1, 16 * GB), "choose T4, L4, A100, H100 or G4 ("),
        (Need(1, 24 * GB), "choose L4, A100, H100 or G4 ("),
        (Need(1, 80 * GB), "choose A100 (80 GB), H100 or G4 ("),
        (Need(1, 90 * GB), "choose G4 ("),
        (Need(1, 200 * GB), "a machine with a GPU with 200 GB"),
        (Need(2), "a machine with 2 GPUs"),
        (Need(memory=30 * GB), "choose High-RAM ("),
        (Need(1, 0, 30 * GB), "G4 and High-RAM ("),
        (Need(memory=900 * GB), "a machine with 900 GB of memory"),
        (Need(memory=8 * GB), "such as one of Colab"),
    ],
)
def test_advice_names_what_colab_has(need: Need, text: str) -> None:
    assert text in advice(need)
