"""What `--slurm` takes, refuses and says, and the times that SLURM writes."""

import pytest

from colabctl.engines.slurm.options import asked_for, checked_options, seconds, words
from colabctl.engines.slurm.pilot import arguments
from colabctl.errors import UserError
from colabctl.needs import NOTHING, Need


def test_options_become_words_for_sbatch_under_their_long_names() -> None:
    options = checked_options({"p": "gpu", "cpus_per_task": "4", "--mem": "16G", "exclusive": ""})
    assert words(options) == ["--partition=gpu", "--cpus-per-task=4", "--mem=16G", "--exclusive"]


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("array", "0-9", "-n"),
        ("output", "/tmp/x", "logs"),
        ("wrap", "rm -rf ~", "--slurm-setup"),
        ("requeue", "", "colabctl sets it"),
        ("clusters", "other", "log in"),
        ("arr", "0-9", "no such option"),  # sbatch itself takes the start of a name
        ("partion", "gpu", "did you mean partition"),
        ("partition", "", "needs a value"),
        ("partition", "gpu\n#SBATCH --wrap=x", "one line"),
        ("comment", "a\x1b[2J", "one line"),
        ("nodes", "4", "-n"),
        ("time", "4h", "not a time of SLURM"),
        ("", "", "no such option"),
        ("partition gpu", "", "no such option"),
    ],
)
def test_an_option_that_would_do_something_else_is_refused(key: str, value: str, part: str) -> None:
    with pytest.raises(UserError, match=part) as refused:
        checked_options({key: value})
    assert "\n" not in str(refused.value)


def test_an_option_is_given_once() -> None:
    with pytest.raises(UserError, match="partition is given twice"):
        checked_options({"p": "a", "partition": "b"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 1800.0),
        ("30:15", 1815.0),
        ("4:00:00", 14400.0),
        ("1-12", 129600.0),
        ("1-12:30", 131400.0),
        ("1-00:00:01", 86401.0),
        ("UNLIMITED", None),
        ("infinite", None),
    ],
)
def test_times_are_read_as_slurm_writes_them(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


def test_a_pilot_ends_before_its_job_and_no_later_than_it_was_told() -> None:
    assert arguments(["work", "first"], None) == ["work", "first"]
    assert arguments(["work", "first"], 14400.0)[-2:] == ["--max-time", "14220s"]
    assert arguments(["work", "first"], 300.0)[-2:] == ["--max-time", "270s"]
    assert arguments(["work", "first", "--max-time", "1h"], 14400.0)[-2:] == ["--max-time", "1h"]
    assert arguments(["work", "first", "--max-time", "9h"], 14400.0)[-2:] == [
        "--max-time",
        "14220s",
    ]


def test_what_tasks_need_is_asked_for_unless_the_user_did() -> None:
    need = Need(2, 16 * 10**9, 12 * 10**9)
    assert words(asked_for(need, {})) == ["--gres=gpu:2", "--mem=11445M"]
    assert words(asked_for(need, {"gpus": "a100:2"})) == ["--mem=11445M"]
    assert words(asked_for(need, {"mem-per-cpu": "4G", "gres": "gpu:1"})) == []
    assert words(asked_for(NOTHING, {})) == []
