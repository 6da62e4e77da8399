"""Sessions: what a sign-in begins, and the access tokens of it."""

from datetime import timedelta

import uuid_utils

from services.auth import rules
from services.auth.entities import Admin, Session, SignIn
from services.auth.repository import AuthStore
from services.auth.service.keys import Keys
from services.kit.instants import Clock


class Sessions:
    """Begins sessions, and signs the access tokens that belong to them."""

    def __init__(self, store: AuthStore, keys: Keys, access_token_lifetime: timedelta, clock: Clock):
        self._store = store
        self._keys = keys
        self._lifetime = access_token_lifetime
        self._clock = clock

    def begin(self, admin: Admin) -> SignIn:
        """A new session of the admin; of the caller's transaction."""
        began_at = self._clock()
        session = Session(_new_id(), admin.id, began_at, began_at + rules.SESSION_LIFETIME, None)
        self._store.sessions.remove_expired(began_at)
        self._store.sessions.add(session)
        self._store.audit.append([("session.started", session.id)])
        token = rules.access_token(admin, session, _new_id(), self._keys.signing(), began_at, self._lifetime)
        return SignIn(admin, token, int(self._lifetime.total_seconds()))

    def end_all_of(self, admin_id: str) -> None:
        """Every session of the admin ends; of the caller's transaction."""
        ended = self._store.sessions.end_all_of(admin_id, self._clock())
        self._store.audit.append([("session.ended", session_id) for session_id in ended])


def _new_id() -> str:
    return str(uuid_utils.uuid7())
