"""The queue of tasks in a slot."""

from colabctl.run.slots.waiting import Waiting
from colabctl.task import Assignment


def task(index: int) -> Assignment:
    return Assignment("sweep", f"t{index:06d}", index, 1, {}, "")


def queue(*indices: int) -> Waiting:
    waiting = Waiting()
    waiting.add(map(task, indices))
    return waiting


def rest(waiting: Waiting) -> list[int]:
    return [each.index for each in waiting.take(len(waiting))]


def test_postponed_tasks_run_after_those_that_come_later() -> None:
    waiting = queue(1, 2, 3)
    waiting.postpone({1, 2, 9})
    waiting.add([task(4)])
    assert rest(waiting) == [3, 4, 1, 2]


def test_tasks_are_postponed_until_others_are() -> None:
    waiting = queue(1, 2)
    waiting.postpone({1})
    assert waiting.ready == 1
    waiting.postpone({1, 2})
    assert (len(waiting), waiting.ready) == (2, 0)
    waiting.postpone(set())
    assert waiting.ready == 2


def test_tasks_are_taken_back_from_the_end_and_put_back_at_the_start() -> None:
    waiting = queue(1, 2, 3, 4)
    assert [each.index for each in waiting.take_back(2)] == [4, 3]
    waiting.put_back([task(7), task(8)])
    assert waiting.drop(1)
    assert not waiting.drop(1)
    assert rest(waiting) == [7, 8, 2]
