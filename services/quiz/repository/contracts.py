"""What every repository of quiz promises, whatever keeps the records. Nothing here commits: the service does.

Each method that adds, saves or removes a quiz also appends an entry to the audit log, in the same transaction. Attempts
have no entries: they are a history by themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from services.kit.core.instants import to_milliseconds
from services.kit.storage.audit.log import AuditTrail
from services.kit.web.pages import PageRequest, SortKey
from services.quiz.entities import Attempt, ContentKey, FeedPosition, LessonReference, Quiz, QuizFilter, Revision

ALL = PageRequest()


class QuizRepository(Protocol):
    """Quizzes, each stored and read with its questions; writing a quiz also writes its revision."""

    def add(self, quiz: Quiz) -> None:
        """Raise LessonHasQuiz when the lesson has a quiz."""

    def get(self, quiz_id: str, *, for_update: bool = False) -> Quiz:
        """Raise QuizNotFound; `for_update` locks the quiz against other writers until the transaction ends."""

    def get_by_lesson(self, lesson_id: str, *, for_share: bool = False) -> Quiz:
        """Raise QuizNotFound; `for_share` locks the quiz against writers, not readers, until the transaction ends."""

    def save(self, quiz: Quiz) -> None:
        """Replace the stored quiz of that id and its questions; raise QuizNotFound."""

    def remove(self, quiz_id: str) -> None:
        """Raise QuizNotFound. The attempts and their revisions stay."""

    def remove_all(self, which: QuizFilter) -> int:
        """Delete the quizzes that match, and return their number."""

    def list(self, which: QuizFilter, request: PageRequest = ALL) -> Sequence[Quiz]:
        """Return the quizzes that match, oldest first."""

    def references(self, at_once: int) -> Iterator[Sequence[LessonReference]]:
        """Yield the lessons of all quizzes, at most `at_once` at a time."""

    def find(self, quiz_ids: Iterable[str], lesson_ids: Iterable[str]) -> Sequence[Quiz]:
        """Return the quizzes with one of the ids or for one of the lessons, oldest first."""

    def taken_question_ids(self, question_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that a question of any quiz has."""

    def taken_option_ids(self, option_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that an option of any question has."""


class AttemptRepository(Protocol):
    """Graded attempts and the revisions of what was asked."""

    def add(self, attempt: Attempt) -> None:
        """Keep the attempt for good."""

    def list(self, quiz_id: str, request: PageRequest) -> Sequence[Attempt]:
        """Return the attempts at a quiz, newest first; they outlive the quiz."""

    def revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        """Return the revisions by id; unknown ids are left out."""


class Following(Protocol):
    """The position in content's feed, and the tombstones of what content has deleted."""

    def position(self, *, for_update: bool = False) -> FeedPosition | None:
        """Return None before the first time; `for_update` locks out other followers and new quizzes meanwhile."""

    def move(self, position: FeedPosition, now: datetime) -> None:
        """Store the position."""

    def add_tombstones(self, gone: Sequence[ContentKey], now: datetime) -> None:
        """Refuse quizzes for these from now on; repeating it is harmless."""

    def tombstones(self, at_once: int) -> Iterator[Sequence[ContentKey]]:
        """Yield all tombstones, at most `at_once` at a time; those already yielded may be removed meanwhile."""

    def remove_tombstones(self, back: Sequence[ContentKey]) -> None:
        """Allow quizzes for these again."""

    def require_alive(self, event_id: str, lesson_id: str) -> None:
        """Raise EventNotFound or LessonNotFound for a tombstone; none can be added until the transaction ends."""


class QuizStore(Protocol):
    """All of quiz's records and the transaction around them."""

    @property
    def quizzes(self) -> QuizRepository:
        """The quizzes."""

    @property
    def attempts(self) -> AttemptRepository:
        """The attempts."""

    @property
    def following(self) -> Following:
        """The position in content's feed and the tombstones."""

    @property
    def audit(self) -> AuditTrail:
        """The audit log."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Keep everything that is written inside, or nothing."""


def quiz_key(quiz: Quiz) -> SortKey:
    """Return the place of the quiz in the order of its list."""
    return (to_milliseconds(quiz.created_at), quiz.id)


def attempt_key(attempt: Attempt) -> SortKey:
    """Return the place of the attempt in the order of its list."""
    return (to_milliseconds(attempt.submitted_at), attempt.id)
