"""A whole stack behind PgBouncer in transaction mode, with five connections to each database."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.clients import send_patiently
from tests.contract.samples import chosen
from tests.installation import SERVICES, Installation, installation
from tests.journeys.test_launch import launch
from tests.pgbouncer import POOL_SIZE, Pooler
from tests.waiting import until

pytestmark = pytest.mark.full

AT_ONCE = 12
LOCKS = "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database WHERE datname = current_database() AND "
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


def send_until_final(client: httpx.Client, address: str, body: object) -> httpx.Response:
    """Send a request with a key, again while another one with this key is in flight."""
    responses: list[httpx.Response] = []

    def is_final() -> bool:
        key = {"Idempotency-Key": "the same for all"}
        responses.append(send_patiently(lambda: client.post(address, json=body, headers=key)))
        return responses[-1].status_code != 409 or responses[-1].json()["error"] != "IDEMPOTENCY_KEY_IN_FLIGHT"

    until(is_final, "a final response")
    return responses[-1]


def migrated_at_once(stack: Installation) -> list[str]:
    """Migrate quiz in many processes, and return what all of them have applied."""
    with ThreadPoolExecutor(AT_ONCE) as migrators:
        done = list(migrators.map(lambda _: stack.command("quiz", "migrate", "up"), range(AT_ONCE)))
    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * AT_ONCE
    return [name for (name,) in stack.rows("quiz", "SELECT name FROM migratehistory ORDER BY id")]


def test_a_stack_behind_a_pooler_works_and_leaves_no_lock(tmp_path: Path, pooler: Pooler) -> None:
    with installation(tmp_path, pooler, WEB_CONCURRENCY="2") as stack:
        applied = migrated_at_once(stack)
        assert applied == sorted(set(applied))
        stack.prepare()
        stack.start()
        with stack.admin() as admin, stack.client() as learner:
            launched = launch(admin, "pooled", visibility="public")
            quiz, lesson = launched["quiz"], launched["lesson"]
            submit = "/api/public/events/pooled/lessons/opening/quiz/submit"
            answers = {"answers": chosen(quiz, True, True)}
            person = {"username": "invited-once", "role": "viewer"}
            with ThreadPoolExecutor(2 * AT_ONCE) as pool:
                submitted = [pool.submit(send_until_final, learner, submit, answers) for _ in range(AT_ONCE)]
                invited = [pool.submit(send_until_final, admin, "/api/admin/users", person) for _ in range(AT_ONCE)]
            for status, sent in ((200, submitted), (201, invited)):
                responses = [each.result() for each in sent]
                assert [each.status_code for each in responses] == [status] * AT_ONCE
                assert len({each.content for each in responses}) == 1
                replayed = [each.headers.get("Idempotency-Replayed") for each in responses]
                assert replayed.count("true") == AT_ONCE - 1
            attempts = admin.get(f"/api/quizzes/{quiz['id']}/attempts").json()["items"]
            assert [attempt["scorePercentage"] for attempt in attempts] == [100]

            assert admin.delete(f"/api/events/{lesson['eventId']}/lessons/{lesson['id']}").status_code == 204
            until(lambda: admin.get(f"/api/quizzes/{quiz['id']}").status_code == 404, "a quiz that followed its lesson")
        assert [stack.command(service, "check").returncode for service in SERVICES] == [0] * len(SERVICES)
        stack.stop()
        for service in SERVICES:
            assert stack.rows(service, LOCKS + "locktype = 'advisory'") == [(0,)]
            assert 0 < stack.rows(service, SESSIONS)[0][0] <= POOL_SIZE
