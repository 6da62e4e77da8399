"""services.kit.storage.gathering under UseCases: creations that wait on SQLite share a commit, and nothing else."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import peewee
import pytest

from services.kit.core.errors import Conflict, Unavailable
from services.kit.storage import gathering
from services.kit.storage.database import open_database, transaction
from services.kit.storage.idempotency import IdempotentResponseRow, Keep
from services.kit.storage.use_cases import UseCases
from services.kit.web.idempotency import KeyInFlight, StoredResponse, request_key, stored_response
from tests.query_counts import counted


class Refused(Conflict):
    code = "REFUSED"


class World:
    """Notes that are posted while the first one, `first`, is under way until `open` is set."""

    def __init__(self, url: str) -> None:
        self.database = open_database(url)
        self.database.execute_sql("CREATE TABLE known (text text PRIMARY KEY)")
        known = "text REFERENCES known (text) DEFERRABLE INITIALLY DEFERRED"
        self.database.execute_sql(f"CREATE TABLE notes (text text PRIMARY KEY, known {known})")
        with self.database.bind_ctx([IdempotentResponseRow]):
            self.database.create_tables([IdempotentResponseRow])
        self.use_cases = UseCases(self.database, threads=2)
        self.has_begun, self.open = threading.Event(), threading.Event()
        self.begun: list[str] = []

    def post(
        self, text: str, failure: Exception | None = None, key: str | None = None, known: str | None = None
    ) -> "asyncio.Task[StoredResponse]":
        """Write the note and then raise the failure, if there is one; `known` must be a known text at the commit."""

        def write(keep: Keep[str]) -> str:
            self.begun.append(text)
            self.has_begun.set()
            if text == "first":
                assert self.open.wait(60)
            with transaction(self.database):
                self.database.execute_sql("INSERT INTO notes VALUES (?, ?)", (text, known))
                if failure is not None:
                    raise failure
                keep(text)
            return text

        request = request_key(key, "POST /api/notes", "admin-1", {"text": text})
        return asyncio.create_task(
            self.use_cases.run_once_gathered(request, write, partial(stored_response, status=201))
        )

    async def finish(self, *tasks: "asyncio.Task[StoredResponse]") -> list[Any]:
        """Let the first one end; return the status of each, and whether it is a repetition, or its error."""
        self.open.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(each) if isinstance(each, BaseException) else (each.status, each.replayed) for each in results]

    def texts(self) -> list[str]:
        return [text for (text,) in self.database.execute_sql("SELECT text FROM notes ORDER BY text").fetchall()]


STORED, REPEATED = (201, False), (201, True)


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    opened = World(sqlite_url)
    yield opened
    opened.use_cases.close()


def run(world: World, test: Callable[["asyncio.Task[StoredResponse]"], Awaitable[None]]) -> None:
    """Run the test while the first note is under way."""

    async def run_it() -> None:
        first = world.post("first")
        assert await asyncio.to_thread(world.has_begun.wait, 60)
        await test(first)

    asyncio.run(run_it())


def test_those_that_wait_share_a_commit_and_the_error_of_one_is_its_own(world: World) -> None:
    async def test(first: "asyncio.Task[StoredResponse]") -> None:
        refused, taken = world.post("refused", Refused()), world.post("first")
        with counted(world.database) as statements:
            results = await world.finish(first, world.post("a"), refused, taken, world.post("b"))
        assert results == [STORED, STORED, Refused, peewee.IntegrityError, STORED]
        # Each of the four in the one transaction has a savepoint; the first one had a transaction of its own.
        assert sum(each.startswith("SAVEPOINT") for each in statements) == 4

    run(world, test)
    assert world.texts() == ["a", "b", "first"]


def test_a_key_that_waits_is_in_flight_and_has_one_effect(world: World) -> None:
    async def test(first: "asyncio.Task[StoredResponse]") -> None:
        assert await world.finish(*(world.post("a", key="key-1") for _ in range(2)), first) == [
            STORED,
            KeyInFlight,
            STORED,
        ]
        assert await world.finish(world.post("a", key="key-1")) == [REPEATED]

    run(world, test)
    assert world.begun == ["first", "a"]


@pytest.mark.parametrize("failure", [peewee.OperationalError("disk I/O error"), "at the commit"])
def test_a_transaction_that_fails_acknowledges_nothing(world: World, failure: Exception | str) -> None:
    async def test(first: "asyncio.Task[StoredResponse]") -> None:
        error = peewee.IntegrityError if isinstance(failure, str) else Unavailable
        others = [world.post("a"), world.post("b", key="key-1")]
        broken = world.post("broken", known="unknown") if isinstance(failure, str) else world.post("broken", failure)
        assert await world.finish(first, *others, broken) == [STORED, error, error, error]
        assert await world.finish(world.post("b", key="key-1")) == [STORED]

    run(world, test)
    assert world.texts() == ["b", "first"]


def test_one_whose_client_has_left_is_not_begun(world: World) -> None:
    async def test(first: "asyncio.Task[StoredResponse]") -> None:
        leaving, staying = world.post("leaving"), world.post("staying")
        await asyncio.sleep(0)
        leaving.cancel()
        assert await world.finish(first, staying) == [STORED, STORED]

    run(world, test)
    assert world.begun == ["first", "staying"]


def test_those_beyond_the_waiting_ones_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_WAITING", 2)

    async def test(first: "asyncio.Task[StoredResponse]") -> None:
        assert await world.finish(first, *map(world.post, "abc")) == [STORED, STORED, STORED, Unavailable]

    run(world, test)
