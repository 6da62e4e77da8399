"""While quiz hangs or is gone, its learners are refused in time and catalogs are read as ever."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.contract.samples import chosen, new_event, new_lesson, new_quiz, public_address
from tests.faults.stack import FaultStack, fault_stack

pytestmark = pytest.mark.full

BOUND = 2
# More than the bound may be in flight at first: 16 times as many.
LEARNERS = 100
SUBMIT = "/api/public/events/{event_slug}/lessons/{lesson_slug}/quiz/submit"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultStack]:
    """A stack with a low bound."""
    folder: Path = tmp_path_factory.mktemp("overload")
    with fault_stack(folder, None, GATEWAY_REQUESTS_IN_FLIGHT=str(BOUND)) as built:
        yield built


@pytest.mark.parametrize("fault", ["hangs", "refuses"])
def test_a_broken_quiz_holds_up_no_catalog(stack: FaultStack, fault: str) -> None:
    stack.heal()
    with stack.admin() as admin, stack.client() as client:
        event = new_event(admin, isActive=True)
        lesson = new_lesson(admin, event)
        quiz = new_quiz(admin, lesson)
        submission = {"answers": chosen(quiz, True, True)}
        submit = public_address(event, lesson["slug"], "quiz/submit")
        catalog = f"/api/public/events/{event['slug']}/catalog"
        assert client.post(submit, json=submission).status_code == 200

        def send(_number: int) -> httpx.Response:
            with stack.client() as learner:
                return learner.post(submit, json=submission, timeout=60)

        if fault == "hangs":
            stack.pause("quiz")
        else:
            stack.links["gateway", "quiz"].refuse()
        with ThreadPoolExecutor(LEARNERS) as learners:
            sent = learners.map(send, range(LEARNERS))
            catalogs = Counter(client.post(catalog, json={}).status_code for _ in range(50))
            admins = Counter(admin.get("/api/events").status_code for _ in range(5))
            responses = Counter((each.status_code, each.json()["error"]) for each in sent)
        stack.heal()
        after = client.post(submit, json=submission).status_code
    assert (catalogs, admins, after) == ({200: 50}, {200: 5}, 200)
    assert responses.keys() <= {(503, "UPSTREAM_UNAVAILABLE"), (504, "UPSTREAM_TIMEOUT")}
    if fault == "hangs":
        assert responses[503, "UPSTREAM_UNAVAILABLE"] >= LEARNERS - BOUND * 16 * 2
        lines = [*map(json.loads, stack.log_lines("gateway").splitlines())]
        overloaded = next(line for line in lines if line["event"] == "overloaded")
        assert (overloaded["kind"], overloaded["most"], overloaded["refused"]) == ("quizzes", BOUND, 1)
        refused = [line for line in lines if line["event"] == "request" and line["status"] == 503]
        assert {(line["route"], line["method"], line["principal"]) for line in refused} == {(SUBMIT, "POST", "-")}
