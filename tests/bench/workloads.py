"""What is measured: requests, the server that gets them, and what docs/benchmarks.md compares them with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.bench.requests import IDEMPOTENCY_KEY, MARKER, get, post
from tests.bench.scene import ACCESS_KEY, Scene

Subject = Literal["product", "bare", "peer"]

BARE = "bare Falcon"
PEER_CATALOG, PEER_SUBMIT = "peer's catalog", "peer's submit"


@dataclass(frozen=True)
class Target:
    """What a workload should reach.

    The ratios are those of its rate to bare Falcon's and to the peer's, on SQLite and on PostgreSQL; `p99` is in
    milliseconds. None where there is no target.
    """

    of_bare: float
    of_bare_on_postgresql: float | None = None
    of_peer: float | None = None
    peer: str | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Workload:
    """Requests that are sent in turn to one server."""

    name: str
    subject: Subject
    requests: Sequence[bytes]
    target: Target | None = None


PUBLIC_READ = Target(0.5, 0.3, 20, PEER_CATALOG, 10)
PRIVATE_READ = Target(0.3, 0.18, p99=10)
QUIZ_VIEW = Target(0.12, 0.072)


def workloads(public: Scene, private: Scene, grants: Sequence[str], admin: str) -> list[Workload]:
    """Return all workloads of one round in their order; `admin` is the value of an Authorization header.

    Bare Falcon is measured before each group, so that it meets the machine's changes as the others do.
    """
    groups = [
        [
            *_reads(public, private, grants, "catalog", private.catalog, public.catalog),
            _peer(PEER_CATALOG, post(public.catalog, {})),
        ],
        *(
            _reads(public, private, grants, action, private.lesson(action), public.lesson(action))
            for action in ("access-check", "playback", "materials")
        ),
        [
            Workload("quiz view", "product", [post(public.lesson("quiz"), {})], QUIZ_VIEW),
            Workload("submit", "product", [_submit(public)], Target(0.18, 0.1, 8, PEER_SUBMIT, 30)),
            _peer(PEER_SUBMIT, _submit(public)),
            Workload(
                "submit, unique keys", "product", [_submit(public, MARKER)], Target(0.14, 0.1, 8, PEER_SUBMIT, 30)
            ),
            Workload("create event", "product", [_new_event(admin)], Target(0.03)),
        ],
    ]
    return [each for group in groups for each in (Workload(BARE, "bare", [get("/")]), *group)]


def _reads(
    public: Scene, private: Scene, grants: Sequence[str], name: str, private_path: str, public_path: str
) -> list[Workload]:
    granted = [post(private_path, {}, Authorization=f"Bearer {grant}") for grant in grants]
    return [
        Workload(f"{name}, public", "product", [post(public_path, {})], PUBLIC_READ),
        Workload(
            f"{name}, private by key", "product", [post(private_path, {"eventAccessKey": ACCESS_KEY})], PRIVATE_READ
        ),
        Workload(f"{name}, private by grant", "product", granted, PRIVATE_READ),
    ]


def _peer(name: str, request: bytes) -> Workload:
    return Workload(name, "peer", [request])


def _submit(scene: Scene, key: str | None = None) -> bytes:
    headers = {} if key is None else {IDEMPOTENCY_KEY: key}
    return post(scene.lesson("quiz/submit"), {"answers": scene.answers}, **headers)


def _new_event(admin: str) -> bytes:
    body = {"title": "A launch of the bench", "slug": f"launch-{MARKER}", "visibility": "public"}
    return post("/api/events", body, Authorization=admin)
