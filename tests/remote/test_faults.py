"""Workers in mirrors, whose connection to a real S3 server is broken in many ways."""

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


REFUSALS = (
    (409, "ConditionalRequestConflict", "others change it too (ConditionalRequestConflict)"),
    (503, "SlowDown", "it is too busy, or fails (SlowDown)"),
    (400, "ExpiredToken", "refuses these credentials, which have expired (ExpiredToken)"),
    (403, "InvalidAccessKeyId", "refuses these credentials (InvalidAccessKeyId)"),
    (403, "RequestTimeTooSkewed", "does not accept the time of this machine's clock"),
    (403, "AccessDenied", "no right to use bucket"),
)


@pytest.mark.parametrize(("status", "code", "told"), REFUSALS)
def test_refusals_while_workers_run_cost_no_result(
    status: int, code: str, told: str, broken: Broken
) -> None:
    declare(broken.origin)
    other = broken.mirrors.clone()
    workers = [each.start("work", "s") for each in (broken.origin, other)]
    until(lambda: other.status("s")["done"], "it has begun")
    refused = broken.proxy.refused
    broken.proxy.refuse(status, 1_000_000, refusal(code))
    until(lambda: broken.proxy.refused > refused + 12, "both have met it")
    broken.proxy.refuse(status, 0)
    ended = [end(each) for each in workers]
    for each in ended:
        print(each.err)
    broken.check_whole(*ended)
    assert told in ended[0].err
    assert told in ended[1].err


def test_slow_lists_cost_no_result(broken: Broken) -> None:
    declare(broken.origin)
    other = broken.mirrors.clone()
    broken.proxy.delay = 0.3
    ended = [end(each) for each in [each.start("work", "s") for each in (broken.origin, other)]]
    broken.proxy.delay = 0.0
    for each in ended:
        print(each.err)
    broken.check_whole(*ended)


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
    ended = end(worker)
    print(ended.err)
    broken.check_whole(ended)
    other = broken.mirrors.all[-1]
    assert other.run("sync", "--data").code == 0
    models = sorted(other.root.glob("sweeps/s/runs/*/**/model.bin"))
    assert [model.stat().st_size for model in models] == [1_000_000] * 20
