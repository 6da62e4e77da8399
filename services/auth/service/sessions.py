"""Sessions: a sign-in begins one, a refresh token continues it, a logout ends it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from services.auth.entities import Admin, RefreshToken, Session, SignIn
from services.auth.errors import InvalidRefreshToken, SessionNotFound
from services.auth.repository.contracts import AuthStore
from services.auth.rules import tokens as rules
from services.auth.rules.keys import REFRESH_TOKENS, derive_key
from services.auth.rules.tokens import RefreshOutcome
from services.auth.service.keys import Keys
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.core.logging import log
from services.kit.web.tokens.claims import LEEWAY


class Sessions:
    """Begins, continues and ends sessions. The successor of a refresh token is made of it and `secret`."""

    def __init__(self, store: AuthStore, keys: Keys, secret: str, access_token_lifetime: timedelta, clock: Clock):
        self._store = store
        self._keys = keys
        self._successor_key = derive_key(secret, REFRESH_TOKENS)
        self._lifetime = access_token_lifetime
        self._clock = clock

    def begin(self, admin: Admin) -> SignIn:
        """Begin a session of the admin, in the caller's transaction."""
        at = self._clock()
        session = Session(new_id(), admin.id, at, rules.session_end(at, self._lifetime), None)
        # Access tokens of an expired session are still valid within the tolerated difference of clocks.
        self._store.sessions.remove_expired(at - LEEWAY)
        self._store.sessions.add(session)
        self._store.audit.append([("session.started", session.id)])
        token = rules.new_refresh_token()
        return self._sign_in(admin, session, token, self._add_token(session, token, at), at)

    def refresh(self, token: str) -> SignIn:
        """Continue the session of the refresh token. Raise InvalidRefreshToken.

        A second use ends the session, and that is committed although the request is refused.
        """
        with self._store.transaction():
            sign_in = self._refresh(token)
        if sign_in is None:
            raise InvalidRefreshToken
        return sign_in

    def end(self, session_id: str) -> None:
        """End the session with its tokens; an ended session stays as it is."""
        with suppress(SessionNotFound), self._store.transaction():
            self._store.sessions.end(session_id, self._clock())
            self._store.audit.append([("session.ended", session_id)])

    def end_all_of(self, admin_id: str) -> None:
        """End every session of the admin, in the caller's transaction."""
        ended = self._store.sessions.end_all_of(admin_id, self._clock())
        self._store.audit.append([("session.ended", session_id) for session_id in ended])

    def ended_ids(self) -> Sequence[str]:
        """Return the ids of ended sessions whose access tokens may not have expired yet."""
        return self._store.sessions.ended_since(self._clock() - self._lifetime - 2 * LEEWAY)

    def _refresh(self, token: str) -> SignIn | None:
        tokens, token_id = self._store.refresh_tokens, rules.refresh_token_id(token)
        session = self._locked_session(tokens.find(token_id))
        # Read the token again now that its session is locked.
        used = tokens.find(token_id)
        if session is None or used is None:
            return None
        at = self._clock()
        next_token = rules.refresh_token_after(token, self._successor_key)
        successor = tokens.find(rules.refresh_token_id(next_token))
        admin = self._store.admins.get(session.admin_id)
        match rules.refresh_outcome(session, used, successor, admin, at):
            case RefreshOutcome.FIRST_USE:
                tokens.use(token_id, at)
                return self._sign_in(admin, session, next_token, self._add_token(session, next_token, at), at)
            case RefreshOutcome.RETRY if successor is not None:
                return self._sign_in(admin, session, next_token, successor, at)
            case RefreshOutcome.REUSE:
                self._end_reused(session, at)
        return None

    def _locked_session(self, token: RefreshToken | None) -> Session | None:
        with suppress(SessionNotFound):
            return None if token is None else self._store.sessions.get(token.session_id, for_update=True)
        return None

    def _add_token(self, session: Session, token: str, at: datetime) -> RefreshToken:
        added = RefreshToken(rules.refresh_token_id(token), session.id, at, rules.refresh_token_end(session, at))
        self._store.refresh_tokens.add(added)
        return added

    def _end_reused(self, session: Session, at: datetime) -> None:
        self._store.sessions.end(session.id, at)
        self._store.audit.append([("session.refresh_token_reused", session.id)])
        log.warning("refresh_token_reused", sessionId=session.id, adminId=session.admin_id)

    def _sign_in(self, admin: Admin, session: Session, token: str, stored: RefreshToken, at: datetime) -> SignIn:
        key_id, key = self._keys.signing()
        expires_at = rules.access_token_end(session, at, self._lifetime)
        access_token = rules.access_token(admin, session, new_id(), key_id, key, at, expires_at)
        return SignIn(admin, access_token, _seconds(expires_at - at), token, _seconds(stored.expires_at - at))


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
