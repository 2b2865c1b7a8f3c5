"""A promotion is complete or does not happen, and what was there is kept."""

import hashlib
import os
import signal
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.promote import promote as promoting
from colabctl.promote.content import list_content
from colabctl.promote.finals import Final, finals
from colabctl.promote.promote import from_path, promote
from tests.processes import Project, end, until

FILES = 400


def promote_file(project: Project, path: Path, member: str = "ana") -> promoting.Promotion:
    config = project.config({})
    candidate = from_path(config.layout, path)
    return promote(config, candidate, member=member, environ={})


def folder_of_files(project: Project, name: str, text: str) -> Path:
    for number in range(FILES):
        project.write(f"results/ana/{name}/{number % 10}/{number:04d}.txt", f"{text} {number}" * 99)
    return project.root / "results/ana" / name


def snapshot(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_complete(project: Project, name: str) -> bool:
    """Whether the final result of a name is what its record says."""
    layout = project.config({}).layout
    [final] = [each for each in finals(layout) if each.name == name]
    assert final.origin is not None
    return list_content(final.path, layout.root).digest() == final.origin.sha256


@pytest.mark.parametrize("seen", [1, 40, 200, 399])
def test_a_killed_promotion_leaves_the_earlier_one_as_it_was(project: Project, seen: int) -> None:
    folder = folder_of_files(project, "run", "one")
    promote_file(project, folder)
    before = snapshot(project.root / "results/final")
    folder_of_files(project, "run", "two")
    process = project.start("promote", "results/ana/run", "--yes")
    staging = project.root / "results/final"

    def copied() -> bool:
        return len(list(staging.glob(".promoting-*/run/*/*.txt"))) >= seen or process.poll() == 0

    until(copied)
    process.send_signal(signal.SIGKILL)
    end(process)
    now = snapshot(project.root / "results/final")
    if process.returncode == 0 or "run" not in {each.name for each in finals_of(project)}:
        return  # it was faster, or between two names: both results are complete
    assert is_complete(project, "run")
    left = {name: text for name, text in now.items() if not name.startswith(".promoting-")}
    assert left == before or any(name.startswith("earlier/") for name in left)
    assert project.run("promote", "results/ana/run", "--yes").code == 0
    assert is_complete(project, "run")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_promotion_leaves_nothing(
    project: Project, number: signal.Signals, code: int
) -> None:
    final = project.root / "results/final"
    os.truncate(project.write("results/ana/model.pt", ""), 3_000_000_000)
    process = project.start("promote", "results/ana/model.pt")
    until(lambda: list(final.glob(".promoting-*/model.pt")))
    process.send_signal(number)
    assert end(process).code == code
    assert list(final.iterdir()) == []


def finals_of(project: Project) -> list[Final]:
    return finals(project.config({}).layout)


def test_an_error_while_names_change_puts_everything_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = project.write("results/ana/model.pt", "one")
    promote_file(project, model)
    before = snapshot(project.root / "results/final")
    model.write_text("two")
    rename, calls = os.rename, []

    def failing(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 4:  # the last one: the result itself gets its name
            raise OSError(5, "Input/output error", str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(UserError, match=r"Input/output error; nothing was promoted; fix this"):
        promote_file(project, model)
    assert snapshot(project.root / "results/final") == before
    assert list((project.root / "results/final/earlier").iterdir()) == []


def test_a_source_that_changes_while_it_is_copied_is_refused(project: Project) -> None:
    model = project.write("results/ana/model.pt", "x" * 3_000_000)
    config = project.config({})

    def grow(_: int) -> None:
        with model.open("a") as file:
            file.write("more")

    candidate = from_path(config.layout, model)
    with pytest.raises(UserError, match=r"model.pt: changed while it was copied"):
        promote(config, candidate, member="ana", environ={}, read=grow)
    assert list((project.root / "results/final").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_limit_on_the_size_of_files_leaves_nothing(project: Project) -> None:
    project.write("results/ana/model.pt", "x" * 3_000_000)
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "sys.argv = ['colabctl', 'promote', 'results/ana/model.pt']\n"
        "from colabctl.cli import main\nmain()\n"
    )
    ended = end(project.start_python("-c", script))
    assert ended.code == 1
    assert "File too large; nothing was promoted" in ended.err
    assert list((project.root / "results/final").iterdir()) == []


def test_many_who_promote_to_one_name_at_once_all_keep_theirs(project: Project) -> None:
    texts = [f"weights of {number}" for number in range(6)]
    processes = []
    for number, text in enumerate(texts):
        project.write(f"results/ana/{number}/model.pt", text)
    for number in range(len(texts)):
        member = ("ana", "ben")[number % 2]
        processes.append(
            project.start("promote", f"results/ana/{number}/model.pt", "--yes", member=member)
        )
    ended = [end(process) for process in processes]
    assert [each.code for each in ended] == [0] * len(texts), [each.err for each in ended]
    kept_texts = [path.read_text() for path in (project.root / "results/final").rglob("model.pt")]
    assert sorted(kept_texts) == texts
    for sidecar in (project.root / "results/final").rglob("model.pt.origin.yaml"):
        digest = hashlib.sha256(sidecar.with_name("model.pt").read_bytes()).hexdigest()
        assert digest in sidecar.read_text()
    assert project.run("promote", "--check").code == 0


def test_the_digest_of_a_folder_is_that_of_the_list_that_sha256sum_writes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c").write_text("1")
    (tmp_path / "a").write_text("2")
    (tmp_path / ".DS_Store").write_text("left behind by a Mac")
    digests = [hashlib.sha256(text).hexdigest() for text in (b"2", b"1")]
    listing = f"{digests[0]}  a\n{digests[1]}  b/c\n"
    assert list_content(tmp_path, None).digest() == hashlib.sha256(listing.encode()).hexdigest()


def test_names_that_windows_does_not_have_are_listed(tmp_path: Path) -> None:
    for name in ("fine.txt", ".hidden", "aux.txt", "a:b", "Case", "case"):
        (tmp_path / name).touch()
    assert list_content(tmp_path, None).unsafe_names() == ["a:b", "aux.txt", "case"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "format: 1\n",
        "- 1\n",
        "format: 99\nname: x\n",
        "format: 1\nname: [x]\n",
        "a: &a [*a]\n",
        "a: &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"k{n}: &{chr(98 + n)} [{f'*{chr(97 + n)}, ' * 9}]\n" for n in range(9)),
        "!!python/object/apply:os.system ['touch pwned']\n",
        "x" * 2_000_000,
        "[" * 100_000,
        "\0",
    ],
    ids=range(11),
)
def test_a_hostile_record_is_named_and_does_nothing(project: Project, text: str) -> None:
    project.write("results/final/model.pt", "x")
    project.write("results/final/model.pt.origin.yaml", text)
    [final] = finals_of(project)
    assert final.origin is None
    assert "model.pt.origin.yaml" in final.damage
    answer = project.run("promote", "--check")
    assert answer.code == 3
    assert not (project.root / "pwned").exists()


def test_a_pipe_in_the_place_of_a_record_does_not_block(project: Project) -> None:
    project.write("results/final/model.pt", "x")
    os.mkfifo(project.root / "results/final/model.pt.origin.yaml")
    answer = project.run("promote", "--list")
    assert answer.code == 0
    assert "record damaged" in answer.out
