"""The check of auth's own rules; the kit checks what the tables promise by themselves."""

from collections.abc import Iterator
from functools import partial

import peewee

from services.auth import rules
from services.auth.config import Settings
from services.auth.migrations import MIGRATIONS
from services.auth.repository.inspection import AuthInspection
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.findings import Finding, Progress, violation_findings
from services.kit.core.instants import now
from services.kit.maintenance.examination import Examination


def examination(settings: Settings) -> Examination:
    """Everything that can be wrong; whether the keys open is left out for a copy, whose secret may be elsewhere."""
    seal = rules.derived_key(settings.signing_key_secret, rules.SEALING)
    return Examination(MIGRATIONS, _findings, partial(_seal_findings, seal), tidy=_tidy)


def _findings(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    inspection = AuthInspection(database)
    progress.begin("admins and signing keys", 0)
    for admins in inspection.admins():
        for admin in admins:
            yield from violation_findings("admins", admin.id, rules.admin_violations(admin))
    # None at all is no violation: auth makes one when it is first needed.
    for keys in inspection.usable_keys(now()):
        for key in keys:
            yield from violation_findings("signing_keys", key.id, rules.key_violations(key))


def _seal_findings(seal: bytes, database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    progress.begin("private parts of signing keys", 0)
    for keys in AuthInspection(database).usable_keys(now()):
        for key in keys:
            yield from violation_findings("signing_keys", key.id, rules.seal_violations(key, seal))


def _tidy(database: peewee.Database) -> Iterator[str]:
    # A session that is over breaks no rule: it goes with the next sign-in, whenever that is.
    store = PeeweeAuthStore(database)
    with store.transaction():
        removed = store.sessions.remove_expired(now())
    if removed:
        yield f"sessions: deleted {removed} that are over"
