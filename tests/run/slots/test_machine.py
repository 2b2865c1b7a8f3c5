"""What a worker finds out about the machine that it runs on, and writes into its start event."""

import importlib.metadata
import platform
from pathlib import Path

import pytest

from colabctl.ledger.state.machine import Accelerator, read_machine
from colabctl.run.slots.machine import PACKAGES, _nvidia, _packages, _tpus, describe
from tests.processes import Project

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1]}}\n"
TRAIN = "def train(params, task):\n    return {'y': 1}\n"
TWO_GPUS = """#!/bin/sh
echo "0, GPU-aaaa1111, Tesla T4, 15360, 550.54.15"
echo "1, GPU-bbbb2222, NVIDIA A100-SXM4-40GB, 40960, 550.54.15"
"""


def tool(project: Project, script: str) -> str:
    """Write a driver's tool that answers as `script` does; return the PATH that finds it."""
    file = project.write("bin/nvidia-smi", script)
    file.chmod(0o755)
    return f"{file.parent}:/usr/bin:/bin"


def test_the_start_event_says_what_the_worker_runs_on(project: Project) -> None:
    project.declare("s", SWEEP, TRAIN)
    path = tool(project, TWO_GPUS)
    assert project.run("work", "s", PATH=path, CUDA_VISIBLE_DEVICES="1").code == 0
    [start] = project.events("s", "start")
    assert start["accelerators"] == [{"name": "NVIDIA A100-SXM4-40GB", "memory": 40960 << 20}]
    assert (start["driver"], start["python"]) == ("550.54.15", platform.python_version())
    assert platform.release() in start["system"]
    assert start["packages"]["numpy"] == importlib.metadata.version("numpy")
    machine = read_machine(start)
    assert machine.accelerators == (Accelerator("NVIDIA A100-SXM4-40GB", 40960 << 20),)
    assert dict(machine.packages) == start["packages"]


def test_versions_are_those_that_the_packages_state() -> None:
    found = describe()["packages"]
    installed = {
        (each.name or "").lower().replace("_", "-"): each.version
        for each in importlib.metadata.distributions()
    }
    assert found == {name: installed[name] for name in sorted(PACKAGES) if name in installed}


def test_names_of_packages_are_normalised_and_the_first_on_the_path_counts(tmp_path: Path) -> None:
    for folder, name in (
        ("a", "scikit_learn-1.5.2.dist-info"),
        ("a", "torch-2.9.0+cu126.dist-info"),
        ("a", "pandas-2.2.2-py3.12.egg-info"),
        ("a", "my_torch-1.dist-info"),
        ("b", "torch-1.0.dist-info"),
        ("b", "Lightning-2.5.dist-info"),
    ):
        (tmp_path / folder / name).mkdir(parents=True)
    path = [str(tmp_path / "a"), str(tmp_path / "none"), str(tmp_path / "b")]
    assert dict(_packages(path)) == {
        "scikit-learn": "1.5.2",
        "torch": "2.9.0+cu126",
        "pandas": "2.2.2",
        "lightning": "2.5",
    }


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["Tesla T4", "NVIDIA A100-SXM4-40GB"]),
        ("0", ["Tesla T4"]),
        ("GPU-bbbb", ["NVIDIA A100-SXM4-40GB"]),
        ("1,0", ["Tesla T4", "NVIDIA A100-SXM4-40GB"]),
        ("MIG-1234", ["Tesla T4", "NVIDIA A100-SXM4-40GB"]),
        ("", []),
        ("-1", []),
    ],
)
def test_only_gpus_that_the_worker_may_use_are_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, visible: str | None, names: list[str]
) -> None:
    monkeypatch.setenv("PATH", tool(project, TWO_GPUS))
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    found, _ = _nvidia(environ)
    assert [each["name"] for each in found] == names


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n",
        "#!/bin/sh\nprintf '\\377\\376'\n",
        "#!/bin/sh\necho 'a, b'\n",
        "not a program\n",
    ],
)
def test_a_driver_that_does_not_answer_leaves_the_accelerators_out(
    project: Project, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv("PATH", tool(project, script))
    assert _nvidia({}) == ([], "")


def test_memory_that_the_driver_does_not_know_is_left_out(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "#!/bin/sh\necho '0, GPU-a, NVIDIA GB10, [N/A], 580.95'\n"
    monkeypatch.setenv("PATH", tool(project, script))
    assert _nvidia({}) == ([{"name": "NVIDIA GB10"}], "580.95")


def test_the_chips_of_a_tpu_are_found(tmp_path: Path) -> None:
    for name, vendor, device in (("1", "0x1ae0", "0x0063"), ("2", "0x8086", "0x0063"),
                                 ("3", "0x1ae0", "0x001f")):  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "device").write_text(f"{device}\n")
    (tmp_path / "4").mkdir()
    assert list(_tpus(tmp_path)) == [{"name": "TPU v5e", "memory": 16 << 30}]
    assert list(_tpus(tmp_path / "none")) == []
