"""The main journey: an admin launches an event, a learner takes it, and everything survives a kill."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.kit.core.instants import format_instant
from tests.contract.samples import attached, chosen, created, new_event, new_lesson, new_quiz, question
from tests.figures import Figure
from tests.installation import Stack
from tests.waiting import until

Document = dict[str, Any]

WRITERS = 6
KILLED_BEFORE = 5
MAXIMUM_WRITES = 1_000

QUESTIONS = [
    question("What comes first?", ("The promise", True), ("The price", False)),
    question(
        "Which are true?", ("A list grows by giving", True), ("It grows by itself", False), ("It wants care", True)
    ),
]


def in_seconds(seconds: float) -> str:
    """Return the instant this many seconds from now, negative for the past."""
    return format_instant(datetime.now(UTC) + timedelta(seconds=seconds))


def launch(admin: httpx.Client, slug: str, **event: object) -> Document:
    """Create an event with an open lesson, a material and a quiz; return them by kind."""
    made = new_event(admin, title=f"Launch {slug}", slug=slug, **event)
    lesson = new_lesson(admin, made, title="Opening", slug="opening")
    quiz = new_quiz(admin, lesson, questions=QUESTIONS)
    return {"event": made, "lesson": lesson, "materials": attached(admin, lesson), "quiz": quiz}


def everything(admin: httpx.Client, launched: Document) -> Document:
    """Return all that the stack stores of a launch, as an admin and a learner see it."""
    event, lesson, quiz = launched["event"], launched["lesson"], launched["quiz"]
    key = {"eventAccessKey": event["accessKey"]} if event["accessKey"] else {}
    public = f"/api/public/events/{event['slug']}"
    catalog = admin.post(f"{public}/catalog", json=key).json()
    del catalog["serverTime"]
    return {
        "event": admin.get(f"/api/events/{event['id']}").json(),
        "lessons": admin.get(f"/api/events/{event['id']}/lessons").json(),
        "materials": admin.get(f"/api/events/{event['id']}/lessons/{lesson['id']}/materials").json(),
        "quiz": admin.get(f"/api/quizzes/{quiz['id']}").json(),
        "attempts": admin.get(f"/api/quizzes/{quiz['id']}/attempts").json(),
        "catalog": catalog,
        "playback": admin.post(f"{public}/lessons/{lesson['slug']}/playback", json=key).json(),
    }


def test_a_launch_from_sign_in_to_grade_survives_being_killed(stack: Stack) -> None:
    with stack.admin() as admin, stack.client() as learner:
        launched = launch(admin, "spring-launch", visibility="private", accessKey="sesame42", isActive=True)
        event, lesson, quiz = launched["event"], launched["lesson"], launched["quiz"]
        key = {"eventAccessKey": "sesame42"}
        public = f"/api/public/events/{event['slug']}"

        blocked = learner.post(f"{public}/catalog")
        assert (blocked.status_code, blocked.json()["status"]) == (403, "blocked_private")
        catalog = learner.post(f"{public}/catalog", json=key).json()["catalog"]
        assert [(item["slug"], item["status"], item["videoId"]) for item in catalog["items"]] == [
            ("opening", "released", "opening")
        ]
        access = learner.post(f"{public}/lessons/opening/access-check", json=key).json()
        assert (access["authorized"], access["status"]) == (True, "released")
        playback = learner.post(f"{public}/lessons/opening/playback", json=key).json()
        assert playback["player"]["embedUrl"] == "https://www.youtube-nocookie.com/embed/opening"
        materials = learner.post(f"{public}/lessons/opening/materials", json=key).json()
        assert materials == {"items": launched["materials"]}
        shown = learner.post(f"{public}/lessons/opening/quiz", json=key).json()["item"]
        assert shown["id"] == quiz["id"]
        assert "isCorrect" not in str(shown)
        answers = {**key, "answers": chosen(quiz, True, True)}
        graded = learner.post(f"{public}/lessons/opening/quiz/submit", json=answers).json()
        assert graded["lesson"] == {"id": lesson["id"], "slug": "opening", "title": "Opening"}
        assert (graded["result"]["scorePercentage"], graded["result"]["status"]) == (100, "passed")
        before = everything(admin, launched)
        assert [attempt["scorePercentage"] for attempt in before["attempts"]["items"]] == [100]

    stack.kill()
    stack.start()

    with stack.admin() as admin:
        assert everything(admin, launched) == before
        answers = {**key, "answers": []}
        again = admin.post(f"{public}/lessons/opening/quiz/submit", json=answers).json()
        assert (again["result"]["scorePercentage"], again["result"]["status"]) == (0, "failed")


@pytest.mark.full
def test_an_acknowledged_write_survives_a_kill(stack: Stack) -> None:
    with stack.admin() as admin:
        event = created(admin.post("/api/events", json={"title": "Rush", "slug": "rush"}))
        authorization = admin.headers["Authorization"]
    acknowledged: list[str] = []
    killed = threading.Event()

    def write(writer: int) -> int:
        """Return the status of this writer's first refusal; the first writer kills content midway."""
        with stack.client(Authorization=authorization) as client:
            for number in range(MAXIMUM_WRITES):
                if (writer, number) == (0, KILLED_BEFORE):
                    stack.kill("content")
                    killed.set()
                lesson = {
                    "title": f"Lesson {number}",
                    "slug": f"lesson-{writer}-{number}",
                    "releaseAt": in_seconds(number),
                }
                response = client.post(f"/api/events/{event['id']}/lessons", json=lesson)
                if response.status_code == 201:
                    acknowledged.append(response.json()["item"]["id"])
                elif killed.is_set():
                    return response.status_code
        raise AssertionError("nobody was refused")

    with ThreadPoolExecutor(WRITERS) as writers:
        refusals = set(writers.map(write, range(WRITERS)))
    assert refusals <= {503, 504}
    assert len(acknowledged) >= KILLED_BEFORE
    stack.start("content")

    with stack.admin() as admin:
        kept = [lesson["id"] for lesson in admin.get(f"/api/events/{event['id']}/lessons").json()["items"]]
    assert set(acknowledged) <= set(kept)
    # Only requests in flight can be written without an acknowledgement.
    assert len(kept) - len(acknowledged) <= WRITERS


@pytest.mark.full
def test_a_lesson_opens_at_its_instant_and_not_before(stack: Stack) -> None:
    with stack.admin() as admin, stack.client() as learner:
        event = created(admin.post("/api/events", json={"title": "Gate", "slug": "gate", "visibility": "public"}))
        # A loaded machine may need longer than two seconds until the first check.
        for seconds in (2, 10, 60):
            release_at = in_seconds(seconds)
            lesson = {"title": "Opens soon", "slug": f"in-{seconds}", "releaseAt": release_at}
            created(admin.post(f"/api/events/{event['id']}/lessons", json=lesson))
            check = f"/api/public/events/gate/lessons/in-{seconds}/access-check"
            responses = [learner.post(check).json()]
            if not responses[0]["authorized"]:
                break

        while not responses[-1]["authorized"]:
            assert len(responses) < 100_000
            responses.append(learner.post(check).json())

    for response in responses:
        is_open = response["serverTime"] >= release_at
        assert (response["authorized"], response["status"]) == (is_open, "released" if is_open else "locked")
        assert response["timing"]["unlocksInSeconds"] in ((0,) if is_open else range(1, seconds + 1))
    assert not responses[0]["authorized"]


@pytest.mark.full
@pytest.mark.parametrize("what", ["lesson", "event"])
def test_a_deletion_while_quiz_is_down_reaches_it_later(stack: Stack, what: str, journey_figure: Figure) -> None:
    with stack.admin() as admin:
        first, second = (launch(admin, f"{name}-{what}", visibility="public") for name in ("first", "second"))

        def delete(launched: Document) -> httpx.Response:
            path = f"/api/events/{launched['event']['id']}"
            return admin.delete(path if what == "event" else f"{path}/lessons/{launched['lesson']['id']}")

        assert delete(first).status_code == 204
        assert admin.get(f"/api/quizzes/{first['quiz']['id']}").json()["error"] == "QUIZ_NOT_FOUND"
        stack.stop("quiz", "follow-quiz")
        assert delete(second).status_code == 204
        public = f"/api/public/events/{second['event']['slug']}/lessons/opening/quiz"
        assert admin.post(public).json()["error"] == ("EVENT_NOT_FOUND" if what == "event" else "LESSON_NOT_FOUND")
        # A container's log is written some time after the line.
        until(lambda: "quiz_deletion_postponed" in stack.log_lines("gateway"), "the gateway says that it is postponed")

        stack.start("quiz", "follow-quiz")
        returned = time.monotonic()
        address = f"/api/quizzes/{second['quiz']['id']}"
        until(lambda: admin.get(address).status_code == 404, "the quiz of what was deleted is gone")
        seconds = time.monotonic() - returned
        assert admin.get(address).json()["error"] == "QUIZ_NOT_FOUND"
        assert admin.get(f"{address}/attempts").status_code == 404
    journey_figure(f"{what} deleted while quiz was down: its quiz was gone {seconds:.2f} s after quiz was ready again")


@pytest.mark.full
def test_without_quiz_everything_else_works_and_its_routes_have_retry_after(stack: Stack) -> None:
    with stack.admin() as admin, stack.client() as learner:
        stack.kill("quiz")
        lesson = "/api/public/events/flix-mvp-launch-event/lessons/kickoff-do-mvp"
        for response in (
            learner.post(f"{lesson}/quiz"),
            learner.post(f"{lesson}/quiz/submit", json={"answers": []}),
            admin.get("/api/quizzes/quiz-public-1"),
        ):
            assert (response.status_code, response.json()["error"]) == (503, "UPSTREAM_UNAVAILABLE")
            assert int(response.headers["Retry-After"]) >= 1
        assert learner.post(f"{lesson}/playback").status_code == 200
        assert admin.get("/api/events").status_code == 200
        assert learner.get("/health").json()["status"] == "ok"
        unready = learner.get("/health/ready")
        assert (unready.status_code, unready.json()["message"]) == (503, "Not ready: quiz")

        stack.start("quiz")
        assert learner.post(f"{lesson}/quiz").json()["item"]["id"] == "quiz-public-1"


@pytest.mark.full
def test_a_second_migration_and_seed_change_nothing(stack: Stack) -> None:
    with stack.admin() as admin:
        before = admin.get("/api/events").json(), admin.get("/api/quizzes").json()
        for service in ("auth", "content", "quiz"):
            assert stack.command(service, "migrate", "up").stdout == "nothing to do\n"
            assert stack.command(service, "seed", "minimal").stdout == "nothing to add\n"
            assert stack.command(service, "migrate", "check").stdout == "no findings\n"
        assert (admin.get("/api/events").json(), admin.get("/api/quizzes").json()) == before
