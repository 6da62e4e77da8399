"""Signing in: who it is, and the session that begins."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import argon2
import uuid_utils

from services.auth import passwords, rules
from services.auth.entities import Admin, SignIn
from services.auth.errors import AdminNotFound, InvalidCredentials
from services.auth.repository import AuthStore
from services.auth.service.grants import Grants
from services.auth.service.keys import Keys
from services.auth.service.sessions import Sessions
from services.kit.instants import Clock, now


class AuthService:
    """Signs admins in; `keys` are what their tokens are signed with, `sessions` what a sign-in begins, and `grants`
    what learners get for an event's access key."""

    def __init__(
        self,
        store: AuthStore,
        access_token_lifetime: timedelta,
        clock: Clock = now,
        hasher: argon2.PasswordHasher = passwords.HASHER,
        matches_bcrypt: Callable[[str, str], bool] = passwords.matches_bcrypt,
        grant_lifetime: timedelta = rules.GRANT_LIFETIME,
    ):
        self.keys = Keys(store, clock)
        self.sessions = Sessions(store, self.keys, access_token_lifetime, clock)
        self.grants = Grants(store, self.keys, grant_lifetime, clock)
        self._store = store
        self._clock = clock
        self._hasher = hasher
        self._matches_bcrypt = matches_bcrypt
        # What an unknown name is compared with, so that it costs as much as a known one (TRAPS 13).
        self._nobodys_hash = hasher.hash(str(uuid_utils.uuid4()))

    def sign_in(self, username: str, password: str) -> SignIn:
        """Begin a session; raises InvalidCredentials."""
        admin = self._authenticated(username, password)
        with self._store.transaction():
            if passwords.is_bcrypt(admin.password_hash) or self._hasher.check_needs_rehash(admin.password_hash):
                self._store.admins.replace_password(admin.id, self._hasher.hash(password), self._clock())
            return self.sessions.begin(admin)

    def create_admin(self, username: str, password: str, admin_id: str | None = None) -> Admin:
        """A new admin; raises UsernameTaken."""
        created_at = self._clock()
        new_id = admin_id or str(uuid_utils.uuid7())
        admin = Admin(new_id, username, self._hasher.hash(password), created_at, created_at)
        with self._store.transaction():
            self._store.admins.add(admin)
        return admin

    def _authenticated(self, username: str, password: str) -> Admin:
        with suppress(AdminNotFound):
            admin = self._store.admins.get_by_username(username)
            if self._is_right(password, admin.password_hash):
                return admin
            raise InvalidCredentials
        self._is_right(password, self._nobodys_hash)
        raise InvalidCredentials

    def _is_right(self, password: str, password_hash: str) -> bool:
        """Whether the hash is the password's.

        While a bcrypt hash is left, every sign-in pays for both kinds: its cost tells nobody who exists, nor who has
        not signed in since the old baseline.
        """
        left = self._store.admins.costliest_bcrypt_hash()
        is_bcrypt = passwords.is_bcrypt(password_hash)
        right_by_argon2 = self._matches_argon2(password, self._nobodys_hash if is_bcrypt else password_hash)
        if left is None and not is_bcrypt:
            return right_by_argon2
        right_by_bcrypt = self._matches_bcrypt(password, password_hash if is_bcrypt else str(left))
        return right_by_bcrypt if is_bcrypt else right_by_argon2

    def _matches_argon2(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
