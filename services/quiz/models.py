"""The tables of quiz. The models are bound to no database: the repository passes one to each query."""

import peewee
from peewee import SQL, BigIntegerField, BooleanField, Check, ForeignKeyField, IntegerField, TextField

from services.kit.storage.audit.model import AuditRow
from services.kit.storage.database import InstantField
from services.kit.storage.idempotency import IdempotentResponseRow
from services.kit.storage.seed_mark import SeedMarkRow


class RevisionRow(peewee.Model):
    """A frozen copy of a quiz, stored as long as it may grade or an attempt points to it; `questions` is JSON.

    Event, lesson and instant are set when it is replaced: until then the quiz that points to it has them.
    """

    id = TextField(primary_key=True)
    quiz_id = TextField(index=True)
    title = TextField()
    pass_percentage = IntegerField()
    questions = TextField()
    created_at = InstantField()
    event_id = TextField(null=True, index=True)
    lesson_id = TextField(null=True, index=True)
    replaced_at = InstantField(null=True)

    class Meta:
        table_name = "quiz_revisions"
        legacy_table_names = False
        constraints = (Check("pass_percentage BETWEEN 0 AND 100", name="quiz_revisions_pass_percentage"),)


class QuizRow(peewee.Model):
    """A quiz. Its event and lesson are in content's database, so no foreign key points to them."""

    id = TextField(primary_key=True)
    event_id = TextField(index=True)
    lesson_id = TextField(unique=True)
    title = TextField()
    pass_percentage = IntegerField()
    revision = ForeignKeyField(RevisionRow, on_delete="RESTRICT")
    created_at = InstantField()
    updated_at = InstantField()
    version = IntegerField(default=1, constraints=[SQL("DEFAULT 1")])
    # What searches look into; empty where the release before wrote the row.
    search_form = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "quizzes"
        legacy_table_names = False
        indexes = ((("created_at", "id"), False), (("search_form", "id"), False))
        constraints = (Check("pass_percentage BETWEEN 0 AND 100", name="quizzes_pass_percentage"),)


class QuestionRow(peewee.Model):
    """A question; `position` is the contract's order."""

    id = TextField(primary_key=True)
    quiz = ForeignKeyField(QuizRow, on_delete="CASCADE", index=False)
    prompt = TextField()
    position = IntegerField()

    class Meta:
        table_name = "quiz_questions"
        legacy_table_names = False
        indexes = ((("quiz", "position"), True),)
        constraints = (Check("position >= 1", name="quiz_questions_position"),)


class OptionRow(peewee.Model):
    """An option of a question."""

    id = TextField(primary_key=True)
    question = ForeignKeyField(QuestionRow, on_delete="CASCADE", index=False)
    text = TextField()
    is_correct = BooleanField()
    position = IntegerField()

    class Meta:
        table_name = "quiz_options"
        legacy_table_names = False
        indexes = ((("question", "position"), True),)
        constraints = (Check("position >= 1", name="quiz_options_position"),)


class AttemptRow(peewee.Model):
    """A graded submission; `answers` is a JSON array with one entry for each question."""

    id = TextField(primary_key=True)
    quiz_id = TextField()
    revision = ForeignKeyField(RevisionRow, on_delete="RESTRICT")
    event_id = TextField()
    lesson_id = TextField()
    answers = TextField()
    answered_questions = IntegerField()
    correct_answers = IntegerField()
    score_percentage = IntegerField()
    pass_percentage = IntegerField()
    submitted_at = InstantField()

    class Meta:
        table_name = "quiz_attempts"
        legacy_table_names = False
        indexes = ((("quiz_id", "submitted_at", "id"), False),)
        constraints = (
            Check("score_percentage BETWEEN 0 AND 100", name="quiz_attempts_score_percentage"),
            Check("pass_percentage BETWEEN 0 AND 100", name="quiz_attempts_pass_percentage"),
            Check("correct_answers BETWEEN 0 AND answered_questions", name="quiz_attempts_correct_answers"),
        )


class FeedPositionRow(peewee.Model):
    """The one row with the position in content's feed."""

    id = IntegerField(primary_key=True)
    feed_id = TextField()
    position = BigIntegerField()
    followed_at = InstantField()

    class Meta:
        table_name = "feed_position"
        legacy_table_names = False
        constraints = (Check("id = 1", name="feed_position_one_row"),)


class TombstoneRow(peewee.Model):
    """An event or lesson that content has deleted: no quiz may be made for it any more."""

    kind = TextField()
    content_id = TextField()
    deleted_at = InstantField()

    class Meta:
        table_name = "tombstones"
        legacy_table_names = False
        primary_key = peewee.CompositeKey("kind", "content_id")
        constraints = (Check("kind IN ('event', 'lesson')", name="tombstones_kind"),)


TABLES = (
    RevisionRow,
    QuizRow,
    QuestionRow,
    OptionRow,
    AttemptRow,
    FeedPositionRow,
    TombstoneRow,
    IdempotentResponseRow,
    SeedMarkRow,
    AuditRow,
)
