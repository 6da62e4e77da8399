"""Quizzes in SQLite or PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import peewee

from services.kit.storage.audit.log import AuditTrail
from services.kit.storage.batches import batches
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import violates_constraint
from services.kit.storage.pages import paged
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.pages import PageRequest
from services.quiz.entities import LessonReference, Quiz, QuizFilter
from services.quiz.errors import LessonHasQuiz, QuizNotFound
from services.quiz.models import AttemptRow, OptionRow, QuestionRow, QuizRow, RevisionRow
from services.quiz.repository.contracts import ALL
from services.quiz.repository.rows import (
    QuizPart,
    assembled,
    option_columns,
    question_columns,
    quiz_columns,
    revision_columns,
    select_parts,
)

_ORDER = (QuizRow.created_at, QuizRow.id)


class PeeweeQuizzes:
    """QuizRepository over the tables `quizzes`, `quiz_questions`, `quiz_options` and `quiz_revisions`."""

    def __init__(self, database: peewee.Database, audit: AuditTrail):
        self._database = database
        self._audit = audit
        by_id = QuizRow.id == Parameter("quiz_id")
        by_lesson = QuizRow.lesson_id == Parameter("lesson_id")
        self._by_id = Statement(database, select_parts(by_id), QuizPart)
        self._by_lesson = Statement(database, select_parts(by_lesson), QuizPart)
        self._lock_for_update = Statement(database, lock_rows(QuizRow.select(QuizRow.id).where(by_id), database), str)
        # Without this lock an update could remove the revision before the attempt that points to it is written.
        shared = lock_rows(QuizRow.select(QuizRow.id).where(by_lesson), database, "FOR SHARE")
        self._lock_for_share = Statement(database, shared, str)

    def add(self, quiz: Quiz) -> None:
        """Store a new quiz. Raise LessonHasQuiz."""
        try:
            # A savepoint: PostgreSQL refuses every further statement of a transaction in which one has failed.
            with transaction(self._database):
                RevisionRow.insert(revision_columns(quiz)).execute(self._database)
                QuizRow.insert(quiz_columns(quiz)).execute(self._database)
                self._add_questions(quiz)
                self._audit.append([("quiz.created", quiz.id)])
        except peewee.IntegrityError as error:
            if violates_constraint(error, "quizzes_lesson_id", ["quizzes.lesson_id"]):
                raise LessonHasQuiz from None
            raise

    def get(self, quiz_id: str, *, for_update: bool = False) -> Quiz:
        """Return the quiz. Raise QuizNotFound."""
        if for_update:
            self._lock_for_update.first(quiz_id=quiz_id)
        return _only(self._by_id.all(quiz_id=quiz_id))

    def get_by_lesson(self, lesson_id: str, *, for_share: bool = False) -> Quiz:
        """Return the lesson's quiz. Raise QuizNotFound."""
        if for_share:
            self._lock_for_share.first(lesson_id=lesson_id)
        return _only(self._by_lesson.all(lesson_id=lesson_id))

    def save(self, quiz: Quiz) -> None:
        """Replace the stored quiz of that id with its questions. Raise QuizNotFound."""
        RevisionRow.insert(revision_columns(quiz)).execute(self._database)
        columns = quiz_columns(quiz)
        if not QuizRow.update(columns).where(QuizRow.id == columns.pop("id")).execute(self._database):
            raise QuizNotFound
        QuestionRow.delete().where(QuestionRow.quiz == quiz.id).execute(self._database)
        self._add_questions(quiz)
        self._remove_unused_revisions([quiz.id], keep=[quiz.revision_id])
        self._audit.append([("quiz.changed", quiz.id)])

    def remove(self, quiz_id: str) -> None:
        """Delete the quiz; its attempts and their revisions stay. Raise QuizNotFound."""
        if not QuizRow.delete().where(QuizRow.id == quiz_id).execute(self._database):
            raise QuizNotFound
        self._remove_unused_revisions([quiz_id])
        self._audit.append([("quiz.deleted", quiz_id)])

    def remove_all(self, which: QuizFilter) -> int:
        """Delete the quizzes that match, and return their number."""
        matching = QuizRow.select(QuizRow.id).where(*_conditions(which))
        quiz_ids = Statement(self._database, lock_rows(matching, self._database), str).all()
        if quiz_ids:
            QuizRow.delete().where(QuizRow.id.in_(quiz_ids)).execute(self._database)
            self._remove_unused_revisions(quiz_ids)
            self._audit.append(("quiz.deleted", quiz_id) for quiz_id in quiz_ids)
        return len(quiz_ids)

    def list(self, which: QuizFilter, request: PageRequest = ALL) -> Sequence[Quiz]:
        """Return the quizzes that match, oldest first."""
        matching = QuizRow.select(QuizRow.id).where(*_conditions(which))
        return self._select(QuizRow.id.in_(paged(matching, _ORDER, request)))

    def references(self, at_once: int) -> Iterator[Sequence[LessonReference]]:
        """Yield the lessons of all quizzes, at most `at_once` at a time."""
        query = QuizRow.select(QuizRow.lesson_id, QuizRow.event_id)
        return batches(self._database, query, (QuizRow.lesson_id,), LessonReference, at_once)

    def find(self, quiz_ids: Iterable[str], lesson_ids: Iterable[str]) -> Sequence[Quiz]:
        """Return the quizzes with one of the ids or for one of the lessons, oldest first."""
        return self._select(QuizRow.id.in_([*quiz_ids]) | QuizRow.lesson_id.in_([*lesson_ids]))

    def taken_question_ids(self, question_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that a question of any quiz has."""
        return self._taken(QuestionRow.id, question_ids)

    def taken_option_ids(self, option_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that an option of any question has."""
        return self._taken(OptionRow.id, option_ids)

    def _select(self, condition: Any) -> Sequence[Quiz]:
        return assembled(Statement(self._database, select_parts(condition), QuizPart).all())

    def _taken(self, column: Any, ids: Iterable[str]) -> set[str]:
        query = column.model.select(column).where(column.in_([*ids]))
        return set(Statement(self._database, query, str).all())

    def _add_questions(self, quiz: Quiz) -> None:
        QuestionRow.insert_many(question_columns(quiz)).execute(self._database)
        OptionRow.insert_many(option_columns(quiz)).execute(self._database)

    def _remove_unused_revisions(self, quiz_ids: Sequence[str], keep: Sequence[str] = ()) -> None:
        used = AttemptRow.select(AttemptRow.revision).where(AttemptRow.quiz_id.in_(quiz_ids))
        unused = RevisionRow.quiz_id.in_(quiz_ids) & RevisionRow.id.not_in(used) & RevisionRow.id.not_in(keep)
        RevisionRow.delete().where(unused).execute(self._database)


def _only(parts: Iterable[QuizPart]) -> Quiz:
    quizzes = assembled(parts)
    if not quizzes:
        raise QuizNotFound
    return quizzes[0]


def _conditions(which: QuizFilter) -> list[Any]:
    conditions: list[Any] = [peewee.SQL("1 = 1")]
    if which.event_id is not None:
        conditions.append(QuizRow.event_id == which.event_id)
    if which.lesson_id is not None:
        conditions.append(QuizRow.lesson_id == which.lesson_id)
    return conditions
