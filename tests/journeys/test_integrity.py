"""The integrity check on real processes: no findings after real work, and damage is named."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.samples import attached, chosen, new_event, new_lesson, new_quiz, public_address
from tests.installation import ENGINES, SERVICES, Installation, installation
from tests.waiting import until

pytestmark = pytest.mark.full

ADDRESS = "/api/admin/integrity"


@pytest.fixture(scope="module", params=ENGINES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack of its own, since one test damages it; its services check their databases every second."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path_factory.mktemp(request.param), server, INTEGRITY_INTERVAL_SECONDS="1") as made:
        made.prepare("demo")
        made.start()
        yield made


def report(admin: httpx.Client) -> Any:
    """Return the report when all services have finished their checks."""
    items: list[Any] = []

    def is_finished() -> bool:
        items.append(admin.get(ADDRESS).json()["item"])
        return bool(items[-1]["status"] != "running")

    until(is_finished, "the check ends")
    return items[-1]


def test_after_real_work_api_and_command_report_no_findings(built: Installation) -> None:
    with built.admin() as admin, built.client() as learner:
        for _ in range(3):
            event = new_event(admin)
            lesson = new_lesson(admin, event)
            attached(admin, lesson)
            quiz = new_quiz(admin, lesson)
            answers = {"answers": chosen(quiz, True, False)}
            assert learner.post(public_address(event, lesson["slug"], "quiz/submit"), json=answers).status_code == 200
        assert admin.delete(f"/api/events/{event['id']}").status_code == 204

        item = report(admin)

    assert item["status"] == "ok", item
    assert {name: (each["status"], each["findings"]) for name, each in item["services"].items()} == {
        name: ("ok", []) for name in ("content", "quiz", "auth")
    }
    for service in SERVICES:
        done = built.command(service, "check")
        assert (done.returncode, done.stdout, done.stderr) == (0, "no findings\n", "")
