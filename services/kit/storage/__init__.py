"""Databases: connections, statements, migrations, use cases, idempotency, the audit log and health."""
