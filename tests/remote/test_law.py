"""The law of syncs: in any order, all mirrors end the same, and nothing that was written is lost."""

import itertools
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.project.layout import Layout
from colabctl.remote.bases import Bases
from colabctl.remote.mirror import Mirror
from colabctl.remote.store import parse_url
from colabctl.remote.stores.opening import open_store

EDITED = ("colabctl.yaml", "notebooks/ana/a.ipynb", "train.py")
MIRRORS = 3


@dataclass
class Group:
    """Some mirrors of one project, and every text that someone wrote and did not replace."""

    folder: Path
    mirrors: list[Mirror] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    number: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def add(self) -> None:
        name = f"mirror{len(self.mirrors)}"
        (self.folder / name).mkdir()
        store = open_store(parse_url(str(self.folder / "store")))
        known = Bases(self.folder / f"{name}.json")
        self.mirrors.append(Mirror(Layout(self.folder / name), store, known))

    def edit(self, mirror: int, name: str) -> None:
        """Replace what a member sees in a file with a new text, of a new length."""
        number = next(self.number)
        path = self.mirrors[mirror].layout.root / name
        if path.exists():
            self.texts.discard(path.read_text())
        text = "x" * number
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(number, number))  # edits of people are further apart than a clock's step
        self.texts.add(text)

    def write_once(self, mirror: int) -> None:
        number = next(self.number)
        folder = f"sweeps/s/journal/ana-{mirror}/00000000"
        path = self.mirrors[mirror].layout.root / folder / f"{number:08d}-{number:08d}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("y" * number)
        self.texts.add("y" * number)

    def files(self, mirror: Mirror) -> dict[str, str]:
        root = mirror.layout.root
        return {
            path.relative_to(root).as_posix(): path.read_text()
            for path in root.rglob("*")
            if path.is_file()
        }


steps = st.one_of(
    st.tuples(st.just("edit"), st.integers(0, MIRRORS - 1), st.sampled_from(EDITED)),
    st.tuples(st.just("once"), st.integers(0, MIRRORS - 1), st.just("")),
    st.tuples(st.just("sync"), st.integers(0, MIRRORS - 1), st.just("")),
    st.tuples(st.just("look"), st.integers(0, MIRRORS - 1), st.just("")),
    st.tuples(st.just("forget"), st.integers(0, MIRRORS - 1), st.just("")),
)


@given(st.lists(steps, max_size=25))
@settings(max_examples=60, deadline=None)
def test_any_order_of_syncs_converges_and_loses_nothing(
    actions: list[tuple[str, int, str]],
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        group = Group(Path(temporary))
        (group.folder / "store").mkdir()
        for _ in range(MIRRORS):
            group.add()
        for action, number, name in actions:
            mirror = group.mirrors[number]
            if action == "edit":
                group.edit(number, name)
            elif action == "once":
                group.write_once(number)
            elif action == "look":
                mirror.look(["s"])
            elif action == "forget":  # what it knows was lost, as after a reinstallation
                mirror.bases.by_name.clear()
            else:
                mirror.sync()
        for mirror in group.mirrors * 3:
            mirror.sync()
        first, *others = (group.files(mirror) for mirror in group.mirrors)
        assert all(other == first for other in others)
        assert group.texts <= set(first.values())
        assert not group.mirrors[0].sync().up
        assert not group.mirrors[0].sync().down
