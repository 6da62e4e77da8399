"""Quizzes with their questions, the frozen copies of them, and learners' attempts."""

from peewee import BooleanField, Check, ForeignKeyField, IntegerField, Model, TextField

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class RevisionRow(Model):
        id = TextField(primary_key=True)
        quiz_id = TextField(index=True)
        title = TextField()
        pass_percentage = IntegerField()
        questions = TextField()
        created_at = InstantField()

        class Meta:
            table_name = "quiz_revisions"
            legacy_table_names = False
            constraints = (Check("pass_percentage BETWEEN 0 AND 100", name="quiz_revisions_pass_percentage"),)

    @migrator.create_model
    class QuizRow(Model):
        id = TextField(primary_key=True)
        event_id = TextField(index=True)
        lesson_id = TextField(unique=True)
        title = TextField()
        pass_percentage = IntegerField()
        revision = ForeignKeyField(RevisionRow, on_delete="RESTRICT")
        created_at = InstantField()
        updated_at = InstantField()

        class Meta:
            table_name = "quizzes"
            legacy_table_names = False
            indexes = ((("created_at", "id"), False),)
            constraints = (Check("pass_percentage BETWEEN 0 AND 100", name="quizzes_pass_percentage"),)

    @migrator.create_model
    class QuestionRow(Model):
        id = TextField(primary_key=True)
        quiz = ForeignKeyField(QuizRow, on_delete="CASCADE", index=False)
        prompt = TextField()
        position = IntegerField()

        class Meta:
            table_name = "quiz_questions"
            legacy_table_names = False
            indexes = ((("quiz", "position"), True),)
            constraints = (Check("position >= 1", name="quiz_questions_position"),)

    @migrator.create_model
    class OptionRow(Model):
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

    @migrator.create_model
    class AttemptRow(Model):
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


def rollback(migrator, database, *, fake=False):
    for table in ("quiz_attempts", "quiz_options", "quiz_questions", "quizzes", "quiz_revisions"):
        migrator.remove_model(table)
