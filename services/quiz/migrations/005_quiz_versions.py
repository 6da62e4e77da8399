"""Replaced versions of quizzes: whose lesson they were, and since when another version is shown.

Versions that were replaced before this migration are known by their attempts. Each counts as replaced when the next
stored version of its quiz was made, else at its last attempt.
"""

from peewee import TextField

from services.kit.database import InstantField

MARK_REPLACED = """
UPDATE quiz_revisions SET
    event_id = (SELECT event_id FROM quiz_attempts WHERE revision_id = quiz_revisions.id LIMIT 1),
    lesson_id = (SELECT lesson_id FROM quiz_attempts WHERE revision_id = quiz_revisions.id LIMIT 1),
    replaced_at = COALESCE(
        (SELECT MIN(later.created_at) FROM quiz_revisions AS later
         WHERE later.quiz_id = quiz_revisions.quiz_id AND later.created_at > quiz_revisions.created_at),
        (SELECT MAX(submitted_at) FROM quiz_attempts WHERE revision_id = quiz_revisions.id)
    )
WHERE NOT EXISTS (SELECT 1 FROM quizzes WHERE quizzes.revision_id = quiz_revisions.id)
    AND EXISTS (SELECT 1 FROM quiz_attempts WHERE quiz_attempts.revision_id = quiz_revisions.id)
"""
REMOVE_UNUSED = """
DELETE FROM quiz_revisions
WHERE NOT EXISTS (SELECT 1 FROM quizzes WHERE quizzes.revision_id = quiz_revisions.id)
    AND NOT EXISTS (SELECT 1 FROM quiz_attempts WHERE quiz_attempts.revision_id = quiz_revisions.id)
"""


def migrate(migrator, database, *, fake=False):
    # Nullable: code of the release before goes on inserting meanwhile.
    migrator.add_fields(
        "quiz_revisions",
        event_id=TextField(null=True, index=True),
        lesson_id=TextField(null=True, index=True),
        replaced_at=InstantField(null=True),
    )
    migrator.sql(MARK_REPLACED)


def rollback(migrator, database, *, fake=False):
    """Remove the replaced versions without an attempt, which the release before does not keep; attempts stay."""
    migrator.sql(REMOVE_UNUSED)
    migrator.drop_index("quiz_revisions", "event_id")
    migrator.drop_index("quiz_revisions", "lesson_id")
    migrator.remove_fields("quiz_revisions", "event_id", "lesson_id", "replaced_at")
