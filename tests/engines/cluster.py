"""A real SLURM cluster on this machine, of this user alone: munged, slurmctld and one slurmd."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import processes_with, until

_SBIN = "/usr/sbin:/sbin"  # which is not on the PATH of an ordinary user
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
_SETTINGS = ("SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_", "SINFO_")  # of the user, for commands
_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,default_queue_depth=500,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
InactiveLimit=0
MinJobAge=60
SlurmdTimeout={slurmd_timeout}
MaxArraySize={max_array}
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=batch Nodes={host} Default=YES DefaultTime=60 MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


@dataclass
class Cluster:
    """A cluster that runs, and the environment in which its commands find it."""

    folder: Path
    environ: Mapping[str, str]
    daemons: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def run(self, *command: str) -> str:
        """Run one of SLURM's commands, which must succeed, and return what it prints."""
        ended = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, (command, ended.stderr)
        return ended.stdout

    def jobs(self, form: str = "%i|%T|%r") -> list[str]:
        """Return a line for each pending or running pilot."""
        return self.run("squeue", "-h", "-r", "-o", form).split("\n")[:-1]

    def start_again(self, job: str) -> None:
        """Let a requeued job start in 3 s; SLURM itself lets it wait for two minutes.

        SLURM refuses a job that starts in the second of its requeue.
        """
        self.run("scontrol", "update", f"JobId={job}", "StartTime=now+3")

    def until_jobs(self, condition: Callable[[Sequence[str]], bool], what: str) -> None:
        """Wait until the pending and running pilots, a line for each, are as a condition says."""

        def look() -> bool:
            time.sleep(0.1)  # each look is a process, which slows down what it looks at
            return condition(self.jobs())

        until(look, what)

    def start_daemon(self, name: str) -> None:
        """Start slurmctld or slurmd."""
        more = ["-N", socket.gethostname()] if name == "slurmd" else []
        self._start(name, name, "-D", "-f", self.environ["SLURM_CONF"], *more)

    def start(self) -> bool:
        """Start everything, and wait until the node is idle; return False if a port was taken."""
        at = self.folder
        self._start(
            "munged", "munged", "--foreground", "--force", f"--key-file={at}/munge.key",
            f"--socket={at}/munge.socket", f"--pid-file={at}/munged.pid",
            f"--log-file={at}/munged.log", f"--seed-file={at}/munged.seed", "--num-threads=2",
        )  # fmt: skip
        until((at / "munge.socket").exists, "munged")
        self.start_daemon("slurmctld")
        self.start_daemon("slurmd")
        until(lambda: self._ended() or self.node() == "idle", f"an idle node ({at})")
        if not (ended := self._ended()):
            return True
        said = (at / f"{ended[0]}.out").read_text()
        assert "Address already in use" in said, said
        return False

    def node(self) -> str:
        """Return the state of the node; "" if the cluster does not answer."""
        try:
            ended = subprocess.run(
                ["sinfo", "-h", "-N", "-o", "%t", "-p", "batch"],
                env=self.environ, capture_output=True, text=True, timeout=2, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
        return ended.stdout.strip()

    def _ended(self) -> list[str]:
        return [name for name, process in self.daemons.items() if process.poll() is not None]

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],  # it must not outlive this process
                env=self.environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill a daemon, and nothing that it has started."""
        process = self.daemons.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def kill_node(self) -> None:
        """Kill slurmd, and all that it has started."""
        self.kill("slurmd")
        self._kill_jobs()

    def stop(self) -> None:
        """Kill all daemons, and all that they have started."""
        for name in reversed(list(self.daemons)):
            self.kill(name)
        self._kill_jobs()

    def _kill_jobs(self) -> None:
        """Kill what the daemons have started, but not those that run, nor what belongs to them."""
        sessions = {process.pid for process in self.daemons.values()}
        for pid in processes_with(f"SLURM_CONF={self.environ['SLURM_CONF']}"):
            with suppress(ProcessLookupError):
                if os.getsid(pid) not in sessions:
                    os.kill(pid, signal.SIGKILL)


def why_not() -> str | None:
    """Return why there can be no cluster here; None if there can be one."""
    path = f"{os.environ.get('PATH', '')}:{_SBIN}"
    lacking = [program for program in _PROGRAMS if shutil.which(program, path=path) is None]
    if not lacking:
        return None
    return f"needs {', '.join(lacking)}: apt-get install slurmctld slurmd munge slurm-client"


@contextmanager
def cluster(cpus: int = 4, slurmd_timeout: int = 10, max_array: int = 1001) -> Iterator[Cluster]:
    """Run a cluster; where SLURM is missing or cannot run, skip the test, but fail if CI is set."""
    if why := why_not():
        assert "CI" not in os.environ, why
        pytest.skip(why)
    options = {"cpus": cpus, "slurmd_timeout": slurmd_timeout, "max_array": max_array}
    with ExitStack() as stack:
        try:
            running = next(filter(None, (_started(stack, options) for _ in range(3))), None)
            assert running is not None, "each time, another process took a port of the cluster"
        except AssertionError as error:
            if "CI" in os.environ:
                raise
            pytest.skip(f"SLURM does not start here: {error}")
        yield running


def _started(stack: ExitStack, options: Mapping[str, int]) -> Cluster | None:
    """Start a cluster with everything in a folder of its own; return None if a port was taken."""
    # Not in pytest's folder: the path of a socket is short.
    folder = Path(stack.enter_context(
        tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp", ignore_cleanup_errors=True)
    ))  # fmt: skip
    folder.chmod(0o755)  # the commands of other users read the configuration, and use the socket
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").touch(0o600)
    (folder / "munge.key").write_bytes(os.urandom(128))
    conf = folder / "slurm.conf"
    conf.write_text(_CONF.format(
        host=socket.gethostname().partition(".")[0], ports=_free_ports(), user=getpass.getuser(),
        folder=folder, **options,
    ))  # fmt: skip
    own = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    running = Cluster(
        folder, {**own, "SLURM_CONF": str(conf), "PATH": f"{os.environ['PATH']}:{_SBIN}"}
    )
    stack.callback(running.stop)
    return running if running.start() else None


def _free_ports() -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
