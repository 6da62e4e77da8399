"""Records to begin a test with, and answers of learners."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from services.quiz.entities import (
    Answer,
    Attempt,
    Grade,
    GradedAnswer,
    NewOption,
    NewQuestion,
    Option,
    Question,
    Quiz,
    QuizChanges,
    QuizFields,
)
from tests.clock import NOON
from tests.stores import TEXTS


def a_question(order: int, *right: bool) -> Question:
    """A question with an option for each flag; by default the first of two is right."""
    options = tuple(
        Option(f"option-{order}-{place}", f"Option {place}", is_correct)
        for place, is_correct in enumerate(right or (True, False), 1)
    )
    return Question(f"question-{order}", f"Prompt {order}", order, options)


def some_questions(count: int) -> tuple[Question, ...]:
    """Questions whose first option is right."""
    return tuple(a_question(order) for order in range(1, count + 1))


def a_quiz(**changes: Any) -> Quiz:
    """A quiz of two questions, but for the changes."""
    quiz = Quiz(
        id="quiz-1",
        event_id="event-1",
        lesson_id="lesson-1",
        title="The first quiz",
        pass_percentage=70,
        revision_id="revision-1",
        created_at=NOON,
        updated_at=NOON,
        version=1,
        questions=some_questions(2),
    )
    return replace(quiz, **changes)


def numbered_quiz(number: int, **changes: Any) -> Quiz:
    """A quiz that shares no id with the quizzes of other numbers."""
    questions = tuple(
        replace(
            question,
            id=f"{question.id}-of-{number}",
            options=tuple(replace(option, id=f"{option.id}-of-{number}") for option in question.options),
        )
        for question in some_questions(2)
    )
    ids = {"id": f"quiz-{number}", "lesson_id": f"lesson-{number}", "revision_id": f"revision-{number}"}
    return a_quiz(**{**ids, "questions": questions, **changes})


def an_attempt(**changes: Any) -> Attempt:
    """The first question of that quiz answered right, the second not at all, but for the changes."""
    attempt = Attempt(
        id="attempt-1",
        quiz_id="quiz-1",
        revision_id="revision-1",
        event_id="event-1",
        lesson_id="lesson-1",
        grade=Grade(
            answers=(
                GradedAnswer("question-1", "option-1-1", "option-1-1", True),
                GradedAnswer("question-2", None, "option-2-1", False),
            ),
            answered_questions=1,
            correct_answers=1,
            score_percentage=50,
            pass_percentage=70,
        ),
        submitted_at=NOON,
    )
    return replace(attempt, **changes)


def right(question: Question) -> Answer:
    """The first option that is right."""
    return Answer(question.id, next(option.id for option in question.options if option.is_correct))


def wrong(question: Question) -> Answer:
    """The first option that is not right."""
    return Answer(question.id, next(option.id for option in question.options if not option.is_correct))


def new_question(prompt: str = "What is right?", order: int | None = None, *flags: bool) -> NewQuestion:
    """A question before it has an id; by default the first of two options is right."""
    options = tuple(NewOption(f"Option {place}", flag) for place, flag in enumerate(flags or (True, False), 1))
    return NewQuestion(prompt, order, options)


def quiz_fields(lesson_id: str = "lesson-2", **changes: Any) -> QuizFields:
    """A new quiz of one question."""
    fields = QuizFields(
        event_id="event-1", lesson_id=lesson_id, title="Quiz", pass_percentage=70, questions=(new_question(),)
    )
    return replace(fields, **changes)


def quiz_changes(**changes: Any) -> Callable[[Quiz], QuizChanges]:
    """Another title and one question, whatever is stored."""
    changed = replace(QuizChanges(title="Changed", pass_percentage=None, questions=(new_question(),)), **changes)
    return lambda stored: changed


INSTANTS = st.datetimes(timezones=st.just(UTC)).map(
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000)
)


@st.composite
def question_lists(draw: st.DrawFn, maximum: int = 5) -> tuple[Question, ...]:
    """Questions in order, with gaps between their orders; each has at least one right option."""
    orders = sorted(draw(st.sets(st.integers(1, 1_000_000), min_size=1, max_size=maximum)))
    return tuple(_drawn_question(draw, order) for order in orders)


def _drawn_question(draw: st.DrawFn, order: int) -> Question:
    flags = draw(st.lists(st.booleans(), min_size=2, max_size=10).filter(any))
    options = tuple(Option(f"o-{order}-{place}", draw(TEXTS), flag) for place, flag in enumerate(flags, 1))
    return Question(f"q-{order}", draw(TEXTS), order, options)


def quizzes() -> st.SearchStrategy[Quiz]:
    """Quizzes of every shape that the schema lets through."""
    return st.builds(
        Quiz,
        id=TEXTS,
        event_id=TEXTS,
        lesson_id=TEXTS,
        title=TEXTS,
        pass_percentage=st.integers(0, 100),
        revision_id=TEXTS,
        created_at=INSTANTS,
        updated_at=INSTANTS,
        version=st.integers(1, 1_000_000),
        questions=question_lists(),
    )
