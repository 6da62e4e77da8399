"""Import quizzes with their questions and options, and with their ids.

A question that nobody can answer rightly is left out, and its quiz moves without it. The notes of content's pass say
which lessons are moved.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import peewee
import uuid_utils

from deploy.import_baseline.import_pass import Candidate, Importer, ImportPass
from deploy.import_baseline.old_row import OldRow
from services.quiz.entities import Option, Question, Quiz
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.rules import DEFAULT_PASS_PERCENTAGE, MINIMUM_OPTIONS

# The most that an attempt can answer, and three times the old API's limit; a quiz must fit into memory.
MAXIMUM_QUESTIONS = 100
MAXIMUM_OPTIONS = 30
# That of the API; the old one had none.
MAXIMUM_ORDER = 1_000_000

LESSON_REPEATED = "lesson_id is that of an earlier quiz"
LESSON_TAKEN = "lesson_id is that of another quiz of this installation"
QUESTION_TAKEN = "id is taken by a question of this installation"
OPTION_TAKEN = "id is taken by an option of this installation"

_LESSONS = "lessons with a quiz"
# What has no order is asked last.
_LAST_ORDER = 2**63
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
    created_at = row.instant("created_at")
    return Quiz(
        id=row.identifier(),
        event_id=one_pass.event_id_of_lesson(row, lesson_id),
        lesson_id=lesson_id,
        title=row.text("title"),
        pass_percentage=row.integer("pass_percentage", 0, 100, DEFAULT_PASS_PERCENTAGE),
        revision_id="",
        created_at=created_at,
        updated_at=row.instant("updated_at", created_at),
        version=1,
        questions=_questions(one_pass, row),
    )


def _questions(one_pass: ImportPass, quiz: OldRow) -> tuple[Question, ...]:
    questions: list[Question] = []
    # Rows that are left out are reported at once and not kept in memory.
    for row in one_pass.old.children("quiz_questions", "quiz_id", quiz):
        if len(questions) == MAXIMUM_QUESTIONS:
            row.reject(f"quiz_id is that of {MAXIMUM_QUESTIONS} earlier questions")
            _reject_with_options(one_pass, row)
            continue
        question = _question(one_pass, row)
        if row.is_valid:
            quiz.parts.append(row)
            questions.append(question)
        else:
            one_pass.report(row)
    if not questions:
        quiz.reject("it has no question that can be answered")
    return _in_order(quiz.parts, questions)


def _question(one_pass: ImportPass, row: OldRow) -> Question:
    # Where two questions have the same id, the options belong to the first.
    options = _options(one_pass, row) if one_pass.claim_id(row) else ()
    order = row.whole_number("display_order")
    return Question(row.identifier(), row.text("prompt"), _LAST_ORDER if order is None else order, options)


def _options(one_pass: ImportPass, question: OldRow) -> tuple[Option, ...]:
    options: list[Option] = []
    for row in one_pass.old.children("quiz_options", "question_id", question):
        option = Option(row.identifier(), row.text("text"), row.flag("is_correct"))
        if len(options) == MAXIMUM_OPTIONS:
            row.reject(f"question_id is that of {MAXIMUM_OPTIONS} earlier options")
        elif one_pass.claim_id(row) and row.is_valid:
            question.parts.append(row)
            options.append(option)
            continue
        one_pass.report(row)
    if len(options) < MINIMUM_OPTIONS:
        question.reject("it has fewer than 2 options")
    elif not any(option.is_correct for option in options):
        question.reject("it has no right option")
    return tuple(options)


def _in_order(rows: Sequence[OldRow], questions: Sequence[Question]) -> tuple[Question, ...]:
    """Return the questions as they were shown, with an order of their own each: a repeated one becomes the next."""
    pairs = sorted(zip(questions, rows, strict=True), key=lambda pair: pair[0].order)
    orders, last = [], 0
    for question, _ in pairs:
        last = max(question.order, last + 1)
        orders.append(last)
    if last > MAXIMUM_ORDER:
        orders = list(range(1, len(pairs) + 1))
    for (_, row), order in zip(pairs, orders, strict=True):
        row.change("display_order", order)
    return tuple(replace(question, order=order) for (question, _), order in zip(pairs, orders, strict=True))


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
