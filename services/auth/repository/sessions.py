"""Sessions and their refresh tokens in SQLite or PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import peewee

from services.auth.entities import RefreshToken, Session
from services.auth.errors import AdminNotFound, SessionNotFound
from services.auth.models import RefreshTokenRow, SessionRow
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import is_foreign_key_violation
from services.kit.storage.statements import Parameter, Statement


class PeeweeSessions:
    """SessionRepository over the table `sessions`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        by_id = SessionRow.select().where(SessionRow.id == Parameter("session_id"))
        self._by_id = Statement(database, by_id, Session)
        self._by_id_for_update = Statement(database, lock_rows(by_id, database), Session)
        ended = SessionRow.select(SessionRow.id).where(SessionRow.ended_at > Parameter("instant"))
        self._ended_since = Statement(database, ended.order_by(SessionRow.id), str)

    def add(self, session: Session) -> None:
        """Store a new session. Raise AdminNotFound."""
        columns = {**asdict(session), "admin": session.admin_id}
        del columns["admin_id"]
        try:
            with transaction(self._database):
                SessionRow.insert(columns).execute(self._database)
        except peewee.IntegrityError as error:
            if is_foreign_key_violation(error):
                raise AdminNotFound from None
            raise

    def get(self, session_id: str, *, for_update: bool = False) -> Session:
        """Return the session; `for_update` locks it until the transaction ends. Raise SessionNotFound."""
        session = (self._by_id_for_update if for_update else self._by_id).first(session_id=session_id)
        if session is None:
            raise SessionNotFound
        return session

    def end(self, session_id: str, now: datetime) -> None:
        """End the session. Raise SessionNotFound, also when it has ended before."""
        active = (SessionRow.id == session_id) & SessionRow.ended_at.is_null()
        if not SessionRow.update({SessionRow.ended_at: now}).where(active).execute(self._database):
            raise SessionNotFound

    def end_all_of(self, admin_id: str, now: datetime) -> Sequence[str]:
        """End the active sessions of the admin and return their ids, in order."""
        active = SessionRow.select(SessionRow.id).where((SessionRow.admin == admin_id) & SessionRow.ended_at.is_null())
        locked = lock_rows(active.order_by(SessionRow.id), self._database)
        ids = Statement(self._database, locked, str).all()
        SessionRow.update({SessionRow.ended_at: now}).where(SessionRow.id.in_(ids)).execute(self._database)
        return ids

    def ended_since(self, instant: datetime) -> Sequence[str]:
        """Return the ids of the sessions that ended after the instant, in order."""
        return self._ended_since.all(instant=instant)

    def remove_expired(self, now: datetime) -> int:
        """Delete the expired sessions with their refresh tokens and return the number of sessions."""
        return int(SessionRow.delete().where(SessionRow.expires_at <= now).execute(self._database))


class PeeweeRefreshTokens:
    """RefreshTokenRepository over the table `refresh_tokens`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        by_id = RefreshTokenRow.select().where(RefreshTokenRow.id == Parameter("token_id"))
        self._by_id = Statement(database, by_id, RefreshToken)

    def add(self, token: RefreshToken) -> None:
        """Store a new token. Raise SessionNotFound."""
        columns = {**asdict(token), "session": token.session_id}
        del columns["session_id"]
        try:
            with transaction(self._database):
                RefreshTokenRow.insert(columns).execute(self._database)
        except peewee.IntegrityError as error:
            if is_foreign_key_violation(error):
                raise SessionNotFound from None
            raise

    def find(self, token_id: str) -> RefreshToken | None:
        """Return the token, or None."""
        return self._by_id.first(token_id=token_id)

    def use(self, token_id: str, now: datetime) -> None:
        """Record the first use of the token."""
        change = {RefreshTokenRow.used_at: now}
        RefreshTokenRow.update(change).where(RefreshTokenRow.id == token_id).execute(self._database)
