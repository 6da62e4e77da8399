"""The repositories of quiz in SQLite or PostgreSQL, and the transaction around them."""

from contextlib import AbstractContextManager
from typing import Any

import peewee

from services.kit.core.instants import Clock, now
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import transaction
from services.quiz.repository.attempts import PeeweeAttempts
from services.quiz.repository.following import PeeweeFollowing
from services.quiz.repository.quizzes import PeeweeQuizzes


class PeeweeQuizStore:
    """QuizStore over a database."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self.audit = AuditLog(database, clock)
        self.quizzes = PeeweeQuizzes(database, self.audit)
        self.attempts = PeeweeAttempts(database)
        self.following = PeeweeFollowing(database)

    def transaction(self) -> AbstractContextManager[Any]:
        """Commit everything that is written inside, or nothing."""
        return transaction(self._database)
