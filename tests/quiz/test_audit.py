"""Quiz's audit entries: by whom, and exactly one for each acknowledged change."""

from collections.abc import Callable
from contextvars import copy_context

import peewee

from services.kit.core.actor import Actor, set_actor, set_anonymous_actor
from services.kit.core.logging import start_request
from services.kit.storage.audit.log import AuditFilter
from services.quiz.errors import QuizNotFound
from services.quiz.following import Follower
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service.quiz import QuizService
from tests.audit import ALL, entries_in
from tests.content.examples import with_two_events
from tests.content.memory import InMemoryContentStore
from tests.parallel import at_once
from tests.quiz.examples import a_quiz, quiz_changes
from tests.quiz.in_process import ContentInProcess
from tests.quiz.memory import InMemoryQuizStore

FIRST = ("quiz.created", "quiz-1")
ADA = Actor("admin-1", "ada", "editor", "192.0.2.7")


def service_over(store: InMemoryQuizStore | PeeweeQuizStore) -> QuizService:
    """The service over one quiz; every lesson exists."""
    with store.transaction():
        store.quizzes.add(a_quiz())
    return QuizService(store, lambda event_id, lesson_id: None)


def test_a_deletion_that_follows_content_has_no_actor() -> None:
    store = InMemoryQuizStore()
    service = service_over(store)
    content = ContentInProcess(with_two_events(InMemoryContentStore()))
    follower = Follower(store, content)
    follower.catch_up()

    def as_ada(use_case: Callable[[], object]) -> None:
        start_request("request-of-ada", "DELETE")
        set_anonymous_actor(ADA.address)
        set_actor(str(ADA.id), str(ADA.name), str(ADA.role))
        use_case()

    copy_context().run(as_ada, lambda: service.quizzes.update("quiz-1", quiz_changes()))
    content.service.events.delete("event-1")
    copy_context().run(as_ada, follower.catch_up)

    deleted, changed, _created = store.audit.list(AuditFilter(), ALL)
    entries = [
        (each.action, Actor(each.actor_id, each.actor_name, each.actor_role, each.address), each.request_id)
        for each in (changed, deleted)
    ]
    assert entries == [("quiz.changed", ADA, "request-of-ada"), ("quiz.deleted", Actor(), None)]


def test_every_acknowledged_change_at_the_same_time_is_one_entry(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    store = PeeweeQuizStore(database)
    service = service_over(store)

    changed = at_once(*[lambda: service.quizzes.update("quiz-1", quiz_changes())] * 6)
    deleted = at_once(*[lambda: service.quizzes.delete("quiz-1")] * 6)

    assert not any(isinstance(each, Exception) for each in changed)
    assert [type(each) for each in deleted].count(QuizNotFound) == 5
    assert entries_in(store.audit) == [FIRST, *[("quiz.changed", "quiz-1")] * 6, ("quiz.deleted", "quiz-1")]
