"""How much memory a process may use, by its machine and its cgroup."""

from pathlib import Path

from colabctl.run.slots.memory import _limits, memory_here

GIB = 1 << 30


def limits(folder: Path, own: str, **files: str) -> list[int]:
    """Return the limits of a process in a tree of cgroups; `files` have / as __ in their names."""
    (folder / "own").write_text(own)
    for name, text in files.items():
        file = folder / "groups" / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return list(_limits(folder / "own", folder / "groups"))


def test_the_limits_of_a_group_and_of_those_above_it_count(tmp_path: Path) -> None:
    found = limits(
        tmp_path, "0::/slurm/job_7/step_0\n",
        slurm__job_7__memory_dot_max=f"{8 * GIB}\n", slurm__job_7__step_0__memory_dot_max="max\n",
        slurm__memory_dot_max=f"{64 * GIB}\n",
    )  # fmt: skip
    assert sorted(found) == [8 * GIB, 64 * GIB]


def test_version_1_has_a_tree_for_memory(tmp_path: Path) -> None:
    found = limits(
        tmp_path, "12:cpu,cpuacct:/a\n4:memory:/docker/abc\n1:name=systemd:/a\n",
        memory__docker__abc__memory_dot_limit_in_bytes=f"{4 * GIB}\n",
        memory__memory_dot_limit_in_bytes="9223372036854771712\n",
    )  # fmt: skip
    assert min(found) == 4 * GIB


def test_a_container_sees_its_own_group_as_the_first(tmp_path: Path) -> None:
    found = limits(tmp_path, "0::/kubepods/pod1/c1\n", memory_dot_max=f"{2 * GIB}\n")
    assert found == [2 * GIB]


def test_what_cannot_be_read_limits_nothing(tmp_path: Path) -> None:
    assert limits(tmp_path, "nonsense\n0::\n5:memory\n", memory_dot_max="a lot\n") == []
    assert list(_limits(tmp_path / "none", tmp_path)) == []
    assert memory_here() > 0
