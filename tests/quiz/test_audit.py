"""Quiz's entries: quizzes in the audit log once each, whoever deletes them; attempts are a history by themselves."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import peewee
import pytest

from deploy.stack import ROOT
from services.kit.core.actor import Actor, set_actor, set_anonymous_actor
from services.kit.core.errors import Conflict, NotFound, PreconditionFailed
from services.kit.core.logging import start_request
from services.kit.storage.audit.log import AuditFilter
from services.kit.web.pages import PageRequest
from services.quiz.errors import QuizNotFound
from services.quiz.following import Follower
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.contracts import QuizFilter, QuizStore
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service import QuizService
from tests.audit import ALL, entries_in
from tests.clock import StoppedClock
from tests.content.examples import with_two_events
from tests.content.memory import InMemoryContentStore
from tests.parallel import at_once
from tests.quiz.examples import a_quiz, new_question, numbered_quiz
from tests.quiz.in_process import ContentInProcess
from tests.stores import Undo

UseCase = Callable[[QuizService], Any]
NO_STATE = frozenset({'"0-0"'})
FIRST = ("quiz.created", "quiz-1")
ADA = Actor("admin-1", "ada", "editor", "192.0.2.7")


@pytest.fixture
def service(store: QuizStore) -> QuizService:
    """The service over one quiz."""
    with store.transaction():
        store.quizzes.add(a_quiz())
    return QuizService(store, lambda event_id, lesson_id: None, StoppedClock())


def test_creating_changing_and_deleting_a_quiz_is_an_entry_each(service: QuizService, store: QuizStore) -> None:
    created = service.create_quiz("event-1", "lesson-2", "Quiz", None, [new_question()])
    service.update_quiz(created.id, "Other", None, [new_question()])
    service.delete_quiz(created.id)
    assert entries_in(store.audit) == [
        FIRST,
        ("quiz.created", created.id),
        ("quiz.changed", created.id),
        ("quiz.deleted", created.id),
    ]


@pytest.mark.parametrize(
    ("use_case", "error"),
    [
        (lambda service: service.create_quiz("event-1", "lesson-1", "Quiz", None, [new_question()]), Conflict),
        (lambda service: service.update_quiz("quiz-1", "Quiz", None, [new_question()], NO_STATE), PreconditionFailed),
        (lambda service: service.update_quiz("nothing", "Quiz", None, [new_question()]), NotFound),
        (lambda service: service.delete_quiz("quiz-1", NO_STATE), PreconditionFailed),
        (lambda service: service.delete_quiz("nothing"), NotFound),
    ],
)
def test_what_is_refused_is_no_entry(
    service: QuizService, store: QuizStore, use_case: UseCase, error: type[Exception]
) -> None:
    with pytest.raises(error):
        use_case(service)
    assert entries_in(store.audit) == [FIRST]


def test_what_learners_do_is_no_entry(service: QuizService, store: QuizStore) -> None:
    service.submit("lesson-1", [])
    service.get_lesson_quiz("lesson-1")
    service.list_attempts("quiz-1", PageRequest(50))
    assert entries_in(store.audit) == [FIRST]


def test_an_entry_whose_change_is_undone_was_never_done(service: QuizService, store: QuizStore) -> None:
    def fail(_result: object) -> None:
        raise Undo

    with suppress(Undo):
        service.create_quiz("event-1", "lesson-2", "Quiz", None, [new_question()], fail)
    with suppress(Undo), store.transaction():
        service.update_quiz("quiz-1", "Other", None, [new_question()])
        service.delete_quiz("quiz-1")
        raise Undo
    assert entries_in(store.audit) == [FIRST]


def test_all_that_are_deleted_together_are_an_entry_each(service: QuizService, store: QuizStore) -> None:
    store.quizzes.add(numbered_quiz(2))
    store.quizzes.add(numbered_quiz(3, event_id="event-2"))
    before = entries_in(store.audit)

    assert store.quizzes.remove_all(QuizFilter(event_id="event-1")) == 2
    assert store.quizzes.remove_all(QuizFilter(event_id="event-1")) == 0
    assert sorted(entries_in(store.audit)[len(before) :]) == [("quiz.deleted", "quiz-1"), ("quiz.deleted", "quiz-2")]


def test_what_follows_a_deletion_in_content_is_nobody_s_whatever_request_has_caused_it(
    service: QuizService, store: QuizStore
) -> None:
    content = ContentInProcess(with_two_events(InMemoryContentStore()))
    follower = Follower(store, content)
    follower.catch_up()

    def as_ada(use_case: Callable[[], object]) -> None:
        start_request("request-of-ada", "DELETE")
        set_anonymous_actor(ADA.address)
        set_actor(str(ADA.id), str(ADA.name), str(ADA.role))
        use_case()

    copy_context().run(as_ada, lambda: service.update_quiz("quiz-1", "Other", None, [new_question()]))
    content.service.delete_event("event-1")
    copy_context().run(as_ada, follower.catch_up)

    deleted, changed, _created = store.audit.list(AuditFilter(), ALL)
    said = [
        (each.action, Actor(each.actor_id, each.actor_name, each.actor_role, each.address), each.request_id)
        for each in (changed, deleted)
    ]
    assert said == [("quiz.changed", ADA, "request-of-ada"), ("quiz.deleted", Actor(), None)]


KILLED = """
import os, signal, sys
from services.kit.storage.database import open_database
from services.quiz.repository import PeeweeQuizStore
from tests.quiz.examples import a_quiz, numbered_quiz

store = PeeweeQuizStore(open_database(sys.argv[1]))
store.quizzes.add(a_quiz())
with store.transaction():
    store.quizzes.add(numbered_quiz(2))
    store.quizzes.remove("quiz-1")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_before_the_commit_leaves_neither_the_change_nor_the_entry(
    database: peewee.Database, database_url: str
) -> None:
    MIGRATIONS.up(database)
    killed = subprocess.run([sys.executable, "-c", KILLED, database_url], cwd=ROOT, check=False)
    assert killed.returncode == -9

    store = PeeweeQuizStore(database)
    assert [quiz.id for quiz in store.quizzes.list(QuizFilter())] == ["quiz-1"]
    assert entries_in(store.audit) == [FIRST]


def test_every_change_at_the_same_time_that_was_acknowledged_is_one_entry(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    store = PeeweeQuizStore(database)
    store.quizzes.add(a_quiz())
    service = QuizService(store, lambda event_id, lesson_id: None, StoppedClock())

    changed = at_once(*[lambda: service.update_quiz("quiz-1", "Other", None, [new_question()])] * 6)
    deleted = at_once(*[lambda: service.delete_quiz("quiz-1")] * 6)

    assert not any(isinstance(each, Exception) for each in changed)
    assert [type(each) for each in deleted].count(QuizNotFound) == 5
    assert entries_in(store.audit) == [FIRST, *[("quiz.changed", "quiz-1")] * 6, ("quiz.deleted", "quiz-1")]
