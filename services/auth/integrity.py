"""The check of auth's own rules; the kit checks the constraints of the tables."""

from collections.abc import Iterator
from functools import partial

import peewee

from services.auth import passwords
from services.auth.config import LOCAL_ADMIN_PASSWORD, LOCAL_SIGNING_KEY_SECRET, Settings
from services.auth.migrations import MIGRATIONS
from services.auth.repository.inspection import all_admins, usable_keys
from services.auth.repository.store import PeeweeAuthStore
from services.auth.rules import keys, stored
from services.auth.rules.people import may_sign_in
from services.kit.core.config import LOCAL_SERVICE_SECRET
from services.kit.core.findings import Finding, Progress, violation_findings
from services.kit.core.instants import now
from services.kit.maintenance.examination import Examination

# The defaults that this repository publishes and somebody may have taken for a password.
KNOWN_DEFAULTS = (LOCAL_ADMIN_PASSWORD, LOCAL_SIGNING_KEY_SECRET, LOCAL_SERVICE_SECRET)


def examination(settings: Settings) -> Examination:
    """Return the examination of auth's database.

    A copy is checked without its private keys, whose secret may be elsewhere, and without its passwords: an
    installation with a bad one must be restorable.
    """
    return Examination(MIGRATIONS, _findings, partial(_findings_by_settings, settings), tidy=_tidy)


def _findings(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    progress.begin("admins and signing keys", 0)
    for admins in all_admins(database):
        for admin in admins:
            yield from violation_findings("admins", admin.id, stored.admin_violations(admin))
    # An empty table is no violation: auth makes the first key when it needs one.
    for batch in usable_keys(database, now()):
        for key in batch:
            yield from violation_findings("signing_keys", key.id, stored.key_violations(key))


def _findings_by_settings(settings: Settings, database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    encryption_key = keys.derive_key(settings.signing_key_secret, keys.KEY_ENCRYPTION)
    yield from _private_key_findings(encryption_key, database, progress)
    if settings.profile == "managed":
        yield from default_password_findings(database, progress)


def default_password_findings(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    """Yield the accounts that a known default opens. Each account costs three hashes: 0.1 s, by bcrypt about 1 s."""
    progress.begin("passwords that are known defaults", PeeweeAuthStore(database).admins.count())
    for admins in all_admins(database):
        for admin in admins:
            # A generated password is none of them.
            is_own = admin.initial_password_ends_at is None and may_sign_in(admin, now())
            if is_own and any(passwords.matches(each, admin.password_hash) for each in KNOWN_DEFAULTS):
                yield Finding("admins", admin.id, "admin_default_password", _default_password_advice(admin.username))
            progress.advance(1)


def _default_password_advice(username: str) -> str:
    return (
        f"a known default password signs {username} in: sign in as {username} and change it, or let another owner "
        "reset it or disable the account (without one: ADMIN_USERNAME and ADMIN_PASSWORD of a new owner, then "
        "python -m services.auth seed)"
    )


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
