"""Doctor names what other members have closed, with the owner and the fix."""

import os
import tempfile
from pathlib import Path

import pytest

from colabctl.doctor.access import access
from colabctl.project.create import create
from colabctl.project.layout import Layout
from tests.sharedfs.test_refusals import as_another_user


def said(layout: Layout) -> str:
    checks = access(layout, thorough=True)
    return "\n".join(f"{check.level}: {check.what}; {check.fix}" for check in checks)


def test_an_own_project_is_open(tmp_path: Path) -> None:
    create(tmp_path / "p", members=["ana"])
    assert said(Layout(tmp_path / "p")) == "ok: you can use all that the members share; "


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs a second user")
def test_a_folder_that_its_owner_has_closed_is_named_with_the_fix() -> None:
    pytest.importorskip("grp")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "p")
        create(root, members=["ana"])
        for folder in (root.parent, root, *root.rglob("*")):
            folder.chmod(0o2777 if folder.is_dir() else 0o666)
        layout = Layout(root)
        assert as_another_user(lambda: said(layout)).startswith("ok: ")
        layout.sweeps.chmod(0o755)
        assert as_another_user(lambda: said(layout)) == (
            f"wrong: you cannot write in {layout.sweeps}: it belongs to root; "
            f"ask root to run: chgrp -R nogroup {layout.sweeps} && chmod -R g+rwX {layout.sweeps}"
        )


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs a second user")
def test_what_members_keep_to_themselves_is_named() -> None:
    pytest.importorskip("grp")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "p")
        root.mkdir()
        root.chmod(0o2777)
        create(root, members=["ana"])
        layout = Layout(root)
        private = layout.member_notebooks("ana") / "private.ipynb"
        private.touch()
        for folder in (root.parent, root, *root.rglob("*")):
            folder.chmod(0o2777 if folder.is_dir() else 0o666)
        layout.member_results("ana").chmod(0o700)
        layout.member_checkpoints("ana").chmod(0o755)
        private.chmod(0o600)
        lines = as_another_user(lambda: said(layout)).splitlines()
        assert [line.partition(": it belongs to root; ask root to run: ")[0] for line in lines] == [
            f"note: you cannot read {private}",
            f"note: you cannot read {layout.member_results('ana')}",
            f"note: you cannot write in {layout.member_checkpoints('ana')}",
        ]
