"""Stores by rclone: on rclone's own servers, behind a proxy that breaks connections."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.remote.store import (
    CredentialsError,
    MissingFileError,
    MissingStoreError,
    StoreError,
    UnreachableError,
    parse_url,
)
from colabctl.remote.stores.rclone import RcloneStore
from tests.processes import until
from tests.servers.proxy import Proxy
from tests.servers.servers import Server, rclone_serve, remote_environ, remote_url

PROTOCOLS = ("webdav", "sftp", "s3")


@dataclass(frozen=True)
class Served:
    """A store on a server that runs, and the folder that the server serves."""

    store: RcloneStore
    folder: Path
    server: Server
    proxy: Proxy


def opened(url: str, **environ: str) -> RcloneStore:
    """Open a store with rclone's defaults, without the configuration of this user."""
    return RcloneStore(parse_url(url), {**os.environ, "RCLONE_CONFIG": os.devnull, **environ})


@pytest.fixture(
    params=["webdav", *(pytest.param(each, marks=pytest.mark.slow) for each in PROTOCOLS[1:])]
)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    yield from _served(request.param, tmp_path)


@pytest.fixture
def webdav(tmp_path: Path) -> Iterator[Served]:
    yield from _served("webdav", tmp_path)


def _served(protocol: str, tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "served"
    server = rclone_serve(protocol, folder)
    (folder / "lab").mkdir()
    with server, Proxy(server.port) as proxy:
        url = remote_url(protocol, proxy.port, "lab/churn")
        yield Served(opened(url, **remote_environ(protocol)), folder / "lab/churn", server, proxy)


def written(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_a_small_file_is_written_read_and_replaced(served: Served) -> None:
    served.store.put("sweeps/s/plan.json", b"one")
    assert served.store.get("sweeps/s/plan.json") == b"one"
    served.store.put("sweeps/s/plan.json", b"two")
    assert served.store.get("sweeps/s/plan.json") == b"two"
    assert (served.folder / "sweeps/s/plan.json").read_bytes() == b"two"


def test_a_file_of_the_same_size_is_replaced_too(webdav: Served) -> None:
    for content in (b"one", b"two", b"six"):
        webdav.store.put("x", content)
        assert webdav.store.get("x") == content


def test_a_file_that_is_not_there_is_told(served: Served) -> None:
    assert served.store.head("sweeps/none") is None
    with pytest.raises(MissingFileError, match="no such file"):
        served.store.get("sweeps/none")
    served.store.delete("sweeps/none")


def test_an_empty_store_lists_nothing(served: Served) -> None:
    assert list(served.store.entries()) == []
    assert served.store.level("") == ([], [])
    assert served.store.level("sweeps/s/") == ([], [])


def test_files_are_listed_in_order_after_a_name_and_by_level(served: Served) -> None:
    for name in ("j/a/2", "j/a/10", "j/b/1", "jam", "ä", "j/é ü,'x"):
        served.store.put(name, name.encode())
    names = [entry.name for entry in served.store.entries()]
    assert names == sorted(["j/a/2", "j/a/10", "j/b/1", "jam", "ä", "j/é ü,'x"], key=str.encode)
    assert [entry.name for entry in served.store.entries("j/a/")] == ["j/a/10", "j/a/2"]
    assert [entry.name for entry in served.store.entries("j/", "j/a/10")] == [
        "j/a/2", "j/b/1", "j/é ü,'x",
    ]  # fmt: skip
    assert [entry.name for entry in served.store.entries("ja")] == ["jam"]
    top = served.store.level("")
    assert ([entry.name for entry in top.files], top.folders) == (["jam", "ä"], ["j"])
    assert served.store.level("j/").folders == ["a", "b"]
    assert [entry.name for entry in served.store.level("j/a/").files] == ["j/a/10", "j/a/2"]


def test_a_changed_file_has_another_size_or_token(served: Served) -> None:
    served.store.put("x", b"one")
    (before,) = served.store.entries()
    assert served.store.head("x") == before
    served.store.put("x", b"longer")
    (after,) = served.store.entries()
    assert after != before


def test_many_files_travel_both_ways(served: Served, tmp_path: Path) -> None:
    names = [f"journal/w{number % 3}/{number}.jsonl" for number in range(30)]
    source = written(tmp_path / "source", **{name.replace("/", "__"): name for name in names})
    up: list[str] = []
    served.store.upload(source, [*names, "journal/gone"], up.append)
    assert sorted(up) == sorted(names)
    down: list[str] = []
    served.store.download([*names, "journal/gone"], tmp_path / "target", down.append)
    assert sorted(down) == sorted(names)
    assert {name: (tmp_path / "target" / name).read_text() for name in names} == {
        name: name for name in names
    }


def test_a_second_create_is_refused_if_the_first_is_seen(served: Served) -> None:
    assert not served.store.may_refuse
    assert served.store.create("claims/1", b"ana")
    assert not served.store.create("claims/1", b"ben")
    assert served.store.create("claims/1", b"ana"), "a try whose answer was lost"
    assert served.store.get("claims/1") == b"ana"


def test_a_test_file_is_removed(served: Served) -> None:
    served.store.put("probe", b"x")
    served.store.delete("probe")
    assert served.store.head("probe") is None


def test_half_an_upload_is_no_file_and_the_next_try_writes_it(
    served: Served, tmp_path: Path
) -> None:
    size = 3_000_000
    source = written(tmp_path / "source", big="x" * size, small="y")
    served.store.put("first", b"")
    served.proxy.cut_after = 1_000_000
    arrived: list[str] = []
    with pytest.raises(UnreachableError):
        served.store.upload(source, ["big", "small"], arrived.append)
    assert served.proxy.cuts
    assert arrived == ["small"]
    served.proxy.cut_after = None
    assert [entry.name for entry in served.store.entries()] == ["first", "small"]
    served.store.upload(source, ["big"], arrived.append)
    assert {entry.name: entry.size for entry in served.store.entries()} == {
        "big": size, "first": 0, "small": 1,
    }  # fmt: skip


def test_a_file_is_not_listed_while_it_is_uploaded(served: Served, tmp_path: Path) -> None:
    source = written(tmp_path / "source", big="x" * 20_000_000)
    uploading = subprocess.Popen(
        [sys.executable, "-c", _UPLOAD, served.store.url, str(source)],
        env={**os.environ, **served.store._rclone._environ},
    )
    seen = set()
    while uploading.poll() is None:
        seen |= {(entry.name, entry.size) for entry in served.store.entries()}
    assert uploading.returncode == 0
    assert seen <= {("big", 20_000_000)}


_UPLOAD = """
import os, sys, pathlib
from colabctl.remote.store import parse_url
from colabctl.remote.stores.rclone import RcloneStore
store = RcloneStore(parse_url(sys.argv[1]), os.environ)
store.upload(pathlib.Path(sys.argv[2]), ["big"], print)
"""


@pytest.mark.slow
def test_a_server_that_was_killed_is_told_and_used_again(served: Served) -> None:
    served.store.put("x", b"one")
    served.server.kill()
    with pytest.raises(UnreachableError, match=r"does not answer|does not work now"):
        served.store.put("y", b"two")
    served.server.start()
    served.store.put("y", b"two")
    assert [entry.name for entry in served.store.entries()] == ["x", "y"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_refusal_that_passes_is_tried_again(webdav: Served, status: int) -> None:
    webdav.store.put("x", b"one")
    webdav.proxy.refuse(status, times=2)
    webdav.store.put("y", b"two")
    assert webdav.proxy.refused == 2
    assert webdav.store.get("y") == b"two"


def test_a_slow_server_is_waited_for(webdav: Served) -> None:
    webdav.store.put("x", b"one")
    webdav.proxy.delay = 0.3
    assert [entry.name for entry in webdav.store.entries()] == ["x"]


def test_wrong_and_expired_credentials_name_the_variables_and_never_the_password(
    served: Served,
) -> None:
    served.store.put("x", b"one")
    environ = dict(served.store._rclone._environ)
    for key in environ:
        if key.endswith(("_PASS", "_SECRET_ACCESS_KEY")):
            environ[key] = environ[key][::-1] if "SECRET" in key else remote_wrong()
    wrong = RcloneStore(parse_url(served.store.url), environ)
    with pytest.raises(CredentialsError, match="RCLONE_WEBDAV_PASS") as caught:
        list(wrong.entries())
    assert "correct horse" not in str(caught.value)


def remote_wrong() -> str:
    return "sOoEJ4V9teUlmpHT1fxEaTCntsq5sw"  # another password, as rclone obscures it


def test_credentials_that_expire_in_the_middle_are_told(webdav: Served) -> None:
    webdav.store.put("x", b"one")
    webdav.proxy.refuse(401, times=50)
    with pytest.raises(CredentialsError):
        webdav.store.put("y", b"two")


def test_a_server_that_is_full_is_told(webdav: Served) -> None:
    webdav.store.put("x", b"one")
    webdav.proxy.refuse(507, 50, "Insufficient Storage")
    with pytest.raises(StoreError, match="no space left"):
        webdav.store.put("y", b"two")


def test_an_unknown_remote_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingStoreError, match=r"no remote named lab; rclone listremotes"):
        list(opened("rclone:lab:churn").entries())


def test_an_unknown_kind_of_remote_is_named() -> None:
    with pytest.raises(MissingStoreError, match="no kind of remote named clouds"):
        list(opened("rclone::clouds,x=1:churn").entries())


def test_a_remote_of_the_configuration_works(webdav: Served, tmp_path: Path) -> None:
    config = tmp_path / "rclone.conf"
    environ = webdav.store._rclone._environ
    url = f"http://127.0.0.1:{webdav.proxy.port}"
    config.write_text(
        f"[lab]\ntype = webdav\nurl = {url}\nuser = {environ['RCLONE_WEBDAV_USER']}\n"
        f"pass = {environ['RCLONE_WEBDAV_PASS']}\n[locked]\ntype = crypt\nremote = lab:lab/secret\n"
        f"password = {environ['RCLONE_WEBDAV_PASS']}\n"
    )
    plain = opened("rclone:lab:lab/churn", RCLONE_CONFIG=str(config))
    plain.put("x", b"one")
    assert plain.get("x") == b"one"
    locked = opened("rclone:locked:churn", RCLONE_CONFIG=str(config))
    locked.put("x", b"one")
    assert [entry.name for entry in locked.entries()] == ["x"]


def test_a_configuration_with_a_password_is_told_and_asks_nothing(tmp_path: Path) -> None:
    config = tmp_path / "rclone.conf"
    config.write_text("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA\n")
    with pytest.raises(StoreError, match=r"rclone config|RCLONE_CONFIG_PASS"):
        list(opened("rclone:lab:churn", RCLONE_CONFIG=str(config)).entries())


def test_a_url_that_starts_a_program_is_refused(tmp_path: Path) -> None:
    for option in ("ssh='sh -c date'", "override.ssh=date", "sha1sum_command=date"):
        with pytest.raises(UserError, match="starts a program"):
            opened(f"rclone::sftp,host=h,{option}:churn")


def test_a_missing_rclone_is_told_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(
        StoreError, match=r"not installed.*pip install -U 'colabctl-drive\[rclone\]'"
    ):
        list(opened("rclone:lab:churn", PATH=str(tmp_path)).entries())


def test_an_old_rclone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    _script(tmp_path / "rclone", _OLD)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with pytest.raises(StoreError, match=r"rclone 1\.60\.1 is too old; colabctl needs 1\.65"):
        list(opened("rclone:lab:churn", PATH=path).entries())


def test_an_rclone_that_does_not_start_is_told_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    _script(tmp_path / "rclone", "#!/bin/sh\necho 'wrong architecture' >&2\nexit 1\n")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with pytest.raises(StoreError, match="rclone does not start: wrong architecture"):
        list(opened("rclone:lab:churn", PATH=path).entries())


# Answers as rclone 1.60 does, by Python's own server of HTTP.
_OLD = f"""#!{sys.executable}
import http.server, sys
class Old(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = b'{{"decomposed": [1, 60, 1]}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Old)
print(f"NOTICE: Serving remote control on http://127.0.0.1:{{server.server_port}}/",
      file=sys.stderr, flush=True)
import threading; threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""


def _script(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_rclone_ends_with_a_process_that_is_killed(webdav: Served) -> None:
    killed = subprocess.Popen(
        [sys.executable, "-c", _HOLD, webdav.store.url],
        env={**os.environ, **webdav.store._rclone._environ}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert killed.stdout is not None
    pid = int(killed.stdout.readline())
    assert _is_running(pid)
    killed.kill()
    killed.communicate()
    until(lambda: not _is_running(pid), "the end of rclone")


_HOLD = """
import os, sys, time
from colabctl.remote.store import parse_url
from colabctl.remote.stores.rclone import RcloneStore
store = RcloneStore(parse_url(sys.argv[1]), os.environ)
store.put("x", b"one")
print(store._rclone._process.pid, flush=True)
time.sleep(600)
"""


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat_file = Path(f"/proc/{pid}/stat")
    return not stat_file.exists() or stat_file.read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_rclone_that_was_killed_is_started_again(webdav: Served) -> None:
    webdav.store.put("x", b"one")
    process = webdav.store._rclone._process
    assert process is not None
    process.kill()
    process.wait()
    assert webdav.store.get("x") == b"one"
