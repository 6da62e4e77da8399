"""The rules of quiz (docs/contract/BEHAVIOUR.md, "Quizzes"): pure functions, without a clock, storage or HTTP."""

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
    ReplacedRevision,
    Revision,
)
from services.quiz.errors import InvalidAttempt, MissingCorrectOption

MINIMUM_OPTIONS = 2
DEFAULT_PASS_PERCENTAGE = 70
# How long a replaced version of a quiz grades those to whom it was shown.
GRADING_PERIOD = timedelta(hours=24)
# A running follower reads a change within a second.
FEED_LAG_LIMIT = timedelta(minutes=1)


def require_gradable(questions: Sequence[NewQuestion], current: Sequence[Question] = ()) -> None:
    """Raise ValidationFailed when two have the same order, MissingCorrectOption when one has no right option.

    Of a current question that has none it is not asked anew (docs/decisions/085-answers-written-back.md).
    """
    ungradable = {question.id for question in current if not _has_right_answer(question)}
    orders = [_order(question, place) for place, question in enumerate(questions, 1)]
    _require_distinct(orders)
    for question, order in zip(questions, orders, strict=True):
        if not _has_right_answer(question) and question.id not in ungradable:
            raise MissingCorrectOption(order)


def identified(
    questions: Sequence[NewQuestion], current: Sequence[Question], new_id: Callable[[], str]
) -> tuple[Question, ...]:
    """Return the questions with ids, in order.

    A question keeps its id where one of the current questions has it, an option where that question's options have it,
    and both only the first time (docs/decisions/082-quiz-versions.md).
    """
    free: dict[str | None, Question] = {question.id: question for question in current}
    numbered = [
        _identified(question, _order(question, place), free.pop(question.id, None), new_id)
        for place, question in enumerate(questions, 1)
    ]
    return tuple(sorted(numbered, key=lambda question: question.order))


def still_grades(revision: ReplacedRevision, now: datetime) -> bool:
    """Return whether learners who were shown this revision are graded by it."""
    return revision.replaced_at > graded_since(now)


def graded_since(now: datetime) -> datetime:
    """Return the instant until which a revision must have been replaced so that it grades no more."""
    return now - GRADING_PERIOD


def holds(revision: Revision, answers: Sequence[Answer]) -> bool:
    """Return whether every id of the answers is one of the revision."""
    questions = {question.id for question in revision.questions}
    options = _option_ids(revision.questions)
    return all(answer.question_id in questions and answer.option_id in options for answer in answers)


def grade(quiz: Revision, answers: Sequence[Answer]) -> Grade:
    """Grade a submission; a question without an answer counts as wrong. Raise InvalidAttempt."""
    chosen = _chosen(quiz, answers)
    graded = tuple(options[chosen.get(question_id)] for question_id, options in quiz.graded.items())
    correct = sum(answer.is_correct for answer in graded)
    return Grade(
        answers=graded,
        answered_questions=len(answers),
        correct_answers=correct,
        score_percentage=percentage(correct, len(graded)),
        pass_percentage=quiz.pass_percentage,
    )


def percentage(part: int, whole: int) -> int:
    """Return the share in percent, rounded half up; 0 when the whole is 0."""
    return (200 * part + whole) // (2 * whole) if whole else 0


# The rules of stored records, besides the constraints of their tables.


def quiz_violations(quiz: Quiz) -> Iterator[Violation]:
    """Yield the rules that the questions of a stored quiz break."""
    if not quiz.questions:
        yield "quiz_questions", "it asks nothing"
    for question in quiz.questions:
        if len(question.options) < MINIMUM_OPTIONS:
            yield "quiz_options", f"question {question.id} has fewer than {MINIMUM_OPTIONS} options"
        if not _has_right_answer(question):
            yield "quiz_right_option", f"question {question.id} has no right option"


def revision_violations(quiz: Quiz, revision: Revision) -> Iterator[Violation]:
    """Yield the rules that the revision of a stored quiz breaks."""
    if revision.quiz_id != quiz.id:
        yield "quiz_revision", f"its revision {revision.id} is of the quiz {revision.quiz_id}"
    asked = (quiz.title, quiz.pass_percentage, quiz.questions)
    if (revision.title, revision.pass_percentage, revision.questions) != asked:
        yield "quiz_revision", f"its revision {revision.id} is not what it asks now"


def attempt_violations(attempt: Attempt, revision: Revision) -> Iterator[Violation]:
    """Yield the rules that a stored attempt breaks, by its revision."""
    if attempt.quiz_id != revision.quiz_id:
        yield "attempt_revision", f"its revision {revision.id} is of the quiz {revision.quiz_id}"
    stored = attempt.grade
    try:
        right = grade(revision, _submitted(stored.answers))
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


def position_violations(
    position: FeedPosition | None, head: FeedHead, next_change: datetime | None, now: datetime
) -> Iterator[Violation]:
    """Yield the rules that the position in content's feed breaks.

    `next_change` is the instant of the first change after the position; where the feed cannot be read from there, of
    the first change that the feed has.
    """
    if next_change is None or now - next_change <= FEED_LAG_LIMIT:
        return
    since = f"for {(now - next_change) // timedelta(minutes=1)} minutes: is the follower running?"
    if position is None:
        yield "feed_lag", f"content's feed was never followed, {since}"
    elif position.feed_id != head.feed_id:
        yield "feed_lag", f"it follows the feed {position.feed_id}, and content has {head.feed_id}, {since}"
    elif not head.pruned_through <= position.sequence <= head.last_sequence:
        available = f"content tells {head.pruned_through + 1} to {head.last_sequence}"
        yield "feed_lag", f"it is at {position.sequence}, and {available}, {since}"
    else:
        yield "feed_lag", f"it is {head.last_sequence - position.sequence} changes behind, {since}"


def _order(question: NewQuestion, place: int) -> int:
    return question.order or place


def _require_distinct(orders: Sequence[int]) -> None:
    repeated = sorted({order for order in orders if orders.count(order) > 1})
    if repeated:
        raise ValidationFailed(
            {"questions": [f"order {order} is given to more than one question" for order in repeated]}
        )


def _chosen(quiz: Revision, answers: Sequence[Answer]) -> dict[str, str]:
    """Return the id of the chosen option by the id of its question. Raise InvalidAttempt."""
    chosen: dict[str, str] = {}
    for question_id, option_id in answers:
        options = quiz.graded.get(question_id)
        if options is None:
            raise InvalidAttempt("An answer is for a question that is not of this quiz")
        if question_id in chosen:
            raise InvalidAttempt(f"Question {_order_of(quiz, question_id)} is answered more than once")
        if option_id not in options:
            raise InvalidAttempt(f"The answer to question {_order_of(quiz, question_id)} is not one of its options")
        chosen[question_id] = option_id
    return chosen


def _order_of(quiz: Revision, question_id: str) -> int:
    return next(question.order for question in quiz.questions if question.id == question_id)


def _identified(question: NewQuestion, order: int, kept: Question | None, new_id: Callable[[], str]) -> Question:
    free: dict[str | None, str] = {option.id: option.id for option in kept.options} if kept else {}
    options = tuple(
        Option(free.pop(option.id, "") or new_id(), option.text, option.is_correct) for option in question.options
    )
    return Question(kept.id if kept else new_id(), question.prompt, order, options)


def _option_ids(questions: Sequence[Question]) -> set[str]:
    return {option.id for question in questions for option in question.options}


def _has_right_answer(question: NewQuestion | Question) -> bool:
    return any(option.is_correct for option in question.options)


def _submitted(answers: Sequence[GradedAnswer]) -> list[Answer]:
    return [
        Answer(answer.question_id, answer.submitted_option_id)
        for answer in answers
        if answer.submitted_option_id is not None
    ]
