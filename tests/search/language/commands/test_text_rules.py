"""In the text of a shell, a parameter may only be where it is certainly data."""

import pytest

from colabctl.search.language.commands.code_places import code_places

ALLOWED = r"""
python train.py ${args}
python -u "${program}" --x=${x} '${args_json}' > log.txt 2>&1
cd src && python train.py ${args}
source .venv/bin/activate; python -u train.py ${args} 2>&1 | tee logs/train.log
set -euo pipefail; export A=1; export LR=${lr}; OMP_NUM_THREADS=${x} python t.py $A ${HOME} # note
LR=${lr} python train.py
mkdir -p runs/${x} && ./fit.sh runs/${x} | tail -n 1
echo ${x} | python t.py
printf 'x is %s\n' ${x}; sleep ${x}; true
nohup time torchrun --nproc_per_node=${x} train.py ${lr} &> out
python -m pkg.train ${args} || echo failed
cd "/content/drive/MyDrive/Colab Notebooks"; python t.py ${x}
conda activate env && exec python t.py ${args}
uv run python t.py ${x}
nice -n ${x} ${interpreter} ${program} ${args}
export PYTHONPATH=$PWD PATH=$HOME/bin:$PATH; python t.py "$@"
"""
REFUSED = r"""
${x}
time -p eval ${x}
declare -i n; n=${x}
typeset -i n; n=${x}
OPTIND=${x}
OPTIND=${x} python t.py
HISTSIZE=${x} ./t.sh
path=${x} python t.py
export BASH_ENV=${x}; bash t.sh
PATH=${x} python t.py
"$BASH" -c ${x}
$SHELL -c ${x}
$0 -c ${x}
/bin/ba?h -c ${x}
/bin/bash ${x}
e=eval; $e ${x}
e=-c; python $e ${x}
echo ${x} | bash
echo ${x} | bash -s
echo ${x} | bash -s t.sh
echo ${x} | python3 -
echo ${x} | python3 -i t.py
echo ${x} | python3 /dev/stdin
cd /dev; echo ${x} | bash stdin
echo ${x} | . /dev/stdin
echo ${x} | xargs -I@ sh -c @
echo ${x} | xargs env
echo ${x} | sh -c sh
sh <<< ${x}
tee o <<< ${x} | sh
cat << E
tar cf o.tar f --checkpoint-action=exec=${x}
split --filter=${x}
echo ${x} > u.sh; bash t.sh; . ./u.sh
echo ${x} > u.txt; . ./u.txt
echo ${x} > u.txt; . ./u*
echo ${x} > 1; . ./1
echo ${x} | tee train.py; python train.py
echo ${x} > Makefile; make
echo a > ${x}
python t.py < ${x}
v=${x}; $v
v=${x}; eval $v
v=${x}; [[ $v -eq 1 ]]
v=${x}; let v
export v=${x}; $v
export v=${x}; echo $v
echo ${!v} ${x}
echo ${v@P} ${x}
i=${x}; echo ${a[i]}
i=${x}; echo ${HOME:i:1}
set -- ${x}; $1
for v in ${x}; do $v; done
for i in 1 2; do python train.py ${x}; done
if true; then ${x}; fi
f() { $1; }; f ${x}
function f { $1; }; f ${x}
read v <<< ${x}; $v
read PATH <<< ${x}
for PATH in ${x}
case ${x} in a) ;; esac
echo ${x}; $_
echo ${x}; eval $_
alias echo=eval; echo ${x}
trap 'eval "$_"' EXIT; echo ${x}
mkdir '${x}'; eval *
mkdir ${x}; ls | sh
mkdir ${x}; . */t.sh
stdbuf -o0 ${x}
setpriv ${x}
runuser ${x}
chrt -o 0 ${x}
valgrind ${x}
command -p ${x}
command -- ${x}
jobs -x ${x}
git ${x}
nohup git ${x}
sort --compress-program=${x}
printf -v n ${x}
printf %d ${x}
printf ${x}
cd ${x} && python t.py
sed s/a/${x}/ f
a[${x}]=1
python ${x}
python -c "print(${x})"
python -c "import sys" ${x}
python -m timeit ${x}
python -m pip install ${x}
bash -c "python t.py ${x}"
(cd src && python t.py ${x})
{ echo ${x}; } | sh
exit ${x}
torchrun --nproc_per_node ${args} t.py
accelerate launch --config_file ${x} t.py
echo $(${x})
echo `id` ${x}
python t.py # ${x}
(( ${x} ))
echo $${x}
echo $'${x}'
python t.py "${x}
echo \${x}
>log python ${x}
echo ${x} | my-tool t.py
python t.py ${x}; bash
bash +x ${x}
ipython t.py ${x}
gdb t.py -ex ${x}
echo ${x} | xargs -I % bash %
export BASH_ENV=/dev/stdin; echo ${x} | bash t.sh
PYTHONINSPECT=1 python t.py ${x}
exec > t.sh; echo ${x}
echo ${x} |& bash
set -k; python t.py ${x}
python train.py ${x} && ./${lr}
echo ${x} > a.log; bash a.log
eval "$1" ${x}
"""
OWN_ARGUMENTS = ('eval "$@"', "$1", '"$@"', "python $1", "bash -c $1", "x=$1; $x", "echo ${@@P}")


@pytest.mark.parametrize("text", ALLOWED.strip().splitlines())
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_arguments_of_programs_and_of_harmless_commands_are_data(shell: str, text: str) -> None:
    assert code_places([shell, "-c", text, "_", "${x}"], ("x", "lr")) == []


@pytest.mark.parametrize("text", REFUSED.strip().splitlines())
def test_everything_else_is_refused_with_what_to_do(text: str) -> None:
    places = code_places(["bash", "-c", text.replace("<< E", "<< E\n${x}\nE")], ("x", "lr"))
    assert "shell text" in places[0].fault
    assert 'command: [bash, "${program}", "${args}"]' in places[0].fault


@pytest.mark.parametrize("text", OWN_ARGUMENTS)
def test_the_shell_s_own_arguments_are_parameters_too(text: str) -> None:
    assert code_places(["bash", "-c", text, "_", "1"], ("x",)) == []
    (place,) = code_places(["bash", "-c", text, "_", "${x}"], ("x",))
    assert "${x} is in shell text" in place.fault
