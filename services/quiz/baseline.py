"""The old baseline's quizzes with their questions and options, judged by quiz's rules and moved with their ids.

A quiz moves as a whole or not at all: without one of its questions it would grade otherwise. Content says which lessons
have moved (`Importer.needs`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import peewee
import uuid_utils

from services.kit.baseline import Candidate, Importer, Moving, OldRow
from services.quiz.entities import Option, Question, Quiz
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.store import PeeweeQuizStore

# As many as an attempt can answer, and three times what the old API took; a quiz has to fit into memory.
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


def move(database: peewee.Database, moving: Moving) -> None:
    """One pass over quizzes, and over the questions and options that are of none."""
    moving.old.forget(_LESSONS)
    store = PeeweeQuizStore(database)
    moving.each("quizzes", partial(_quiz, moving), partial(_compare, store, moving), partial(_add, store))
    for question in moving.old.orphans("quiz_questions", "quiz_id", "quizzes"):
        question.refuse("quiz_id is of no row in quizzes")
        _refuse_with_options(moving, question)
    for option in moving.old.orphans("quiz_options", "question_id", "quiz_questions"):
        option.refuse("question_id is of no row in quiz_questions")
        moving.refuse(option)


IMPORTER = Importer(("quizzes", "quiz_questions", "quiz_options"), move, needs="lessons")


def _quiz(moving: Moving, row: OldRow) -> Quiz:
    """Its frozen copy gets an id when it is written."""
    lesson_id = moving.parent(row, "lesson_id", "lessons")
    event_id = row.identifier("event_id")
    if row.is_sound and moving.old.noted("lessons", lesson_id) != event_id:
        row.refuse("event_id is not that of its lesson")
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
        questions=_questions(moving, row),
    )


def _questions(moving: Moving, quiz: OldRow) -> tuple[Question, ...]:
    found = moving.old.children("quiz_questions", "quiz_id", quiz)
    rows = list(islice(found, MAXIMUM_QUESTIONS))
    # What is beyond is reported now, not kept.
    for beyond in found:
        beyond.refuse(f"quiz_id is that of {MAXIMUM_QUESTIONS} earlier questions")
        quiz.refuse_once(f"it has more than {MAXIMUM_QUESTIONS} questions")
        _refuse_with_options(moving, beyond)
    quiz.parts = rows
    questions = [_question(moving, row) for row in rows]
    if not questions:
        quiz.refuse("it has no question")
    _refuse_repeated_orders(rows, questions)
    return tuple(sorted(questions, key=lambda question: question.order))


def _question(moving: Moving, row: OldRow) -> Question:
    # Of two questions with one id the options are the first one's.
    options = _options(moving, row) if moving.claims(row) else ()
    return Question(row.identifier(), row.text("prompt"), row.integer("display_order", 1, MAXIMUM_ORDER), options)


def _options(moving: Moving, question: OldRow) -> tuple[Option, ...]:
    found = moving.old.children("quiz_options", "question_id", question)
    question.parts = list(islice(found, MAXIMUM_OPTIONS))
    for beyond in found:
        beyond.refuse(f"question_id is that of {MAXIMUM_OPTIONS} earlier options")
        question.refuse_once(f"it has more than {MAXIMUM_OPTIONS} options")
        moving.refuse(beyond)
    options = tuple(_option(moving, row) for row in question.parts)
    if len(options) < MINIMUM_OPTIONS:
        question.refuse("it has fewer than 2 options")
    if not any(option.is_correct for option in options):
        question.refuse("it has no right option")
    return options


def _option(moving: Moving, row: OldRow) -> Option:
    moving.claims(row)
    return Option(row.identifier(), row.text("text"), row.flag("is_correct"))


def _refuse_repeated_orders(rows: Sequence[OldRow], questions: Sequence[Question]) -> None:
    orders: set[int] = set()
    for row, question in zip(rows, questions, strict=True):
        if row.problems:
            continue
        if question.order in orders:
            row.refuse("display_order is that of an earlier question")
        orders.add(question.order)


def _refuse_with_options(moving: Moving, question: OldRow) -> None:
    moving.refuse(question)
    for option in moving.old.children("quiz_options", "question_id", question):
        option.refuse("question_id is of a row in quiz_questions that is not moved")
        moving.refuse(option)


def _compare(store: QuizStore, moving: Moving, candidates: Sequence[Candidate[Quiz]]) -> None:
    quizzes = [each.record for each in candidates]
    known = store.quizzes.find([each.id for each in quizzes], [each.lesson_id for each in quizzes])
    by_id = {each.id: replace(each, version=1, revision_id="") for each in known}
    by_lesson = {each.lesson_id: each.id for each in known}
    for candidate in candidates:
        quiz = candidate.record
        candidate.compare(by_id.get(quiz.id))
        if by_lesson.get(quiz.lesson_id, quiz.id) != quiz.id:
            candidate.row.refuse(LESSON_TAKEN)
        if candidate.row.is_sound and not moving.old.claim(_LESSONS, quiz.lesson_id):
            candidate.row.refuse(LESSON_REPEATED)
    new = [each.row for each in candidates if each.row.is_sound and not each.is_there]
    questions = [question for quiz in new for question in quiz.parts]
    _refuse_taken(questions, store.quizzes.taken_question_ids, QUESTION_TAKEN)
    options = [option for question in questions for option in question.parts]
    _refuse_taken(options, store.quizzes.taken_option_ids, OPTION_TAKEN)


def _refuse_taken(rows: Sequence[OldRow], taken_ids: Callable[[Iterable[str]], set[str]], rule: str) -> None:
    # A statement takes only so many values.
    for start in range(0, len(rows), _IDS_AT_ONCE):
        some = {str(row.id): row for row in rows[start : start + _IDS_AT_ONCE]}
        for taken in taken_ids(some):
            some[taken].refuse(rule)


def _add(store: QuizStore, quizzes: Sequence[Quiz]) -> None:
    for quiz in quizzes:
        store.quizzes.add(replace(quiz, revision_id=str(uuid_utils.uuid7())))
