"""A submission that is repeated under one Idempotency-Key is one attempt."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.clients import send_patiently
from tests.contract.samples import chosen
from tests.installation import Stack
from tests.journeys.test_launch import launch

pytestmark = pytest.mark.full

SENDINGS = 5
LEARNERS = 10


def test_a_submission_sent_five_times_at_once_is_one_attempt(stack: Stack) -> None:
    with stack.admin() as admin, stack.client() as learner:
        launched = launch(admin, "exactly-once", visibility="public")
        address = "/api/public/events/exactly-once/lessons/opening/quiz/submit"
        answers = {"answers": chosen(launched["quiz"], True, True)}

        def send(key: str) -> httpx.Response:
            """Repeat the request until it is answered."""
            headers = {"Idempotency-Key": key}
            while True:
                response = send_patiently(lambda: learner.post(address, json=answers, headers=headers))
                if response.status_code != 409:
                    return response
                assert response.json()["error"] == "IDEMPOTENCY_KEY_IN_FLIGHT"

        keys = [str(uuid.uuid4()) for _ in range(LEARNERS)]
        with ThreadPoolExecutor(SENDINGS) as senders:
            sent = list(senders.map(send, [key for key in keys for _ in range(SENDINGS)]))
        attempts = admin.get(f"/api/quizzes/{launched['quiz']['id']}/attempts", params={"limit": 100}).json()["items"]

    assert {response.status_code for response in sent} == {200}
    of_each = [sent[start : start + SENDINGS] for start in range(0, len(sent), SENDINGS)]
    assert [len({response.content for response in each}) for each in of_each] == [1] * LEARNERS
    replays = [[response.headers.get("Idempotency-Replayed") for response in each].count("true") for each in of_each]
    assert replays == [SENDINGS - 1] * LEARNERS
    assert [attempt["scorePercentage"] for attempt in attempts] == [100] * LEARNERS


def test_a_response_is_replayed_after_everything_was_killed(stack: Stack) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    event = {"title": "Once", "slug": f"once-{uuid.uuid4().hex[:12]}"}
    with stack.admin() as admin:
        first = admin.post("/api/events", json=event, headers=key)
    stack.kill()
    stack.start()
    with stack.admin() as admin:
        again = admin.post("/api/events", json=event, headers=key)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
