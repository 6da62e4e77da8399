"""services.quiz.rules: what BEHAVIOUR.md says of quizzes, against an oracle of its own and sentence by sentence."""

from decimal import ROUND_HALF_UP, Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import ValidationFailed
from services.quiz import rules
from services.quiz.entities import Answer, Grade, GradedAnswer, NewQuestion, Option, Question, Quiz
from services.quiz.errors import InvalidAttempt, MissingCorrectOption
from tests.quiz.examples import a_question, a_quiz, new_question, quizzes, right, some_questions, wrong
from tests.stores import TEXTS


@st.composite
def submissions(draw: st.DrawFn) -> tuple[Quiz, list[Answer]]:
    """A quiz and answers to some of its questions, in any sequence."""
    quiz = draw(quizzes())
    answered = draw(st.lists(st.sampled_from(quiz.questions), unique=True))
    return quiz, [Answer(each.id, draw(st.sampled_from(each.options)).id) for each in answered]


def expected_grade(quiz: Quiz, answers: list[Answer]) -> Grade:
    """Grading once more, from the contract's words: by sets, and by decimal arithmetic."""
    right_options = {
        question.id: [option.id for option in question.options if option.is_correct] for question in quiz.questions
    }
    sent = {answer.question_id: answer.option_id for answer in answers}
    hits = {question_id for question_id, option_id in sent.items() if option_id in right_options[question_id]}
    score = (Decimal(100) * len(hits) / len(quiz.questions)).quantize(Decimal(1), ROUND_HALF_UP)
    graded = tuple(
        GradedAnswer(
            question_id=question_id,
            submitted_option_id=sent.get(question_id),
            correct_option_id=sent[question_id] if question_id in hits else right_options[question_id][0],
            is_correct=question_id in hits,
        )
        for question_id in right_options
    )
    return Grade(graded, len(answers), len(hits), int(score), quiz.pass_percentage)


@given(submissions())
def test_every_valid_submission_is_graded_as_the_contract_says(submission: tuple[Quiz, list[Answer]]) -> None:
    quiz, answers = submission
    assert rules.grade(quiz, answers) == expected_grade(quiz, answers)


@given(submissions(), st.data())
def test_one_answer_that_does_not_fit_spoils_any_submission(
    submission: tuple[Quiz, list[Answer]], data: st.DataObject
) -> None:
    quiz, answers = submission
    foreign = [Answer("no question", "o-1-1"), Answer(quiz.questions[0].id, "no option")]
    bad = data.draw(st.sampled_from([*foreign, *answers]))
    place = data.draw(st.integers(0, len(answers)))
    with pytest.raises(InvalidAttempt):
        rules.grade(quiz, [*answers[:place], bad, *answers[place:]])


@given(submissions())
def test_passed_means_that_the_score_reaches_the_pass_percentage(submission: tuple[Quiz, list[Answer]]) -> None:
    quiz, answers = submission
    grade = rules.grade(quiz, answers)
    assert grade.passed is (grade.score_percentage >= quiz.pass_percentage)
    assert grade.total_questions == len(quiz.questions)


@pytest.mark.parametrize(
    ("part", "whole", "score"),
    [
        (1, 8, 13),  # 12.5
        (3, 8, 38),  # 37.5
        (5, 8, 63),  # 62.5
        (7, 8, 88),  # 87.5
        (1, 3, 33),  # 33.3
        (2, 3, 67),  # 66.7
        (1, 30, 3),  # 3.3
        (29, 30, 97),  # 96.7
        (0, 7, 0),
        (7, 7, 100),
        (0, 0, 0),
    ],
)
def test_the_score_is_correct_of_total_in_percent_rounded_half_up(part: int, whole: int, score: int) -> None:
    assert rules.percentage(part, whole) == score


@given(st.integers(1, 10_000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_rounding_agrees_with_decimal_arithmetic(shares: tuple[int, int]) -> None:
    part, whole = shares
    exact = Decimal(100) * part / whole
    assert rules.percentage(part, whole) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(("pass_percentage", "passed"), [(12, True), (13, True), (14, False)])
def test_a_score_equal_to_the_pass_percentage_passes(pass_percentage: int, passed: bool) -> None:
    quiz = a_quiz(questions=some_questions(8), pass_percentage=pass_percentage)
    grade = rules.grade(quiz, [right(quiz.questions[0])])
    assert (grade.score_percentage, grade.pass_percentage, grade.passed) == (13, pass_percentage, passed)


def test_a_question_answered_twice_is_an_invalid_attempt() -> None:
    quiz = a_quiz()
    with pytest.raises(InvalidAttempt, match=r"^Question 1 is answered more than once$"):
        rules.grade(quiz, [right(quiz.questions[0]), wrong(quiz.questions[0])])


def test_the_same_answer_twice_is_an_invalid_attempt() -> None:
    quiz = a_quiz()
    with pytest.raises(InvalidAttempt, match=r"^Question 2 is answered more than once$"):
        rules.grade(quiz, [right(quiz.questions[1]), right(quiz.questions[1])])


def test_an_option_of_another_question_is_an_invalid_attempt() -> None:
    quiz = a_quiz()
    crossed = Answer(quiz.questions[0].id, quiz.questions[1].options[0].id)
    with pytest.raises(InvalidAttempt, match=r"^The answer to question 1 is not one of its options$"):
        rules.grade(quiz, [crossed])


def test_an_answer_to_a_question_that_is_not_the_quizs_is_an_invalid_attempt() -> None:
    with pytest.raises(InvalidAttempt, match=r"^An answer is for a question that is not of this quiz$"):
        rules.grade(a_quiz(), [right(a_question(3))])


def test_unanswered_questions_count_as_wrong() -> None:
    quiz = a_quiz()
    assert rules.grade(quiz, [right(quiz.questions[1])]) == Grade(
        answers=(
            GradedAnswer("question-1", None, "option-1-1", False),
            GradedAnswer("question-2", "option-2-1", "option-2-1", True),
        ),
        answered_questions=1,
        correct_answers=1,
        score_percentage=50,
        pass_percentage=70,
    )


def test_a_submission_without_answers_scores_nothing() -> None:
    grade = rules.grade(a_quiz(), [])
    assert (grade.answered_questions, grade.correct_answers, grade.score_percentage, grade.passed) == (0, 0, 0, False)


@pytest.mark.parametrize(
    ("chosen", "correct_option", "is_correct"),
    [("option-1-1", "option-1-2", False), ("option-1-2", "option-1-2", True), ("option-1-3", "option-1-3", True)],
)
def test_with_several_right_options_any_of_them_is_right(chosen: str, correct_option: str, is_correct: bool) -> None:
    quiz = a_quiz(questions=(a_question(1, False, True, True),))
    answers = rules.grade(quiz, [Answer("question-1", chosen)]).answers
    assert answers == (GradedAnswer("question-1", chosen, correct_option, is_correct),)


def test_answered_questions_counts_the_answers_sent_right_and_wrong() -> None:
    quiz = a_quiz(questions=some_questions(3))
    grade = rules.grade(quiz, [wrong(quiz.questions[2]), right(quiz.questions[0])])
    assert (grade.answered_questions, grade.correct_answers, grade.score_percentage) == (2, 1, 33)


def test_the_graded_answers_are_in_question_order_whatever_the_order_of_the_answers() -> None:
    quiz = a_quiz(questions=some_questions(3))
    answers = [right(question) for question in quiz.questions]
    assert rules.grade(quiz, answers[::-1]) == rules.grade(quiz, answers)


def identified(*questions: NewQuestion) -> tuple[Question, ...]:
    """The questions with ids that count from 1."""
    ids = count(1)
    return rules.identified(questions, lambda: f"id-{next(ids)}")


def test_an_absent_order_is_the_place_in_the_list() -> None:
    first, second = new_question("The first"), new_question("The second")
    assert identified(first, second) == (
        Question("id-1", "The first", 1, (Option("id-2", "Option 1", True), Option("id-3", "Option 2", False))),
        Question("id-4", "The second", 2, (Option("id-5", "Option 1", True), Option("id-6", "Option 2", False))),
    )


def test_questions_come_in_their_order_and_options_as_they_were_sent() -> None:
    questions = identified(new_question("Last", 9, False, True), new_question("Second", 3), new_question("First", 1))
    assert [(each.prompt, each.order) for each in questions] == [("First", 1), ("Second", 3), ("Last", 9)]
    assert [(option.text, option.is_correct) for option in questions[2].options] == [
        ("Option 1", False),
        ("Option 2", True),
    ]


def test_an_order_given_to_two_questions_is_a_validation_error() -> None:
    with pytest.raises(ValidationFailed) as failure:
        identified(new_question(order=2), new_question(order=2), new_question(order=7), new_question(order=7))
    assert failure.value.extra == {
        "details": {
            "formErrors": [],
            "fieldErrors": {
                "questions": [
                    "order 2 is given to more than one question",
                    "order 7 is given to more than one question",
                ]
            },
        }
    }


def test_an_explicit_order_that_is_another_questions_place_is_a_validation_error() -> None:
    with pytest.raises(ValidationFailed) as failure:
        identified(new_question(order=2), new_question(order=None))
    assert failure.value.extra["details"] == {
        "formErrors": [],
        "fieldErrors": {"questions": ["order 2 is given to more than one question"]},
    }


def test_every_question_needs_at_least_one_right_option() -> None:
    with pytest.raises(MissingCorrectOption, match=r"^Question 2 needs at least one right option$"):
        identified(new_question(), new_question("Nobody knows", None, False, False))


def new_questions() -> st.SearchStrategy[NewQuestion]:
    """Questions as a client may send them, also those without a right option."""
    options = st.lists(st.tuples(TEXTS, st.booleans()), min_size=2, max_size=4).map(tuple)
    return st.builds(NewQuestion, TEXTS, st.none() | st.integers(1, 6), options)


@given(st.lists(new_questions(), min_size=1, max_size=6))
def test_identified_keeps_every_text_in_order_or_names_what_is_wrong(new: list[NewQuestion]) -> None:
    orders = [question.order or place for place, question in enumerate(new, 1)]
    if len(set(orders)) < len(orders):
        with pytest.raises(ValidationFailed):
            identified(*new)
        return
    if not all(any(flag for _, flag in question.options) for question in new):
        with pytest.raises(MissingCorrectOption):
            identified(*new)
        return
    questions = identified(*new)
    by_order = sorted(zip(orders, new, strict=True), key=lambda pair: pair[0])
    assert [
        (each.order, each.prompt, tuple((option.text, option.is_correct) for option in each.options))
        for each in questions
    ] == [(order, each.prompt, each.options) for order, each in by_order]
    ids = [each.id for each in questions] + [option.id for each in questions for option in each.options]
    assert len(set(ids)) == len(ids)
