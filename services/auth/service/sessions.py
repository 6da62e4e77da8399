"""Sessions: what a sign-in begins, how it goes on, and how it ends."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import uuid_utils

from services.auth import rules
from services.auth.entities import Admin, RefreshToken, Session, SignIn
from services.auth.errors import InvalidRefreshToken, SessionNotFound
from services.auth.repository.contracts import AuthStore
from services.auth.rules import Shown
from services.auth.service.keys import Keys
from services.kit.core.instants import Clock
from services.kit.core.logging import log
from services.kit.web.tokens.claims import LEEWAY


class Sessions:
    """Begins sessions, lets refresh tokens go on with them, and ends them.

    The refresh token that follows another is made of it and of `secret`.
    """

    def __init__(self, store: AuthStore, keys: Keys, secret: str, access_token_lifetime: timedelta, clock: Clock):
        self._store = store
        self._keys = keys
        self._succession = rules.derived_key(secret, rules.SUCCESSION)
        self._lifetime = access_token_lifetime
        self._clock = clock

    def begin(self, admin: Admin) -> SignIn:
        """A new session of the admin; of the caller's transaction."""
        at = self._clock()
        session = Session(_new_id(), admin.id, at, rules.session_end(at, self._lifetime), None)
        # Until then its access tokens may be good, if it has not ended before.
        self._store.sessions.remove_expired(at - LEEWAY)
        self._store.sessions.add(session)
        self._store.audit.append([("session.started", session.id)])
        token = rules.new_refresh_token()
        return self._sign_in(admin, session, token, self._given(session, token, at), at)

    def refresh(self, token: str) -> SignIn:
        """Go on with the session of that refresh token; raises InvalidRefreshToken.

        A token that was used before ends its session, which stays ended although the request is refused.
        """
        with self._store.transaction():
            sign_in = self._shown(token)
        if sign_in is None:
            raise InvalidRefreshToken
        return sign_in

    def end(self, session_id: str) -> None:
        """From now on neither its access tokens nor its refresh token open anything; what is over stays so."""
        with suppress(SessionNotFound), self._store.transaction():
            self._store.sessions.end(session_id, self._clock())
            self._store.audit.append([("session.ended", session_id)])

    def end_all_of(self, admin_id: str) -> None:
        """Every session of the admin ends; of the caller's transaction."""
        ended = self._store.sessions.end_all_of(admin_id, self._clock())
        self._store.audit.append([("session.ended", session_id) for session_id in ended])

    def ended(self) -> Sequence[str]:
        """The ids of those that have ended while access tokens of theirs may still be about."""
        return self._store.sessions.ended_since(self._clock() - self._lifetime - 2 * LEEWAY)

    def _shown(self, token: str) -> SignIn | None:
        tokens, token_id = self._store.refresh_tokens, rules.refresh_token_id(token)
        session = self._held_session(tokens.find(token_id))
        # As it is now that nobody else can use it.
        shown = tokens.find(token_id)
        if session is None or shown is None:
            return None
        at = self._clock()
        following = rules.refresh_token_after(token, self._succession)
        successor = tokens.find(rules.refresh_token_id(following))
        admin = self._store.admins.get(session.admin_id)
        match rules.judge_refresh(session, shown, successor, admin, at):
            case Shown.REFRESHES:
                tokens.use(token_id, at)
                return self._sign_in(admin, session, following, self._given(session, following, at), at)
            case Shown.REPEATS if successor is not None:
                return self._sign_in(admin, session, following, successor, at)
            case Shown.REUSED:
                self._end_family(session, at)
        return None

    def _held_session(self, shown: RefreshToken | None) -> Session | None:
        with suppress(SessionNotFound):
            return None if shown is None else self._store.sessions.get(shown.session_id, for_update=True)
        return None

    def _given(self, session: Session, token: str, at: datetime) -> RefreshToken:
        given = RefreshToken(rules.refresh_token_id(token), session.id, at, rules.refresh_token_end(session, at))
        self._store.refresh_tokens.add(given)
        return given

    def _end_family(self, session: Session, at: datetime) -> None:
        self._store.sessions.end(session.id, at)
        self._store.audit.append([("session.refresh_token_reused", session.id)])
        log.warning("refresh_token_reused", sessionId=session.id, adminId=session.admin_id)

    def _sign_in(self, admin: Admin, session: Session, token: str, kept: RefreshToken, at: datetime) -> SignIn:
        key_id, key = self._keys.signing()
        expires_at = rules.access_token_end(session, at, self._lifetime)
        access_token = rules.access_token(admin, session, _new_id(), key_id, key, at, expires_at)
        return SignIn(admin, access_token, _seconds(expires_at - at), token, _seconds(kept.expires_at - at))


def _new_id() -> str:
    return str(uuid_utils.uuid7())


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
