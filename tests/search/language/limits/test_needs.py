"""The key `needs:` of a sweep file."""

import pytest

from colabctl.errors import UserError
from colabctl.needs import Need, Rule
from colabctl.search import read

GB = 10**9
FILE = """\
method: {method}
program: train.py:train
metric: {{name: loss}}
foreach: [model]
repeat: {{fold: 3}}
parameters:
  model: {{values: [vit, mlp]}}
  lr: {{values: [0.1, 0.2]}}
needs: {needs}
"""


def needs(text: str, method: str = "grid") -> tuple[Rule, ...]:
    return read(FILE.format(method=method, needs=text), "s.yaml").needs


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (
            "{gpu: 1, gpu_memory: 16GB, memory: 12GB}",
            [Rule(Need(1, 16 * GB, 12 * GB))],
        ),
        ("{gpu_memory: 16 GiB}", [Rule(Need(1, 16 << 30))]),
        ("{memory: 1.5gb, gpu: null}", [Rule(Need(memory=1_500_000_000))]),
        (
            "[{memory: 4GB}, {where: \"model = 'vit'\", gpu: 2}]",
            [Rule(Need(memory=4 * GB)), Rule(Need(2), "model = 'vit'")],
        ),
        ("{where: lr > 0.1 and fold = 2, gpu: 1}", [Rule(Need(1), "lr > 0.1 and fold = 2")]),
        ("null", []),
    ],
)
def test_needs_are_read(text: str, rules: list[Rule]) -> None:
    assert needs(text) == tuple(rules)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("16GB", "9:8: needs: must be a map, as in {gpu: 1"),
        ("[]", "needs: is empty"),
        ("{}", "needs: names nothing that tasks need"),
        ("{where: lr > 0.1}", "needs: names nothing that tasks need"),
        ("{gpus: 1}", "9:9: needs.gpus: is not a key of needs; did you mean gpu?"),
        ("{vram: 8GB}", "did you mean gpu_memory?"),
        ("{cpus: 4}", "there are gpu, gpu_memory, memory, where"),
        ("{gpu: 0}", "needs.gpu: must be a whole number of at least 1, not 0; tasks that need no"),
        ("{gpu: -1}", "must be a whole number of at least 1, not -1"),
        ("{gpu: T4}", "to say how large a GPU must be, write gpu_memory: 16GB"),
        ("{gpu: true}", "must be a whole number of at least 1, not true"),
        ("{gpu: 65}", "is 65; 64 is the limit"),
        ("{gpu_memory: 16}", "needs.gpu_memory: 16 has no unit; write 16GB"),
        ('{memory: "12"}', "needs.memory: 12 has no unit; write 12GB"),
        ("{memory: 0GB}", "must be more than 0"),
        ("{memory: -1GB}", "is not a size; write 16GB, 500MB or 1.5GB"),
        ("{memory: [1GB]}", "must be a size, as in 16GB"),
        ("{memory: 99999999TB}", 'needs.memory: "99999999TB" is'),
        ("[{gpu: 1}, gpu]", "needs[1]: must be a map"),
        ("{gpu: 1, where: [lr > 1]}", "needs.where: is a list; join its conditions with and"),
        ("{gpu: 1, where: lr >}", 'needs.where: "lr >": cannot be read'),
        ("{gpu: 1, where: modl = 1}", "modl is not a parameter that is listed here; did you mean model?"),
        ("{gpu: 1, where: model = vit}", "text goes in quotes: 'vit'"),
        ("{gpu: 1, where: \"model = 'vitt'\"}", 'model is never "vitt"; did you mean vit?'),
        ("{gpu: 1, where: fold = 9}", "fold is never 9"),
        ("{gpu: 1, where: 1 > 2}", "names no parameter; leave where: out"),
        (f"[{', '.join(101 * ['{gpu: 1}'])}]", "needs: lists 101 rules; 100 is the limit"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_a_fix(text: str, problem: str) -> None:
    with pytest.raises(UserError) as refused:
        needs(text)
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_proposed_later_cannot_decide_who_takes_a_task() -> None:
    assert needs("{gpu: 1, where: \"model = 'vit' and fold = 1\"}", "bayes")
    with pytest.raises(UserError, match=r"needs\.where: .* lr is chosen only once a worker has"):
        needs("{gpu: 1, where: lr > 0.1}", "bayes")


@pytest.mark.parametrize("key", ["gpu: 1", "memory: 16GB", "resources: {gpu: 1}", "need: {gpu: 1}"])
def test_words_from_elsewhere_lead_to_needs(key: str) -> None:
    text = f"method: grid\nparameters: {{x: {{values: [1]}}}}\n{key}\n"
    with pytest.raises(UserError, match="did you mean needs"):
        read(text, "s.yaml")
