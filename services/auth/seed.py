"""The admin that the settings name. A second run finds the name taken and changes nothing, not even the password.

No mark is needed as in the other services: nobody deletes an admin, and an installation that has no owner, or whose
owners are locked out, gets one by another ADMIN_USERNAME. Only the well-known default is added to no installation that
has an owner.
"""

import peewee

from services.auth import passwords
from services.auth.config import LOCAL_ADMIN_PASSWORD, Settings
from services.auth.errors import UsernameTaken
from services.auth.repository.store import PeeweeAuthStore
from services.auth.rules.people import is_active_owner
from services.auth.service.sign_in import AuthService
from services.kit.core.config import SettingsError

SETS = ("minimal", "demo")
ADMIN_ID = "admin-1"


def seed_database(database: peewee.Database, settings: Settings, name: str, *, anew: bool = False) -> dict[str, int]:
    """Add the admin of ADMIN_USERNAME and ADMIN_PASSWORD if the name is free; both sets are the same here.

    With the default password, add them only where nobody can manage the others. Raise SettingsError in the managed
    profile for a password that nobody could choose.
    """
    store = PeeweeAuthStore(database)
    if store.admins.find([], [settings.admin_username]):
        return {"admins": 0}
    if settings.admin_password == LOCAL_ADMIN_PASSWORD and _has_active_owner(store):
        return {"admins": 0}
    problems = passwords.new_password_problems(settings.admin_password, settings.admin_username)
    if settings.profile == "managed" and problems:
        raise SettingsError([f"ADMIN_PASSWORD {each}" for each in problems])
    service = AuthService(store, settings.access_token_lifetime, settings.signing_key_secret)
    # The first admin has the same id in every installation.
    admin_id = ADMIN_ID if store.admins.count() == 0 else None
    try:
        service.create_admin(settings.admin_username, settings.admin_password, admin_id)
    except UsernameTaken:
        return {"admins": 0}
    return {"admins": 1}


def _has_active_owner(store: PeeweeAuthStore) -> bool:
    with store.transaction():
        return any(map(is_active_owner, store.admins.lock_owners()))
