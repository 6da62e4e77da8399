"""Attempts in SQLite or PostgreSQL."""

from collections.abc import Iterable, Sequence

import peewee

from services.kit.storage.pages import paged
from services.kit.storage.statements import Statement
from services.kit.web.pages import PageRequest
from services.quiz.entities import Attempt, Revision
from services.quiz.models import AttemptRow, RevisionRow
from services.quiz.repository.rows import StoredAttempt, StoredRevision, attempt_columns, select_revisions

_ORDER = (AttemptRow.submitted_at, AttemptRow.id)


class PeeweeAttempts:
    """AttemptRepository over the tables `quiz_attempts` and `quiz_revisions`."""

    def __init__(self, database: peewee.Database):
        self._database = database

    def add(self, attempt: Attempt) -> None:
        """Store a new attempt."""
        AttemptRow.insert(attempt_columns(attempt)).execute(self._database)

    def list(self, quiz_id: str, request: PageRequest) -> Sequence[Attempt]:
        """Return the attempts at a quiz, newest first; they outlive the quiz."""
        query = paged(AttemptRow.select().where(AttemptRow.quiz_id == quiz_id), _ORDER, request, descending=True)
        return [row.attempt() for row in Statement(self._database, query, StoredAttempt).all()]

    def revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        """Return the revisions by id, in one statement; unknown ids are left out."""
        query = select_revisions().where(RevisionRow.id.in_(list(revision_ids)))
        return {row.id: row.revision() for row in Statement(self._database, query, StoredRevision).all()}
