"""A mirror as Python sees it: colabctl.open() carries files too."""

from tests.processes import end_together
from tests.remote.conftest import Mirrors

DECLARE = """
import colabctl
project = colabctl.open()
sweep = project.sweep("loop", {"x": range(12)}, metric={"name": "y"})
for task in sweep.tasks():
    with task:
        task.done(y=task.params["x"])
print(len(sweep.results()))
"""


def test_loops_in_two_mirrors_share_a_sweep(mirrors: Mirrors) -> None:
    other = mirrors.clone()
    processes = []
    for each, member in ((mirrors.origin, "ana"), (other, "ben")):
        script = each.write(f"notebooks/{member}/loop.py", DECLARE)
        processes.append(each.start_python(str(script), member=member))
        ended = end_together(processes[-1:])
    assert [each.out for each in ended] == ["12\n"]
