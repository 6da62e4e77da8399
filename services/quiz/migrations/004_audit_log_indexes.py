"""Indexes for who and what the audit log is asked about, and on SQLite the trigger that refuses REPLACE."""

from services.kit.audit import never_replaced


def migrate(migrator, database, *, fake=False):
    migrator.add_index("audit_log", "actor_id", "occurred_at", "id")
    migrator.add_index("audit_log", "subject_id")
    for statement in never_replaced(database):
        migrator.sql(statement)


def rollback(migrator, database, *, fake=False):
    if never_replaced(database):
        migrator.sql("DROP TRIGGER audit_log_no_REPLACE")
    migrator.drop_index("audit_log", "subject_id")
    migrator.drop_index("audit_log", "actor_id", "occurred_at", "id")
