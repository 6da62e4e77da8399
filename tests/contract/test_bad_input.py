"""Requests that nobody should send: they are refused in the contract's words, and nothing is written by half."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.clients import send_patiently
from tests.contract.samples import (
    QUIZ_NOT_FOUND,
    Json,
    event_body,
    new_event,
    parsed,
    unique,
)
from tests.contract.scene import NEEDS_BODY, Scene
from tests.installation import Installation
from tests.refusals import (
    EVENT_NOT_FOUND,
    INVALID_JSON,
    LESSON_NOT_FOUND,
    NOT_FOUND,
    NOT_JSON,
    TOO_LARGE,
    Response,
    invalid,
    refusal,
)

JSON = {"Content-Type": "application/json"}
TOO_DEEP = refusal(400, "REQUEST_ERROR", "The body is nested deeper than 32 levels")


@pytest.fixture(scope="module")
def shared_scene(admin: httpx.Client, learner: httpx.Client) -> Scene:
    """One public event for all tests of this file."""
    return Scene(admin, learner)


@pytest.fixture
def scene(shared_scene: Scene) -> Iterator[Scene]:
    """The scene, which must be afterwards as it was before."""
    before = shared_scene.state()
    yield shared_scene
    assert shared_scene.state() == before


# One bad body of each kind for each address; the kit's and the services' own tests have the others.


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b'{"title": "unfinished', JSON, INVALID_JSON),
        (b'{"title": "\\ud800"}', JSON, INVALID_JSON),
        (b'{"title": "A title"}', {"Content-Type": "text/plain"}, NOT_JSON),
        (b"[{}]", JSON, invalid(form=["must be a JSON object"])),
        (b'{"more": ' + b"[" * 32 + b"]" * 32 + b"}", JSON, TOO_DEEP),
        (b'{"title": "' + b"x" * 1024 * 1024 + b'"}', JSON, TOO_LARGE),
    ],
    ids=["no JSON", "half a surrogate pair", "no JSON type", "no object", "too deep", "too large"],
)
def test_a_bad_body_is_refused_at_every_address(scene: Scene, body: bytes, headers: Json, expected: Response) -> None:
    for operation in NEEDS_BODY:
        assert parsed(scene.request(operation, content=body, headers=headers)) == expected, operation


@pytest.mark.parametrize("wrong", [{}, 7.5], ids=repr)
def test_a_wrong_field_is_named_at_every_address(scene: Scene, wrong: object) -> None:
    for operation in NEEDS_BODY:
        for field in scene.valid_body(operation) or ("eventAccessKey",):
            body = {**(scene.valid_body(operation) or {}), field: wrong}
            response = parsed(scene.request(operation, json=body))
            texts = response.document["details"]["fieldErrors"].get(field)
            assert texts, (operation, field)
            assert response == invalid({field: texts}), operation


def test_every_missing_field_is_named_at_every_address(scene: Scene) -> None:
    for operation, needs_body in NEEDS_BODY.items():
        response = parsed(scene.request(operation, json={}))
        if operation.startswith("PUT") and "quizzes" not in operation:
            assert response == invalid(form=["At least one field is required"]), operation
        elif needs_body:
            assert response.status == 400, operation
            missing = response.document["details"]["fieldErrors"]
            assert {*missing} <= {*(scene.valid_body(operation) or {})}, operation
            assert response == invalid({field: ["is required"] for field in missing}), operation


def test_a_connection_survives_one_long_body_after_another(admin: httpx.Client) -> None:
    for kibibytes in (70, 300, 1000):
        body = b'{"title": "' + b"x" * kibibytes * 1024
        responses = [admin.post("/api/events", content=body, headers=JSON) for _ in range(20)]
        assert [parsed(each) for each in responses] == [INVALID_JSON] * 20


def test_unusual_json_is_accepted(admin: httpx.Client) -> None:
    for content_type in ("application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"):
        deep = json.dumps(event_body(title="[{" * 100))[:-1] + ', "more": ' + "[" * 31 + "]" * 31 + "}"
        response = admin.post("/api/events", content=deep.encode(), headers={"Content-Type": content_type})
        assert response.status_code == 201, response.text


def test_line_breaks_and_characters_of_every_script_are_kept(admin: httpx.Client) -> None:
    title, text = "Ünïcode 東京 🚀 \u200f עברית", "first line\r\n\tsecond line"
    event = new_event(admin, title=title, longDescription=text)
    assert (event["title"], event["longDescription"]) == (title, text)
    assert parsed(admin.get(f"/api/events/{event['id']}")) == (200, {"item": event})


# Addresses


IMPOSSIBLE = ("%00", "%0A", "%0d%0a", "%1b", "%7f", "%2e", "%2E%2e", "..%2f..", "a%2Fb")
STRANGE = ("%ff", "%C3%28", "%ED%A0%80", "%", "%zz", "%25", "%F0%9F%9A%80", "'", "%22", "a%20b", "x" * 4000, "...", "*")


def addresses(scene: Scene, segment: str) -> dict[str, tuple[str, Response]]:
    """Return a method for each address that has the segment in the place of a name, and who is not found there."""
    event, lesson = scene.event, scene.lesson
    lessons = f"/api/events/{event['id']}/lessons"
    public = "/api/public/events"
    return {
        f"/api/events/{segment}": ("GET", EVENT_NOT_FOUND),
        f"/api/events/{segment}/lessons": ("GET", EVENT_NOT_FOUND),
        f"{lessons}/{segment}": ("DELETE", LESSON_NOT_FOUND),
        f"{lessons}/{segment}/materials": ("GET", LESSON_NOT_FOUND),
        f"/api/quizzes/{segment}": ("DELETE", QUIZ_NOT_FOUND),
        f"/api/quizzes/{segment}/attempts": ("GET", QUIZ_NOT_FOUND),
        f"{public}/{segment}/catalog": ("POST", EVENT_NOT_FOUND),
        f"{public}/{event['slug']}/lessons/{segment}/quiz": ("POST", LESSON_NOT_FOUND),
        f"{public}/{segment}/lessons/{lesson['slug']}/playback": ("POST", EVENT_NOT_FOUND),
    }


def test_an_address_that_nothing_can_have_is_not_found(scene: Scene) -> None:
    for segment in IMPOSSIBLE:
        for address, (method, _) in addresses(scene, segment).items():
            assert parsed(scene.admin.request(method, address)) == NOT_FOUND, address


def test_a_strange_id_is_not_found_by_its_kind(scene: Scene) -> None:
    for segment in STRANGE:
        for address, (method, expected) in addresses(scene, segment).items():
            assert parsed(scene.admin.request(method, address)) == expected, address


@pytest.mark.full
def test_of_twenty_events_with_one_slug_one_is_made(stack: Installation, admin: httpx.Client) -> None:
    slug = unique("event")

    def create(number: int) -> Response:
        body = event_body(slug=slug, title=f"Event {number}")
        with stack.client(Authorization=admin.headers["Authorization"]) as client:
            return parsed(send_patiently(lambda: client.post("/api/events", json=body)))

    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(create, range(20)))
    [made] = [each.document["item"] for each in responses if each.status == 201]
    conflict = refusal(409, "EVENT_SLUG_CONFLICT", f"Another event already has the slug {slug}")
    assert [each for each in responses if each.status != 201] == [conflict] * 19
    assert [item for item in admin.get("/api/events").json()["items"] if item["slug"] == slug] == [made]


def test_no_log_has_a_traceback(stack: Installation, admin: httpx.Client) -> None:
    assert admin.get("/health").status_code == 200
    for name in ("gateway", "content", "quiz", "auth"):
        assert "Traceback" not in stack.log_lines(name), name
