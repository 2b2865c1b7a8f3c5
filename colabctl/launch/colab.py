"""Starts sessions of one's own account with Google's command line for Colab, and follows them."""

import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from colabctl.errors import UserError, nearest
from colabctl.launch.tools import Tool, ask
from colabctl.project.notebooks import away as code
from colabctl.project.notebooks.away import Away
from colabctl.project.notebooks.worker import Job, check_version
from colabctl.signals import Interruption, setting

COLAB = Tool(
    "colab",
    "Google",
    "with Python 3.12 or newer, run uv tool install google-colab-cli, or pipx install "
    "google-colab-cli; nothing was started",
)
GPUS = ("T4", "L4", "G4", "A100", "H100")  # of google-colab-cli 0.7.5; it takes others for A100
MOST_HOURS = 24.0  # of a session, on the largest plan
_REFUSED = "Allocation refused"  # the words for HTTP status 412
_LOOK = 0.2  # seconds between two looks for Ctrl-C


def find_gpu(name: str) -> str:
    """Return a GPU's name as `colab run --gpu` takes it; raise UserError for an unknown one."""
    by_fold = {each.casefold(): each for each in GPUS}
    if name.casefold() not in by_fold:
        close = nearest(name, GPUS, cutoff=0.4)
        guess = f"did you mean {close}? " if close else ""
        raise UserError(f"--gpu {name!r} is unknown; {guess}there are {', '.join(GPUS)}")
    return by_fold[name.casefold()]


def script(job: Job, away: Away, environ: Mapping[str, str]) -> str:
    """Return the script that a session runs; it sets the secrets that `away` names.

    Raises UserError for a secret that is missing in `environ`, and for a sweep that was declared
    with another version of colabctl.
    """
    check_version(job)
    missing = [name for name in away.secrets if not environ.get(name)]
    if missing:
        raise UserError(
            f"not in the environment: {', '.join(missing)}; set them here, and each session gets "
            "them: Colab's own secrets need its web page"
        )
    values = {name: environ[name] for name in (*away.secrets, *away.optional) if environ.get(name)}
    parts = (
        code.settings(job, away),
        f"os.environ.update({values!r})",
        code.imports(),
        code.install(),
        code.running(),
        code.CLONE,
        code.WORK,
        code.UPLOAD,
    )
    return "\n\n".join(parts) + "\n"


def run_arguments(name: str, gpu: str | None, seconds: int, path: Path | str) -> list[str]:
    """Return the arguments of `colab` that start a session, run a script there and end it."""
    machine = ["--gpu", gpu] if gpu else []
    return ["run", "-s", name, *machine, "--timeout", str(seconds), str(path)]


def balance() -> str:
    """Return what `colab usage` prints, or why it prints nothing."""
    answer = ask(COLAB, ["usage"])
    return f"not known: {answer.text}" if answer.code else answer.text


@dataclass
class Session:
    """A session that was started: its process here, and what it said."""

    name: str
    process: "subprocess.Popen[str]"
    refused: bool = False
    reader: threading.Thread = field(init=False)

    def follow(self, tell: Callable[[str], None]) -> None:
        """Tell each line that the process prints, from a thread of its own."""

        def read() -> None:
            for line in self.process.stdout or ():
                self.refused |= _REFUSED in line
                tell(f"{self.name}: {line.rstrip()}")
            self.process.wait()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()


def start(arguments: Mapping[str, Sequence[str]], tell: Callable[[str], None]) -> list[Session]:
    """Start `colab` for each session, by its name; Ctrl-C reaches this process alone."""
    program = COLAB.path()
    sessions = []
    for name, words in arguments.items():
        process = subprocess.Popen(  # noqa: S603 - the tool that the user asks for
            [program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        session = Session(name, process)
        session.follow(tell)
        sessions.append(session)
    return sessions


def wait(sessions: Sequence[Session], tell: Callable[[str], None]) -> Interruption:
    """Wait until all sessions have ended; Ctrl-C ends them, and a second one leaves at once."""
    interrupted = Interruption()
    ending = False
    with setting(interrupted):
        while running := [each for each in sessions if each.reader.is_alive()]:
            if interrupted.is_set() and not ending:
                ending = True
                tell("ending the sessions; their claimed tasks become free when their lease ends")
                for each in running:
                    each.process.send_signal(signal.SIGINT)
            running[0].reader.join(_LOOK)
    return interrupted


def shown(arguments: Sequence[str]) -> str:
    """Return a command line as a person types it."""
    return shlex.join([COLAB.name, *arguments])
