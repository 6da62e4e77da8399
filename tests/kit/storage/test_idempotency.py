"""services.kit.storage.idempotency on both engines: one effect and one answer for each key."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any

import peewee
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.kit.core.errors import Conflict, RequestError, ServiceError, ValidationFailed
from services.kit.storage.database import transaction
from services.kit.storage.idempotency import EXPIRED_AT_ONCE, LIFETIME, IdempotentAnswerRow, Keep, Once
from services.kit.storage.use_cases import UseCases
from services.kit.web.idempotency import (
    IdempotencyKey,
    KeyInFlight,
    KeyReused,
    StoredResponse,
    request_key,
    stored_response,
)
from tests.clock import MILLISECOND, NOON, StoppedClock
from tests.parallel import at_once
from tests.query_counts import counted

ROUTE = "POST /api/notes"
NO_KEY = "must be 1 to 255 printable ASCII characters, as they are or in double quotes"
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
KEYS = st.text(PRINTABLE, min_size=1, max_size=255)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def key_of(
    header: str = "key-1", document: object = None, route: str = ROUTE, caller: str = "admin-1"
) -> IdempotencyKey:
    """The key of a request."""
    key = request_key(header, route, caller, document)
    assert key is not None
    return key


# Keys


@given(KEYS.filter(lambda text: not text.startswith('"')))
def test_a_key_is_read_as_it_is_and_in_quotes_alike(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert key_of(f'"{escaped}"') == key_of(text)


@given(KEYS, KEYS)
def test_other_keys_are_other_keys(one: str, other: str) -> None:
    assume(one != other and '"' not in one + other)
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    "header",
    [
        *("", '""', "a" * 256, f'"{"a" * 256}"', "é", '"é"', "🎬", "\t", "a\tb", "\x7f"),
        *('"', '"a', '"a"b', '"a";b=1', '"a\\b"', '"a", "b"'),
    ],
)
def test_what_is_no_key_is_refused_by_the_name_of_the_header(header: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        key_of(header)
    assert refusal.value.extra == {"details": {"formErrors": [], "fieldErrors": {"Idempotency-Key": [NO_KEY]}}}


@given(st.text() | st.text(PRINTABLE))
@example("\\")
@example('"\\"')
@example('"\\\\"')
def test_any_text_is_a_key_or_refused_by_the_name_of_the_header(header: str) -> None:
    try:
        key = key_of(header)
    except ValidationFailed as refusal:
        assert refusal.extra == {"details": {"formErrors": [], "fieldErrors": {"Idempotency-Key": [NO_KEY]}}}
    else:
        assert 1 <= len(header) <= 2 * 255 + 2
        assert header.isascii()
        assert header.isprintable()
        assert (key.route, len(key.id), key) == (ROUTE, 64, key_of(header))


def test_the_longest_key_has_255_characters() -> None:
    assert key_of("a" * 255) == key_of(f'"{"a" * 255}"')


def test_without_the_header_there_is_no_key() -> None:
    assert request_key(None, ROUTE, "admin-1", {}) is None


PLACES = st.tuples(TEXTS, TEXTS, KEYS.filter(lambda text: '"' not in text))


@given(PLACES, PLACES)
@example(("POST /a", "b", "key"), ("POST /a,b", "", "key"))
@example(("POST /a", "", "b"), ("POST /a", "b", "b"))
def test_a_key_belongs_to_its_route_and_its_caller(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    ids = [key_of(header, None, route, caller).id for route, caller, header in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)


def shuffled(document: Any) -> Any:
    """The same document with the members of its objects in the opposite order."""
    if isinstance(document, list):
        return [shuffled(each) for each in document]
    if isinstance(document, dict):
        return {name: shuffled(document[name]) for name in reversed(document)}
    return document


@given(DOCUMENTS)
def test_the_order_of_members_does_not_make_another_body(document: Any) -> None:
    assert key_of(document=shuffled(document)) == key_of(document=document)


@given(DOCUMENTS, DOCUMENTS)
@example({"a": 1}, {"a": "1"})
@example([1, 2], [2, 1])
@example({}, None)
def test_other_bodies_have_other_fingerprints(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key_of(document=one).fingerprint == key_of(document=other).fingerprint) == same


def test_a_body_that_is_too_deep_to_compare_is_refused() -> None:
    document: Any = []
    for _ in range(300):
        document = [document]
    with pytest.raises(RequestError, match="The body is nested too deeply for an Idempotency-Key"):
        key_of(document=document)


# Effects and answers


class NoteRow(peewee.Model):
    """An effect."""

    text = peewee.TextField()

    class Meta:
        table_name = "notes"
        legacy_table_names = False


@dataclass(frozen=True)
class Notes:
    """What writes notes, each key once."""

    database: peewee.Database
    clock: StoppedClock
    once: Once

    def writing(self, text: str) -> Callable[[Keep[str]], str]:
        """The use case of one request."""

        def write(keep: Keep[str]) -> str:
            with transaction(self.database):
                NoteRow.insert({"text": text}).execute(self.database)
                keep(text)
            return text

        return write

    def post(self, text: str = "a", header: str = "key-1", once: Once | None = None) -> StoredResponse:
        """Send a request."""
        return (once or self.once).run(key_of(header, {"text": text}), self.writing(text), rendered)

    def texts(self) -> list[str]:
        """All that was written."""
        return [text for (text,) in NoteRow.select(NoteRow.text).tuples().execute(self.database)]

    def kept(self) -> int:
        """How many answers are kept, whether or not their time is over."""
        return int(IdempotentAnswerRow.select().count(self.database))


def rendered(text: str) -> StoredResponse:
    """A note's answer."""
    return stored_response({"item": text}, 201, '"v1"')


def first(text: str = "a") -> StoredResponse:
    """What is answered the first time."""
    return StoredResponse(201, json.dumps({"item": text}, separators=(",", ":")).encode(), '"v1"')


def again(text: str = "a") -> StoredResponse:
    """What is answered from then on."""
    return StoredResponse(first(text).status, first(text).body, '"v1"', replayed=True)


@pytest.fixture
def notes(database: peewee.Database) -> Notes:
    """Nothing written and nothing kept, at noon."""
    with database.bind_ctx([NoteRow, IdempotentAnswerRow]):
        database.create_tables([NoteRow, IdempotentAnswerRow])
    clock = StoppedClock()
    return Notes(database, clock, Once(database, clock))


def test_the_same_request_is_answered_again_and_has_no_second_effect(notes: Notes) -> None:
    assert [notes.post() for _ in range(3)] == [first(), again(), again()]
    assert notes.texts() == ["a"]


def test_an_answer_without_an_entity_tag_is_given_again_without_one(notes: Notes) -> None:
    key = key_of()
    replies = [notes.once.run(key, notes.writing("a"), lambda _: StoredResponse(200, b"{}")) for _ in range(2)]
    assert replies == [StoredResponse(200, b"{}"), StoredResponse(200, b"{}", replayed=True)]


@pytest.mark.parametrize("text", ["", "é 🎬", '"\\', "a" * 100_000])
def test_an_answer_is_given_again_byte_for_byte(notes: Notes, text: str) -> None:
    replies = [notes.post(text), notes.post(text)]
    assert [each.body for each in replies] == [rendered(text).body] * 2


def test_another_body_under_the_key_is_refused_and_has_no_effect(notes: Notes) -> None:
    notes.post("a")
    with pytest.raises(KeyReused) as refusal:
        notes.post("b")
    assert (refusal.value.status, refusal.value.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (notes.texts(), notes.post("a")) == (["a"], again())


def test_other_keys_have_effects_of_their_own(notes: Notes) -> None:
    assert [notes.post("a", "key-1"), notes.post("a", "key-2")] == [first(), first()]
    assert notes.texts() == ["a", "a"]


class Refused(Conflict):
    """What a use case raises."""

    code = "REFUSED"


def test_a_refused_request_keeps_nothing_and_may_be_sent_again(notes: Notes) -> None:
    def refuse(keep: Keep[str]) -> str:
        raise Refused

    for _ in range(2):
        with pytest.raises(Refused):
            notes.once.run(key_of(document={"text": "a"}), refuse, rendered)
    assert (notes.kept(), notes.post()) == (0, first())


@pytest.mark.parametrize("failure", [Refused(), RuntimeError(), peewee.OperationalError()])
def test_what_fails_after_the_answer_was_kept_takes_it_back_with_the_effect(notes: Notes, failure: Exception) -> None:
    def fail(keep: Keep[str]) -> str:
        with transaction(notes.database):
            notes.writing("a")(keep)
            raise failure

    with pytest.raises(type(failure)):
        notes.once.run(key_of(document={"text": "a"}), fail, rendered)
    assert (notes.kept(), notes.texts(), notes.post()) == (0, [], first())


def test_what_is_kept_can_be_asked_for_alone(notes: Notes) -> None:
    asked = key_of(document={"text": "a"})
    assert notes.once.replay(asked) is None
    notes.post()
    assert notes.once.replay(asked) == again()
    with pytest.raises(KeyReused):
        notes.once.replay(key_of(document={"text": "b"}))


# Time


def test_an_answer_is_kept_for_24_hours_and_then_the_key_is_new(notes: Notes) -> None:
    notes.post("a")
    notes.clock.at = NOON + timedelta(hours=24) - MILLISECOND
    assert notes.post("a") == again("a")
    notes.clock.at = NOON + timedelta(hours=24)
    assert [notes.post("b"), notes.post("b")] == [first("b"), again("b")]
    assert (notes.texts(), notes.kept()) == (["a", "b"], 1)


def test_answers_whose_time_is_over_go_when_others_are_kept_but_not_all_at_once(notes: Notes) -> None:
    for number in range(EXPIRED_AT_ONCE + 2):
        notes.post(header=f"old-{number}")
    notes.clock.at = NOON + LIFETIME
    counts = []
    for number in range(3):
        notes.post(header=f"new-{number}")
        counts.append(notes.kept())
    assert counts == [3, 2, 3]


def test_an_answer_that_is_given_again_deletes_nothing(notes: Notes) -> None:
    notes.post(header="old")
    notes.clock.at = NOON + timedelta(hours=1)
    notes.post(header="new")
    notes.clock.at = NOON + LIFETIME
    assert (notes.post(header="new"), notes.kept()) == (again(), 2)


# At the same time


def other_process(notes: Notes) -> Once:
    """What another process has: the same database, and nothing in common besides."""
    return Once(notes.database, notes.clock)


@pytest.mark.parametrize("processes", [1, 12])
def test_of_many_at_once_one_has_the_effect_and_the_others_are_told_so_or_answered_alike(
    notes: Notes, processes: int
) -> None:
    onces = [other_process(notes) for _ in range(processes)]
    results = at_once(*[partial(notes.post, once=onces[number % processes]) for number in range(12)])
    assert results.count(first()) == 1
    assert {type(each) for each in results if not isinstance(each, StoredResponse)} <= {KeyInFlight}
    assert [each for each in results if isinstance(each, StoredResponse) and each != first()] == [again()] * (
        sum(isinstance(each, StoredResponse) for each in results) - 1
    )
    assert (notes.texts(), notes.post()) == (["a"], again())


def test_many_keys_at_once_have_an_effect_each(notes: Notes) -> None:
    posts = [lambda number=number: notes.post(str(number), f"key-{number}") for number in range(12)]
    assert at_once(*posts) == [first(str(number)) for number in range(12)]
    assert sorted(notes.texts()) == sorted(str(number) for number in range(12))


def test_keys_at_once_that_all_delete_what_is_over_do_not_hinder_one_another(notes: Notes) -> None:
    for number in range(30):
        notes.post(header=f"key-{number}")
    notes.clock.at = NOON + LIFETIME
    posts = [lambda number=number: notes.post("b", f"key-{number}") for number in range(12)]
    assert at_once(*posts) == [first("b")] * 12
    assert sorted(notes.texts()) == ["a"] * 30 + ["b"] * 12


@pytest.mark.parametrize("ask", ["run", "replay"])
def test_a_request_whose_twin_is_under_way_is_told_to_come_again(notes: Notes, ask: str) -> None:
    begun, go_on = Event(), Event()

    def slowly(keep: Keep[str]) -> str:
        begun.set()
        assert go_on.wait(30)
        return notes.writing("a")(keep)

    key = key_of(document={"text": "a"})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(notes.once.run, key, slowly, rendered)
        assert begun.wait(30)
        with pytest.raises(KeyInFlight) as refusal:
            notes.post() if ask == "run" else notes.once.replay(key)
        # Another key goes its way meanwhile.
        assert notes.post("b", "key-2") == first("b")
        go_on.set()
        assert running.result() == first()
    assert (refusal.value.status, refusal.value.code, refusal.value.retry_after) == (
        409,
        "IDEMPOTENCY_KEY_IN_FLIGHT",
        1,
    )
    assert (sorted(notes.texts()), notes.post()) == (["a", "b"], again())


@pytest.mark.parametrize("failure", [Refused(), RuntimeError(), peewee.OperationalError()])
def test_a_request_that_failed_is_under_way_no_longer(notes: Notes, failure: Exception) -> None:
    def fail(keep: Keep[str]) -> str:
        raise failure

    with pytest.raises(type(failure)):
        notes.once.run(key_of(), fail, rendered)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(notes.post).result() == first()


def test_a_connection_that_breaks_leaves_no_key_under_way(notes: Notes) -> None:
    def lose(keep: Keep[str]) -> str:
        with transaction(notes.database):
            notes.writing("a")(keep)
            notes.database.connection().close()
        return "a"

    with pytest.raises((peewee.DatabaseError, peewee.InterfaceError)):
        notes.once.run(key_of(), lose, rendered)
    notes.database.close()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(notes.post).result() == first()


@pytest.mark.parametrize("refusal", [None, Refused()], ids=["at the key", "for what the other did"])
def test_who_was_overtaken_by_another_process_has_no_effect_and_gives_its_answer(
    notes: Notes, refusal: ServiceError | None
) -> None:
    def overtaken(keep: Keep[str]) -> str:
        # As if the lock between the processes had not held: the other one has the same key and commits first.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(without_lock(notes)).result()
        if refusal is not None:
            raise refusal
        return notes.writing("a")(keep)

    assert notes.once.run(key_of(document={"text": "a"}), overtaken, rendered) == again()
    assert (notes.texts(), notes.kept()) == (["a"], 1)


def without_lock(notes: Notes) -> Callable[[], object]:
    """The whole effect of another process's request, answer included."""
    key = key_of(document={"text": "a"})

    def write() -> object:
        return notes.writing("a")(lambda text: other_process(notes)._keep(key, rendered(text)))

    return write


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_on_postgresql_another_process_is_told_that_the_key_is_under_way(notes: Notes) -> None:
    def meanwhile(keep: Keep[str]) -> str:
        with ThreadPoolExecutor(1) as pool:
            failure = pool.submit(notes.post, once=other_process(notes)).exception()
        assert isinstance(failure, KeyInFlight)
        return notes.writing("a")(keep)

    assert notes.once.run(key_of(document={"text": "a"}), meanwhile, rendered) == first()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_sqlite_another_process_waits_for_the_write_lock_and_gives_the_answer(notes: Notes) -> None:
    def meanwhile(keep: Keep[str]) -> str:
        with ThreadPoolExecutor(1) as pool, transaction(notes.database):
            other = pool.submit(notes.post, once=other_process(notes))
            text = notes.writing("a")(keep)
            others.append(other)
        return text

    others: list[Any] = []
    assert notes.once.run(key_of(document={"text": "a"}), meanwhile, rendered) == first()
    assert (others[0].result(), notes.texts()) == (again(), ["a"])


# Use cases


def test_a_request_without_a_key_sends_no_statement_more(notes: Notes) -> None:
    use_cases = UseCases(notes.database, threads=1)

    def post(key: IdempotencyKey | None) -> StoredResponse:
        return asyncio.run(use_cases.run_once(key, notes.writing("a"), rendered))

    try:
        with counted(notes.database) as statements:
            assert post(None) == first()
        assert [each.split()[:3] for each in statements] == [["INSERT", "INTO", '"notes"']]
        assert (notes.kept(), notes.texts()) == (0, ["a"])
        assert [post(key_of()), post(key_of()), asyncio.run(use_cases.replay(key_of()))] == [first(), again(), again()]
        assert notes.texts() == ["a", "a"]
    finally:
        use_cases.close()
