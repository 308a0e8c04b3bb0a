"""A Slurm of its own on loopback: munge, one controller, two nodes; nothing outside its folder is touched."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

PACKAGES = ("slurm-wlm", "munge")
NODES = ("n1", "n2")
CPUS_OF_A_NODE = 1
DAEMONS = ("slurmctld", "slurmd")
# Two cores shared with a build may need long for what takes a second otherwise.
PATIENCE_S = 180.0

CONFIGURATION = """\
ClusterName=retally
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits this long, in seconds, before it may start again (120 by default).
AuthInfo=socket={munge_socket},cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
# The defaults wait for clusters of thousands; here a minute is half the test.
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=1,bf_interval=1,requeue_setup_env_fail
ReturnToService=2
JobRequeue=1
# A job that asks for a requeue or runs into its limit gets this long between SIGTERM and SIGKILL.
KillWait=120
# Jobs are warned of their limit and go themselves; passing it does not end them at once.
OverTimeLimit=5
MinJobAge=3600
SlurmctldTimeout=300
SlurmdTimeout=300
# The nodes say that they have this many processors, whatever the machine has.
SlurmdParameters=config_overrides
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class ClusterError(Exception):
    """The cluster cannot be had, with what to do about it."""


def require_root() -> None:
    """munge and the nodes of a cluster start jobs as their owners, which only root may."""
    if os.geteuid() != 0:
        raise ClusterError("only root can start a cluster: run it with sudo, or in a container")


def refuse_beside_another() -> None:
    """Never beside a Slurm that runs already: its users' jobs are not ours to risk."""
    found = [name for name in running_programs() if name in DAEMONS]
    if found:
        raise ClusterError(f"{found[0]} is running on this machine: stop it, or use another machine")


def running_programs() -> list[str]:
    """The name of every process that there is."""
    names = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                names.append((entry / "comm").read_text(encoding="utf-8").strip())
            except OSError:
                continue  # It ended meanwhile.
    return names


def install() -> None:
    """Brings Debian's packages, unless the programs are there; their services are not left running."""
    if all(shutil.which(program, path=search_path()) for program in (*DAEMONS, "munged", "sbatch")):
        return
    if shutil.which("apt-get") is None:
        raise ClusterError(f"install {' and '.join(PACKAGES)}: this machine has no apt-get to do it with")
    print(f"installing {' '.join(PACKAGES)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    was_there = "munged" in running_programs()
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *PACKAGES]):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise ClusterError(f"`{' '.join(command)}` failed:\n{result.stderr.strip()}")
    services = ["slurmctld", "slurmd"] + ([] if was_there else ["munge"])
    if shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", "--now", *services], capture_output=True, check=False)


def search_path() -> str:
    """Daemons are where root looks and others do not."""
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Cluster:
    """Starts on entering, ends on leaving, however it is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.environment: dict[str, str] = os.environ | self.own_variables()

    def own_variables(self) -> dict[str, str]:
        """What commands need to find this cluster and no other."""
        return {"PATH": search_path(), "SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self) -> Cluster:
        """Installs what is missing, and starts."""
        require_root()
        refuse_beside_another()
        install()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends everything that was started."""
        self.stop()

    def run(self, *command: str, check: bool = True) -> str:
        """What a command of the cluster prints."""
        result = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        if check and result.returncode != 0:
            raise ClusterError(f"`{' '.join(command)}` failed: {result.stderr.strip()}")
        return result.stdout.strip()

    def version(self) -> str:
        """`slurm-wlm 22.05.8`."""
        return self.run("sinfo", "--version")

    def _start(self) -> None:
        self._start_munge()
        (self.folder / "state").mkdir()
        for node in NODES:
            (self.folder / f"spool-{node}").mkdir()
        (self.folder / "slurm.conf").write_text(self._configuration(), encoding="utf-8")
        self._daemon("slurmctld", "-D", "-i")
        self._wait_for("the controller", lambda: "is UP" in self.run("scontrol", "ping", check=False))
        for node in NODES:
            self._daemon("slurmd", "-D", "-N", node)
        self._wait_for("the nodes", self._nodes_are_idle)

    def _nodes_are_idle(self) -> bool:
        states = self.run("sinfo", "--noheader", "--Node", "--format=%T", check=False).split()
        return len(states) == len(NODES) and set(states) == {"idle"}

    def _configuration(self) -> str:
        controller_port, *ports = free_ports(1 + len(NODES))
        host = socket.gethostname().split(".")[0]
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS_OF_A_NODE}"
            for node, port in zip(NODES, ports, strict=True)
        )
        return CONFIGURATION.format(
            host=host,
            controller_port=controller_port,
            munge_socket=self.folder / "munge" / "socket",
            folder=self.folder,
            nodes=nodes,
        )

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        # munged refuses a folder that others may write; jobs must reach the socket in it.
        munge.mkdir(mode=0o755)
        key = munge / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        options = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        files = [f"--{option}={munge / name}" for option, name in options.items()]
        self._daemon("munged", "--foreground", "--force", f"--key-file={key}", *files)
        self._wait_for("munge", (munge / "socket").exists)

    def _daemon(self, *command: str) -> None:
        program = shutil.which(command[0], path=search_path())
        if program is None:
            raise ClusterError(f"`{command[0]}` is not on this machine: install {' '.join(PACKAGES)}")
        output = self.folder / f"{len(self.daemons)}-{command[0]}.out"
        with output.open("wb") as file:
            # A group of its own: Ctrl-C must reach the test alone, which then ends the cluster in order.
            self.daemons.append(
                subprocess.Popen(
                    [program, *command[1:]],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            dead = [daemon for daemon in self.daemons if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise ClusterError(f"{what} did not come up:\n{self.logs()}")
            time.sleep(0.2)

    def logs(self) -> str:
        """The end of every log."""
        files = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out"), *self.folder.glob("munge/log")])
        return "\n".join(f"--- {file.name}\n{tail(file)}" for file in files if file.stat().st_size)

    def stop(self) -> None:
        """Ends jobs, then nodes, controller and munge."""
        if len(self.daemons) > 1:
            self._end_jobs()
        for daemon in reversed(self.daemons):
            end(daemon)
        self.daemons.clear()

    def _end_jobs(self) -> None:
        """A process that is held stopped hears no other signal than SIGKILL, and no node kills it once it has ended."""
        deadline = time.monotonic() + 30
        while self.run("squeue", "--noheader", check=False) and time.monotonic() < deadline:
            self.run("scancel", "--quiet", "--full", "--signal=KILL", "--user=root", check=False)
            self.run("scancel", "--quiet", "--user=root", check=False)
            time.sleep(0.5)


def tail(file: Path, lines: int = 15) -> str:
    """The last lines of a file."""
    return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def end(daemon: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL to whoever does not listen."""
    if daemon.poll() is not None:
        return
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(timeout=30)
    except subprocess.TimeoutExpired:
        print(f"{daemon.args!r} did not end on SIGTERM", file=sys.stderr)
        daemon.kill()
        daemon.wait()
