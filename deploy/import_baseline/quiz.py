"""Import quizzes with their questions and options, and with their ids.

A quiz is moved together with all its questions or not at all, else its grades would change. The notes of content's
pass say which lessons are moved.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import peewee
import uuid_utils

from deploy.import_baseline.import_pass import Candidate, Importer, ImportPass
from deploy.import_baseline.old_row import OldRow
from services.quiz.entities import Option, Question, Quiz
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.store import PeeweeQuizStore

# The most that an attempt can answer, and three times the old API's limit; a quiz must fit into memory.
MAXIMUM_QUESTIONS = 100
MAXIMUM_OPTIONS = 30
MINIMUM_OPTIONS = 2
MAXIMUM_ORDER = 2**31 - 1

LESSON_REPEATED = "lesson_id is that of an earlier quiz"
LESSON_TAKEN = "lesson_id is that of another quiz of this installation"
QUESTION_TAKEN = "id is taken by a question of this installation"
OPTION_TAKEN = "id is taken by an option of this installation"

_LESSONS = "lessons with a quiz"
_IDS_AT_ONCE = 1000


def import_rows(database: peewee.Database, one_pass: ImportPass) -> None:
    """Process quizzes, and report questions and options that belong to none."""
    one_pass.old.forget(_LESSONS)
    store = PeeweeQuizStore(database)
    one_pass.process("quizzes", partial(_quiz, one_pass), partial(_compare, store, one_pass), partial(_add, store))
    for question in one_pass.old.orphans("quiz_questions", "quiz_id", "quizzes"):
        question.reject("quiz_id is of no row in quizzes")
        _reject_with_options(one_pass, question)
    for option in one_pass.old.orphans("quiz_options", "question_id", "quiz_questions"):
        option.reject("question_id is of no row in quiz_questions")
        one_pass.report(option)


IMPORTER = Importer(("quizzes", "quiz_questions", "quiz_options"), import_rows)


def _quiz(one_pass: ImportPass, row: OldRow) -> Quiz:
    """Read a quiz; its revision gets an id when it is written."""
    lesson_id = one_pass.parent_id(row, "lesson_id", "lessons")
    event_id = row.identifier("event_id")
    if row.is_valid and one_pass.old.noted("lessons", lesson_id) != event_id:
        row.reject("event_id is not that of its lesson")
    return Quiz(
        id=row.identifier(),
        event_id=event_id,
        lesson_id=lesson_id,
        title=row.text("title"),
        pass_percentage=row.integer("pass_percentage", 0, 100),
        revision_id="",
        created_at=row.instant("created_at"),
        updated_at=row.instant("updated_at"),
        version=1,
        questions=_questions(one_pass, row),
    )


def _questions(one_pass: ImportPass, quiz: OldRow) -> tuple[Question, ...]:
    found = one_pass.old.children("quiz_questions", "quiz_id", quiz)
    rows = list(islice(found, MAXIMUM_QUESTIONS))
    # Rows over the limit are reported at once and not kept in memory.
    for extra in found:
        extra.reject(f"quiz_id is that of {MAXIMUM_QUESTIONS} earlier questions")
        quiz.reject_once(f"it has more than {MAXIMUM_QUESTIONS} questions")
        _reject_with_options(one_pass, extra)
    quiz.parts = rows
    questions = [_question(one_pass, row) for row in rows]
    if not questions:
        quiz.reject("it has no question")
    _reject_repeated_orders(rows, questions)
    return tuple(sorted(questions, key=lambda question: question.order))


def _question(one_pass: ImportPass, row: OldRow) -> Question:
    # Where two questions have the same id, the options belong to the first.
    options = _options(one_pass, row) if one_pass.claim_id(row) else ()
    return Question(row.identifier(), row.text("prompt"), row.integer("display_order", 1, MAXIMUM_ORDER), options)


def _options(one_pass: ImportPass, question: OldRow) -> tuple[Option, ...]:
    found = one_pass.old.children("quiz_options", "question_id", question)
    question.parts = list(islice(found, MAXIMUM_OPTIONS))
    for extra in found:
        extra.reject(f"question_id is that of {MAXIMUM_OPTIONS} earlier options")
        question.reject_once(f"it has more than {MAXIMUM_OPTIONS} options")
        one_pass.report(extra)
    options = tuple(_option(one_pass, row) for row in question.parts)
    if len(options) < MINIMUM_OPTIONS:
        question.reject("it has fewer than 2 options")
    if not any(option.is_correct for option in options):
        question.reject("it has no right option")
    return options


def _option(one_pass: ImportPass, row: OldRow) -> Option:
    one_pass.claim_id(row)
    return Option(row.identifier(), row.text("text"), row.flag("is_correct"))


def _reject_repeated_orders(rows: Sequence[OldRow], questions: Sequence[Question]) -> None:
    orders: set[int] = set()
    for row, question in zip(rows, questions, strict=True):
        if row.violations:
            continue
        if question.order in orders:
            row.reject("display_order is that of an earlier question")
        orders.add(question.order)


def _reject_with_options(one_pass: ImportPass, question: OldRow) -> None:
    one_pass.report(question)
    for option in one_pass.old.children("quiz_options", "question_id", question):
        option.reject("question_id is of a row in quiz_questions that is not moved")
        one_pass.report(option)


def _compare(store: QuizStore, one_pass: ImportPass, candidates: Sequence[Candidate[Quiz]]) -> None:
    quizzes = [each.record for each in candidates]
    stored = store.quizzes.find([each.id for each in quizzes], [each.lesson_id for each in quizzes])
    by_id = {each.id: replace(each, version=1, revision_id="") for each in stored}
    by_lesson = {each.lesson_id: each.id for each in stored}
    for candidate in candidates:
        quiz = candidate.record
        candidate.compare(by_id.get(quiz.id))
        if by_lesson.get(quiz.lesson_id, quiz.id) != quiz.id:
            candidate.row.reject(LESSON_TAKEN)
        if candidate.row.is_valid and not one_pass.old.claim(_LESSONS, quiz.lesson_id):
            candidate.row.reject(LESSON_REPEATED)
    new = [each.row for each in candidates if each.row.is_valid and not each.is_present]
    questions = [question for quiz in new for question in quiz.parts]
    _reject_taken(questions, store.quizzes.taken_question_ids, QUESTION_TAKEN)
    options = [option for question in questions for option in question.parts]
    _reject_taken(options, store.quizzes.taken_option_ids, OPTION_TAKEN)


def _reject_taken(rows: Sequence[OldRow], taken_ids: Callable[[Iterable[str]], set[str]], rule: str) -> None:
    # SQLite limits the number of values in a statement.
    for start in range(0, len(rows), _IDS_AT_ONCE):
        some = {str(row.id): row for row in rows[start : start + _IDS_AT_ONCE]}
        for taken in taken_ids(some):
            some[taken].reject(rule)


def _add(store: QuizStore, quizzes: Sequence[Quiz]) -> None:
    for quiz in quizzes:
        store.quizzes.add(replace(quiz, revision_id=str(uuid_utils.uuid7())))
