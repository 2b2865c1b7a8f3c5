"""The last thing that a program said of its failure, in the forms that programs use."""

from pathlib import Path

import pytest
import yaml

from colabctl.run.failures.reasons import last_line, reason

CASES = yaml.safe_load(Path(__file__).with_name("reasons.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_the_last_error_that_an_output_states(name: str) -> None:
    case = CASES[name]
    assert reason(case["output"]) == case["reason"]


def test_an_error_that_was_handled_before_is_not_the_reason() -> None:
    handled = ["Traceback (most recent call last):", '  File "t.py", line 1', "OSError: once"]
    assert reason("\n".join([*handled, "", "t.py: error: no data"])) == "t.py: error: no data"


def test_a_warning_is_not_a_reason() -> None:
    for line in (
        "WARNING: cache not found",
        "t.py:3: UserWarning: file not found",
        "INFO: x: not found",
    ):
        assert reason(line) == "", line


def test_a_reason_is_cut_between_words() -> None:
    cut = reason(f"t.py: error: {'word ' * 300}")
    assert len(cut) <= 500
    assert cut.endswith("word …")


def test_a_very_long_line_takes_no_long_time() -> None:
    assert reason("a: " * 50_000) == ""
    assert reason("x" * 1_000_000) == ""


def test_the_last_line_is_no_progress_bar() -> None:
    output = "no data\n 10%|#         | 1/10 [00:01<00:09,  1.0it/s]\n=====\n"
    assert last_line(output) == "no data"
    assert last_line("\n") == ""
