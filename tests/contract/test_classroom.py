"""A classroom of 40 behind one address takes a lesson: nobody waits, and the rate limits hold (docs/settings.md)."""

from pathlib import Path

import httpx

from tests.contract.doors import another_gateway
from tests.contract.samples import (
    catalog_address,
    chosen,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
)
from tests.installation import Installation
from tests.refusals import refusal

LEARNERS = 40
CALLS = 7
KEY = {"eventAccessKey": "open-sesame"}
TOO_MANY = refusal(429, "RATE_LIMITED", "Too many requests; try again later")


def test_a_classroom_behind_one_address_takes_a_lesson(sqlite_stack: Installation, tmp_path: Path) -> None:
    # The classroom's own number: 20 times RATE_LIMIT_MAX is exactly what it sends.
    limits = {"RATE_LIMIT_MAX": str(LEARNERS * CALLS // 20), "RATE_LIMIT_WINDOW_MS": "3600000"}
    with sqlite_stack.admin() as admin, another_gateway(sqlite_stack, tmp_path, **limits) as door:
        event = private_event(admin, accessKey=KEY["eventAccessKey"])
        lesson = new_lesson(admin, event)
        quiz = new_quiz(admin, lesson)

        def address(action: str) -> str:
            return public_address(event, lesson["slug"], action)

        statuses: list[int] = []
        for _ in range(LEARNERS):
            taken = [
                door.get("/api/public/events"),
                door.post(catalog_address(event), json=KEY),
                *(door.post(address(action), json=KEY) for action in ("access-check", "playback", "materials", "quiz")),
                door.post(address("quiz/submit"), json={**KEY, "answers": chosen(quiz, True, True)}),
            ]
            statuses += [response.status_code for response in taken]
        assert statuses == [200] * LEARNERS * CALLS

        # One more is one too many, for whoever learns at this address, and the time to wait is named.
        late = door.post(catalog_address(event), json=KEY)
        assert (parsed(late), 0 < int(late.headers["Retry-After"]) <= 3600) == (TOO_MANY, True)
        assert parsed(door.post(f"/api/events/{event['slug']}/access", json=KEY)) == TOO_MANY

        # Their teacher at the same address is another client, up to RATE_LIMIT_MAX.
        token = {"Authorization": admin.headers["Authorization"]}
        own = [door.get("/api/admin/me", headers=token) for _ in range(LEARNERS * CALLS // 20 + 1)]
        assert [response.status_code for response in own] == [200] * (len(own) - 1) + [429]
        assert parsed(own[-1]) == TOO_MANY
        assert httpx.get(f"{door.base_url}/api/admin/me", trust_env=False, timeout=60).status_code == 401
