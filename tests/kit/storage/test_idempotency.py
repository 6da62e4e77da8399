"""services.kit.storage.idempotency on both engines: one effect and one response for each key."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from threading import Event

import peewee
import pytest

from services.kit.core.errors import Conflict, ServiceError
from services.kit.storage.database import transaction
from services.kit.storage.idempotency import (
    EXPIRED_AT_ONCE,
    LIFETIME,
    NONE_EXPIRED,
    IdempotentRequests,
    IdempotentResponseRow,
    Keep,
    NotTogether,
    Outcome,
    keep_nothing,
)
from services.kit.storage.use_cases import UseCases
from services.kit.web.idempotency import (
    IdempotencyKey,
    KeyInFlight,
    KeyReused,
    StoredResponse,
    grouped_key,
    request_key,
    stored_response,
)
from tests.clock import MILLISECOND, NOON, StoppedClock
from tests.parallel import at_once
from tests.query_counts import counted


class NoteRow(peewee.Model):
    text = peewee.TextField()

    class Meta:
        table_name = "notes"
        legacy_table_names = False


@dataclass(frozen=True)
class Notes:
    """Requests that write notes."""

    database: peewee.Database
    clock: StoppedClock
    requests: IdempotentRequests

    def writing(self, text: str) -> Callable[[Keep[str]], str]:
        def write(keep: Keep[str]) -> str:
            with transaction(self.database):
                NoteRow.insert({"text": text}).execute(self.database)
                keep(text)
            return text

        return write

    def post(self, text: str = "a", key: str = "key-1", requests: IdempotentRequests | None = None) -> StoredResponse:
        return (requests or self.requests).run(key_of(text, key), self.writing(text), rendered)

    def texts(self) -> list[str]:
        return sorted(text for (text,) in NoteRow.select(NoteRow.text).tuples().execute(self.database))

    def stored(self) -> int:
        return int(IdempotentResponseRow.select().count(self.database))

    def other_process(self) -> IdempotentRequests:
        """Return what another process has: the same database and nothing else in common."""
        return IdempotentRequests(self.database, self.clock)


class Refused(Conflict):
    code = "REFUSED"


FAILURES = [Refused(), RuntimeError(), peewee.OperationalError()]


def key_of(text: str = "a", key: str = "key-1") -> IdempotencyKey:
    """Return the key of a request with this note."""
    found = request_key(key, "POST /api/notes", "admin-1", {"text": text})
    assert found is not None
    return found


def rendered(text: str) -> StoredResponse:
    return stored_response({"item": text}, 201, '"v1"')


def first(text: str = "a") -> StoredResponse:
    return StoredResponse(201, f'{{"item":"{text}"}}'.encode(), '"v1"')


def again(text: str = "a") -> StoredResponse:
    return StoredResponse(201, f'{{"item":"{text}"}}'.encode(), '"v1"', replayed=True)


@pytest.fixture
def notes(database: peewee.Database) -> Notes:
    """Return an empty table at noon."""
    with database.bind_ctx([NoteRow, IdempotentResponseRow]):
        database.create_tables([NoteRow, IdempotentResponseRow])
    clock = StoppedClock()
    return Notes(database, clock, IdempotentRequests(database, clock))


# Effects and responses


def test_a_repeated_request_is_replayed_and_has_no_second_effect(notes: Notes) -> None:
    assert notes.requests.replay(key_of()) is None
    assert [notes.post() for _ in range(3)] == [first(), again(), again()]
    assert (notes.requests.replay(key_of()), notes.texts()) == (again(), ["a"])


@pytest.mark.parametrize("body", [b"", "é 🎬".encode(), b'"\\', b"a" * 100_000])
def test_a_replay_has_the_same_bytes_and_no_entity_tag_of_its_own(notes: Notes, body: bytes) -> None:
    responses = [notes.requests.run(key_of(), notes.writing("a"), lambda _: StoredResponse(200, body)) for _ in "12"]
    assert responses == [StoredResponse(200, body), StoredResponse(200, body, replayed=True)]


def test_another_body_under_the_key_is_refused_without_an_effect(notes: Notes) -> None:
    notes.post("a")
    with pytest.raises(KeyReused) as refusal:
        notes.post("b")
    assert (refusal.value.status, refusal.value.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    with pytest.raises(KeyReused):
        notes.requests.replay(key_of("b"))
    assert (notes.texts(), notes.post("a")) == (["a"], again())


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("has_written", [False, True], ids=["before the effect", "after the response was stored"])
def test_a_failed_request_leaves_nothing_and_may_be_repeated(
    notes: Notes, failure: Exception, has_written: bool
) -> None:
    def fail(keep: Keep[str]) -> str:
        with transaction(notes.database):
            if has_written:
                notes.writing("a")(keep)
            raise failure

    with pytest.raises(type(failure)):
        notes.requests.run(key_of(), fail, rendered)
    assert (notes.stored(), notes.texts()) == (0, [])
    # In another thread, since a thread's own lock would let it pass.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(notes.post).result() == first()


# A key in a place of a group, such as a lesson of an event


def key_in(place: str | None, text: str = "a", group: str = "event-1", former: str | None = None) -> IdempotencyKey:
    """Return the key of a request in that place, in any place without one; `former` is an old key."""
    before = None if former is None else key_of(text, former)
    found = grouped_key("key-1", ("submit", group), place, {"text": text}, before)
    assert found is not None
    return found


def post_in(notes: Notes, key: IdempotencyKey, text: str = "a") -> StoredResponse:
    """Write a note under the key."""
    return notes.requests.run(key, notes.writing(text), rendered)


def test_a_key_belongs_to_its_place_and_is_found_without_it(notes: Notes) -> None:
    for place, text in (("one", "a"), ("two", "b")):
        assert post_in(notes, key_in(place, text), text) == first(text)
        assert post_in(notes, key_in(place, text), text) == again(text)
    # In any place: that of the same body, of another body under the key, and of another group.
    assert [notes.requests.replay(key_in(None, text)) for text in "ab"] == [again("a"), again("b")]
    for elsewhere in (key_in(None, "c"), key_in("one", "b")):
        with pytest.raises(KeyReused):
            notes.requests.replay(elsewhere)
    assert notes.requests.replay(key_in(None, group="event-2")) is None
    assert notes.requests.replay(key_in("three")) is None
    notes.clock.at = NOON + LIFETIME
    assert notes.requests.replay(key_in(None)) is None


def test_a_response_that_the_release_before_stored_is_found(notes: Notes) -> None:
    notes.post("a", "old-key")
    for key in (key_in("one", former="old-key"), key_in(None, former="old-key")):
        assert notes.requests.replay(key) == post_in(notes, key) == again("a")
    with pytest.raises(KeyReused):
        post_in(notes, key_in("one", "b", former="old-key"), "b")
    assert (notes.texts(), notes.stored()) == (["a"], 1)
    assert post_in(notes, key_in("one", former="another")) == first("a")


# Several requests in one transaction


def post_together(notes: Notes, *posted: tuple[str, IdempotencyKey | None]) -> tuple[list[Outcome], list[int]]:
    """Write a note for each of these; return the outcomes, and the places of those that were run."""
    run_places: list[int] = []

    def run(places: Sequence[int]) -> list[Outcome]:
        run_places.extend(places)
        return [rendered(notes.writing(posted[place][0])(keep_nothing)) for place in places]

    return notes.requests.run_together([key for _, key in posted], run), run_places


def test_of_several_requests_only_those_without_a_stored_response_are_run(notes: Notes) -> None:
    for key, text in (("old", "a"), ("other-body", "x"), ("expired", "z")):
        notes.clock.at = NOON - LIFETIME if key == "expired" else NOON
        notes.post(text, key)
    notes.clock.at = NOON
    outcomes, places = post_together(
        notes,
        ("a", key_of("a", "old")),
        ("b", None),
        ("y", key_of("y", "other-body")),
        ("a", key_in("one", group="event-2", former="old")),
        ("z", key_of("z", "expired")),
        ("c", key_in("one", "c")),
        ("c", key_in("one", "c")),
    )
    refusals = [type(outcomes[place]) for place in (2, 6)]
    assert (places, refusals) == ([1, 4, 5], [KeyReused, KeyInFlight])
    stored = [outcome for outcome in outcomes if isinstance(outcome, StoredResponse)]
    assert stored == [again("a"), first("b"), again("a"), first("z"), first("c")]
    assert notes.texts() == ["a", "b", "c", "x", "z", "z"]
    # Their keys are free again, and what was stored is replayed.
    assert post_together(notes, ("z", key_of("z", "expired")), ("c", None)) == (
        [again("z"), first("c")],
        [1],
    )
    assert notes.requests.replay(key_in(None, "c")) == again("c")


def test_when_one_of_several_fails_nothing_of_them_is_stored(notes: Notes) -> None:
    def fail(places: Sequence[int]) -> list[Outcome]:
        notes.writing("a")(keep_nothing)
        raise ValueError

    with pytest.raises(NotTogether):
        notes.requests.run_together([key_of(), None], fail)
    assert (notes.stored(), notes.texts(), notes.post()) == (0, [], first())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_on_postgresql_only_the_key_that_another_process_has_is_refused(notes: Notes) -> None:
    others: list[list[Outcome]] = []

    def post_elsewhere(keep: Keep[str]) -> str:
        elsewhere = replace(notes, requests=notes.other_process())
        with ThreadPoolExecutor(1) as pool, transaction(notes.database):
            both = (("a", key_of()), ("b", key_of("b", "key-2")))
            others.append(pool.submit(post_together, elsewhere, *both).result()[0])
            return notes.writing("a")(keep)

    assert notes.requests.run(key_of(), post_elsewhere, rendered) == first()
    assert ([type(others[0][0]), others[0][1]], notes.texts()) == ([KeyInFlight, first("b")], ["a", "b"])


# Time


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=1)])
def test_a_response_is_stored_for_24_hours(notes: Notes, later: timedelta) -> None:
    notes.post("a")
    notes.clock.at = NOON + timedelta(hours=24) - MILLISECOND
    assert notes.post("a") == again("a")
    notes.clock.at = NOON + timedelta(hours=24) + later
    assert [notes.post("b"), notes.post("b")] == [first("b"), again("b")]
    assert (notes.texts(), notes.stored()) == (["a", "b"], 1)


def test_new_responses_remove_expired_ones_a_few_at_a_time(notes: Notes) -> None:
    for number in range(EXPIRED_AT_ONCE + 2):
        notes.post(key=f"old-{number}")
    notes.clock.at = NOON + LIFETIME
    counts = []
    for number in range(3):
        notes.post(key=f"new-{number}")
        counts.append(notes.stored())
    assert counts == [3, 2, 3]


def test_without_expired_ones_the_next_look_for_them_comes_a_second_later(notes: Notes) -> None:
    notes.post(key="old")
    notes.clock.at = NOON + LIFETIME - MILLISECOND
    notes.post(key="none-expired")
    counts = []
    for number, at in enumerate((LIFETIME, LIFETIME - MILLISECOND + NONE_EXPIRED)):
        notes.clock.at = NOON + at
        notes.post(key=f"new-{number}")
        counts.append(notes.stored())
    assert counts == [3, 3]


def test_a_replay_removes_nothing(notes: Notes) -> None:
    notes.post(key="old")
    notes.clock.at = NOON + timedelta(hours=1)
    notes.post(key="new")
    notes.clock.at = NOON + LIFETIME
    assert (notes.post(key="new"), notes.stored()) == (again(), 2)


# Concurrency


@pytest.mark.parametrize("processes", [1, 12])
def test_of_many_requests_at_once_one_has_the_effect(notes: Notes, processes: int) -> None:
    several = [notes.other_process() for _ in range(processes)]
    results = at_once(*[partial(notes.post, requests=several[number % processes]) for number in range(12)])
    responses = [each for each in results if isinstance(each, StoredResponse)]
    assert responses.count(first()) == 1
    assert responses.count(again()) == len(responses) - 1
    assert {type(each) for each in results if not isinstance(each, StoredResponse)} <= {KeyInFlight}
    assert (notes.texts(), notes.post()) == (["a"], again())


def test_many_keys_at_once_have_an_effect_each_while_they_remove_expired_responses(notes: Notes) -> None:
    for number in range(30):
        notes.post(key=f"key-{number}")
    notes.clock.at = NOON + LIFETIME
    posts = [lambda number=number: notes.post(f"b{number:02}", f"key-{number}") for number in range(12)]
    assert at_once(*posts) == [first(f"b{number:02}") for number in range(12)]
    assert notes.texts() == ["a"] * 30 + [f"b{number:02}" for number in range(12)]


@pytest.mark.parametrize("method", ["run", "replay"])
def test_a_request_whose_key_is_in_flight_is_refused(notes: Notes, method: str) -> None:
    has_begun, may_end = Event(), Event()

    def wait(keep: Keep[str]) -> str:
        has_begun.set()
        assert may_end.wait(120)
        return notes.writing("a")(keep)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(notes.requests.run, key_of(), wait, rendered)
        assert has_begun.wait(120)
        with pytest.raises(KeyInFlight) as refusal:
            notes.post() if method == "run" else notes.requests.replay(key_of())
        assert notes.post("b", "key-2") == first("b")
        may_end.set()
        assert running.result() == first()
    error = refusal.value
    assert (error.status, error.code, error.retry_after) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT", 1)
    assert (notes.texts(), notes.post()) == (["a", "b"], again())


def test_a_broken_connection_leaves_no_key_in_flight(notes: Notes) -> None:
    def break_connection(keep: Keep[str]) -> str:
        with transaction(notes.database):
            notes.writing("a")(keep)
            notes.database.connection().close()
        return "a"

    with pytest.raises((peewee.DatabaseError, peewee.InterfaceError)):
        notes.requests.run(key_of(), break_connection, rendered)
    notes.database.close()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(notes.post).result() == first()


@pytest.mark.parametrize("refusal", [None, Refused()], ids=["by the primary key", "by the effect of the other"])
def test_a_request_that_another_process_overtook_gets_the_response_of_that_one(
    notes: Notes, refusal: ServiceError | None
) -> None:
    def write_as_other() -> None:
        # Without the lock, as if it had not held: the other process has the same key and commits first.
        notes.writing("a")(lambda text: notes.other_process()._store(key_of(), rendered(text)))

    def be_overtaken(keep: Keep[str]) -> str:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(write_as_other).result()
        if refusal is not None:
            raise refusal
        return notes.writing("a")(keep)

    assert notes.requests.run(key_of(), be_overtaken, rendered) == again()
    assert (notes.texts(), notes.stored()) == (["a"], 1)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_on_postgresql_a_request_in_another_process_is_refused(notes: Notes) -> None:
    def post_elsewhere(keep: Keep[str]) -> str:
        with ThreadPoolExecutor(1) as pool, transaction(notes.database):
            failure = pool.submit(notes.post, requests=notes.other_process()).exception()
            assert isinstance(failure, KeyInFlight)
            return notes.writing("a")(keep)

    assert notes.requests.run(key_of(), post_elsewhere, rendered) == first()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(notes.post, requests=notes.other_process()).result() == again()


@pytest.mark.parametrize("text", ["a", "b"])
def test_a_key_without_its_place_meets_what_another_process_stored_meanwhile(notes: Notes, text: str) -> None:
    def be_overtaken(keep: Keep[str]) -> str:
        with ThreadPoolExecutor(1) as pool:
            other = notes.other_process()
            pool.submit(other.run, key_in("one", text), notes.writing(text), rendered).result()
        return notes.writing("a")(keep)

    def run() -> StoredResponse:
        return notes.requests.run(key_in(None), be_overtaken, rendered)

    if text == "a":
        assert run() == again()
    else:
        with pytest.raises(KeyReused):
            run()
    assert (notes.texts(), notes.stored()) == ([text], 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_sqlite_a_request_in_another_process_waits_and_is_replayed(notes: Notes) -> None:
    others: list[Future[StoredResponse]] = []

    def post_elsewhere(keep: Keep[str]) -> str:
        with ThreadPoolExecutor(1) as pool, transaction(notes.database):
            others.append(pool.submit(notes.post, requests=notes.other_process()))
            return notes.writing("a")(keep)

    assert notes.requests.run(key_of(), post_elsewhere, rendered) == first()
    assert (others[0].result(), notes.texts()) == (again(), ["a"])


# Use cases


def test_a_request_without_a_key_sends_no_further_statement(notes: Notes) -> None:
    use_cases = UseCases(notes.database, threads=1)

    def post(key: IdempotencyKey | None) -> StoredResponse:
        return asyncio.run(use_cases.run_once(key, notes.writing("a"), rendered))

    try:
        with counted(notes.database) as statements:
            assert post(None) == first()
        assert [each.split()[:3] for each in statements] == [["INSERT", "INTO", '"notes"']]
        assert (notes.stored(), notes.texts()) == (0, ["a"])
        assert [post(key_of()), post(key_of()), asyncio.run(use_cases.replay(key_of()))] == [first(), again(), again()]
        assert notes.texts() == ["a", "a"]
    finally:
        use_cases.close()
