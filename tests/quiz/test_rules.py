"""services.quiz.rules, against a second implementation and case by case (docs/contract/BEHAVIOUR.md, "Quizzes")."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kit.core.errors import ValidationFailed
from services.quiz import rules
from services.quiz.entities import (
    Answer,
    Grade,
    GradedAnswer,
    NewOption,
    NewQuestion,
    Question,
    Quiz,
    ReplacedRevision,
)
from services.quiz.errors import InvalidAttempt, MissingCorrectOption
from tests.clock import MILLISECOND, NOON
from tests.quiz.examples import a_question, a_quiz, new_question, quizzes, right, some_questions, wrong
from tests.stores import TEXTS


@st.composite
def submissions(draw: st.DrawFn) -> tuple[Quiz, list[Answer]]:
    """A quiz and answers to some of its questions, in any sequence."""
    quiz = draw(quizzes())
    answered = draw(st.permutations(quiz.questions))[: draw(st.integers(0, 5))]
    return quiz, [Answer(each.id, draw(st.sampled_from(each.options)).id) for each in answered]


def expected_grade(quiz: Quiz, answers: list[Answer]) -> Grade:
    """Grade in another way, from the contract: by sets, and by decimal arithmetic."""
    right_options = {
        question.id: [option.id for option in question.options if option.is_correct] for question in quiz.questions
    }
    chosen = {answer.question_id: answer.option_id for answer in answers}
    hits = {question_id for question_id, option_id in chosen.items() if option_id in right_options[question_id]}
    score = (Decimal(100) * len(hits) / len(quiz.questions)).quantize(Decimal(1), ROUND_HALF_UP)
    graded = tuple(
        GradedAnswer(
            question_id=question_id,
            submitted_option_id=chosen.get(question_id),
            correct_option_id=chosen[question_id] if question_id in hits else right_options[question_id][0],
            is_correct=question_id in hits,
        )
        for question_id in right_options
    )
    return Grade(graded, len(answers), len(hits), int(score), quiz.pass_percentage)


@given(submissions())
def test_every_valid_submission_is_graded_as_the_contract_says(submission: tuple[Quiz, list[Answer]]) -> None:
    quiz, answers = submission
    assert rules.grade(quiz.revision, answers) == expected_grade(quiz, answers)


@given(submissions(), st.data())
def test_one_answer_that_does_not_fit_makes_an_attempt_invalid(
    submission: tuple[Quiz, list[Answer]], data: st.DataObject
) -> None:
    quiz, answers = submission
    foreign = [Answer("no question", "o-1-1"), Answer(quiz.questions[0].id, "no option")]
    bad = data.draw(st.sampled_from([*foreign, *answers]))
    place = data.draw(st.integers(0, len(answers)))
    with pytest.raises(InvalidAttempt):
        rules.grade(quiz.revision, [*answers[:place], bad, *answers[place:]])


@given(st.integers(1, 10_000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
@example((1, 8))  # 12.5
@example((5, 8))  # 62.5
def test_rounding_agrees_with_decimal_arithmetic(shares: tuple[int, int]) -> None:
    part, whole = shares
    exact = Decimal(100) * part / whole
    assert rules.percentage(part, whole) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert rules.percentage(0, 0) == 0


@pytest.mark.parametrize(("pass_percentage", "passed"), [(12, True), (13, True), (14, False)])
def test_a_score_equal_to_the_pass_percentage_passes(pass_percentage: int, passed: bool) -> None:
    quiz = a_quiz(questions=some_questions(8), pass_percentage=pass_percentage)
    grade = rules.grade(quiz.revision, [right(quiz.questions[0])])
    assert (grade.score_percentage, grade.pass_percentage, grade.passed) == (13, pass_percentage, passed)


FIRST, SECOND = a_quiz().questions
INVALID: list[tuple[list[Answer], str]] = [
    ([right(FIRST), wrong(FIRST)], "Question 1 is answered more than once"),
    ([right(SECOND), right(SECOND)], "Question 2 is answered more than once"),
    ([Answer(FIRST.id, SECOND.options[0].id)], "The answer to question 1 is not one of its options"),
    ([right(a_question(3))], "An answer is for a question that is not of this quiz"),
    # The first answer that is wrong is named.
    ([Answer(FIRST.id, "none"), right(a_question(3))], "The answer to question 1 is not one of its options"),
]


@pytest.mark.parametrize(("answers", "message"), INVALID)
def test_answers_that_do_not_fit_are_an_invalid_attempt(answers: list[Answer], message: str) -> None:
    with pytest.raises(InvalidAttempt, match=f"^{message}$"):
        rules.grade(a_quiz().revision, answers)


def identified(*questions: NewQuestion, current: tuple[Question, ...] = ()) -> tuple[Question, ...]:
    """The questions, checked, with ids that count from 1."""
    ids = count(1)
    rules.require_gradable(questions)
    return rules.identified(questions, current, lambda: f"id-{next(ids)}")


@pytest.mark.parametrize(
    ("orders", "repeated"), [((2, 2, 7, 7), (2, 7)), ((2, None), (2,))], ids=["twice each", "another one's place"]
)
def test_an_order_of_two_questions_is_a_validation_error(orders: tuple[int | None], repeated: tuple[int]) -> None:
    with pytest.raises(ValidationFailed) as failure:
        identified(*[new_question(order=order) for order in orders])
    messages = [f"order {order} is given to more than one question" for order in repeated]
    assert failure.value.extra == {"details": {"formErrors": [], "fieldErrors": {"questions": messages}}}


def test_every_question_needs_at_least_one_right_option() -> None:
    with pytest.raises(MissingCorrectOption, match=r"^Question 2 needs at least one right option$"):
        identified(new_question(), new_question("Nobody knows", None, False, False))


def test_a_stored_question_without_a_right_option_is_written_back() -> None:
    stored = (a_question(1), a_question(2, False, False))
    rules.require_gradable([sent("question-1", "option-1-1"), sent("question-2")], stored)
    with pytest.raises(MissingCorrectOption, match=r"^Question 1 needs at least one right option$"):
        rules.require_gradable([sent("question-1"), sent("question-2")], stored)


def new_questions() -> st.SearchStrategy[NewQuestion]:
    """Questions as a client may send them, also those without a right option."""
    options = st.lists(st.builds(NewOption, TEXTS, st.booleans()), min_size=2, max_size=4).map(tuple)
    return st.builds(NewQuestion, TEXTS, st.none() | st.integers(1, 6), options)


@given(st.lists(new_questions(), min_size=1, max_size=6))
def test_identified_keeps_every_text_in_order_or_names_what_is_wrong(new: list[NewQuestion]) -> None:
    orders = [question.order or place for place, question in enumerate(new, 1)]
    if len(set(orders)) < len(orders):
        with pytest.raises(ValidationFailed):
            identified(*new)
        return
    if not all(any(option.is_correct for option in question.options) for question in new):
        with pytest.raises(MissingCorrectOption):
            identified(*new)
        return
    questions = identified(*new)
    by_order = sorted(zip(orders, new, strict=True), key=lambda pair: pair[0])
    assert [
        (each.order, each.prompt, tuple(NewOption(option.text, option.is_correct) for option in each.options))
        for each in questions
    ] == [(order, each.prompt, each.options) for order, each in by_order]
    ids = [each.id for each in questions] + [option.id for each in questions for option in each.options]
    assert len(set(ids)) == len(ids)


def sent(question_id: str | None, *option_ids: str | None, order: int | None = None) -> NewQuestion:
    """A question that comes with these ids; its first option is right."""
    options = tuple(NewOption("Option", place == 0, option_id) for place, option_id in enumerate(option_ids))
    return NewQuestion("Prompt", order, options, question_id)


# What an update sends, and the ids of its questions with those of their options; id-1 and so on are new.
KEPT: dict[str, tuple[list[NewQuestion], list[list[str]]]] = {
    "the same again": (
        [sent("question-1", "option-1-1", "option-1-2"), sent("question-2", "option-2-1", "option-2-2")],
        [["question-1", "option-1-1", "option-1-2"], ["question-2", "option-2-1", "option-2-2"]],
    ),
    "in another order": (
        [sent("question-2", "option-2-2", "option-2-1"), sent("question-1", "option-1-1", "option-1-2", order=7)],
        [["question-2", "option-2-2", "option-2-1"], ["question-1", "option-1-1", "option-1-2"]],
    ),
    "a new question and a new option between": (
        [sent("question-1", "option-1-1", None, "option-1-2"), sent(None, "option-2-1", None)],
        [["question-1", "option-1-1", "id-1", "option-1-2"], ["id-4", "id-2", "id-3"]],
    ),
    "an unknown question": ([sent("question-9", "option-1-1", "")], [["id-3", "id-1", "id-2"]]),
    "another question's options": (
        [sent("question-1", "option-2-1", "option-2-2")],
        [["question-1", "id-1", "id-2"]],
    ),
    "an option twice": ([sent("question-1", "option-1-1", "option-1-1")], [["question-1", "option-1-1", "id-1"]]),
    "a question twice": (
        [sent("question-1", "option-1-1", "option-1-2"), sent("question-1", "option-1-1", "option-1-2")],
        [["question-1", "option-1-1", "option-1-2"], ["id-3", "id-1", "id-2"]],
    ),
    "ids of the other kind": ([sent("option-1-1", "question-1", "question-2")], [["id-3", "id-1", "id-2"]]),
}


@pytest.mark.parametrize("name", KEPT)
def test_an_id_is_kept_where_it_was_and_only_once(name: str) -> None:
    new, ids = KEPT[name]
    questions = identified(*new, current=some_questions(2))
    assert [[each.id, *(option.id for option in each.options)] for each in questions] == ids


@pytest.mark.parametrize(
    ("age", "grades"),
    [(timedelta(0), True), (timedelta(hours=24) - MILLISECOND, True), (timedelta(hours=24), False)],
)
def test_a_replaced_version_grades_for_a_day(age: timedelta, grades: bool) -> None:
    assert rules.still_grades(ReplacedRevision("revision-1", NOON), NOON + age) is grades


@pytest.mark.parametrize(
    ("answers", "held"),
    [
        ([], True),
        ([right(FIRST), wrong(SECOND)], True),
        # Whether they fit together is judged when they are graded.
        ([Answer(FIRST.id, SECOND.options[0].id)], True),
        ([right(FIRST), Answer("question-9", FIRST.options[0].id)], False),
        ([Answer(FIRST.id, "option-9")], False),
    ],
)
def test_a_version_holds_answers_whose_ids_are_all_its_own(answers: list[Answer], held: bool) -> None:
    assert rules.holds(a_quiz().revision, answers) is held
