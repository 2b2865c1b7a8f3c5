"""The words of a command: what they become, and which mistakes are found when it is declared."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.search import Declaration, InvalidFileError, read
from colabctl.search.language.commands.command import LONGEST_ARGUMENT, expand
from colabctl.search.language.commands.command_words import hydra_notes

MINIMAL = """method: grid
program: train.py
parameters: {lr: {values: [0.1]}, data_dir: {values: [a]}}
"""
BRANCHES = """method: grid
program: train.py
parameters:
  model: {choices: {mlp: {parameters: {width: {values: [1, 2]}}}, linear: {}}}
"""


def declared(command: str, base: str = MINIMAL) -> Declaration:
    return read(f"{base}command: {command}\n", "sweep.yaml")


def problem_of(command: str, base: str = MINIMAL) -> str:
    with pytest.raises(InvalidFileError) as refused:
        declared(command, base)
    return str(refused.value)


def expanded(command: list[str], params: Mapping[str, object]) -> list[str]:
    return expand(command, Path("train.py"), params, Path("params.json"), {"FLAVOUR": "vanilla"})


PARAMS = {"lr": 1e-05, "on": True, "off": False, "n": None, "l": [1, 2], "s": "a b", "m": {"k": 1}}


@pytest.mark.parametrize(
    ("macro", "arguments"),
    [
        (
            "args",
            "--lr=1e-05|--on=True|--off=False|--n=None|--l=[1, 2]|--s=a b|--m={'k': 1}",
        ),
        (
            "args_no_equals",
            "--lr|1e-05|--on|True|--off|False|--n|None|--l|[1, 2]|--s|a b|--m|{'k': 1}",
        ),
        (
            "args_no_hyphens",
            "lr=1e-05|on=True|off=False|n=None|l=[1, 2]|s=a b|m={'k': 1}",
        ),
        (
            "args_no_boolean_flags",
            "--lr=1e-05|--on|--n=None|--l=[1, 2]|--s=a b|--m={'k': 1}",
        ),
        (
            "args_append_hydra",
            "+lr=1e-05|+on=True|+off=False|+n=null|+l=[1,2]|+s=a b|+m={k:1}",
        ),
        (
            "args_override_hydra",
            "++lr=1e-05|++on=True|++off=False|++n=null|++l=[1,2]|++s=a b|++m={k:1}",
        ),
    ],
)
def test_a_macro_of_all_parameters_is_written_as_by_wandb_or_for_hydra(
    macro: str, arguments: str
) -> None:
    assert expanded([f"${{{macro}}}"], PARAMS) == arguments.split("|")


@pytest.mark.parametrize(
    ("program", "command", "words"),
    [
        ("t.R", "${interpreter}|${program}|${args}", "Rscript|--vanilla|t.R|--x=1"),
        ("t.R", "Rscript|--verbose|t.R|Rscript", "Rscript|--vanilla|--verbose|t.R|Rscript"),
        ("t.R", "nice|/opt/R/bin/R|-f|${program}", "nice|/opt/R/bin/R|--vanilla|-f|t.R"),
        ("t.R", "R|CMD|BATCH|--vanilla|t.R", "R|CMD|BATCH|--vanilla|t.R"),
        ("t.R", "Rscript|--vanilla|t.R", "Rscript|--vanilla|t.R"),
        ("t.jl", "${env}|${interpreter}|${program}", "/usr/bin/env|julia|--startup-file=no|t.jl"),
        ("t.sh", "${interpreter}|${program}|julia", "bash|t.sh|julia"),
    ],
)
def test_interpreters_are_started_without_files_that_configure_them(
    program: str, command: str, words: str
) -> None:
    made = expand(command.split("|"), Path(program), {"x": 1}, Path("p.json"), {})
    assert made == words.split("|")


def test_parameters_variables_and_other_text_keep_their_places() -> None:
    command = ["--lr=${lr}", "${envvar:FLAVOUR}", "${envvar:NONE}", "${HOME}", "a ${x:-1} ${lr}"]
    assert expanded(command, {"lr": 0.1}) == [
        *("--lr=0.1", "vanilla", "NONE", "${HOME}", "a ${x:-1} 0.1")
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("x" * LONGEST_ARGUMENT, "bytes long, and the limit of an argument is 131,071"),
        ("é" * LONGEST_ARGUMENT, "bytes long"),
        ("a\0b", "contains a NUL character"),
    ],
)
def test_an_argument_that_no_program_can_have_points_to_a_file(value: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        expanded(["${args}"], {"text": value})
    assert "${args_json_file}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert expanded(["--text=x"], {"text": value}) == ["--text=x"]


@pytest.mark.parametrize("command", [None, ["${args}"], ["${args_override_hydra}"]])
def test_an_argument_that_is_too_long_is_refused_when_it_is_declared(
    command: list[str] | None,
) -> None:
    content = {
        "method": "grid",
        "program": "train.py",
        "parameters": {"text": {"values": ["short", "x" * LONGEST_ARGUMENT]}},
    }
    with pytest.raises(InvalidFileError, match=r"text: .* \$\{args_json_file\}"):
        read(content | {"command": command}, "sweep")
    for other in ({"command": ["${args_json_file}"]}, {"program": "train.py:train"}):
        assert read(content | other, "sweep").notes == ()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('["${program}", "${arg}"]', "command[1]: ${arg} is not a macro; did you mean ${args}?"),
        ('["${interpereter}"]', "did you mean ${interpreter}?"),
        ('["${ARGS}"]', "did you mean ${args}?"),
        ('["${ args }"]', "did you mean ${args}?"),
        ('["${{args}}"]', "did you mean ${args}?"),
        ('["{{args}}"]', "did you mean ${args}?"),
        ('["{args}"]', "did you mean ${args}?"),
        ('["$args"]', "did you mean ${args}?"),
        ('["$(args)"]', "did you mean ${args}?"),
        ('["<args>"]', "did you mean ${args}?"),
        ('["${args"]', "did you mean ${args}?"),
        ('["--lr=$lr"]', "did you mean ${lr}?"),
        ('["--lr=${LR}"]', "did you mean ${lr}?"),
        ('["--data=${datadir}"]', "did you mean ${data_dir}?"),
        ('["${env:HOME}"]', "did you mean ${envvar:HOME}?"),
        ('["${ENVVAR:HOME}"]', "did you mean ${envvar:HOME}?"),
        ('["${envvar:}"]', "needs the name of a variable"),
        ('["--lr=${rate}"]', "is neither a macro nor a parameter (data_dir, lr)"),
        ("python train.py --lr 1 ${args}", 'write [python, train.py, --lr, "1", "${args}"]'),
        ('"cd src && python x.py"', 'write [bash, -c, "cd src && python x.py"]'),
        ('"python x.py \'a b"', 'write [python, x.py, "\'a", b]'),
        ("{}", 'write [python, train.py, "${args}"]'),
        ('""', 'write [python, train.py, "${args}"]'),
        ("[python, null]", 'command[1]: is empty; remove it, or write "null" in quotes'),
        ("[python, --lr: 0.1]", 'not a map; write each as a word: "--lr", "0.1"'),
        ("[python, [a]]", "must be a word"),
        ('[python, "a\\0"]', "must be a word"),
    ],
)
def test_a_mistake_in_a_command_is_refused_with_what_to_write(command: str, words: str) -> None:
    problem = problem_of(command)
    assert problem.startswith("sweep.yaml:4:")
    assert words in problem
    assert "\n" not in problem


def test_a_parameter_that_only_some_tasks_have_cannot_be_a_macro() -> None:
    assert "some branches only; use ${args}" in problem_of('[./tool, "--width=${width}"]', BRANCHES)
    assert declared('[./tool, "--model=${model}", "${args}"]', BRANCHES).notes == ()


def test_numbers_and_truth_values_are_words_as_in_wandb() -> None:
    declaration = declared("[train.sh, 40, 0.5, true, 1e-3]")
    assert declaration.command == ("train.sh", "40", "0.5", "True", "0.001")
    assert declaration.notes == ()
    assert declared("[train.sh, no]").notes == (
        'command[1] (line 4): no is read as false; for the text, write "no"',
    )


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ('[x, "--a=1 --b=2"]', 'write a word for each: "--a=1", "--b=2"'),
        ('[x, "--logdir logs"]', 'write a word for each: "--logdir", "logs"'),
        ('[x, "${program} ${args}"]', 'write a word for each: "${program}", "${args}"'),
        ('["${env}", "python train.py"]', 'write a word for each: "python", "train.py"'),
        ('[x, "--o=${args}"]', "becomes a single argument, with all parameters"),
        ('[x, "--d=${HOME}/d"]', "for the environment variable, write ${envvar:HOME}"),
        ('[x, "--d=$HOME"]', "for the environment variable, write ${envvar:HOME}"),
        ('[x, "run.name=${kind}"]', "${kind} is not a macro and stays as it is"),
        ('[x, "run.dir=${now:%Y}"]', "${now:%Y} is not a macro and stays as it is"),
        ('[bash, -c, "echo ${HOME}"]', "${HOME} is left to bash"),
        ('[bash, -lc, "for arg in a; do echo ${arg}; done"]', "did you mean ${args}?"),
    ],
)
def test_a_word_that_may_surprise_is_accepted_with_a_note(command: str, note: str) -> None:
    notes = declared(command).notes
    assert len(notes) == 1
    assert note in notes[0]


@pytest.mark.parametrize(
    "command",
    [
        '["${env}", "${interpreter}", "${program}", "${args}"]',
        '[x, "--title=my run", "a b", "--name={lr}", "--json", "{\\"a\\": 1}"]',
        '[bash, -c, "python ${program} ${args} --x=$HOME"]',
        '[python, -c, "print({1: 2})", "--lr=${lr}", "${envvar:HOME}"]',
    ],
)
def test_other_commands_have_no_note(command: str) -> None:
    assert declared(command).notes == ()


def test_names_and_keys_that_hydra_cannot_take_are_refused_when_declared() -> None:
    def with_hydra(parameters: str) -> str:
        return (
            f"method: grid\nprogram: t.py\nparameters: {parameters}\n"
            'command: [python, t.py, "${args_override_hydra}"]\n'
        )

    for parameters, words in (
        ("{a b: 1}", "no way to write the name"),
        ("{a: {value: {1: 2}}}", "no way to write the key '1'"),
        ("{a: {parameters: {1: {value: 2}}}}", "no way to write the key '1'"),
    ):
        with pytest.raises(InvalidFileError, match=words):
            read(with_hydra(parameters), "sweep.yaml")
    for parameters, words in (
        ("{db/kind: 1}", "for a nested key, write db.kind"),
        ("{a: {value: '???'}}", "a missing value"),
    ):
        assert words in "\n".join(read(with_hydra(parameters), "sweep.yaml").notes)


def test_values_that_hydra_misreads_without_its_own_macro_are_named() -> None:
    content = {
        "method": "grid",
        "parameters": {
            "null_": {"value": None},
            "map": {"value": {"k": 1}},
            "text": {"values": ["adam", "w=1"]},
            "number": {"values": [1, 0.5, True]},
            "plain": {"values": ["adam", "a b", "x/y"]},
            "list": {"value": [1, 2, "a"]},
        },
    }
    space = read(content, "sweep").parameters
    (note,) = hydra_notes(["${args_no_hyphens}"], space)
    assert note.startswith("map, null_, text: Hydra misreads")
    assert "${args_override_hydra}" in note
    assert hydra_notes(["${args_override_hydra}"], space) == ()
    assert hydra_notes(None, space) == ()
