"""Where a command may have parameters: as arguments of a program, never as code."""

import pytest

from colabctl.search.language.commands.code_places import code_places, shell_words

PARAMETERS = ("x", "lr")
ALLOWED = r"""
${env}|${interpreter}|${program}|${args}
python|${program}|--cfg|c.yaml|${args_no_hyphens}
${env}|python3|care/cli.py|fit|--config|c.yaml|${args}
accelerate|launch|${program}|${args_no_boolean_flags}
${env}|${program}|train|-d|${x}
torchrun|--nproc_per_node=1|scripts/main.py|--base|c|${args}
torchrun|--nproc_per_node|${x}|train.py
${env}|python|-m|scripts.sample|${args}
${env}|C:/envs/Scripts/python.exe|n.py|--x=${x}
${env}|uv|run|python|-m|${program}|${args}
python|-u|-O|train.py|${args}
python|-W|ignore|train.py|${x}
python|train|${args}
python|-c|import sys; print(sys.argv)|${x}
python|-m|torch.distributed.run|--nproc_per_node=2|t.py|${x}
env|CUDA_VISIBLE_DEVICES=${x}|python|t.py
env|PYTHONHASHSEED=${x}|python|t.py
bash|run.sh|${args}
bash|job.slurm|${x}
bash|-c|python train.py "$@"|_|${args}
bash|-c|python train.py --x=${x} "--y=${x}" '${args_json}' > log 2>&1
bash|-c|cd src && python train.py ${args}
bash|-lc|source .venv/bin/activate; python -u train.py ${args} 2>&1 &> log
timeout|10|python|t.py|${x}
docker|run|--rm|image|python|/app/t.py|${args}
./tool|${x}|--lr=${lr}
my-launcher|${program}|${args}
conda|run|-n|env|python|-m|pkg.train|${args}
nice|-n|${x}|python|t.py
./tool|--lang|python|${args}
julia|--threads=4|train.jl|${args}
node|train.js|${args}
"""
REFUSED = {
    "would choose the program": r"""
${x}|${program}
./bin/${x}
python|scripts/${x}.py
python|-m|${x}
python|-m|torch.distributed.run|${x}
nohup|${x}
timeout|5|${x}
uv|run|${x}
sudo|-u|me|${x}
accelerate|launch|${x}
env|${args_no_hyphens}|python|t.py
env|-S|${x}
stdbuf|-o0|${x}
chrt|-o|0|${x}
setpriv|${x}
valgrind|--tool=${x}|python|t.py
accelerate|launch|--config_file|${x}|t.py
torchrun|--nproc_per_node|${args}|t.py
sudo|-n|${x}""",
    "reads its own options": r"""
python|${x}
python|-W|ignore|${x}
python3|-W|${x}|t.py
python|${args_no_hyphens}|${program}
python|-c${x}
node|-r|hook.js|${x}
node|-e|f()|${args}
Rscript|--${x}|t.R
bash|${args}
bash|+x|${x}
docker|run|image|python|${x}""",
    "is in code that": r"""
python|-c|print(${x})
python|-c|main(${args_json})
node|-e|f(${x})
Rscript|-e|f(${x})
perl|-pe|s/a/${x}/
fish|-c|python t.py ${x}
cmd|/c|python t.py ${x}""",
    "could run": r"""
make|LR=${lr}
timeout|5|make|LR=${lr}
git|${x}
nohup|git|${x}
my-launcher|${x}|t.py
conda|run|-n|env|train-cli|${args}
ssh|host|python|t.py|${x}
tar|cf|o.tar|t.py|--checkpoint-action=exec=${x}
git|-c|${program}|${x}
python|-m|timeit|${x}
python|-m|pip|install|${x}""",
    "would set": r"""
env|LD_PRELOAD=${x}|python|t.py""",
    "shell text": r"""
bash|-c|eval ${x}
bash|-c|$1|_|${x}""",
}


@pytest.mark.parametrize("line", ALLOWED.strip().splitlines())
def test_parameters_may_be_arguments_of_what_the_command_names(line: str) -> None:
    assert code_places(line.split("|"), PARAMETERS) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [(words, line) for words, lines in REFUSED.items() for line in lines.strip().splitlines()],
)
def test_parameters_may_not_be_code_or_choose_what_runs(words: str, line: str) -> None:
    places = code_places(line.split("|"), PARAMETERS)
    assert words in places[0].fault
    assert "${" in places[0].fault


def test_a_name_may_be_a_script_of_the_project_until_the_sweep_is_declared() -> None:
    for command in (["fit", "${args}"], ["uv", "run", "fit", "${x}"]):
        assert code_places(command, PARAMETERS, with_scripts=True) == []
        assert "fit could run" in code_places(command, PARAMETERS)[0].fault


def test_only_words_that_a_shell_reads_are_shell_text() -> None:
    for command, expected in (
        (["bash", "-c", "python t.py ${x}", "_", "${lr}"], {2}),
        (["bash", "-c", 'python t.py "$@"', "_", "${x}"], {2}),
        (["bash", "-c", "cd $(f ${program})"], set()),
        (["python", "t.py", "-c", "${x}"], set()),
    ):
        assert shell_words(command, PARAMETERS) == expected
