"""Signing in: authenticate a person and begin a session."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import argon2
import uuid_utils

from services.auth import passwords
from services.auth.entities import Admin, SignIn
from services.auth.errors import AdminNotFound, InvalidCredentials, PasswordChangeRequired
from services.auth.repository.contracts import AuthStore
from services.auth.rules.grants import GRANT_LIFETIME
from services.auth.rules.people import may_sign_in, with_own_password
from services.auth.service.grants import Grants
from services.auth.service.keys import Keys
from services.auth.service.people import People
from services.auth.service.sessions import Sessions
from services.auth.service.throttling import Throttling
from services.kit.core.actor import set_actor
from services.kit.core.errors import Unauthorized, ValidationFailed
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock, now
from services.kit.web.tokens.revocation import Revoked


class AuthService:
    """Signs admins in, and gives access to the other use cases: keys, sessions, grants, people and throttling.

    All keys that encrypt or derive secrets come from `signing_key_secret`.
    """

    def __init__(
        self,
        store: AuthStore,
        access_token_lifetime: timedelta,
        signing_key_secret: str,
        clock: Clock = now,
        hasher: argon2.PasswordHasher = passwords.HASHER,
        matches_bcrypt: Callable[[str, str], bool] = passwords.matches_bcrypt,
        grant_lifetime: timedelta = GRANT_LIFETIME,
    ):
        self.keys = Keys(store, signing_key_secret, max(access_token_lifetime, grant_lifetime), clock)
        self.sessions = Sessions(store, self.keys, signing_key_secret, access_token_lifetime, clock)
        self.grants = Grants(store, self.keys, grant_lifetime, clock)
        self.people = People(store, self.sessions, signing_key_secret, hasher, clock)
        self.throttling = Throttling(store, clock)
        self._store = store
        self._clock = clock
        self._hasher = hasher
        self._matches_bcrypt = matches_bcrypt
        # Checked for unknown names, so that they cost as much as known ones (docs/traps.md, 13).
        self._dummy_hash = hasher.hash(str(uuid_utils.uuid4()))

    def sign_in(
        self, username: str, password: str, new_password: str | None = None, address: str | None = None
    ) -> SignIn:
        """Begin a session; a `new_password` replaces the password and ends every earlier session.

        An initial password is checked by its digest, without a hash and without the limits of attempts. `address` is
        the client's. Raise SignInThrottled, InvalidCredentials, PasswordChangeRequired, and
        ValidationFailed for the new password.
        """
        admin = self._authenticate(username, password, address)
        _require_own_password(admin, password, new_password)
        sign_in = self._begin(admin, password, new_password)
        # Authenticate again if the person was changed while the password was hashed.
        return sign_in or self.sign_in(username, password, new_password, address)

    def waits_behind_others(self, username: str, password: str, address: str | None) -> bool:
        """Return whether the sign-in lets those pass that come from addresses without a wrong password.

        Count and hash nothing. Raise SignInThrottled if it would be refused now.
        """
        admin = self._find(username)
        is_initial = admin is not None and self.people.is_initial_password(admin, password)
        return not is_initial and self.throttling.check(username, address)

    def admin(self, admin_id: str) -> Admin:
        """Return the admin of an access token. Raise Unauthorized if they do not exist any more."""
        try:
            return self._store.admins.get(admin_id)
        except AdminNotFound:
            raise Unauthorized from None

    def revoked(self) -> Revoked:
        """Return the sessions and keys whose access tokens verifiers must refuse."""
        return Revoked(frozenset(self.sessions.ended_ids()), frozenset(self.keys.retired_ids()))

    def change_password(self, admin_id: str, current: str, new: str, address: str | None = None) -> SignIn:
        """Replace the password, end every session of the admin and begin another.

        Raise Unauthorized if the admin does not exist any more, SignInThrottled, InvalidCredentials, ValidationFailed.
        """
        username = self.admin(admin_id).username
        try:
            return self.sign_in(username, current, new, address)
        except InvalidCredentials:
            raise InvalidCredentials("The current password is wrong") from None

    def create_admin(self, username: str, password: str, admin_id: str | None = None) -> Admin:
        """Add an owner with a password of their own. Raise UsernameTaken."""
        created_at = self._clock()
        admin = Admin(admin_id or new_id(), username, self._hasher.hash(password), created_at, created_at)
        with self._store.transaction():
            self._store.admins.add(admin)
            self._store.audit.append([("admin.created", admin.id)])
        return admin

    def _authenticate(self, username: str, password: str, address: str | None) -> Admin:
        admin = self._find(username)
        if admin is not None and self.people.is_initial_password(admin, password):
            return admin
        attempt = self.throttling.count(username, address)
        # One hash for everyone, so that the time does not reveal who exists or may sign in.
        is_right = self._is_right(password, admin.password_hash if admin else self._dummy_hash)
        if admin is None or not is_right or not may_sign_in(admin, self._clock()):
            self.throttling.record_failure(attempt, admin)
            raise InvalidCredentials
        self.throttling.record_success(attempt)
        return admin

    def _begin(self, admin: Admin, password: str, new_password: str | None) -> SignIn | None:
        """Begin the session; return None if the admin was changed since they were authenticated."""
        changed = self._with_new_hash(admin, password, new_password)
        with self._store.transaction():
            if self._store.admins.get(admin.id, for_update=True) != admin:
                return None
            set_actor(admin.id, admin.username, admin.role)
            if changed != admin:
                self._store.admins.save(changed)
            if new_password is not None:
                self._store.audit.append([("admin.password_changed", admin.id)])
                self.sessions.end_all_of(admin.id)
            return self.sessions.begin(changed)

    def _with_new_hash(self, admin: Admin, password: str, new_password: str | None) -> Admin:
        """Return the admin with the hash to store: of the new password, or of the same one if its hash is outdated."""
        if new_password is not None:
            return with_own_password(admin, self._hasher.hash(new_password), self._clock())
        if passwords.is_bcrypt(admin.password_hash) or self._hasher.check_needs_rehash(admin.password_hash):
            return replace(admin, password_hash=self._hasher.hash(password), updated_at=self._clock())
        return admin

    def _find(self, username: str) -> Admin | None:
        try:
            return self._store.admins.get_by_username(username)
        except AdminNotFound:
            return None

    def _is_right(self, password: str, password_hash: str) -> bool:
        """Return whether the password fits the hash.

        While a bcrypt hash is left, every sign-in pays for both kinds, so that the time reveals neither who exists nor
        who has not signed in since the old baseline.
        """
        bcrypt_hash = self._store.admins.costliest_bcrypt_hash()
        is_bcrypt = passwords.is_bcrypt(password_hash)
        right_by_argon2 = self._matches_argon2(password, self._dummy_hash if is_bcrypt else password_hash)
        if bcrypt_hash is None and not is_bcrypt:
            return right_by_argon2
        right_by_bcrypt = self._matches_bcrypt(password, password_hash if is_bcrypt else str(bcrypt_hash))
        return right_by_bcrypt if is_bcrypt else right_by_argon2

    def _matches_argon2(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def _require_own_password(admin: Admin, password: str, new_password: str | None) -> None:
    if new_password is None and admin.initial_password_ends_at is not None:
        raise PasswordChangeRequired
    if new_password is not None:
        problems = passwords.new_password_problems(new_password, admin.username)
        if new_password == password:
            problems = ["must differ from the password that it replaces"]
        if problems:
            raise ValidationFailed({"newPassword": problems})
