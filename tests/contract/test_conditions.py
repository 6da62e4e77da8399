"""ETag and If-Match at the gateway, on events, lessons and quizzes: a stale write changes nothing."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.clients import send_patiently
from tests.contract.conftest import judged
from tests.contract.samples import (
    QUIZ_NOT_FOUND,
    Json,
    event_body,
    lesson_body,
    new_event,
    new_lesson,
    parsed,
    questions,
    unique,
)
from tests.contract.tables import locked_table
from tests.contract.tokens import Tokens
from tests.installation import Installation
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, Response, refusal

# Time for both writers to reach the lock; a later one loses too, to a change that it can see.
UNTIL_BOTH_WAIT_SECONDS = 1.0

STALE = refusal(
    412, "PRECONDITION_FAILED", "It has been changed since: read it again, then repeat the change with its new ETag"
)
NOBODYS = '"1-0"'


@dataclass(frozen=True)
class Kind:
    """A kind of record with an ETag: how it is created and changed, and the response when it is gone."""

    collection: str
    body: Json
    change: Json
    service: str
    table: str
    gone: Response


@dataclass(frozen=True)
class Record:
    """A record and its first ETag."""

    admin: httpx.Client
    kind: Kind
    address: str
    first_tag: str

    def read(self) -> tuple[Response, str | None]:
        """Return the item and its ETag."""
        response = self.admin.get(self.address)
        return parsed(response), response.headers.get("ETag")

    def put(
        self, if_match: str | bytes | None = None, *, by: httpx.Client | None = None, **fields: Any
    ) -> httpx.Response:
        """Change the record on that condition; the fields change the body."""
        return (by or self.admin).put(self.address, json={**self.kind.change, **fields}, headers=_condition(if_match))

    def delete(self, if_match: str | bytes | None = None, *, by: httpx.Client | None = None) -> httpx.Response:
        """Delete the record on that condition."""
        return (by or self.admin).delete(self.address, headers=_condition(if_match))


def _condition(if_match: str | bytes | None) -> Any:
    return {} if if_match is None else {"If-Match": if_match}


def an_event(admin: httpx.Client) -> Kind:
    return Kind("/api/events", event_body(), {"title": "Changed"}, "content", "events", EVENT_NOT_FOUND)


def a_lesson(admin: httpx.Client) -> Kind:
    collection = f"/api/events/{new_event(admin)['id']}/lessons"
    return Kind(collection, lesson_body(), {"title": "Changed"}, "content", "lessons", LESSON_NOT_FOUND)


def a_quiz(admin: httpx.Client) -> Kind:
    lesson = new_lesson(admin, new_event(admin))
    body = {"eventId": lesson["eventId"], "lessonId": lesson["id"], "title": "A quiz", "questions": questions()}
    change = {"title": "Changed", "questions": questions(3)}
    return Kind("/api/quizzes", body, change, "quiz", "quizzes", QUIZ_NOT_FOUND)


@pytest.fixture(params=[an_event, a_lesson, a_quiz], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest, admin: httpx.Client) -> Kind:
    """An event, a lesson and a quiz in turn."""
    make: Callable[[httpx.Client], Kind] = request.param
    return make(admin)


@pytest.fixture
def record(kind: Kind, admin: httpx.Client) -> Record:
    """A new record of each kind in turn."""
    response = admin.post(kind.collection, json=kind.body)
    assert response.status_code == 201, response.text
    return Record(admin, kind, f"{kind.collection}/{response.json()['item']['id']}", response.headers["ETag"])


@pytest.fixture
def stale_tag(record: Record) -> str:
    """The record's first tag, after a change by somebody else."""
    assert record.put(title="Somebody else's").status_code == 200
    return record.first_tag


@pytest.fixture(scope="module")
def colleague(stack: Installation, tokens: Tokens) -> Iterator[httpx.Client]:
    """A client of another admin."""
    with judged(stack.client(Authorization=f"Bearer {tokens.access_token(sub='a-colleague')}")) as client:
        yield client


Write = Callable[..., httpx.Response]
writes = pytest.mark.parametrize("write", [Record.put, Record.delete], ids=["PUT", "DELETE"])


def test_create_read_and_change_return_the_same_tag(record: Record) -> None:
    item, tag = record.read()
    assert (item.status, tag) == (200, record.first_tag)
    changed = record.put()
    assert (parsed(changed), changed.headers["ETag"]) == record.read()
    again = record.put(title="Changed again")
    assert (parsed(again), again.headers["ETag"]) == record.read()
    assert len({record.first_tag, changed.headers["ETag"], again.headers["ETag"]}) == 3


def test_a_replayed_response_has_its_first_tag(kind: Kind, admin: httpx.Client) -> None:
    headers = {"Idempotency-Key": unique("key")}
    first = admin.post(kind.collection, json=kind.body, headers=headers)
    made = Record(admin, kind, f"{kind.collection}/{first.json()['item']['id']}", first.headers["ETag"])
    made.put()
    again = admin.post(kind.collection, json=kind.body, headers=headers)
    assert (again.headers["Idempotency-Replayed"], again.headers["ETag"]) == ("true", made.first_tag)
    assert parsed(made.put(again.headers["ETag"])) == STALE


# Conditions that do not hold: {now} is the current tag, {before} the one before.
OTHER_STATES = {
    "stale": "{before}",
    "stale and weak": "W/{before}",
    "a list of others": '{before},"1-0"',
    "a star in quotes": '"*"',
}
THIS_STATE = {
    "the tag": "{now}",
    "made weak by a proxy": "W/{now}",
    "in a list": '"1-0" ,\t{before},W/"x", {now}',
    "any": "*",
}


@writes
def test_a_tag_of_another_state_is_refused_and_changes_nothing(record: Record, stale_tag: str, write: Write) -> None:
    before = record.read()
    for condition in OTHER_STATES.values():
        refused = write(record, condition.format(now=before[1], before=stale_tag))
        assert (parsed(refused), refused.headers.get("ETag")) == (STALE, None), condition
    assert record.read() == before
    assert before[1] != stale_tag


def test_the_current_tag_lets_a_change_through_and_is_replaced(record: Record, stale_tag: str) -> None:
    for condition in THIS_STATE.values():
        _, now = record.read()
        changed = record.put(condition.format(now=now, before=stale_tag))
        assert (changed.status_code, changed.json()["item"]["title"]) == (200, "Changed")
        assert (parsed(changed), changed.headers["ETag"]) == record.read()
        assert changed.headers["ETag"] not in (now, stale_tag)
        assert parsed(record.put(now)) == STALE


@pytest.mark.parametrize("condition", THIS_STATE.values(), ids=THIS_STATE.keys())
def test_the_current_tag_lets_a_deletion_through(record: Record, stale_tag: str, condition: str) -> None:
    _, now = record.read()
    assert parsed(record.delete(condition.format(now=now, before=stale_tag))) == (204, None)
    assert record.read() == (record.kind.gone, None)


def test_without_a_condition_the_last_write_wins(record: Record, colleague: httpx.Client) -> None:
    assert record.put(title="The first").status_code == 200
    last = record.put(by=colleague, title="The last")
    assert (last.status_code, last.json()["item"]["title"]) == (200, "The last")
    assert record.read() == (parsed(last), last.headers["ETag"])
    assert parsed(record.delete()) == (204, None)
    assert record.read() == (record.kind.gone, None)


@writes
@pytest.mark.parametrize("condition", ["*", NOBODYS, None])
def test_a_deleted_record_is_not_found_under_any_condition(record: Record, write: Write, condition: str | None) -> None:
    record.delete()
    assert parsed(write(record, condition)) == record.kind.gone


# Two admins with the same tag


def at_once(stack: Installation, record: Record, *sends: Callable[[], httpx.Response]) -> list[Response]:
    """Return the responses to requests that all wait for the table before the first is let through."""
    with ThreadPoolExecutor(len(sends)) as pool:
        with locked_table(stack, record.kind.service, record.kind.table):
            # On SQLite a writer waits for 5 seconds at most, which a busy machine may need.
            sent = [pool.submit(send_patiently, send) for send in sends]
            early, _ = wait(sent, timeout=UNTIL_BOTH_WAIT_SECONDS)
            assert not early, [each.result() for each in early]
        return [parsed(each.result()) for each in sent]


def test_of_two_changes_at_once_on_one_tag_exactly_one_wins(
    stack: Installation, record: Record, colleague: httpx.Client
) -> None:
    tag = record.first_tag
    mine, theirs = at_once(
        stack, record, lambda: record.put(tag, title="Mine"), lambda: record.put(tag, by=colleague, title="Theirs")
    )
    [won, lost] = sorted((mine, theirs))
    assert (won.status, lost) == (200, STALE)
    item, now = record.read()
    assert item == won
    assert item.document["item"]["title"] == ("Mine" if won is mine else "Theirs")
    assert now != tag
