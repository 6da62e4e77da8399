"""Signing in: who it is, and the session that begins."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import argon2
import uuid_utils

from services.auth import passwords, rules
from services.auth.entities import Admin, SignIn
from services.auth.errors import AdminNotFound, InvalidCredentials, PasswordChangeRequired
from services.auth.repository.contracts import AuthStore
from services.auth.service.grants import Grants
from services.auth.service.keys import Keys
from services.auth.service.people import People
from services.auth.service.sessions import Sessions
from services.auth.service.throttling import Throttling
from services.kit.core.actor import set_actor
from services.kit.core.errors import Unauthorized, ValidationFailed
from services.kit.core.instants import Clock, now
from services.kit.web.tokens.revocation import Revoked


class AuthService:
    """Signs admins in; `keys` are what their tokens are signed with, `sessions` what a sign-in begins, `people` those
    who may, `throttling` what keeps others from trying for ever, and `grants` what learners get for an access key.

    `signing_key_secret` is what everything secret that auth makes up is encrypted with or made of.
    """

    def __init__(
        self,
        store: AuthStore,
        access_token_lifetime: timedelta,
        signing_key_secret: str,
        clock: Clock = now,
        hasher: argon2.PasswordHasher = passwords.HASHER,
        matches_bcrypt: Callable[[str, str], bool] = passwords.matches_bcrypt,
        grant_lifetime: timedelta = rules.GRANT_LIFETIME,
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
        # What an unknown name is compared with, so that it costs as much as a known one (TRAPS 13).
        self._nobodys_hash = hasher.hash(str(uuid_utils.uuid4()))

    def sign_in(
        self, username: str, password: str, new_password: str | None = None, address: str | None = None
    ) -> SignIn:
        """Begin a session; a `new_password` replaces the password, and ends every session before it.

        `address` is the client's. Raises SignInThrottled, InvalidCredentials, PasswordChangeRequired, and
        ValidationFailed for the new password.
        """
        admin = self._authenticated(username, password, address)
        _require_own_password(admin, password, new_password)
        signed_in = self._begin(admin, password, new_password)
        # Whoever was disabled, or has got another password, while the one given was hashed, is judged anew.
        return signed_in or self.sign_in(username, password, new_password, address)

    def admin(self, admin_id: str) -> Admin:
        """The admin whom a token names; raises Unauthorized when there is none any more."""
        try:
            return self._store.admins.get(admin_id)
        except AdminNotFound:
            raise Unauthorized from None

    def revoked(self) -> Revoked:
        """What whoever verifies access tokens must not accept any more."""
        return Revoked(frozenset(self.sessions.ended()), frozenset(self.keys.retired()))

    def change_password(self, admin_id: str, current: str, new: str, address: str | None = None) -> SignIn:
        """Every session of the admin ends and another begins.

        Raises Unauthorized when there is no such admin any more, SignInThrottled, InvalidCredentials, ValidationFailed.
        """
        username = self.admin(admin_id).username
        try:
            return self.sign_in(username, current, new, address)
        except InvalidCredentials:
            raise InvalidCredentials("The current password is wrong") from None

    def create_admin(self, username: str, password: str, admin_id: str | None = None) -> Admin:
        """A new admin; raises UsernameTaken."""
        created_at = self._clock()
        new_id = admin_id or str(uuid_utils.uuid7())
        admin = Admin(new_id, username, self._hasher.hash(password), created_at, created_at)
        with self._store.transaction():
            self._store.admins.add(admin)
            self._store.audit.append([("admin.created", admin.id)])
        return admin

    def _authenticated(self, username: str, password: str, address: str | None) -> Admin:
        attempt = self.throttling.count(username, address)
        admin = self._known(username)
        # Whoever may not sign in, or is nobody, costs the same one hash.
        is_right = self._is_right(password, admin.password_hash if admin else self._nobodys_hash)
        if admin is None or not is_right or not rules.may_sign_in(admin, self._clock()):
            self.throttling.note_refusal(attempt, admin)
            raise InvalidCredentials
        self.throttling.forgive(attempt)
        return admin

    def _begin(self, admin: Admin, password: str, new_password: str | None) -> SignIn | None:
        """The session, or None when the admin is not any more what was authenticated."""
        changed = self._rehashed(admin, password, new_password)
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

    def _rehashed(self, admin: Admin, password: str, new_password: str | None) -> Admin:
        """The admin with what the password to keep is kept as from now on."""
        if new_password is not None:
            return rules.with_own_password(admin, self._hasher.hash(new_password), self._clock())
        if passwords.is_bcrypt(admin.password_hash) or self._hasher.check_needs_rehash(admin.password_hash):
            return replace(admin, password_hash=self._hasher.hash(password), updated_at=self._clock())
        return admin

    def _known(self, username: str) -> Admin | None:
        try:
            return self._store.admins.get_by_username(username)
        except AdminNotFound:
            return None

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


def _require_own_password(admin: Admin, password: str, new_password: str | None) -> None:
    if new_password is None and admin.initial_password_ends_at is not None:
        raise PasswordChangeRequired
    if new_password is not None:
        problems = passwords.new_password_problems(new_password, admin.username)
        if new_password == password:
            problems = ["must differ from the password that it replaces"]
        if problems:
            raise ValidationFailed({"newPassword": problems})
