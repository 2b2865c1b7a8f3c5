"""Messages about a sweep, as a web server receives them."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.processes import Project, end, end_together, until

SWEEP = """\
method: grid
program: train.py
metric: {name: y, goal: minimize}
max_retries: 0
parameters: {x: {values: [0, 1, 2, 3]}}
"""
TRAIN = """\
import os, time, pathlib, colabctl
with colabctl.task() as task:
    x = task.params["x"]
    assert x != FAILS, "no data"
    while not pathlib.Path(os.environ["COLABCTL_ROOT"], "go").exists():
        time.sleep(0.05)
    task.done(y=x / 4)
"""


@dataclass
class Server:
    """What a server received: paths, types and bodies."""

    port: int
    status: int = 200
    moved: str = ""  # path to which it redirects
    received: list[tuple[str, str, str]] = field(default_factory=list)

    def url(self, path: str = "/topic") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.received]


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            it.received.append((self.path, self.headers["Content-Type"], body))
            moved = it.moved and self.path != it.moved
            self.send_response(it.status if moved or not it.moved else 200)
            if moved:
                self.send_header("Location", it.moved)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        it = Server(listening.server_port)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield it
        listening.shutdown()
        thread.join()


Prepare = Callable[..., None]


@pytest.fixture
def prepare(project: Project) -> Prepare:
    def prepare(fails: int = -1, *, go: bool = True, more: str = "") -> None:
        project.write("train.py", TRAIN.replace("FAILS", str(fails)))
        project.declare("s", SWEEP + more)
        config = project.root / "colabctl.yaml"
        config.write_text(config.read_text() + "notify: {url: NOTIFY_URL}\n")
        if go:
            (project.root / "go").touch()

    return prepare


def test_a_finished_sweep_is_told_once(project: Project, prepare: Prepare, server: Server) -> None:
    prepare(go=False)
    environ = {"NOTIFY_URL": server.url()}
    workers = [project.start("work", "s", **environ) for _ in range(3)]
    until(lambda: project.status("s")["running"] == 3)
    (project.root / "go").touch()
    end_together(workers)
    assert project.run("work", "s", **environ).code == 0
    assert server.received == [
        (
            "/topic",
            "text/plain; charset=utf-8",
            "s is finished: 4 done, 0 failed. Best y 0 in t000000 (x=0).",
        )
    ]


def test_the_first_task_that_fails_for_good_is_told(
    project: Project, prepare: Prepare, server: Server
) -> None:
    prepare(fails=2)
    worked = project.run("work", "s", NOTIFY_URL=server.url())
    assert worked.code == 1
    failing, finished = sorted(server.texts, key=len, reverse=True)
    assert failing.startswith("s: t000002 failed for good: ")
    assert "no data" in failing
    assert "colabctl failures s" in failing
    assert finished.startswith("s is finished: 3 done, 1 failed. Best y 0 ")


def test_a_sweep_without_workers_is_told_and_again_after_the_next_one(
    project: Project, prepare: Prepare, server: Server
) -> None:
    prepare()
    project.run("work", "s", "--max-tasks", "1", NOTIFY_URL=server.url())
    project.run("work", "s", "--max-tasks", "2", NOTIFY_URL=server.url())
    assert server.texts == [
        f"s has no workers any more, and {left} left ({done} done, 0 failed). "
        "Start one: colabctl work s"
        for left, done in (("3 of 4 tasks are", 1), ("1 of 4 tasks is", 3))
    ]


def test_an_interrupted_worker_says_that_it_was_the_last(
    project: Project, prepare: Prepare, server: Server
) -> None:
    prepare(go=False)
    worker = project.start("work", "s", NOTIFY_URL=server.url())
    until(lambda: project.status("s")["running"] == 1)
    worker.send_signal(signal.SIGINT)
    end(worker)
    [text] = server.texts
    assert "4 of 4 tasks are left" in text


def test_a_paused_sweep_needs_no_workers(
    project: Project, prepare: Prepare, server: Server
) -> None:
    prepare()
    project.run("pause", "s")
    project.run("work", "s", "--no-wait", NOTIFY_URL=server.url())
    assert server.texts == []


def test_the_sweep_chooses_its_own_occasions(
    project: Project, prepare: Prepare, server: Server
) -> None:
    prepare(fails=2, more="notify: {url: OTHER, on: [failing]}\n")
    project.run("work", "s", NOTIFY_URL=server.url("/project"), OTHER=server.url("/sweep"))
    [(path, _, text)] = server.received
    assert (path, "failed for good" in text) == ("/sweep", True)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/services/T0/B0/x", "text"),
        ("/api/webhooks/1/x", "content"),
        ("/bot1:x/sendMessage?chat_id=1", "text"),
    ],
)
def test_slack_discord_and_telegram_get_json(
    project: Project, prepare: Prepare, server: Server, path: str, key: str
) -> None:
    prepare()
    project.run("work", "s", NOTIFY_URL=server.url(path))
    [(received, form, text)] = server.received
    assert (received, form) == (path, "application/json")
    assert json.loads(text)[key].startswith("s is finished")


def test_a_loop_sends_messages_too(project: Project, server: Server) -> None:
    config = project.root / "colabctl.yaml"
    config.write_text(config.read_text() + "notify: {url: NOTIFY_URL}\n")
    program = (
        "import colabctl\n"
        "sweep = colabctl.open().sweep('s', {'x': [1, 2]})\n"
        "for task in sweep.tasks():\n    with task: task.done(y=1)\n"
    )
    assert project.python(program, NOTIFY_URL=server.url()).code == 0
    assert server.texts == ["s is finished: 2 done, 0 failed."]


def test_an_address_that_does_not_work_is_a_note_and_stays_secret(
    project: Project, prepare: Prepare, server: Server
) -> None:
    prepare()
    server.status = 403
    url = server.url("/topic-of-ana")
    worked = project.run("work", "s", NOTIFY_URL=url)
    assert worked.code == 0
    note = "note: the message that it is finished could not be sent: the server answered 403"
    assert note in worked.err
    assert "topic-of-ana" not in worked.err + worked.out
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert not [path for path in files if b"topic-of-ana" in path.read_bytes()]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "is not in the environment"),
        ("ana@example.org", "is not a web address (https://...)"),
        ("file:///etc/passwd", "is not a web address (https://...)"),
        ("https://", "is not a web address (https://...)"),
        ("http://[", "is not a web address"),
    ],
)
def test_a_missing_or_wrong_address_is_named_once_by_its_secret(
    project: Project, prepare: Prepare, url: str, fault: str
) -> None:
    prepare()
    worked = project.run("work", "s", NOTIFY_URL=url)
    assert worked.code == 0
    assert worked.err.count(f"note: NOTIFY_URL {fault}, so no messages are sent") == 1


def test_a_missing_address_is_named_once_for_all_sweeps(project: Project, prepare: Prepare) -> None:
    prepare()
    project.declare("other", SWEEP)
    worked = project.run("work")
    assert worked.code == 0
    assert worked.err.count("NOTIFY_URL is not in the environment") == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{url: https://ntfy.sh/ana}", "is not the name of a secret"),
        ("{on: [idle]}", "has no url"),
        ("{url: U, on: [done]}", "has 'done'; choose from finished, failing, idle"),
        ("{url: U, on: []}", "is empty; choose from finished, failing, idle"),
        ("{url: U, at: noon}", "is an unknown key"),
        ("U", "must be a map"),
    ],
)
def test_a_faulty_setting_is_named_where_it_is(project: Project, text: str, fault: str) -> None:
    config = project.root / "colabctl.yaml"
    config.write_text(config.read_text() + f"notify: {text}\n")
    answer = project.run("status")
    assert answer.code == 1
    assert fault in answer.err
    assert "colabctl.yaml" in answer.err
    assert "ntfy.sh" not in answer.err


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{url: https://ntfy.sh/ana}", "is not the name of a secret"),
        ("{on: [idle]}", "has no url"),
        ("{url: U, on: [done]}", "has 'done'; choose from finished, failing, idle"),
        ("U", "must be a map"),
    ],
)
def test_a_faulty_key_of_a_sweep_is_named_where_it_is(
    project: Project, text: str, fault: str
) -> None:
    project.write("s.yaml", f"{SWEEP}notify: {text}\n")
    project.write("train.py", "")
    answer = project.run("sweep", "s.yaml")
    assert answer.code == 1
    assert fault in answer.err
    assert "ntfy.sh" not in answer.err


def test_the_environment_can_set_it(project: Project, prepare: Prepare, server: Server) -> None:
    prepare(more="")
    setting = {"COLABCTL_NOTIFY": "url=OTHER,on=failing idle", "OTHER": server.url()}
    assert project.run("work", "s", **setting).code == 0
    assert server.texts == []


def test_wrong_dates_of_others_neither_repeat_nor_suppress_a_message(
    project: Project, prepare: Prepare, server: Server
) -> None:
    prepare()
    outcome = {"event": "done", "attempt": 1, "t": 4.0e9}
    project.journal("s", {**outcome, "task": 0}, {**outcome, "task": 1}, writer="rich")
    workers = [project.start("work", "s", NOTIFY_URL=server.url()) for _ in range(3)]
    end_together(workers)
    assert len(server.texts) == 1
    notice = {"event": "notice", "about": "finished", "t": 4.0e9}
    project.journal("s", notice, writer="zoe")
    assert project.run("discard", "s", "--task", "t000003", "--yes").code == 0
    project.run("work", "s", NOTIFY_URL=server.url())
    assert len(server.texts) == 2


@pytest.mark.parametrize(("status", "sent"), [(302, False), (301, False), (307, True), (308, True)])
def test_a_redirect_gets_the_text_or_is_a_note(
    project: Project, prepare: Prepare, server: Server, status: int, *, sent: bool
) -> None:
    prepare()
    server.status, server.moved = status, "/new"
    worked = project.run("work", "s", NOTIFY_URL=server.url("/old"))
    assert [path for path, _, _ in server.received] == ["/old", "/new"][: 1 + sent]
    assert (f"the server answered {status}" in worked.err) != sent
    assert all(text.startswith("s is finished") for text in server.texts)


def test_no_text_mentions_all_members_of_a_channel(
    project: Project, prepare: Prepare, server: Server
) -> None:
    project.write("train.py", "raise ValueError('<!channel> & @everyone')\n")
    project.declare("s", SWEEP)
    environ = {"COLABCTL_NOTIFY": "url=URL,on=failing"}
    project.run("work", "s", "--max-tasks", "1", **environ, URL=server.url("/services/T/B/x"))
    assert "&lt;!channel&gt; &amp;" in json.loads(server.texts[0])["text"]
    project.declare("d", SWEEP)
    project.run("work", "d", "--max-tasks", "1", **environ, URL=server.url("/api/webhooks/1/x"))
    assert json.loads(server.texts[1])["allowed_mentions"] == {"parse": []}
