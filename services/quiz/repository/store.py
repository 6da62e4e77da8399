"""The records in SQLite or PostgreSQL, through Peewee. Every query of quiz is here."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import groupby
from typing import Any

import peewee

from services.kit.core.instants import Clock, now
from services.kit.storage.audit.log import AuditLog, AuditTrail
from services.kit.storage.batches import batches
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import violates_constraint
from services.kit.storage.pages import paged
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.pages import PageRequest
from services.quiz.entities import (
    Attempt,
    LessonReference,
    Option,
    Question,
    Quiz,
    Revision,
)
from services.quiz.errors import LessonHasQuiz, QuizNotFound
from services.quiz.models import AttemptRow, OptionRow, QuestionRow, QuizRow, RevisionRow
from services.quiz.repository.contracts import ALL, QuizFilter
from services.quiz.repository.following import PeeweeFollowing
from services.quiz.repository.frozen import attempt_of, frozen_answers, frozen_questions, revision_of


class PeeweeQuizStore:
    """Quiz in SQLite or PostgreSQL."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self.audit = AuditLog(database, clock)
        self.quizzes = PeeweeQuizzes(database, self.audit)
        self.attempts = PeeweeAttempts(database)
        self.following = PeeweeFollowing(database)

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""
        return transaction(self._database)


class PeeweeQuizzes:
    """QuizRepository over the tables `quizzes`, `quiz_questions`, `quiz_options` and `quiz_revisions`."""

    def __init__(self, database: peewee.Database, audit: AuditTrail):
        self._database = database
        self._audit = audit
        by_id = QuizRow.id == Parameter("quiz_id")
        self._by_id = _whole_quizzes(database, by_id)
        by_lesson = QuizRow.lesson_id == Parameter("lesson_id")
        self._by_lesson = _whole_quizzes(database, by_lesson)
        held = lock_rows(QuizRow.select(QuizRow.id).where(by_id), database)
        self._hold = Statement(database, held, str)
        # Without it an update could forget the revision between its reading and the attempt that points to it.
        shared = lock_rows(QuizRow.select(QuizRow.id).where(by_lesson), database, "FOR SHARE")
        self._share = Statement(database, shared, str)

    def add(self, quiz: Quiz) -> None:
        """Raises LessonHasQuiz."""
        try:
            # A savepoint: PostgreSQL refuses every further statement of a transaction in which one has failed.
            with transaction(self._database):
                self._freeze(quiz)
                QuizRow.insert(_quiz_columns(quiz)).execute(self._database)
                self._add_questions(quiz)
                self._audit.append([("quiz.created", quiz.id)])
        except peewee.IntegrityError as error:
            if violates_constraint(error, "quizzes_lesson_id", ["quizzes.lesson_id"]):
                raise LessonHasQuiz from None
            raise

    def get(self, quiz_id: str, *, for_update: bool = False) -> Quiz:
        """Raises QuizNotFound."""
        if for_update:
            self._hold.first(quiz_id=quiz_id)
        return _only(self._by_id.all(quiz_id=quiz_id))

    def get_by_lesson(self, lesson_id: str, *, for_share: bool = False) -> Quiz:
        """Raises QuizNotFound."""
        if for_share:
            self._share.first(lesson_id=lesson_id)
        return _only(self._by_lesson.all(lesson_id=lesson_id))

    def save(self, quiz: Quiz) -> None:
        """Raises QuizNotFound."""
        self._freeze(quiz)
        columns = _quiz_columns(quiz)
        if not QuizRow.update(columns).where(QuizRow.id == columns.pop("id")).execute(self._database):
            raise QuizNotFound
        QuestionRow.delete().where(QuestionRow.quiz == quiz.id).execute(self._database)
        self._add_questions(quiz)
        self._forget_unused_revisions([quiz.id], keep=[quiz.revision_id])
        self._audit.append([("quiz.changed", quiz.id)])

    def remove(self, quiz_id: str) -> None:
        """Raises QuizNotFound."""
        if not QuizRow.delete().where(QuizRow.id == quiz_id).execute(self._database):
            raise QuizNotFound
        self._forget_unused_revisions([quiz_id])
        self._audit.append([("quiz.deleted", quiz_id)])

    def remove_all(self, which: QuizFilter) -> int:
        """Delete those that match; how many there were."""
        found = QuizRow.select(QuizRow.id).where(*_conditions(which))
        quiz_ids = Statement(self._database, lock_rows(found, self._database), str).all()
        if quiz_ids:
            QuizRow.delete().where(QuizRow.id.in_(quiz_ids)).execute(self._database)
            self._forget_unused_revisions(quiz_ids)
            self._audit.append(("quiz.deleted", quiz_id) for quiz_id in quiz_ids)
        return len(quiz_ids)

    def list(self, which: QuizFilter, request: PageRequest = ALL) -> Sequence[Quiz]:
        """Those that match, oldest first."""
        order = (QuizRow.created_at, QuizRow.id)
        wanted = paged(QuizRow.select(QuizRow.id).where(*_conditions(which)), order, request)
        return _assembled(_whole_quizzes(self._database, QuizRow.id.in_(wanted)).all())

    def references(self, at_once: int) -> Iterator[Sequence[LessonReference]]:
        """The lessons of all quizzes, so many at a time."""
        query = QuizRow.select(QuizRow.lesson_id, QuizRow.event_id)
        return batches(self._database, query, (QuizRow.lesson_id,), _reference, at_once)

    def find(self, quiz_ids: Iterable[str], lesson_ids: Iterable[str]) -> Sequence[Quiz]:
        """Those that have one of the ids or are of one of the lessons, oldest first."""
        condition = QuizRow.id.in_([*quiz_ids]) | QuizRow.lesson_id.in_([*lesson_ids])
        return _assembled(_whole_quizzes(self._database, condition).all())

    def taken_question_ids(self, question_ids: Iterable[str]) -> set[str]:
        """Which of them a question of any quiz has."""
        return self._taken(QuestionRow.id, question_ids)

    def taken_option_ids(self, option_ids: Iterable[str]) -> set[str]:
        """Which of them an option of any question has."""
        return self._taken(OptionRow.id, option_ids)

    def _taken(self, column: Any, ids: Iterable[str]) -> set[str]:
        query = column.model.select(column).where(column.in_([*ids]))
        return set(Statement(self._database, query, str).all())

    def _freeze(self, quiz: Quiz) -> None:
        revision = {
            "id": quiz.revision_id,
            "quiz_id": quiz.id,
            "title": quiz.title,
            "pass_percentage": quiz.pass_percentage,
            "questions": frozen_questions(quiz.questions),
            "created_at": quiz.updated_at,
        }
        RevisionRow.insert(revision).execute(self._database)

    def _add_questions(self, quiz: Quiz) -> None:
        questions = [
            {"id": question.id, "quiz": quiz.id, "prompt": question.prompt, "position": question.order}
            for question in quiz.questions
        ]
        options = [
            {**asdict(option), "question": question.id, "position": position}
            for question in quiz.questions
            for position, option in enumerate(question.options, 1)
        ]
        QuestionRow.insert_many(questions).execute(self._database)
        OptionRow.insert_many(options).execute(self._database)

    def _forget_unused_revisions(self, quiz_ids: Sequence[str], keep: Sequence[str] = ()) -> None:
        used = AttemptRow.select(AttemptRow.revision).where(AttemptRow.quiz_id.in_(quiz_ids))
        unused = RevisionRow.quiz_id.in_(quiz_ids) & RevisionRow.id.not_in(used) & RevisionRow.id.not_in(keep)
        RevisionRow.delete().where(unused).execute(self._database)


class PeeweeAttempts:
    """AttemptRepository over the tables `quiz_attempts` and `quiz_revisions`."""

    def __init__(self, database: peewee.Database):
        self._database = database

    def add(self, attempt: Attempt) -> None:
        """Keep it for good."""
        grade = attempt.grade
        columns = {
            "id": attempt.id,
            "quiz_id": attempt.quiz_id,
            "revision": attempt.revision_id,
            "event_id": attempt.event_id,
            "lesson_id": attempt.lesson_id,
            "answers": frozen_answers(grade.answers),
            "answered_questions": grade.answered_questions,
            "correct_answers": grade.correct_answers,
            "score_percentage": grade.score_percentage,
            "pass_percentage": grade.pass_percentage,
            "submitted_at": attempt.submitted_at,
        }
        AttemptRow.insert(columns).execute(self._database)

    def list(self, quiz_id: str, request: PageRequest) -> Sequence[Attempt]:
        """Those of a quiz, newest first, also of one that has been deleted."""
        order = (AttemptRow.submitted_at, AttemptRow.id)
        query = paged(AttemptRow.select().where(AttemptRow.quiz_id == quiz_id), order, request, descending=True)
        return Statement(self._database, query, attempt_of).all()

    def revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        """The frozen copies by id, in one statement."""
        query = RevisionRow.select().where(RevisionRow.id.in_(list(revision_ids)))
        return {revision.id: revision for revision in Statement(self._database, query, revision_of).all()}


def _whole_quizzes(database: peewee.Database, condition: Any) -> Statement[tuple[Any, ...]]:
    # One statement reads the whole aggregate: what it asks and the revision that froze it cannot fall apart.
    query = (
        QuizRow.select(
            *QuizRow._meta.sorted_fields,
            QuestionRow.id,
            QuestionRow.prompt,
            QuestionRow.position,
            OptionRow.id,
            OptionRow.text,
            OptionRow.is_correct,
        )
        .join(QuestionRow)
        .join(OptionRow)
        .where(condition)
        .order_by(QuizRow.created_at, QuizRow.id, QuestionRow.position, OptionRow.position)
    )
    return Statement(database, query, tuple)


def _assembled(rows: Iterable[tuple[Any, ...]]) -> Sequence[Quiz]:
    quizzes = []
    width = len(QuizRow._meta.sorted_fields)
    for columns, of_quiz in groupby(rows, key=lambda row: row[:width]):
        questions = tuple(
            Question(question_id, prompt, order, tuple(Option(*row[width + 3 :]) for row in of_question))
            for (question_id, prompt, order), of_question in groupby(of_quiz, key=lambda row: row[width : width + 3])
        )
        quizzes.append(Quiz(*(*columns, questions)))
    return quizzes


def _only(rows: Sequence[tuple[Any, ...]]) -> Quiz:
    quizzes = _assembled(rows)
    if not quizzes:
        raise QuizNotFound
    return quizzes[0]


def _quiz_columns(quiz: Quiz) -> dict[str, Any]:
    return {
        "id": quiz.id,
        "event_id": quiz.event_id,
        "lesson_id": quiz.lesson_id,
        "title": quiz.title,
        "pass_percentage": quiz.pass_percentage,
        "revision": quiz.revision_id,
        "created_at": quiz.created_at,
        "updated_at": quiz.updated_at,
        "version": quiz.version,
    }


def _reference(lesson_id: str, event_id: str) -> LessonReference:
    return LessonReference(event_id, lesson_id)


def _conditions(which: QuizFilter) -> list[Any]:
    conditions: list[Any] = [peewee.SQL("1 = 1")]
    if which.event_id is not None:
        conditions.append(QuizRow.event_id == which.event_id)
    if which.lesson_id is not None:
        conditions.append(QuizRow.lesson_id == which.lesson_id)
    return conditions
