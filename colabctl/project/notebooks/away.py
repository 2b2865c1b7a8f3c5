"""Where a worker without the Drive finds its project, and the code that it starts with."""

from dataclasses import dataclass

from colabctl.project.notebooks import bootstrap, from_store
from colabctl.project.notebooks.rendering import constants, import_lines, quoted, source_of
from colabctl.project.notebooks.wheel import wheel
from colabctl.project.notebooks.worker import Job


@dataclass(frozen=True)
class Away:
    """A worker on a machine that reaches the project through its store.

    Attributes:
        url: of the store.
        seconds: how long the machine may run; the work ends earlier, so that all is uploaded.
        secrets: names of environment variables that it needs: the store's credentials, and the
            project's secrets.
        optional: names of those that may be missing.

    """

    project: str
    member: str
    url: str
    seconds: int
    secrets: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def settings(job: Job, away: Away) -> str:
    """Return the code that comes first: what to work on, and the clock."""
    own = wheel()
    names = constants(
        PROJECT=away.project,
        SWEEP=job.sweep,
        MEMBER=away.member,
        DIGEST=job.digest,
        STORE=away.url,
        WHEEL=own.name,
        SHA256=own.digest,
    )
    clock = f"SECONDS = {away.seconds}\nSTARTED = time.time()"
    return f"{bootstrap.OWN_PATH}\n\nimport time\n\n{names}\n{clock}"


def secrets(away: Away) -> str:
    """Return the code that reads Kaggle's secrets into the environment."""
    needed, optional = (
        "[" + ", ".join(map(quoted, names)) + "]" for names in (away.secrets, away.optional)
    )
    return (
        f"{source_of(from_store.read_kaggle_secrets)}\n\nread_kaggle_secrets({needed}, {optional})"
    )


def imports() -> str:
    """Return the imports of all functions, and their exception."""
    own = [line for line in import_lines(from_store).splitlines() if "colabctl" not in line]
    both = dict.fromkeys((*import_lines(bootstrap).splitlines(), *own))
    return "\n".join(both) + f"\n\n{source_of(bootstrap.NotebookError)}"


def install() -> str:
    """Return the code that installs colabctl from the store."""
    parts = (
        from_store.keep_rclone_config,
        from_store.pip_install,
        from_store.download,
        bootstrap.fetch,
        bootstrap.install,
    )
    return (
        f"{source_of(*parts)}\n\nkeep_rclone_config()\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    install(WHEEL, SHA256, iter([[download(STORE, WHEEL, SHA256, Path(folder))]]))"
    )


CLONE = """\
root = globals().get("root") or Path(tempfile.mkdtemp(prefix="colabctl-"), "project")
os.environ["COLABCTL_ROOT"] = str(root)
if not (root / "colabctl.yaml").exists() and run_colabctl("clone", STORE, str(root)):
    raise NotebookError(f"the project cannot be cloned from {STORE}; the lines above say why")"""

WORK = """\
from colabctl.run.slots.environment import gpus

slots = max(1, len(gpus(os.environ)))  # each slot gets a GPU of its own
options = ["--member", MEMBER, "--trust-digest", DIGEST, "-j", str(slots)]
exit_code = run_colabctl("work", SWEEP, *options, "--max-time", seconds_left(STARTED, SECONDS))"""

UPLOAD = """\
if run_colabctl("sync"):
    raise NotebookError("not all was uploaded; run this again before the machine goes")
if exit_code:
    raise NotebookError(f"colabctl work ended with exit code {exit_code}; its lines say why")"""


def running() -> str:
    """Return the functions that run colabctl's commands."""
    return source_of(from_store.run_colabctl, from_store.seconds_left)
