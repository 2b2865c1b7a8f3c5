"""The configuration: a file, the environment, options; and what is said of a mistake."""

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


def test_every_key_can_be_given_in_the_file(tmp_path: Path) -> None:
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


def test_a_file_of_comments_gives_what_is_usual(tmp_path: Path) -> None:
    assert load(write(tmp_path, "# nothing yet\n"), {}) == Config(tmp_path, tmp_path.name)


def test_the_environment_wins_over_the_file_and_an_option_over_both(tmp_path: Path) -> None:
    write(tmp_path, "{heartbeat: 10s, lease: 1m, member: ana, consistency: coherent}")
    environ = {"COLABCTL_HEARTBEAT": "20s", "COLABCTL_MEMBER": "ben", "COLABCTL_CONSISTENCY": ""}
    config = load(tmp_path, environ, member="cleo", lease=None)
    assert (config.heartbeat, config.lease) == (20.0, 60.0)
    assert config.member == "cleo"
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
def test_every_key_can_be_given_in_the_environment(
    tmp_path: Path, variable: str, text: str, key: str, value: object
) -> None:
    config = load(write(tmp_path, "format: 1"), {variable: text})
    assert getattr(config, key) == value


def test_folders_can_be_moved_in_the_environment(tmp_path: Path) -> None:
    environ = {"COLABCTL_PATHS": "raw=originals,results=findings"}
    config = load(write(tmp_path, "format: 1"), environ)
    assert (config.paths.raw, config.paths.results) == ("originals", "findings")


def test_raw_data_stays_read_only_where_it_is_moved(tmp_path: Path) -> None:
    assert load(write(tmp_path, "paths: {data: inputs}"), {}).read_only == ("inputs/raw",)


def test_a_member_called_no_or_2024_is_a_name_like_any_other(tmp_path: Path) -> None:
    assert load(write(tmp_path, "members: [no, 2024, 1e3]"), {}).members == ("no", "2024", "1e3")


def test_an_unknown_key_is_shown_with_its_line_and_the_nearest_known_one(tmp_path: Path) -> None:
    message = refusal(tmp_path, "format: 1\nmemebers: [ana]\n")
    assert message == ("colabctl.yaml, line 2: memebers is an unknown key; did you mean members?")


def test_an_unknown_path_is_shown_with_its_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, "paths:\n  data: data\n  rwa: originals\n")
    assert message == "colabctl.yaml, line 3: rwa is an unknown key; did you mean raw?"


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    assert "line 2: name is given a second time" in refusal(tmp_path, "name: a\nname: b\n")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: churn\nmembers: [ana, ben\nowner: ana\n", "line 3, column 6"),
        ("name: churn\n\tmembers: []\n", "line 2, column 1"),
        ("name: a\nowner: \x07b\n", "line 2, column 8"),
        ("--- 1\n--- 2\n", "line 2, column 1"),
        ("name: *nobody\n", "line 1, column 7"),
    ],
)
def test_what_is_not_yaml_is_shown_with_line_and_column(
    tmp_path: Path, text: str, place: str
) -> None:
    assert f"{place}: not YAML" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("members: ana", "line 1: members must be a list"),
        ("name: [churn]", "line 1: name must be one text"),
        ("paths: data", "line 1: paths must be a map"),
        ("members: [[ana]]", "line 1: members, entry 1 must be one text"),
        ("members:\n- ana\n- {ben: 1}", "line 3: members, entry 2 must be one text"),
        ("heartbeat: [1]", "line 1: heartbeat must be one text"),
        ("heartbeat: true", "line 1: heartbeat: 'true' is not a duration"),
        ("lease: -5m", "line 1: lease: '-5m' is not a duration"),
        ("task_timeout: soon", "line 1: task_timeout: 'soon' is not a duration"),
        ("consistency: strong", "line 1: consistency is 'strong'; choose auto, coherent or"),
        ("members: [ana, Ana]", "line 1: members, entry 2 ('Ana') is there already, as 'ana'"),
        ("members: [a/b]", "line 1: members, entry 1: member name 'a/b' contains /"),
        ("members: [final]", "member name 'final' is a folder of every project"),
        ("member: ../ana", "line 1: member: member name"),
        ("read_only: [/data]", "line 1: read_only, entry 1 '/data' is an absolute path"),
        ("paths: {raw: ../raw}", "line 1: paths: paths.raw '../raw' leaves the project"),
        ('name: "two\\nlines"', "line 1: name 'two\\nlines' is not allowed"),
        ("- name", "colabctl.yaml must be a map"),
        ("churn", "colabctl.yaml must be a map"),
        ("? [a]\n: b", "a key must be a word"),
        ("format: one", "line 1: format is 'one'"),
        ("a: &a [*a]\n", "line 1: a, entry 1 must be one text"),
        ("[" * 5000, "too many brackets"),
    ],
)
def test_a_wrong_value_is_shown_with_its_key_and_line(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert fault in refusal(tmp_path, text)


def test_a_newer_format_is_refused_before_its_keys_are_looked_at(tmp_path: Path) -> None:
    message = refusal(tmp_path, "format: 2\nunheard_of: 1\n")
    assert message == ("colabctl.yaml was made by a newer colabctl (format 2); upgrade colabctl")


def test_a_lease_shorter_than_two_heartbeats_is_refused(tmp_path: Path) -> None:
    assert "lease is 50s" in refusal(tmp_path, "heartbeat: 30s\nlease: 50s\n")
    config = load(write(tmp_path, "heartbeat: 30s\nlease: 60s\n"), {})
    assert config.lease == 60.0


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    write(tmp_path, "format: 1")
    with pytest.raises(UserError, match=r"^COLABCTL_HEARTBEAT: 'soon' is not a duration"):
        load(tmp_path, {"COLABCTL_HEARTBEAT": "soon"})


def test_a_mistake_in_an_option_names_the_option(tmp_path: Path) -> None:
    write(tmp_path, "format: 1")
    with pytest.raises(UserError, match=r"^--task-timeout: 'soon' is not a duration"):
        load(tmp_path, {}, task_timeout="soon")


@pytest.mark.parametrize("text", ["secrets: [hunter 2]", "secrets: {KEY: hunter2}"])
def test_a_secret_written_where_its_name_belongs_is_not_repeated(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, text)
    assert "secrets" in message
    assert "hunter" not in message


def test_an_empty_file_may_still_be_on_its_way(tmp_path: Path) -> None:
    assert "is empty; wait if the Drive is still bringing it" in refusal(tmp_path, "")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "colabctl.yaml").write_bytes("name: Zoë".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        load(tmp_path, {})


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "colabctl.yaml").write_bytes("name: Zoë".encode("utf-8-sig"))
    assert load(tmp_path, {}).name == "Zoë"


def test_a_folder_without_configuration_is_told_how_to_become_a_project(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="colabctl init"):
        load(tmp_path, {})


def test_the_example_is_what_a_new_project_gets() -> None:
    assert EXAMPLE.read_text("utf-8") == render("churn", "ana", ("ana", "ben"))


def test_the_example_shows_every_key(tmp_path: Path) -> None:
    shown = set(re.findall(r"^#?([a-z_]+):", EXAMPLE.read_text("utf-8"), re.MULTILINE))
    assert shown == {field.name for field in fields(Config)} - {"root"} | {"format"}


def test_the_example_holds_with_all_its_keys_set(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=[a-z])", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    config = load(write(tmp_path, text), {})
    assert config.heartbeat == 30.0
    assert config.member == "ana"


def test_what_the_example_shows_unset_is_what_holds_unset(tmp_path: Path) -> None:
    as_it_is = load(write(tmp_path, EXAMPLE.read_text("utf-8")), {})
    text = re.sub(
        r"^#(?=read_only|paths|consistency)", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE
    )
    assert load(write(tmp_path, text), {}) == as_it_is


LABEL = st.text(
    st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=40
).filter(lambda text: text.strip())


@given(name=LABEL, owner=st.none() | LABEL)
def test_whatever_a_project_is_called_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, owner: str | None
) -> None:
    root = tmp_path_factory.mktemp("project")
    before = load(write(root, "format: 1"), {}, name=name, owner=owner)
    write(root, render(before.name, before.owner, ()))
    assert load(root, {}) == before
