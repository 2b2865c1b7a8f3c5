"""A shell reads each parameter in its text as it is, whatever the value and the quotes around it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from colabctl.search.language.commands.command import expand

VALUES = [
    *("plain", "a b", "", "-c", "=ls", "~", "*", "{a,b}", "!!", "#", "\\", "'", '"', "a\\'b"),
    *("$(touch ran)", "`touch ran`", "; touch ran", "'; touch ran; '", '"; touch ran; "'),
    *("$HOME", "${HOME}", "\ntouch ran\n", "x\ny", "&& touch ran", "> ran", "é\u2028", "[1, 2]"),
]
TEXT = "%s show.py ${x} '${x}' \"${x}\" a=${x}'${x}'\"-${x}-\" | cat > out.txt 2>&1"
SHOW = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh"])
def test_every_value_arrives_as_it_is(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None and (shell == "dash" or "CI" not in os.environ):
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "show.py").write_text(SHOW)
    for value in VALUES:
        command = [shell, "-c", TEXT % sys.executable]
        words = expand(command, Path("t.py"), {"x": value}, tmp_path / "p.json", {})
        subprocess.run(words, cwd=tmp_path, check=True)
        assert json.loads((tmp_path / "out.txt").read_text()) == [
            *(value, value, value, f"a={value}{value}-{value}-")
        ]
    assert not (tmp_path / "ran").exists()


def test_all_parameters_are_a_word_each(tmp_path: Path) -> None:
    command = ["bash", "-c", "python t.py ${args} ${args_json}"]
    words = expand(command, Path("t.py"), {"a": "x y", "b": 1}, tmp_path / "p.json", {})
    assert words[2] == """python t.py '--a=x y' --b=1 '{"a": "x y", "b": 1}'"""


def test_names_are_quoted_too(tmp_path: Path) -> None:
    words = expand(["sh", "-c", "t ${args}"], Path("t.py"), {"a;id": 1}, tmp_path / "p.json", {})
    assert words[2] == "t '--a;id=1'"


def test_the_program_s_path_is_a_word_too(tmp_path: Path) -> None:
    for text, expected in (
        ("sh ${program} 1", "sh 'a b.sh' 1"),
        ('sh "${program}"', 'sh "a b.sh"'),
    ):
        words = expand(["sh", "-c", text], Path("a b.sh"), {}, tmp_path / "p.json", {})
        assert words[2] == expected
