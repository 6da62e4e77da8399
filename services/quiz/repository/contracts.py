"""The contracts of quiz's repositories. Nothing here commits: the service does.

Each method that adds, saves or removes a quiz also appends an entry to the audit log, in the same transaction. Attempts
have no entries: their table is a history already.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from services.kit.core.instants import to_milliseconds
from services.kit.core.texts import search_form
from services.kit.storage.audit.log import AuditTrail
from services.kit.web.pages import KeyOrders, Orders, PageRequest, SortKey
from services.quiz.entities import (
    Attempt,
    AttemptFilter,
    ContentKey,
    FeedPosition,
    LessonReference,
    Quiz,
    QuizFilter,
    QuizReference,
    ReplacedRevision,
    Revision,
)

ALL = PageRequest()
ANY_ATTEMPT = AttemptFilter()


class QuizRepository(Protocol):
    """Quizzes with their questions, in order of creation.

    Writing a quiz also writes its revision; the one that it had before is replaced at the quiz's `updated_at`.
    """

    def add(self, quiz: Quiz) -> None:
        """Store a new quiz. Raise LessonHasQuiz."""

    def get(self, quiz_id: str, *, for_update: bool = False) -> Quiz:
        """Return the quiz; `for_update` locks it until the transaction ends. Raise QuizNotFound."""

    def get_by_lesson(self, lesson_id: str) -> Quiz:
        """Return the lesson's quiz. Raise QuizNotFound."""

    def revision_id(self, lesson_id: str) -> str | None:
        """Return the id of the revision of the lesson's quiz, None without one."""

    def share(self, lesson_id: str) -> QuizReference:
        """Return the ids of the lesson's quiz, and lock it against writers only. Raise QuizNotFound."""

    def share_all(self, lesson_ids: Collection[str]) -> dict[str, QuizReference]:
        """Share the quizzes of one or more lessons; return their ids by lesson.

        Left out are lessons without a quiz, and quizzes that another transaction locks: do not wait for it.
        """

    def save(self, quiz: Quiz) -> None:
        """Replace the stored quiz of that id with its questions. Raise QuizNotFound."""

    def remove(self, quiz_id: str, removed_at: datetime) -> None:
        """Delete the quiz; its attempts and its revisions stay. Raise QuizNotFound."""

    def remove_all(self, which: QuizFilter, removed_at: datetime) -> int:
        """Delete the quizzes that match, with the revisions that no attempt points to, and return their number."""

    def replaced(self, lesson_id: str) -> Sequence[ReplacedRevision]:
        """Return the replaced revisions of the lesson's quizzes, deleted ones included, the newest first."""

    def remove_replaced(self, lesson_id: str, replaced_until: datetime) -> None:
        """Delete the lesson's revisions that were replaced until then and that no attempt points to."""

    def list(self, which: QuizFilter, request: PageRequest = ALL, q: str | None = None) -> Sequence[Quiz]:
        """Return the quizzes that match, with `q` in their titles in any case, in one of QUIZ_ORDERS."""

    def references(self, at_once: int) -> Iterator[Sequence[LessonReference]]:
        """Yield the lessons of all quizzes, at most `at_once` at a time."""

    def find(self, quiz_ids: Iterable[str], lesson_ids: Iterable[str]) -> Sequence[Quiz]:
        """Return the quizzes with one of the ids or for one of the lessons, oldest first."""

    def taken_question_ids(self, question_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that a question of any quiz has."""

    def taken_option_ids(self, option_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that an option of any question has."""


class AttemptRepository(Protocol):
    """Graded attempts, and the revisions that they refer to."""

    def add(self, attempt: Attempt) -> None:
        """Store a new attempt."""

    def add_all(self, attempts: Sequence[Attempt]) -> None:
        """Store new attempts, one or more, all or none."""

    def list(self, quiz_id: str, request: PageRequest, which: AttemptFilter = ANY_ATTEMPT) -> Sequence[Attempt]:
        """Return the attempts at a quiz that match, in one of ATTEMPT_ORDERS; they outlive the quiz."""

    def revision(self, revision_id: str) -> Revision:
        """Return the revision that the row of a quiz names. It never changes, so it may come from memory."""

    def revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        """Return the revisions by id; unknown ids are left out."""


class Following(Protocol):
    """The position in content's feed, and the tombstones of what content has deleted."""

    def position(self, *, for_update: bool = False) -> FeedPosition | None:
        """Return the position, None before the first; `for_update` makes other followers and new quizzes wait."""

    def move(self, position: FeedPosition, now: datetime) -> None:
        """Store the position."""

    def add_tombstones(self, keys: Sequence[ContentKey], now: datetime) -> None:
        """Add tombstones: no quiz may be made for these events and lessons. Repeating it is harmless."""

    def tombstones(self, at_once: int) -> Iterator[Sequence[ContentKey]]:
        """Yield all tombstones, at most `at_once` at a time; those already yielded may be removed meanwhile."""

    def remove_tombstones(self, keys: Sequence[ContentKey]) -> None:
        """Remove the tombstones: quizzes for these events and lessons are allowed again."""

    def require_alive(self, event_id: str, lesson_id: str) -> None:
        """Raise EventNotFound or LessonNotFound for a tombstone; none can be added until the transaction ends."""


class QuizStore(Protocol):
    """All repositories of quiz, and the transaction around them."""

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
        """Commit everything that is written inside, or nothing."""


def quiz_key(quiz: Quiz) -> SortKey:
    """Return the sort key of the quiz in its list."""
    return (to_milliseconds(quiz.created_at), quiz.id)


def attempt_key(attempt: Attempt) -> SortKey:
    """Return the sort key of the attempt in its list."""
    return (to_milliseconds(attempt.submitted_at), attempt.id)


def quiz_title_key(quiz: Quiz) -> SortKey:
    """Return the sort key by title, by the numbers of its characters in lower case."""
    return (search_form(quiz.title), quiz.id)


QUIZ_ORDERS: KeyOrders[Quiz] = Orders("createdAt", {"createdAt": quiz_key, "title": quiz_title_key})
ATTEMPT_ORDERS: KeyOrders[Attempt] = Orders("-submittedAt", {"submittedAt": attempt_key})
