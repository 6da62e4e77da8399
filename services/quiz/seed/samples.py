"""The form of a sample: the ids of questions and options are numbers after the id of their quiz."""

from dataclasses import dataclass
from datetime import datetime

from services.kit.core.ids import new_id
from services.quiz.entities import Option, Question, Quiz


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A question; `right` are the places, counted from 1, of its right options."""

    prompt: str
    options: tuple[str, ...]
    right: tuple[int, ...]

    def numbered(self, quiz_id: str, order: int) -> Question:
        """Return the record, with ids such as quiz-public-1-question-1-option-2."""
        question_id = f"{quiz_id}-question-{order}"
        options = tuple(
            Option(f"{question_id}-option-{place}", text, place in self.right)
            for place, text in enumerate(self.options, 1)
        )
        return Question(question_id, self.prompt, order, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleQuiz:
    """A quiz of a lesson among content's samples."""

    id: str
    event_id: str
    lesson_id: str
    title: str
    pass_percentage: int = 70
    questions: tuple[SampleQuestion, ...]

    def at(self, created_at: datetime) -> Quiz:
        """Return the record of the quiz, created at that instant."""
        return Quiz(
            id=self.id,
            event_id=self.event_id,
            lesson_id=self.lesson_id,
            title=self.title,
            pass_percentage=self.pass_percentage,
            # A new id each time: attempts at a deleted sample keep its old revision.
            revision_id=new_id(),
            created_at=created_at,
            updated_at=created_at,
            version=1,
            questions=tuple(question.numbered(self.id, order) for order, question in enumerate(self.questions, 1)),
        )
