"""People: an owner invites, changes and disables them, and replaces lost passwords."""

import hmac
from collections.abc import Sequence

import argon2

from services.auth import passwords
from services.auth.entities import Admin, AdminFilter, Invitation, PersonChanges, Role
from services.auth.errors import LastOwner
from services.auth.repository.contracts import ADMIN_ORDERS, ANY_ADMIN, AuthStore
from services.auth.rules import invitations, people
from services.auth.rules.keys import derive_key
from services.auth.service.sessions import Sessions
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.pages import Page, PageRequest, page_of


class People:
    """The use cases of owners.

    An invited person gets an initial password and must replace it at the first sign-in, within seven days. Under an
    Idempotency-Key the password is made of that key and `secret`.
    """

    def __init__(self, store: AuthStore, sessions: Sessions, secret: str, hasher: argon2.PasswordHasher, clock: Clock):
        self._store = store
        self._sessions = sessions
        self._invitation_secret = derive_key(secret, invitations.INVITATIONS)
        self._digest_secret = derive_key(secret, invitations.INITIAL_PASSWORDS)
        self._hasher = hasher
        self._clock = clock

    def list(self, request: PageRequest, which: AdminFilter = ANY_ADMIN) -> Page[Admin]:
        """Return the people that match, disabled or not, or a page of them."""
        return page_of(self._store.admins.list(request, which), request, ADMIN_ORDERS)

    def get(self, admin_id: str) -> Admin:
        """Return the person. Raise AdminNotFound."""
        return self._store.admins.get(admin_id)

    def invite(
        self, username: str, role: Role, key_id: str | None = None, keep: Keep[Invitation] = keep_nothing
    ) -> Invitation:
        """Add a person with an initial password, which depends on the Idempotency-Key. Raise UsernameTaken."""
        admin_id, at = new_id(), self._clock()
        password = passwords.new_initial_password() if key_id is None else self.password_for(key_id, admin_id)
        without_password = Admin(admin_id, username, "", at, at, role)
        admin = people.with_initial_password(without_password, *self._hash_and_digest(password), at)
        invitation = Invitation(admin, password)
        with self._store.transaction():
            self._store.admins.add(admin)
            self._store.audit.append([("admin.invited", admin.id)])
            keep(invitation)
        return invitation

    def password_for(self, key_id: str, admin_id: str) -> str:
        """Return the initial password of the person invited under this key, always the same."""
        return passwords.initial_password_of(invitations.invitation_seed(key_id, admin_id, self._invitation_secret))

    def storage_id(self, key_id: str) -> str:
        """Return the id under which the response without the password is stored."""
        return invitations.storage_id(key_id, self._invitation_secret)

    def change(self, admin_id: str, changes: PersonChanges) -> Admin:
        """Change the person and return them. Raise AdminNotFound, LastOwner."""
        with self._store.transaction():
            owners, admin = self._locked(admin_id)
            changed = people.changed_person(admin, changes, self._clock())
            if changed == admin:
                return admin
            self._save(changed, owners)
            if people.ends_sessions(admin, changed):
                self._sessions.end_all_of(admin_id)
            self._store.audit.append(people.audit_entries(admin, changed))
        return changed

    def reset_password(self, admin_id: str, *, even_of_last_owner: bool = False) -> Invitation:
        """Replace a lost password by a new initial one. Raise AdminNotFound, LastOwner.

        Only who can repeat it without signing in may do so `even_of_last_owner`.
        """
        password = passwords.new_initial_password()
        hash_and_digest = self._hash_and_digest(password)
        with self._store.transaction():
            owners, admin = self._locked(admin_id)
            changed = people.with_initial_password(admin, *hash_and_digest, self._clock())
            self._save(changed, () if even_of_last_owner else owners)
            self._sessions.end_all_of(admin_id)
            self._store.audit.append([("admin.password_reset", admin_id)])
        return Invitation(changed, password)

    def is_initial_password(self, admin: Admin, password: str) -> bool:
        """Return whether this is the person's initial password, by its digest.

        False says nothing of one whose digest is missing: an earlier release made it, or a rollback lost the digest.
        """
        digest = invitations.initial_password_digest(password, admin.password_hash, self._digest_secret)
        is_waiting = admin.initial_password_ends_at is not None and people.may_sign_in(admin, self._clock())
        return is_waiting and hmac.compare_digest(digest, admin.initial_password_digest or "")

    def _hash_and_digest(self, password: str) -> tuple[str, str]:
        password_hash = self._hasher.hash(password)
        return password_hash, invitations.initial_password_digest(password, password_hash, self._digest_secret)

    def _locked(self, admin_id: str) -> tuple[Sequence[Admin], Admin]:
        # Lock the owners first, so that two owners who demote each other wait here instead of in a deadlock.
        owners = self._store.admins.lock_owners()
        return owners, self._store.admins.get(admin_id, for_update=True)

    def _save(self, changed: Admin, owners: Sequence[Admin]) -> None:
        if people.takes_last_owner(owners, changed):
            raise LastOwner
        self._store.admins.save(changed)
