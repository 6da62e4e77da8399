"""The queries of a check: all rows of quiz, in batches."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

import peewee
from peewee import JOIN, SQL, fn

from services.kit.core.texts import search_form
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.batches import batches, fetch_rows
from services.kit.storage.database import snapshot, transaction
from services.kit.storage.statements import RowReader
from services.quiz.entities import Attempt, FeedPosition, LessonReference, Quiz, QuizFilter, Revision
from services.quiz.models import AttemptRow, QuizRow, RevisionRow
from services.quiz.repository.following import PeeweeFollowing
from services.quiz.repository.quizzes import WITHOUT_ATTEMPT, PeeweeQuizzes
from services.quiz.repository.rows import (
    QuizPart,
    StoredAttempt,
    StoredRevision,
    assembled,
    select_parts,
    select_revisions,
)

# A quiz comes with its questions.
BATCH_QUIZZES = 100
# The number of revisions in memory while attempts are read.
KEPT_REVISIONS = 500

Record = TypeVar("Record")


class StoredTitle(NamedTuple):
    """A quiz's title, and the form that was stored with it."""

    id: str
    title: str
    search_form: str


@dataclass(frozen=True, slots=True)
class QuizReference:
    """A quiz and the lesson that it is for."""

    quiz_id: str
    lesson: LessonReference


class QuizInspection:
    """Reads quiz for a check, in batches; damaged rows are left out, because the check of rows names them."""

    def __init__(self, database: peewee.Database):
        self._database = database
        self._quizzes = PeeweeQuizzes(database, AuditLog(database))

    def count_quizzes(self) -> int:
        """Return the number of quizzes."""
        return int(QuizRow.select().count(self._database))

    def count_attempts(self) -> int:
        """Return the number of attempts."""
        return int(AttemptRow.select().count(self._database))

    def quizzes(self) -> Iterator[list[tuple[Quiz, Revision | None]]]:
        """Yield all quizzes, also those without questions, each with its revision if that can be read.

        Each batch is a snapshot.
        """
        id_batches = batches(self._database, QuizRow.select(QuizRow.id), (QuizRow.id,), str, BATCH_QUIZZES)
        while True:
            with snapshot(self._database):
                quiz_ids = next(id_batches, None)
                if quiz_ids is None:
                    return
                parts = self._readable(select_parts(QuizRow.id.in_(quiz_ids), JOIN.LEFT_OUTER), QuizPart)
                quizzes = assembled(parts)
                revisions = self._revisions({quiz.revision_id for quiz in quizzes})
            yield [(quiz, revisions.get(quiz.revision_id)) for quiz in quizzes]

    def stale_forms(self) -> Iterator[StoredTitle]:
        """Yield the quizzes whose stored form is not that of their title."""
        query = QuizRow.select(QuizRow.id, QuizRow.title, QuizRow.search_form)
        for batch in batches(self._database, query, (QuizRow.id,), StoredTitle):
            # The check of rows names a title that is no text.
            titled = (each for each in batch if isinstance(each.title, str))
            yield from (each for each in titled if each.search_form != search_form(each.title))

    def renew_form(self, row: StoredTitle) -> None:
        """Store the form of the title, unless it has been changed meanwhile."""
        is_unchanged = (QuizRow.id == row.id) & (QuizRow.title == row.title)
        QuizRow.update(search_form=search_form(row.title)).where(is_unchanged).execute(self._database)

    def unreadable_revisions(self) -> Iterator[list[str]]:
        """Yield the ids of the revisions whose frozen questions cannot be read."""
        for batch in batches(self._database, select_revisions(), (RevisionRow.id,), StoredRevision, KEPT_REVISIONS):
            yield [row.id for row in batch if _read(row.revision) is None]

    def unused_revisions(self) -> Iterator[list[str]]:
        """Yield the ids of the revisions that no quiz replaced and neither a quiz nor an attempt points to."""
        query = RevisionRow.select(RevisionRow.id).where(_UNUSED)
        return batches(self._database, query, (RevisionRow.id,), str)

    def remove_revision(self, revision_id: str) -> None:
        """Delete the revision, unless something points to it by now."""
        with transaction(self._database):
            RevisionRow.delete().where(RevisionRow.id == revision_id, _UNUSED).execute(self._database)

    def attempts(self) -> Iterator[list[tuple[str, Attempt | None, Revision | None]]]:
        """Yield all attempts by id, each with its revision; None for a record that cannot be read."""
        kept: dict[str, Revision] = {}
        for batch in batches(self._database, AttemptRow.select(), (AttemptRow.id,), StoredAttempt):
            wanted = {row.revision_id for row in batch}
            kept = kept if len(kept) < KEPT_REVISIONS else {}
            kept |= self._revisions(wanted - kept.keys())
            yield [(row.id, _read(row.attempt), kept.get(row.revision_id)) for row in batch]

    def references(self, size: int) -> Iterator[list[QuizReference]]:
        """Yield the lessons of all quizzes, at most `size` at a time."""
        query = QuizRow.select(QuizRow.id, QuizRow.event_id, QuizRow.lesson_id)
        return batches(self._database, query, (QuizRow.id,), _reference, size)

    def position(self) -> FeedPosition | None:
        """Return the position in content's feed, None before the first time."""
        return PeeweeFollowing(self._database).position()

    def exists(self, reference: QuizReference) -> bool:
        """Return whether the quiz still exists."""
        return bool(QuizRow.select().where(QuizRow.id == reference.quiz_id).exists(self._database))

    def remove_quiz(self, reference: QuizReference, removed_at: datetime) -> None:
        """Delete the lesson's quiz; its attempts and their revisions stay."""
        with transaction(self._database):
            self._quizzes.remove_all(QuizFilter(reference.lesson.event_id, reference.lesson.lesson_id), removed_at)

    def _revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        query = select_revisions().where(RevisionRow.id.in_(list(revision_ids)))
        revisions = (_read(row.revision) for row in self._readable(query, StoredRevision))
        return {revision.id: revision for revision in revisions if revision is not None}

    def _readable(self, query: peewee.Query, record: Callable[..., Record]) -> Iterator[Record]:
        reader = RowReader(query, record)
        for row in fetch_rows(self._database, query):
            with suppress(TypeError, ValueError, OverflowError):
                yield reader.read(row)


def _reference(id: str, event_id: str, lesson_id: str) -> QuizReference:
    return QuizReference(id, LessonReference(event_id, lesson_id))


def _read(read: Callable[[], Record]) -> Record | None:
    """Return the record, or None when its frozen document cannot be read."""
    try:
        return read()
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


# A replaced revision without an attempt may still grade; the next change of its lesson's quiz removes it in time.
_UNUSED = (
    RevisionRow.replaced_at.is_null()
    & ~fn.EXISTS(QuizRow.select(SQL("1")).where(QuizRow.revision == RevisionRow.id))
    & WITHOUT_ATTEMPT
)
