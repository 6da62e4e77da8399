"""The named errors of quiz.

NotFound: QuizNotFound, EventNotFound, LessonNotFound
Conflict: LessonHasQuiz, QuizChanged
Invalid:  MissingCorrectOption, InvalidAttempt
Gone:     FeedPositionLost
Unavailable: ContentIsEmpty
"""

from services.kit.core.errors import Conflict, Gone, Invalid, NotFound, Unavailable


class QuizNotFound(NotFound):
    """No quiz has this id, or the lesson has no quiz."""

    code = "QUIZ_NOT_FOUND"
    message = "Quiz not found"


class EventNotFound(NotFound):
    """Content has no such event."""

    code = "EVENT_NOT_FOUND"
    message = "Event not found"


class LessonNotFound(NotFound):
    """Content has no such lesson in the event."""

    code = "LESSON_NOT_FOUND"
    message = "Lesson not found"


class LessonHasQuiz(Conflict):
    """A lesson has at most one quiz."""

    code = "QUIZ_LESSON_CONFLICT"
    message = "The lesson already has a quiz"


class MissingCorrectOption(Invalid):
    """A question has no right option."""

    code = "QUIZ_MISSING_CORRECT_OPTION"

    def __init__(self, order: int):
        super().__init__(f"Question {order} needs at least one right option")


class InvalidAttempt(Invalid):
    """The answers do not fit the quiz."""

    code = "QUIZ_INVALID_ATTEMPT"


class QuizChanged(Conflict):
    """The version of the quiz that the learner was shown grades no more."""

    code = "QUIZ_CHANGED"
    message = "The quiz has changed since it was shown; load it again"


class FeedPositionLost(Gone):
    """Content's feed cannot be read from the position of quiz."""

    code = "FEED_POSITION_LOST"


class ContentIsEmpty(Unavailable):
    """Content has never stored anything although quiz has quizzes; no quiz is removed."""

    message = "Content has never stored anything, so no quiz is removed: is it on the right database?"
