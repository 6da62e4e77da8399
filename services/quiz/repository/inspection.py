"""What a check asks of quiz's tables: everything, a batch at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import peewee
from peewee import SQL, fn

from services.kit.storage.audit.log import AuditLog
from services.kit.storage.batches import batches
from services.kit.storage.database import snapshot, transaction
from services.kit.storage.statements import Statement
from services.quiz.entities import Attempt, FeedPosition, LessonReference, Option, Question, Quiz, Revision
from services.quiz.models import AttemptRow, OptionRow, QuestionRow, QuizRow, RevisionRow
from services.quiz.repository.contracts import QuizFilter
from services.quiz.repository.following import PeeweeFollowing
from services.quiz.repository.frozen import attempt_of, revision_of
from services.quiz.repository.store import PeeweeQuizzes

# A quiz comes with its questions.
BATCH_QUIZZES = 100
# How many frozen copies are kept while attempts are read.
KEPT_REVISIONS = 500

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class QuizReference:
    """A quiz and the lesson that it is for."""

    quiz_id: str
    lesson: LessonReference


class QuizInspection:
    """Reads all of quiz without holding it."""

    def __init__(self, database: peewee.Database):
        self._database = database
        self._quizzes = PeeweeQuizzes(database, AuditLog(database))

    def count_quizzes(self) -> int:
        """How many quizzes there are."""
        return int(QuizRow.select().count(self._database))

    def count_attempts(self) -> int:
        """How many attempts there are."""
        return int(AttemptRow.select().count(self._database))

    def quizzes(self) -> Iterator[list[tuple[Quiz, Revision | None]]]:
        """All, also those that ask nothing, with the frozen copy that can be read; each batch of one moment."""
        found = batches(self._database, QuizRow.select(), (QuizRow.id,), tuple, BATCH_QUIZZES)
        while True:
            with snapshot(self._database):
                rows = next(found, None)
                quizzes = self._assembled(rows or [])
                revisions = self._revisions({quiz.revision_id for quiz in quizzes})
            if rows is None:
                return
            yield [(quiz, revisions.get(quiz.revision_id)) for quiz in quizzes]

    def revisions_unreadable(self) -> Iterator[list[str]]:
        """The frozen copies that no JSON reader understands, by id."""
        for batch in batches(self._database, RevisionRow.select(), (RevisionRow.id,), tuple, KEPT_REVISIONS):
            yield [row[0] for row in batch if _read(revision_of, row) is None]

    def revisions_unused(self) -> Iterator[list[str]]:
        """The frozen copies that neither a quiz nor an attempt points to, by id."""
        query = RevisionRow.select(RevisionRow.id).where(_UNUSED)
        return batches(self._database, query, (RevisionRow.id,), str)

    def forget_revision(self, revision_id: str) -> None:
        """Delete the frozen copy, unless something points to it by now."""
        with transaction(self._database):
            RevisionRow.delete().where(RevisionRow.id == revision_id, _UNUSED).execute(self._database)

    def attempts(self) -> Iterator[list[tuple[str, Attempt | None, Revision | None]]]:
        """All, by id, each with the frozen copy of what was asked; None for what cannot be read."""
        kept: dict[str, Revision] = {}
        for batch in batches(self._database, AttemptRow.select(), (AttemptRow.id,), tuple):
            named = {row[2] for row in batch}
            kept = kept if len(kept) < KEPT_REVISIONS else {}
            kept |= self._revisions(named - kept.keys())
            yield [(row[0], _read(attempt_of, row), kept.get(row[2])) for row in batch]

    def samples(self, quiz_ids: Iterable[str]) -> Sequence[QuizReference]:
        """Where each of these quizzes that is there belongs."""
        query = _REFERENCES.where(QuizRow.id.in_(list(quiz_ids))).order_by(QuizRow.id)
        return Statement(self._database, query, _reference).all()

    def references(self, size: int) -> Iterator[list[QuizReference]]:
        """The lessons of all quizzes, so many at a time."""
        return batches(self._database, _REFERENCES, (QuizRow.id,), _reference, size)

    def place(self) -> FeedPosition | None:
        """How much of which feed has been taken in."""
        return PeeweeFollowing(self._database).position()

    def still_there(self, reference: QuizReference) -> bool:
        """Whether the quiz has not gone since it was read."""
        return bool(QuizRow.select().where(QuizRow.id == reference.quiz_id).exists(self._database))

    def remove_quiz_of(self, reference: QuizReference) -> int:
        """Delete the lesson's quiz; attempts and what they were asked stay. How many there were."""
        with transaction(self._database):
            return self._quizzes.remove_all(QuizFilter(reference.lesson.event_id, reference.lesson.lesson_id))

    def _assembled(self, quizzes: list[Any]) -> list[Quiz]:
        of_quiz: dict[str, list[Question]] = defaultdict(list)
        of_question: dict[str, list[Option]] = defaultdict(list)
        wanted = QuestionRow.quiz.in_([row[0] for row in quizzes])
        for question_id, *option in self._ordered(_OPTIONS.where(wanted), OptionRow.position):
            of_question[question_id].append(Option(*option))
        for quiz_id, question_id, prompt, order in self._ordered(_QUESTIONS.where(wanted), QuestionRow.position):
            of_quiz[quiz_id].append(Question(question_id, prompt, order, tuple(of_question[question_id])))
        return [Quiz(*(*row, tuple(of_quiz[row[0]]))) for row in quizzes]

    def _ordered(self, query: Any, position: Any) -> list[tuple[Any, ...]]:
        return Statement(self._database, query.order_by(position), tuple).all()

    def _revisions(self, revision_ids: Iterable[str]) -> dict[str, Revision]:
        query = RevisionRow.select().where(RevisionRow.id.in_(list(revision_ids)))
        rows = Statement(self._database, query, tuple).all()
        read = (_read(revision_of, row) for row in rows)
        return {revision.id: revision for revision in read if revision is not None}


def _reference(quiz_id: str, event_id: str, lesson_id: str) -> QuizReference:
    return QuizReference(quiz_id, LessonReference(event_id, lesson_id))


def _read(record: Callable[..., Record], row: Sequence[Any]) -> Record | None:
    """None where the frozen document is not what it should be."""
    try:
        return record(*row)
    except (ValueError, TypeError, KeyError):
        return None


_OPTIONS = OptionRow.select(OptionRow.question, OptionRow.id, OptionRow.text, OptionRow.is_correct).join(QuestionRow)
_QUESTIONS = QuestionRow.select(QuestionRow.quiz, QuestionRow.id, QuestionRow.prompt, QuestionRow.position)
_REFERENCES = QuizRow.select(QuizRow.id, QuizRow.event_id, QuizRow.lesson_id)
_UNUSED = ~fn.EXISTS(QuizRow.select(SQL("1")).where(QuizRow.revision == RevisionRow.id)) & ~fn.EXISTS(
    AttemptRow.select(SQL("1")).where(AttemptRow.revision == RevisionRow.id)
)
