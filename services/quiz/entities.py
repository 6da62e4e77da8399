"""The records of quiz, the same from every repository."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

from services.kit.web.pages import Page


@dataclass(frozen=True, slots=True)
class Option:
    """One possible answer to a question."""

    id: str
    text: str
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its options in order; `order` counts from 1 and is unique in the quiz."""

    id: str
    prompt: str
    order: int
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Quiz:
    """A lesson's quiz, read, replaced and deleted with its questions.

    `revision_id` names the revision of what is asked now; every change makes another one.
    """

    id: str
    event_id: str
    lesson_id: str
    title: str
    pass_percentage: int
    revision_id: str
    created_at: datetime
    updated_at: datetime
    version: int
    questions: tuple[Question, ...]

    @property
    def revision(self) -> "Revision":
        """The revision of what is asked now."""
        return Revision(self.revision_id, self.id, self.title, self.pass_percentage, self.questions, self.updated_at)


@dataclass(frozen=True, slots=True)
class QuizReference:
    """A lesson's quiz by its ids; `revision_id` names the revision of what is asked now."""

    event_id: str
    lesson_id: str
    revision_id: str


class Answer(NamedTuple):
    """A learner's choice for one question."""

    question_id: str
    option_id: str


class Answers(NamedTuple):
    """What a learner submits for a lesson's quiz; `revision_id` names what was shown, if known."""

    lesson_id: str
    answers: Sequence[Answer]
    revision_id: str | None


class GradedAnswer(NamedTuple):
    """One question of a graded attempt; without an answer it has no `submitted_option_id`."""

    question_id: str
    submitted_option_id: str | None
    correct_option_id: str | None
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Grade:
    """The result of grading: one graded answer for each question, in question order."""

    answers: tuple[GradedAnswer, ...]
    answered_questions: int
    correct_answers: int
    score_percentage: int
    pass_percentage: int

    @property
    def total_questions(self) -> int:
        """The number of questions of the quiz."""
        return len(self.answers)

    @property
    def passed(self) -> bool:
        """Whether the score reaches the quiz's pass percentage."""
        return self.score_percentage >= self.pass_percentage


@dataclass(frozen=True, slots=True)
class Attempt:
    """A graded submission; `revision_id` names the revision of what was asked."""

    id: str
    quiz_id: str
    revision_id: str
    event_id: str
    lesson_id: str
    grade: Grade
    submitted_at: datetime


@dataclass(frozen=True)
class Revision:
    """A version of a quiz: a frozen copy, which later changes of the quiz do not touch."""

    id: str
    quiz_id: str
    title: str
    pass_percentage: int
    questions: tuple[Question, ...]
    created_at: datetime

    @cached_property
    def graded(self) -> Mapping[str, Mapping[str | None, GradedAnswer]]:
        """Each possible answer as it is graded, by the id of its question and of its option; None for no answer.

        The only type of a question is the choice of one option; several may be right.
        """
        return {question.id: _graded(question) for question in self.questions}


@dataclass(frozen=True, slots=True)
class ReplacedRevision:
    """The id of a revision that a change or deletion of its quiz has replaced, and when."""

    id: str
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class NewOption:
    """An option as it is sent; in an update `id` may be that of an option to keep."""

    text: str
    is_correct: bool
    id: str | None = None


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question as it is sent; without `order` it is asked at its place in the list.

    In an update `id` may be that of a question to keep.
    """

    prompt: str
    order: int | None
    options: tuple[NewOption, ...]
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizFields:
    """The fields of a new quiz."""

    event_id: str
    lesson_id: str
    title: str
    pass_percentage: int
    questions: tuple[NewQuestion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizChanges:
    """The fields that an update replaces; without `pass_percentage` the stored one stays."""

    title: str
    pass_percentage: int | None
    questions: tuple[NewQuestion, ...]


@dataclass(frozen=True, slots=True)
class QuizFilter:
    """A filter of quizzes; None means any."""

    event_id: str | None = None
    lesson_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFilter:
    """A filter of attempts; None means any. `since` is included, `until` is not; both are about `submitted_at`."""

    passed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    """A page of attempts and the revisions that they refer to, by id."""

    page: Page[Attempt]
    revisions: dict[str, Revision]


@dataclass(frozen=True, slots=True)
class LessonReference:
    """The lesson of a quiz, by its ids in content."""

    event_id: str
    lesson_id: str


@dataclass(frozen=True, slots=True)
class ContentKey:
    """An event or a lesson of content, by its id."""

    kind: Literal["event", "lesson"]
    id: str


@dataclass(frozen=True, slots=True)
class ContentChange:
    """One change in content's feed."""

    sequence: int
    kind: str
    action: str
    event_id: str
    lesson_id: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class FeedHead:
    """Content's feed: its id, the sequence of its last change, and that of the last pruned one."""

    feed_id: str
    last_sequence: int
    pruned_through: int


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """The position up to which quiz has applied the changes of content's feed."""

    feed_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A stored attempt and the revision by which it was graded."""

    revision: Revision
    attempt: Attempt


def _graded(question: Question) -> Mapping[str | None, GradedAnswer]:
    right = [option.id for option in question.options if option.is_correct]
    # When several options are right, the correct one is the chosen one, or else the first.
    correct = next(iter(right), None)
    return {
        chosen: GradedAnswer(question.id, chosen, chosen if chosen in right else correct, chosen in right)
        for chosen in (None, *(option.id for option in question.options))
    }
