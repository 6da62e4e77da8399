"""docs/contract/BEHAVIOUR.md, "Envelope": what people type is compared by what they see."""

from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.kit.storage.database import open_database
from tests.contract.samples import (
    ACCESS_KEY,
    PAST,
    Json,
    attached,
    catalog_address,
    chosen,
    event_body,
    file_body,
    lesson_address,
    lesson_body,
    materials_address,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
    question,
    unique,
)
from tests.installation import Installation
from tests.refusals import invalid, refusal

ACTIONS = ("access-check", "playback", "materials", "quiz", "quiz/submit")
# Spellings of "café-sesame" that look the same.
LOOK_ALIKES = ["café-sesame", "cafe\u0301-sesame", "\u200bcafé-sesame\ufeff", " \u200ecafe\u0301-sesame\u00a0\u2060"]


def change(stack: Installation, statement: str) -> None:
    """Change rows as no client can: into what an old installation has."""
    with closing(open_database(stack.environment["CONTENT_DATABASE_URL"])) as database:
        database.execute_sql(statement)


def ask(learner: httpx.Client, event_slug: str, lesson_slug: str, quiz: Json, **sent: Any) -> list[Any]:
    """Return the statuses and what each public route finds: the event's or lesson's id, or a number of items."""
    lesson = f"/api/public/events/{quote(event_slug, safe='')}/lessons/{quote(lesson_slug, safe='')}"
    catalog = learner.post(f"/api/public/events/{quote(event_slug, safe='')}/catalog", json=sent)
    check, playback, materials, shown = (
        learner.post(f"{lesson}/{action}", json=sent) for action in ("access-check", "playback", "materials", "quiz")
    )
    submitted = learner.post(f"{lesson}/quiz/submit", json={**sent, "answers": chosen(quiz, True, True)})
    access = learner.post(f"/api/events/{quote(event_slug, safe='')}/access", json=sent)
    assert [each.status_code for each in (catalog, check, playback, materials, shown, submitted, access)] == [200] * 7
    return [
        catalog.json()["event"]["id"],
        check.json()["authorized"],
        playback.json()["lesson"]["id"],
        len(materials.json()["items"]),
        shown.json()["item"]["id"],
        submitted.json()["result"]["scorePercentage"],
    ]


@pytest.mark.parametrize(
    ("event_spelling", "lesson_spelling"),
    [
        ("{}", "{}"),
        (" {}\u200b", "\ufeff {}\u200e"),
        ("--{}__", "{} "),
    ],
)
def test_every_public_route_finds_what_people_type(
    admin: httpx.Client, learner: httpx.Client, event_spelling: str, lesson_spelling: str
) -> None:
    """What people type is compared by what they see (widened)."""
    event = private_event(admin, slug=unique("launch-march"), accessKey="café-sesame")
    lesson = new_lesson(admin, event, slug=unique("première"))
    attached(admin, lesson)
    quiz = new_quiz(admin, lesson)
    spelled = event_spelling.format(event["slug"].replace("-", "_").upper())
    typed = lesson_spelling.format(lesson["slug"].replace("è", "e\u0300").upper())
    expected = [event["id"], True, lesson["id"], 1, quiz["id"], 100]
    assert ask(learner, spelled, typed, quiz, eventAccessKey="\u200bcafe\u0301-sesame") == expected


@pytest.mark.parametrize("stored", LOOK_ALIKES)
def test_keys_that_look_the_same_open_and_stored_ones_stay(
    stack: Installation, admin: httpx.Client, learner: httpx.Client, stored: str
) -> None:
    """Access keys, slugs and user names are compared in Unicode NFC, without white space and invisible characters
    (Unicode's default-ignorables, among them zero-width space, joiners, directional marks and the byte order mark) at
    either end; both sides are normalised when they are compared, and stored keys are not rewritten."""
    event = private_event(admin)
    change(stack, f"UPDATE events SET access_key = '{stored}' WHERE id = '{event['id']}'")
    grant = learner.post(f"/api/events/{event['slug']}/access", json={"eventAccessKey": stored}).json()["accessToken"]
    for typed in LOOK_ALIKES:
        assert learner.post(catalog_address(event), json={"eventAccessKey": typed}).status_code == 200
        status, body = parsed(admin.put(f"/api/events/{event['id']}", json={"accessKey": typed, "title": "Again"}))
        assert (status, body["item"]["accessKey"]) == (200, stored)
    for wrong in ("cafe-sesame", "caf\u200bé-sesame", "CAFÉ-SESAME"):
        assert learner.post(catalog_address(event), json={"eventAccessKey": wrong}).status_code == 403
    with_grant = learner.post(catalog_address(event), headers={"Authorization": f"Bearer {grant}"})
    assert with_grant.status_code == 200


@pytest.mark.parametrize(
    "key", ["12345", "\u200b12345\ufeff", "e\u0301" * 5, "\u200b" * 6, " \u2060\u200e\ufeff\u3164 "]
)
def test_a_key_too_short_to_see_is_refused(admin: httpx.Client, key: str) -> None:
    """A key that normalises to fewer than 6 characters is refused when it is set"""
    event = private_event(admin)
    expected = invalid({"accessKey": ["must have at least 6 characters"]})
    assert parsed(admin.post("/api/events", json=event_body(accessKey=key))) == expected
    assert parsed(admin.put(f"/api/events/{event['id']}", json={"accessKey": key})) == expected


def test_a_stored_key_that_shows_nothing_opens_for_nobody(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    """a stored one that normalises to nothing opens for nobody."""
    event = private_event(admin)
    key = "\u200b\u200b\u200b\u200b\u200b\ufeff"
    change(stack, f"UPDATE events SET access_key = '{key}' WHERE id = '{event['id']}'")
    for sent in (key, "\u2060" * 6, ACCESS_KEY):
        assert learner.post(catalog_address(event), json={"eventAccessKey": sent}).status_code == 403
    assert learner.post(catalog_address(event)).status_code == 403


DECOMPOSED, COMPOSED = "Cafe\u0301 au lait", "Café au lait"


def test_texts_are_stored_in_nfc_and_addresses_are_not(admin: httpx.Client) -> None:
    """Texts that people read are stored in NFC; addresses, passwords, ids, tokens and Idempotency-Keys are never
    changed."""
    address = f"https://files.example/{DECOMPOSED.replace(' ', '-')}"
    hero = {"title": DECOMPOSED, "subtitle": DECOMPOSED, "ctaText": DECOMPOSED}
    texts = {"title": DECOMPOSED, "shortDescription": DECOMPOSED, "longDescription": DECOMPOSED}
    event = new_event(admin, **texts, hero=hero, logoUrl=address, highlightVideoUrl=address)
    assert {name: event[name] for name in texts} == dict.fromkeys(texts, COMPOSED)
    assert event["hero"] == dict.fromkeys(hero, COMPOSED)
    assert (event["logoUrl"], event["highlightVideoUrl"]) == (address, address)
    lesson = new_lesson(admin, event, title=DECOMPOSED, description=DECOMPOSED, videoId="e\u0301-id")
    assert (lesson["title"], lesson["description"], lesson["videoId"]) == (COMPOSED, COMPOSED, "e\u0301-id")
    [file] = attached(admin, lesson, file_body(fileName=DECOMPOSED, downloadUrl=address))
    assert (file["fileName"], file["downloadUrl"]) == (COMPOSED, address)
    asked = question(DECOMPOSED, (DECOMPOSED, True), ("no", False))
    quiz = new_quiz(admin, lesson, title=DECOMPOSED, questions=[asked])
    [shown] = quiz["questions"]
    assert (quiz["title"], shown["prompt"], shown["options"][0]["text"]) == (COMPOSED, COMPOSED, COMPOSED)
    key = {"Idempotency-Key": "cafe-key"}
    assert admin.post("/api/quizzes", json={**quiz, "eventId": "e\u0301"}, headers=key).status_code in (400, 404)


def test_lengths_are_those_of_what_is_stored(admin: httpx.Client, learner: httpx.Client) -> None:
    """Lengths count after normalising."""
    event = new_event(admin, shortDescription="e\u0301" * 220, visibility="private", accessKey="e\u0301" * 64)
    assert (event["shortDescription"], event["accessKey"]) == ("é" * 220, "é" * 64)
    assert learner.post(catalog_address(event), json={"eventAccessKey": "e\u0301" * 64}).status_code == 200
    too_short = invalid({"title": ["must have at least 3 characters"]})
    assert parsed(admin.put(f"/api/events/{event['id']}", json={"title": "e\u0301e\u0301"})) == too_short


NOT_ON_ONE_LINE = {
    "a\nb title": "must not contain line breaks",
    "a\u2028b title": "must not contain line breaks",
    "a\u202eb title": "must not contain characters that override its direction",
    "a\u2066b title": "must not contain characters that override its direction",
    "a\x85b title": "must not contain control characters",
}
ON_ONE_LINE = ["👨\u200d👩\u200d👧 ❤\ufe0f", "می\u200cخواهم", "น้ำใจ", "x\u0301\u0323yz", "abc\u200f"]


@pytest.mark.parametrize("text", [*NOT_ON_ONE_LINE, "\u200b\u2060\u200e", *ON_ONE_LINE])
def test_a_one_line_text_is_visible_and_on_one_line(admin: httpx.Client, text: str) -> None:
    """A one-line text (title, option, file name, user name) has a visible character, and neither line breaks nor
    characters that override its direction; a file name has no / or \\; joiners and marks inside a text stay."""
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    option = question("What?", (text, True), ("no", False))
    of_quiz = {"eventId": event["id"], "lessonId": lesson["id"], "title": "A quiz"}
    requests: list[tuple[str, Json, str, str]] = [
        (f"/api/events/{event['id']}/lessons", lesson_body(title=text), "title", ""),
        ("/api/events", event_body(title=text), "title", ""),
        (materials_address(lesson), {"files": [file_body(fileName=text)]}, "files", "0.fileName: "),
        ("/api/quizzes", {**of_quiz, "questions": [option]}, "questions", "0.options.0.text: "),
    ]
    for address, body, field, place in requests:
        status, actual = parsed(admin.post(address, json=body))
        if text in ON_ONE_LINE:
            assert status == 201, actual
            continue
        least = 3 if field == "title" else 1
        message = NOT_ON_ONE_LINE.get(text, f"must have at least {least} characters")
        assert (status, actual) == invalid({field: [place + message]})


@pytest.mark.parametrize("name", ["../x.pdf", "a/b.pdf", "a\\b.pdf", "..", "."])
def test_a_file_name_is_no_path(admin: httpx.Client, name: str) -> None:
    """a file name has no / or \\"""
    lesson = new_lesson(admin, new_event(admin))
    status, body = parsed(admin.post(materials_address(lesson), json={"files": [file_body(fileName=name)]}))
    assert (status, list(body["details"]["fieldErrors"])) == (400, ["files"])


# Slugs


def old_slugs(stack: Installation, admin: httpx.Client) -> tuple[str, list[Json]]:
    """Return a normal form and three events of it, oldest first, as an old installation may have them."""
    form = unique("launch")
    events = [new_event(admin) for _ in range(3)]
    for event, hyphens in zip(events, ("---", "-", "--"), strict=True):
        event["slug"] = form.replace("launch-", f"launch{hyphens}")
        slug = f"slug = '{event['slug']}', slug_form = '{form}'"
        change(stack, f"UPDATE events SET {slug} WHERE id = '{event['id']}'")
    return form, events


def test_stored_slugs_stay_and_find_themselves(stack: Installation, admin: httpx.Client, learner: httpx.Client) -> None:
    """Stored slugs stay as they are. The slug in an address is looked up trimmed and lower-cased first, then by this
    rule, so that `Launch_March` finds `launch-march` and an old `launch---march` still finds itself."""
    form, events = old_slugs(stack, admin)
    for event in events:
        shown = learner.post(f"/api/public/events/{quote(' ' + event['slug'].upper())}/catalog").json()["event"]
        assert (shown["id"], shown["slug"]) == (event["id"], event["slug"])
        changed = admin.put(f"/api/events/{event['id']}", json={"title": "Changed"}).json()["item"]
        assert changed["slug"] == event["slug"]
    for typed in (form.replace("-", "_").title(), form.replace("-", "----"), f"\u200b{form.replace('-', ' ')}\ufeff"):
        oldest = learner.post(f"/api/public/events/{quote(typed)}/catalog").json()["event"]
        assert oldest["id"] == events[0]["id"]


def test_a_slug_that_looks_like_a_stored_one_is_taken(stack: Installation, admin: httpx.Client) -> None:
    """It is taken (409 EVENT_SLUG_CONFLICT, on update too) when a stored one of another event equals it as sent
    (trimmed, lower-cased) or after the rule, or has the same normal form; of stored ones with the same normal form each
    is found by its exact spelling, and any other spelling finds the oldest."""
    form, events = old_slugs(stack, admin)
    mine = new_event(admin)
    conflict = refusal(409, "EVENT_SLUG_CONFLICT", f"Another event already has the slug {form}")
    for slug in (*(event["slug"] for event in events), form.replace("-", "_").upper(), f"\u200b {form}!"):
        assert parsed(admin.post("/api/events", json=event_body(slug=slug))) == conflict
        assert parsed(admin.put(f"/api/events/{mine['id']}", json={"slug": slug})) == conflict


def test_a_lesson_is_found_by_what_people_see(stack: Installation, admin: httpx.Client, learner: httpx.Client) -> None:
    """The slug is trimmed and lower-cased, also where an address is read, unique within its event (409
    LESSON_SLUG_CONFLICT, tightened); what is said of events' slugs that collide holds for lessons' in NFC."""
    event = new_event(admin)
    first, second = (new_lesson(admin, event) for _ in range(2))
    for lesson, slug in ((first, "cafe\u0301"), (second, "café")):
        change(stack, f"UPDATE lessons SET slug = '{slug}', slug_form = 'café' WHERE id = '{lesson['id']}'")
    for typed, found in (("cafe\u0301", first), (" CAFÉ ", second), ("\u200bcafé", first), ("Cafe\u0301\ufeff", first)):
        playback = learner.post(public_address(event, quote(typed, safe=""), "playback")).json()
        assert playback["lesson"]["id"] == found["id"], typed
    status, body = parsed(
        admin.post(f"/api/events/{event['id']}/lessons", json=lesson_body(slug="CAFE\u0301\u200b", releaseAt=PAST))
    )
    assert (status, body["error"]) == (409, "LESSON_SLUG_CONFLICT")
    changed = admin.put(lesson_address(first), json={"title": "Changed"}).json()["item"]
    assert changed["slug"] == "cafe\u0301"


def test_events_of_one_instant_are_listed_as_they_were_stored(stack: Installation, admin: httpx.Client) -> None:
    """The event list is ordered by createdAt, oldest first; of equal ones, the one that was stored first."""
    created_at = 4_000_000_000_000
    instant = f"created_at = {created_at}, updated_at = {created_at}"
    events = [new_event(admin) for _ in range(3)]
    for place, event in zip((3, 1, 2), events, strict=True):
        change(stack, f"UPDATE events SET {instant}, position = {place} WHERE id = '{event['id']}'")
    in_order = [events[1]["id"], events[2]["id"], events[0]["id"]]
    try:
        listed, pages = admin.get("/api/events").json()["items"], []
        assert [item["id"] for item in listed][-3:] == in_order
        page = admin.get("/api/events", params={"limit": 1}).json()
        while page["nextCursor"]:
            page = admin.get("/api/events", params={"limit": 1, "cursor": page["nextCursor"]}).json()
            pages += page["items"]
        assert [item["id"] for item in pages][-3:] == in_order
    finally:
        for event in events:
            admin.delete(f"/api/events/{event['id']}")
