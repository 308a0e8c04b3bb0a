"""Workers of torchrun: by the real one where it is there, and always by a local runner that sets the same variables."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from case import DONE, INVALID, Skipped, expect, expect_code
from cases import SHARDS, Bench, case, expect_noticed
from disturb import hold_in_the_middle
from program import STOPPED, send, state_of, wait_for
from torchrun_agent import PROMISED, Agent, LocalAgent, Node, RealTorchrun

KILLED = 1
# Starts a node of a job: the node, the words of each worker, the name of the log.
Start = Callable[[Node, list[str], str], Agent]


def local(bench: Bench) -> Start:
    """The local runner."""
    return lambda node, command, name: LocalAgent(node, command, bench.program.environment, bench.folder / name)


def real(bench: Bench) -> Start:
    """The real one."""
    program = bench.torchrun
    if program is None:
        raise Skipped("no torchrun on the PATH: name it with --torchrun; the local runner was used instead")
    return lambda node, command, name: RealTorchrun(program, node, command, bench.program.environment, bench.folder / name)


def command(bench: Bench, out: Path) -> list[str]:
    """What each worker runs."""
    return [str(bench.program.binary), *bench.run.arguments(out, "--threads", "1")]


def used(agent: Agent) -> str:
    """Which of the two it was."""
    if isinstance(agent, RealTorchrun):
        return f"torchrun of PyTorch {agent.version()}"
    return agent.name


def free_port() -> int:
    """A port on loopback where the workers' first one may listen."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def is_stopped(pid: int) -> bool:
    """Whether a process stands still."""
    return state_of(pid) in STOPPED


def kill_one(agent: Agent, out: Path) -> None:
    """`kill -9` to one worker between two chunks; the others stand still until then."""
    workers = agent.workers()
    for pid in workers.values():
        send(pid, signal.SIGSTOP)
        wait_for(partial(is_stopped, pid), "a worker to stop")
    hold_in_the_middle(workers[KILLED], out, f"rank {KILLED}", agent.text)
    send(workers[KILLED], signal.SIGKILL)
    for pid in workers.values():
        send(pid, signal.SIGCONT)


def expect_shards(agent: Agent) -> None:
    """Each worker said which shard it is, and who said so."""
    for rank in range(SHARDS):
        line = f"shard {rank + 1}/{SHARDS} (by torchrun)"
        expect(line in agent.text(), f"no worker printed `{line}`:\n{agent.text()}")


def merge(bench: Bench, out: Path) -> str:
    """The merge and the comparison."""
    expect_code(bench.program.run("merge", out), DONE)
    return bench.expect_same_results(out)


def prove_restart(bench: Bench, start: Start, prefix: tuple[str, ...] = ()) -> str:
    """A worker is killed; all start again."""
    out = bench.folder / "out"
    agent = start(Node(SHARDS, restarts=1, port=free_port()), [*prefix, *command(bench, out)], "log")
    kill_one(agent, out)
    code = agent.wait()
    expect(code == 0, f"{agent.name} ended with {code}:\n{agent.text()}")
    expect_shards(agent)
    expect("stopping after the chunk in flight" in agent.text(), f"no other worker was told to stop:\n{agent.text()}")
    return f"{used(agent)}: {merge(bench, out)}"


def prove_again(bench: Bench, start: Start) -> str:
    """A worker is killed, and the job with it; the same command again continues."""
    out = bench.folder / "out"
    agent = start(Node(SHARDS, port=free_port()), command(bench, out), "first")
    kill_one(agent, out)
    expect((code := agent.wait()) == 1, f"{agent.name} ended with {code}, expected 1:\n{agent.text()}")
    expect_code(bench.program.run("status", out), 4)
    agent = start(Node(SHARDS, port=free_port()), command(bench, out), "second")
    expect((code := agent.wait()) == 0, f"{agent.name} ended with {code}:\n{agent.text()}")
    return f"{used(agent)}: {merge(bench, out)}"


def prove_two_nodes(bench: Bench, start: Start) -> str:
    """Two nodes of two workers, one folder."""
    out, port = bench.folder / "out", free_port()
    agents = [start(Node(2, rank=rank, count=2, port=port), command(bench, out), f"node-{rank}") for rank in range(2)]
    for agent in agents:
        expect((code := agent.wait()) == 0, f"{agent.name} ended with {code}:\n{agent.text()}")
    for rank in range(4):
        line = f"shard {rank + 1}/4 (by torchrun)"
        expect(line in agents[rank // 2].text(), f"node {rank // 2} did not print `{line}`:\n{agents[rank // 2].text()}")
    return f"{used(agents[0])}: {merge(bench, out)}"


@case("local runner: five workers, one killed, all started again, merged to the same bytes")
def local_restart(bench: Bench) -> str:
    """`--max-restarts 1`"""
    return prove_restart(bench, local(bench))


@case("torchrun: five workers, one killed, all started again, merged to the same bytes")
def real_restart(bench: Bench) -> str:
    """`--max-restarts 1`"""
    return prove_restart(bench, real(bench))


@case("local runner: five workers, one killed and the job with it, the same command again, merged to the same bytes")
def local_again(bench: Bench) -> str:
    """No restarts, which is the default."""
    return prove_again(bench, local(bench))


@case("torchrun: five workers, one killed and the job with it, the same command again, merged to the same bytes")
def real_again(bench: Bench) -> str:
    """No restarts, which is the default."""
    return prove_again(bench, real(bench))


@case("local runner: two nodes of two workers, merged to the same bytes")
def local_nodes(bench: Bench) -> str:
    """Ranks go on over nodes."""
    return prove_two_nodes(bench, local(bench))


@case("torchrun: two nodes of two workers, merged to the same bytes")
def real_nodes(bench: Bench) -> str:
    """Ranks go on over nodes."""
    return prove_two_nodes(bench, real(bench))


@case("torchrun: the local runner sets what the real one sets")
def same_variables(bench: Bench) -> str:
    """The variables that the page promises, of each worker of two nodes."""
    start_real, start_local = real(bench), local(bench)
    found = [told_variables(bench, start, name) for start, name in ((start_real, "real"), (start_local, "local"))]
    expect(found[0] == found[1], f"torchrun: {found[0]}\nlocal runner: {found[1]}")
    return f"{len(found[0])} workers, {len(PROMISED)} variables"


def told_variables(bench: Bench, start: Start, name: str) -> list[dict[str, str]]:
    """The promised variables of every worker, in the order of ranks."""
    folder, port = bench.folder / name, free_port()
    folder.mkdir()
    script = f'env -0 > "{folder}/$RANK"'
    agents = [start(Node(2, 3, rank, 2, port), ["sh", "-c", script], f"{name}-{rank}") for rank in range(2)]
    for agent in agents:
        expect(agent.wait() == 0, agent.text())
    workers = []
    for rank in range(4):
        pairs = [word.split("=", 1) for word in (folder / str(rank)).read_text(encoding="utf-8").split("\0") if "=" in word]
        own = {key: value for key, value in pairs if key in PROMISED}
        # Of no meaning for the work, and different for each job.
        expect(own.pop("MASTER_PORT", "").isdigit(), f"{name}: no MASTER_PORT")
        workers.append(own)
    return workers


@case("local runner: workers within an index of Kubernetes are refused, not guessed")
def two_engines(bench: Bench) -> str:
    """Two engines say different things."""
    out = bench.folder / "out"
    agent = local(bench)(Node(2), ["env", "JOB_COMPLETION_INDEX=1", *command(bench, out)], "log")
    expect((code := agent.wait()) == 1, f"it ended with {code}")
    said = " ".join(agent.text().split())
    expect("Kubernetes Indexed Job" in said and "torchrun" in said and "--shard" in said, agent.text())
    ended = bench.program.with_environment(JOB_COMPLETION_INDEX="1", RANK="0", WORLD_SIZE="2").run(*bench.run.arguments(out))
    expect_code(ended, INVALID)
    expect(not out.exists(), "something was computed")
    return "exit code 2, both engines named"


@case("local runner: a rank without the count of workers is refused, not guessed")
def no_count(bench: Bench) -> str:
    """Without it a rank means nothing."""
    out = bench.folder / "out"
    ended = bench.program.with_environment(RANK="1").run(*bench.run.arguments(out))
    expect_code(ended, INVALID)
    expect("WORLD_SIZE is not" in " ".join(ended.stderr.split()), f"the missing variable is not named:\n{ended.stderr}")
    expect(not out.exists(), "something was computed")
    return "exit code 2, the missing variable named"


@case("local runner, wrong on purpose: no restart")
def no_restart(bench: Bench) -> str:
    """The killed worker's chunks are missing."""
    start = local(bench)

    def once(node: Node, words: list[str], name: str) -> Agent:
        return start(Node(node.workers, 0, port=node.port), words, name)

    return expect_noticed(lambda: prove_restart(bench, once), "ended with 1")
