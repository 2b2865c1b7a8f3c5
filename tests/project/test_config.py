"""The configuration: a file and the environment, and the messages about mistakes."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.project.config import Config, load
from colabctl.project.template import render

EXAMPLE = Path(__file__).parents[2] / "colabctl.yaml.example"


def write(root: Path, text: str) -> Path:
    (root / "colabctl.yaml").write_text(text, "utf-8")
    return root


def refusal(root: Path, text: str) -> str:
    with pytest.raises(UserError) as refused:
        load(write(root, text), {})
    message = str(refused.value)
    assert message.isprintable()
    return message


def test_every_key_can_be_set_in_the_file(tmp_path: Path) -> None:
    text = """
        format: 1
        name: churn
        owner: Ana Lima
        members: [ana, ben]
        member: ben
        read_only: [data/raw, data/labels]
        paths: {results: findings}
        secrets: [WANDB_API_KEY]
        consistency: eventual
        heartbeat: 45s
        lease: 5m
        task_timeout: 1h30m
        """
    config = load(write(tmp_path, text), {})
    assert config == Config(
        root=tmp_path,
        name="churn",
        owner="Ana Lima",
        members=("ana", "ben"),
        member="ben",
        read_only=("data/raw", "data/labels"),
        paths=config.paths,
        secrets=("WANDB_API_KEY",),
        consistency="eventual",
        heartbeat=45.0,
        lease=300.0,
        task_timeout=5400.0,
    )
    assert config.layout.results == tmp_path / "findings"


def test_a_file_of_comments_gives_the_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, "# nothing yet\n"), {}) == Config(tmp_path, tmp_path.name)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    write(tmp_path, "{heartbeat: 10s, lease: 1m, member: ana, consistency: coherent}")
    environ = {"COLABCTL_HEARTBEAT": "20s", "COLABCTL_MEMBER": "ben", "COLABCTL_CONSISTENCY": ""}
    config = load(tmp_path, environ)
    assert (config.heartbeat, config.lease) == (20.0, 60.0)
    assert config.member == "ben"
    assert config.consistency == "coherent"


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("COLABCTL_NAME", "churn", "name", "churn"),
        ("COLABCTL_OWNER", "ana", "owner", "ana"),
        ("COLABCTL_MEMBERS", "ana, ben", "members", ("ana", "ben")),
        ("COLABCTL_READ_ONLY", "data/raw,data/labels", "read_only", ("data/raw", "data/labels")),
        ("COLABCTL_SECRETS", "TOKEN", "secrets", ("TOKEN",)),
        ("COLABCTL_TASK_TIMEOUT", "2h", "task_timeout", 7200.0),
    ],
)
def test_every_key_can_be_set_in_the_environment(
    tmp_path: Path, variable: str, text: str, key: str, value: object
) -> None:
    config = load(write(tmp_path, "format: 1"), {variable: text})
    assert getattr(config, key) == value


def test_folders_can_be_moved_in_the_environment(tmp_path: Path) -> None:
    environ = {"COLABCTL_PATHS": "raw=originals,results=findings"}
    config = load(write(tmp_path, "format: 1"), environ)
    assert (config.paths.raw, config.paths.results) == ("originals", "findings")


def test_moved_raw_data_stays_read_only(tmp_path: Path) -> None:
    assert load(write(tmp_path, "paths: {data: inputs}"), {}).read_only == ("inputs/raw",)


def test_a_member_may_be_called_no_or_2024(tmp_path: Path) -> None:
    assert load(write(tmp_path, "members: [no, 2024, 1e3]"), {}).members == ("no", "2024", "1e3")


def test_an_unknown_key_is_shown_with_its_line_and_the_most_similar_key(tmp_path: Path) -> None:
    message = refusal(tmp_path, "format: 1\nmemebers: [ana]\n")
    assert message == ("colabctl.yaml:2:1: memebers is an unknown key; did you mean members?")


def test_an_unknown_path_is_shown_with_its_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, "paths:\n  data: data\n  rwa: originals\n")
    assert message == "colabctl.yaml:3:3: paths.rwa is an unknown key; did you mean raw?"


def test_a_key_set_twice_is_refused(tmp_path: Path) -> None:
    assert "colabctl.yaml:2:1: name: is set twice, first in line 1" in refusal(
        tmp_path, "name: a\nname: b\n"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: churn\nmembers: [ana, ben\nowner: ana\n", "3:6: invalid YAML: "),
        ("name: churn\n\tmembers: []\n", "2:1: invalid YAML: "),
        ("name: a\nowner: \x07b\n", "2:8: the character U+0007 is not allowed"),
        ("--- 1\n--- 2\n", "2:1: a second document starts here"),
        ("name: *churn\n", "1:7: *churn has no anchor"),
        ("name: !!python/name:os.system\n", "1:7: name: the tag"),
    ],
)
def test_invalid_yaml_is_shown_with_line_and_column(tmp_path: Path, text: str, fault: str) -> None:
    assert refusal(tmp_path, text).startswith(f"colabctl.yaml:{fault}")


def test_aliases_and_merge_keys_work_as_in_a_sweep_file(tmp_path: Path) -> None:
    text = "members: &all [ana, ben]\nsecrets: *all\npaths: {<<: {results: findings}}\n"
    config = load(write(tmp_path, text), {})
    assert config.members == config.secrets == ("ana", "ben")
    assert config.paths.results == "findings"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("members: ana", "1:1: members must be a list"),
        ("name: [churn]", "1:1: name must be text"),
        ("paths: data", "1:1: paths must be a map"),
        ("members: [[ana]]", "1:11: members[0] must be text"),
        ("members:\n- ana\n- {ben: 1}", "3:3: members[1] must be text"),
        ("heartbeat: [1]", "1:1: heartbeat must be text"),
        ("heartbeat: true", "1:1: heartbeat: 'true' is not a duration"),
        ("lease: -5m", "1:1: lease: '-5m' is not a duration"),
        ("task_timeout: soon", "1:1: task_timeout: 'soon' is not a duration"),
        ("consistency: strong", "1:1: consistency is 'strong'; choose auto, coherent, "),
        ("members: [ana, Ana]", "1:16: members[1] ('Ana') repeats 'ana'"),
        ("members: [a/b]", "1:11: members[0]: member name 'a/b' contains /"),
        ("members: [final]", "1:11: members[0]: member name 'final' is the name of a folder"),
        ("member: ../ana", "1:1: member: member name"),
        ("read_only: [/data]", "1:13: read_only[0] '/data' is an absolute path"),
        ("paths: {raw: ../raw}", "1:1: paths: paths.raw '../raw' leaves the project"),
        ('name: "two\\nlines"', "1:1: name 'two\\nlines' is not allowed"),
        ("- name", "colabctl.yaml:1:1 must be a map"),
        ("churn", "colabctl.yaml:1:1 must be a map"),
        ("? [a]\n: b", "1:3: a list cannot be a key"),
        ("format: one", "1:1: format is 'one'"),
        ("a: &a [*a]\n", "1:8: *a is inside &a and would never end"),
        ("[" * 500, "1:51: is nested more than 50 levels"),
        ("[" * 5000, "nest"),  # PyYAML has a limit of its own since 6.0.4
    ],
)
def test_a_wrong_value_is_shown_with_its_key_and_line(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert fault in refusal(tmp_path, text)


def test_a_newer_format_is_refused_before_its_keys_are_checked(tmp_path: Path) -> None:
    message = refusal(tmp_path, "format: 2\nunheard_of: 1\n")
    assert message == (
        "colabctl.yaml was written by a newer colabctl (format 2, this one reads up to 1); "
        "upgrade colabctl on this machine"
    )


def test_a_lease_shorter_than_two_heartbeats_is_refused(tmp_path: Path) -> None:
    assert "lease is 50s" in refusal(tmp_path, "heartbeat: 30s\nlease: 50s\n")
    config = load(write(tmp_path, "heartbeat: 30s\nlease: 60s\n"), {})
    assert config.lease == 60.0


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    write(tmp_path, "format: 1")
    with pytest.raises(UserError, match=r"^COLABCTL_HEARTBEAT: 'soon' is not a duration"):
        load(tmp_path, {"COLABCTL_HEARTBEAT": "soon"})


@pytest.mark.parametrize("text", ["secrets: [hunter 2]", "secrets: {KEY: hunter2}"])
def test_a_secret_in_place_of_its_name_is_not_printed(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, text)
    assert "secrets" in message
    assert "hunter" not in message


def test_an_empty_file_may_still_be_downloading(tmp_path: Path) -> None:
    assert "if the Drive is still downloading it, wait" in refusal(tmp_path, "")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "colabctl.yaml").write_bytes("name: Zoë".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        load(tmp_path, {})


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "colabctl.yaml").write_bytes("name: Zoë".encode("utf-8-sig"))
    assert load(tmp_path, {}).name == "Zoë"


def test_a_folder_without_a_configuration_gets_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="colabctl init"):
        load(tmp_path, {})


def test_the_example_is_what_a_new_project_gets() -> None:
    assert EXAMPLE.read_text("utf-8") == render("churn", "ana", ("ana", "ben"))


def test_the_example_shows_every_key(tmp_path: Path) -> None:
    shown = set(re.findall(r"^#?([a-z_]+):", EXAMPLE.read_text("utf-8"), re.MULTILINE))
    assert shown == {field.name for field in fields(Config)} - {"root", "stored"} | {"format"}


def test_the_example_is_valid_with_all_keys_set(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=[a-z])", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    config = load(write(tmp_path, text), {})
    assert config.heartbeat == 30.0
    assert config.member == "ana"


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    as_it_is = load(write(tmp_path, EXAMPLE.read_text("utf-8")), {})
    text = re.sub(
        r"^#(?=read_only|paths|consistency)", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE
    )
    assert load(write(tmp_path, text), {}) == as_it_is


LABEL = st.text(
    st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=40
).filter(lambda text: text.strip())


@given(name=LABEL, owner=st.none() | LABEL)
def test_any_project_name_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, owner: str | None
) -> None:
    root = tmp_path_factory.mktemp("project")
    environ = {"COLABCTL_NAME": name} | ({"COLABCTL_OWNER": owner} if owner else {})
    before = load(write(root, "format: 1"), environ)
    write(root, render(before.name, before.owner, ()))
    assert load(root, {}) == before


def test_min_free_is_a_size_with_a_default(tmp_path: Path) -> None:
    file = tmp_path / "colabctl.yaml"
    file.write_text("format: 1\n")
    assert load(tmp_path, {}).min_free == 1_000_000_000
    file.write_text("format: 1\nmin_free: 500MB\n")
    assert load(tmp_path, {}).min_free == 500_000_000
    assert load(tmp_path, {"COLABCTL_MIN_FREE": "0"}).min_free == 0
    with pytest.raises(UserError, match="COLABCTL_MIN_FREE: 'much' is not a size"):
        load(tmp_path, {"COLABCTL_MIN_FREE": "much"})
