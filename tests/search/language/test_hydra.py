"""Every value arrives in a Hydra program as it is, through Hydra's own parser."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from colabctl.errors import UserError
from colabctl.search.language.commands.hydra import NAME, in_hydra


@pytest.fixture(scope="module", autouse=True)
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "config.yaml").write_text("note: something\nmodel: {depth: 1, width: 2}\n")
    with initialize_config_dir(str(folder), version_base=None):
        yield


def received(*overrides: str) -> dict[str, Any]:
    config = OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def parsed(override: str) -> Any:
    """Return the value of an override, by Hydra's parser and as OmegaConf resolves it."""
    value = OverridesParser.create().parse_override(override).value()
    container = OmegaConf.to_container(OmegaConf.create({"new": value}), resolve=True)
    assert isinstance(container, dict)
    return container["new"]


TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.text("\\'\"${}[](),:= \tab1.e-+_nultr/@%~?*#\n|")
    | st.lists(st.sampled_from(["a", "null", "1", "1e5", "b.c", "x:y", "+"])).map(" ".join)
).filter(lambda text: text != "???")
KEYS = st.text("abcXYZ_019.-/\\+$%*@?|,=:()[]{} \t", min_size=1)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)


@given(VALUES)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@example(None)
@example("null")
@example("3")
@example("True")
@example("white space")
@example("w=1")
@example("ResNet (50)")
@example("it's")
@example('"quoted"')
@example("")
@example(" a ")
@example("naïve 🙂")
@example("a\\")
@example("\\'")
@example("${HOME}")
@example("\\${a}${oc.env:HOME}\\")
@example("$x")
@example("a,b")
@example("[1]")
@example("choice(1,2)")
@example({"kind": "sgd", "a b": [1, {"c:d": None}]})
@example(["a b", "c"])
@example([])
@example({})
def test_a_value_arrives_as_itself(value: Any) -> None:
    try:
        text = in_hydra(value)
    except UserError:  # a key that looks like a number has no form
        return
    assert json.dumps(parsed(f"++new={text}")) == json.dumps(value)


@pytest.mark.parametrize("plus", ["+", "++"])
@pytest.mark.parametrize(
    "value", [None, "null", "it's ${x}", {"a b": [1, "c,d"]}, ["a b", "c"], ""]
)
def test_a_value_arrives_in_the_configuration_of_a_program(plus: str, value: Any) -> None:
    assert received(f"{plus}new={in_hydra(value)}")["new"] == value


@pytest.mark.parametrize("word", ["adam", "klue/roberta-large", "../data", "cuda:0", "a b", "50%"])
def test_a_plain_word_is_written_as_wandb_writes_it(word: str) -> None:
    assert in_hydra(word) == word
    assert received(f"++note={word}")["note"] == word


def test_a_map_is_merged_and_dots_make_nested_keys() -> None:
    assert received(f"++model={in_hydra({'depth': 5})}")["model"] == {"depth": 5, "width": 2}
    assert received("++model.depth=7")["model"] == {"depth": 7, "width": 2}
    assert received("++note={kind:sgd}")["note"] == {"kind": "sgd"}


@pytest.mark.parametrize("key", ["3", "null", "True", "1e5", "é", ""])
def test_a_key_without_a_form_in_hydra_is_refused(key: str) -> None:
    with pytest.raises(UserError, match="args_json_file"):
        in_hydra({key: 1})


@pytest.mark.parametrize("name", ["lr", "model.depth", "l1-weight", "a.1", "db/kind", "_x"])
def test_a_name_with_a_form_in_hydra_reaches_the_program(name: str) -> None:
    assert NAME.fullmatch(name)
    assert received(f"++{name}=1")


@pytest.mark.parametrize("name", ["a b", "é", "1", "a:b", "^lr"])
def test_other_names_are_refused_by_hydra_too(name: str) -> None:
    assert not NAME.fullmatch(name)
    with pytest.raises(Exception, match=r"ParseException|missing EQUAL|Viable"):
        received(f"++{name}=1")
