"""What every repository of quiz promises, whatever keeps the records. Nothing here commits: the service does.

Whatever adds, saves or removes a quiz also appends that entry to the audit log, in the same transaction. Attempts are
a history by themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.kit.core.instants import to_milliseconds
from services.kit.storage.audit.log import AuditTrail
from services.kit.web.pages import PageRequest, SortKey
from services.quiz.entities import Attempt, ContentKey, FeedPosition, LessonReference, Quiz, Revision

ALL = PageRequest()


@dataclass(frozen=True)
class QuizFilter:
    """Which quizzes to list; None means any."""

    event_id: str | None = None
    lesson_id: str | None = None


class QuizRepository(Protocol):
    """Quizzes, each with its questions as one whole; writing one also freezes what it asks."""

    def add(self, quiz: Quiz) -> None:
        """Raises LessonHasQuiz."""

    def get(self, quiz_id: str, *, for_update: bool = False) -> Quiz:
        """Raises QuizNotFound; `for_update` holds it against other writers until the transaction ends."""

    def get_by_lesson(self, lesson_id: str, *, for_share: bool = False) -> Quiz:
        """Raises QuizNotFound; `for_share` holds it against writers, not readers, until the transaction ends."""

    def save(self, quiz: Quiz) -> None:
        """Replace the stored quiz of that id and its questions; raises QuizNotFound."""

    def remove(self, quiz_id: str) -> None:
        """Raises QuizNotFound. Attempts and what they were asked stay."""

    def remove_all(self, which: QuizFilter) -> int:
        """Delete those that match; how many there were."""

    def list(self, which: QuizFilter, request: PageRequest = ALL) -> Sequence[Quiz]:
        """Those that match, oldest first."""

    def references(self, at_once: int) -> Iterator[Sequence[LessonReference]]:
        """The lessons of all quizzes, so many at a time."""

    def find(self, quiz_ids: Iterable[str], lesson_ids: Iterable[str]) -> Sequence[Quiz]:
        """Those that have one of the ids or are of one of the lessons, oldest first."""

    def taken_question_ids(self, question_ids: Iterable[str]) -> set[str]:
        """Which of them a question of any quiz has."""

    def taken_option_ids(self, option_ids: Iterable[str]) -> set[str]:
        """Which of them an option of any question has."""


class AttemptRepository(Protocol):
    """Graded submissions and the frozen copies of what was asked."""

    def add(self, attempt: Attempt) -> None:
        """Keep it for good."""

    def list(self, quiz_id: str, request: PageRequest) -> Sequence[Attempt]:
        """Those of a quiz, newest first, also of one that has been deleted."""

    def revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        """The frozen copies by id."""


class Following(Protocol):
    """The place in content's feed, and what is gone from content."""

    def position(self, *, for_update: bool = False) -> FeedPosition | None:
        """None before the first time; `for_update` keeps other followers, and new quizzes, out meanwhile."""

    def move(self, position: FeedPosition, now: datetime) -> None:
        """Go on from there."""

    def add_tombstones(self, gone: Sequence[ContentKey], now: datetime) -> None:
        """No quiz may be made for these any more; repeating it is harmless."""

    def buried(self, at_once: int) -> Iterator[Sequence[ContentKey]]:
        """All that are, so many at a time; those that have been shown may be dug up meanwhile."""

    def remove_tombstones(self, back: Sequence[ContentKey]) -> None:
        """These are there (again)."""

    def require_alive(self, event_id: str, lesson_id: str) -> None:
        """Raises EventNotFound, LessonNotFound when one is gone; what is alive stays so until the transaction ends."""


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
        """The place in content's feed."""

    @property
    def audit(self) -> AuditTrail:
        """The audit log."""

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""


def quiz_key(quiz: Quiz) -> SortKey:
    """The quiz's place in the order of its list."""
    return (to_milliseconds(quiz.created_at), quiz.id)


def attempt_key(attempt: Attempt) -> SortKey:
    """The attempt's place in the order of its list."""
    return (to_milliseconds(attempt.submitted_at), attempt.id)
