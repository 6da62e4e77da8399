"""What quiz speaks of: plain records, the same from every repository."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
    """A lesson's quiz as a whole: it is read, replaced and deleted with its questions.

    `revision_id` names the frozen copy of what is asked now; every change makes another.
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a learner chose for one question."""

    question_id: str
    option_id: str


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """One question of a graded attempt; what was not answered has no `submitted_option_id`."""

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
        """How many questions the quiz had."""
        return len(self.answers)

    @property
    def passed(self) -> bool:
        """Whether the score reaches the quiz's pass percentage."""
        return self.score_percentage >= self.pass_percentage


@dataclass(frozen=True, slots=True)
class Attempt:
    """A submission as it was graded, beside the frozen copy of what was asked."""

    id: str
    quiz_id: str
    revision_id: str
    event_id: str
    lesson_id: str
    grade: Grade
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """A frozen copy of a quiz: what was asked, however the quiz has changed since."""

    id: str
    quiz_id: str
    title: str
    pass_percentage: int
    questions: tuple[Question, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question before it has an identity; options are (text, is_correct). `order` None means its place."""

    prompt: str
    order: int | None
    options: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    """A page of attempts and the frozen copies they refer to, by id."""

    page: Page[Attempt]
    revisions: dict[str, Revision]


@dataclass(frozen=True, slots=True)
class LessonReference:
    """The lesson of a quiz, as content knows it."""

    event_id: str
    lesson_id: str


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A record of content by its id, which only the records of one kind share."""

    kind: Literal["event", "lesson"]
    id: str


@dataclass(frozen=True, slots=True)
class ContentChange:
    """What content tells of one of its records."""

    sequence: int
    kind: str
    action: str
    event_id: str
    lesson_id: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class FeedHead:
    """Which feed content has, up to where it goes, and up to where it has been pruned."""

    feed_id: str
    last_sequence: int
    pruned_through: int


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """How much of which feed has been taken in."""

    feed_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A stored attempt and the quiz it was graded against."""

    quiz: Quiz
    attempt: Attempt
