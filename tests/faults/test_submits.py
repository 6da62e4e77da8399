"""A thousand submissions, each sent five times over breaking connections, while quiz is killed repeatedly."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.clients import Clients
from tests.contract.samples import chosen, new_event, new_lesson, new_quiz, public_address, unique
from tests.faults.proxy import Fate
from tests.faults.stack import FaultStack
from tests.figures import Figure, so_many
from tests.waiting import PATIENCE_SECONDS, until

Json = dict[str, Any]

SUBMISSIONS = so_many(100, 1_000)
KILLS = so_many(5, 50)
TIMES_SENT = 5
LEARNERS = 6
# The share of requests that meet each fate.
BROKEN = {Fate.LOSE_REQUEST: 0.05, Fate.LEAVE: 0.1, Fate.LOSE_ANSWER: 0.1, Fate.HALVE_ANSWER: 0.05}


@dataclass
class Rush:
    """The submissions by key: which are still to be sent, and their responses."""

    to_send: list[str]
    responses: dict[str, list[Json]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    # Cleared while quiz starts: a thousand refusals would prove nothing.
    goes_on: threading.Event = field(default_factory=threading.Event)
    _taking: threading.Lock = field(default_factory=threading.Lock)

    def next_key(self) -> str | None:
        """Return the key of the next submission."""
        assert self.goes_on.wait(PATIENCE_SECONDS)
        with self._taking:
            return self.to_send.pop() if self.to_send else None

    def note(self, key: str, response: httpx.Response | None) -> None:
        """Record a response; a refused submission is sent again later."""
        with self._taking:
            if response is None:
                self.outcomes["cut"] += 1
            elif response.is_success:
                self.outcomes["graded"] += 1
                self.responses.setdefault(key, []).append(response.json())
            else:
                error = response.json()["error"]
                assert error in ("UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "IDEMPOTENCY_KEY_IN_FLIGHT"), response.text
                self.outcomes[error] += 1
                self.to_send.insert(random.randrange(len(self.to_send) + 1), key)
                return
            self.sent += 1


@pytest.mark.full
def test_every_submission_is_one_attempt_however_often_it_is_sent(
    stack: FaultStack, engine: str, figure: Figure
) -> None:
    with stack.admin() as admin:
        event = new_event(admin)
        lesson = new_lesson(admin, event)
        quiz = new_quiz(admin, lesson)
    address = public_address(event, lesson["slug"], "quiz/submit")
    body = {"answers": chosen(quiz, True, False)}
    keys = [unique("key") for _ in range(SUBMISSIONS)]
    chance = random.Random(SUBMISSIONS)
    rush = Rush(chance.sample(keys * TIMES_SENT, SUBMISSIONS * TIMES_SENT))
    fates = [*BROKEN, Fate.PASS]
    weights = [*BROKEN.values(), 1 - sum(BROKEN.values())]
    for link in (stack.entrance, stack.links["gateway", "quiz"]):
        link.choose = lambda: chance.choices(fates, weights)[0]

    def learn(_: int) -> Iterator[None]:
        with stack.client() as client:
            while (key := rush.next_key()) is not None:
                response = None
                with suppress(httpx.HTTPError):
                    response = client.post(address, json=body, headers={"Idempotency-Key": f'"{key}"'})
                rush.note(key, response)
                yield

    rush.goes_on.set()
    with Clients(LEARNERS, learn):
        for kill in range(1, KILLS + 1):
            aim = kill * SUBMISSIONS * TIMES_SENT // (KILLS + 1)
            until(lambda: rush.sent >= aim, f"{aim} sent")  # noqa: B023 it is awaited here
            stack.kill("quiz")
            rush.goes_on.clear()
            stack.start("quiz")
            rush.goes_on.set()
        until(lambda: rush.sent >= SUBMISSIONS * TIMES_SENT, "all sent")
    broken = sum(link.broken for link in stack.links.values())
    stack.heal()
    # Send those without any response until they are answered.
    rush.to_send = [key for key in keys if key not in rush.responses]
    with Clients(LEARNERS, learn):
        until(lambda: len(rush.responses) == SUBMISSIONS, "every submission answered")

    listed = attempts(stack, quiz)
    [(kept,)] = stack.rows("quiz", f"SELECT COUNT(*) FROM quiz_attempts WHERE quiz_id = '{quiz['id']}'")
    outcomes = ", ".join(f"{number} {what}" for what, number in rush.outcomes.items())
    figure(
        f"{SUBMISSIONS} submissions on {engine}, each sent {TIMES_SENT} times, {broken} lines broken, quiz killed "
        f"{KILLS} times ({outcomes}): {kept} attempts"
    )
    assert (len(listed), len(set(listed)), kept) == (SUBMISSIONS, SUBMISSIONS, SUBMISSIONS)
    # Two responses to one key are equal.
    assert [key for key, responses in rush.responses.items() if any(each != responses[0] for each in responses)] == []
    assert stack.findings() == []


def attempts(stack: FaultStack, quiz: Json) -> list[str]:
    """Return the ids of all attempts."""
    found: list[str] = []
    cursor: str | None = ""
    with stack.admin() as admin:
        while cursor is not None:
            page = {"limit": "100", **({"cursor": cursor} if cursor else {})}
            document = admin.get(f"/api/quizzes/{quiz['id']}/attempts", params=page).json()
            found += [item["id"] for item in document["items"]]
            cursor = document["nextCursor"]
    return found
