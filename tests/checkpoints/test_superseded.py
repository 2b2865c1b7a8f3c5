"""Which saved files are no longer needed."""

import json
from pathlib import Path

from colabctl.checkpoints.places import superseded


def save(folder: Path, number: int, data: bytes = b"abc", size: int | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:06d}.pt").write_bytes(data)
    record = {
        "format": 1,
        "file": f"{number:06d}.pt",
        "size": len(data) if size is None else size,
        "sha256": "0" * 64,
    }
    (folder / f"{number:06d}.saved.json").write_text(json.dumps(record))


def names(found: list[Path]) -> list[str]:
    return [path.name for path in found]


def test_all_but_the_last_two_numbered_saves_are_superseded(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        save(tmp_path / "runs/x/saves", number)
    assert names(superseded(tmp_path)) == [
        "000001.pt",
        "000001.saved.json",
        "000002.pt",
        "000002.saved.json",
    ]


def test_a_save_that_is_not_whole_does_not_make_an_earlier_one_superseded(tmp_path: Path) -> None:
    folder = tmp_path / "saves"
    save(folder, 1)
    save(folder, 2)
    save(folder, 3, size=99)  # its upload is half done
    (folder / "000004.pt").write_bytes(b"being written")
    assert superseded(tmp_path) == []


def test_earlier_versions_of_a_saved_folder_are_superseded_and_one_being_built_is_not(
    tmp_path: Path,
) -> None:
    for version in ("0001-aaaaaaaa", "0002-bbbbbbbb", "0003-cccccccc"):
        (tmp_path / "tokenizer" / version).mkdir(parents=True)
    record = {"format": 1, "file": "tokenizer/0002-bbbbbbbb", "size": 0, "sha256": ""}
    (tmp_path / "tokenizer.saved.json").write_text(json.dumps(record))
    assert names(superseded(tmp_path)) == ["0001-aaaaaaaa"]


def test_a_damaged_record_or_a_link_supersedes_nothing(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for number in (1, 2, 3):
        save(elsewhere / "saves", number)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "saves").symlink_to(elsewhere / "saves")
    (inside / "tokenizer").mkdir()
    (inside / "tokenizer.saved.json").write_text('{"format": 1, "file": "../../x"}')
    assert superseded(inside) == []
