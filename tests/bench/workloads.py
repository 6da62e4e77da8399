"""What is measured: requests, the server that gets them, and what docs/benchmarks.md compares them with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.bench.requests import IDEMPOTENCY_KEY, MARKER, get, post
from tests.bench.scene import ACCESS_KEY, Actors
from tests.installation import ADMIN

# Those who are measured: a stack by the name of its engine, one on SQLite with its limits in Valkey, or a yardstick.
SQLITE, POSTGRESQL, VALKEY, BARE, PEER = "sqlite", "postgresql", "valkey", "bare", "peer"

CATALOG, SUBMIT = "catalog, public", "submit"


@dataclass(frozen=True)
class Target:
    """What a workload should reach, for the goal of this name.

    The ratios are those of its rate to bare Falcon's, to the peer's and to its own on SQLite; `reach` is what the best
    would have of the first of them; `p99` is in milliseconds. None where nothing is asked.
    """

    goal: str
    of_bare: float | None = None
    of_sqlite: float | None = None
    of_peer: float | None = None
    p99: float | None = None
    failures: int | None = None
    reach: float | None = None


@dataclass(frozen=True)
class Workload:
    """Requests that are sent in turn; `subject` names the server that gets them."""

    name: str
    subject: str
    requests: Sequence[bytes]
    target: Target | None = None


PUBLIC_READ = Target("reads, public", 0.5, p99=10, reach=0.9)
PUBLIC_CATALOG = replace(PUBLIC_READ, of_peer=20)
PRIVATE_READ = Target("reads, private", 0.3, p99=10, reach=0.9)
# 0.3 once it comes from memory.
QUIZ_VIEW = Target("quiz view", 0.12, reach=0.8)
UNKEYED = Target("submit", 0.18, of_peer=8, p99=30, failures=0, reach=0.3)
KEYED = Target("submit, unique keys", 0.14, of_peer=8, p99=30, failures=0, reach=0.3)
CREATE = Target("create event", 0.03, reach=0.05)
# What each of these asks on PostgreSQL; nothing is asked with Valkey.
ON_POSTGRESQL = {
    **dict.fromkeys(
        (PUBLIC_READ, PUBLIC_CATALOG, PRIVATE_READ, QUIZ_VIEW),
        Target("reads on PostgreSQL", of_sqlite=0.6, reach=1.0),
    ),
    **dict.fromkeys((UNKEYED, KEYED), Target("submit on PostgreSQL", 0.1, failures=0, reach=0.2)),
}
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
            *(_on_its_stack(each) for of_stack in group for each in of_stack),
            *yardsticks.get(number, ()),
        )
    ]


def _groups(actors: Actors) -> list[list[Workload]]:
    """Return the workloads of one stack."""
    engine, public, private = actors.engine, actors.public, actors.private
    submit = public.lesson("quiz/submit"), {"answers": public.answers}
    return [
        [*_reads(actors, "catalog", public.catalog, private.catalog, PUBLIC_CATALOG), *_reads_by_get(actors)],
        *(_reads(actors, action, public.lesson(action), private.lesson(action)) for action in LESSON_READS),
        [
            Workload("quiz view", engine, [post(public.lesson("quiz"), {})], QUIZ_VIEW),
            Workload(SUBMIT, engine, [post(*submit)], UNKEYED),
            Workload("submit, unique keys", engine, [post(*submit, **{IDEMPOTENCY_KEY: MARKER})], KEYED),
            *_admin_work(actors),
        ],
    ]


def _admin_work(actors: Actors) -> list[Workload]:
    """Return what admins do; with Valkey only learners are measured."""
    if actors.engine == VALKEY:
        return []
    event = {"title": "A launch of the bench", "slug": f"launch-{MARKER}", "visibility": "public"}
    return [
        Workload("create event", actors.engine, [post("/api/events", event, Authorization=actors.admin)], CREATE),
        Workload("sign-in", actors.engine, [post("/api/admin/login", ADMIN)]),
    ]


def _on_its_stack(workload: Workload) -> Workload:
    """Return the workload with what is asked on its engine."""
    if workload.subject == SQLITE or workload.target is None:
        return workload
    return replace(workload, target=ON_POSTGRESQL.get(workload.target) if workload.subject == POSTGRESQL else None)


def _reads_by_get(actors: Actors) -> list[Workload]:
    """Return the GET forms of the catalog, which run from the same memory; on SQLite only, to save time."""
    if actors.engine != SQLITE:
        return []
    public, private = actors.public.catalog, actors.private.catalog
    granted = [get(private, Authorization=f"Bearer {grant}") for grant in actors.grants]
    return [
        Workload("catalog by GET, public", SQLITE, [get(public)], PUBLIC_READ),
        Workload("catalog by GET, not modified", SQLITE, [get(public, **{"If-None-Match": "*"})], PUBLIC_READ),
        Workload("catalog by GET, private by grant", SQLITE, granted, PRIVATE_READ),
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
