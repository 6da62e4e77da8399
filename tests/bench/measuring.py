"""The rounds: every workload in turn, round after round, so that all meet the same changes of the machine."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import open_loop, servers
from tests.bench.figures import Measured, shown
from tests.bench.generator import CONNECTIONS, Run, measure
from tests.bench.machine import memory
from tests.bench.open_loop import Call, Finished
from tests.bench.requests import post
from tests.bench.scene import Actors, new_actors, peer_rows
from tests.bench.workloads import BARE, PEER, SQLITE, VALKEY, Workload, one_round
from tests.installation import PROCESSES, Installation
from tests.valkey import running_valkey

WARM_UP_SECONDS = 1
# With two workers each then knows all grants but one in 64.
VERIFYING_PASSES = 6


@dataclass(frozen=True)
class Subjects:
    """The running servers: the stacks, and all addresses and process ids by subject."""

    stacks: Mapping[str, Installation]
    actors: Sequence[Actors]
    addresses: Mapping[str, str]
    processes: Mapping[str, Mapping[str, int]]


@contextmanager
def running(folder: Path, engines: Sequence[str], workers: int, with_valkey: bool) -> Iterator[Subjects]:
    """All servers, with the same rows; each in a folder of its own, named after the subject."""
    with ExitStack() as opened:
        stacks = {engine: opened.enter_context(servers.product(folder / engine, engine, workers)) for engine in engines}
        if with_valkey:
            valkey = opened.enter_context(running_valkey())
            limits = servers.product(folder / VALKEY, SQLITE, workers, REDIS_URL=valkey.url)
            stacks[VALKEY] = opened.enter_context(limits)
        actors = [new_actors(stack, engine) for engine, stack in stacks.items()]
        scene = actors[0].public
        bare, bare_pid = opened.enter_context(servers.bare(folder))
        peer, peer_pid = opened.enter_context(servers.peer(folder, peer_rows(scene), scene.catalog))

        addresses = {subject: stack.address for subject, stack in stacks.items()}
        processes = {subject: process_ids(stack) for subject, stack in stacks.items()}
        processes |= {BARE: {BARE: bare_pid}, PEER: {PEER: peer_pid}}
        yield Subjects(stacks, actors, {**addresses, BARE: bare, PEER: peer}, processes)


def process_ids(stack: Installation) -> dict[str, int]:
    """Return the ids of the stack's first processes by name."""
    return {name: stack.pid(name) for name in PROCESSES}


def memory_by_process(stack: Installation) -> dict[str, float]:
    """Return the memory of each process with its workers, in MB (PSS)."""
    return {name: memory([pid]) for name, pid in process_ids(stack).items()}


def first_verifications(subjects: Subjects) -> dict[str, float]:
    """Return how many grants that no process has seen each stack admits in a second."""
    rates = {}
    for actors in subjects.actors:
        finished = _send_all_grants(subjects, actors)
        rates[actors.engine] = len(finished.outcomes) / max(each.ended_at for each in finished.outcomes)
    return rates


def _verify_grants(subjects: Subjects) -> None:
    """Let each worker verify each grant: which one gets it is chance."""
    for actors in subjects.actors:
        for _ in range(VERIFYING_PASSES):
            _send_all_grants(subjects, actors)


def _send_all_grants(subjects: Subjects, actors: Actors) -> Finished:
    requests = [post(actors.private.catalog, {}, Authorization=f"Bearer {grant}") for grant in actors.grants]
    calls = [Call(0, "catalog", request) for request in requests]
    return open_loop.run(subjects.addresses[actors.engine], calls, connections=CONNECTIONS)


def choose(subjects: Subjects, only: Sequence[str]) -> list[Workload]:
    """Return the workloads of a round in whose name or subject one of these words is, or all without a word."""
    return [
        each
        for each in one_round(subjects.actors)
        if not only or any(word in each.name or word == each.subject for word in only)
    ]


def warm_up(subjects: Subjects, workloads: Sequence[Workload]) -> Measured:
    """Run each workload for a moment."""
    return _round(subjects, {(each.name, each.subject): each for each in workloads}.values(), WARM_UP_SECONDS)


def measure_rounds(subjects: Subjects, workloads: Sequence[Workload], rounds: int, seconds: int) -> Measured:
    """Return the runs of all rounds; print each at once."""
    measured: Measured = {}
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}")
        if any("grant" in workload.name for workload in workloads):
            # The events that were created since the last time have ended what the gateway knew.
            _verify_grants(subjects)
        for key, runs in _round(subjects, workloads, seconds, tells=True).items():
            measured.setdefault(key, []).extend(runs)
    return measured


def _round(subjects: Subjects, workloads: Iterable[Workload], seconds: int, tells: bool = False) -> Measured:
    measured: Measured = {}
    for workload in workloads:
        subject = workload.subject
        run = measure(
            subjects.addresses[subject],
            workload.requests,
            seconds,
            subjects.processes[subject],
        )
        measured.setdefault((workload.name, workload.subject), []).append(run)
        if tells:
            print(f"  {workload.subject:<10} {workload.name:<28} {line(run)}", flush=True)
    return measured


def line(run: Run) -> str:
    """Return a run as one line for people."""
    return (
        f"{run.rate:8.0f}/s  p50 {run.p50:7.1f}  p99 {run.p99:7.1f}  max {run.maximum:7.1f} ms  "
        f"refused {run.refused}  broken {run.broken}  foreign {run.foreign:.0%}  spent {shown(run.spent)}"
    )
