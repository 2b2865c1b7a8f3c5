"""The installed command with mirrors on several kinds of real servers, and their faults."""

import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import end, end_together, new_project, until
from tests.remote.conftest import Mirrors
from tests.remote.test_mirrors import declare, files
from tests.servers.proxy import Proxy
from tests.servers.servers import (
    USER,
    Server,
    localbucket,
    rclone_serve,
    remote_environ,
    remote_url,
    seaweedfs,
)

PROTOCOLS = ("webdav", "sftp", "s3")


def put_into(tmp_path: Path, url: str) -> Mirrors:
    mirrors = Mirrors(new_project(tmp_path / "churn"), url)
    mirrors.all.append(mirrors.origin)
    added = mirrors.origin.run("remote", "add", url)
    assert added.code == 0, added.err
    return mirrors


@pytest.fixture
def rclone_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give processes the login of rclone's servers, and not this user's configuration."""
    monkeypatch.setenv("RCLONE_CONFIG", os.devnull)
    for protocol in PROTOCOLS:
        for name, value in remote_environ(protocol).items():
            monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def webdav(tmp_path: Path, rclone_settings: pytest.MonkeyPatch) -> Iterator[tuple[Server, Proxy]]:
    server = rclone_serve("webdav", tmp_path / "served")
    with server, Proxy(server.port) as proxy:
        yield server, proxy


def check_shared_sweep(mirrors: Mirrors) -> None:
    """Let workers of three mirrors do a sweep, and compare what the mirrors then hold."""
    declare(mirrors.origin)
    group = [mirrors.origin, mirrors.clone(), mirrors.clone()]
    ended = end_together([each.start("work", "s", member="ana") for each in group])
    assert all("the sweep is finished" in each.err for each in ended)
    for each in group:
        assert each.run("sync").code == 0
    assert [row["metrics"]["loss"] for row in mirrors.origin.results("s")] == [
        lr * seed for lr in range(1, 6) for seed in range(1, 5)
    ]
    assert files(group[0]) == files(group[1]) == files(group[2])
    for each in mirrors.all:
        each.end_all()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_workers_in_mirrors_share_a_sweep_by_rclone(
    protocol: str, tmp_path: Path, rclone_settings: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "served"
    server = rclone_serve(protocol, folder)
    (folder / "lab").mkdir()
    with server:
        mirrors = put_into(tmp_path, remote_url(protocol, server.port, "lab/churn"))
        assert "guard eventual" in mirrors.origin.run("remote").out
        check_shared_sweep(mirrors)


@pytest.mark.slow
def test_a_webdav_server_that_is_killed_and_comes_back_costs_no_result(
    tmp_path: Path, webdav: tuple[Server, Proxy]
) -> None:
    server, proxy = webdav
    mirrors = put_into(tmp_path, remote_url("webdav", proxy.port, "churn"))
    declare(mirrors.origin)
    worker = mirrors.origin.start("work", "s")
    until(lambda: mirrors.origin.status("s")["done"], "it has begun")
    server.kill()
    until(lambda: mirrors.origin.status("s")["done"] == 20, "all tasks have run")
    server.start()
    ended = end(worker)
    assert ended.code == 0, ended.err
    assert "RCLONE_WEBDAV_PASS" not in ended.err
    assert mirrors.clone().status("s")["done"] == 20


@pytest.mark.slow
def test_connections_that_are_cut_and_slow_lists_cost_no_result(
    tmp_path: Path, webdav: tuple[Server, Proxy]
) -> None:
    _, proxy = webdav
    mirrors = put_into(tmp_path, remote_url("webdav", proxy.port, "churn"))
    declare(mirrors.origin)
    other = mirrors.clone()
    proxy.delay = 0.05
    workers = [each.start("work", "s") for each in (mirrors.origin, other)]
    until(lambda: other.status("s")["done"], "it has begun")
    for status in (503, 409, 403):
        proxy.refuse(status, times=3)
        until(lambda: not proxy.pending, "the refusals have been met")
    end_together(workers)
    proxy.delay = 0.0
    third = mirrors.clone()
    assert third.status("s")["done"] == 20


@pytest.mark.slow
def test_credentials_that_expire_are_told_and_the_results_stay(
    tmp_path: Path, webdav: tuple[Server, Proxy]
) -> None:
    _, proxy = webdav
    mirrors = put_into(tmp_path, remote_url("webdav", proxy.port, "churn"))
    declare(mirrors.origin)
    worker = mirrors.origin.start("work", "s")
    until(lambda: mirrors.origin.status("s")["done"], "it has begun")
    proxy.refuse(401, times=1_000_000)
    until(lambda: mirrors.origin.status("s")["done"] == 20, "all tasks have run")
    proxy.refuse(401, times=0)
    ended = end(worker)
    assert ended.code == 0, ended.err
    assert "refuses rclone's credentials" in ended.err
    assert mirrors.clone().status("s")["done"] == 20


@pytest.mark.slow
def test_a_killed_worker_leaves_half_a_file_to_nobody(
    tmp_path: Path, webdav: tuple[Server, Proxy]
) -> None:
    _, proxy = webdav
    mirrors = put_into(tmp_path, remote_url("webdav", proxy.port, "churn"))
    declare(mirrors.origin)
    other = mirrors.clone()
    worker = mirrors.origin.start("work", "s")
    until(lambda: mirrors.origin.status("s")["done"], "it has begun")
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    assert mirrors.origin.run("sync").code == 0
    assert other.run("sync").code == 0
    journals = {name for name in files(mirrors.origin) if "/journal/" in name}
    assert journals
    assert {name: files(other)[name] for name in journals} == {
        name: files(mirrors.origin)[name] for name in journals
    }


@pytest.mark.slow
def test_seaweedfs_refuses_a_second_file_and_workers_share_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seaweedfs(tmp_path) as server:
        mirrors = _in_bucket(tmp_path, server, monkeypatch)
        assert "guard created" in mirrors.origin.run("remote").out
        check_shared_sweep(mirrors)


@pytest.mark.slow
def test_seaweedfs_that_is_killed_and_comes_back_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seaweedfs(tmp_path) as server:
        mirrors = _in_bucket(tmp_path, server, monkeypatch)
        declare(mirrors.origin)
        group = [mirrors.origin, mirrors.clone()]
        workers = [each.start("work", "s", member="ana") for each in group]
        until(lambda: mirrors.origin.status("s")["done"], "it has begun")
        server.kill()
        server.start()
        ended = end_together(workers)
        assert "does not answer" in "".join(each.err for each in ended)
        until(lambda: group[1].run("sync").code == 0, "the server answers")
        status = group[1].status("s")
        assert (status["done"], status["duplicates"]) == (20, 0)


@pytest.mark.slow
def test_a_server_that_ignores_if_match_is_no_danger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LocalBucket accepts every If-Match. It is never asked: only If-None-Match counts, which it keeps."""
    with localbucket(tmp_path) as server:
        mirrors = _in_bucket(tmp_path, server, monkeypatch)
        assert "guard created" in mirrors.origin.run("remote").out
        check_shared_sweep(mirrors)


def test_a_server_that_ignores_if_none_match_is_found_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with localbucket(tmp_path) as server, Proxy(server.port) as proxy:
        _s3_settings(monkeypatch)
        _make_bucket(server)
        proxy.replaces = (b"if-none-match", b"x-none-match-")
        mirrors = put_into(tmp_path, _s3_url(proxy.port))
        told = mirrors.origin.run("remote").out
        assert "guard eventual" in told
        assert "took it all the same" in told


def _in_bucket(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Mirrors:
    _s3_settings(monkeypatch)
    _make_bucket(server)
    return put_into(tmp_path, _s3_url(server.port))


def _s3_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def _s3_url(port: int) -> str:
    return f"s3://lab/churn?endpoint=http://127.0.0.1:{port}"


def _make_bucket(server: Server) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/lab", method="PUT")
    until(lambda: _answers(request), "the bucket")


def _answers(request: urllib.request.Request) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
