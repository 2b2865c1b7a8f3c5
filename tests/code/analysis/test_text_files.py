"""Small text files that code reads are frozen with it; data, results and secrets never are."""

from pathlib import Path

import pytest

from tests.code.trees import files, frozen, lay_out


def around(root: Path, program: str, *names: str) -> list[str]:
    """Return what is frozen with a program from some files around it."""
    lay_out(root, dict.fromkeys(names, "a: 1\n") | {"train.py": program})
    return [path for path in files(root) if path != "train.py"]


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("", "config.yaml"),
        ("", "settings.toml"),
        ("", ".project-root"),
        ("open('labels.txt')", "labels.txt"),
        ("load('configs/model.yaml')", "configs/model.yaml"),
        ("open(os.path.join(os.path.dirname(__file__), 'vocab.json'))", "vocab.json"),
        ("p.add_argument('--config', default='conf/base.json')", "conf/base.json"),
        ("hydra.main(config_path='conf')", "conf/data/mnist.yaml"),
        ("Environment(FileSystemLoader('templates'))", "templates/prompt.j2"),
        ("glob.glob('configs/*.yaml')", "configs/a.yaml"),
    ],
)
def test_it_is_frozen(program: str, name: str, tmp_path: Path) -> None:
    assert around(tmp_path, program, name) == [name]


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("", "metrics.json"),
        ("open('metrics.json', 'w')", "metrics.json"),
        ("json.dump(x, open('out.json', mode='w'))", "out.json"),
        ("open('data/train.json')", "data/train.json"),
        ("open('datasets/a.yaml')", "datasets/a.yaml"),
        ("load('wandb/settings.yaml')", "wandb/settings.yaml"),
        ("load('.env')", ".env"),
        ("load('key.pem')", "key.pem"),
        ("load('credentials.json')", "credentials.json"),
        ("load('secrets.yaml')", "secrets.yaml"),
        ("x = 'venv'", "venv/pyvenv.cfg"),
        ("load('node_modules/a.json')", "node_modules/a.json"),
        ("", "environment.yml"),
        ("load('.DS_Store')", ".DS_Store"),
    ],
)
def test_it_is_not(program: str, name: str, tmp_path: Path) -> None:
    assert around(tmp_path, program, name) == []


def test_a_large_file_is_data(tmp_path: Path) -> None:
    lay_out(tmp_path, {"train.py": "open('labels.json')", "labels.json": "[" + "1," * 200_000})
    assert files(tmp_path) == ["train.py"]


def test_a_folder_of_annotations_is_data(tmp_path: Path) -> None:
    notes = {f"conf/{number}.txt": "" for number in range(60)}
    lay_out(tmp_path, {"train.py": "read('conf')", "conf/a.yaml": "", **notes})
    assert files(tmp_path) == ["conf/a.yaml", "train.py"]


def test_too_many_text_files_are_told(tmp_path: Path) -> None:
    many = {f"conf/{number}.yaml": "" for number in range(510)}
    lay_out(tmp_path, {"train.py": "read('conf')", **many})
    made = frozen(tmp_path)
    assert len(made.code.files) == 501
    assert any("small text files were not frozen" in note for note in made.notes)


def test_another_sweep_file_beside_the_program_changes_nothing(tmp_path: Path) -> None:
    lay_out(tmp_path, {"train.py": "", "config.yaml": "a: 1"})
    digest = frozen(tmp_path).code.digest
    lay_out(tmp_path, {"s2.yaml": "method: grid\nparameters: {x: {values: [1]}}\n"})
    lay_out(tmp_path, {"s3.yaml": '{"method": "grid", "program": "train.py"}'})
    lay_out(tmp_path, {"results/x.yaml": "a: 1", "colabctl.yaml": "name: x"})
    assert frozen(tmp_path).code.digest == digest


def test_words_of_the_command_and_values_of_parameters_name_files(tmp_path: Path) -> None:
    lay_out(tmp_path, {"train.py": "", "conf/a.json": "", "conf/b.json": "", "conf/c.json": ""})
    command = ("python", "train.py", "--config", "conf/a.json", "--more=conf/b.json")
    made = files(tmp_path, "train.py", command=command)
    assert made == ["conf/a.json", "conf/b.json", "train.py"]
    assert files(tmp_path, "train.py", words=("conf/c.json",)) == ["conf/c.json", "train.py"]
