"""The service of quiz: its use cases by who calls them."""

from services.kit.core.instants import Clock, now
from services.quiz.repository.contracts import QuizStore
from services.quiz.service.learners import Learners
from services.quiz.service.quizzes import Quizzes, RequireLesson


class QuizService:
    """Gives access to the use cases of admins and of learners.

    `rendering` names what responses depend on besides the rows: the release.
    """

    def __init__(self, store: QuizStore, require_lesson: RequireLesson, clock: Clock = now, rendering: str = ""):
        self.quizzes = Quizzes(store, require_lesson, clock)
        self.learners = Learners(store, clock, rendering)
