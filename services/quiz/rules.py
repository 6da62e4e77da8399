"""The rules of quizzes, as BEHAVIOUR.md states them. No clock, no storage, no HTTP."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from services.kit.core.errors import ValidationFailed
from services.kit.core.findings import Violation
from services.quiz.entities import (
    Answer,
    Attempt,
    FeedHead,
    FeedPosition,
    Grade,
    GradedAnswer,
    NewQuestion,
    Option,
    Question,
    Quiz,
    Revision,
)
from services.quiz.errors import InvalidAttempt, MissingCorrectOption

MINIMUM_OPTIONS = 2
# A follower that runs takes a change in within a second.
FEED_LAG_LIMIT = timedelta(minutes=1)


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


def grade(quiz: Quiz | Revision, answers: Sequence[Answer]) -> Grade:
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


# What a stored record must be, besides what its table's own constraints hold.


def quiz_violations(quiz: Quiz) -> Iterator[Violation]:
    """The rules that what a stored quiz asks breaks."""
    if not quiz.questions:
        yield "quiz_questions", "it asks nothing"
    for question in quiz.questions:
        if len(question.options) < MINIMUM_OPTIONS:
            yield "quiz_options", f"question {question.id} has fewer than {MINIMUM_OPTIONS} options"
        if not any(option.is_correct for option in question.options):
            yield "quiz_right_option", f"question {question.id} has no right option"


def revision_violations(quiz: Quiz, revision: Revision) -> Iterator[Violation]:
    """The rules that the frozen copy of what a quiz asks now breaks."""
    if revision.quiz_id != quiz.id:
        yield "quiz_revision", f"its revision {revision.id} is of the quiz {revision.quiz_id}"
    asked = (quiz.title, quiz.pass_percentage, quiz.questions)
    if (revision.title, revision.pass_percentage, revision.questions) != asked:
        yield "quiz_revision", f"its revision {revision.id} is not what it asks now"


def attempt_violations(attempt: Attempt, revision: Revision) -> Iterator[Violation]:
    """The rules that a stored attempt breaks, judged by the frozen copy of what was asked."""
    if attempt.quiz_id != revision.quiz_id:
        yield "attempt_revision", f"its revision {revision.id} is of the quiz {revision.quiz_id}"
    stored = attempt.grade
    answers = [
        Answer(answer.question_id, answer.submitted_option_id)
        for answer in stored.answers
        if answer.submitted_option_id is not None
    ]
    try:
        right = grade(revision, answers)
    except InvalidAttempt as error:
        yield "attempt_answers", f"{error}, by its revision {revision.id}"
        return
    if stored.answers != right.answers:
        yield "attempt_answers", "its answers are not those of its revision's questions, graded"
    if (stored.answered_questions, stored.correct_answers) != (right.answered_questions, right.correct_answers):
        counted = f"{right.answered_questions} answers of which {right.correct_answers} are right"
        yield "attempt_counts", f"it has {counted}, and says {stored.answered_questions} and {stored.correct_answers}"
    if stored.score_percentage != right.score_percentage:
        yield "attempt_score", f"its score is {stored.score_percentage} and should be {right.score_percentage}"
    if stored.pass_percentage != right.pass_percentage:
        yield (
            "attempt_pass_percentage",
            f"it had to reach {stored.pass_percentage}, its revision {right.pass_percentage}",
        )


def place_violations(
    place: FeedPosition | None, head: FeedHead, next_change: datetime | None, now: datetime
) -> Iterator[Violation]:
    """The rules that the place in content's feed breaks; what is to be taken in first happened at `next_change`.

    That is the first that the feed still tells, for a place from which it cannot be read on.
    """
    if next_change is None or now - next_change <= FEED_LAG_LIMIT:
        return
    since = f"for {(now - next_change) // timedelta(minutes=1)} minutes: is the follower running?"
    if place is None:
        yield "feed_lag", f"content's feed was never followed, {since}"
    elif place.feed_id != head.feed_id:
        yield "feed_lag", f"it follows the feed {place.feed_id}, and content has {head.feed_id}, {since}"
    elif not head.pruned_through <= place.sequence <= head.last_sequence:
        told = f"content tells {head.pruned_through + 1} to {head.last_sequence}"
        yield "feed_lag", f"it is at {place.sequence}, and {told}, {since}"
    else:
        yield "feed_lag", f"it is {head.last_sequence - place.sequence} changes behind, {since}"


def _options(question: NewQuestion, new_id: Callable[[], str]) -> tuple[Option, ...]:
    return tuple(Option(new_id(), text, is_correct) for text, is_correct in question.options)


def _check_orders(questions: Sequence[Question]) -> None:
    orders = [question.order for question in questions]
    repeated = sorted({order for order in orders if orders.count(order) > 1})
    if repeated:
        raise ValidationFailed(
            {"questions": [f"order {order} is given to more than one question" for order in repeated]}
        )


def _chosen_options(quiz: Quiz | Revision, answers: Sequence[Answer]) -> dict[str, Option]:
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
