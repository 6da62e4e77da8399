"""Migration 005: versions that the release before had replaced, and the way back, on both engines."""

import peewee
import pytest

from services.quiz.entities import Quiz, QuizFilter, ReplacedRevision
from services.quiz.migrations import MIGRATIONS
from services.quiz.models import RevisionRow
from services.quiz.repository.contracts import ALL
from services.quiz.repository.rows import revision_columns
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service.quiz import QuizService
from tests.clock import HOUR, NOON, StoppedClock
from tests.quiz.examples import a_quiz, an_attempt, numbered_quiz, quiz_changes, right

FIRST = a_quiz()
SECOND = a_quiz(revision_id="revision-b", title="Second", updated_at=NOON + HOUR)
CURRENT = a_quiz(revision_id="revision-c", title="Third", updated_at=NOON + 3 * HOUR, version=3)
DELETED = numbered_quiz(2)
UNUSED = numbered_quiz(3)


def back_to_the_release_before(database: peewee.Database) -> None:
    """Roll back the migrations of this release."""
    while MIGRATIONS.down(database, accept_losses=True) != "005_quiz_versions":
        pass


@pytest.fixture
def store(database: peewee.Database) -> PeeweeQuizStore:
    """Rows as the release before left them: two replaced versions, a deleted quiz, and a version that nothing uses."""
    MIGRATIONS.up(database)
    store = PeeweeQuizStore(database)
    store.quizzes.add(CURRENT)
    back_to_the_release_before(database)
    with store.transaction():
        for quiz in (FIRST, SECOND, DELETED, UNUSED):
            RevisionRow.insert(revision_columns(quiz)).execute(database)
        attempt(store, "attempt-1", FIRST, 0)
        attempt(store, "attempt-2", SECOND, 2)
        for number in (3, 4):
            attempt(store, f"attempt-{number}", DELETED, number)
    MIGRATIONS.up(database)
    return store


def attempt(store: PeeweeQuizStore, attempt_id: str, quiz: Quiz, hours: int) -> None:
    ids = {"quiz_id": quiz.id, "lesson_id": quiz.lesson_id, "revision_id": quiz.revision_id}
    store.attempts.add(an_attempt(id=attempt_id, submitted_at=NOON + hours * HOUR, **ids))


def stored(store: PeeweeQuizStore) -> set[str]:
    """The ids of the versions that are stored."""
    every = [each.revision_id for each in (FIRST, SECOND, CURRENT, DELETED, UNUSED)]
    return set(store.attempts.revisions(every))


def test_versions_that_were_replaced_before_are_known_by_their_attempts(store: PeeweeQuizStore) -> None:
    assert store.quizzes.replaced("lesson-1") == [
        ReplacedRevision("revision-b", CURRENT.updated_at),
        ReplacedRevision("revision-1", SECOND.updated_at),
    ]
    # Nothing says when it was deleted; its last attempt was before.
    assert store.quizzes.replaced("lesson-2") == [ReplacedRevision("revision-2", NOON + 4 * HOUR)]
    clock = StoppedClock(NOON + 24 * HOUR)
    submission = QuizService(store, lambda event_id, lesson_id: None, clock).learners.submit(
        "lesson-1", [right(FIRST.questions[0])], revision_id="revision-1"
    )
    assert submission.revision == FIRST.revision
    # What goes in content takes the versions of deleted quizzes with it, but for their attempts.
    assert store.quizzes.remove_all(QuizFilter(event_id="event-1"), NOON) == 1
    assert stored(store) == {"revision-1", "revision-b", "revision-2", "revision-3"}


def test_a_rollback_keeps_attempts_with_what_was_asked(store: PeeweeQuizStore, database: peewee.Database) -> None:
    service = QuizService(store, lambda event_id, lesson_id: None, StoppedClock(NOON + 4 * HOUR))
    edited = service.quizzes.update("quiz-1", quiz_changes())
    assert stored(store) == {"revision-1", "revision-b", "revision-c", "revision-2", "revision-3"}
    attempts = [list(store.attempts.list(quiz_id, ALL)) for quiz_id in ("quiz-1", "quiz-2")]
    back_to_the_release_before(database)
    assert stored(store) == {"revision-1", "revision-b", "revision-2"}
    assert store.quizzes.get("quiz-1") == edited
    assert [list(store.attempts.list(quiz_id, ALL)) for quiz_id in ("quiz-1", "quiz-2")] == attempts
    assert MIGRATIONS.up(database)[0] == "005_quiz_versions"
    assert [each.id for each in store.quizzes.replaced("lesson-1")] == ["revision-b", "revision-1"]
