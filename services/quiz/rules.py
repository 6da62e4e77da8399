"""The rules of quizzes, as BEHAVIOUR.md states them. No clock, no storage, no HTTP."""

from collections.abc import Callable, Sequence

from services.kit.errors import ValidationFailed
from services.quiz.entities import Answer, Grade, GradedAnswer, NewQuestion, Option, Question, Quiz
from services.quiz.errors import InvalidAttempt, MissingCorrectOption


def identified(questions: Sequence[NewQuestion], new_id: Callable[[], str]) -> tuple[Question, ...]:
    """The questions with ids, sorted by order; raises MissingCorrectOption, and ValidationFailed for a taken order."""
    numbered = [
        Question(new_id(), question.prompt, question.order or place, _options(question, new_id))
        for place, question in enumerate(questions, 1)
    ]
    _check_orders(numbered)
    for question in numbered:
        if not any(option.is_correct for option in question.options):
            raise MissingCorrectOption(question.order)
    return tuple(sorted(numbered, key=lambda question: question.order))


def grade(quiz: Quiz, answers: Sequence[Answer]) -> Grade:
    """Grade a submission; raises InvalidAttempt. What was not answered counts as wrong."""
    chosen = _chosen_options(quiz, answers)
    graded = tuple(_graded(question, chosen.get(question.id)) for question in quiz.questions)
    correct = sum(answer.is_correct for answer in graded)
    return Grade(
        answers=graded,
        answered_questions=len(answers),
        correct_answers=correct,
        score_percentage=percentage(correct, len(graded)),
        pass_percentage=quiz.pass_percentage,
    )


def percentage(part: int, whole: int) -> int:
    """The share in percent, rounded half up in whole numbers; 0 of nothing."""
    return (200 * part + whole) // (2 * whole) if whole else 0


def _options(question: NewQuestion, new_id: Callable[[], str]) -> tuple[Option, ...]:
    return tuple(Option(new_id(), text, is_correct) for text, is_correct in question.options)


def _check_orders(questions: Sequence[Question]) -> None:
    orders = [question.order for question in questions]
    repeated = sorted({order for order in orders if orders.count(order) > 1})
    if repeated:
        raise ValidationFailed(
            {"questions": [f"order {order} is given to more than one question" for order in repeated]}
        )


def _chosen_options(quiz: Quiz, answers: Sequence[Answer]) -> dict[str, Option]:
    questions = {question.id: question for question in quiz.questions}
    chosen: dict[str, Option] = {}
    for answer in answers:
        question = questions.get(answer.question_id)
        if question is None:
            raise InvalidAttempt("An answer is for a question that is not of this quiz")
        if question.id in chosen:
            raise InvalidAttempt(f"Question {question.order} is answered more than once")
        option = next((option for option in question.options if option.id == answer.option_id), None)
        if option is None:
            raise InvalidAttempt(f"The answer to question {question.order} is not one of its options")
        chosen[question.id] = option
    return chosen


def _graded(question: Question, chosen: Option | None) -> GradedAnswer:
    right = [option for option in question.options if option.is_correct]
    is_correct = chosen is not None and chosen.is_correct
    return GradedAnswer(
        question_id=question.id,
        submitted_option_id=chosen.id if chosen else None,
        # Of several right options the one that was chosen is as right as the first.
        correct_option_id=chosen.id if chosen and is_correct else next((option.id for option in right), None),
        is_correct=is_correct,
    )
