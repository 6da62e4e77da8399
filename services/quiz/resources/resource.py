"""The base of quiz's resources."""

from services.kit.storage.use_cases import UseCases
from services.quiz.service.quiz import QuizService


class QuizResource:
    """The service, and the pool in which its use cases run."""

    def __init__(self, service: QuizService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run
        self._run_list = use_cases.run_list
        self._run_once = use_cases.run_once
        self._run_together = use_cases.run_together
        self._replay = use_cases.replay
