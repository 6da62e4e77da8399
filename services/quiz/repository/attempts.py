"""Attempts in SQLite or PostgreSQL."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import peewee

from services.kit.core.recently_used import RecentlyUsed
from services.kit.storage.pages import paged
from services.kit.storage.statements import Insertion, Parameter, Statement
from services.kit.web.pages import Orders, PageRequest
from services.quiz.entities import Attempt, AttemptFilter, Revision
from services.quiz.models import AttemptRow, RevisionRow
from services.quiz.repository.contracts import ANY_ATTEMPT
from services.quiz.repository.rows import StoredAttempt, StoredRevision, attempt_columns, select_revisions

# Of a process. One of twenty questions takes about 20 KB.
REMEMBERED_REVISIONS = 500
_ORDERS = Orders("-submittedAt", {"submittedAt": (AttemptRow.submitted_at, AttemptRow.id)})


class PeeweeAttempts:
    """AttemptRepository over the tables `quiz_attempts` and `quiz_revisions`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        self._insert = Insertion(database, AttemptRow)
        by_id = select_revisions().where(RevisionRow.id == Parameter("id"))
        self._revision = Statement(database, by_id, StoredRevision)
        self._remembered: RecentlyUsed[str, Revision] = RecentlyUsed(REMEMBERED_REVISIONS)
        self._remembering = threading.Lock()

    def add(self, attempt: Attempt) -> None:
        """Store a new attempt."""
        self._insert.run(**attempt_columns(attempt))

    def add_all(self, attempts: Sequence[Attempt]) -> None:
        """Store new attempts, one or more, in one statement: all or none."""
        self._insert.run_all([attempt_columns(each) for each in attempts])

    def list(self, quiz_id: str, request: PageRequest, which: AttemptFilter = ANY_ATTEMPT) -> Sequence[Attempt]:
        """Return the attempts at a quiz that match, newest first without another order; they outlive the quiz."""
        matching = AttemptRow.select().where(AttemptRow.quiz_id == quiz_id, *_conditions(which))
        query = paged(matching, _ORDERS, request)
        return [row.attempt() for row in Statement(self._database, query, StoredAttempt).all()]

    def revision(self, revision_id: str) -> Revision:
        """Return the revision that the row of a quiz names. It never changes, so it may come from memory."""
        with self._remembering:
            remembered = self._remembered.get(revision_id)
        if remembered is not None:
            return remembered
        row = self._revision.first(id=revision_id)
        if row is None:
            raise ValueError(f"there is no revision {revision_id}")
        revision = row.revision()
        with self._remembering:
            self._remembered.put(revision_id, revision)
        return revision

    def revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        """Return the revisions by id, in one statement; unknown ids are left out."""
        query = select_revisions().where(RevisionRow.id.in_(list(revision_ids)))
        return {row.id: row.revision() for row in Statement(self._database, query, StoredRevision).all()}


def _conditions(which: AttemptFilter) -> Iterator[Any]:
    has_passed = AttemptRow.score_percentage >= AttemptRow.pass_percentage
    if which.passed is not None:
        yield has_passed if which.passed else ~has_passed
    if which.since is not None:
        yield AttemptRow.submitted_at >= which.since
    if which.until is not None:
        yield AttemptRow.submitted_at < which.until
