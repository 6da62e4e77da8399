"""Quizzes in SQLite or PostgreSQL."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import peewee
from peewee import fn

from services.kit.storage.audit.log import AuditTrail
from services.kit.storage.batches import batches
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import violates_constraint
from services.kit.storage.pages import ANY_ROW, contains, ordering, paged
from services.kit.storage.statements import Parameter, Parameters, Statement
from services.kit.web.pages import Orders, PageRequest
from services.quiz.entities import LessonReference, Quiz, QuizFilter, QuizReference, ReplacedRevision
from services.quiz.errors import LessonHasQuiz, QuizNotFound
from services.quiz.models import AttemptRow, OptionRow, QuestionRow, QuizRow, RevisionRow
from services.quiz.repository.contracts import ALL
from services.quiz.repository.rows import (
    BY_AGE,
    QuizPart,
    assembled,
    option_columns,
    question_columns,
    quiz_columns,
    revision_columns,
    select_parts,
)

_ORDERS = Orders("createdAt", {"createdAt": BY_AGE, "title": (QuizRow.search_form, QuizRow.id)})
WITHOUT_ATTEMPT = ~fn.EXISTS(AttemptRow.select(peewee.SQL("1")).where(AttemptRow.revision == RevisionRow.id))


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
        self._revision_id = Statement(database, QuizRow.select(QuizRow.revision).where(by_lesson), str)
        # Without this lock an update could remove a replaced revision before the attempt that points to it is written.
        ids = QuizRow.select(QuizRow.event_id, QuizRow.lesson_id, QuizRow.revision)
        self._share = Statement(database, lock_rows(ids.where(by_lesson), database, "FOR SHARE"), QuizReference)
        of_lessons = ids.where(QuizRow.lesson_id.in_(Parameters("lesson_ids")))
        unlocked = lock_rows(of_lessons, database, "FOR SHARE SKIP LOCKED")
        self._share_all = Statement(database, unlocked, QuizReference)
        replaced = RevisionRow.select(RevisionRow.id, RevisionRow.replaced_at).where(
            RevisionRow.lesson_id == Parameter("lesson_id")
        )
        newest_first = (RevisionRow.replaced_at.desc(), RevisionRow.created_at.desc(), RevisionRow.id.desc())
        self._replaced = Statement(database, replaced.order_by(*newest_first), ReplacedRevision)

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

    def get_by_lesson(self, lesson_id: str) -> Quiz:
        """Return the lesson's quiz. Raise QuizNotFound."""
        return _only(self._by_lesson.all(lesson_id=lesson_id))

    def revision_id(self, lesson_id: str) -> str | None:
        """Return the id of the revision of the lesson's quiz, None without one."""
        return self._revision_id.first(lesson_id=lesson_id)

    def share(self, lesson_id: str) -> QuizReference:
        """Return the ids of the lesson's quiz, and lock it against writers only. Raise QuizNotFound."""
        reference = self._share.first(lesson_id=lesson_id)
        if reference is None:
            raise QuizNotFound
        return reference

    def share_all(self, lesson_ids: Collection[str]) -> dict[str, QuizReference]:
        """Share the quizzes of these lessons, one or more; leave out absent and locked quizzes."""
        return {each.lesson_id: each for each in self._share_all.all(lesson_ids=lesson_ids)}

    def save(self, quiz: Quiz) -> None:
        """Replace the stored quiz of that id with its questions. Raise QuizNotFound."""
        self._mark_replaced(QuizRow.id == quiz.id, quiz.updated_at)
        RevisionRow.insert(revision_columns(quiz)).execute(self._database)
        columns = quiz_columns(quiz)
        if not QuizRow.update(columns).where(QuizRow.id == columns.pop("id")).execute(self._database):
            raise QuizNotFound
        QuestionRow.delete().where(QuestionRow.quiz == quiz.id).execute(self._database)
        self._add_questions(quiz)
        self._audit.append([("quiz.changed", quiz.id)])

    def remove(self, quiz_id: str, removed_at: datetime) -> None:
        """Delete the quiz; its attempts and its revisions stay. Raise QuizNotFound."""
        self._mark_replaced(QuizRow.id == quiz_id, removed_at)
        if not QuizRow.delete().where(QuizRow.id == quiz_id).execute(self._database):
            raise QuizNotFound
        self._audit.append([("quiz.deleted", quiz_id)])

    def remove_all(self, which: QuizFilter, removed_at: datetime) -> int:
        """Delete the quizzes that match, with the revisions that no attempt points to, and return their number."""
        matching = QuizRow.select(QuizRow.id).where(*_conditions(QuizRow, which))
        quiz_ids = Statement(self._database, lock_rows(matching, self._database), str).all()
        if quiz_ids:
            self._mark_replaced(QuizRow.id.in_(quiz_ids), removed_at)
            QuizRow.delete().where(QuizRow.id.in_(quiz_ids)).execute(self._database)
            self._audit.append(("quiz.deleted", quiz_id) for quiz_id in quiz_ids)
        self._remove_replaced(*_conditions(RevisionRow, which))
        return len(quiz_ids)

    def replaced(self, lesson_id: str) -> Sequence[ReplacedRevision]:
        """Return the replaced revisions of the lesson's quizzes, deleted ones included, the newest first."""
        return self._replaced.all(lesson_id=lesson_id)

    def remove_replaced(self, lesson_id: str, replaced_until: datetime) -> None:
        """Delete the lesson's revisions that were replaced until then and that no attempt points to."""
        self._remove_replaced(RevisionRow.lesson_id == lesson_id, RevisionRow.replaced_at <= replaced_until)

    def list(self, which: QuizFilter, request: PageRequest = ALL, q: str | None = None) -> Sequence[Quiz]:
        """Return the quizzes that match, with `q` in their titles, in one of QUIZ_ORDERS."""
        matching = QuizRow.select(QuizRow.id).where(*_conditions(QuizRow, which))
        if q is not None:
            matching = matching.where(contains(self._database, QuizRow.search_form, q))
        return self._select(QuizRow.id.in_(paged(matching, _ORDERS, request)), ordering(_ORDERS, request))

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

    def _select(self, condition: Any, order: Sequence[Any] = BY_AGE) -> Sequence[Quiz]:
        return assembled(Statement(self._database, select_parts(condition, order=order), QuizPart).all())

    def _taken(self, column: Any, ids: Iterable[str]) -> set[str]:
        query = column.model.select(column).where(column.in_([*ids]))
        return set(Statement(self._database, query, str).all())

    def _add_questions(self, quiz: Quiz) -> None:
        QuestionRow.insert_many(question_columns(quiz)).execute(self._database)
        if options := option_columns(quiz):
            OptionRow.insert_many(options).execute(self._database)

    def _mark_replaced(self, of_quizzes: Any, replaced_at: datetime) -> None:
        """Mark the revisions that these quizzes point to."""
        of_revision = QuizRow.revision == RevisionRow.id
        columns = {
            RevisionRow.event_id: QuizRow.select(QuizRow.event_id).where(of_revision),
            RevisionRow.lesson_id: QuizRow.select(QuizRow.lesson_id).where(of_revision),
            RevisionRow.replaced_at: replaced_at,
        }
        current = QuizRow.select(QuizRow.revision).where(of_quizzes)
        RevisionRow.update(columns).where(RevisionRow.id.in_(current)).execute(self._database)

    def _remove_replaced(self, *conditions: Any) -> None:
        replaced = RevisionRow.replaced_at.is_null(False)
        RevisionRow.delete().where(replaced, WITHOUT_ATTEMPT, *conditions).execute(self._database)


def _only(parts: Iterable[QuizPart]) -> Quiz:
    quizzes = assembled(parts)
    if not quizzes:
        raise QuizNotFound
    return quizzes[0]


def _conditions(table: type[QuizRow | RevisionRow], which: QuizFilter) -> list[Any]:
    conditions: list[Any] = [ANY_ROW]
    if which.event_id is not None:
        conditions.append(table.event_id == which.event_id)
    if which.lesson_id is not None:
        conditions.append(table.lesson_id == which.lesson_id)
    return conditions
