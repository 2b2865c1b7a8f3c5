"""Where a command may have parameters: as arguments and as words of a shell, never as code."""

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
sh|-c|for i in 1 2; do python train.py --i=$i ${args}; done
bash|-c|export LR=${lr}; OMP_NUM_THREADS=${x} python t.py ${HOME} # a comment
conda|run|-n|env|train-cli|${args}
timeout|10|python|t.py|${x}
docker|run|--rm|image|python|/app/t.py|${args}
./tool|${x}|--lr=${lr}
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
sudo|-u|me|xargs|${x}
accelerate|launch|${x}
env|${args_no_hyphens}|python|t.py
env|-S|${x}
bash|-c|${x}
bash|-c|true; ${x}
bash|-c|if true; then ${x}; fi
bash|-c|function f { ${x}; }; f
bash|-c|command ${x}
bash|-c|a[${x}]=1""",
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
docker|run|image|python|${x}
bash|-c|>log python ${x}
bash|-c|python \@ ${x}""",
    "is in code that": r"""
python|-c|print(${x})
python|-c|main(${args_json})
bash|-c|python -c "print(${x})"
node|-e|f(${x})
Rscript|-e|f(${x})
perl|-pe|s/a/${x}/
fish|-c|python t.py ${x}
cmd|/c|python t.py ${x}""",
    "could run": r"""
make|LR=${lr}
timeout|5|make|LR=${lr}
ssh|host|python|t.py|${x}
bash|-c|eval ${x}
bash|-c|sed s/a/${x}/ f
bash|-c|[[ ${x} -eq 1 ]]
bash|-c|cd ${x} && python t.py""",
    "would set": r"""
env|LD_PRELOAD=${x}|python|t.py
bash|-c|PATH=${x} python t.py
bash|-c|export BASH_ENV=${x}; bash t.sh""",
    "shell text": r"""
bash|-c|echo $(${x})
bash|-c|echo `id` ${x}
bash|-c|bash -c "python t.py ${x}"
bash|-c|python t.py # ${x}
bash|-c|cat <<E@${x}@E
bash|-c|(( ${x} ))
bash|-c|echo $${x}
bash|-c|echo $'${x}'
bash|-c|python t.py "${x}
bash|-c|echo \${x}""",
}


def words_of(line: str) -> list[str]:
    return line.replace("@ ", "\n ").replace("E@", "E\n").replace("}@", "}\n").split("|")


@pytest.mark.parametrize("line", ALLOWED.strip().splitlines())
def test_parameters_may_be_arguments_of_what_the_command_names(line: str) -> None:
    assert code_places(words_of(line), PARAMETERS) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [(words, line) for words, lines in REFUSED.items() for line in lines.strip().splitlines()],
)
def test_parameters_may_not_be_code_or_choose_what_runs(words: str, line: str) -> None:
    places = code_places(words_of(line), PARAMETERS)
    assert words in places[0].fault
    assert "${" in places[0].fault


def test_only_words_that_a_shell_reads_are_shell_text() -> None:
    for command, expected in (
        (["bash", "-c", "python t.py ${x}", "_", "${lr}"], {2}),
        (["bash", "-c", 'python t.py "$@"', "_", "${x}"], {2}),
        (["bash", "-c", "cd $(f ${program})"], set()),
        (["python", "t.py", "-c", "${x}"], set()),
    ):
        assert shell_words(command, PARAMETERS) == expected
