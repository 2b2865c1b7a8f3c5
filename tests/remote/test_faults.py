"""Workers in mirrors, whose connection to a real S3 server is broken in many ways."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.processes import Finished, Project, end, new_project, until
from tests.remote.conftest import Mirrors
from tests.remote.servers import S3Server
from tests.remote.test_mirrors import declare
from tests.servers.proxy import Proxy


@dataclass(frozen=True)
class Broken:
    """A project in a bucket, behind a proxy."""

    mirrors: Mirrors
    proxy: Proxy

    @property
    def origin(self) -> Project:
        return self.mirrors.origin

    def check_whole(self, *ended: Finished) -> None:
        """Check that workers ended well, that a new mirror has all results, and none twice."""
        for each in ended:
            assert each.code == 0, each.err
            assert "Traceback" not in each.err
        status = self.mirrors.clone().status("s")
        assert (status["done"], status["failed"], status["duplicates"]) == (20, 0, 0)


@pytest.fixture
def broken(tmp_path: Path, s3: S3Server, bucket: str) -> Iterator[Broken]:
    with Proxy(s3.port) as proxy:
        url = f"s3://{urlsplit(bucket).netloc}/churn?endpoint=http://127.0.0.1:{proxy.port}"
        mirrors = Mirrors(new_project(tmp_path / "churn"), url)
        mirrors.all.append(mirrors.origin)
        added = mirrors.origin.run("remote", "add", url)
        assert added.code == 0, added.err
        assert mirrors.origin.run("remote", "--json").json["guard"] == "created"
        yield Broken(mirrors, proxy)
        for each in mirrors.all:
            each.end_all()


def refusal(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (503, "SlowDown", "it is too busy, or fails (SlowDown)"),
        (409, "OperationAborted", "others change it too (OperationAborted)"),
        (400, "ExpiredToken", "these credentials, which have expired (ExpiredToken)"),
        (403, "InvalidAccessKeyId", "refuses these credentials (InvalidAccessKeyId)"),
        (403, "RequestTimeTooSkewed", "does not accept the time of this machine's clock"),
    ],
)
def test_refusals_while_workers_run_cost_no_result(
    status: int, code: str, told: str, broken: Broken
) -> None:
    declare(broken.origin)
    other = broken.mirrors.clone()
    workers = [each.start("work", "s") for each in (broken.origin, other)]
    until(lambda: other.status("s")["done"], "it has begun")
    refused = broken.proxy.refused
    broken.proxy.refuse(status, 1_000_000, refusal(code))
    until(lambda: broken.proxy.refused > refused + 12, "workers have met it")
    broken.proxy.refuse(status, 0)
    ended = [end(each) for each in workers]
    broken.check_whole(*ended)
    said = "".join(each.err for each in ended)
    assert told in said
    assert "; until then, everything stays in " in said
    assert "carrying works again, after " in said


def test_a_second_ctrl_c_ends_the_wait_for_a_store_and_says_where_the_results_are(
    broken: Broken,
) -> None:
    declare(broken.origin)
    worker = broken.origin.start("work", "s")
    until(lambda: broken.origin.status("s")["done"], "it has begun")
    broken.proxy.refuse(503, 1_000_000, refusal("SlowDown"))
    worker.send_signal(signal.SIGINT)
    said = worker.stderr
    assert said is not None
    until(lambda: "waiting up to " in said.readline(), "it waits for the store")
    worker.send_signal(signal.SIGINT)
    ended = end(worker)
    assert ended.code == 130
    assert ended.err.endswith("run colabctl sync there once the store answers\n")


@pytest.mark.slow
def test_a_bucket_that_is_gone_ends_a_worker_at_once(broken: Broken) -> None:
    declare(broken.origin)
    worker = broken.origin.start("work", "s")
    until(lambda: broken.origin.status("s")["done"], "it has begun")
    broken.proxy.refuse(404, 1_000_000, refusal("NoSuchBucket"))
    ended = end(worker)
    assert ended.code == 1
    assert "there is no bucket lab-" in ended.err
    assert f"it is safe in {broken.origin.root}: run colabctl sync there once" in ended.err
    broken.proxy.refuse(404, 0)
    broken.check_whole(broken.origin.run("work", "s"))


@pytest.mark.slow
def test_slow_lists_cost_no_result(broken: Broken) -> None:
    declare(broken.origin)
    other = broken.mirrors.clone()
    broken.proxy.delay = 0.3
    ended = [end(each) for each in [each.start("work", "s") for each in (broken.origin, other)]]
    broken.proxy.delay = 0.0
    broken.check_whole(*ended)


@pytest.mark.slow
def test_clocks_that_are_minutes_apart_cost_no_result_and_no_second_run(
    broken: Broken, tmp_path: Path
) -> None:
    declare(broken.origin)
    other = broken.mirrors.clone()
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    workers = [
        each.start("work", "s", PYTHONPATH=str(tmp_path), CLOCK_IS_OFF=seconds)
        for each, seconds in ((broken.origin, "600"), (other, "-600"))
    ]
    broken.check_whole(*[end(each) for each in workers])


CLOCK = """\
import os, time
wall, off = time.time, int(os.environ.get("CLOCK_IS_OFF", "0"))
time.time = lambda: wall() + off
time.time_ns = lambda: int(time.time() * 1e9)
"""

LARGE = """\
from pathlib import Path
def train(lr, seed, task):
    Path(task.folder, "model.bin").write_bytes(bytes([lr]) * 1_000_000)
    return {"loss": lr * seed}
"""


def test_half_an_upload_is_no_file_and_the_results_arrive_later(broken: Broken) -> None:
    declare(broken.origin, LARGE)
    broken.proxy.cut_after = 300_000
    worker = broken.origin.start("work", "s")
    until(lambda: broken.proxy.cuts > 3, "uploads were cut")
    until(lambda: broken.origin.status("s")["done"] == 20, "all tasks have run")
    broken.proxy.cut_after = None
    broken.check_whole(end(worker))
    other = broken.mirrors.all[-1]
    assert other.run("sync", "--data").code == 0
    models = sorted(other.root.glob("sweeps/s/runs/*/**/model.bin"))
    assert [model.stat().st_size for model in models] == [1_000_000] * 20


@pytest.mark.slow
def test_a_full_disk_of_a_mirror_is_told_and_costs_no_result(
    broken: Broken, tmp_path: Path
) -> None:
    declare(broken.origin, LARGE)
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount a disk")
    try:
        mirror = Project(folder / "mirror")
        assert broken.mirrors.run("clone", broken.mirrors.url, str(mirror.root)).code == 0
        ended = mirror.run("work", "s", COLABCTL_MIN_FREE="0")
        assert ended.code == 1
        assert "Traceback" not in ended.err
        assert (
            f"it is safe in {mirror.root}: run colabctl sync there once that is fixed" in ended.err
        )
        remount = ["mount", "-o", "remount,size=60m", str(folder)]
        subprocess.run(remount, check=True, capture_output=True)
        assert mirror.run("work", "--recover").code == 0
        broken.check_whole(mirror.run("work", "s", COLABCTL_MIN_FREE="0"))
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
