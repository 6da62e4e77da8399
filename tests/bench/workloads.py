"""What is measured: requests, the server that gets them, and what docs/benchmarks.md compares them with."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.requests import IDEMPOTENCY_KEY, MARKER, get, post
from tests.bench.scene import ACCESS_KEY, Actors

# Those who are measured: a stack by the name of its engine, or a yardstick.
SQLITE, POSTGRESQL, BARE, PEER = "sqlite", "postgresql", "bare", "peer"

CATALOG, SUBMIT = "catalog, public", "submit"


@dataclass(frozen=True)
class Target:
    """What a workload should reach.

    The ratios are those of its rate to bare Falcon's and to the peer's, on SQLite and on PostgreSQL; `p99` is in
    milliseconds. None where there is no target.
    """

    of_bare: float
    of_bare_on_postgresql: float | None = None
    of_peer: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Workload:
    """Requests that are sent in turn; `subject` names the server that gets them."""

    name: str
    subject: str
    requests: Sequence[bytes]
    target: Target | None = None


PUBLIC_READ = Target(0.5, 0.3, p99=10)
PUBLIC_CATALOG = Target(0.5, 0.3, 20, 10)
PRIVATE_READ = Target(0.3, 0.18, p99=10)
QUIZ_VIEW = Target(0.12, 0.072)
LESSON_READS = ("access-check", "playback", "materials")


def one_round(stacks: Sequence[Actors]) -> list[Workload]:
    """Return the workloads of one round in their order.

    Bare Falcon is measured before each group, so that it meets the machine's changes as the others do.
    """
    first = stacks[0].public
    yardsticks = {
        0: [Workload(CATALOG, PEER, [post(first.catalog, {})])],
        len(LESSON_READS) + 1: [
            Workload(SUBMIT, PEER, [post(first.lesson("quiz/submit"), {"answers": first.answers})])
        ],
    }
    groups = zip(*(_groups(stack) for stack in stacks), strict=True)
    return [
        workload
        for number, group in enumerate(groups)
        for workload in (
            Workload(BARE, BARE, [get("/")]),
            *(each for of_stack in group for each in of_stack),
            *yardsticks.get(number, ()),
        )
    ]


def _groups(actors: Actors) -> list[list[Workload]]:
    """Return the workloads of one stack."""
    engine, public, private = actors.engine, actors.public, actors.private
    submit = public.lesson("quiz/submit"), {"answers": public.answers}
    event = {"title": "A launch of the bench", "slug": f"launch-{MARKER}", "visibility": "public"}
    return [
        _reads(actors, "catalog", public.catalog, private.catalog, PUBLIC_CATALOG),
        *(_reads(actors, action, public.lesson(action), private.lesson(action)) for action in LESSON_READS),
        [
            Workload("quiz view", engine, [post(public.lesson("quiz"), {})], QUIZ_VIEW),
            Workload(SUBMIT, engine, [post(*submit)], Target(0.18, 0.1, 8, 30)),
            Workload(
                "submit, unique keys", engine, [post(*submit, **{IDEMPOTENCY_KEY: MARKER})], Target(0.14, 0.1, 8, 30)
            ),
            Workload("create event", engine, [post("/api/events", event, Authorization=actors.admin)], Target(0.03)),
        ],
    ]


def _reads(
    actors: Actors, name: str, public_path: str, private_path: str, public_target: Target = PUBLIC_READ
) -> list[Workload]:
    granted = [post(private_path, {}, Authorization=f"Bearer {grant}") for grant in actors.grants]
    keyed = [post(private_path, {"eventAccessKey": ACCESS_KEY})]
    return [
        Workload(f"{name}, public", actors.engine, [post(public_path, {})], public_target),
        Workload(f"{name}, private by key", actors.engine, keyed, PRIVATE_READ),
        Workload(f"{name}, private by grant", actors.engine, granted, PRIVATE_READ),
    ]
