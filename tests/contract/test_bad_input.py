"""What nobody should send: it is refused in the contract's words, the field is named, and nothing is half written."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.samples import (
    PAST,
    QUIZ_NOT_FOUND,
    UNKNOWN,
    Json,
    attached,
    catalog_address,
    event_body,
    file_body,
    lesson_address,
    lesson_body,
    materials_address,
    new_event,
    new_lesson,
    new_quiz,
    public_address,
    question,
    questions,
    said,
    unique,
)
from tests.installation import ADMIN, Installation
from tests.refusals import (
    EVENT_NOT_FOUND,
    INVALID_JSON,
    LESSON_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    NOT_JSON,
    TOO_LARGE,
    invalid,
    refusal,
)

JSON = {"Content-Type": "application/json"}
NO_CONTROLS = "must not contain control characters"
NO_INSTANT = "must be an ISO 8601 instant with a zone, such as 2026-03-01T12:00:00.000Z"
NEVER_WAS = "must be an instant that exists, between the years 0001 and 9999"


class Stage:
    """An event with a lesson, a material and a quiz, and every address that takes a body."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client):
        self._admin, self._learner = admin, learner
        self.event = new_event(admin)
        self.lesson = new_lesson(admin, self.event)
        self.quiz = new_quiz(admin, self.lesson)
        attached(admin, self.lesson)
        self.lessons = f"/api/events/{self.event['id']}/lessons"

    def everything(self) -> list[Any]:
        """All that an admin can see of it, and how much there is of everything else."""
        addresses = (
            f"/api/events/{self.event['id']}",
            self.lessons,
            materials_address(self.lesson),
            f"/api/quizzes?eventId={self.event['id']}",
            f"/api/quizzes/{self.quiz['id']}/attempts",
            "/api/admin/dashboard/operational-snapshot",
        )
        return [said(self._admin.get(address)) for address in addresses]

    def doors(self) -> list[tuple[str, str]]:
        """Every method and address that takes a body."""
        return [
            ("POST", "/api/admin/login"),
            ("POST", "/api/events"),
            ("PUT", f"/api/events/{self.event['id']}"),
            ("POST", self.lessons),
            ("PUT", lesson_address(self.lesson)),
            ("POST", materials_address(self.lesson)),
            ("POST", "/api/quizzes"),
            ("PUT", f"/api/quizzes/{self.quiz['id']}"),
            ("POST", catalog_address(self.event)),
            *(
                ("POST", public_address(self.event, self.lesson["slug"], action))
                for action in ("access-check", "playback", "materials", "quiz", "quiz/submit")
            ),
        ]

    def send(self, door: tuple[str, str], body: bytes, headers: Json) -> httpx.Response:
        """As an admin or, at a public address, as a learner."""
        method, address = door
        client = self._learner if address.startswith("/api/public") else self._admin
        return client.request(method, address, content=body, headers=headers)


@pytest.fixture
def stage(admin: httpx.Client, learner: httpx.Client) -> Iterator[Stage]:
    """A stage that must be afterwards as it was before."""
    stage = Stage(admin, learner)
    before = stage.everything()
    yield stage
    assert stage.everything() == before


# Bodies that are no JSON


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"title": }',
        b"{'title': 'single quotes'}",
        b'{"title": "unfinished',
        b'{"a": 1} {"b": 2}',
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        b'{"title": "\xff\xfe"}',
        b'{"title": "\xed\xa0\x80"}',
        b'{"title": "\\ud800"}',
        b'{"title": "\\udc00\\ud800"}',
        b'{"title": "a\x00b"}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1' + b"0" * 400 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"[" * 2000 + b"]" * 2000,
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_not_json_is_refused_at_every_door(stage: Stage, body: bytes) -> None:
    for door in stage.doors():
        assert said(stage.send(door, body, JSON)) == INVALID_JSON, door


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "text/html, application/json"},
    ],
)
def test_a_body_of_another_type_is_refused_at_every_door(stage: Stage, headers: Json) -> None:
    for door in stage.doors():
        assert said(stage.send(door, b'{"title": "A title"}', headers)) == NOT_JSON, door


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"]
)
def test_json_may_have_parameters(admin: httpx.Client, content_type: str) -> None:
    body = json.dumps(event_body()).encode()
    assert admin.post("/api/events", content=body, headers={"Content-Type": content_type}).status_code == 201


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"true", b"[{}]"])
def test_json_that_is_no_object_is_refused_at_every_door(stage: Stage, body: bytes) -> None:
    for door in stage.doors():
        assert said(stage.send(door, body, JSON)) == invalid(form=["must be a JSON object"]), door


def test_a_body_over_one_mebibyte_is_refused_at_every_door(stage: Stage) -> None:
    body = b'{"title": "' + b"x" * 1024 * 1024 + b'"}'
    for door in stage.doors():
        assert said(stage.send(door, body, JSON)) == TOO_LARGE, door


@pytest.mark.parametrize("kibibytes", [70, 300, 1000])
def test_a_connection_stays_good_for_one_long_body_after_another(admin: httpx.Client, kibibytes: int) -> None:
    body = b'{"title": "' + b"x" * kibibytes * 1024
    answers = [admin.post("/api/events", content=body, headers=JSON) for _ in range(50)]
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(400, "REQUEST_ERROR")}


TOO_DEEP = refusal(400, "REQUEST_ERROR", "The body is nested deeper than 32 levels")


@pytest.mark.parametrize("levels", [32, 500, 1000])
def test_json_of_too_many_levels_is_refused_at_every_door(stage: Stage, levels: int) -> None:
    body = b'{"more": ' + b"[" * levels + b"]" * levels + b"}"
    for door in stage.doors():
        assert said(stage.send(door, body, JSON)) == TOO_DEEP, door


def test_nesting_in_an_unknown_field_is_ignored_and_brackets_in_a_text_are_none(admin: httpx.Client) -> None:
    body = event_body(title="[{" * 100)
    deep = json.dumps(body)[:-1] + ', "more": ' + "[" * 31 + "]" * 31 + "}"
    assert admin.post("/api/events", content=deep.encode(), headers=JSON).status_code == 201


# Fields


EVENT_FAULTS: tuple[tuple[Json, str], ...] = (
    ({"title": None}, "title"),
    ({"title": 7}, "title"),
    ({"title": ["a", "b", "c"]}, "title"),
    ({"title": "ab"}, "title"),
    ({"title": "  ab  "}, "title"),
    ({"slug": {}}, "slug"),
    ({"slug": "ab"}, "slug"),
    ({"slug": "!!!!"}, "slug"),
    ({"description": "x" * 501}, "description"),
    ({"shortDescription": "x" * 221}, "shortDescription"),
    ({"longDescription": "x" * 4001}, "longDescription"),
    ({"isActive": "true"}, "isActive"),
    ({"isActive": 1}, "isActive"),
    ({"isActive": None}, "isActive"),
    ({"visibility": "secret"}, "visibility"),
    ({"visibility": "PUBLIC"}, "visibility"),
    ({"accessKey": "12345"}, "accessKey"),
    ({"accessKey": "x" * 65}, "accessKey"),
    ({"accessKey": 123456}, "accessKey"),
    ({"hero": None}, "hero"),
    ({"hero": "Begin"}, "hero"),
    ({"hero": {"title": "Begin"}}, "hero"),
    ({"hero": {"title": "x" * 121, "subtitle": "s", "ctaText": "c"}}, "hero"),
    ({"visualStyle": {"backgroundColor": "#fff", "textColor": "#000000", "accentColor": "#000000"}}, "visualStyle"),
    ({"visualStyle": {"backgroundColor": "#00000g", "textColor": "#000000", "accentColor": "#000000"}}, "visualStyle"),
    (
        {"visualStyle": {"backgroundColor": "#000000\n", "textColor": "#000000", "accentColor": "#000000"}},
        "visualStyle",
    ),
    ({"logoUrl": "logo.png"}, "logoUrl"),
    ({"logoUrl": "javascript:alert(1)"}, "logoUrl"),
    ({"logoUrl": "https://a.example/" + "x" * 400}, "logoUrl"),
    ({"highlightVideoUrl": "https://"}, "highlightVideoUrl"),
    ({"highlightVideoUrl": 7}, "highlightVideoUrl"),
)
LESSON_FAULTS: tuple[tuple[Json, str], ...] = (
    ({"title": "ab"}, "title"),
    ({"title": None}, "title"),
    ({"slug": "ab"}, "slug"),
    ({"slug": 123}, "slug"),
    ({"description": "x" * 401}, "description"),
    ({"videoProvider": "dailymotion"}, "videoProvider"),
    ({"videoProvider": None}, "videoProvider"),
    ({"videoId": "ab"}, "videoId"),
    ({"videoId": "x" * 121}, "videoId"),
    ({"releaseAt": None}, "releaseAt"),
)
QUIZ_FAULTS: tuple[tuple[Json, str], ...] = (
    ({"title": "ab"}, "title"),
    ({"title": "x" * 161}, "title"),
    ({"passPercentage": -1}, "passPercentage"),
    ({"passPercentage": 101}, "passPercentage"),
    ({"passPercentage": 70.5}, "passPercentage"),
    ({"passPercentage": "70"}, "passPercentage"),
    ({"passPercentage": True}, "passPercentage"),
    ({"passPercentage": 10**300}, "passPercentage"),
    ({"questions": []}, "questions"),
    ({"questions": questions(31)}, "questions"),
    ({"questions": {}}, "questions"),
    ({"questions": [question("ab", ("a", True), ("b", False))]}, "questions"),
    ({"questions": [question("x" * 501, ("a", True), ("b", False))]}, "questions"),
    ({"questions": [question("Which?", ("only one", True))]}, "questions"),
    ({"questions": [question("Which?", *[("a", True)] * 11)]}, "questions"),
    ({"questions": [question("Which?", ("", True), ("b", False))]}, "questions"),
    ({"questions": [question("Which?", ("x" * 301, True), ("b", False))]}, "questions"),
    ({"questions": [question("Which?", ("a", "yes"), ("b", False))]}, "questions"),  # type: ignore[arg-type]
    ({"questions": [question("Which?", ("a", True), ("b", False), order=0)]}, "questions"),
    ({"questions": [question("Which?", ("a", True), ("b", False), order=1)] * 2}, "questions"),
)


def blamed(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """The status, the code, and the fields that are named, each of them with a text."""
    status, body = said(answer)
    fields = body["details"]["fieldErrors"]
    assert (body["message"], body["details"]["formErrors"]) == ("The request is not valid", [])
    assert all(texts and all(texts) for texts in fields.values())
    return status, body["error"], sorted(fields)


@pytest.mark.parametrize(("fault", "field"), EVENT_FAULTS)
def test_a_wrong_field_of_an_event_is_named(admin: httpx.Client, stage: Stage, fault: Json, field: str) -> None:
    expected = (400, "VALIDATION_ERROR", [field])
    assert blamed(admin.post("/api/events", json=event_body(**fault))) == expected
    assert blamed(admin.put(f"/api/events/{stage.event['id']}", json={"isActive": True, **fault})) == expected


@pytest.mark.parametrize(("fault", "field"), LESSON_FAULTS)
def test_a_wrong_field_of_a_lesson_is_named(admin: httpx.Client, stage: Stage, fault: Json, field: str) -> None:
    expected = (400, "VALIDATION_ERROR", [field])
    assert blamed(admin.post(stage.lessons, json=lesson_body(**fault))) == expected
    assert blamed(admin.put(lesson_address(stage.lesson), json={"description": "Changed", **fault})) == expected


@pytest.mark.parametrize(("fault", "field"), QUIZ_FAULTS)
def test_a_wrong_field_of_a_quiz_is_named(admin: httpx.Client, stage: Stage, fault: Json, field: str) -> None:
    expected = (400, "VALIDATION_ERROR", [field])
    body = {"title": "A quiz", "questions": questions(), **fault}
    place = {"eventId": stage.event["id"], "lessonId": stage.lesson["id"]}
    assert blamed(admin.post("/api/quizzes", json={**place, **body})) == expected
    assert blamed(admin.put(f"/api/quizzes/{stage.quiz['id']}", json=body)) == expected


def test_everything_that_is_missing_is_named(admin: httpx.Client, stage: Stage) -> None:
    required = {
        "/api/admin/login": ["username", "password"],
        "/api/events": ["title", "slug"],
        stage.lessons: ["title", "slug", "releaseAt"],
        materials_address(stage.lesson): ["files"],
        "/api/quizzes": ["title", "questions", "eventId", "lessonId"],
    }
    for address, fields in required.items():
        assert said(admin.post(address, json={})) == invalid({field: ["is required"] for field in fields})
    file_fields = ("fileName", "mimeType", "sizeBytes", "downloadUrl")
    assert said(admin.post(materials_address(stage.lesson), json={"files": [{}]})) == invalid(
        {"files": [f"0.{field}: is required" for field in file_fields]}
    )
    update = admin.put(f"/api/quizzes/{stage.quiz['id']}", json={})
    assert said(update) == invalid({"title": ["is required"], "questions": ["is required"]})


@pytest.mark.parametrize("fields", [{"username": "ab"}, {"username": 7}, {"password": "12345"}, {"password": None}])
def test_wrong_credentials_are_named(learner: httpx.Client, fields: Json) -> None:
    expected = (400, "VALIDATION_ERROR", list(fields))
    assert blamed(learner.post("/api/admin/login", json={**ADMIN, **fields})) == expected


@pytest.mark.parametrize("key", ["", "12345", "x" * 65, 123456, None, [], "     a     "])
def test_an_access_key_that_can_be_none_is_named(learner: httpx.Client, stage: Stage, key: object) -> None:
    expected = (400, "VALIDATION_ERROR", ["eventAccessKey"])
    for method, address in stage.doors():
        if address.startswith("/api/public"):
            answer = learner.request(method, address, json={"eventAccessKey": key, "answers": []})
            assert blamed(answer) == expected, address


@pytest.mark.parametrize(
    "answers",
    [
        None,
        {},
        "all",
        [None],
        [[]],
        [{}],
        [{"questionId": "a"}],
        [{"questionId": 1, "optionId": "a"}],
        [{"questionId": "a", "optionId": None}],
        [{"questionId": "a", "optionId": "b"}] * 101,
    ],
    ids=lambda answers: repr(answers)[:40],
)
def test_answers_that_are_none_are_named(learner: httpx.Client, stage: Stage, answers: object) -> None:
    address = public_address(stage.event, stage.lesson["slug"], "quiz/submit")
    assert blamed(learner.post(address, json={"answers": answers})) == (400, "VALIDATION_ERROR", ["answers"])


@pytest.mark.parametrize(
    "text",
    ["\0", "a\0b\0c", "nul at the end\0", "bell\a here", "escape \x1b[31m", "\x7f\x7f\x7f", "\x85" * 3 + "abc\x9b"],
)
def test_control_characters_are_refused_in_every_text(admin: httpx.Client, stage: Stage, text: str) -> None:
    text = f"abc{text}xyz"
    complaint = [NO_CONTROLS]
    hero = {"title": text, "subtitle": "s", "ctaText": "c"}
    names = ("title", "slug", "description", "shortDescription", "longDescription", "accessKey")
    texts_of_event: Json = dict.fromkeys(names, text)
    assert said(admin.post("/api/events", json={**texts_of_event, "hero": hero})) == invalid(
        {**dict.fromkeys(texts_of_event, complaint), "hero": [f"title: {NO_CONTROLS}"]}
    )
    texts = ("title", "slug", "description", "videoId")
    assert said(admin.put(lesson_address(stage.lesson), json=dict.fromkeys(texts, text))) == invalid(
        dict.fromkeys(texts, complaint)
    )
    assert said(admin.post(materials_address(stage.lesson), json={"files": [file_body(fileName=text)]})) == invalid(
        {"files": [f"0.fileName: {NO_CONTROLS}"]}
    )
    asked = [question(text, (text, True), ("b", False))]
    assert said(admin.put(f"/api/quizzes/{stage.quiz['id']}", json={"title": text, "questions": asked})) == invalid(
        {"title": complaint, "questions": [f"0.prompt: {NO_CONTROLS}", f"0.options.0.text: {NO_CONTROLS}"]}
    )


def test_line_breaks_and_characters_of_every_script_are_kept(admin: httpx.Client) -> None:
    title, text = "Ünïcode 東京 🚀 \u202e עברית", "first line\r\n\tsecond line"
    event = new_event(admin, title=title, longDescription=text)
    assert (event["title"], event["longDescription"]) == (title, text)
    assert said(admin.get(f"/api/events/{event['id']}")) == (200, {"item": event})


# Instants


@pytest.mark.parametrize(
    ("instant", "complaint"),
    [
        ("2026-03-01T12:00:00", NO_INSTANT),
        ("2026-03-01", NO_INSTANT),
        ("12:00:00Z", NO_INSTANT),
        ("tomorrow", NO_INSTANT),
        ("", NO_INSTANT),
        ("2026-03-01T12:00:00 Z", NO_INSTANT),
        ("2026-03-01T12:00:00+0200", NO_INSTANT),
        ("20260301T120000Z", NO_INSTANT),
        ("2026-W09-1T12:00:00Z", NO_INSTANT),
        ("+12026-03-01T12:00:00Z", NO_INSTANT),
        ("2026-03-01T12:00:00Z\0", NO_INSTANT),
        ("٢٠٢٦-03-01T12:00:00Z", NO_INSTANT),
        ("2026-02-30T12:00:00Z", NEVER_WAS),
        ("2026-13-01T12:00:00Z", NEVER_WAS),
        ("2026-03-01T25:00:00Z", NEVER_WAS),
        ("2026-03-01T12:00:61Z", NEVER_WAS),
        ("2026-03-01T12:00:00+99:00", NEVER_WAS),
        ("0000-01-01T00:00:00Z", NEVER_WAS),
        ("0001-01-01T00:00:00+00:01", NEVER_WAS),
        ("9999-12-31T23:59:59-00:01", NEVER_WAS),
        (1772366400000, "must be an ISO 8601 instant in text"),
        (1e308, "must be an ISO 8601 instant in text"),
        (True, "must be an ISO 8601 instant in text"),
        ({}, "must be an ISO 8601 instant in text"),
    ],
)
def test_an_instant_that_is_none_is_refused(admin: httpx.Client, stage: Stage, instant: object, complaint: str) -> None:
    both = {"releaseAt": instant, "expiresAt": instant}
    expected = invalid({"releaseAt": [complaint], "expiresAt": [complaint]})
    assert said(admin.post(stage.lessons, json=lesson_body(**both))) == expected
    assert said(admin.put(lesson_address(stage.lesson), json=both)) == expected


# Addresses


ODD = ("%00", "%0A", "%0d%0a", "%1b", "%7f", "%2e", "%2E%2e", "..%2f..", "a%2Fb")
STRANGE = ("%ff", "%C3%28", "%ED%A0%80", "%", "%zz", "%25", "%F0%9F%9A%80", "'", "%22", "a%20b", "x" * 4000, "...", "*")


@pytest.mark.parametrize("segment", ODD)
def test_a_path_that_nothing_can_have_is_not_found(
    admin: httpx.Client, learner: httpx.Client, stage: Stage, segment: str
) -> None:
    event, lesson = stage.event, stage.lesson
    for method, path in (
        ("GET", f"/api/events/{segment}"),
        ("DELETE", f"/api/events/{segment}"),
        ("GET", f"/api/events/{segment}/lessons"),
        ("GET", f"{stage.lessons}/{segment}"),
        ("DELETE", f"{stage.lessons}/{segment}"),
        ("GET", f"{stage.lessons}/{segment}/materials"),
        ("DELETE", f"{materials_address(lesson)}/{segment}"),
        ("DELETE", f"/api/quizzes/{segment}"),
        ("GET", f"/api/quizzes/{segment}/attempts"),
    ):
        assert said(admin.request(method, path)) == NOT_FOUND, path
    for path in (
        f"/api/public/events/{segment}/catalog",
        f"/api/public/events/{event['slug']}/lessons/{segment}/playback",
        f"/api/public/events/{segment}/lessons/{lesson['slug']}/quiz/submit",
    ):
        assert said(learner.post(path)) == NOT_FOUND, path


@pytest.mark.parametrize("segment", STRANGE, ids=lambda segment: segment[:12])
def test_an_id_that_nothing_has_is_not_found_by_its_name(
    admin: httpx.Client, learner: httpx.Client, stage: Stage, segment: str
) -> None:
    event, lesson = stage.event, stage.lesson
    for method, path, expected in (
        ("GET", f"/api/events/{segment}", EVENT_NOT_FOUND),
        ("DELETE", f"/api/events/{segment}", EVENT_NOT_FOUND),
        ("GET", f"/api/events/{segment}/lessons", EVENT_NOT_FOUND),
        ("DELETE", f"{stage.lessons}/{segment}", LESSON_NOT_FOUND),
        ("GET", f"{stage.lessons}/{segment}/materials", LESSON_NOT_FOUND),
        ("GET", f"/api/quizzes/{segment}", QUIZ_NOT_FOUND),
        ("GET", f"/api/quizzes/{segment}/attempts", QUIZ_NOT_FOUND),
    ):
        assert said(admin.request(method, path)) == expected, path
    catalog = learner.post(f"/api/public/events/{segment}/catalog")
    assert said(catalog) == EVENT_NOT_FOUND
    quiz = learner.post(f"/api/public/events/{event['slug']}/lessons/{segment}/quiz")
    assert said(quiz) == LESSON_NOT_FOUND
    elsewhere = learner.post(f"/api/public/events/{segment}/lessons/{lesson['slug']}/playback")
    assert said(elsewhere) == EVENT_NOT_FOUND


def test_an_empty_id_is_nobodys(admin: httpx.Client, stage: Stage) -> None:
    assert said(admin.delete("/api/events/")) == EVENT_NOT_FOUND
    assert said(admin.delete(f"{stage.lessons}/")) == LESSON_NOT_FOUND
    assert said(admin.delete("/api/quizzes/")) == QUIZ_NOT_FOUND


@pytest.mark.parametrize("name", ["eventId", "lessonId"])
@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("=%00", NO_CONTROLS),
        ("=a%0Ab%1b", NO_CONTROLS),
        ("=", "must have at least 1 characters"),
        ("=" + "x" * 201, "must have at most 200 characters"),
    ],
    ids=lambda each: each[:12],
)
def test_a_filter_that_nothing_can_match_is_named(admin: httpx.Client, name: str, query: str, complaint: str) -> None:
    assert said(admin.get(f"/api/quizzes?{name}{query}")) == invalid({name: [complaint]})


@pytest.mark.parametrize(
    "query", ["eventId=%ff", "eventId=%ED%A0%80", "eventId='", "lessonId=%25", "lessonId=1%20OR%201"]
)
def test_a_filter_that_matches_nothing_gives_nothing(admin: httpx.Client, query: str) -> None:
    assert said(admin.get(f"/api/quizzes?{query}")) == (200, {"items": []})


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "PUT", "PROPFIND"])
def test_a_method_that_an_address_does_not_take_changes_nothing(admin: httpx.Client, stage: Stage, method: str) -> None:
    for path in (stage.lessons, "/api/events", catalog_address(stage.event)):
        assert said(admin.request(method, path)) == METHOD_NOT_ALLOWED


def test_an_unknown_route_is_not_found_whatever_is_sent(admin: httpx.Client, stage: Stage) -> None:
    for path in (
        "/api/events/a/b",
        "/api/public",
        f"{stage.lessons}/a/b/c",
        "/api/Events",
        "/api/quizzes/a/attempts/b",
    ):
        assert said(admin.get(path)) == NOT_FOUND
        assert said(admin.post(path, content=b"{", headers={"Content-Type": "text/plain"})) == NOT_FOUND


# Ids of another parent


def test_a_quiz_is_refused_to_a_lesson_of_another_event(admin: httpx.Client, stage: Stage) -> None:
    other = new_event(admin)
    lesson = new_lesson(admin, other)
    body = {"title": "A quiz", "questions": questions()}
    astray = {"eventId": stage.event["id"], "lessonId": lesson["id"]}
    assert said(admin.post("/api/quizzes", json={**body, **astray})) == LESSON_NOT_FOUND
    unknown = {"eventId": UNKNOWN, "lessonId": lesson["id"]}
    assert said(admin.post("/api/quizzes", json={**body, **unknown})) == EVENT_NOT_FOUND
    assert said(admin.get(f"/api/quizzes?lessonId={lesson['id']}")) == (200, {"items": []})
    assert said(admin.delete(f"/api/events/{other['id']}")) == (204, None)


@pytest.mark.parametrize("odd", [".", "..", "../..", "%2e%2e", "a/b", "?a=b", "#"])
def test_a_quiz_for_an_odd_id_is_refused(admin: httpx.Client, stage: Stage, odd: str) -> None:
    body = {"title": "A quiz", "questions": questions()}
    astray = admin.post("/api/quizzes", json={**body, "eventId": odd, "lessonId": stage.lesson["id"]})
    assert said(astray) in (EVENT_NOT_FOUND, LESSON_NOT_FOUND)
    lost = admin.post("/api/quizzes", json={**body, "eventId": stage.event["id"], "lessonId": odd})
    assert said(lost) == LESSON_NOT_FOUND


# Races


def at_once(
    stack: Installation, admin: httpx.Client, method: str, addresses: list[str], bodies: list[Json]
) -> list[Any]:
    """What is answered to requests that are all under way together."""

    def ask(address: str, body: Json) -> Any:
        with stack.client(Authorization=admin.headers["Authorization"]) as client:
            return said(client.request(method, address, json=body))

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(ask, addresses, bodies))


def winner(answers: list[Any], status: int, conflict: Any) -> Any:
    """The one success; all others must be the conflict."""
    won = [body for answered, body in answers if answered == status]
    assert len(won) == 1
    assert [answer for answer in answers if answer[0] != status] == [conflict] * (len(answers) - 1)
    return won[0]["item"]


def test_of_twenty_events_with_one_slug_one_is_made(stack: Installation, admin: httpx.Client) -> None:
    slug = unique("event")
    bodies = [event_body(slug=slug, title=f"Event {place}") for place in range(20)]
    answers = at_once(stack, admin, "POST", ["/api/events"] * 20, bodies)
    conflict = refusal(409, "EVENT_SLUG_CONFLICT", f"Another event already has the slug {slug}")
    event = winner(answers, 201, conflict)
    assert [item for item in admin.get("/api/events").json()["items"] if item["slug"] == slug] == [event]


def test_of_twenty_lessons_with_one_slug_one_is_made(stack: Installation, admin: httpx.Client) -> None:
    event, slug = new_event(admin), unique("lesson")
    address = f"/api/events/{event['id']}/lessons"
    answers = at_once(stack, admin, "POST", [address] * 20, [lesson_body(slug=slug)] * 20)
    conflict = refusal(409, "LESSON_SLUG_CONFLICT", f"Another lesson of this event already has the slug {slug}")
    assert said(admin.get(address)) == (200, {"items": [winner(answers, 201, conflict)]})


def test_of_twenty_quizzes_for_one_lesson_one_is_made(stack: Installation, admin: httpx.Client) -> None:
    lesson = new_lesson(admin, new_event(admin))
    place = {"eventId": lesson["eventId"], "lessonId": lesson["id"]}
    bodies = [{**place, "title": f"Quiz {place_}", "questions": questions()} for place_ in range(20)]
    answers = at_once(stack, admin, "POST", ["/api/quizzes"] * 20, bodies)
    quiz = winner(answers, 201, refusal(409, "QUIZ_LESSON_CONFLICT", "The lesson already has a quiz"))
    assert said(admin.get(f"/api/quizzes?lessonId={lesson['id']}")) == (200, {"items": [quiz]})


def test_of_events_that_all_take_one_slug_one_gets_it(stack: Installation, admin: httpx.Client) -> None:
    slug = unique("event")
    events = [new_event(admin) for _ in range(20)]
    addresses = [f"/api/events/{event['id']}" for event in events]
    answers = at_once(stack, admin, "PUT", addresses, [{"slug": slug}] * 20)
    conflict = refusal(409, "EVENT_SLUG_CONFLICT", f"Another event already has the slug {slug}")
    renamed = winner(answers, 200, conflict)
    slugs = {said(admin.get(address))[1]["item"]["slug"] for address in addresses}
    assert slugs == {event["slug"] for event in events if event["id"] != renamed["id"]} | {slug}


def test_uploads_at_the_same_time_are_all_kept(stack: Installation, admin: httpx.Client) -> None:
    lesson = new_lesson(admin, new_event(admin), releaseAt=PAST)
    bodies = [{"files": [file_body(fileName=f"{place}-{part}.pdf") for part in range(3)]} for place in range(20)]
    answers = at_once(stack, admin, "POST", [materials_address(lesson)] * 20, bodies)
    assert [status for status, _ in answers] == [201] * 20
    listed = [item["id"] for item in admin.get(materials_address(lesson)).json()["items"]]
    uploads = [[item["id"] for item in body["items"]] for _, body in answers]
    assert sorted(listed) == sorted(each for upload in uploads for each in upload)
    # Those of one request stay together, in their order.
    places = [[listed.index(each) for each in upload] for upload in uploads]
    assert all(place == list(range(place[0], place[0] + 3)) for place in places)


def test_no_log_has_a_traceback(stack: Installation, admin: httpx.Client) -> None:
    assert admin.get("/health").status_code == 200
    for name in ("gateway", "content", "quiz", "auth"):
        assert "Traceback" not in stack.log_lines(name), name
