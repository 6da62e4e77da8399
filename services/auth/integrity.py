"""The check of auth's own rules; the kit checks what the tables promise by themselves."""

from collections.abc import Iterator

import peewee

from services.auth import rules
from services.auth.migrations import MIGRATIONS
from services.auth.repository import AuthInspection, PeeweeAuthStore
from services.kit.instants import now
from services.kit.integrity import Examination, Finding, Progress, breaches


def _findings(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
    inspection = AuthInspection(database)
    progress.begin("admins and signing keys", 0)
    for admins in inspection.admins():
        for admin in admins:
            yield from breaches("admins", admin.id, rules.admin_breaches(admin))
    # None at all is no breach: auth makes one when it is first needed.
    for keys in inspection.usable_keys():
        for key in keys:
            yield from breaches("signing_keys", key.id, rules.key_breaches(key))


def _tidy(database: peewee.Database) -> Iterator[str]:
    # A session that is over breaks no rule: it goes with the next sign-in, whenever that is.
    store = PeeweeAuthStore(database)
    with store.transaction():
        removed = store.sessions.remove_expired(now())
    if removed:
        yield f"sessions: deleted {removed} that are over"


EXAMINATION = Examination(MIGRATIONS, _findings, tidy=_tidy)
