"""People: who may manage launches, and as what. An owner invites, changes, disables, and helps with a lost password."""

from collections.abc import Mapping, Sequence
from typing import Any

import argon2
import uuid_utils

from services.auth import passwords, rules
from services.auth.entities import Admin, Invitation, Role
from services.auth.errors import LastOwner
from services.auth.repository.contracts import AuthStore, admin_key
from services.auth.service.sessions import Sessions
from services.kit.core.instants import Clock
from services.kit.storage.idempotency import Keep, not_kept
from services.kit.web.pages import Page, PageRequest, page_of


class People:
    """What owners do about people. An invited person gets an initial password, which opens nothing until they have
    replaced it by one of their own at the first sign-in, within seven days.

    With an Idempotency-Key that password is made of the key and of `secret`."""

    def __init__(self, store: AuthStore, sessions: Sessions, secret: str, hasher: argon2.PasswordHasher, clock: Clock):
        self._store = store
        self._sessions = sessions
        self._invitations = rules.derived_key(secret, rules.INVITATIONS)
        self._hasher = hasher
        self._clock = clock

    def list(self, request: PageRequest) -> Page[Admin]:
        """Everybody, disabled or not, oldest first."""
        return page_of(self._store.admins.list(request), request, admin_key)

    def get(self, admin_id: str) -> Admin:
        """Raises AdminNotFound."""
        return self._store.admins.get(admin_id)

    def invite(
        self, username: str, role: Role, key_id: str | None = None, keep: Keep[Invitation] = not_kept
    ) -> Invitation:
        """A new person, whose password is that of the Idempotency-Key if there is one; raises UsernameTaken."""
        new_id, at = str(uuid_utils.uuid7()), self._clock()
        password = passwords.new_initial_password() if key_id is None else self.password_under(key_id, new_id)
        nobody_yet = Admin(new_id, username, "", at, at, role)
        admin = rules.with_initial_password(nobody_yet, self._hasher.hash(password), at)
        invitation = Invitation(admin, password)
        with self._store.transaction():
            self._store.admins.add(admin)
            self._store.audit.append([("admin.invited", admin.id)])
            keep(invitation)
        return invitation

    def password_under(self, key_id: str, admin_id: str) -> str:
        """The initial password with which that person was invited under that key, however often it is asked for."""
        return passwords.initial_password_of(rules.invitation_seed(key_id, admin_id, self._invitations))

    def kept_under(self, key_id: str) -> str:
        """The id under which the answer is kept, but for the password."""
        return rules.kept_under(key_id, self._invitations)

    def change(self, admin_id: str, changes: Mapping[str, Any]) -> Admin:
        """The person after the changes of schemas.PersonPatch; raises AdminNotFound, LastOwner."""
        with self._store.transaction():
            owners, admin = self._held(admin_id)
            changed = rules.changed_person(admin, changes, self._clock())
            if changed == admin:
                return admin
            self._save(changed, owners)
            if rules.ends_sessions(admin, changed):
                self._sessions.end_all_of(admin_id)
            self._store.audit.append(rules.entries(admin, changed))
        return changed

    def reset_password(self, admin_id: str) -> Invitation:
        """A new initial password, for a person who has lost theirs; raises AdminNotFound, LastOwner."""
        password = passwords.new_initial_password()
        password_hash = self._hasher.hash(password)
        with self._store.transaction():
            owners, admin = self._held(admin_id)
            changed = rules.with_initial_password(admin, password_hash, self._clock())
            self._save(changed, owners)
            self._sessions.end_all_of(admin_id)
            self._store.audit.append([("admin.password_reset", admin_id)])
        return Invitation(changed, password)

    def _held(self, admin_id: str) -> tuple[Sequence[Admin], Admin]:
        # The owners first: two who demote each other at the same moment wait here for one another.
        owners = self._store.admins.hold_owners()
        return owners, self._store.admins.get(admin_id, for_update=True)

    def _save(self, changed: Admin, owners: Sequence[Admin]) -> None:
        acting = {each.id for each in owners if rules.is_acting_owner(each)}
        if acting == {changed.id} and not rules.is_acting_owner(changed):
            raise LastOwner
        self._store.admins.save(changed)
