"""Sessions in SQLite or PostgreSQL."""

from dataclasses import asdict
from datetime import datetime

import peewee

from services.auth.entities import Session
from services.auth.errors import AdminNotFound, SessionNotFound
from services.auth.models import SessionRow
from services.kit.database import Parameter, Statement, is_foreign_key_breach, transaction


class PeeweeSessions:
    """SessionRepository over the table `sessions`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        by_id = SessionRow.select().where(SessionRow.id == Parameter("session_id"))
        self._by_id = Statement(database, by_id, Session)

    def add(self, session: Session) -> None:
        """Raises AdminNotFound."""
        columns = {**asdict(session), "admin": session.admin_id}
        del columns["admin_id"]
        try:
            with transaction(self._database):
                SessionRow.insert(columns).execute(self._database)
        except peewee.IntegrityError as error:
            if is_foreign_key_breach(error):
                raise AdminNotFound from None
            raise

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        session = self._by_id.first(session_id=session_id)
        if session is None:
            raise SessionNotFound
        return session

    def end(self, session_id: str, now: datetime) -> None:
        """Raises SessionNotFound, also when it has ended before."""
        going_on = (SessionRow.id == session_id) & SessionRow.ended_at.is_null()
        if not SessionRow.update({SessionRow.ended_at: now}).where(going_on).execute(self._database):
            raise SessionNotFound

    def remove_expired(self, now: datetime) -> int:
        """Forget the sessions that are over by then; how many there were."""
        return int(SessionRow.delete().where(SessionRow.expires_at <= now).execute(self._database))
