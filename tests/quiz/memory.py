"""The in-memory twin of QuizStore, under the same contract: test_repository.py."""

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import peewee

from services.kit.core.instants import Clock, now
from services.kit.core.texts import search_form
from services.kit.storage.audit.model import AuditRecord
from services.kit.web.pages import PageRequest
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
from services.quiz.errors import EventNotFound, LessonHasQuiz, LessonNotFound, QuizNotFound
from services.quiz.repository.contracts import ALL, ANY_ATTEMPT, ATTEMPT_ORDERS, QUIZ_ORDERS, quiz_key
from tests.audit import InMemoryAudit
from tests.stores import paged


class _Replaced(NamedTuple):
    """What is stored of a replaced revision."""

    event_id: str
    lesson_id: str
    replaced_at: datetime


@dataclass
class _Rows:
    """Every record by its id."""

    quizzes: dict[str, Quiz] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    replaced: dict[str, _Replaced] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    position: FeedPosition | None = None
    tombstones: frozenset[ContentKey] = frozenset()
    entries: tuple[AuditRecord, ...] = ()


class InMemoryQuizStore:
    """Quiz in dictionaries."""

    def __init__(self, clock: Clock = now) -> None:
        self._rows = _Rows()
        self.audit = InMemoryAudit(self._rows, clock)
        self.quizzes = InMemoryQuizzes(self._rows, self.audit)
        self.attempts = InMemoryAttempts(self._rows)
        self.following = InMemoryFollowing(self._rows)

    def everything(self) -> dict[str, object]:
        """Return all that is stored, to compare before and after."""
        return {name: copy.copy(value) for name, value in vars(self._rows).items()}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything when an exception passes through."""
        rows = self._rows
        before = self.everything()
        try:
            yield
        except BaseException:
            vars(rows).update(before)
            raise


class InMemoryQuizzes:
    """QuizRepository over dictionaries."""

    def __init__(self, rows: _Rows, audit: InMemoryAudit):
        self._rows = rows
        self._audit = audit

    def add(self, quiz: Quiz) -> None:
        _refuse_known(quiz.id, self._rows.quizzes)
        _refuse_known(quiz.revision_id, self._rows.revisions)
        if any(each.lesson_id == quiz.lesson_id for each in self._rows.quizzes.values()):
            raise LessonHasQuiz
        self._put(quiz)
        self._audit.append([("quiz.created", quiz.id)])

    def get(self, quiz_id: str, *, for_update: bool = False) -> Quiz:
        if quiz_id not in self._rows.quizzes:
            raise QuizNotFound
        return self._rows.quizzes[quiz_id]

    def share(self, lesson_id: str) -> QuizReference:
        quiz = self.get_by_lesson(lesson_id)
        return QuizReference(quiz.event_id, quiz.lesson_id, quiz.revision_id)

    def revision_id(self, lesson_id: str) -> str | None:
        return next((each.revision_id for each in self._rows.quizzes.values() if each.lesson_id == lesson_id), None)

    def share_all(self, lesson_ids: Collection[str]) -> dict[str, QuizReference]:
        having = {quiz.lesson_id for quiz in self._rows.quizzes.values()}
        return {lesson_id: self.share(lesson_id) for lesson_id in having.intersection(lesson_ids)}

    def get_by_lesson(self, lesson_id: str) -> Quiz:
        for quiz in self._rows.quizzes.values():
            if quiz.lesson_id == lesson_id:
                return quiz
        raise QuizNotFound

    def save(self, quiz: Quiz) -> None:
        before = self.get(quiz.id)
        _refuse_known(quiz.revision_id, self._rows.revisions)
        self._mark_replaced(before, quiz.updated_at)
        self._put(quiz)
        self._audit.append([("quiz.changed", quiz.id)])

    def remove(self, quiz_id: str, removed_at: datetime) -> None:
        self._remove([self.get(quiz_id)], removed_at)

    def remove_all(self, which: QuizFilter, removed_at: datetime) -> int:
        gone = list(self._matching(which))
        self._remove(gone, removed_at)
        self._remove_replaced(lambda each: _matches(each, which))
        return len(gone)

    def replaced(self, lesson_id: str) -> Sequence[ReplacedRevision]:
        replaced = [(id, each.replaced_at) for id, each in self._rows.replaced.items() if each.lesson_id == lesson_id]

        def key(revision: tuple[str, datetime]) -> tuple[datetime, datetime, str]:
            return (revision[1], self._rows.revisions[revision[0]].created_at, revision[0])

        return [ReplacedRevision(*each) for each in sorted(replaced, key=key, reverse=True)]

    def remove_replaced(self, lesson_id: str, replaced_until: datetime) -> None:
        self._remove_replaced(lambda each: each.lesson_id == lesson_id and each.replaced_at <= replaced_until)

    def list(self, which: QuizFilter, request: PageRequest = ALL, q: str | None = None) -> Sequence[Quiz]:
        found = (each for each in self._matching(which) if q is None or search_form(q) in search_form(each.title))
        return paged(found, QUIZ_ORDERS, request)

    def references(self, at_once: int) -> Iterator[Sequence[LessonReference]]:
        quizzes = sorted(self._rows.quizzes.values(), key=lambda quiz: quiz.lesson_id)
        for start in range(0, len(quizzes), at_once):
            yield [LessonReference(each.event_id, each.lesson_id) for each in quizzes[start : start + at_once]]

    def find(self, quiz_ids: Iterable[str], lesson_ids: Iterable[str]) -> Sequence[Quiz]:
        ids, lessons = set(quiz_ids), set(lesson_ids)
        found = (each for each in self._rows.quizzes.values() if each.id in ids or each.lesson_id in lessons)
        return sorted(found, key=quiz_key)

    def taken_question_ids(self, question_ids: Iterable[str]) -> set[str]:
        return set(question_ids) & {each.id for quiz in self._rows.quizzes.values() for each in quiz.questions}

    def taken_option_ids(self, option_ids: Iterable[str]) -> set[str]:
        questions = (question for quiz in self._rows.quizzes.values() for question in quiz.questions)
        return set(option_ids) & {each.id for question in questions for each in question.options}

    def _put(self, quiz: Quiz) -> None:
        self._rows.quizzes[quiz.id] = quiz
        self._rows.revisions[quiz.revision_id] = quiz.revision

    def _matching(self, which: QuizFilter) -> Iterator[Quiz]:
        for quiz in self._rows.quizzes.values():
            if _matches(quiz, which):
                yield quiz

    def _remove(self, quizzes: Sequence[Quiz], removed_at: datetime) -> None:
        for quiz in quizzes:
            self._mark_replaced(quiz, removed_at)
            del self._rows.quizzes[quiz.id]
        self._audit.append(("quiz.deleted", quiz.id) for quiz in quizzes)

    def _mark_replaced(self, quiz: Quiz, replaced_at: datetime) -> None:
        self._rows.replaced[quiz.revision_id] = _Replaced(quiz.event_id, quiz.lesson_id, replaced_at)

    def _remove_replaced(self, condition: Callable[[_Replaced], bool]) -> None:
        used = {attempt.revision_id for attempt in self._rows.attempts.values()}
        for gone in [id for id, each in self._rows.replaced.items() if condition(each) and id not in used]:
            del self._rows.replaced[gone], self._rows.revisions[gone]


class InMemoryAttempts:
    """AttemptRepository over dictionaries."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def add(self, attempt: Attempt) -> None:
        _refuse_known(attempt.id, self._rows.attempts)
        if attempt.revision_id not in self._rows.revisions:
            raise peewee.IntegrityError("no such revision")
        self._rows.attempts[attempt.id] = attempt

    def add_all(self, attempts: Sequence[Attempt]) -> None:
        before = dict(self._rows.attempts)
        try:
            for attempt in attempts:
                self.add(attempt)
        except peewee.IntegrityError:
            self._rows.attempts = before
            raise

    def list(self, quiz_id: str, request: PageRequest, which: AttemptFilter = ANY_ATTEMPT) -> Sequence[Attempt]:
        attempts = (each for each in self._rows.attempts.values() if each.quiz_id == quiz_id and _is_among(each, which))
        return paged(attempts, ATTEMPT_ORDERS, request)

    def revision(self, revision_id: str) -> Revision:
        return self._rows.revisions[revision_id]

    def revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        wanted = set(revision_ids)
        return {each.id: each for each in self._rows.revisions.values() if each.id in wanted}


class InMemoryFollowing:
    """Following over a set."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def position(self, *, for_update: bool = False) -> FeedPosition | None:
        return self._rows.position

    def move(self, position: FeedPosition, now: datetime) -> None:
        self._rows.position = position

    def add_tombstones(self, gone: Sequence[ContentKey], now: datetime) -> None:
        self._rows.tombstones |= set(gone)

    def tombstones(self, at_once: int) -> Iterator[Sequence[ContentKey]]:
        keys = sorted(self._rows.tombstones, key=lambda each: (each.kind, each.id))
        for start in range(0, len(keys), at_once):
            yield keys[start : start + at_once]

    def remove_tombstones(self, back: Sequence[ContentKey]) -> None:
        self._rows.tombstones -= set(back)

    def require_alive(self, event_id: str, lesson_id: str) -> None:
        if ContentKey("event", event_id) in self._rows.tombstones:
            raise EventNotFound
        if ContentKey("lesson", lesson_id) in self._rows.tombstones:
            raise LessonNotFound


def _is_among(attempt: Attempt, which: AttemptFilter) -> bool:
    return (
        which.passed in (None, attempt.grade.passed)
        and (which.since is None or attempt.submitted_at >= which.since)
        and (which.until is None or attempt.submitted_at < which.until)
    )


def _matches(record: Quiz | _Replaced, which: QuizFilter) -> bool:
    return which.event_id in (None, record.event_id) and which.lesson_id in (None, record.lesson_id)


def _refuse_known(new_id: str, known: Iterable[str]) -> None:
    if new_id in known:
        raise peewee.IntegrityError("the id is taken")
