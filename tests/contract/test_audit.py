"""GET /api/admin/audit on a running installation: every change is there once, with who made it."""

import uuid

import httpx

from services.kit.core.instants import parse_instant
from tests.contract.samples import (
    Json,
    attached,
    chosen,
    event_body,
    lesson_address,
    materials_address,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    public_address,
    questions,
)
from tests.installation import ADMIN

ADDRESS = "/api/admin/audit"
ACTOR = {"id": "admin-1", "username": ADMIN["username"], "role": "owner"}


def entries(admin: httpx.Client, **filters: str) -> list[Json]:
    """Return the entries, newest first; they must fit on one page."""
    status, body = parsed(admin.get(ADDRESS, params={"limit": 100, **filters}))
    assert (status, body["nextCursor"]) == (200, None)
    return list(body["items"])


def actions(admin: httpx.Client, record: Json) -> list[str]:
    """Return the actions on the record, oldest first."""
    return [each["action"] for each in reversed(entries(admin, subjectId=record["id"]))]


def test_an_audit_entry_names_actor_action_subject_instant_address_and_request(admin: httpx.Client) -> None:
    request_id = f"audit-{uuid.uuid4()}"
    response = admin.post("/api/events", json=event_body(), headers={"X-Request-ID": request_id})
    event = response.json()["item"]

    (entry,) = entries(admin, subjectId=event["id"])
    assert entry == {
        "id": entry["id"],
        "occurredAt": entry["occurredAt"],
        "service": "content",
        "actor": ACTOR,
        "address": "127.0.0.1",
        "requestId": request_id,
        "action": "event.created",
        "subjectId": event["id"],
    }
    assert parse_instant(entry["occurredAt"]) >= parse_instant(event["createdAt"])


def test_every_change_by_an_admin_has_exactly_one_audit_entry(admin: httpx.Client) -> None:
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    kept, deleted = attached(admin, lesson), attached(admin, lesson)
    quiz = new_quiz(admin, lesson)
    admin.put(f"/api/events/{event['id']}", json={"title": "Another title"})
    admin.put(lesson_address(lesson), json={"title": "Another title"})
    admin.put(f"/api/quizzes/{quiz['id']}", json={"title": "Another title", "questions": questions()})
    admin.delete(f"{materials_address(lesson)}/{deleted[0]['id']}")
    assert admin.delete(f"/api/events/{event['id']}").status_code == 204

    assert {
        name: actions(admin, record) for name, record in {"event": event, "lesson": lesson, "quiz": quiz}.items()
    } == {name: [f"{name}.created", f"{name}.changed", f"{name}.deleted"] for name in ("event", "lesson", "quiz")}
    assert [actions(admin, each) for each in (*kept, *deleted)] == [["material.created", "material.deleted"]] * 2
    last = {record["id"]: entries(admin, subjectId=record["id"])[0] for record in (event, lesson, *kept, quiz)}
    assert [last[each["id"]]["actor"] for each in (event, lesson, *kept)] == [ACTOR] * 3
    # It was deleted with its lesson, not by an admin.
    gone = last[quiz["id"]]
    assert (gone["service"], gone["actor"], gone["address"], gone["requestId"]) == ("quiz", None, None, None)


def test_a_quiz_that_an_admin_deletes_is_deleted_by_the_admin(admin: httpx.Client) -> None:
    quiz = new_quiz(admin, new_lesson(admin, new_event(admin)))
    response = admin.delete(f"/api/quizzes/{quiz['id']}")

    entry = entries(admin, subjectId=quiz["id"])[0]
    assert (entry["action"], entry["actor"], entry["requestId"]) == (
        "quiz.deleted",
        ACTOR,
        response.headers["X-Request-ID"],
    )


def test_a_refused_or_replayed_request_has_no_audit_entry(admin: httpx.Client) -> None:
    key, body = {"Idempotency-Key": str(uuid.uuid4())}, event_body()
    responses = [admin.post("/api/events", json=body, headers=key) for _ in range(3)]
    event = responses[0].json()["item"]
    assert [each.headers.get("Idempotency-Replayed") for each in responses] == [None, "true", "true"]
    assert admin.post("/api/events", json=body).status_code == 409
    taken = {"slug": new_event(admin)["slug"]}
    assert admin.put(f"/api/events/{event['id']}", json=taken).status_code == 409
    assert admin.put(f"/api/events/{event['id']}", json={"title": ""}).status_code == 400

    assert actions(admin, event) == ["event.created"]


def test_requests_of_learners_have_no_audit_entry(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    quiz = new_quiz(admin, lesson)
    answers = {"answers": chosen(quiz, True, True)}
    assert learner.post(public_address(event, lesson["slug"], "quiz/submit"), json=answers).status_code == 200
    assert learner.post(public_address(event, lesson["slug"], "playback")).status_code == 200

    assert [actions(admin, each) for each in (lesson, quiz)] == [["lesson.created"], ["quiz.created"]]
