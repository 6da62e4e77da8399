"""Additions to the baseline: single records, deletions, filters, attempts, the public list and pages."""

from urllib.parse import urljoin
from uuid import uuid4

import httpx
import yaml

from tests.contract.openapi import GATEWAY
from tests.contract.samples import (
    FUTURE,
    HERO,
    LATER_PAST,
    PAST,
    QUIZ_NOT_FOUND,
    UNKNOWN,
    Json,
    attached,
    catalog_address,
    chosen,
    file_body,
    lesson_address,
    materials_address,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
    public_event,
    questions,
)
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, invalid, refusal

MATERIAL_NOT_FOUND = refusal(404, "MATERIAL_NOT_FOUND", "Material not found")
NO_CURSOR = invalid({"cursor": ["must be a nextCursor of this list"]})


def pages(client: httpx.Client, address: str, limit: int) -> list[list[Json]]:
    """Return the pages of the list, until there is no next cursor."""
    collected: list[list[Json]] = []
    cursor: Json = {}
    while True:
        status, body = parsed(client.get(address, params={"limit": limit, **cursor}))
        assert (status, sorted(body)) == (200, ["items", "nextCursor"])
        collected.append(body["items"])
        if body["nextCursor"] is None:
            return collected
        cursor = {"cursor": body["nextCursor"]}


def ids(items: list[Json]) -> list[str]:
    """Return the ids in order."""
    return [str(item["id"]) for item in items]


# Materials


def test_a_material_can_be_detached_alone(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    first, second, third = attached(admin, lesson, *(file_body(fileName=f"{place}.pdf") for place in range(3)))
    address = f"{materials_address(lesson)}/{second['id']}"
    assert parsed(admin.delete(address)) == (204, None)
    assert parsed(admin.delete(address)) == MATERIAL_NOT_FOUND
    (fourth,) = attached(admin, lesson, file_body(fileName="3.pdf"))
    left = (200, {"items": [first, third, fourth]})
    assert parsed(admin.get(materials_address(lesson))) == left
    assert parsed(learner.post(public_address(event, lesson["slug"], "materials"))) == left


# Deletions take what belongs to them along


def test_a_deleted_lesson_takes_its_materials_and_its_quiz_along(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    lesson, other = new_lesson(admin, event), new_lesson(admin, event)
    quiz, other_quiz = new_quiz(admin, lesson), new_quiz(admin, other)
    attached(admin, lesson)
    assert parsed(admin.delete(lesson_address(lesson))) == (204, None)
    assert parsed(admin.delete(lesson_address(lesson))) == LESSON_NOT_FOUND
    assert parsed(admin.get(materials_address(lesson))) == LESSON_NOT_FOUND
    assert parsed(admin.get(f"/api/quizzes/{quiz['id']}")) == QUIZ_NOT_FOUND
    assert parsed(learner.post(public_address(event, lesson["slug"], "quiz"))) == LESSON_NOT_FOUND
    assert parsed(admin.get(f"/api/quizzes?eventId={event['id']}")) == (200, {"items": [other_quiz]})
    assert parsed(admin.get(f"/api/events/{event['id']}/lessons")) == (200, {"items": [other]})
    again = new_lesson(admin, event, slug=lesson["slug"])
    assert (again["slug"], again["id"] != lesson["id"]) == (lesson["slug"], True)


def test_a_deleted_event_takes_everything_along(admin: httpx.Client, learner: httpx.Client) -> None:
    event, other = new_event(admin, isActive=True), new_event(admin)
    lessons = [new_lesson(admin, event) for _ in range(2)]
    quizzes = [new_quiz(admin, lesson) for lesson in lessons]
    kept = new_quiz(admin, new_lesson(admin, other))
    assert parsed(admin.delete(f"/api/events/{event['id']}")) == (204, None)
    assert parsed(admin.delete(f"/api/events/{event['id']}")) == EVENT_NOT_FOUND
    assert parsed(admin.get(lesson_address(lessons[0]))) == EVENT_NOT_FOUND
    assert parsed(learner.post(catalog_address(event))) == EVENT_NOT_FOUND
    assert [parsed(admin.get(f"/api/quizzes/{quiz['id']}")) for quiz in quizzes] == [QUIZ_NOT_FOUND] * 2
    assert parsed(admin.get(f"/api/quizzes/{kept['id']}")) == (200, {"item": kept})
    assert new_event(admin, slug=event["slug"])["slug"] == event["slug"]


# Attempts


def test_attempts_are_listed_newest_first(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    quiz = new_quiz(admin, lesson)
    submit, address = public_address(event, lesson["slug"], "quiz/submit"), f"/api/quizzes/{quiz['id']}/attempts"
    rights = ((True, True), (False, None), (True, False))
    results = [learner.post(submit, json={"answers": chosen(quiz, *each)}).json()["result"] for each in rights]
    shown = learner.post(public_address(event, lesson["slug"], "quiz")).json()["item"]
    status, body = parsed(admin.get(address))
    place = {"eventId": event["id"], "lessonId": lesson["id"]}
    asked = {name: quiz[name] for name in ("title", "passPercentage", "questions")}
    expected = [
        {"id": item["id"], **place, "revision": shown["revision"], **result, "quiz": asked}
        for result, item in zip(reversed(results), body["items"], strict=True)
    ]
    assert (status, body) == (200, {"items": expected, "nextCursor": None})
    assert len(set(ids(body["items"]))) == 3
    assert pages(admin, address, 2) == [body["items"][:2], body["items"][2:]]


# The public list


def test_active_public_events_are_listed_and_no_others(admin: httpx.Client, learner: httpx.Client) -> None:
    listed = new_event(admin, isActive=True, shortDescription="short", hero=HERO, accessKey="a forgotten key")
    hidden = [new_event(admin), private_event(admin, isActive=True), private_event(admin)]
    status, body = parsed(learner.get("/api/public/events"))
    found = {item["id"]: item for item in body["items"]}
    assert (status, sorted(body)) == (200, ["items"])
    assert found[listed["id"]] == public_event(listed)
    assert [event["id"] for event in hidden if event["id"] in found] == []
    assert {item["visibility"] for item in found.values()} == {"public"}


# Pages


def test_every_list_is_whole_without_a_limit_and_in_pages_with_one(admin: httpx.Client) -> None:
    event = new_event(admin)
    windows = (LATER_PAST, PAST, PAST, FUTURE, LATER_PAST)
    lessons = [new_lesson(admin, event, releaseAt=release_at) for release_at in windows]
    for lesson in lessons:
        new_quiz(admin, lesson, questions=questions(1))
    attached(admin, lessons[0], *(file_body(fileName=f"{place}.pdf") for place in range(5)))
    for address in (
        f"/api/events/{event['id']}/lessons",
        materials_address(lessons[0]),
        f"/api/quizzes?eventId={event['id']}",
    ):
        status, body = parsed(admin.get(address))
        assert (status, sorted(body), len(body["items"])) == (200, ["items"], 5)
        everything = body["items"]
        expected = [everything[:2], everything[2:4], everything[4:]]
        path, _, query = address.partition("?")
        with httpx.Client(
            base_url=admin.base_url, headers=admin.headers, params=query or None, trust_env=False, timeout=60
        ) as client:
            assert pages(client, path, 2) == expected
            assert pages(client, path, 5) == [everything]
            assert pages(client, path, 100) == [everything]


def test_a_limit_or_a_cursor_that_no_list_knows_is_named(admin: httpx.Client, learner: httpx.Client) -> None:
    wrong_limit = invalid({"limit": ["must be a whole number from 1 to 100"]})
    for client, address in (
        (admin, "/api/events"),
        (admin, "/api/quizzes"),
        (admin, f"/api/quizzes/{UNKNOWN}/attempts"),
        (learner, "/api/public/events"),
    ):
        for limit in ("0", "101", "ten", ""):
            assert parsed(client.get(address, params={"limit": limit})) == wrong_limit
        # Nonsense, [1,2,3], [true,"a"], [1,"\u0000"] and a number over 64 bits.
        for cursor in (
            "nonsense",
            "WzEsMiwzXQ",
            "W3RydWUsImEiXQ",
            "WzEsIlx1MDAwMCJd",
            "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCJhIl0",
        ):
            assert parsed(client.get(address, params={"cursor": cursor})) == NO_CURSOR


# Filters, searches and orders


def test_a_list_is_searched_filtered_and_sorted_and_its_link_leads_on(admin: httpx.Client) -> None:
    mark = uuid4().hex
    titles = ["Über 100 %", "ÜBER A_B", "u\u0308ber Strasse", "STRAẞE", "Zebra"]
    events = [
        new_event(admin, title=f"{title} {mark}", isActive=number != 0, slug=f"{mark}-{number}")
        for number, title in enumerate(titles)
    ]

    def found(**parameters: str) -> list[int]:
        status, body = parsed(admin.get("/api/events", params=parameters))
        assert status == 200, body
        return [events.index(each) for each in body["items"]]

    assert found(q=mark) == [0, 1, 2, 3, 4]
    assert found(q=f"{mark}-2") == [2]
    assert found(q=f"strasse {mark}") == [2, 3]
    assert found(q=f"b {mark.upper()}") == [1]
    assert (found(q=f"100 % {mark}"), found(q=f"100 _ {mark}")) == ([0], [])
    assert found(q=mark, isActive="false") == [0]
    assert found(q=mark, sort="-createdAt") == [4, 3, 2, 1, 0]
    # By the numbers of the characters in lower case.
    assert found(q=mark, sort="title") == [3, 4, 0, 1, 2]

    address, places = "/api/events", list[int]()
    parameters = {"q": mark, "sort": "-title", "limit": "2"}
    response = admin.get(address, params=parameters)
    while True:
        places += [events.index(each) for each in response.json()["items"]]
        if "next" not in response.links:
            break
        response = admin.get(urljoin(str(response.url), response.links["next"]["url"]))
    assert (places, response.json()["nextCursor"]) == ([2, 1, 0, 4, 3], None)

    cursor = admin.get(address, params=parameters).json()["nextCursor"]
    refused = invalid({"cursor": ["must be a nextCursor of this list with the same filters and the same sort"]})
    for other in ({"sort": "title"}, {"q": "x"}, {"isActive": "true"}):
        assert parsed(admin.get(address, params={**parameters, **other, "cursor": cursor})) == refused


def test_every_list_names_the_parameters_that_the_document_has(admin: httpx.Client, learner: httpx.Client) -> None:
    lesson = new_lesson(admin, new_event(admin))
    ids = {"{eventId}": lesson["eventId"], "{lessonId}": lesson["id"], "{quizId}": UNKNOWN}
    lists = 0
    for path, operations in yaml.safe_load(GATEWAY.read_text())["paths"].items():
        documented = operations.get("get", {}).get("parameters", ())
        names = [each["name"] for each in documented if each.get("in") == "query"]
        if {"$ref": "#/components/parameters/limit"} not in documented:
            continue
        lists += 1
        known = [*names, "limit", "cursor"]
        address = path
        for name, value in ids.items():
            address = address.replace(name, value)
        client = learner if path.startswith("/api/public") else admin
        text = f"is no parameter of this list, which takes {', '.join(known)}"
        assert parsed(client.get(address, params={"x": "1"})) == invalid({"x": [text]}), path
        assert parsed(client.get(address, params={"x": ["1", "2"]})) == invalid({"x": [text]}), path
    assert lists == 8
