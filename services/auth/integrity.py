"""The check of auth's own rules; the kit checks the constraints of the tables."""

from collections.abc import Iterator
from functools import partial

import peewee

from services.auth.config import Settings
from services.auth.migrations import MIGRATIONS
from services.auth.repository.inspection import all_admins, usable_keys
from services.auth.repository.store import PeeweeAuthStore
from services.auth.rules import keys, stored
from services.kit.core.findings import Finding, Progress, violation_findings
from services.kit.core.instants import now
from services.kit.maintenance.examination import Examination


def examination(settings: Settings) -> Examination:
    """Return the examination of auth's database. It skips a copy's private keys: their secret may be elsewhere."""
    encryption_key = keys.derive_key(settings.signing_key_secret, keys.KEY_ENCRYPTION)
    return Examination(MIGRATIONS, _findings, partial(_private_key_findings, encryption_key), tidy=_tidy)


def _findings(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    progress.begin("admins and signing keys", 0)
    for admins in all_admins(database):
        for admin in admins:
            yield from violation_findings("admins", admin.id, stored.admin_violations(admin))
    # An empty table is no violation: auth makes the first key when it needs one.
    for batch in usable_keys(database, now()):
        for key in batch:
            yield from violation_findings("signing_keys", key.id, stored.key_violations(key))


def _private_key_findings(encryption_key: bytes, database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    progress.begin("private parts of signing keys", 0)
    for batch in usable_keys(database, now()):
        for key in batch:
            yield from violation_findings("signing_keys", key.id, stored.private_key_violations(key, encryption_key))


def _tidy(database: peewee.Database) -> Iterator[str]:
    # Expired sessions break no rule: the next sign-in removes them, whenever that is.
    store = PeeweeAuthStore(database)
    with store.transaction():
        removed = store.sessions.remove_expired(now())
    if removed:
        yield f"sessions: deleted {removed} expired"
