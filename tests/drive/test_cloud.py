"""The simulated cloud and the views of its machines, without mounts and without waiting."""

import itertools
import math
import random
import statistics
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drive.cloud import Cloud
from tests.drive.delays import Delays
from tests.drive.filesystem.faults import Faults
from tests.drive.filesystem.view import Node, View
from tests.drive.messages import ROOT, Arrived, Change, News, Object

LATE = Delays(median=1.0, worst=6.0)


class Net:
    """Views connected by a cloud, with a clock that the test sets."""

    def __init__(
        self, machines: int = 2, *, manual: bool = False, seed: int = 0, partial: float = 0.0
    ) -> None:
        self.now = 0.0
        self.blobs = itertools.count(1)
        self.arrivals: list[tuple[int, str]] = []  # machine and name, in order
        self.views = [
            View(f"local-{n}", partial=partial, chance=random.Random(n)) for n in range(machines)
        ]
        self.cloud = Cloud(machines, self.tell, LATE, manual=manual, seed=seed)
        for machine in range(machines):
            self.cloud.mount(machine)
        self.arrivals.clear()

    def tell(self, machine: int, news: News) -> None:
        if isinstance(news, Arrived):
            self.arrivals.append((machine, news.object.name))
            self.views[machine].learn(news.object)
        else:
            self.views[machine].confirm(news.key, news.serial, news.object)

    def send(self, machine: int, *changes: Change | None) -> None:
        for change in changes:
            if change:
                self.cloud.take(machine, change, self.now)

    def write(self, machine: int, path: str) -> None:
        """Write a new file or new content, each 10 bytes long."""
        view = self.views[machine]
        paths = {path_of(node): node for node in nodes(view)}
        node = paths.get(path) or view.make_file(path)
        self.send(machine, view.write(node, f"blob-{next(self.blobs)}", 10, self.now))

    def folder(self, machine: int, path: str) -> None:
        self.send(machine, self.views[machine].make_folder(path, self.now))

    def remove(self, machine: int, path: str, *, folder: bool = False) -> None:
        self.send(machine, self.views[machine].remove(path, folder=folder))

    def rename(self, machine: int, old: str, new: str) -> None:
        self.send(machine, *self.views[machine].rename(old, new))

    def run(self, until: float = math.inf) -> None:
        """Advance the clock until nothing is left to do, or until the given time."""
        while (due := self.cloud.advance(self.now)) <= until and due < math.inf:
            self.now = due
        if until < math.inf:
            self.now = until

    def names(self, machine: int, path: str = "/") -> set[str]:
        return set(self.views[machine].find(path).children)


def nodes(view: View) -> Iterator[Node]:
    """Yield all nodes of a view's tree."""
    folders = [view.root]
    while folders:
        for child in folders.pop().children.values():
            yield child
            if child.folder:
                folders.append(child)


def objects(view: View) -> set[tuple[str, str, str, str | None]]:
    """Return the ids, parents, names in the cloud and contents of a view."""
    return {
        (node.key, node.parent.key if node.parent else "", node.name, node.blob)
        for node in nodes(view)
    }


def test_delays_have_the_median_and_none_is_above_the_worst() -> None:
    chance = random.Random(1)
    drawn = [LATE.draw(chance) for _ in range(5001)]

    assert statistics.median(drawn) == pytest.approx(1.0, rel=0.05)
    assert max(drawn) == 6.0


def test_a_median_of_zero_means_no_delay() -> None:
    assert Delays(0.0, 0.0).draw(random.Random(1)) == 0.0


def test_a_median_above_the_worst_is_refused() -> None:
    with pytest.raises(ValueError, match="median"):
        Delays(median=2.0, worst=1.0)


def test_a_change_is_seen_within_the_worst_delay() -> None:
    net = Net(machines=3)
    for number in range(50):
        net.write(0, f"/{number}.json")

    net.run(until=6.0)

    assert len(net.names(1)) == len(net.names(2)) == 50
    assert net.cloud.idle()


def test_files_arrive_at_each_machine_in_a_different_order() -> None:
    net = Net(machines=3)
    for number in range(20):
        net.write(0, f"/{number}")
    net.run()

    closed = [str(number) for number in range(20)]
    orders = [[name for seen, name in net.arrivals if seen == machine] for machine in (1, 2)]

    assert sorted(orders[0]) == sorted(orders[1]) == sorted(closed)
    assert orders[0] != orders[1]
    assert closed not in orders


def test_the_same_seed_gives_the_same_schedule() -> None:
    def arrivals(seed: int) -> list[tuple[int, str]]:
        net = Net(machines=3, seed=seed)
        for number in range(20):
            net.write(0, f"/{number}")
        net.run()
        return net.arrivals

    assert arrivals(1) == arrivals(1)
    assert arrivals(1) != arrivals(2)


def test_in_manual_mode_files_arrive_only_on_request() -> None:
    net = Net(manual=True)
    net.write(0, "/note")
    net.run()
    assert net.names(1) == set()

    net.cloud.upload(0, "*", net.now)
    assert net.names(1) == set()

    net.cloud.deliver(1, "*")
    assert net.names(1) == {"note"}


def test_a_file_that_is_rewritten_before_its_upload_is_uploaded_once() -> None:
    net = Net()
    for _ in range(5):
        net.write(0, "/log")
    net.run()

    assert (net.cloud.sent[0].uploads, net.cloud.sent[0].bytes) == (1, 10)
    assert objects(net.views[0]) == objects(net.views[1])


def test_a_file_that_is_rewritten_often_is_not_uploaded_for_a_long_time() -> None:
    net = Net()
    for tenth in range(300):
        net.now = tenth * 0.02
        net.write(0, "/log")
        net.run(until=net.now)

    assert net.names(1) == set()


def test_a_file_removed_before_its_upload_never_reaches_the_cloud() -> None:
    net = Net()
    net.write(0, "/note")
    net.remove(0, "/note")
    net.run()

    assert set(net.cloud.objects) == {ROOT}


def test_a_file_that_arrives_before_its_folder_is_seen_with_the_folder() -> None:
    view = View("local-0", partial=0.0, chance=random.Random(0))
    file = Object("f", parent="d", name="note", folder=False, version=1)

    view.learn(file)
    assert view.root.children == {}

    view.learn(Object("d", parent=ROOT, name="folder", folder=True, version=1))
    assert view.find("/folder/note").key == "f"


def test_an_outdated_version_is_ignored() -> None:
    view = View("local-0", partial=0.0, chance=random.Random(0))
    for version in (2, 1):
        view.learn(Object("f", ROOT, "note", folder=False, version=version, blob=f"b{version}"))

    assert view.find("/note").blob == "b2"


def test_the_first_to_arrive_has_the_name_and_keeps_it() -> None:
    view = View("local-0", partial=0.0, chance=random.Random(0))
    first, twin = (Object(key, ROOT, "a.json", folder=False, version=1) for key in "fs")
    view.learn(first)
    view.learn(twin)
    assert {name: node.key for name, node in view.root.children.items()} == {
        "a.json": "f",
        "a (1).json": "s",
    }

    view.learn(Object("f", ROOT, "a.json", folder=False, version=2, trashed=True))
    assert set(view.root.children) == {"a (1).json"}


def test_a_listing_may_omit_a_file_that_exists_but_never_loses_one() -> None:
    net = Net(partial=0.5)
    for number in range(100):
        net.write(0, f"/{number}")
    net.run()
    view = net.views[1]

    listings = [set(view.listing(view.root)) for _ in range(20)]

    assert 30 < len(listings[0]) < 70
    assert all(earlier <= later for earlier, later in itertools.pairwise(listings))
    assert listings[-1] == {str(number) for number in range(100)}
    assert all(view.find(f"/{number}") for number in range(100))
    assert len(net.views[0].listing(net.views[0].root)) == 100, "its own files are never omitted"


def test_an_edit_on_one_machine_and_a_rename_on_another_are_both_kept() -> None:
    net = Net()
    net.write(0, "/old")
    net.run()

    net.write(0, "/old")
    net.rename(1, "/old", "/new")
    net.run()

    assert net.names(0) == net.names(1) == {"new"}
    assert {node.blob for node in nodes(net.views[1])} == {"blob-2"}


def test_a_file_closed_before_an_unmount_arrives_at_the_next_mount() -> None:
    net = Net(manual=True)
    net.write(0, "/note")
    net.cloud.unmount(0)
    net.views[0] = View("local-0.2", partial=0.0, chance=random.Random(0))
    net.cloud.mount(0)

    net.cloud.upload(0, "*", net.now)

    assert net.names(0) == {"note"}


def test_an_operation_takes_a_time_within_its_cost() -> None:
    slept: list[float] = []
    faults = Faults("seed", (0.002, 0.020), sleep=slept.append)
    for _ in range(500):
        faults.pay()

    assert 0.002 <= min(slept) < 0.003
    assert 0.019 < max(slept) <= 0.020
    assert faults.counts.operations == 500


def test_a_fault_ends_after_its_seconds() -> None:
    time = iter([100.0, 159.0, 161.0])
    faults = Faults("seed", (0.0, 0.0), clock=lambda: next(time))
    faults.fail(5, seconds=60.0)

    with pytest.raises(OSError, match="Errno 5"):
        faults.answer()
    faults.answer()


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(5, 60))
def test_all_machines_see_the_same_objects_once_everything_has_arrived(
    chance: random.Random, steps: int
) -> None:
    net = Net(machines=3, seed=chance.randrange(100))
    for step in range(steps):
        act(net, chance.randrange(3), chance, f"n{step % 4}")
        net.run(until=net.now + chance.choice([0.0, 0.0, 1.0, 5.0]))
    net.run()

    first, *others = [objects(view) for view in net.views]
    assert all(first == other for other in others)
    assert not any(node.pending for view in net.views for node in nodes(view))


def act(net: Net, machine: int, chance: random.Random, name: str) -> None:
    """Do a random operation that the machine's system would allow."""
    seen = {path_of(node): node for node in nodes(net.views[machine])}
    folders = ["", *(path for path, node in seen.items() if node.folder)]
    new = f"{chance.choice(folders)}/{name}"
    files = [path for path, node in seen.items() if not node.folder]
    empty = [path for path, node in seen.items() if node.folder and not node.children]
    match chance.choice(["write", "write", "folder", "edit", "rename", "remove", "rmdir"]):
        case "write" if new not in seen:
            net.write(machine, new)
        case "folder" if new not in seen:
            net.folder(machine, new)
        case "edit" if files:
            net.write(machine, chance.choice(files))
        case "rename" if files and (new not in seen or not seen[new].folder):
            net.rename(machine, chance.choice(files), new)
        case "remove" if files:
            net.remove(machine, chance.choice(files))
        case "rmdir" if empty:
            net.remove(machine, chance.choice(empty), folder=True)


def path_of(node: Node) -> str:
    return f"{path_of(node.parent)}/{node.shown}" if node.parent else ""
