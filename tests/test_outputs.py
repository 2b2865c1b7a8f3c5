"""The files with what tasks printed: few files, each output found again, and nothing trusted."""

import json
from pathlib import Path

import pytest

from colabctl.outputs import Output, OutputReader, OutputWriter


class Clock:
    """A clock that moves by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def whole(task: int, text: str, attempt: int = 1) -> Output:
    return Output(task, attempt, text, is_part=False)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jsonl"))


@pytest.mark.parametrize("at_once", [True, False])
def test_each_output_is_found_by_its_task(tmp_path: Path, *, at_once: bool) -> None:
    writer = OutputWriter(tmp_path / "output", at_once=at_once)
    texts = {task: f"task {task}\n\u2028 \x00 é" for task in range(120)}
    for task, text in texts.items():
        writer.add(whole(task, text))
        writer.add(Output(task, 2, "part", is_part=True))
    writer.flush(force=True)
    reader = OutputReader([tmp_path / "output"], tmp_path)
    for task in (0, 1, 11, 119):  # a reader reads each line once
        reader = OutputReader([tmp_path / "output"], tmp_path)
        assert list(reader.new(task)) == [
            whole(task, texts[task]),
            Output(task, 2, "part", is_part=True),
        ]
        assert list(reader.new(task)) == []
    assert files(tmp_path / "output") == ["00/00000.jsonl"]


def test_a_reader_sees_what_is_added_later(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path, at_once=True)
    reader = OutputReader([tmp_path], tmp_path)
    assert list(reader.new(3)) == []
    for text in ("a", "b"):
        writer.add(whole(3, text))
        writer.flush()
        assert list(reader.new(3)) == [whole(3, text)]
    with (tmp_path / "00/00000.jsonl").open("a") as file:  # as a mount shows it half-way
        file.write('{"task":3,"attempt":1,"output":"c')
        file.flush()
        assert list(reader.new(3)) == []
        file.write('"}\n')
    assert list(reader.new(3)) == [whole(3, "c")]


def test_where_each_file_is_written_once_there_are_few(tmp_path: Path) -> None:
    clock = Clock()
    writer = OutputWriter(tmp_path, at_once=False, monotonic=clock)
    for task in range(12 * 3600):  # a task of a second each, for 12 hours
        writer.add(whole(task, "epoch 1\n"))
        writer.flush()
        clock.now += 1.0
    writer.flush(force=True)
    written = files(tmp_path)
    assert len(written) < 200
    assert len({name.split("/")[0] for name in written}) == 2
    assert list(OutputReader([tmp_path], tmp_path).new(40_000)) == [whole(40_000, "epoch 1\n")]


def test_a_file_that_is_appended_to_does_not_grow_without_limit(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path, at_once=True)
    for task in range(300):
        writer.add(whole(task, "x" * 64_000))
        writer.flush()
    written = [tmp_path / name for name in files(tmp_path)]
    assert len(written) == 3
    assert max(file.stat().st_size for file in written) < 9 << 20
    assert list(OutputReader([tmp_path], tmp_path).new(299)) == [whole(299, "x" * 64_000)]


def test_after_a_fault_the_same_outputs_are_written_again(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("in the way")
    writer = OutputWriter(tmp_path / "output", at_once=True)
    writer.add(whole(1, "text"))
    with pytest.raises(OSError, match="output"):
        writer.flush()
    (tmp_path / "output").unlink()
    writer.flush()
    assert list(OutputReader([tmp_path / "output"], tmp_path).new(1)) == [whole(1, "text")]


@pytest.mark.parametrize(
    "line",
    [
        '{"task":1,"attempt":1,"output":5}',
        '{"task":1,"attempt":"1","output":"x"}',
        '{"task":1,"attempt":1}',
        '{"task":1,"attempt":1,"output":"x"',
        '{"task":1,"attempt":' + "[" * 100_000,
        ' {"task":1,"attempt":1,"output":"x"}',
    ],
)
def test_what_is_not_an_output_is_left_out(tmp_path: Path, line: str) -> None:
    (tmp_path / "00").mkdir()
    good = json.dumps({"task": 1, "attempt": 1, "output": "x"}, separators=(",", ":"))
    (tmp_path / "00/00000.jsonl").write_text(f"\x00\n{line}\n{good}\n")
    assert list(OutputReader([tmp_path], tmp_path).new(1)) == [whole(1, "x")]


def test_a_link_out_of_the_project_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "project/00").mkdir(parents=True)
    (tmp_path / "secret.jsonl").write_text('{"task":1,"attempt":1,"output":"x"}\n')
    (tmp_path / "project/00/00000.jsonl").symlink_to(tmp_path / "secret.jsonl")
    skipped: list[Path] = []
    project = tmp_path / "project"
    reader = OutputReader([project], project, lambda path, _: skipped.append(path))
    assert [*reader.new(1), *reader.new(1)] == []
    assert skipped == [project / "00/00000.jsonl"]
