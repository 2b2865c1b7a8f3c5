"""A link in the project that leads out of it is found, on whatever way, and not followed."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.sharedfs.files import read_file, write_once, write_whole
from colabctl.sharedfs.links import check_inside, open_inside, open_itself, way_out
from colabctl.sharedfs.rights import make_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no links for everyone")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project with a folder of its own, beside a private one."""
    root = tmp_path / "project"
    (root / "own").mkdir(parents=True)
    (root / "own/file").write_bytes(b"ours")
    (tmp_path / "private").mkdir()
    (tmp_path / "private/file").write_bytes(b"secret")
    return root


def test_a_way_that_stays_inside_is_free(root: Path) -> None:
    (root / "near").symlink_to("own")
    (root / "far").symlink_to(root / "near/file")
    for name in (".", "own/file", "own/none/at/all", "near/file", "far", "near/../own/file"):
        assert way_out(root / name, root) is None


@pytest.mark.parametrize("target", ["../private", "../../{0}/private", "{1}/private", "up/private"])
def test_a_link_that_leads_out_is_named(root: Path, target: str) -> None:
    (root / "up").symlink_to("..")
    link = root / "link"
    link.symlink_to(target.format(root.parent.name, root.parent))
    for name in ("link", "link/file", "own/../link/file", "link/none"):
        assert way_out(root / name, root) == link
    with pytest.raises(UserError, match=r"link is a link to .*private and leads out of the proj"):
        check_inside(link / "file", root)


def test_the_first_link_of_several_is_named(root: Path) -> None:
    (root / "two").symlink_to("../private")
    (root / "own/one").symlink_to("../two")
    assert way_out(root / "own/one/file", root) == root / "own/one"


def test_a_link_in_a_circle_is_named(root: Path) -> None:
    (root / "self").symlink_to("self")
    assert way_out(root / "self", root) == root / "self"
    with pytest.raises(UserError, match="leads in a circle; remove the link"):
        check_inside(root / "self", root)


def test_links_outside_the_project_are_the_users_own(root: Path) -> None:
    mine = root.parent / "mine"
    mine.symlink_to("private")
    assert way_out(mine / "file", root) is None
    shortcut = root.parent / "shortcut"
    shortcut.symlink_to("project")
    assert way_out(shortcut / "own/file", shortcut) is None
    (root / "evil").symlink_to("../private")
    assert way_out(shortcut / "evil/file", shortcut) == shortcut / "evil"
    assert way_out(shortcut / "evil/file", root) == root / "evil"
    (root.parent / "deep").symlink_to(root / "evil")
    assert way_out(root.parent / "deep/file", root) == root / "evil"


def test_a_relative_path_starts_in_the_current_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "evil").symlink_to("../private")
    monkeypatch.chdir(root / "own")
    assert way_out(Path("../evil/file"), root) == root / "evil"
    assert way_out(Path("file"), root) is None


def test_a_file_is_read_inside_the_root_only(root: Path) -> None:
    (root / "near").symlink_to("own")
    (root / "evil").symlink_to("../private")
    assert read_file(root / "near/file", 10, root) == b"ours"
    for path in (root / "evil/file", root.parent / "private/file", root):
        with pytest.raises(OSError, match="leads out of the project"):
            read_file(path, 10, root)


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link appears between the look at the path and the opening of the file."""
    real = os.path.realpath(root / "own/file")

    def realpath(path: object) -> str:
        if path == str(root / "own/file"):
            (root / "own").rename(root / "gone")
            (root / "own").symlink_to("../private")
            return real
        return str(root)

    monkeypatch.setattr(os.path, "realpath", realpath)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        open_inside(str(root / "own/file"), os.O_RDONLY, root=root)


def test_no_file_is_created_through_a_link_in_its_place(root: Path) -> None:
    for target in ("../private/file", "../private/new", "own/file"):
        link = root / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        for mode in ("wb", "ab", "rb"):
            with pytest.raises(OSError, match="is a link"):
                open(link, mode, opener=open_itself).close()
        with pytest.raises(FileExistsError):
            write_once(link, b"x")
        with pytest.raises(OSError, match="is a link"):
            make_folder(link, follow=False)
    write_whole(root / "link", b"x")  # replaces the link itself
    assert not (root / "link").is_symlink()
    private = root.parent / "private"
    assert {path.name: path.read_bytes() for path in private.iterdir()} == {"file": b"secret"}
    assert (root / "own/file").read_bytes() == b"ours"


names = st.sampled_from(["a", "b", "c", "d"])
targets = st.lists(st.sampled_from(["a", "b", "c", "d", "..", "own"]), min_size=1, max_size=4)


@example(links={"b": ["a"], "a/a": ["..", "a"], "a/b": ["a", "a", "b"]}, path=["a", "b"])
@given(
    links=st.dictionaries(st.lists(names, min_size=1, max_size=2).map("/".join), targets),
    path=targets,
)
@settings(max_examples=300, deadline=None)
def test_a_way_is_free_exactly_if_it_ends_inside(
    links: dict[str, list[str]], path: list[str]
) -> None:
    """Whatever links there are: where no link is named, the system ends up in the root as well."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(os.path.realpath(folder), "around", "root")
        (root / "own").mkdir(parents=True)
        for link, target in links.items():
            place = root / link
            if not os.path.lexists(place.parent):
                place.parent.mkdir(parents=True)
            is_inside = place.parent.is_dir() and way_out(place.parent, root) is None
            if is_inside and not os.path.lexists(place):
                place.symlink_to("/".join(target))
        inside = [part for part in path if part != ".."] or ["own"]
        found = way_out(root.joinpath(*inside), root)
        real = Path(os.path.realpath(root.joinpath(*inside)))
        if found is None:
            assert real.is_relative_to(root)
        else:
            assert found.is_symlink()
            circle = not found.exists()  # so the message names the link to remove
            assert circle or not Path(os.path.realpath(found)).is_relative_to(root)
